"""Continuation: folds in closed form, bifurcations, inputs, strengths and checkpoints."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, network, normal, told_in_one_line
from scipy.optimize import brentq
from test_families import TURN
from test_fixed_points import NONE, Affine, Weights

from rnn_jax import clamp
from rnn_jax.dynamics import End, continuation, held, refine, stability

W = 2.0
OVER_INPUT = lambda b: lambda h, x: jnp.tanh(W * h + b)


def test_both_folds_of_a_unit_with_its_own_excitation_are_passed():
    # folds of h = tanh(w h + b): 1 = w (1 - h^2), b = artanh(h) - w h
    branch = continuation(OVER_INPUT, NONE, np.array([-0.99]), np.linspace(-1.5, 1.5, 13))
    h, b = branch.points[:, 0], branch.values
    assert branch.end == End.REACHED
    assert f"{branch.end}" == str(branch.end) == "REACHED"
    np.testing.assert_allclose(np.tanh(W * h + b), h, atol=1e-12)
    assert branch.residual.max() < 1e-24
    fold = np.sqrt(1 - 1 / W)
    np.testing.assert_allclose(branch.folds[:, 0], [-fold, fold], atol=1e-6)
    at = np.interp(branch.folds_at, np.arange(13), np.linspace(-1.5, 1.5, 13))
    expected = np.arctanh(-fold) + W * fold
    np.testing.assert_allclose(at, [expected, -expected], atol=1e-11)
    # one way along h, forwards, back and forwards along the input; unstable in between
    assert (np.diff(h) > 0).all()
    np.testing.assert_array_equal(branch.unstable, np.abs(h) < fold)
    np.testing.assert_allclose(branch.eigenvalues[:, 0], W * (1 - h**2), atol=1e-10)


def test_each_value_that_the_branch_passes_has_its_points():
    values = np.linspace(-1.5, 1.5, 13)
    branch = continuation(OVER_INPUT, NONE, np.array([-0.99]), values)
    side = np.linspace(-1.01, 1.01, 1000)
    for k in range(13):
        away = lambda h, b=values[k]: np.tanh(W * h + b) - h
        turns = np.flatnonzero(np.diff(np.sign(away(side))))
        known = [brentq(away, side[i], side[i + 1], xtol=1e-14) for i in turns]
        assert len(known) == (3 if abs(values[k]) < 0.53 else 1)
        np.testing.assert_allclose(np.sort(branch.points[branch.at == k, 0]), known, atol=1e-9)


def test_a_branch_that_vanishes_returns():
    # up to the fold there are two points, beyond it none
    step_at = lambda b: lambda h, x: h + 0.3 * (b - h**2)
    branch = continuation(step_at, NONE, np.array([1.0]), np.array([1.0, 0.0, -1.0]))
    assert branch.end == End.RETURNED
    np.testing.assert_allclose(branch.folds_at, [1.0], atol=1e-9)
    np.testing.assert_allclose(branch.points[[0, -1], 0], [1, -1])
    assert branch.at.max() < 1 + 1e-9
    assert not (branch.at == 2).any()


@pytest.mark.parametrize("values", [[0, 0.1, 5], [0, 1, -1], [0, 0, 1], [1, 1, 1], [0, 1, 1]])
def test_the_path_of_values_may_have_corners(values):
    step_at = lambda b: lambda h, x: 0.5 * h + b
    branch = continuation(step_at, NONE, np.full(1, 2.0 * values[0]), np.array(values, float))
    assert branch.end == End.REACHED
    assert branch.folds_at.size == 0
    np.testing.assert_allclose(branch.values, np.interp(branch.at, range(3), values), atol=1e-12)
    np.testing.assert_allclose(branch.points[:, 0], 2 * branch.values, atol=1e-11)
    whole = branch.at == np.round(branch.at)
    assert branch.at[whole].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(branch.values[whole], values)


def test_corners_of_a_path_of_inputs_and_of_biases():
    w, u = jnp.asarray(0.4 * TURN), normal(11, 4, I)
    xs = normal(12, 6, I)
    driven = lambda x: Affine(w, u @ x)
    inputs = continuation(driven, jnp.zeros(4), np.zeros(4), xs)
    biases = continuation(
        lambda step: step, jnp.zeros(4), np.zeros(4), [driven(x) for x in xs[:3]]
    )
    for branch, count in [(inputs, 6), (biases, 3)]:
        assert branch.end == End.REACHED
        whole = branch.at == np.round(branch.at)
        assert branch.at[whole].tolist() == list(range(count))
        known = np.linalg.solve(np.eye(4) - w, u @ xs[:count].T).T
        np.testing.assert_allclose(branch.points[whole], known, atol=1e-11)


def test_there_and_back_on_the_two_ways_of_a_hysteresis():
    values = np.array([-1.5, -0.2, 1.5, 0.1, -1.5])
    branch = continuation(OVER_INPUT, NONE, np.array([-0.99]), values)
    h, fold = branch.points[:, 0], np.sqrt(1 - 1 / W)
    assert branch.end == End.REACHED
    np.testing.assert_allclose(np.tanh(W * h + branch.values), h, atol=1e-12)
    np.testing.assert_allclose(h[-1], h[0], atol=1e-12)
    # the curve of points is gone along twice, each fold of it in the segment where it is
    np.testing.assert_allclose(branch.folds[:, 0], [-fold, fold, fold, -fold], atol=1e-6)
    b = W * fold - np.arctanh(fold)
    at = [1 + (b + 0.2) / 1.7, (1.5 - b) / 1.3, 3 + (b + 0.1) / 1.6, 2 + (1.5 - b) / 1.4]
    np.testing.assert_allclose(branch.folds_at, at, atol=1e-9)


@pytest.mark.parametrize("b", [1e-1, 1e-3, 1e-6, 1e-10, 0.0, -1e-6, -1e-3, -1e-1])
def test_a_fold_just_before_a_value_or_beyond_it(b):
    step_at = lambda b: lambda h, x: h + 0.3 * (b - h**2)
    branch = continuation(step_at, NONE, np.array([1.0]), np.array([1.0, b, -2.0]))
    assert branch.end == End.RETURNED
    at = 1 + b / (b + 2) if b > 0 else 1 / (1 - b)
    # one that is hardly beyond the value is known within a move
    near = b == 1e-10
    np.testing.assert_allclose(branch.folds_at, [at], atol=1e-3 if near else 1e-9)
    np.testing.assert_allclose(branch.folds, [[0]], atol=0.03 if near else 1e-5)
    np.testing.assert_allclose(branch.values, branch.points[:, 0] ** 2, atol=1e-11)
    passed = branch.points[branch.at == 1, 0]
    if abs(b) > 1e-8:
        known = np.sqrt([b, b]) * [1, -1] if b > 0 else []
        np.testing.assert_allclose(passed, known, atol=1e-9)


def test_values_may_be_a_list_of_numbers_and_a_start_a_number():
    step_at = lambda b: lambda h, x: 0.5 * h + b
    array = continuation(step_at, 0.0, np.zeros(()), np.array([0.0, 1.0]))
    for values in ([0.0, 1.0], (0, 1), [np.float32(0), np.float64(1)]):
        branch = continuation(step_at, 0.0, 0.0, values)
        assert branch.end == End.REACHED
        np.testing.assert_array_equal(branch.points, array.points)
        np.testing.assert_array_equal(branch.values, array.values)
    # a list is a state of two numbers
    pair = lambda b: lambda h, x: [0.5 * h[0] + b, 0.5 * h[1] - b]
    branch = continuation(pair, 0.0, [0.0, 0.0], [0.0, 1.0])
    np.testing.assert_allclose(branch.points[0], 2 * branch.values, atol=1e-11)
    np.testing.assert_allclose(branch.points[1], -2 * branch.values, atol=1e-11)


def test_however_many_values_one_program_is_compiled():
    traced = []

    def step_at(b):
        traced.append(b)
        return lambda h, x: 0.5 * h + b

    counts = []
    for values in ([0.0, 1.0, 0.5], np.sin(np.arange(9))):
        traced.clear()
        continuation(step_at, NONE, np.zeros(1), np.array(values))
        counts.append(len(traced))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("start", [0.0, 0.9])
def test_a_pitchfork_is_followed_honestly(start):
    step_at = lambda w: lambda h, x: jnp.tanh(w * h)
    ends = np.array([2.0, 0.5])
    branch = continuation(step_at, NONE, np.array([start]), ends)
    h, w = branch.points[:, 0], branch.values
    np.testing.assert_allclose(np.tanh(w * h), h, atol=1e-12)
    if start == 0:
        # the point stays, and becomes stable
        assert branch.end == End.REACHED
        np.testing.assert_array_equal(h, 0)
        np.testing.assert_array_equal(branch.unstable, w > 1)
        assert branch.folds_at.size == 0
    else:
        # it meets its mirror image at w = 1, where the branch turns
        assert branch.end == End.RETURNED
        np.testing.assert_allclose(h[-1], -h[0], atol=1e-9)
        np.testing.assert_allclose(np.interp(branch.folds_at, [0, 1], ends), [1], atol=1e-5)
        assert (branch.unstable[np.abs(h) > 0.01] == 0).all()


@pytest.mark.slow
def test_over_an_input_of_a_state_of_two_parts():
    net = network("lstm")
    here, there = normal(6, I), normal(7, I)
    step_at = lambda x: lambda h, none: net.step(h, x)
    start, q = jax.jit(lambda h: refine(net.step, here, h))(net.h0)
    assert float(q) < 1e-28
    branch = continuation(step_at, None, start, jnp.stack([here, 0.5 * (here + there), there]))
    assert branch.end == End.REACHED
    assert jax.tree.structure(branch.points) == jax.tree.structure(net.h0)
    assert branch.values.shape == (len(branch.at), I)
    moved = jax.vmap(lambda h, x: net.step(h, x))(branch.points, jnp.asarray(branch.values))
    for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(branch.points)):
        np.testing.assert_allclose(a, b, atol=1e-11)
    # stability is that of the points, each at its own input
    near = stability(net.step, branch.values, branch.points, per_point=True)
    sizes = np.abs(branch.eigenvalues)
    np.testing.assert_allclose(sizes, np.abs(near.eigenvalues), atol=1e-9)
    np.testing.assert_array_equal(branch.unstable, near.unstable)


def test_over_the_strength_of_an_intervention():
    step = Weights(jnp.diag(jnp.array([2.0, 2.0])))
    # half a clamp leaves tanh(2 h) / 2: the point of the unit ends where the slope is 1
    lesioned = lambda s: held(step, clamp(0, s[None], 0.0), jnp.zeros(2))
    start = np.array([0.95, -0.95])
    branch = continuation(lesioned, NONE, start, jnp.array([0.0, 1.0]))
    h = branch.points
    np.testing.assert_allclose((1 - branch.values) * np.tanh(2 * h[:, 0]), h[:, 0], atol=1e-11)
    np.testing.assert_allclose(h[:, 1], h[0, 1], atol=1e-12)
    np.testing.assert_allclose(branch.at.max(), 0.5, atol=0.02)
    np.testing.assert_allclose(branch.folds_at, [0.5], atol=1e-3)
    np.testing.assert_allclose(branch.folds[0], [0, h[0, 1]], atol=0.05)


def test_over_checkpoints():
    networks = [Weights(w * jnp.eye(2)) for w in (1.5, 2.0, 3.0)]
    branch = continuation(lambda net: net, NONE, np.array([0.9, -0.9]), networks)
    assert branch.end == End.REACHED
    whole = branch.at == np.round(branch.at)
    assert branch.at[whole].tolist() == [0, 1, 2]
    for w, h in zip((1.5, 2.0, 3.0), branch.points[whole]):
        np.testing.assert_allclose(np.tanh(w * h), h, atol=1e-13)
    assert branch.values.w.shape == (len(branch.at), 2, 2)


def test_ends_that_are_neither():
    few = continuation(OVER_INPUT, NONE, np.array([-0.99]), np.array([-1.5, 1.5]), moves=5)
    assert few.end == End.UNFINISHED
    away = continuation(
        lambda b: lambda h, x: h * b + 1, NONE, np.array([2.0]), np.array([0.5, 2])
    )
    assert away.end == End.DIVERGED
    # |h| has a corner at its point, where nothing leads on
    kink = lambda b: lambda h, x: h + 0.5 * (jnp.abs(h) + b)
    corner = continuation(kink, NONE, np.array([1.0]), np.array([-1.0, 1.0]))
    assert corner.end == End.STOPPED
    np.testing.assert_allclose(corner.at[-1], 0.5, atol=1e-3)


VALUES = np.array([0.0, 1.0])
START = np.zeros(1)
BAD = {
    "one value": (lambda: continuation(OVER_INPUT, NONE, START, np.ones(1)), "at least 2"),
    "one number in a list": (
        lambda: continuation(OVER_INPUT, NONE, START, [1.0]), "at least 2"
    ),
    "no values": (lambda: continuation(OVER_INPUT, NONE, START, []), "at least 2"),
    "start": (lambda: continuation(OVER_INPUT, NONE, "a", VALUES), "start must be an array"),
    "start of a list": (lambda: continuation(OVER_INPUT, NONE, [0.0], VALUES), "step"),
    "words": (lambda: continuation(OVER_INPUT, NONE, START, "ab"), "array of numbers"),
    "tolerance": (
        lambda: continuation(OVER_INPUT, NONE, START, VALUES, tolerance=0), "tolerance must"
    ),
    "moves": (lambda: continuation(OVER_INPUT, NONE, START, VALUES, moves=0), "at least 1"),
    "step": (lambda: continuation(3, NONE, START, VALUES), "step_at must be a function"),
    "no point": (
        lambda: continuation(lambda b: lambda h, x: h + 1 + h**2, NONE, START, VALUES),
        "no fixed point at the first value",
    ),
    "structures": (
        lambda: continuation(lambda v: v, NONE, START, [(1.0,), (1.0, 2.0)]), "one structure"
    ),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
