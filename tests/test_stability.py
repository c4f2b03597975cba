"""Stability of points: closed forms, both kinds of vectors, and what a state of two parts does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, N, network, normal, told_in_one_line
from test_fixed_points import NONE, Affine, Weights, distinct, rolled, uniform

from rnn_jax import jacobians, rollout
from rnn_jax.core import flatten
from rnn_jax.dynamics import fixed_points, stability


def test_the_pair_of_rolled_weights_is_just_unstable():
    points = distinct(fixed_points(rolled(3), NONE, uniform(200, 3)))
    near = stability(rolled(3), NONE, points)
    sizes = np.abs(near.eigenvalues[:, 0])
    centre = np.abs(points).max(1) < 1e-6
    assert sizes[~centre] == pytest.approx([1.0064, 1.0064], abs=5e-5)
    assert (near.unstable[~centre] == 1).all()
    assert (near.neutral == 0).all()
    # at the origin J is W itself
    values = np.linalg.eigvals(np.asarray(rolled(3).w))
    np.testing.assert_allclose(np.abs(near.eigenvalues[centre][0]), np.sort(np.abs(values))[::-1])


def test_modes_of_a_linear_map():
    angle, size = 0.3, 0.9
    turn = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    a = np.zeros((5, 5))
    a[:2, :2] = turn
    a[2, 2], a[3, 3], a[4, 4] = 1.5, 1.0, 0.0
    near = stability(Affine(jnp.asarray(a), jnp.zeros(5)), jnp.zeros(5), np.zeros((1, 5)))
    np.testing.assert_allclose(np.abs(near.eigenvalues[0]), [1.5, 1, 0.9, 0.9, 0], atol=1e-15)
    constants = [-1 / np.log(1.5), np.inf, -1 / np.log(0.9), -1 / np.log(0.9), 0]
    np.testing.assert_allclose(near.time_constants[0], constants)
    np.testing.assert_allclose(near.rotation[0], [0, 0, 0.3, -0.3, 0], atol=1e-15)
    assert near.unstable.tolist() == [1]
    assert near.neutral.tolist() == [1]
    np.testing.assert_array_equal(near.jacobian[0], a)


@pytest.mark.parametrize("cell", ["gru", "lstm", "lambda"])
def test_vectors_are_those_of_the_jacobian_along_a_run(cell):
    net = network(cell)
    states = jax.tree.map(lambda h: normal(5, 3, *h.shape), net.h0)
    x = normal(6, I)
    near = stability(net.step, x, states)
    for k in range(3):
        step, h = flatten(net.step, jax.tree.map(lambda leaf, k=k: leaf[k], states))
        J = np.asarray(jacobians(step, rollout(step, h, x[None]))[0])
        np.testing.assert_allclose(near.jacobian[k], J, atol=1e-12)
        values, right, left = near.eigenvalues[k], near.right[k], near.left[k]
        np.testing.assert_allclose(J @ right, right * values, atol=1e-12)
        np.testing.assert_allclose(left.conj().T @ J, values[:, None] * left.conj().T, atol=1e-12)
        np.testing.assert_allclose(np.linalg.norm(right, axis=0), 1)
        np.testing.assert_allclose(np.linalg.norm(left, axis=0), 1)
        assert (np.diff(np.abs(values)) < 1e-11).all()
        overlap = np.abs(np.einsum("nk,nk->k", left.conj(), right))
        np.testing.assert_allclose(near.condition[k] * overlap, 1)


def test_a_mode_starts_along_its_left_vector_and_goes_along_its_right():
    a = np.asarray(0.3 * normal(1, 5, 5))
    near = stability(Affine(jnp.asarray(a), jnp.zeros(5)), jnp.zeros(5), np.zeros((1, 5)))
    right, left = near.right[0], near.left[0]
    parts = left.conj().T @ np.ones(5) / np.einsum("nk,nk->k", left.conj(), right)
    by_modes = right @ (near.eigenvalues[0] ** 7 * parts)
    np.testing.assert_allclose(by_modes, np.linalg.matrix_power(a, 7) @ np.ones(5), atol=1e-12)


def test_an_integrator_stays():
    near = stability(lambda h, x: h + x, jnp.zeros(2), uniform(4, 2))
    assert (near.neutral == 2).all()
    assert (near.unstable == 0).all()
    assert np.isinf(near.time_constants).all()
    # a Jordan block has one direction, and no condition
    block = Affine(jnp.array([[0.5, 1.0], [0.0, 0.5]]), jnp.zeros(2))
    assert stability(block, jnp.zeros(2), np.zeros((1, 2))).condition.min() > 1e10


def test_inputs_chunks_and_names_of_units():
    step = lambda h, x: jnp.tanh(x * h)
    near = stability(step, np.array([[0.5], [2.0]]), np.zeros((2, 1)), per_point=True)
    np.testing.assert_allclose(near.eigenvalues[:, 0], [0.5, 2])
    assert near.unstable.tolist() == [0, 1]
    points, order = uniform(9, 4), np.array([2, 0, 3, 1])
    whole = stability(rolled(4), NONE, points)
    parts = stability(rolled(4), NONE, points, memory=4 * 16 * 8 * 2)
    np.testing.assert_allclose(parts.eigenvalues, whole.eigenvalues, atol=1e-12)
    other = Weights(rolled(4).w[order][:, order])
    renamed = stability(other, NONE, points[:, order])
    np.testing.assert_allclose(np.abs(renamed.eigenvalues), np.abs(whole.eigenvalues), atol=1e-10)
    np.testing.assert_allclose(renamed.jacobian, whole.jacobian[:, order][:, :, order], atol=1e-14)


def test_a_jacobian_that_is_not_finite_is_told():
    near = stability(lambda h, x: jnp.sqrt(h), NONE, np.array([[0.0], [1.0]]))
    assert near.unstable.tolist() == [-1, 0]
    assert np.isnan(near.eigenvalues[0]).all()
    np.testing.assert_allclose(near.eigenvalues[1], 0.5)


BAD = {
    "no points": (lambda: stability(rolled(2), NONE, np.zeros((0, 2))), "at least one state"),
    "width": (lambda: stability(rolled(2), NONE, np.zeros((1, 3))), "the step rejects"),
    "input": (
        lambda: stability(network("gru").step, np.zeros(I + 1), np.zeros((4, N))),
        "the step rejects",
    ),
    "margin": (lambda: stability(rolled(2), NONE, np.zeros((1, 2)), margin=-1.0), "margin must"),
    "memory": (lambda: stability(rolled(2), NONE, np.zeros((1, 2)), memory=8), "does not hold"),
    "traced": (
        lambda: jax.vmap(lambda h: stability(rolled(2), NONE, h).unstable)(jnp.zeros((3, 4, 2))),
        "on the host",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
