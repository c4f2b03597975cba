"""Families of fixed points: lines, rings and planes, and what only looks like one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import told_in_one_line
from test_fixed_points import NONE, Affine, rolled, uniform

from rnn_jax import rollout
from rnn_jax.dynamics import families, fixed_points, refine, stability
from rnn_jax.planted import ring_attractor

TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]


def turned(values):
    """A linear step with these eigenvalues, along the columns of `TURN`."""
    return Affine(jnp.asarray(TURN * np.asarray(values) @ TURN.T), jnp.zeros(4))


def circle(angles):
    return np.stack([np.cos(angles), np.sin(angles)], -1)


def rings(h, x):
    """Two units turn with any speed: radius 1 and radius 2 rest, 0 and 1.5 too but unstably."""
    r = jnp.sqrt(h @ h)
    return h * (1 - 0.5 * (r - 1) * (r - 1.5) * (r - 2))


@pytest.mark.parametrize("d", [1, 2, 4])
def test_a_linear_step_has_one_family_of_the_dimension_of_its_eigenvalue_1(d):
    values = np.array([1.0] * d + [0.5, -0.3, 0.9][: 4 - d])
    points = uniform(30, d, reach=2.0) @ TURN[:, :d].T
    found = families(turned(values), jnp.zeros(4), points, points)
    assert found.dimension.tolist() == [d]
    assert found.counts.tolist() == [30]
    assert (found.labels == 0).all()
    assert (found.null == d).all()
    # the tangent is the space of the eigenvalue 1, in an orthonormal basis
    inside = found.tangent @ found.tangent.transpose(0, 2, 1)
    np.testing.assert_allclose(inside - TURN[:, :d] @ TURN[:, :d].T, 0, atol=1e-10)


def test_what_refining_finds_on_a_line_is_one_family():
    step = turned([1, 0.5, 0.2, -0.4])
    refined = jax.jit(jax.vmap(lambda h: refine(step, jnp.zeros(4), h)))
    points, q = refined(jnp.asarray(uniform(20, 4)))
    assert float(q.max()) < 1e-24
    line = families(step, jnp.zeros(4), points, uniform(20, 4))
    assert (line.dimension.tolist(), line.counts.tolist()) == ([1], [20])


def test_each_start_rests_on_the_line_where_it_was():
    # the pivots of `J - 1` are rounding, and not 0: a move by them would go anywhere on the line
    step, starts = turned([1, 0.5, 0.2, -0.4]), uniform(20, 4)
    found = fixed_points(step, jnp.zeros(4), starts)
    assert found.converged.all()
    np.testing.assert_allclose(found.points, starts @ TURN[:, :1] @ TURN[:, :1].T, atol=1e-6)
    line = families(step, jnp.zeros(4), found.points, starts)
    assert (line.dimension.tolist(), line.counts.tolist()) == ([1], [20])


def test_two_rings_are_two_families_and_their_centre_is_isolated():
    angles = np.random.default_rng(0).uniform(0, 2 * np.pi, 60)
    on = np.concatenate([2 * circle(angles[:35]), circle(angles[35:])])
    points = np.concatenate([on, np.zeros((1, 2))])[np.random.default_rng(1).permutation(61)]
    found = families(rings, NONE, points, points)
    assert (found.dimension.tolist(), found.counts.tolist()) == ([1, 1], [35, 25])
    radius = np.linalg.norm(points, axis=1)
    np.testing.assert_allclose(radius[found.labels == 0], 2)
    np.testing.assert_allclose(radius[found.labels == 1], 1)
    np.testing.assert_allclose(points[found.labels < 0], 0)
    # the tangent of a ring is at right angles to the radius
    on = found.labels >= 0
    np.testing.assert_allclose(np.einsum("sn,snd->sd", points, found.tangent)[on], 0, atol=1e-12)


def test_few_points_on_a_ring_are_one_family_and_a_single_one_too():
    for count in (1, 5):
        points = 2 * circle(0.3 + 2 * np.pi * np.arange(count) / 5)
        found = families(rings, NONE, points, np.array([[2.0, 0], [-2, 0], [0, 2], [0, -2]]))
        assert (found.dimension.tolist(), found.counts.tolist()) == ([1], [count])


def test_three_isolated_points_beside_a_line_stay_isolated():
    # h0 rests at -1, 0, 1 and 2: at 1 the second unit keeps what it has, elsewhere it falls to 0
    def step(h, x):
        at_one = jnp.exp(-50 * (h[0] - 1) ** 2)
        change = 0.1 * h[0] * (h[0] ** 2 - 1) * (h[0] - 2)
        return jnp.stack([h[0] - change, h[1] * (0.5 + 0.5 * at_one)])

    line = np.stack([np.ones(20), uniform(20, 1)[:, 0]], 1)
    points = np.concatenate([line[:10], [[-1, 0], [0, 0], [2, 0]], line[10:]])
    found = families(step, NONE, points, points)
    assert (found.dimension.tolist(), found.counts.tolist()) == ([1], [20])
    assert np.flatnonzero(found.labels < 0).tolist() == [10, 11, 12]
    assert found.null[10:13].tolist() == [0, 0, 0]


@pytest.mark.parametrize("power", [2, 3, 5])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bifurcation_is_no_family(power, sign):
    step = lambda h, x: h + sign * h**power
    found = fixed_points(step, NONE, uniform(30, 1))
    points = found.points[found.converged]
    # the eigenvalue is 1, to within the margin, in a cloud of points
    assert len(points) > 10
    marginal = families(step, NONE, points, uniform(30, 1), margin=1e-3)
    assert (marginal.null == 1).all()
    assert (marginal.labels == -1).all()
    assert marginal.dimension.size == 0


def test_three_marginal_points_in_a_row_are_not_a_line():
    # the derivative is exactly 1 at each, and what lies between moves
    step = lambda h, x: jnp.stack([h[0] - 0.2 * jnp.sin(jnp.pi * h[0]) ** 3, 0.5 * h[1]])
    points = np.array([[-1.0, 0], [0, 0], [1, 0]])
    found = families(step, NONE, points, points, reach=0.1)
    assert (found.null == 1).all()
    assert (found.labels == -1).all()


def nearly(h, x, slow=1e-4):
    """A ring along which the state creeps: eight points rest on it, four of them stably."""
    r, angle = jnp.sqrt(h @ h), jnp.arctan2(h[1], h[0])
    turn = slow * jnp.sin(4 * angle)
    c, s = jnp.cos(turn), jnp.sin(turn)
    out = h * (1 + 0.5 * (1 - r))
    return jnp.stack([c * out[0] - s * out[1], s * out[0] + c * out[1]])


def test_a_ring_that_creeps_is_one_only_at_the_tolerance_that_says_so():
    eighths = circle(np.arange(8) * np.pi / 4)
    exact = families(nearly, NONE, eighths, eighths)
    assert (exact.labels == -1).all()
    assert (exact.null == 0).all()
    # its eigenvalues are nearly 1, so that the margin alone would call it a ring
    loose = families(nearly, NONE, eighths, eighths, margin=1e-3)
    assert (loose.null == 1).all()
    assert (loose.labels == -1).all()
    # "fixed" as slow as it creeps
    slow = families(nearly, NONE, eighths, eighths, margin=1e-3, tolerance=1e-8)
    assert (slow.dimension.tolist(), slow.counts.tolist()) == ([1], [8])


def test_a_state_of_two_parts_and_another_order_of_points():
    def step(h, x):
        a, b = h
        return 0.5 * a + 0.5 * b, b

    a = uniform(12, 2)
    points = (a, a)
    found = families(step, NONE, points, points)
    assert (found.dimension.tolist(), found.counts.tolist()) == ([2], [12])
    assert found.tangent.shape == (12, 4, 2)
    # units on a line that is not through 0
    off = Affine(jnp.diag(jnp.array([1.0, 0.5])), jnp.array([0.0, 1.0]))
    line = np.stack([np.linspace(-1, 1, 20), np.full(20, 2.0)], 1)
    whole = families(off, jnp.zeros(2), line, line)
    mixed = families(off, jnp.zeros(2), line[::-1], line, memory=2 * 8 * 4 * 8)
    np.testing.assert_array_equal(whole.labels, mixed.labels)


@pytest.mark.slow
def test_the_planted_ring_attractor_is_one_family_of_dimension_1():
    network = ring_attractor().network
    xs = np.zeros((400, 3))
    run = lambda h0: rollout(network.step, h0, jnp.asarray(xs)).hs[-1]
    cue = circle(np.linspace(0, 2 * np.pi, 8, endpoint=False) + 0.1)
    bump = np.maximum(cue @ circle(2 * np.pi * np.arange(48) / 48).T, 0)
    starts = np.asarray(jax.jit(jax.vmap(run))(jnp.asarray(np.pad(bump, ((0, 0), (0, 96))))))
    found = fixed_points(network.step, jnp.zeros(3), starts)
    assert found.converged.all()
    ring = families(network.step, jnp.zeros(3), found.points, starts)
    assert (ring.dimension.tolist(), ring.counts.tolist()) == ([1], [8])
    near = stability(network.step, jnp.zeros(3), found.points[:3])
    assert (near.neutral == 1).all()
    assert (near.unstable == 0).all()
    np.testing.assert_allclose(near.eigenvalues[:, 0], 1, atol=1e-12)


ZEROS = np.zeros((4, 2))
BAD = {
    "margin": (lambda: families(rolled(2), NONE, ZEROS, ZEROS, margin=0.0), "margin must"),
    "reach": (lambda: families(rolled(2), NONE, ZEROS, ZEROS, reach=-1.0), "reach must"),
    "tolerance": (lambda: families(rolled(2), NONE, ZEROS, ZEROS, tolerance=0), "tolerance must"),
    "states": (lambda: families(rolled(2), NONE, ZEROS, np.zeros((3, 3))), "3 numbers each"),
    "no points": (lambda: families(rolled(2), NONE, ZEROS[:0], ZEROS), "at least one state"),
    "width": (lambda: families(rolled(2), NONE, np.zeros((1, 3)), ZEROS), "the step rejects"),
    "memory": (lambda: families(rolled(2), NONE, ZEROS, ZEROS, memory=8), "does not hold"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
