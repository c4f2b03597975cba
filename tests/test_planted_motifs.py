"""Motifs and exact filters: outputs follow the latents, and exact sweeps find the truth."""

from functools import cache
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from rnn_jax import run, squared_error, sweep, sweep_edges
from rnn_jax.causal import values
from rnn_jax.planted import (
    PLANTED,
    counter,
    delay_line,
    hmm_filter,
    hmm_states,
    integrator,
    sequence,
)
from rnn_jax.planted.hidden_state import STEPS, forward
from rnn_jax.planted.wiring import Unit, spread_copies, truth_over, with_unread
from rnn_jax.tasks import check_trials

LOGIC = [
    "comparator", "counter", "delay-line", "gate", "integrator", "latch", "sequence", "xor-latch",
]  # fmt: skip
FILTERS = ["hmm-filter", "hmm-states"]
SIZES = {
    "a short line": lambda: delay_line(3, 5, extra=5),
    "one step an element": lambda: sequence(3, 1, extra=0),
    "odd or even": lambda: counter(2, extra=1),
}
B = 32


def drawn(name, count=B):
    """A network, and what `ran` says of it."""
    planted = SIZES[name]() if name in SIZES else PLANTED[name].make()
    return planted, *ran(planted, jax.random.key(1), count)


@eqx.filter_jit
def ran(planted, key, count):
    """Trials, their clean states and outputs."""
    trials = planted.sample(key, count)
    hs = jax.vmap(lambda x: run(planted.network, x).hs)(trials.xs)
    return trials, hs, jax.vmap(jax.vmap(planted.network.readout))(hs)


once = cache(drawn)


def replacements(hs):
    return {
        "zero": values.zero(hs),
        "mean": values.mean(hs),
        "resample": values.resample(hs, jax.random.key(2)),
    }


@pytest.mark.parametrize("name", LOGIC + FILTERS)
def test_trials_and_names(name):
    planted, trials, hs, ys = once(name)
    check_trials(trials)
    T, N = hs.shape[1:]
    assert T <= 60
    assert N <= 40
    assert len(planted.units) == len(planted.groups) == len(set(planted.units)) == N
    assert set(trials.epochs) <= set(planted.truth.nodes) == set(planted.truth.edges)
    assert planted.groups.count("unread") >= 4
    unread = np.array(planted.groups) == "unread"
    for nodes in planted.truth.nodes.values():
        assert np.asarray(nodes).sum() > 0
        assert not np.asarray(nodes)[unread].any()
    np.testing.assert_array_equal(sum(trials.epochs.values()), np.ones((B, T)))
    again = ran(planted, jax.random.key(1), B)[0]
    assert all(map(np.array_equal, jax.tree.leaves(again), jax.tree.leaves(trials)))


@pytest.mark.parametrize("name", [*LOGIC, *SIZES])
def test_outputs_follow_the_latents(name):
    planted, trials, hs, ys = once(name)
    assert np.asarray(trials.targets).std(0).max() > 0.05
    np.testing.assert_allclose(ys, trials.targets, rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", LOGIC)
def test_units_carry_the_latents_that_bear_their_names(name):
    planted, trials, hs, ys = once(name)
    latents = jax.jit(jax.vmap(planted.latents))(trials.xs)
    for latent in set(latents) & set(planted.units):
        unit = hs[:, :, planted.units.index(latent)]
        np.testing.assert_allclose(unit, latents[latent], rtol=0, atol=1e-14)


@pytest.mark.parametrize("name", [*LOGIC, *SIZES, *FILTERS])
def test_exact_sweeps_find_the_nodes(name):
    planted, trials, hs, ys = once(name)
    windows = jnp.stack([trials.epochs[epoch] for epoch in trials.epochs])
    truth = np.stack([np.asarray(planted.truth.nodes[epoch]) for epoch in trials.epochs])
    for value in replacements(hs).values():
        effects = sweep(
            planted.network, trials.xs, ys, squared_error, jnp.eye(hs.shape[-1]), windows, value
        )
        largest = np.abs(np.asarray(effects)).max(-1)
        assert largest[truth == 1].min() > 1e-4
        assert largest[truth == 0].max() < 1e-20


@pytest.mark.parametrize("name", [*LOGIC, *SIZES, *FILTERS])
def test_exact_sweeps_find_the_edges(name):
    planted, trials, hs, ys = once(name)
    # before step 0 there is no state to be replaced, so that an epoch of it alone has no edge
    later = [epoch for epoch in trials.epochs if trials.epochs[epoch][:, 1:].any()]
    assert not any(
        planted.truth.edges[epoch].any() for epoch in trials.epochs if epoch not in later
    )
    truth = np.stack([np.asarray(planted.truth.edges[epoch]) for epoch in later])
    windows = jnp.stack([trials.epochs[epoch] for epoch in later])
    N = hs.shape[-1]
    edges = np.argwhere(np.ones((N, N)))
    effects = sweep_edges(
        planted.network, trials.xs, ys, squared_error, jnp.asarray(edges), windows,
        values.resample(hs, jax.random.key(2)),
    )  # fmt: skip
    largest = np.abs(np.asarray(effects)).max(-1).reshape(truth.shape)
    assert largest[truth == 1].min() > 1e-7
    assert largest[truth == 0].max() < 1e-20


@pytest.mark.parametrize("name", LOGIC + FILTERS)
def test_distractors_are_as_active_as_what_they_copy(name):
    planted, trials, hs, ys = once(name)
    unread = [i for i, group in enumerate(planted.groups) if group == "unread"]
    for k, i in enumerate(unread):
        original = spread_copies(unread[0], len(unread))[k]
        np.testing.assert_allclose(hs[..., i], hs[..., original], atol=1e-14)
        assert float(hs[..., i].std()) > 0.05


@pytest.mark.parametrize("name", LOGIC + FILTERS)
def test_in_single_precision(name):
    with jax.enable_x64(False):
        planted, trials, hs, ys = drawn(name, 4)
        assert {leaf.dtype for leaf in jax.tree.leaves((hs, ys, trials))} == {jnp.dtype("float32")}
        np.testing.assert_allclose(ys, trials.targets, atol=2e-5, rtol=2e-5)


def test_latents_by_hand():
    for name, bit in (("latch", 0), ("xor-latch", 0)):
        _, trials, _, _ = once(name)
        for xs, ys in zip(np.asarray(trials.xs), np.asarray(trials.targets)):
            state, expected = bit, []
            for x in xs:
                expected.append(state)
                if name == "latch":
                    state = 1 if x[0] else 0 if x[1] else state
                else:
                    state ^= int(x[0])
            assert ys[:, 0].tolist() == expected
    _, trials, _, _ = once("comparator")
    first, second = np.asarray(trials.xs)[:, 0, 0], np.asarray(trials.xs)[:, 9, 0]
    np.testing.assert_array_equal(np.asarray(trials.targets)[:, -1, 0], second > first)
    _, trials, _, _ = once("counter")
    xs = np.asarray(trials.xs)
    last = (xs[:, 0, :-1].argmax(-1) + xs[:, :, -1].sum(-1).astype(int)) % 4
    np.testing.assert_array_equal(np.asarray(trials.targets)[:, -1].argmax(-1), last)


@pytest.mark.parametrize(("hazard", "strength"), [(0.1, 1.0), (0.02, 3.0), (0.7, 0.5)])
def test_log_odds_are_those_of_the_forward_filter(hazard, strength):
    planted = hmm_filter(hazard, strength)
    trials, _, ys = ran(planted, jax.random.key(3), 8)
    transition = np.array([[1 - hazard, hazard], [hazard, 1 - hazard]])
    scale, stay = (2 / strength) ** 0.5, (1 - hazard) / hazard
    psi = lambda L: L + np.log(stay + np.exp(-L)) - np.log(stay + np.exp(L))
    for xs, odds, known in zip(np.asarray(trials.xs)[..., 0], ys[..., 0], trials.targets[..., 0]):
        joint = np.log([0.5, 0.5]) + stats.norm.logpdf(xs[0], [1, -1], scale)
        reference = [joint[0] - joint[1]]
        for x in xs[1:]:
            joint = logsumexp(np.log(transition) + joint, axis=1)
            joint = joint + stats.norm.logpdf(x, [1, -1], scale)
            reference.append(joint[0] - joint[1])
        np.testing.assert_allclose(odds, reference, rtol=0, atol=1e-12)
        np.testing.assert_allclose(known, reference, rtol=0, atol=1e-12)
        np.testing.assert_allclose(odds[1:], psi(odds[:-1]) + strength * xs[1:], atol=1e-12)
    assert float(jnp.abs(ys).max()) > 1


@pytest.mark.parametrize(("states", "hazard", "clarity"), [(2, 0.3, 0.5), (7, 0.05, 0.9)])
def test_posteriors_are_those_of_the_forward_algorithm(states, hazard, clarity):
    planted = hmm_states(states, hazard, clarity)
    trials, _, ys = ran(planted, jax.random.key(4), 6)
    posterior = jax.jit(jax.vmap(planted.latents))(trials.xs)
    posterior = jnp.stack([posterior[f"state {k}"] for k in range(states)], -1)
    np.testing.assert_allclose(jnp.exp(ys), posterior, rtol=0, atol=1e-12)
    np.testing.assert_allclose(ys, trials.targets, rtol=0, atol=1e-12)
    np.testing.assert_allclose(posterior.sum(-1), 1, atol=1e-12)


def test_the_forward_algorithm_by_every_path():
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(3), 3).T
    seen = rng.normal(size=(4, 3))
    totals = np.zeros(3)
    for path in np.ndindex(3, 3, 3, 3):
        moves = np.prod([transition[b, a] for a, b in pairwise(path)])
        totals[path[-1]] += moves * np.exp(sum(seen[t, s] for t, s in enumerate(path)))
    found = forward(jnp.asarray(transition), jnp.asarray(seen))[-1]
    np.testing.assert_allclose(found, totals / totals.sum(), atol=1e-14)


def test_hidden_states_are_drawn_as_the_model_says():
    planted = hmm_filter(0.1, 1.0)
    trials, _, _ = ran(planted, jax.random.key(5), 400)
    change = np.diff(np.asarray(trials.epochs["switch"]), axis=1) > 0
    assert change.mean() == pytest.approx(0.1 * 0.9**5, rel=0.1)
    assert trials.xs.shape == (400, STEPS, 1)
    step = trials.xs[:, :, 0]
    # x = +-1 + noise of variance 2: E x^2 = 3, and neighbours share a sign 9 times of 10
    assert float((step**2).mean()) == pytest.approx(3, rel=0.03)
    assert float((step[:, 1:] * step[:, :-1]).mean()) == pytest.approx(0.8, rel=0.06)


def test_times_make_the_truth():
    units = with_unread({"in": Unit(inputs={"x": 1.0}), "out": Unit({"in": 1.0})}, 1)
    truth = truth_over(units, {"in": [1], "out": [2]}, {"one": [0, 1], "two": [2, 3]})
    assert {name: row.tolist() for name, row in truth.nodes.items()} == {
        "one": [1, 0, 0],
        "two": [0, 1, 0],
    }
    assert not truth.edges["one"].any()
    assert np.argwhere(truth.edges["two"]).tolist() == [[1, 0]]
    with pytest.raises(ValueError, match="reads 'none'"):
        truth_over(units, {"none": [1]}, {"one": [1]})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: delay_line(delay=2), "delay must be at least 3"),
        (lambda: sequence(dwell=0), "dwell must be at least 1"),
        (lambda: integrator(gain=0.1), "gain must lie"),
        (lambda: counter(modulus=1), "modulus must be at least 2"),
        (lambda: counter(extra=-1), "extra must be at least 0"),
        (lambda: hmm_filter(hazard=1.0), "hazard must lie"),
        (lambda: hmm_states(states=1), "states >= 2"),
    ],
)
def test_bad_sizes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
