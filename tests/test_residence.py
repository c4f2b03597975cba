"""Residence, passage, winding: chains in closed form, all walks counted, turns that are known."""

from itertools import product
from math import comb

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import inputs, network, told_in_one_line
from scipy.stats import binom

from rnn_jax import rollout
from rnn_jax.dynamics import (
    first_passage,
    fixed_points,
    geometric,
    labels_near,
    residence_times,
    speed,
    survival,
    transitions,
    visits_survival,
    winding,
    winding_test,
    without_blips,
)


def chain(seed, move, B, T):
    """Labels of a Markov chain, `move` being `[to, from]`."""
    rng = np.random.default_rng(seed)
    ends, K = np.cumsum(move, 0), len(move)
    labels = np.zeros((B, T), int)
    labels[:, 0] = rng.integers(0, K, B)
    for t in range(1, T):
        labels[:, t] = (rng.random(B)[:, None] > ends[:, labels[:, t - 1]].T).sum(1)
    return labels


MOVE = np.array([[0.9, 0.1, 0.0], [0.1, 0.7, 0.5], [0.0, 0.2, 0.5]])


def test_visits_by_hand():
    visits = residence_times(np.array([[0, 0, 1, 1, 1, -1], [2, 2, 2, 2, 2, 2]]))
    assert visits.state.tolist() == [0, 1, -1, 2]
    assert visits.length.tolist() == [2, 3, 1, 6]
    assert visits.trial.tolist() == [0, 0, 0, 1]
    assert visits.start.tolist() == [0, 2, 5, 0]
    assert visits.began.tolist() == [False, True, True, False]
    assert visits.ended.tolist() == [True, True, False, False]
    # a trial's end is the end of its visit, though the next begins with the same label
    joined = residence_times(np.array([[0, 1], [1, 0]]))
    assert joined.length.tolist() == [1, 1, 1, 1]
    assert residence_times(np.array([3, 3])).length.tolist() == [2]


def test_visits_cover_every_step():
    labels = chain(0, MOVE, 5, 40)
    visits = residence_times(labels)
    again = np.repeat(visits.state, visits.length).reshape(5, 40)
    np.testing.assert_array_equal(again, labels)
    assert (visits.began.sum(), visits.ended.sum()) == (len(visits.state) - 5,) * 2


def test_blips_are_taken_out():
    labels = np.array([0, 1, 1, 0, 1, 1, 2, 0, 0, 2])
    assert without_blips(labels, 2).tolist() == [0, 1, 1, 1, 1, 1, 1, 0, 0, 2]
    np.testing.assert_array_equal(without_blips(labels, 1), labels)
    both = without_blips(np.array([[1, 1, 0, 1], [0, 1, 0, 0]]), 2)
    assert both.tolist() == [[1, 1, 1, 1], [0, 0, 0, 0]]


def test_transitions_are_counted_to_from():
    labels = np.array([[0, 1, 1, -1], [2, 0, 0, 1]])
    counts = transitions(labels, 3)
    expected = np.zeros((3, 3), int)
    expected[1, 0], expected[1, 1], expected[0, 2], expected[0, 0] = 2, 1, 1, 1
    np.testing.assert_array_equal(counts, expected)
    counts = transitions(chain(1, MOVE, 50, 400), 3)
    spread = np.sqrt(MOVE * (1 - MOVE) / counts.sum(0, keepdims=True))
    assert (np.abs(counts / counts.sum(0, keepdims=True) - MOVE) <= 4 * spread).all()


def test_residence_of_a_markov_chain_lies_in_its_interval():
    inside, total = 0, 0
    for seed in range(60):
        visits = residence_times(chain(seed, MOVE, 8, 60))
        for state, stay in enumerate(np.diag(MOVE)):
            found = geometric(visits, state)
            assert found.leave_low <= found.leave <= found.leave_high
            np.testing.assert_allclose(found.mean, 1 / found.leave)
            inside += found.mean_low <= 1 / (1 - stay) <= found.mean_high
            total += 1
    # nominal 95 %: too few inside has a chance of 0.1 %
    assert binom.ppf(0.001, total, 0.95) <= inside
    assert inside < total


def test_what_censoring_would_hide():
    # trials of 12 steps, a mean residence of 10
    move = np.array([[0.9, 0.1], [0.1, 0.9]])
    visits = residence_times(chain(3, move, 3000, 12))
    found = geometric(visits, 0)
    np.testing.assert_allclose(found.mean, 10, rtol=0.05)
    whole = visits.began & visits.ended & (visits.state == 0)
    assert visits.length[whole].mean() < 5
    curve = visits_survival(visits, 0)
    exact = 0.9**curve.times
    assert (np.abs(curve.share - exact) < 0.03).all()
    assert ((curve.low <= exact) & (exact <= curve.high)).mean() > 0.7


def test_states_never_left_and_never_seen():
    visits = residence_times(np.zeros(10, int))
    stuck = geometric(visits, 0)
    assert (stuck.exits, stuck.steps, stuck.leave) == (0, 9, 0)
    assert stuck.mean == np.inf
    # P(no exit in 9 steps) is 2.5 % at the upper end
    np.testing.assert_allclose((1 - stuck.leave_high) ** 9, 0.025)
    assert np.isnan(geometric(visits, 1).mean)
    always = geometric(residence_times(np.array([0, 1, 0, 1, 0])), 1)
    assert (always.leave, always.leave_high, always.mean) == (1, 1, 1)


def test_survival_by_hand_and_without_censoring():
    # Kalbfleisch and Prentice's manner: 1, 2+, 3, 3, 4+
    curve = survival(np.array([3, 1, 2, 3, 4]), np.array([True, True, False, True, False]))
    assert curve.times.tolist() == [1, 3]
    assert curve.at_risk.tolist() == [5, 3]
    assert curve.ended.tolist() == [1, 2]
    np.testing.assert_allclose(curve.share, [4 / 5, 4 / 5 / 3])
    spread = np.sqrt(1 / (5 * 4)) / abs(np.log(0.8))
    np.testing.assert_allclose(curve.low[0], 0.8 ** np.exp(1.959964 * spread), rtol=1e-6)
    np.testing.assert_allclose(curve.high[0], 0.8 ** np.exp(-1.959964 * spread), rtol=1e-6)
    lengths = np.random.default_rng(0).integers(1, 9, 50)
    plain = survival(lengths, np.ones(50, bool))
    np.testing.assert_allclose(
        plain.share, [(lengths > t).mean() for t in plain.times], atol=1e-12
    )
    none = survival(np.array([2, 3]), np.zeros(2, bool))
    assert none.times.size == 0


def test_first_passage_of_all_random_walks():
    T, level = 12, 3
    steps = np.array(list(product([-1, 1], repeat=T)))
    when = first_passage(np.cumsum(steps, 1) >= level)
    assert when.time.shape == (2**T,)
    for n in range(1, T + 1):
        # the ballot theorem: level / n of the walks that are there at n are there first
        paths = level * comb(n, (n + level) // 2) // n if (n + level) % 2 == 0 else 0
        assert (when.reached & (when.time == n - 1)).sum() == paths * 2 ** (T - n)
    assert (when.time[~when.reached] == T).all()
    # censored at T for all alike: the curve is the share not there yet
    curve = survival(when.time, when.reached)
    exact = [(when.time > t).mean() for t in curve.times]
    np.testing.assert_allclose(curve.share, exact, atol=1e-12)


def test_first_passage_keeps_leading_axes():
    inside = np.zeros((2, 3, 4), bool)
    inside[1, 2, 1:] = True
    when = first_passage(inside)
    assert when.time.tolist() == [[4, 4, 4], [4, 4, 1]]
    assert when.reached.tolist() == [[False] * 3, [False, False, True]]


def test_labels_near_points():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    hs = np.array([[[0.1, 0.0], [0.9, 0.1]], [[0.5, 0.5], [0.0, 0.8]]])
    assert labels_near(hs, points, 0.3).tolist() == [[0, 1], [-1, 2]]
    assert labels_near(hs[0], points, 0.3, np.array([7, 7, 2])).tolist() == [7, 7]
    # the nearest among those that reach so far
    assert labels_near(hs[1], points, np.array([0.75, 0.1, 0.1])).tolist() == [0, -1]
    assert labels_near(hs[0], points, np.array([0.01, 2.0, 0.01])).tolist() == [1, 1]


def test_the_nearest_of_many_points_that_reach():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    hs = np.array([[0.1, 0.0], [0.9, 0.1], [0.2, 0.9]])
    assert labels_near(hs, points, 3.0).tolist() == [0, 1, 2]


def test_labels_and_speed_of_states_of_two_parts():
    net = network("lstm")
    run = rollout(net.step, net.h0, inputs())
    h, c = run.hs
    near = labels_near(run.hs, jax.tree.map(lambda leaf: leaf[2:4], run.hs), 1e-9)
    assert near.tolist() == [-1, -1, 0, 1, -1, -1]
    moves = speed(run)
    both = np.concatenate([h, c], 1)
    before = np.concatenate([np.concatenate(net.h0)[None], both[:-1]])
    np.testing.assert_allclose(moves, np.linalg.norm(both - before, axis=1))
    runs = jax.vmap(lambda xs: rollout(net.step, net.h0, xs))(jnp.stack([inputs(), inputs(1)]))
    np.testing.assert_allclose(jax.vmap(speed)(runs)[0], moves)


def test_speed_is_that_of_fixed_points():
    step = lambda h, x: jnp.tanh(1.3 * h) + x
    hs = np.array([[0.3, 0.2]])
    run = rollout(step, jnp.asarray(hs[0]), jnp.zeros((1, 2)))
    rest = rollout(step, jnp.zeros(2), jnp.zeros((3, 2)))
    np.testing.assert_array_equal(speed(rest), 0)
    found = fixed_points(step, jnp.zeros(2), hs, iterations=10)
    at = rollout(step, jnp.asarray(found.points[0]), jnp.zeros((1, 2)))
    assert speed(at)[0] < 1e-12 < speed(run)[0]


def circle(turns, T, reverse=False):
    angle = 0.4 + 2 * np.pi * turns * np.arange(T) / (T - 1) * (-1 if reverse else 1)
    return np.stack([np.cos(angle), np.sin(angle)], 1)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_rotation_winds_as_it_does(reverse):
    T, turns = 101, 7.5
    sign = -1 if reverse else 1
    turned = winding(circle(turns, T, reverse), np.zeros(2), direction=0.2)
    np.testing.assert_allclose(turned.rate, sign * turns / (T - 1))
    np.testing.assert_allclose(turned.angle[-1] - turned.angle[0], sign * 2 * np.pi * turns)
    np.testing.assert_allclose(turned.returns, (T - 1) / turns)
    assert len(turned.returns) == (6 if not reverse else 7)
    assert turned.cv < 1e-12
    moved = winding(5 + 3 * circle(turns, T, reverse), np.full(2, 5.0))
    np.testing.assert_allclose(moved.rate, turned.rate)


def test_back_and_forth_is_no_return():
    # two turns, with a shake through the half-line at each quarter step
    angle = np.linspace(0.1, 4 * np.pi + 0.5, 400) + 0.3 * np.sin(np.arange(400))
    turned = winding(np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(2))
    assert len(turned.returns) == 1
    np.testing.assert_allclose(turned.returns, 400 / 2.03, rtol=0.1)
    assert np.isnan(turned.cv)


def test_a_return_is_the_first_time_that_a_turn_is_complete():
    t = np.arange(400)
    angle = 0.04 * t + 1.5 * np.sin(0.9 * t)
    turned = winding(np.stack([np.cos(angle), np.sin(angle)], 1), np.zeros(2))
    np.testing.assert_allclose(turned.angle, angle)
    highest = np.maximum.accumulate(angle) / (2 * np.pi)
    crossed = [int(np.argmax(highest >= k)) for k in range(1, int(highest[-1]) + 1)]
    # between steps by interpolation, so within one step of these
    assert len(turned.returns) == len(crossed) - 1
    np.testing.assert_allclose(turned.returns, np.diff(crossed), atol=1)


def test_a_skewed_plane_winds_alike():
    path = noisy_turns(np.random.default_rng(3), 200)
    skew = np.array([[1.0, 3.0], [0.0, 0.2]])
    plain, skewed = (winding_test(p, jax.random.key(0), 19) for p in (path, path @ skew))
    np.testing.assert_allclose(skewed.order_rates, plain.order_rates, atol=0.01)
    np.testing.assert_allclose(skewed.rate, plain.rate, atol=0.003)
    np.testing.assert_allclose(skewed.cv, plain.cv, rtol=0.2)


def noisy_turns(rng, T, jitter=0.05):
    angle = rng.uniform(0, 7) + np.cumsum(0.4 + jitter * rng.normal(size=T))
    return np.stack([np.cos(angle), np.sin(angle)], 1) + 0.2 * rng.normal(size=(T, 2))


def test_a_noisy_rotation_is_called_one():
    path = noisy_turns(np.random.default_rng(0), 300)
    tested = winding_test(path, jax.random.key(0), 199)
    assert tested.order_p == 1 / 200
    np.testing.assert_allclose(tested.rate, 0.4 / (2 * np.pi), rtol=0.05)
    again = winding_test(path[::-1], jax.random.key(0), 199)
    np.testing.assert_allclose(again.rate, -tested.rate)
    assert again.order_p == 1 / 200
    # a clock with a jitter in its reading is more regular than a walk of the same turns
    assert tested.cv_p == 1 / 200
    # two coordinates of one line each always draw an ellipse
    assert tested.phase_p > 0.05
    # trials that all turn one way are no chance
    rng = np.random.default_rng(1)
    trials = np.stack([noisy_turns(rng, 60) for _ in range(10)])
    assert winding_test(trials, jax.random.key(0), 199).phase_p == 1 / 200
    # and so is one path that is long beside the time it stays in phase
    long = noisy_turns(rng, 1500, jitter=0.5)
    assert winding_test(long, jax.random.key(0), 99).phase_p == 1 / 100


NULLS = {
    "white": lambda rng, T: rng.normal(size=(T, 2)),
    "correlated": lambda rng, T: rng.normal(size=(T, 2)) @ np.array([[1.0, 0.9], [0.0, 0.5]]),
    "slow": lambda rng, T: ar(rng, T, 0.9, 0.0),
    "peaked": lambda rng, T: ar(rng, T, 1.6, -0.81),
}  # fmt: skip


def ar(rng, T, first, second):
    path = np.zeros((T + 100, 2))
    for t in range(2, T + 100):
        path[t] = first * path[t - 1] + second * path[t - 2] + rng.normal(size=2)
    return path[100:]


@pytest.mark.parametrize("kind", NULLS)
def test_noise_is_not_called_an_oscillation_more_often_than_it_should(kind):
    rng, runs = np.random.default_rng(5), 150
    tests = [winding_test(NULLS[kind](rng, 80), jax.random.key(k), 19) for k in range(runs)]
    phase = np.array([tested.phase_p for tested in tests])
    assert (phase <= 0.05).sum() <= binom.ppf(0.999, runs, 0.05)
    # nor is it never called so: the null is near
    assert (phase <= 0.5).sum() >= binom.ppf(0.001, runs, 0.35)
    # noise of a narrow band does turn for long: that null is another one
    if kind != "peaked":
        order = np.array([tested.order_p for tested in tests])
        assert (order <= 0.05).sum() <= binom.ppf(0.999, runs, 0.05)


def test_a_walking_angle_is_not_called_regular():
    rng, runs = np.random.default_rng(6), 150
    count = 0
    for k in range(runs):
        angle = np.cumsum(0.5 + 0.6 * rng.normal(size=120))
        path = np.stack([np.cos(angle), np.sin(angle)], 1)
        count += winding_test(path, jax.random.key(k), 19).cv_p <= 0.05
    assert count <= binom.ppf(0.999, runs, 0.05)


def test_a_surrogate_without_return_times_counts_as_regular():
    # forward at one rate, then back past two turns: reordered, few paths come as far
    turns = np.concatenate([np.arange(0, 3.3, 0.1), np.arange(3.2, 1.0, -0.1)])
    path = np.stack([np.cos(2 * np.pi * turns), np.sin(2 * np.pi * turns)], 1)
    tested = winding_test(path, jax.random.key(0), 199)
    lost = np.isnan(tested.cvs)
    assert lost.sum() > 20
    as_regular = (tested.cvs[~lost] <= tested.cv).sum()
    assert tested.cv_p == (1 + lost.sum() + as_regular) / 200


KEY = jax.random.key(0)
VISITS = residence_times(np.array([0, 0, 1]))
BAD = {
    "floats": (lambda: residence_times(np.zeros(3)), "labels must be integers"),
    "none": (lambda: residence_times(np.zeros((0,), int)), "labels must be integers"),
    "three axes": (lambda: residence_times(np.zeros((1, 2, 3), int)), "labels must be integers"),
    "below -1": (lambda: residence_times(np.array([-2])), "-1 or above"),
    "blips": (lambda: without_blips(np.array([1]), 0), "shortest must be"),
    "states": (lambda: transitions(np.array([0, 4]), 3), "below states = 3"),
    "level": (lambda: geometric(VISITS, 0, level=1.0), "level must"),
    "no visits": (lambda: geometric(np.zeros(3), 0), "visits must be"),
    "state": (lambda: geometric(VISITS, 0.5), "state must be a whole number"),
    "no visit": (lambda: visits_survival(VISITS, 0), "none of state 0"),
    "radius": (lambda: labels_near(np.ones((3, 2)), np.ones((1, 2)), 0.0), "radius must"),
    "width": (
        lambda: labels_near(np.ones((3, 2)), np.ones((1, 3)), 1.0), "got hs [3, 2], points [1, 3]",
    ),
    "no point": (
        lambda: labels_near(np.ones((3, 2)), np.ones((0, 2)), 1.0), "points must hold at least",
    ),
    "no array": (
        lambda: labels_near(np.ones((3, 2)), None, 1.0), "points must hold an array of numbers",
    ),
    "structure": (lambda: labels_near((np.ones(3),), np.ones((1, 3)), 1.0), "one structure"),
    "names": (
        lambda: labels_near(np.ones((3, 2)), np.ones((1, 2)), 1.0, np.zeros(3, int)),
        "labels must be integers, [1]",
    ),
    "inside": (lambda: first_passage(np.array([0, 1])), "inside must be bool"),
    "no step": (lambda: first_passage(np.zeros((2, 0), bool)), "at least one step"),
    "times": (lambda: survival(np.array([np.inf]), np.array([True])), "times must be finite"),
    "sizes": (lambda: survival(np.ones(2), np.array([True])), "ended must be [n]"),
    "run": (lambda: speed(np.ones((3, 2))), "trajectory must be"),
    "path": (lambda: winding(np.ones((3, 3))), "path must be finite [T, 2]"),
    "centre": (lambda: winding(np.ones((3, 2))), "meets the centre"),
    "direction": (lambda: winding(circle(2, 20), direction="x"), "direction must be an array"),
    "no direction": (lambda: winding(circle(2, 20), direction=np.inf), "direction: not finite"),
    "line": (lambda: winding_test(np.arange(8.0).reshape(4, 2), KEY), "lies on a line"),
    "key": (lambda: winding_test(circle(2, 20), 0), "key must be"),
    "no trials": (lambda: winding_test(np.ones((0, 4, 2)), KEY), "at least one trial"),
    "draws": (lambda: winding_test(circle(2, 20), KEY, 0), "draws must be"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
