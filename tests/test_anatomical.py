"""Training under an anatomy: signs, masks and readouts hold, and what was killed goes on."""

import contextlib
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import same
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax import Network, outputs, run
from rnn_jax.cells import (
    Affine,
    Anatomy,
    Rectified,
    Units,
    block_mean,
    members,
    unit_signs,
    visual_cortex,
)
from rnn_jax.tasks import Trials
from rnn_jax.training import (
    AnatomicalFit,
    adam,
    anatomical,
    fit,
    fit_anatomical,
    hold,
    mean_squared_error,
    signed_adam,
    start,
)

KEY = jax.random.key(0)
CORTEX = visual_cortex(scale=1)
PAIR = Anatomy(("E", "I", "S"), (6, 3, 2), (True, False, False),
               ((0.3, 0.5, 0.0), (0.4, 0.0, 0.2), (0.6, 0.1, 0.1)))  # fmt: skip


class Sequences(eqx.Module):
    """Rows of a data set `[rows, T + 1, P]`, each step to be told from those before."""

    xs: jax.Array

    def __call__(self, key, count):
        rows = self.xs[jax.random.randint(key, (count,), 0, len(self.xs))]
        return Trials(rows[:, :-1], rows[:, 1:], {})


def waves(populations, rows=40, steps=9):
    """Each population has a sine of its own pace, at an offset per row."""
    rng, time = np.random.default_rng(0), np.arange(steps)[None, :, None]
    phase, pace = rng.uniform(0, 2 * np.pi, (rows, 1, 1)), 0.5 + 0.1 * np.arange(populations)
    return Sequences(jnp.asarray(0.5 * np.sin(phase + pace * time)))


class Problem(NamedTuple):
    anatomy: Anatomy
    network: Network
    optimiser: optax.GradientTransformation
    sample: Sequences

    def fit(self, **changed):
        asked = {"optimiser": self.optimiser, "steps": 100, "batch_size": 10} | changed
        asked = {"network": self.network, "sample": self.sample, "loss": mean_squared_error,
                 "key": KEY, "anatomy": self.anatomy} | asked  # fmt: skip
        return fit_anatomical(**asked)


def problem(anatomy, rate=1e-2):
    network = anatomical(anatomy, jax.random.key(1))
    return Problem(anatomy, network, signed_adam(anatomy, 100, rate), waves(len(anatomy.names)))


@pytest.fixture(scope="module", params=[PAIR, pytest.param(CORTEX, marks=pytest.mark.slow)],
                ids=["pair", "cortex"])  # fmt: skip
def trained(request) -> tuple[Problem, AnatomicalFit]:
    asked = problem(request.param)
    return asked, asked.fit()


def columns_have_signs(w, anatomy):
    w, signs = np.asarray(w), unit_signs(anatomy)
    return all((sign * w[:, j] >= 0).all() for j, sign in enumerate(signs))


@pytest.mark.parametrize("anatomy", [PAIR, CORTEX], ids=["pair", "cortex"])
@pytest.mark.parametrize("own", [True, False])
def test_a_network_starts_with_the_signs_and_readouts_of_its_populations(anatomy, own):
    network = anatomical(anatomy, KEY, own_channel=own)
    cell, readout, of = network.step, network.readout, members(anatomy)
    assert columns_have_signs(cell.w, anatomy)
    assert (np.asarray(cell.wire) != 0).all()
    assert_array_equal(cell.input_mask, of.T > 0 if own else np.ones_like(of.T))
    assert_array_equal(readout.wire != 0, of > 0)
    assert_array_equal(network.h0, np.zeros(anatomy.units))
    # of what the trajectory holds, output p changes with population p alone
    h = jnp.asarray(np.random.default_rng(0).normal(size=anatomy.units))
    assert_array_equal(jax.jacfwd(readout)(h) != 0, of > 0)
    # neither silent nor saturated
    hs = np.asarray(run(network, waves(len(anatomy.names)).xs[0]).hs)
    assert 0.1 < (hs > 0).mean() < 0.9
    assert np.abs(hs).max() < 0.999
    assert not same(anatomical(anatomy, jax.random.key(9)), network)


def test_a_network_of_one_sort_of_unit_can_be_made():
    for excites in (True, False):
        anatomy = Anatomy(("A", "B"), (4, 3), (excites, excites), np.full((2, 2), 0.5))
        assert columns_have_signs(anatomical(anatomy, KEY).step.w, anatomy)


def test_signs_and_mask_hold_after_training(trained):
    asked, found = trained
    anatomy, dense, fine = asked.anatomy, found.dense.network.step, found.network.step
    mask = np.asarray(fine.mask)
    assert np.asarray(dense.mask).all()
    for cell in (dense, fine):
        assert columns_have_signs(cell.w, anatomy)
    assert (np.asarray(fine.w)[~mask] == 0).all()
    assert (np.asarray(fine.wire)[~mask] == 0).all()
    # what stays had a weight, and only there
    assert (np.asarray(dense.w)[mask] != 0).all()
    density = block_mean(anatomy, mask)
    assert (density[anatomy.density == 0] == 0).all()
    pairs = np.outer(anatomy.sizes, anatomy.sizes)
    wanted = (anatomy.density * pairs).sum()
    spread = (anatomy.density * (1 - anatomy.density) * pairs).sum() ** 0.5
    assert abs(mask.sum() - wanted) <= 4 * spread
    assert same(found.network, found.fine.network)


def test_what_may_learn_learns_and_the_rest_stays(trained):
    asked, found = trained
    dense, fine = found.dense.network, found.network
    for network in (dense, fine):
        assert same(network.readout, asked.network.readout)
        assert_array_equal(network.h0, asked.network.h0)
        assert_array_equal(network.step.input_mask, asked.network.step.input_mask)
    mask = np.asarray(fine.step.mask)
    changed = lambda a, b: np.asarray(a.step.w != b.step.w)
    assert changed(dense, asked.network).mean() > 0.95
    assert changed(fine, dense)[mask].mean() > 0.95
    into = np.asarray(asked.network.step.input_mask)
    for before, after in ((asked.network, dense), (dense, fine)):
        assert (np.asarray(before.step.u != after.step.u)[into]).all()
        assert_array_equal(np.asarray(before.step.u)[~into], np.asarray(after.step.u)[~into])


def test_the_loss_falls_and_falls_again(trained):
    asked, found = trained
    for phase in (found.dense, found.fine):
        assert phase.losses.shape == (100,)
        assert float(phase.losses[-10:].mean()) < 0.8 * float(phase.losses[:10].mean())
    # the loss that is told is that of the network that is returned
    trials = asked.sample(jax.random.key(3), 40)
    loss = lambda net: jnp.mean((jax.vmap(lambda x: outputs(net, run(net, x)))(trials.xs)
                                 - trials.targets) ** 2)  # fmt: skip
    last = float(found.fine.losses[-10:].mean())
    assert float(loss(found.network)) == pytest.approx(last, rel=0.3)
    # cutting the connections outside costs something, training again repays
    cut = eqx.tree_at(lambda n: n.step.mask, found.dense.network, found.network.step.mask)
    assert float(loss(found.network)) < float(loss(cut))


class Stopped(Exception):
    pass


def stopping(after):
    """A track that stops the training once that many chunks are done, in whichever phase."""
    done = []

    def track(items, label):
        for item in items:
            if len(done) == after:
                raise Stopped
            yield item
            done.append(item)

    return track


@pytest.mark.parametrize("after", [[0], [1], [2], [3], [1, 1, 1, 1]])
def test_training_that_was_killed_goes_on_to_the_same_bytes(after, tmp_path):
    """Two chunks before pruning and two after it; each call does at most so many of them."""
    asked = problem(PAIR)
    whole = asked.fit()
    for count in after:
        with contextlib.suppress(Stopped):
            asked.fit(kept=tmp_path, track=stopping(count))
            assert after == [1] * 4, "it was not stopped"
    assert len(list(tmp_path.iterdir())) == (0 if after == [0] else 1 + (sum(after) > 2))
    chunks = []
    counted = lambda items, label: (chunks.append(item) or item for item in items)
    again = asked.fit(kept=tmp_path, track=counted)
    assert sum(chunks) == 200 - 50 * sum(after)
    assert same(again, whole)
    assert_array_equal(again.dense.losses, whole.dense.losses)
    assert_array_equal(again.fine.losses, whole.fine.losses)
    assert len(list(tmp_path.iterdir())) == 2
    # another key reads nothing of it
    other = asked.fit(kept=tmp_path, key=jax.random.key(5))
    assert not same(other.network, whole.network)
    assert len(list(tmp_path.iterdir())) == 4


def test_trials_and_mask_depend_on_the_key_alone():
    asked = problem(PAIR)
    one, two, other = (asked.fit(steps=2, key=jax.random.key(k)) for k in (2, 2, 3))
    assert same(one, two)
    assert not same(one.network.step.mask, other.network.step.mask)
    assert not same(one.dense.losses, other.dense.losses)
    # a loss of the trials alone: those after pruning are others than those before
    told = lambda network, trajectory, ys, targets: jnp.mean(targets) + 0 * jnp.sum(ys)
    found = asked.fit(steps=2, loss=told)
    assert len({*found.dense.losses.tolist(), *found.fine.losses.tolist()}) == 4


def test_training_goes_on_from_the_trained_weights():
    asked = problem(PAIR)
    trials = Trials(asked.sample.xs[:5, :-1], asked.sample.xs[:5, 1:], {})
    found = asked.fit(steps=5, batch_size=5, sample=lambda key, count: trials)
    mask = found.network.step.mask
    cut = eqx.tree_at(lambda n: n.step.mask, found.dense.network, mask)
    ys = jax.vmap(lambda x: outputs(cut, run(cut, x)))(trials.xs)
    assert float(found.fine.losses[0]) == pytest.approx(
        float(jnp.mean((ys - trials.targets) ** 2))
    )


def test_it_is_compiled_once():
    """Both phases share one program, and so does whatever is trained with the same optimiser."""
    asked, traces, programs = problem(PAIR), [], []

    def loss(network, trajectory, ys, targets):
        traces.append(1)
        return mean_squared_error(network, trajectory, ys, targets)

    seen = []
    track = lambda items, label: (seen.append(len(traces)) or item for item in [*items, 50])
    asked.fit(loss=loss, track=track)
    assert seen[0] == 0 < seen[1]
    assert set(seen[1:]) == {seen[1]}
    other = eqx.tree_at(lambda n: n.step.w, asked.network, 0.5 * asked.network.step.w)
    count = lambda event, seconds, **_: programs.append(event)
    jax.monitoring.register_event_duration_secs_listener(count)
    asked.fit(loss=loss, key=jax.random.key(4), network=other)
    jax.monitoring.unregister_event_duration_listener(count)
    assert len(traces) == seen[1]
    assert not [event for event in programs if event.endswith("backend_compile_duration")]


def test_pruning_what_is_pruned_brings_no_connection_back():
    asked = problem(PAIR)
    mask = np.random.default_rng(0).random((11, 11)) < 0.5
    network = eqx.tree_at(lambda n: n.step.mask, asked.network, jnp.asarray(mask))
    found = asked.fit(network=network, steps=2)
    after = np.asarray(found.network.step.mask)
    assert (after & ~mask).sum() == 0
    assert after.sum() > 0


def test_without_a_step_it_is_pruned_alone():
    asked = problem(PAIR)
    found = asked.fit(steps=0)
    mask = np.asarray(found.network.step.mask)
    assert_array_equal(found.network.step.w, np.where(mask, asked.network.step.w, 0))
    assert found.dense.losses.shape == found.fine.losses.shape == (0,)
    assert 0 < mask.sum() < mask.size


@pytest.mark.parametrize("seed", range(3))
def test_signs_hold_however_large_the_steps_are(seed):
    """Steps of 1 throw half of the weights over: all of these end at 0, which is no sign."""
    asked = problem(PAIR, rate=1.0)
    found = asked.fit(steps=3, network=anatomical(PAIR, jax.random.key(seed)))
    for phase in (found.dense, found.fine):
        w = np.asarray(phase.network.step.w)
        assert columns_have_signs(w, PAIR)
        assert (w == 0).any()


def held(where, readout=None):
    readout = Affine(5, 2, key=KEY) if readout is None else readout
    before = Network(Rectified(2, 5, key=KEY), readout, jnp.zeros(5))
    width = 2 if isinstance(readout, Affine) else 5
    trials = Trials(jnp.ones((3, 4, 2)), jnp.ones((3, 4, width)), {})
    optimiser = optax.chain(adam(1e-2, 3), hold(where))
    sample = lambda key, count: trials
    found = fit(before, sample, mean_squared_error, KEY, steps=3, optimiser=optimiser)
    return before, found.network


HELD = {
    "a readout": (lambda n: n.readout, ["c", "b"]),
    "one array": (lambda n: n.step.u, ["u"]),
    "two": (lambda n: (n.step.w, n.readout.b), ["w", "b"]),
    "all": (lambda n: n, ["w", "u", "c", "b"]),
    "what is not trained": (lambda n: n.h0, []),
    "one that is and one that is not": (lambda n: (n.step.mask, n.step.u), ["u"]),
}


@pytest.mark.parametrize("case", HELD)
def test_what_is_held_stays_and_the_rest_learns(case):
    where, names = HELD[case]
    before, after = held(where)
    leaves = lambda n: {"w": n.step.w, "u": n.step.u, "c": n.readout.c, "b": n.readout.b}
    for name, leaf in leaves(before).items():
        assert np.array_equal(leaf, leaves(after)[name]) == (name in names), name


def test_what_has_no_weights_can_be_held():
    before, after = held(lambda n: n.readout, Units())
    assert not same(before.step.w, after.step.w)


def test_the_rate_falls_to_a_tenth_over_the_steps():
    """Adam moves a weight of steady slope by its rate."""
    anatomy = Anatomy(("E",), (1,), (True,), [[1.0]])
    optimiser = signed_adam(anatomy, 4, 0.5)
    network = anatomical(anatomy, KEY)
    weights = eqx.filter(network, lambda leaf: eqx.is_inexact_array(leaf))
    slope = jax.tree.map(jnp.ones_like, weights)
    state, moved = optimiser.init(weights), []
    for _ in range(6):
        with jax.numpy_dtype_promotion("standard"):
            change, state = optimiser.update(slope, state, weights)
        moved.append(-float(change.step.u[0, 0]))
    at = np.minimum(np.arange(6) / 4, 1)
    assert_allclose(moved, 0.5 * (0.1 + 0.9 * (1 + np.cos(np.pi * at)) / 2), rtol=1e-6)


def other_network(units=3):
    return anatomical(Anatomy(("E", "I"), (units, 1), (True, False), np.ones((2, 2))), KEY)


BARE = Network(Affine(3, 11, key=KEY), Units(), jnp.zeros(11))
REFUSED = {
    "another anatomy": ({"network": other_network()}, r"w` of \(11, 11\), got \(4, 4\)"),
    "a step of other fields": ({"network": BARE}, r"w` of \(11, 11\), got \(\)"),
    "steps below 0": ({"steps": -1}, "steps must be at least 0"),
    "no trial": ({"batch_size": 0}, "batch_size must be at least 1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_before_anything_is_trained(case):
    change, message = REFUSED[case]

    def sample(key, count):
        raise AssertionError("it was trained")

    with pytest.raises(ValueError, match=message) as raised:
        problem(PAIR).fit(**({"sample": sample} | change))
    assert "\n" not in str(raised.value)


def test_signs_of_another_anatomy_are_refused():
    with pytest.raises(ValueError, match=r"shape \(11, 11\) does not fit weights of \(4, 4\)"):
        start(other_network(), signed_adam(PAIR, 5), KEY)
