"""Traps hold their truth against exact sweeps and fool whom they say."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from planted_data import KEY, NONE, Data, close, sampled, states

from rnn_jax import auroc, clamp, first_order, margin, run, span, squared_error
from rnn_jax.causal import self_repair
from rnn_jax.planted import PLANTED, copies
from rnn_jax.tasks import check_trials

TRAPS = [
    "copies",
    "and-pair",
    "or-pair",
    "cancelled-pair",
    "correlated-unread",
    "high-variance-unread",
    "dormant-path",
    "self-repair",
    "local-corruption",
]  # fmt: skip
COPIES = {"copy 0", "copy 1", "copy 2"}
SILENT = {
    ("copies", "zero"): COPIES,
    ("copies", "resample"): COPIES,
    ("or-pair", "zero"): {"left", "right"},
    ("cancelled-pair", "zero"): {"source"},
    ("cancelled-pair", "resample"): {"source"},
}
"""Members that no single ablation shows: what these cases are built for."""

LOUD = {("dormant-path", "zero"): {"lock"}}
"""Units outside that an ablation shows."""


@functools.cache
def data(name):
    return Data(PLANTED[name].make())


@pytest.mark.parametrize("name", TRAPS)
def test_trials_and_targets_are_what_the_network_does(name):
    case = data(name)
    check_trials(case.trials)
    assert case.steps <= 60
    assert case.N <= 40
    assert set(case.trials.epochs) == set(case.epochs)
    after = np.asarray(case.trials.epochs["cue"][0]) == 0
    close(case.ys[:, after], case.trials.targets[:, after])
    assert np.asarray(case.ys[:, after]).std(0).min() > 0.05
    latents = case.planted.latents(case.xs[0])
    assert any(np.array_equal(row, case.trials.targets[0, :, 0]) for row in latents.values())
    other = sampled(case.planted, jax.random.key(6), 16)
    assert not np.array_equal(other.xs, case.xs)


@pytest.mark.parametrize("value", ["zero", "resample"])
@pytest.mark.parametrize("name", TRAPS)
def test_members_have_an_effect_and_others_exactly_none(name, value):
    case = data(name)
    found = case.effects(value)
    for epoch, row in zip(case.epochs, found):
        for unit, member, effect in zip(case.planted.units, case.truth(epoch), row):
            silent = unit in SILENT.get((name, value), ())
            seen = (member and not silent) or unit in LOUD.get((name, value), ())
            assert effect > 1e-3 if seen else effect < NONE, (epoch, unit, effect)


@pytest.mark.parametrize("name", TRAPS)
def test_connections_of_the_circuit_have_an_effect_and_others_exactly_none(name):
    case = data(name)
    for epoch, found in zip(case.epochs, case.edge_effects("resample")):
        wired = np.asarray(case.planted.truth.edges[epoch]) > 0
        silent, loud = np.zeros_like(wired), np.zeros_like(wired)
        if name == "copies":
            silent[:, case.where(*COPIES)] = silent[case.where(*COPIES)] = True
        if name == "cancelled-pair":
            silent[case.where("source")] = True
        if name == "self-repair":
            # one donor's memory beside the trial's own primary: the watch sees a failure
            loud[np.ix_(case.where("watch"), case.where("memory", "primary"))] = True
        assert found[silent | ~(wired | loud)].max(initial=0) < NONE
        assert found[(wired & ~silent) | loud].min(initial=1) > 1e-4


@pytest.mark.parametrize("name", TRAPS)
def test_the_truth_suffices_and_its_complement_does_not(name):
    case = data(name)
    for epoch, window in zip(case.epochs, case.windows):
        members = case.truth(epoch)
        close(case.kept(members, window), case.ys)
        assert np.abs(case.kept(~members, window) - case.ys).mean() > 1e-3


@pytest.mark.parametrize("name", TRAPS)
def test_bystanders_go_with_the_circuit(name):
    case = data(name)
    bystanders = np.array(case.planted.groups) == "bystander"
    assert bystanders.sum() == 8
    assert case.correlation()[bystanders].mean() > 0.5
    bare = PLANTED[name].make(extra=0)
    assert bare.units == tuple(np.array(case.planted.units)[~bystanders])
    close(states(bare.network, case.xs)[1], case.ys)


@pytest.mark.parametrize("name", TRAPS)
def test_float32_does_the_same(name):
    with jax.enable_x64(False):
        planted = PLANTED[name].make()
        trials = sampled(planted, KEY, 8)
        ys = states(planted.network, trials.xs)[1]
        arrays = jax.tree.leaves((planted.network, planted.truth, trials, ys))
        assert {leaf.dtype for leaf in arrays if hasattr(leaf, "dtype")} == {np.dtype("float32")}
    after = np.asarray(trials.epochs["cue"][0]) == 0
    close(ys[:, after], trials.targets[:, after], atol=1e-6)


@pytest.mark.parametrize("redundancy", [3, 5])
def test_copies_are_silent_until_a_majority_is_gone(redundancy):
    case = Data(copies(redundancy, extra=2))
    enough = (redundancy + 1) // 2
    groups = [case.group(*(f"copy {k}" for k in range(n))) for n in range(1, redundancy + 1)]
    effect = case.effects("zero", groups, case.windows[1:])[0]
    assert effect[: enough - 1].max() == 0
    bits = float(np.asarray(case.xs).sum((1, 2)).mean())
    late = (case.steps - 7) / case.steps
    close(effect[enough - 1 :], bits * late)


@pytest.mark.parametrize("redundancy", [1, 2, 4])
def test_copies_without_a_majority_are_refused(redundancy):
    with pytest.raises(ValueError, match="odd"):
        copies(redundancy)


@pytest.mark.parametrize("name", ["copies", "and-pair", "or-pair"])
def test_first_order_is_blind_to_what_saturates(name):
    case = data(name)
    pair = ("copy 0", "copy 1") if name == "copies" else ("left", "right")
    metric = lambda ys: lambda run: margin(jax.vmap(case.network.readout)(run.hs), ys)
    scores = jax.vmap(
        lambda x, y: first_order(case.network.step, case.network.h0, x, metric(y), jnp.zeros(()))
    )(case.xs, case.trials.targets)
    assert np.abs(scores[..., case.where(*pair)]).max() == 0
    assert case.effects("zero", [case.group(*pair)], case.windows[1:])[0, 0] > 0.2


def pair_patches(name):
    """Change of the last outputs: by noising a run with a cue, by denoising one without."""
    case = data(name)
    held = np.asarray(case.ys[:, -1, 0]) == 1
    told, silent = np.argmax(held), np.argmin(held)
    sets = {"left": ("left",), "right": ("right",), "both": ("left", "right")}

    def last(trial, names, donor):
        value = jnp.broadcast_to(case.hs[donor][None], case.hs.shape)
        return float(case.held(case.group(*names), case.windows[1], value)[trial, -1, 0])

    noised = {k: last(told, names, silent) for k, names in sets.items()}
    return noised, {k: last(silent, names, told) for k, names in sets.items()}


def test_noising_and_denoising_disagree_on_pairs():
    broken = {"left": 0.0, "right": 0.0, "both": 0.0}
    assert pair_patches("and-pair") == (broken, {"left": 0.0, "right": 0.0, "both": 1.0})
    restored = {"left": 1.0, "right": 1.0, "both": 1.0}
    assert pair_patches("or-pair") == ({"left": 1.0, "right": 1.0, "both": 0.0}, restored)


def test_a_cancelled_source_shows_by_its_connections_and_with_others_only():
    case = data("cancelled-pair")
    source, plus, minus = case.where("source", "plus", "minus")
    edges = case.edge_effects("resample")
    assert edges[:, [plus, minus], source].min() > 1e-3
    alone, path, both = case.effects(
        "resample",
        [case.group("source"), case.group("plus"), case.group("source", "plus")],
        case.windows[1:],
    )[0]
    assert alone == 0
    assert path > 0.01
    # with the source, the other path moves as well, and cancels all but the first step
    assert both < path / 5


def test_correlation_ranks_unread_echoes_first():
    case = data("correlated-unread")
    echoes, members = np.array(case.planted.groups) == "echo", case.where("left", "right")
    assert case.correlation()[echoes].min() > 0.98 > 0.9 > case.correlation()[members].max()
    effect = case.effects("resample")[1]
    assert effect[echoes].max() == effect[np.argsort(-case.correlation())[:4]].max() == 0
    assert set(np.argsort(-effect)[:2]) == set(members)
    assert float(auroc(jnp.asarray(effect), jnp.asarray(case.truth("delay")))) == 1


def test_variance_ranks_an_unread_block_first():
    case = data("high-variance-unread")
    late = np.asarray(case.hs[:, 10:]).reshape(-1, case.N)
    loud = np.array(case.planted.groups) == "loud"
    variance = late.var(0)
    assert variance[loud].min() > 10 * variance[~loud].max()
    leading = np.linalg.svd(late - late.mean(0))[2][0] ** 2
    assert leading[loud].sum() > 0.9
    effect = case.effects("resample")[1]
    assert effect[loud].max() == 0
    assert np.argmax(effect) == case.where("memory")[0]


def test_only_ablation_to_zero_opens_the_dormant_path():
    case = data("dormant-path")
    lock, dormant, memory = case.where("lock", "dormant", "memory")
    assert np.argmax(case.effects("zero")[1]) == lock
    for value in ("mean", "resample"):
        assert case.effects(value)[:, [lock, dormant]].max() == 0
    assert np.argmax(np.abs(case.network.readout.c[0])) == dormant
    xs = case.xs.at[:, 10:, 1].set(1.0)
    opened = states(case.network, xs)[1]
    close(opened[:, -1], 4 * case.ys[:, -1])


def test_a_backup_repairs_in_two_steps_what_a_zero_breaks():
    case = data("self-repair")
    told = int(np.argmax(np.asarray(case.ys[:, -1, 0])))
    metric = lambda run: squared_error(jax.vmap(case.network.readout)(run.hs), case.ys[told])
    found = self_repair(
        case.network.step, case.network.h0, case.xs[told], metric,
        case.group("primary"), case.windows[1], 0.0,
    )  # fmt: skip
    assert float(found.direct) == pytest.approx(-24 / 30)
    assert float(found.total) == pytest.approx(-2 / 30)
    window, nothing = span(case.steps, 10, 20), jnp.zeros_like(case.hs)
    broken = lambda *names: np.flatnonzero(
        case.ys[told, :, 0] - case.held(case.group(*names), window, nothing)[told, :, 0]
    )
    assert broken("primary").tolist() == [10, 11]
    assert broken("primary", "backup").size >= 10
    after = run(case.network, case.xs[told], clamp(case.group("primary"), window, 0.0)).hs[-1]
    assert np.asarray(after)[case.where("primary", "backup")].tolist() == [0.0, 1.0]


def test_one_circuit_for_the_whole_trial_is_wrong_in_the_corrupted_window():
    case = data("local-corruption")
    usual, detour = case.where("usual", "detour")
    whole = case.effects("resample", windows=jnp.ones((1, case.steps)))[0]
    inside = case.effects("resample")[case.epochs.index("corrupted")]
    assert whole[usual] > whole[detour]
    assert inside[usual] == 0
    assert inside[detour] > 1e-3
    window = case.windows[case.epochs.index("corrupted")]
    kept = case.kept(case.truth("before"), window)
    assert np.abs(kept - case.ys)[:, 14:22].mean() > 0.05
