"""Phase portraits: 27 points of three latches in closed form, and what a removal does to them."""

import json
from dataclasses import replace
from itertools import product

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, network, told_in_one_line
from portrait_data import SETS, SETTINGS, B, N, S, T, drawn, latches, line

from rnn_jax.discovery import DynamicsSettings, Subject, portrait
from rnn_jax.discovery.portrait import units_named
from rnn_jax.discovery.portrait.exponents import driven_exponents
from rnn_jax.discovery.portrait.fates import fates
from rnn_jax.discovery.portrait.plane import spans_of
from rnn_jax.discovery.portrait.removal import removal
from rnn_jax.discovery.portrait.schema import NAMES
from rnn_jax.dynamics import residence_times
from rnn_jax.tasks import Trials

STATES = sorted(product([-S, 0, S], repeat=3))


@pytest.fixture(scope="module")
def found():
    return drawn()


@pytest.fixture(scope="module")
def on_line():
    return line()


def of(data, landscape, name="point_state"):
    return data[name].values[data["point_landscape"].values == landscape]


def test_the_points_are_those_of_the_closed_form(found):
    data = found.dataset
    states = of(data, 0)
    order = np.lexsort(np.round(states.T[::-1], 6))
    np.testing.assert_allclose(states[order], STATES, atol=1e-9)
    assert not data["point_slow"].values.any()
    zeros = (np.abs(states) < 1e-6).sum(1)
    assert of(data, 0, "point_unstable").tolist() == zeros.tolist() == sorted(zeros)
    values = -np.sort(-2 * (1 - states**2), axis=1)
    np.testing.assert_allclose(of(data, 0, "eigenvalue_real"), values, atol=1e-9)
    np.testing.assert_allclose(of(data, 0, "eigenvalue_imag"), 0, atol=1e-12)
    np.testing.assert_allclose(of(data, 0, "time_constant"), -1 / np.log(values), atol=1e-6)
    np.testing.assert_allclose(of(data, 0, "point_output"), 3 * states[:, :2], atol=1e-9)


def test_a_network_is_asked_as_it_is(found):
    """Nothing is cast in place: the step of the intact landscape is the network's own."""
    assert found.intact.step is found.subject.network.step
    assert found.intact.hs.dtype == jnp.float64


def test_each_start_has_its_point_and_its_verdict(found):
    data = found.dataset
    assert data["verdict_count"].values[0].tolist()[0] == 512
    labels, counts = np.unique(data["start_point"].values, return_counts=True)
    assert labels.tolist() == list(range(27))
    assert counts.tolist() == of(data, 0, "point_count").tolist()
    assert data["coverage"].values[0, -1] == pytest.approx(27)
    assert data["unseen"].values[0] == (counts == 1).sum() / 512


def test_without_a_latch_a_third_of_the_points_is_left(found):
    data = found.dataset
    fate, partner = data["fate"].values, data["partner"].values
    for r, units in enumerate(SETS.values()):
        left = 3 ** (N - len(units))
        states = of(data, r + 1)
        assert len(states) == left
        np.testing.assert_array_equal(states[:, units], 0)
        assert (fate[r] == 0).sum() == left
        assert (fate[r] == 2).sum() == 27 - left
        np.testing.assert_array_equal(partner[r] < 0, fate[r] == 2)
        kept = fate[r] == 0
        others = [u for u in range(N) if u not in units]
        now = data["point_state"].values[partner[r][kept]][:, others]
        np.testing.assert_allclose(now, of(data, 0)[kept][:, others], atol=1e-8)
        # the modes of the latches that are held are gone
        lost = (np.abs(of(data, 0)[kept][:, units]) < 1e-6).sum(1)
        np.testing.assert_array_equal(data["fate_unstable"].values[r][kept], -lost)
        assert np.isnan(data["fate_unstable"].values[r][~kept]).all()
        np.testing.assert_array_equal(np.flatnonzero(data["removed"].values[r]), units)


def test_the_trials_without_a_latch_are_run_without_it(found):
    basis_first = found.without[0].hs[..., 0]
    np.testing.assert_array_equal(basis_first, 0)
    np.testing.assert_allclose(found.without[0].hs[..., 1:], found.intact.hs[..., 1:], atol=1e-12)


def test_held_at_the_mean_is_held_there():
    settings = replace(SETTINGS, value="mean", exponents=0)
    data = portrait(latches(), settings, {"the first": [0]}).dataset
    mean = data["states"].values[..., 0].mean()
    np.testing.assert_allclose(of(data, 1)[:, 0], mean, atol=1e-9)
    np.testing.assert_allclose(data["held_at"].values, [[mean, np.nan, np.nan]], atol=1e-9)


def test_nearest_is_nearest_of_all_in_the_whole_state(found):
    data = found.dataset
    states = data["states"].values
    spread = np.sqrt(((states - states.mean((0, 1))) ** 2).sum(-1).mean())
    assert data.attrs["spread"] == pytest.approx(spread)
    for k, hs in enumerate([found.intact.hs, found.without[1].hs]):
        k = 2 * k
        own = np.flatnonzero(data["point_landscape"].values == k)
        points = data["point_state"].values[own]
        away = np.linalg.norm(np.asarray(hs)[:, :, None] - points, axis=-1) / spread
        np.testing.assert_array_equal(data["nearest"].values[k], own[away.argmin(-1)])
        np.testing.assert_allclose(data["distance"].values[k], away.min(-1), atol=1e-6)


def test_stays_are_those_within_the_radius(found):
    data = found.dataset
    labels = np.where(data["distance"].values[0] <= 0.2, data["nearest"].values[0], -1)
    visits = residence_times(labels)
    at = visits.state >= 0
    assert 0 < at.sum() < labels.size
    for name, part in (("point", "state"), ("length",) * 2, ("began",) * 2, ("start",) * 2):
        np.testing.assert_array_equal(data[f"visit_{name}"].values, getattr(visits, part)[at])


@pytest.mark.parametrize(("landscape", "held"), [(0, []), (1, [0])])
@pytest.mark.parametrize("plane", [0, 1])
def test_an_arrow_is_what_the_step_does_to_its_state(landscape, held, plane, found):
    """Of states whose other component is 0; a latch that is held is put at its value first."""
    data = found.dataset
    flat = data["states"].values.reshape(-1, N)
    mean = flat.mean(0)
    _, _, axes = np.linalg.svd(flat - mean, full_matrices=False)
    axes *= np.where(axes[np.arange(N), np.abs(axes).argmax(1)] < 0, -1, 1)[:, None]
    paths = data["pca"].values[0].reshape(-1, N)
    np.testing.assert_allclose(paths, (flat - mean) @ axes.T, atol=1e-6)
    pair = [0, plane + 1]
    grid = data["flow_at"].values[0, plane]
    states = mean + grid @ axes[pair]
    states[:, held] = 0
    after = np.tanh(2 * states)
    after[:, held] = 0
    at, moved = (states - mean) @ axes[pair].T, (after - states) @ axes[pair].T
    np.testing.assert_allclose(data["flow_at"].values[landscape, plane], at, atol=1e-5)
    np.testing.assert_allclose(data["flow"].values[landscape, plane], moved, atol=1e-5)


def test_exponents_hold_the_sum_rule(found):
    """All of them: their sum is the mean of log |det J| over the steps that count."""
    data = found.dataset
    logs = np.log(2 * (1 - data["states"].values ** 2)).sum(-1)[:, T // 5 :].mean(1)
    np.testing.assert_allclose(data["exponent_trial"].values.sum(-1), logs, atol=1e-9)
    np.testing.assert_allclose(data["exponent"].values.sum(), logs.mean(), atol=1e-9)
    assert (data["exponent_low"] < data["exponent"]).all()
    last = data["exponent_trace"].values[:, -1]
    np.testing.assert_array_equal(last, data["exponent_trial"].values)
    assert data["exponent_time"].values[-1] == T - T // 5


def test_every_variable_is_as_the_table_says(found):
    data = found.dataset
    for name, variable in data.data_vars.items():
        assert variable.dims == tuple(NAMES[name].dims.split()), name
        assert variable.attrs["long_name"] == NAMES[name].long_name
    assert set(NAMES) - set(data.data_vars) == {"targets"}


def test_the_input_is_held_at_the_mean_of_an_epoch():
    subject = latches()
    data = portrait(subject, replace(SETTINGS, hold="late", exponents=0)).dataset
    x = np.asarray(subject.trials.xs)[:, 4:].mean((0, 1))
    np.testing.assert_allclose(json.loads(data.attrs["held_input"]), x, atol=1e-12)
    states = of(data, 0)
    np.testing.assert_allclose(np.tanh(2 * states + x), states, atol=1e-9)
    assert np.abs(x).max() > 0.01
    # each latch has three points: nearly all of their 27 combinations, once each
    assert 24 <= len(states) == len(np.unique(np.round(states, 6), axis=0)) <= 27


def test_points_stay_inside_a_box():
    data = portrait(latches(), replace(SETTINGS, box=(-0.5, 2.0), exponents=0)).dataset
    states = of(data, 0)
    assert len(states) == 8
    assert states.min() > -0.5
    assert data.sizes["start"] < 512


@pytest.mark.slow
def test_a_tuple_state_is_one_vector_and_a_unit_all_of_its_parts():
    net = network("lstm")
    xs = jax.random.normal(jax.random.key(0), (4, 6, I))
    trials = Trials(xs, None, {"whole": jnp.ones((4, 6))})
    settings = DynamicsSettings(starts=8, exponents=2)
    found = portrait(Subject("lstm", net, trials), settings, {"unit 2": [2]})
    data = found.dataset
    assert data.sizes["entry"] == 8
    assert data["entry"].values.tolist()[3:5] == ["0: 3", "1: 0"]
    mean = np.concatenate([np.asarray(leaf).mean((0, 1)) for leaf in found.intact.hs])
    np.testing.assert_allclose(data["held_at"].values[0, [2, 6]], mean[[2, 6]], atol=1e-9)
    np.testing.assert_allclose(of(data, 1)[:, [2, 6]], mean[None, [2, 6]], atol=1e-9)
    own = [leaf[0] for leaf in np.split(of(data, 0), 2, axis=1)]
    after = net.step(tuple(map(jnp.asarray, own)), jnp.zeros(I))
    np.testing.assert_allclose(np.stack(after), own, atol=1e-9)


def test_a_network_without_fixed_points_says_so():
    """It only grows: `h' = h + 1`, held by nothing."""
    subject = latches(step=lambda h, x: h + 1.0)
    settings = DynamicsSettings(starts=8, exponents=0, iterations=10)
    data = portrait(subject, settings, {"one": [0]}).dataset
    assert (data["nearest"].values == -1).all()
    assert np.isnan(data["distance"].values).all()
    assert data.sizes["visit"] == 0
    assert data["fate"].shape == (1, 0)


@pytest.mark.slow
def test_a_point_without_a_jacobian_stands_last_and_its_change_is_not_known():
    """The square root adds nothing, but has no slope at 0, where half of the trials stay."""
    xs = np.zeros((B, T, N))
    xs[: B // 2] = np.asarray(latches().trials.xs)[: B // 2]
    step = lambda h, x: jnp.tanh(2 * h + x) + 0 * jnp.sqrt(h @ h)
    settings = replace(SETTINGS, starts=64, exponents=0)
    data = portrait(latches(step, xs), settings, {"the first": [0]}).dataset
    own = of(data, 0)
    (zero,) = np.flatnonzero(np.abs(own).max(1) < 1e-6)
    growing = of(data, 0, "point_unstable")
    assert zero == len(own) - 1
    assert growing[zero] == of(data, 0, "point_neutral")[zero] == -1
    assert (np.diff(growing[:-1]) >= 0).all()
    assert growing[0] == 0
    partner, change = (data[name].values[0] for name in ("partner", "fate_unstable"))
    there = partner >= 0
    unknown = (growing < 0) | (data["point_unstable"].values[partner] < 0)
    assert 0 < unknown[there].sum() < there.sum()
    np.testing.assert_array_equal(np.isnan(change), unknown | ~there)


@pytest.mark.slow
def test_a_slow_point_is_told_and_is_no_point_to_be_near_to():
    """The first unit rests at 2, and lingers near 0, where it is slowest."""
    step = lambda h, x: h * 0.5 + x + jnp.eye(N)[0] * (0.5 * h - 0.2 * (h - 2) * (h**2 + 0.01))
    xs = np.zeros((2, T, N))
    xs[:, 0] = [[0, 0.5, -0.5], [2.5, -0.5, 0.3]]
    subject = latches(step, xs)
    settings = DynamicsSettings(starts=32, exponents=0)
    data = portrait(subject, settings).dataset
    slow = data["point_slow"].values.astype(bool)
    states = data["point_state"].values
    np.testing.assert_allclose(states[~slow], [[2, 0, 0]], atol=1e-6)
    # 0 = d/dh (h - 2)(h^2 + 0.01)
    np.testing.assert_allclose(states[slow][:, 0], (4 - np.sqrt(16 - 0.12)) / 6, atol=1e-3)
    assert slow.tolist() == [False] + [True] * slow.sum()
    assert (data["nearest"].values == 0).all()


def test_landscapes_are_searched_from_the_intact_points_too(found):
    """These are not counted as starts."""
    assert len(found.intact.found.verdict) == 512
    for other in found.without:
        assert len(other.found.verdict) == 512 + 27
        assert len(other.labels) == 512


def test_a_removal_holds_all_parts_of_its_units():
    parts = np.arange(6.0).reshape(2, 3), np.arange(6.0, 12).reshape(2, 3)
    out = removal("b", [1], parts, "mean")
    np.testing.assert_array_equal(out.mask, [False, True, False, False, True, False])
    np.testing.assert_array_equal(out.put(np.full((1, 6), -1.0)), [[-1, 2.5, -1, -1, 8.5, -1]])
    assert (removal("b", [1], parts, "zero").value == 0).all()


def test_spans_hold_all_states_and_points_not_far_beyond():
    paths = np.array([[0.0, -1.0], [2.0, 1.0]])
    points = np.array([[3.0, 0.0], [5.0, 0.0], [1.0, -3.5]])
    # the second and the third lie more than the states' extent beyond them
    room = 0.06 * np.array([3.0, 2.0])
    expected = np.array([[0 - room[0], 3 + room[0]], [-1 - room[1], 1 + room[1]]])
    np.testing.assert_allclose(spans_of(paths, points), expected)


def test_exponents_of_one_trial_have_no_interval():
    subject = latches()
    found = driven_exponents(subject.network, subject.trials.xs[:1], 9)
    assert found.trials.shape == (1, N)
    np.testing.assert_array_equal(found.mean.mean, found.trials[0])
    assert np.isnan(found.mean.low).all()
    assert np.isnan(found.mean.high).all()


def test_pairs_are_made_nearest_first_and_each_point_is_in_one():
    before = np.array([[0.0], [1.0], [1.1], [5.0], [9.0]])
    after = np.array([[1.02], [0.4], [20.0]])
    found = fates(before, after, spread=2.0, kept=0.05, moved=0.5)
    # 1.0 is nearest to 1.02; 1.1 would be, but it is taken; 0.4 is left for 0.0
    assert found.fate.tolist() == [1, 0, 2, 2, 2]
    assert found.partner.tolist() == [1, 0, -1, -1, -1]
    np.testing.assert_allclose(found.distance, [0.2, 0.01, 0.04, 1.99, 3.99], atol=1e-12)


@pytest.mark.parametrize(("U", "V"), [(0, 0), (3, 0), (0, 2)])
def test_no_points_are_no_pairs(U, V):
    found = fates(np.zeros((U, 2)), np.zeros((V, 2)), 1.0, 0.1, 0.5)
    assert found.fate.tolist() == [2] * U
    assert np.isnan(found.distance).all()


def test_a_line_of_points_is_one_family(on_line):
    """A start rests where its first unit was: many points, each with the eigenvalue 1."""
    data = on_line.dataset
    intact = data["point_landscape"].values == 0
    assert intact.sum() > 5
    assert data["family_dimension"].values.tolist() == [1]
    # the one point that is left without the first unit is not asked
    np.testing.assert_array_equal(data["point_family"].values, np.where(intact, 0, -1))


def test_a_ring_is_one_family_and_its_centre_is_isolated():
    def ring(h, x):
        r = jnp.sqrt(h[:2] @ h[:2] + 1e-300)
        return jnp.append(h[:2] * (1.5 - 0.5 * r), 0.5 * h[2]) + x

    data = portrait(latches(ring), DynamicsSettings(starts=24, exponents=0)).dataset
    radius = np.linalg.norm(data["point_state"].values[:, :2], axis=1)
    on = radius > 0.5
    np.testing.assert_allclose(radius[on], 1, atol=1e-9)
    assert on.sum() > 5
    assert (~on).sum() == 1
    assert data["family_dimension"].values.tolist() == [1]
    np.testing.assert_array_equal(data["point_family"].values, np.where(on, 0, -1))


class Creeping(eqx.Module):
    """A ring along which the state creeps by 1e-8 radians a step at most: 16 points rest on it."""

    c: jax.Array

    def __call__(self, h, x):
        r = jnp.sqrt(h[:2] @ h[:2] + 1e-300)
        angle = 1e-8 * jnp.sin(8 * jnp.arctan2(h[1], h[0]))
        turned = h[:2] + angle * jnp.stack([-h[1], h[0]])
        gain = self.c.astype(h.dtype)
        return jnp.append(turned * (gain[0] - gain[1] * r), gain[1] * h[2]) + x


@pytest.mark.parametrize(("kind", "dimension"), [(np.float32, [1]), (np.float64, [])])
def test_a_ring_that_creeps_as_its_weights_round_is_one_family(kind, dimension):
    step = Creeping(jnp.asarray([1.5, 0.5], kind))
    data = portrait(latches(step), DynamicsSettings(starts=24, exponents=0)).dataset
    assert data["family_dimension"].values.tolist() == dimension


def test_points_without_neutral_modes_are_not_asked_for_families(found):
    assert found.dataset.sizes["family"] == 0
    assert (found.dataset["point_family"].values == -1).all()


BAD = {
    "starts": (lambda: DynamicsSettings(starts=0), "starts must be at least 1, got 0"),
    "kept": (lambda: DynamicsSettings(kept=0.6), "kept must be at most moved"),
    "near": (lambda: DynamicsSettings(near=0.0), "near must be a number above 0"),
    "sides": (lambda: DynamicsSettings(box=(1.0, 1.0)), "box must be its lowest"),
    "value": (lambda: DynamicsSettings(value="noise"), "value must be one of mean, zero"),
    "seed": (lambda: DynamicsSettings(seed=-1), "seed must lie in"),
    "settings": (lambda: portrait(latches(), {"starts": 3}), "settings must be DynamicsSettings"),
    "set": (
        lambda: portrait(latches(), SETTINGS, {"all": [2, 0, 1]}),
        "a set must leave at least one unit, got all 3",
    ),
    "unit": (
        lambda: units_named(replace(latches(), units=("b",)), ("c",)),
        "no unit is called 'c'; units are b to b",
    ),
    "hold": (
        lambda: portrait(latches(), replace(SETTINGS, hold="cue")),
        "hold must be one of zero, early, late, got",
    ),
    "box": (lambda: portrait(latches(), replace(SETTINGS, box=(5.0, 6.0))), "holds none of 512"),
    "run": (
        lambda: portrait(latches(lambda h, x: 1e30 * (h + x) ** 3)),
        "the clean run is not finite at trial",
    ),
    "width": (lambda: portrait(latches(xs=np.ones((B, T, 2)))), "the step rejects"),
    "indices": (
        lambda: portrait(
            latches(lambda h, x: jnp.tanh(h), np.ones((B, T, N), int)),
            replace(SETTINGS, hold="late"),
        ),
        "inputs must be floats",
    ),
}


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_one_line(name):
    told_in_one_line(*BAD[name])
