"""The context-dependent flip-flop: what it remembers, its laws, and its truth by exact sweeps."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from rnn_jax import outputs, run, sweep, sweep_edges
from rnn_jax.causal import mean, resample, squared_error, zero
from rnn_jax.core import Cut
from rnn_jax.planted import context_flip_flop
from rnn_jax.planted.context import EVENTS, LAG, STARTS, STEPS
from rnn_jax.tasks import check_trials

TRIALS = 24
LATCHES = {"memory", "memory inhibition", "context", "context inhibition"}


@pytest.fixture(scope="module")
def planted():
    return context_flip_flop()


@pytest.fixture(scope="module")
def trials(planted):
    return planted.sample(jax.random.key(0), TRIALS)


def runs(planted, xs):
    trajectories = jax.vmap(lambda x: run(planted.network, x))(xs)
    return trajectories.hs, jax.vmap(lambda t: outputs(planted.network, t))(trajectories)


@pytest.fixture(scope="module")
def clean(planted, trials):
    return runs(planted, trials.xs)


VALUES = {
    "zero": zero,
    "mean": mean,
    "resample": lambda hs: resample(hs, jax.random.key(1)),
}


def by_hand(xs):
    """Context and memory of one trial, event by event."""
    context, memory, found = 1, -1, []
    for cue1, cue2, pulse1, pulse2 in np.asarray(xs):
        if cue1 or cue2:
            context = 1 if cue1 else 2
        memory = {1: pulse1, 2: pulse2}[context] or memory
        found.append((context, memory))
    return np.array(found).T


def test_every_unit_and_output_keeps_one_sign(planted):
    w, c = planted.network.step.w, planted.network.readout.wire
    inhibits = np.array(["inhibition" in group for group in planted.groups])
    assert (np.asarray(w)[:, inhibits] <= 0).all()
    assert (np.asarray(w)[:, inhibits] < 0).any(0).all()
    assert (np.asarray(w)[:, ~inhibits] >= 0).all()
    assert (np.asarray(c)[:, ~inhibits] >= 0).all()
    assert not np.asarray(c)[:, inhibits].any()


def test_the_units_of_a_side_excite_one_another_and_inhibit_the_other(planted):
    w = np.asarray(planted.network.step.w)
    weight = lambda to, source: w[planted.units.index(to), planted.units.index(source)]
    for side, other in (("up", "down"), ("context 2", "context 1")):
        assert weight(f"{side} a", f"{side} b") == weight(f"{side} b", f"{side} a") > 0
        for unit in "ab":
            assert weight(f"{side} inhibits", f"{side} {unit}") > 0
            assert weight(f"{other} {unit}", f"{side} inhibits") < 0
            assert weight(f"{side} {unit}", f"{other} {unit}") == 0


def test_latents_are_the_last_cue_and_the_last_pulse_of_its_channel(planted, trials):
    assert len({xs.tobytes() for xs in np.asarray(trials.xs)}) > TRIALS / 2
    for xs, target in zip(trials.xs, np.asarray(trials.targets)):
        context, memory = by_hand(xs)
        found = planted.latents(xs)
        assert_array_equal(found["context"], np.where(context == 1, 1, -1))
        assert_array_equal(found["memory"], memory)
        assert_array_equal(target, np.stack([memory > 0, memory < 0], -1))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_states_are_bits_and_outputs_the_memory_once_a_pulse_is_through(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        planted = context_flip_flop()
        trials = planted.sample(jax.random.key(3), 16)
        hs, ys = runs(planted, trials.xs)
        assert hs.dtype == ys.dtype == trials.xs.dtype == dtype
    assert np.isin(hs, (0, 1)).all()
    late = np.ones(STEPS, bool)
    for start in STARTS:
        late[start : start + LAG] = False
    assert_array_equal(np.asarray(ys)[:, late], np.asarray(trials.targets)[:, late])
    # the winner is there after one step, while the loser still holds
    moved = (np.asarray(ys)[:, 1:] >= np.asarray(trials.targets)[:, :-1]).all(-1)
    assert moved.all()


def test_a_pulse_out_of_context_changes_nothing(planted, trials, clean):
    context = np.asarray(jax.vmap(planted.latents)(trials.xs)["context"])
    xs = np.array(trials.xs)
    xs[..., 2][context < 0] = 0
    xs[..., 3][context > 0] = 0
    assert (xs != np.asarray(trials.xs)).any()
    assert_array_equal(runs(planted, jnp.asarray(xs))[1], clean[1])


def test_epochs(planted, trials):
    check_trials(trials)
    assert set(trials.epochs) <= set(planted.truth.nodes) == set(planted.truth.edges)
    cover = np.asarray(sum(trials.epochs.values()))
    assert cover.max() == 1
    memory = np.asarray(jax.vmap(planted.latents)(trials.xs)["memory"])
    context = np.asarray(jax.vmap(planted.latents)(trials.xs)["context"])
    for sign, channel in ((1, 1), (-1, 2)):
        window = np.asarray(trials.epochs[f"switch context {channel}"])
        for event, start in zip(EVENTS, STARTS):
            flips = (memory[:, start] != memory[:, start - 1]) & (event == channel)
            assert_array_equal(window[:, start], flips)
            assert (context[flips, start] == sign).all()
    quiet = np.asarray(trials.epochs["hold"]) > 0
    assert not np.asarray(trials.xs)[quiet].any()


def test_truth_is_the_latches_always_and_gates_in_their_context(planted, trials):
    for epoch in trials.epochs:
        nodes = planted.truth.nodes[epoch]
        inside = {planted.groups[i] for i in np.flatnonzero(nodes)}
        gate = {f"gate {epoch[-1]}"} if epoch.startswith("switch") else set()
        assert inside == LATCHES | gate
        expected = [group in inside for group in planted.groups]
        assert_array_equal(nodes, expected)


def sizes(found):
    return np.abs(np.asarray(found)).max(-1)


def test_members_by_exact_sweeps(planted, trials, clean):
    hs, ys = clean
    windows = jnp.stack(list(trials.epochs.values()))
    eye = jnp.eye(len(planted.units))
    found = {
        name: sizes(sweep(planted.network, trials.xs, ys, squared_error, eye, windows, value(hs)))
        for name, value in VALUES.items()
    }
    for row, epoch in enumerate(trials.epochs):
        member = np.asarray(planted.truth.nodes[epoch]) > 0
        assert found["resample"][row][member].min() > 1e-3, epoch
        for name in VALUES:
            assert found[name][row][~member].max() == 0, (epoch, name)
        for name, blind in (("zero", "other side"), ("mean", "own inhibition")):
            unseen = np.array([unit in silent(epoch)[blind] for unit in planted.units])
            assert found[name][row][member & ~unseen].min() > 1e-3, (epoch, name)
            assert found[name][row][unseen].max(initial=0) == 0, (epoch, name)


def silent(epoch):
    """Members that a replacement value does not see: zero the one sort, the mean the other."""
    if not epoch.startswith("switch"):
        return {"other side": (), "own inhibition": ()}
    on = int(epoch[-1])
    off = [f"context {3 - on} {unit}" for unit in ("a", "b", "inhibits")]
    return {"other side": off, "own inhibition": [f"context {on} inhibits"]}


def test_edges_by_exact_sweeps(planted, trials, clean):
    hs, ys = clean
    windows = jnp.stack(list(trials.epochs.values()))
    wires = np.argwhere(np.asarray(planted.network.step.w) != 0)
    found = sizes(
        sweep_edges(
            planted.network, trials.xs, ys, squared_error, jnp.asarray(wires), windows,
            VALUES["resample"](hs),
        )
    )  # fmt: skip
    for row, epoch in enumerate(trials.epochs):
        edges = np.asarray(planted.truth.edges[epoch])
        true = edges[wires[:, 0], wires[:, 1]] > 0
        assert true.sum() == edges.sum()
        # the smallest: one step of a gate that is a quarter closed
        assert found[row][true].min() > 1e-4, epoch
        assert found[row][~true].max() == 0, epoch


def test_wires_of_which_one_is_enough_are_not_silent_together(planted, trials):
    """A context's inhibition hears both units of its side: the truth has neither wire."""
    xs = trials.xs[int(np.argmax(np.asarray(trials.epochs["switch context 1"]).any(1)))]
    at = planted.units.index
    cut = np.zeros((1, len(planted.units), len(planted.units)))
    clean = outputs(planted.network, run(planted.network, xs))
    ablated = lambda: outputs(planted.network, run(planted.network, xs, Cut(cut, 0.0)))
    cut[0, at("context 1 inhibits"), at("context 1 a")] = 1
    assert_array_equal(ablated(), clean)
    cut[0, at("context 1 inhibits"), at("context 1 b")] = 1
    assert np.abs(ablated() - clean).max() > 0.5


def test_copies_say_what_members_say_and_nobody_listens(planted, clean):
    hs = np.asarray(clean[0])
    for k, unit in enumerate(planted.units[16:]):
        source = planted.units.index(unit.removeprefix("copy of "))
        assert source == k
        said = hs[:, :-1, source]
        opposite = planted.groups[source].endswith("inhibition")
        assert_array_equal(hs[:, 1:, 16 + k], 1 - said if opposite else said)


@pytest.mark.parametrize("extra", [0, 3, 24])
def test_extra_units_change_neither_outputs_nor_truth(planted, trials, clean, extra):
    other = context_flip_flop(extra)
    assert len(set(other.units)) == 16 + extra == other.network.h0.size
    assert_array_equal(runs(other, trials.xs)[1], clean[1])
    for epoch, nodes in other.truth.nodes.items():
        assert_array_equal(nodes[:16], planted.truth.nodes[epoch][:16])
        assert not np.asarray(nodes[16:]).any()


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match="extra must be at least 0, got -1"):
        context_flip_flop(-1)
