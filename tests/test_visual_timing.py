"""Visual Behavior networks: timing and pathways, against plain runs and closed forms."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from visual_study_cases import (
    AFTER,
    ANATOMY,
    EVENT,
    KEY,
    PYR,
    READ,
    SST,
    STEPS,
    VIP,
    made,
    network,
    typed,
)

from rnn_jax.cells import members
from rnn_jax.core import clamp, outputs, run
from rnn_jax.linear import effective_connectivity, group_connectivity
from rnn_jax.studies.visual_behavior.exchanges import contrasted
from rnn_jax.studies.visual_behavior.pathways import between, disinhibition
from rnn_jax.studies.visual_behavior.timing import (
    CUT,
    REPLACED,
    SHIFTS,
    courses,
    kept,
    onset,
    replayed,
    slope,
)

# timing


def replayed_as(units, others, key=KEY):
    trials = contrasted(made(), "omission", READ)
    foil = np.asarray(trials.contrasts["omission"].foil)
    channels = members(ANATOMY) @ units > 0
    pyramidal = typed("Pyr") / typed("Pyr").sum()
    return trials, replayed(
        network(), np.asarray(trials.xs), foil, units > 0, others > 0, channels, pyramidal,
        EVENT, key,
    )  # fmt: skip


@pytest.fixture(scope="module")
def replays():
    return replayed_as(VIP, SST)


@eqx.filter_jit
def plain_run(xs, units, value):
    """Outputs and states of runs in which units are held at a course from the event on."""

    def one(x, v):
        found = run(network(), x, clamp(jnp.asarray(units), jnp.asarray(AFTER), v))
        return outputs(network(), found), found.hs

    return jax.vmap(one)(xs, value)


def test_what_follows_a_ramp_is_moved_with_it():
    """A reader of a ramp, one step behind: the later the ramp, the later its rise."""
    steps = np.arange(STEPS)
    ramp = np.maximum(steps - EVENT, 0.0)[None, :, None]
    made = courses(ramp, ramp, ramp, EVENT)
    reader = lambda course: np.concatenate([[0.0], course[0, :-1, 0]])
    onsets = np.array([onset(reader(made[f"shift {d}"]), EVENT) for d in SHIFTS])
    assert (np.diff(onsets) > 0).all()
    assert slope(onsets) > 0.5


def test_every_course_is_the_run_s_own_until_the_event():
    draw = np.random.default_rng(0)
    hs, foil, alone = draw.standard_normal((3, 2, STEPS, 5))
    made = courses(hs, foil, alone, EVENT)
    assert tuple(made) == REPLACED
    for course in made.values():
        np.testing.assert_array_equal(course[:, :EVENT], hs[:, :EVENT])
    after = {name: course[:, EVENT:] for name, course in made.items()}
    L = STEPS - EVENT
    for d in SHIFTS:
        for t in range(L):
            # delayed, from the steps before; advanced, its last state is held
            moved = hs[:, min(EVENT + t - d, STEPS - 1)]
            np.testing.assert_array_equal(after[f"shift {d}"][:, t], moved)
    for t in range(L):
        np.testing.assert_allclose(after["time mean"][:, t], hs[:, EVENT:].mean(1), atol=1e-15)
    np.testing.assert_array_equal(after["regular"], foil[:, EVENT:])
    np.testing.assert_array_equal(after["input alone"], alone[:, EVENT:])


def test_a_course_put_in_its_own_place_changes_nothing(replays):
    """Bit for bit, of the units asked about and of their control."""
    _, found = replays
    np.testing.assert_array_equal(found.own["shift 0"], found.clean)
    np.testing.assert_array_equal(found.control["shift 0"], found.clean)
    for name in set(REPLACED) - {"shift 0"}:
        for signals in (found.own, found.control):
            gap = signals[name] - found.clean
            # what is replaced at the event is heard a step later
            assert not gap[: EVENT + 1].any(), name
            assert gap[EVENT + 1 :].any(), name


def test_replaced_states_appear_in_the_run(replays):
    """By plain runs: own units take the course, as many others are moved by as much."""
    trials, found = replays
    xs, foil = jnp.asarray(trials.xs), jnp.asarray(trials.contrasts["omission"].foil)
    nobody = np.zeros(ANATOMY.units)
    hs, foils = (
        np.asarray(plain_run(x, nobody, jnp.zeros((len(x), STEPS, len(nobody))))[1])
        for x in (xs, foil)
    )
    step = network().step
    alone = np.tanh(np.asarray(xs) @ (np.asarray(step.u) * np.asarray(step.input_mask)).T)
    # who is the control is known by their key alone
    control = np.flatnonzero(SST)
    instead = np.asarray(jax.random.choice(KEY, control, (int(VIP.sum()),), replace=False))
    assert len(set(instead)) == VIP.sum()
    assert SST[instead].all()
    weights = typed("Pyr") / typed("Pyr").sum()
    for name, course in courses(hs, foils, alone, EVENT).items():
        ys, states = plain_run(xs, VIP, jnp.asarray(course))
        held = np.asarray(states)[:, EVENT:][..., VIP > 0]
        np.testing.assert_array_equal(held, course[:, EVENT:][..., VIP > 0])
        np.testing.assert_allclose(found.own[name], np.mean(ys, 0) @ weights, atol=1e-14)
        moved = hs.copy()
        moved[..., instead] += (course - hs)[..., VIP > 0]
        assert np.linalg.norm(moved - hs) == pytest.approx(
            np.linalg.norm((course - hs)[..., VIP > 0])
        )
        ys, _ = plain_run(xs, np.isin(np.arange(len(nobody)), instead) * 1.0, jnp.asarray(moved))
        np.testing.assert_allclose(found.control[name], np.mean(ys, 0) @ weights, atol=1e-14)


def test_cutting_the_input_leaves_the_recurrence(replays):
    trials, found = replays
    xs, foil = np.asarray(trials.xs), np.asarray(trials.contrasts["omission"].foil)
    cut = xs.copy()
    cut[:, EVENT:, typed("Vip")] = foil[:, EVENT:, typed("Vip")]
    ys, _ = plain_run(jnp.asarray(cut), 0 * VIP, jnp.zeros((*xs.shape[:2], len(VIP))))
    truth = np.mean(ys, 0) @ (typed("Pyr") / typed("Pyr").sum())
    np.testing.assert_allclose(found.own[CUT], truth, atol=1e-14)
    assert CUT not in found.control


def test_other_units_of_the_control_give_other_numbers_and_the_same_own(replays):
    _, found = replays
    _, other = replayed_as(VIP, SST, jax.random.key(9))
    for name in REPLACED:
        np.testing.assert_array_equal(found.own[name], other.own[name])
    assert (found.control["time mean"] != other.control["time mean"]).any()


@pytest.mark.parametrize("height", [0.2, 3.0])
@pytest.mark.parametrize("level", [-1.0, 0.0, 5.0])
def test_onsets_of_known_curves(height, level):
    curve = lambda rise: level + height * np.concatenate([np.full(EVENT, 7.0), rise])
    # a line passes half of its end half way
    assert onset(curve(np.arange(6.0)), EVENT) == pytest.approx(2.5)
    assert onset(curve(np.arange(6.0) ** 2), EVENT) == pytest.approx(3 + 3.5 / 7)
    for k in range(1, 6):
        step = (np.arange(6) >= k).astype(float)
        assert onset(curve(step), EVENT) == pytest.approx(k - 0.5)
    assert np.isnan(onset(curve(np.zeros(6)), EVENT))
    assert np.isnan(onset(curve(-np.arange(6.0)), EVENT))


def test_what_is_left_of_known_curves():
    clean = np.concatenate([np.full(EVENT, 3.0), 1 + np.arange(6.0)])
    for share in (0.0, 0.3, 1.0, -2.0):
        for level in (0.0, 4.0):
            assert kept(level + share * clean, clean, EVENT) == pytest.approx(share)
    # what is at right angles to the rise does not count
    aside = np.concatenate([np.zeros(EVENT), [0, 2.0, -1.0, 0, 0, 0]])
    assert kept(clean + aside, clean, EVENT) == pytest.approx(1)
    # nothing is left of no rise
    assert np.isnan(kept(clean, 0 * clean, EVENT))
    assert np.isnan(kept(clean, -clean, EVENT))


def test_the_slope_of_onsets():
    for a, b in ((0.0, 1.0), (1.0, 2.5), (-0.5, 0.0)):
        assert slope(a * np.array(SHIFTS) + b) == pytest.approx(a, abs=1e-12)
    assert np.isnan(slope(np.array([1.0, 2, np.nan, 4, 5])))


# pathways


def test_what_populations_pass_on_is_effective_connectivity_summed():
    of, xs = members(ANATOMY), jnp.asarray(made().judged[1][:, :-1])
    found = np.asarray(between(network(), xs, jnp.asarray(of)))
    assert found.shape == (STEPS, 18, 18)

    @eqx.filter_jit
    def other(x):
        trajectory = run(network(), x)
        each = effective_connectivity(network().step, trajectory, jnp.eye(STEPS))
        return group_connectivity(each.total, jnp.asarray(of))

    truth = np.mean([other(x) for x in xs], 0)
    np.testing.assert_allclose(found, truth, atol=1e-12)
    # nothing is passed on at first, from a state of 0, and later it is
    assert not found[0].any()
    assert (found[1:] != 0).any((1, 2)).all()
    # what arrives at a population comes from all: a row's sum is J h
    before = run(network(), xs[0]).hs
    jacobian = lambda t: jax.jacfwd(lambda h: network().step(h, xs[0, t]))(before[t - 1])
    alone = np.asarray(between(network(), xs[:1], jnp.asarray(of)))
    truth = of @ np.asarray(jacobian(5) @ before[4])
    np.testing.assert_allclose(alone[5].sum(1), truth, atol=1e-13)


def test_disinhibition_is_a_product_of_two_jacobians():
    xs = jnp.asarray(made().judged[1][:2, :-1])
    found = np.asarray(disinhibition(network(), xs, *map(jnp.asarray, (VIP, SST, PYR))))
    hs = np.concatenate([np.zeros((1, ANATOMY.units)), run(network(), xs[0]).hs])
    each = jax.jit(jax.vmap(jax.jacfwd(network().step), (0, 0)))
    J = np.asarray(each(jnp.asarray(hs[:-1]), xs[0]))
    one = lambda t: PYR @ J[t] @ (SST * (J[t - 1] @ (VIP * hs[t - 1]))) / PYR.sum()
    truth = [0.0, *(one(t) for t in range(1, STEPS))]
    np.testing.assert_allclose(found[0], truth, atol=1e-15)
    assert np.abs(found[0, 2:]).max() > 1e-9


@pytest.mark.parametrize(("to", "source"), [("Sst", "Vip"), ("Pyr", "Sst")])
def test_without_one_of_its_wires_there_is_no_disinhibition(to, source):
    who = {"Vip": VIP, "Sst": SST, "Pyr": PYR}
    lost = jnp.asarray(np.outer(who[to], who[source]) > 0)
    cut = eqx.tree_at(lambda n: n.step.w, network(), jnp.where(lost, 0.0, network().step.w))
    xs = jnp.asarray(made().judged[1][:2, :-1])
    found = disinhibition(cut, xs, *map(jnp.asarray, (VIP, SST, PYR)))
    assert not np.asarray(found).any()


def test_two_inhibitory_wires_lift_pyramidal_units():
    xs = jnp.asarray(made().judged[1][:, :-1])
    found = np.asarray(disinhibition(network(), xs, *map(jnp.asarray, (VIP, SST, PYR))))
    # inhibition of inhibition, of rates that are not below 0
    assert (found >= 0).all()
