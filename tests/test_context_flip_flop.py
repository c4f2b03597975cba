"""The context flip-flop: its task against a second route, its measures against known answers."""

import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from rnn_jax.circuits import jaccard
from rnn_jax.circuits.agreement import chance_jaccard, corrected_jaccard
from rnn_jax.planted import context_flip_flop
from rnn_jax.planted.context import latents
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.report.context_flip_flop_figures import alike_figure, course_figure, shares_figure
from rnn_jax.studies.context_flip_flop.asked import (
    ASKED_DIMS,
    OVERLAPS,
    QUESTIONS,
)
from rnn_jax.studies.context_flip_flop.measures import (
    FLOORS,
    PAIRS,
    REPLACED,
    accuracy,
    inhibitory_share,
    measure,
)
from rnn_jax.studies.context_flip_flop.probe import (
    EPOCHS,
    TASK,
    epoch_windows,
    probe_trials,
)
from rnn_jax.studies.context_flip_flop.study import dale_network
from rnn_jax.studies.context_flip_flop.verdicts import CLAIMS, DONE, differences, judge, tables
from rnn_jax.studies.question import KINDS, OWN, SELECTORS
from rnn_jax.studies.question_numbers import coordinates, variables
from rnn_jax.tasks import TASKS, ContextBit, check_trials

PLANTED = context_flip_flop(extra=2)
GROUPS = np.array(PLANTED.groups)


def named(*groups):
    return np.isin(GROUPS, groups)


# the task


@pytest.fixture(scope="module")
def trials():
    return jax.jit(lambda key: TASK.sample(key, 40))(jax.random.key(0))


def test_targets_are_what_the_hand_built_network_s_definition_says(trials):
    check_trials(trials)
    said = jax.vmap(latents)(trials.xs)["memory"]
    held = np.asarray(trials.targets.sum(-1)) > 0
    # nothing is asked before the first relevant pulse, which the first slot brings
    assert (held.argmax(1) < TASK.lead + TASK.jitter).all()
    bit = np.asarray(trials.targets[..., 0] - trials.targets[..., 1])
    np.testing.assert_array_equal(bit[held], np.asarray(said)[held])


def test_epochs_part_the_trial_and_say_what_pulses_do(trials):
    windows = {name: np.asarray(window) for name, window in trials.epochs.items()}
    assert set(windows) == {"context", "switch", "same", "ignored", "hold"}
    np.testing.assert_array_equal(sum(windows.values()), 1.0)
    bit = np.asarray(trials.targets[..., 0] - trials.targets[..., 1])
    changes = np.diff(bit, axis=1) != 0
    assert (windows["switch"][:, 1:][changes] == 1).all()
    assert changes.sum() == (np.diff(windows["switch"], axis=1) == 1).sum()
    context = np.asarray(trials.xs[:, 0, 1] > 0).astype(int)
    relevant, other = (
        np.take_along_axis(np.asarray(trials.xs[..., 2:]), channel[:, None, None], 2)[..., 0]
        for channel in (context, 1 - context)
    )
    assert not relevant[windows["ignored"] > 0].any()
    assert other[windows["ignored"] > 0].any()
    assert not np.asarray(trials.xs)[windows["hold"] > 0].any()


def test_the_task_is_listed_and_its_cue_is_all_that_says_which():
    assert isinstance(TASKS["context-bit"].make(), ContextBit)
    one, two = jnp.array([False]), jnp.array([True])
    pulses = jnp.array([[[1.0, -1.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]])
    onsets = TASK.starts[None]
    make = jax.jit(TASK.trials)
    first, second = (make(context, pulses, onsets) for context in (one, two))
    np.testing.assert_array_equal(first.xs[:, TASK.cue :], second.xs[:, TASK.cue :])
    at = np.asarray(TASK.starts) + TASK.pulse
    np.testing.assert_array_equal(first.targets[0, at, 0], [1, 1, 0, 0, 0])
    np.testing.assert_array_equal(second.targets[0, at, 0], [0, 1, 1, 1, 1])


# the probe

probe = jax.jit(probe_trials, static_argnums=1)


def test_probe_trials_hold_each_pulse_in_each_context_alike():
    trials = probe(jax.random.key(1), 5)
    start = int(TASK.starts[1])
    shape = lambda name: np.asarray(trials.epochs[name][:, start]).reshape(5, 3, 2)
    for kind, name in enumerate(("switch", "same", "ignored")):
        expected = np.broadcast_to((np.arange(3) == kind)[None, :, None], (5, 3, 2))
        np.testing.assert_array_equal(shape(name), expected)
    cue = np.asarray(trials.xs[:, 0, 1]).reshape(5, 3, 2)
    np.testing.assert_array_equal(cue, np.broadcast_to(np.arange(2.0), (5, 3, 2)))
    # an ignored pulse says the opposite of the bit, as a switching one does
    bit = np.asarray(trials.targets[:, start - 1, 0] * 2 - 1)
    pulse = np.asarray(trials.xs[:, start, 2:].sum(-1)) * bit
    np.testing.assert_array_equal(pulse.reshape(5, 3, 2)[0, :, 0], [-1, 1, -1])
    windows = np.asarray(epoch_windows(5))
    assert windows.shape == (len(EPOCHS), 30, TASK.steps)
    inside = np.asarray(trials.epochs["hold"]) * windows[EPOCHS.index("late hold")]
    assert inside.sum() == 10 * TASK.settle


# the measures


@pytest.mark.parametrize(("a", "b"), [(2, 3), (1, 1), (4, 4), (5, 2)])
def test_chance_is_the_mean_over_all_sets(a, b):
    units = 6
    sets = lambda size: [
        np.isin(np.arange(units), some) for some in itertools.combinations(range(units), size)
    ]
    fixed = jnp.asarray(sets(a)[0])
    every = [float(jaccard(fixed, jnp.asarray(other))) for other in sets(b)]
    np.testing.assert_allclose(chance_jaccard(a, b, units), np.mean(every), rtol=1e-12)
    corrected = [corrected_jaccard(fixed, jnp.asarray(other), units) for other in sets(b)]
    np.testing.assert_allclose(np.mean(corrected), 0, atol=1e-12)


def test_equal_sets_are_1_and_empty_ones_are_no_number():
    some = jnp.arange(6) < 2
    assert corrected_jaccard(some, some, 6) == pytest.approx(1.0)
    assert np.isnan(corrected_jaccard(some, some & False, 6))
    assert np.isnan(corrected_jaccard(some | True, some | True, 6))


def test_the_share_of_inhibition():
    excites, inhibits = jnp.array([True, False, False]), jnp.array([False, True, False])
    size = jnp.array([[1.0, 3.0, 9.0], [0.0, 0.0, 5.0]])
    np.testing.assert_array_equal(inhibitory_share(size, excites, inhibits), [0.75, np.nan])


@pytest.fixture(scope="module")
def built():
    sums = PLANTED.network.step.w.sum(0)
    trials = probe(jax.random.key(2), 96)
    return measure(PLANTED.network, sums > 0, sums < 0, trials, jax.random.key(3))


@pytest.mark.slow
def test_the_hand_built_circuits_are_found(built):
    """Memory in hold, context at its cue, all of them and the gates at switches; never a copy."""
    circuits = dict(zip(EPOCHS, built["circuits"][0], strict=True))
    memory = named("memory", "memory inhibition")
    context = named("context", "context inhibition")
    np.testing.assert_array_equal(circuits["early hold"], memory)
    np.testing.assert_array_equal(circuits["late hold"], memory)
    np.testing.assert_array_equal(circuits["context"], context)
    np.testing.assert_array_equal(circuits["switch"], ~named("copy"))
    assert not (circuits["ignored"] & (context | named("copy"))).any()


def test_the_hand_built_memory_stays_and_its_gates_change(built):
    alike = dict(zip(PAIRS, built["jaccard"][0, 0], strict=True))
    assert alike["memory, early and late"] == pytest.approx(1.0)
    assert alike["memory, between contexts"] == pytest.approx(1.0)
    # a gate is asked for only where its donor's differs: half the trials may miss one
    assert alike["gates, again"] > 0.8
    # the context's latch is common to both, their gates are not
    assert alike["gates, between contexts"] < 0.5


def test_currents_see_the_inhibition_that_flows_do_not(built):
    """All units of the hand-built network are saturated: their gates are 0, and so all flows."""
    assert np.isnan(built["flow_share"]).all()
    # memory: weights 1 of a twin to each of 4, 2 to inhibition, 2.5 across; half of them are on
    wire = PLANTED.network.step.w[np.flatnonzero(named("memory", "memory inhibition"))]
    minus, plus = float(-wire[wire < 0].sum()), float(wire[wire > 0].sum())
    np.testing.assert_allclose(built["wire_share"], minus / (minus + plus), rtol=1e-12)
    assert built["current_share"][EPOCHS.index("early hold")] == pytest.approx(10 / 18)


def test_accuracy_counts_held_steps_alone(trials):
    right = accuracy(PLANTED.network, trials)
    assert float(right) == 1.0
    up = trials.targets[..., 0][(trials.epochs["hold"] > 0) & (trials.targets.sum(-1) > 0)]
    # nothing is said: neither side is larger, which is right where the bit is down
    silent = eqx.tree_at(
        lambda network: network.readout.c, PLANTED.network, replace_fn=jnp.zeros_like
    )
    assert float(accuracy(silent, trials)) == pytest.approx(1 - float(up.mean()))


def test_the_networks_hold_dale_s_law():
    network: Any = dale_network(jax.random.key(0))
    wire, excites = np.asarray(network.step.wire), np.asarray(network.step.excitatory)
    assert excites.sum() == 64
    assert (wire[:, excites] >= 0).all()
    assert (wire[:, ~excites] <= 0).all()
    read = np.asarray(network.readout.wire)
    assert (read >= 0).all()
    assert not read[:, ~excites].any()


# verdicts and figures


def with_contrasts(found, shift):
    """Numbers of contrasts, by which each claim holds by `shift`, or falls by it."""
    seeds, names = found.sizes["seed"], [": ".join(question) for question in QUESTIONS]
    wobble = lambda *shape: 0.01 * np.random.default_rng(1).standard_normal((seeds, *shape))
    row = {
        name: np.ones((seeds, *(len(AXES[d]) for d in dims))) for name, dims in ASKED_DIMS.items()
    }
    row["kept"] = 0.2 + wobble(len(names), len(AXES["selector"]))
    row["kept"][..., AXES["selector"].index(OWN)] = DONE + 0.3 * shift + wobble(len(names))
    row["inhibitory"] = 0.2 + shift / 2 + wobble(len(names), len(KINDS))
    row["shared"] = 0.5 + wobble(len(OVERLAPS))
    row["shared"][:, list(OVERLAPS).index("memory, between contexts")] -= shift
    built = {f"built_{name}": value[0] for name, value in row.items()}
    of_built = {f"built_{name}": dims for name, dims in ASKED_DIMS.items()}
    found = found.assign(variables(row, ASKED_DIMS, ("seed",)) | variables(built, of_built))
    coords = {**coordinates(QUESTIONS), "asked_overlap": list(OVERLAPS)}
    return found.assign_coords(coords)


AXES = {
    "question": QUESTIONS, "set": KINDS, "selector": [OWN, *SELECTORS], "overlap": OVERLAPS
}  # fmt: skip


def made_up(shift, seeds=8):
    """Numbers in which each claim's difference is `shift` and a little noise."""
    random = np.random.default_rng(0)
    shape = (seeds, len(REPLACED), len(EPOCHS))
    wobble = lambda *shape: 0.01 * random.standard_normal(shape)
    shares = 0.2 + wobble(*shape)
    shares[:, :, EPOCHS.index("switch")] += shift
    shares[:, :, EPOCHS.index("early hold")] -= shift / 2
    jaccards = 0.5 + wobble(seeds, len(REPLACED), len(FLOORS), len(PAIRS))
    jaccards[..., list(PAIRS).index("gates, between contexts")] -= shift
    causal, epoch = ("seed", "value", "epoch"), ("seed", "epoch")
    numbers = np.ones(shape)
    variables: dict[str, Any] = dict.fromkeys(
        ("members", "inhibitory_members", "largest"), (causal, numbers)
    )
    variables |= dict.fromkeys(("rate_e", "rate_i"), (epoch, numbers[:, 0]))
    variables |= {
        "accuracy": ("seed", np.ones(seeds)),
        "learned": ("seed", np.ones(seeds, bool)),
        "effect_share": (causal, shares),
        "flow_share": (epoch, 0.5 - shift + wobble(seeds, len(EPOCHS))),
        "current_share": (epoch, shares[:, 0]),
        "wire_share": ("seed", np.full(seeds, 0.5)),
        "unit_share": ("seed", np.full(seeds, 0.2)),
        "moving": ("seed", np.full(seeds, 80.0)),
        "jaccard": (("seed", "value", "floor", "pair"), jaccards),
        "sets": (("seed", "sign"), np.ones((seeds, 2))),
    }
    coords = {
        "seed": range(seeds), "epoch": list(EPOCHS), "value": list(REPLACED),
        "floor": list(FLOORS), "pair": list(PAIRS), "sign": ["excitatory", "inhibitory"],
    }  # fmt: skip
    found = xr.Dataset(variables, coords)
    one = found.isel(seed=0, drop=True)
    found = found.assign({f"built_{name}": one[name] for name in one if name != "accuracy"})
    return with_contrasts(found.assign(built_memory_found=one["members"]), shift)


@pytest.mark.parametrize(("shift", "fell"), [(0.2, "holds"), (-0.2, "refuted")])
def test_verdicts_fall_as_the_numbers_do(shift, fell):
    said = judge(made_up(shift))
    assert len(said) == len(CLAIMS)
    assert {verdict.fell for verdict in said} == {fell}


def test_few_seeds_or_an_interval_around_0_decide_nothing():
    assert {verdict.fell for verdict in judge(made_up(0.2, seeds=4))} == {"undecided"}
    found = made_up(0.2)
    found["effect_share"][:] = 0.2 + 0.1 * np.resize([1, -1, -1, 1], (8, 1, 1))
    by_name = dict(zip(CLAIMS, judge(found), strict=True))
    assert by_name["effect"].fell == "undecided"


def test_a_seed_that_did_not_learn_counts_nowhere():
    found = made_up(0.2)
    whole = {name: values.copy() for name, values in differences(found).items()}
    for name in ("effect_share", "flow_share", "current_share", "jaccard"):
        found[name][0] = np.nan
    for name, values in differences(found).items():
        assert np.isnan(values[0])
        np.testing.assert_array_equal(values[1:], whole[name][1:])
    assert all("of 7" in verdict.found for verdict in judge(found)[: len(whole)])


def test_a_mediator_that_was_not_found_did_nothing_and_chance_may_do_as_much():
    told = lambda found: dict(zip(CLAIMS, judge(found), strict=True))["done"].fell
    missed, lucky = made_up(0.2), made_up(0.2)
    missed["asked_undone"][:] = np.nan
    lucky["asked_kept"].loc[{"asked_selector": "random"}] = 0.99
    assert told(made_up(0.2)) == "holds"
    assert told(missed) == told(lucky) == "refuted"
    # refused questions count for nothing
    refused = made_up(0.2)
    refused["asked_kept"][:] = np.nan
    refused["asked_size"][:] = np.nan
    assert told(refused) == "undecided"


def test_tables_and_figures_say_each_epoch_and_pair():
    found = made_up(0.2)
    text = tables(found)
    assert all(epoch in text for epoch in EPOCHS)
    assert all(pair in text for pair in PAIRS)
    course = (("start", "unit"), -np.ones((4, 10)))
    shown = found.assign(course=course, excites=("unit", np.arange(10) < 8))
    shown = shown.assign_coords(start=[0, 6, 12, 18]).assign_attrs(example=0)
    names = lambda figure: [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert names(alike_figure(found)) == list(PAIRS)
    assert names(course_figure(shown)) == ["excitatory", "inhibitory"]
    epochs = [t.get_text() for t in shares_figure(found).axes[0].get_xticklabels()]
    assert epochs == list(EPOCHS)
    for name in ("asked-sizes", "asked-methods"):
        drawn = STUDY_FIGURES["context-flip-flop"][name](found)
        assert names(drawn) == [": ".join(question) for question in QUESTIONS]
    # nothing to show where nobody learned, and it says so
    assert "no seed" in course_figure(found).axes[0].get_title(loc="left")
