"""Fixed points: exact truths, verdicts that are honest, and what may not change them."""

import subprocess
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, N, network, normal, told_in_one_line

from rnn_jax import clamp
from rnn_jax.dynamics import (
    VERDICTS,
    Verdict,
    coverage,
    fixed_points,
    held,
    refine,
    starts_from,
    taken,
    unique,
)
from rnn_jax.dynamics.trees import rows_of

NONE = jnp.zeros(0)


class Weights(eqx.Module):
    """`tanh(W h)`."""

    w: jax.Array

    def __call__(self, h, x):
        return jnp.tanh(self.w @ h)


class Affine(eqx.Module):
    """`A h + b + x`."""

    a: jax.Array
    b: jax.Array

    def __call__(self, h, x):
        return self.a @ h + self.b + x


def rolled(n):
    """Row i is `-roll(linspace(-1, 1, n), -i)`: 3, 3 and 9 fixed points for n = 2, 3, 4."""
    return Weights(jnp.stack([-jnp.roll(jnp.linspace(-1.0, 1.0, n), -i) for i in range(n)]))


def uniform(count, n, seed=0, reach=1.0):
    return np.random.default_rng(seed).uniform(-reach, reach, (count, n))


def distinct(found):
    return unique(taken(found.points, found.converged)).points


def sorted_rows(points):
    return points[np.lexsort(np.round(points, 9).T)]


@pytest.mark.parametrize(("n", "count"), [(2, 3), (3, 3), (4, 9)])
def test_rolled_weights_have_as_many_points_as_is_known(n, count):
    found = fixed_points(rolled(n), NONE, uniform(200, n))
    assert (found.verdict == Verdict.CONVERGED).all()
    assert found.residual.max() < 1e-28
    points = sorted_rows(distinct(found))
    assert len(points) == count
    # the map is odd
    np.testing.assert_allclose(points, sorted_rows(-points), atol=1e-13)
    moved = np.tanh(points @ np.asarray(rolled(n).w).T)
    np.testing.assert_allclose(moved, points, atol=1e-14)
    assert found.precision == "float64"


def test_all_points_in_two_dimensions_are_those_of_a_grid():
    step = Weights(jnp.array([[2.0, -0.2], [0.1, 2.5]]))
    points = sorted_rows(distinct(fixed_points(step, NONE, uniform(200, 2))))
    side = np.linspace(-1.05, 1.05, 1001)
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), -1)
    away = np.tanh(grid @ np.asarray(step.w).T) - grid
    # a cell may hold a point where both components change their sign
    corners = np.stack([away[:-1, :-1], away[1:, :-1], away[:-1, 1:], away[1:, 1:]])
    cells = np.argwhere(((corners.min(0) <= 0) & (corners.max(0) >= 0)).all(-1))
    centres = side[cells] + (side[1] - side[0]) / 2
    for point in points:
        assert np.abs(centres - point).max(1).min() < side[1] - side[0]
    for centre in centres:
        assert np.linalg.norm(points - centre, axis=1).min() < 0.02
    assert len(points) == 9


def test_a_linear_map_has_the_point_of_its_closed_form():
    a, b = 0.3 * normal(1, 5, 5), normal(2, 5)
    found = fixed_points(Affine(a, b), jnp.zeros(5), np.asarray(normal(3, 6, 5)))
    expected = np.linalg.solve(np.eye(5) - a, b)
    np.testing.assert_allclose(found.points, np.tile(expected, (6, 1)), atol=1e-12)
    # an unstable one too: what is sought is where it rests, not where it goes
    far = fixed_points(Affine(10 * a, b), jnp.zeros(5), np.asarray(normal(3, 6, 5)))
    np.testing.assert_allclose(far.points[0], np.linalg.solve(np.eye(5) - 10 * a, b), atol=1e-10)
    assert far.converged.all()


def test_a_singular_linear_map_is_told_honestly():
    a = jnp.diag(jnp.array([1.0, 0.5]))
    starts = np.asarray(normal(4, 8, 2))
    # every state (h, 0) rests; each start keeps its own first entry
    line = fixed_points(Affine(a, jnp.zeros(2)), jnp.zeros(2), starts)
    assert line.converged.all()
    np.testing.assert_allclose(line.points[:, 0], starts[:, 0], atol=1e-12)
    assert len(distinct(line)) == 8
    # none rests: the slowest move by 0.01 a step
    none = fixed_points(Affine(a, jnp.array([0.01, 0.0])), jnp.zeros(2), starts)
    assert (none.verdict == Verdict.SLOW).all()
    np.testing.assert_allclose(none.speed, 0.01, rtol=1e-9)
    assert not none.converged.any()


def test_a_perfect_integrator_rests_everywhere():
    starts = np.asarray(normal(4, 8, 3))
    found = fixed_points(lambda h, x: h + x, jnp.zeros(3), starts)
    np.testing.assert_array_equal(found.points, starts)
    assert (found.verdict == Verdict.CONVERGED).all()


@pytest.mark.parametrize("r", [0.5, 2.0, 3.2, 3.9])
def test_the_logistic_map(r):
    found = fixed_points(lambda h, x: x * h * (1 - h), jnp.array([r]), uniform(40, 1, reach=2.0))
    points = np.sort(distinct(found)[:, 0])
    np.testing.assert_allclose(points, np.sort([0, 1 - 1 / r]), atol=1e-13)


def test_a_ghost_is_slow():
    found = fixed_points(lambda h, x: h + 0.1 + h**2, NONE, uniform(5, 1))
    assert (found.verdict == Verdict.SLOW).all()
    np.testing.assert_allclose(found.points, 0, atol=1e-6)
    np.testing.assert_allclose(found.speed, 0.1, rtol=1e-9)


@pytest.mark.parametrize("iterations", [10, 200])
def test_where_descent_leads_away_the_network_itself_is_followed(iterations):
    # q falls for ever further out from |h| = 1 on, while the step comes home from everywhere
    starts = np.linspace(-6, 6, 20)[:, None]
    found = fixed_points(lambda h, x: h - h / (1 + h**2), NONE, starts, iterations=iterations)
    assert (found.verdict == Verdict.CONVERGED).all()
    np.testing.assert_array_equal(np.abs(found.points) < 1e-12, True)


def test_a_ghost_that_is_nearly_at_rest_is_slow():
    # rounding hides what the last moves do to q, long before its slope is 0
    turn = jnp.asarray(np.linalg.qr(np.asarray(normal(3, 4, 4)))[0])
    rates = jnp.array([1.0, 0.5, 0.2])

    def ghost(h, x):
        y = turn @ h
        passing = 1e-5 + (y[:1] - y[1:2]) ** 2
        return h + turn.T @ jnp.concatenate([passing, -rates * jnp.sin(y[1:] - 0.5)])

    found = fixed_points(ghost, NONE, uniform(40, 4))
    assert (found.verdict == Verdict.SLOW).all()
    np.testing.assert_allclose(found.speed, 1e-5, rtol=1e-6)


def test_a_top_or_saddle_between_points_is_left():
    # at 0 the speed is largest, not least, and has no slope
    top = fixed_points(lambda h, x: h + 1 - h**2, NONE, np.zeros((1, 1)))
    assert (top.verdict == Verdict.CONVERGED).all()
    np.testing.assert_allclose(np.abs(top.points), 1)
    both = lambda h, x: h + jnp.stack([1 - h[0] ** 2, 0.1 + h[1] ** 2])
    saddle = fixed_points(both, NONE, np.zeros((1, 2)))
    assert (saddle.verdict == Verdict.SLOW).all()
    np.testing.assert_allclose(np.abs(saddle.points), [[1, 0]], atol=1e-6)


def test_what_diverges_is_not_finite_or_leaves_is_told():
    away = fixed_points(lambda h, x: h + (1 + h**2) ** -0.05, NONE, uniform(5, 1))
    assert (away.verdict == Verdict.DIVERGED).all()
    halved = lambda h, x: jnp.where(h > 0, jnp.nan, 0.5 * h)
    bad = fixed_points(halved, NONE, np.array([[1.0], [-1]]))
    assert bad.verdict.tolist() == [Verdict.DIVERGED, Verdict.CONVERGED]
    assert [VERDICTS[code] for code in bad.verdict] == ["diverged", "converged"]
    half = Affine(0.5 * jnp.eye(2), jnp.ones(2))
    out = fixed_points(half, jnp.zeros(2), uniform(5, 2), box=(-1, 1))
    assert (out.verdict == Verdict.LEFT).all()
    np.testing.assert_allclose(out.points, 2)
    cubic = lambda h, x: h - h**3
    short = fixed_points(cubic, NONE, np.array([[0.9]]), iterations=1, tolerance=1e-60)
    assert VERDICTS[short.verdict[0]] == "unfinished"
    # once from the start, once from where the step itself brings it
    assert 40 <= short.iterations[0] <= 80


def test_a_box_may_be_a_state_and_its_parts():
    step = lambda h, x: (0.5 * h[0] + 1, 0.5 * h[1])
    starts = (np.zeros((3, 2)), np.zeros((3, 2)))
    assert fixed_points(step, NONE, starts, box=((-1, -1), (3, 1))).converged.all()
    tight = fixed_points(step, NONE, starts, box=(np.full(2, -1), np.full(2, 1)))
    assert (tight.verdict == Verdict.LEFT).all()


@pytest.mark.parametrize("cell", ["gru", "lstm", "eqx-lstm"])
def test_gated_cells_rest_where_their_step_says(cell):
    net = network(cell)
    starts = jax.tree.map(lambda h: np.asarray(normal(5, 30, *h.shape)), net.h0)
    x = jnp.asarray(normal(6, I))
    found = fixed_points(net.step, x, starts)
    assert (found.verdict == Verdict.CONVERGED).all()
    moved = jax.vmap(lambda h: net.step(h, x))(jax.tree.map(jnp.asarray, found.points))
    for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(found.points)):
        np.testing.assert_allclose(a, b, atol=1e-11)
    assert jax.tree.structure(found.points) == jax.tree.structure(net.h0)


def test_each_start_may_have_its_own_input():
    step = lambda h, x: jnp.tanh(0.5 * h + x)
    xs = np.linspace(-1, 1, 7)[:, None]
    found = fixed_points(step, xs, np.zeros((7, 1)), per_point=True)
    for x, point in zip(xs, found.points):
        np.testing.assert_allclose(fixed_points(step, x, np.zeros((1, 1))).points[0], point)
    # the same state under another input is another point
    rest = fixed_points(lambda h, x: 0.5 * h + 0 * x, xs, np.zeros((7, 1)), per_point=True)
    assert len(unique(rest.points).points) == 1
    assert len(unique(rest.points, inputs=xs).points) == 7


def test_a_clamped_unit_takes_its_points_away():
    step = Weights(jnp.diag(jnp.array([2.0, 2.0])))
    starts = uniform(100, 2)
    assert len(distinct(fixed_points(step, NONE, starts))) == 9
    without = held(step, clamp(0, jnp.ones(1), 0.0), jnp.zeros(2))
    points = distinct(fixed_points(without, NONE, starts))
    assert len(points) == 3
    np.testing.assert_allclose(points[:, 0], 0, atol=1e-15)


def test_float32_in_is_float64_within_and_the_setting_stays():
    """In a process of its own: the tests' is set to float64."""
    code = """
import jax, jax.numpy as jnp, numpy as np, equinox as eqx
from rnn_jax.dynamics import fixed_points, stability, unique
class Weights(eqx.Module):
    w: jax.Array
    def __call__(self, h, x):
        return jnp.tanh(self.w @ h + x)
w = jnp.array([[2.0, -0.2], [0.1, 2.5]])
assert w.dtype == jnp.float32
starts = jax.random.uniform(jax.random.key(0), (50, 2), minval=-1.0)
rounds = lambda h, x: jnp.tanh(w @ h.astype(jnp.float32) + x).astype(h.dtype)
for step in (Weights(w), lambda h, x: jnp.tanh(w @ h + x), eqx.filter_jit(Weights(w))):
    found = fixed_points(step, jnp.zeros(2), starts)
    assert found.precision == "float64" and found.residual[found.converged].max() < 1e-24
    assert found.converged.mean() > 0.7 and not (found.verdict == 1).any()
    assert found.points.dtype == np.float64
    points = found.points[found.converged]
    assert np.abs(np.tanh(points @ np.asarray(w, float).T) - points).max() < 1e-14
    assert stability(step, jnp.zeros(2), found.points).eigenvalues.dtype == np.complex128
own = fixed_points(rounds, jnp.zeros(2), starts)
assert own.precision == "float32", own.precision
assert (own.verdict == 1).mean() > 0.6 and not (own.verdict == 0).any(), own.verdict
near = np.linalg.norm(own.points[:, None] - points[None], axis=2).min(1)
assert near[own.converged].max() < 1e-5
assert not jax.config.jax_enable_x64 and jnp.ones(1).dtype == jnp.float32
"""
    line = [sys.executable, "-W", "error", "-c", code]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_renaming_units_renames_points():
    order = np.array([2, 0, 3, 1])
    step = rolled(4)
    other = Weights(step.w[order][:, order])
    starts = uniform(60, 4)
    found = fixed_points(step, NONE, starts)
    renamed = fixed_points(other, NONE, starts[:, order])
    np.testing.assert_allclose(renamed.points, found.points[:, order], atol=1e-12)


def test_chunks_change_nothing_but_rounding():
    starts = uniform(70, 4)
    whole = fixed_points(rolled(4), NONE, starts)
    parts = fixed_points(rolled(4), NONE, starts, memory=16 * 16 * 8 * 9)
    np.testing.assert_allclose(parts.points, whole.points, atol=1e-12)
    np.testing.assert_array_equal(parts.verdict, whole.verdict)


def test_one_start_is_refined_under_jit_and_vmap():
    starts = jnp.asarray(uniform(20, 4))
    points, q = jax.jit(jax.vmap(lambda h: refine(rolled(4), NONE, h)))(starts)
    assert float(q.max()) < 1e-28
    known = distinct(fixed_points(rolled(4), NONE, uniform(200, 4)))
    away = np.linalg.norm(np.asarray(points)[:, None] - known[None], axis=2).min(1)
    assert away.max() < 1e-10
    # over networks, as of training
    scales = jnp.linspace(1.2, 2.0, 5)
    step = lambda w: lambda h, x: jnp.tanh(w * h)
    rest, _ = jax.vmap(lambda w: refine(step(w), NONE, jnp.full(1, 0.9)))(scales)
    np.testing.assert_allclose(jnp.tanh(scales * rest[:, 0]), rest[:, 0], atol=1e-14)
    assert float(rest.min()) > 0.5


def test_starts_lie_where_they_should():
    states = {"a": normal(7, 40, 3), "b": normal(8, 40, 2, 2)}
    starts = starts_from(states, jax.random.key(0), 80, noise=0.1)
    assert starts["a"].shape == (80, 3)
    assert starts["b"].shape == (80, 2, 2)
    rows, known = rows_of("starts", starts), rows_of("states", states)
    away = lambda rows: np.linalg.norm(rows[:, None] - known[None], axis=2).min(1)
    np.testing.assert_allclose(away(rows[:20]), 0, atol=1e-12)
    assert 0.05 < np.mean(away(rows[20:40])) < 0.6
    assert (away(rows[40:]) > 0.05).sum() > 30
    middle = ((known[:, None] + known[None]) / 2).reshape(-1, 7)
    assert max(np.abs(middle - row).max(1).min() for row in rows[60:]) < 1e-12
    assert len(starts_from(normal(7, 1, 3), jax.random.key(0), 5)) == 5


def test_unique_counts_and_takes_the_spread_of_states():
    points = np.array([[0.0, 0], [1, 0], [1e-7, 0], [1, 1e-7], [0, 1]])
    same = unique(points, states=uniform(50, 2))
    assert same.labels.tolist() == [0, 1, 0, 1, 2]
    assert same.counts.tolist() == [2, 2, 1]
    assert same.first.tolist() == [0, 1, 4]
    assert len(unique(points, states=1e-6 * uniform(50, 2)).points) == 5
    # one point found many times has no spread of its own
    assert len(unique(1e-13 * uniform(50, 2)).points) == 1


def test_coverage_is_the_mean_over_orders():
    labels = np.array([0, 0, 0, 1, 2, 1, -1])
    rng = np.random.default_rng(0)
    drawn = [rng.permutation(labels) for _ in range(4000)]
    mean = np.mean([[len(set(o[: k + 1]) - {-1}) for k in range(7)] for o in drawn], 0)
    seen = coverage(labels)
    np.testing.assert_allclose(seen.found, mean, atol=0.05)
    assert seen.found[-1] == pytest.approx(3)
    assert seen.unseen == pytest.approx(1 / 7)


STEP, ZEROS = rolled(2), np.zeros((4, 2))
BAD = {
    "no starts": (lambda: fixed_points(STEP, NONE, np.zeros((0, 2))), "at least one state"),
    "no axis": (lambda: fixed_points(STEP, NONE, np.float64(1.0)), "one leading axis"),
    "one state": (lambda: fixed_points(STEP, NONE, np.zeros(4)), "rows, [S, N], also where"),
    "width": (lambda: fixed_points(STEP, NONE, np.zeros((4, 3))), "the step rejects"),
    "input": (
        lambda: fixed_points(network("gru").step, np.zeros(I + 1), np.zeros((4, N))),
        "the step rejects",
    ),
    "inputs": (
        lambda: fixed_points(STEP, np.zeros((3, 2)), np.zeros((4, 2)), per_point=True),
        "x must be [4, ...]",
    ),
    "not finite": (lambda: fixed_points(STEP, NONE, np.full((4, 2), np.nan)), "not finite"),
    "box": (lambda: fixed_points(STEP, NONE, 2 + ZEROS, box=(-1, 1)), "inside the box"),
    "a box of one": (lambda: fixed_points(STEP, NONE, ZEROS, box=1), "must be a pair"),
    "a box upside down": (lambda: fixed_points(STEP, NONE, ZEROS, box=(1, -1)), "below"),
    "a box of three": (
        lambda: fixed_points(STEP, NONE, ZEROS, box=(np.zeros(3), 1)),
        "must fit a state",
    ),
    "tolerance": (lambda: fixed_points(STEP, NONE, ZEROS, tolerance=0), "above 0"),
    "iterations": (lambda: fixed_points(STEP, NONE, ZEROS, iterations=0), "at least 1"),
    "memory": (lambda: fixed_points(STEP, NONE, ZEROS, memory=10), "does not hold"),
    "step": (lambda: fixed_points(3, NONE, np.zeros((4, 2))), "must be a function"),
    "structure": (lambda: fixed_points(lambda h, x: (h, h), NONE, ZEROS), "must return"),
    "traced": (
        lambda: jax.jit(lambda h: fixed_points(STEP, NONE, h).residual)(jnp.zeros((4, 2))),
        "on the host",
    ),
    "held": (lambda: held(STEP, clamp(0, jnp.ones(2), 0.0), jnp.zeros(2)), "T = 1"),
    "refine": (lambda: refine(STEP, NONE, jnp.zeros(2), 0), "at least 1"),
    "unique": (lambda: unique(np.zeros((4, 2)), tolerance=-1.0), "above 0"),
    "unique NaN": (lambda: unique(np.full((4, 2), np.nan)), "not finite"),
    "unique states": (lambda: unique(np.zeros((4, 2)), np.zeros((4, 3))), "3 numbers each"),
    "unique inputs": (lambda: unique(np.zeros((4, 2)), inputs=np.zeros((3, 1))), "one a point"),
    "labels": (lambda: coverage(np.zeros(3)), "integers"),
    "count": (lambda: starts_from(np.zeros((3, 2)), jax.random.key(0), 0), "at least 1"),
    "states": (lambda: starts_from(np.zeros((0, 2)), jax.random.key(0), 3), "at least 1"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
