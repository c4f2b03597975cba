"""Visual Behavior networks: silencing and exchanges, against plain runs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from visual_study_cases import (
    AFTER,
    ALL,
    ANATOMY,
    EVENT,
    KEY,
    READ,
    STEPS,
    made,
    network,
    typed,
)

from rnn_jax.cells import members
from rnn_jax.core import clamp, outputs, run
from rnn_jax.data.visual_behavior import (
    CONDITIONS,
    POPULATIONS,
)
from rnn_jax.studies.visual_behavior import sequences as module
from rnn_jax.studies.visual_behavior.exchanges import contrasted, exchanged_sets, place
from rnn_jax.studies.visual_behavior.sequences import Counts
from rnn_jax.studies.visual_behavior.silencing import (
    SUBSETS,
    Outcome,
    equal_sets,
    read_after,
    silenced,
    units_of,
)

# silencing


@pytest.mark.parametrize("unknown", [(), (2, 4, 9)])
def test_equal_sets_are_of_one_size_and_of_known_units_of_their_type(unknown):
    known = ALL.copy()
    known[list(unknown)] = False
    sets = equal_sets(ANATOMY, known, KEY, 60)
    assert sets.of.tolist() == ["Vip"] + SUBSETS * ["Sst"] + SUBSETS * ["Pyr"] + 60 * ["random"]
    vip = units_of(ANATOMY, known, "Vip")
    assert set(sets.sets.sum(1)) == {vip.sum()} == {float((typed("Vip") & known).sum())}
    np.testing.assert_array_equal(sets.sets[0], vip)
    allowed = {type_: units_of(ANATOMY, known, type_) for type_ in ("Vip", "Sst", "Pyr")}
    allowed["random"] = allowed["Vip"] + allowed["Sst"]
    for name, one in zip(sets.of, sets.sets, strict=True):
        assert not one[allowed[name] == 0].any()
        assert set(one) == {0.0, 1.0}
    # no unit of a population without a file is in any
    assert not (sets.sets @ members(ANATOMY).T)[:, ~known].any()
    # each interneuron is drawn at some time, of either type
    np.testing.assert_array_equal(sets.sets[sets.of == "random"].any(0), allowed["random"] > 0)
    for type_ in ("Sst", "random"):
        assert len(np.unique(sets.sets[sets.of == type_], axis=0)) > 1


@pytest.mark.parametrize("type_", ["Vip", "Sst", "Pyr"])
def test_without_a_type_there_are_no_equal_sets(type_):
    sets = equal_sets(ANATOMY, ~typed(type_), KEY, 7)
    assert sets.sets.shape == (0, ANATOMY.units)
    assert len(sets.of) == 0


def test_the_outcome_reads_known_pyramidal_outputs_from_the_event_on():
    known = ALL.copy()
    known[0] = False
    read = read_after(ANATOMY, known, EVENT, STEPS)
    assert read.sum() == pytest.approx(1)
    on = np.outer(AFTER, typed("Pyr") & known)
    np.testing.assert_array_equal(read > 0, on > 0)
    assert len(set(read[read > 0])) == 1
    ys, targets = (jax.random.normal(key, read.shape) for key in jax.random.split(KEY))
    outcome = Outcome(jnp.asarray(read))
    truth = np.mean((np.asarray(ys) - np.asarray(targets))[on > 0] ** 2)
    assert float(outcome(ys, targets)) == pytest.approx(truth)
    assert not np.asarray(jax.grad(outcome)(ys, targets))[on == 0].any()


def test_silencing_is_a_run_with_states_held_at_0():
    """By plain runs under a clamp, one by one."""
    frames = made().judged[1]
    sets = equal_sets(ANATOMY, ALL, KEY, 1).sets[[0, 1, 9, 17]]
    windows = np.stack([AFTER, np.eye(STEPS)[EVENT + 1]])
    found = silenced(network(), frames, sets, windows, Outcome(jnp.asarray(READ)))
    assert found.shape == (2, 4, len(frames))

    @eqx.filter_jit
    def error(x, units, window):
        held = run(network(), x[:-1], clamp(units, window, 0.0))
        return jnp.sum(READ * (outputs(network(), held) - x[1:]) ** 2), held.hs

    x = jnp.asarray(frames[2])
    clean = error(x, jnp.zeros(ANATOMY.units), jnp.asarray(AFTER))[0]
    for w, window in enumerate(windows):
        for g, units in enumerate(sets):
            said, hs = error(x, jnp.asarray(units), jnp.asarray(window))
            assert not np.asarray(hs)[np.ix_(window > 0, units > 0)].any()
            assert found[w, g, 2] == pytest.approx(float(said - clean), abs=1e-14)
    assert np.abs(found[0]).min() > 1e-9


def test_units_that_nobody_hears_have_no_effect():
    """Exactly 0: no pyramidal output reads them."""
    sets = equal_sets(ANATOMY, ALL, KEY, 1).sets
    deaf = jnp.asarray(sets[0] > 0)
    cut = eqx.tree_at(lambda n: n.step.w, network(), jnp.where(deaf[None], 0.0, network().step.w))
    outcome = Outcome(jnp.asarray(READ))
    frames = made().judged.reshape(-1, *made().judged.shape[2:])[:6]
    found = silenced(cut, frames, sets[:2], AFTER[None], outcome)[0]
    assert not found[0].any()
    assert np.abs(found[1]).min() > 0


# exchanges


@pytest.mark.parametrize(("name", "other"), [("omission", 2), ("change", 2), ("novel", 2)])
def test_a_foil_is_the_run_moved_by_the_difference_of_means(name, other):
    one = made()
    k = {"omission": 1, "change": 0, "novel": 5}[name]
    assert one.conditions[k].startswith("regular" if name == "novel" else name)
    trials = contrasted(one, name, READ)
    (contrast,) = trials.contrasts.values()
    gap = np.asarray(contrast.foil) - np.asarray(trials.xs)
    truth = (one.train[other].mean(0) - one.train[k].mean(0))[:-1]
    first = 0 if name == "novel" else EVENT
    np.testing.assert_array_equal(gap[:, :first], 0)
    np.testing.assert_allclose(gap[:, first:], truth[None, first:].repeat(len(gap), 0), atol=1e-15)
    np.testing.assert_array_equal(trials.xs, one.judged[k][:, :-1])
    np.testing.assert_array_equal(trials.targets, one.judged[k][:, 1:])
    np.testing.assert_array_equal(contrast.event, first)
    assert not np.asarray(contrast.epochs["after"])[:, :EVENT].any()


def test_exchanging_all_units_is_everything_both_ways():
    trials = contrasted(made(), "omission", READ)
    undone, restored = exchanged_sets(network(), trials, np.ones((1, ANATOMY.units)))
    np.testing.assert_allclose([undone, restored], 1, rtol=1e-12)


@pytest.mark.parametrize("name", ["omission", "novel"])
def test_an_exchange_is_a_run_with_the_other_run_s_states(name):
    """By plain runs: the share of the difference that it makes, over the runs' variances."""
    trials = contrasted(made(), name, READ)
    (contrast,) = trials.contrasts.values()
    units = equal_sets(ANATOMY, ALL, KEY, 1).sets[1]
    found = [one[0] for one in exchanged_sets(network(), trials, units[None])]

    @eqx.filter_jit
    def both(x, other):
        pair = run(network(), x), run(network(), other)
        ys = [outputs(network(), one) for one in pair]
        held = run(network(), x, clamp(jnp.asarray(units), jnp.asarray(AFTER), pair[1].hs))
        return *ys, outputs(network(), held)

    xs, foil = jnp.asarray(trials.xs), jnp.asarray(contrast.foil)
    scale = np.asarray(jax.vmap(both)(xs, foil)[0]).std((0, 1))
    for share, (a, b) in zip(found, ((xs, foil), (foil, xs)), strict=True):
        own, other, held = (np.asarray(array) for array in jax.vmap(both)(a, b))
        weights = (READ > 0) / scale**2
        truth = (weights * (held - own) * (other - own)).sum()
        assert share == pytest.approx(truth / (weights * (other - own) ** 2).sum(), rel=1e-9)


def experienced(*names):
    """Sequences without numbers, of all conditions in some experiences."""
    pairs = [f"{condition}, {name}" for name in names for condition in CONDITIONS]
    nothing = np.zeros((len(pairs), 1, STEPS + 1, len(POPULATIONS)))
    return module.Sequences(tuple(pairs), nothing, nothing, ALL, EVENT)


def test_conditions_are_found_by_how_their_experience_begins():
    for names, familiar, novel in (
        (("Familiar",), 1, None),
        (("Familiar", "Novel 1"), 1, 4),
        (("Familiar", "Novel 1", "Novel >1"), 1, 4),
        (("Familiar", "Novel"), 1, 4),
        # without a familiar session, what is not known to be novel stands for it
        (("unknown",), 1, None),
        (("Novel", "unknown"), 4, 1),
        (("Novel 1",), None, 1),
    ):
        some = experienced(*names)
        assert place(some.conditions, "omission") == familiar, names
        assert place(some.conditions, "omission", "Novel") == novel, names
        assert (contrasted(some, "novel", READ) is None) == (familiar is None or novel is None)
        assert (contrasted(some, "omission", READ) is None) == (familiar is None)
    assert place(experienced("Familiar").conditions, "grey") is None
    assert Counts() == (400, 64)
