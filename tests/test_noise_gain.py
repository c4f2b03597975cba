"""Noise gain: closed forms of linear networks, SciPy's equation, finite differences, runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, N, inputs, network, normal, told_in_one_line
from scipy.linalg import solve_discrete_lyapunov
from test_fixed_points import NONE

from rnn_jax import clamp, rollout
from rnn_jax.core import flatten
from rnn_jax.dynamics import noise_gain, noise_gain_along


def linear(a, b):
    a, b = jnp.asarray(a), jnp.asarray(b)
    return lambda h, x: a @ h + b @ x


def stable(seed, n, radius=0.9):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return radius * a / np.abs(np.linalg.eigvals(a)).max()


def test_independent_units_in_closed_form():
    decay, weights = np.array([0.5, 0.9, 0.0]), np.diag([1.0, 2.0, 3.0])
    near = noise_gain(linear(np.diag(decay), weights), jnp.zeros(3), np.zeros((1, 3)))
    expected = np.diag(np.diag(weights) ** 2 / (1 - decay**2))
    np.testing.assert_allclose(near.gain[0], expected, atol=1e-14)
    np.testing.assert_allclose(near.covariance[0], expected, atol=1e-14)
    assert near.settles.all()


def test_a_chain_hands_noise_on_to_from():
    # unit 0 hears the noise, unit 1 hears unit 0
    step = linear(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 0.5]]))
    near = noise_gain(step, jnp.zeros(2), np.zeros((1, 2)))
    np.testing.assert_allclose(near.gain[0], [[1, 0], [9, 0.25]])
    np.testing.assert_allclose(near.variance[0], [1, 9.25])


@pytest.mark.parametrize(("n", "radius"), [(20, 0.2), (5, 0.5), (5, 0.9), (5, 0.9999)])
def test_the_equation_holds_and_channels_add_up(n, radius):
    a, b = stable(0, n, radius), np.random.default_rng(1).normal(size=(n, 3))
    near = noise_gain(linear(a, b), jnp.zeros(3), np.zeros((1, n)))
    P = near.covariance[0]
    np.testing.assert_allclose(P, solve_discrete_lyapunov(a, b @ b.T), rtol=1e-8)
    np.testing.assert_allclose(near.gain[0].sum(1), near.variance[0], rtol=1e-9)
    for j in range(3):
        alone = solve_discrete_lyapunov(a, np.outer(b[:, j], b[:, j]))
        np.testing.assert_allclose(near.gain[0, :, j], np.diag(alone), rtol=1e-8)
    own = noise_gain(linear(a, b), jnp.zeros(3), np.zeros((1, n)), into="state")
    np.testing.assert_allclose(own.covariance[0], solve_discrete_lyapunov(a, np.eye(n)), rtol=1e-8)


def test_what_does_not_settle_is_told():
    step = lambda h, x: jnp.tanh(1.5 * h + x)
    near = noise_gain(step, jnp.zeros(1), np.array([[0.0], [0.858]]))
    assert near.settles.tolist() == [False, True]
    assert np.isnan(near.gain[0]).all()
    assert np.isfinite(near.covariance[1]).all()


def test_a_run_has_the_variance_that_is_predicted():
    a, b = stable(2, 3, 0.7), np.array([[1.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
    step = lambda h, x: jnp.tanh(jnp.asarray(a) @ h + 0.01 * (jnp.asarray(b) @ x))
    near = noise_gain(step, jnp.zeros(2), np.zeros((1, 3)))
    noise = jax.random.normal(jax.random.key(0), (60_000, 2))
    hs = np.asarray(rollout(step, jnp.zeros(3), noise).hs)[100:]
    np.testing.assert_allclose(np.cov(hs.T), near.covariance[0], rtol=0.05, atol=5e-6)
    # one channel alone
    only = np.asarray(rollout(step, jnp.zeros(3), noise * jnp.array([[0.0, 1.0]])).hs)[100:]
    np.testing.assert_allclose(only.var(0), near.gain[0, :, 1], rtol=0.05)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_points_of_cells_agree_with_finite_differences(cell):
    net = network(cell)
    step, h = flatten(net.step, net.h0)
    x, eps = 0.1 * normal(3, I), 1e-6
    near = noise_gain(net.step, x, jax.tree.map(lambda leaf: leaf[None], net.h0))
    move = jax.jit(lambda h, x: step(h, x))
    slope = lambda f, at: np.stack(
        [(f(at + eps * e) - f(at - eps * e)) / (2 * eps) for e in np.eye(at.size)], 1
    )
    J, B = slope(lambda h: np.asarray(move(h, x)), h), slope(lambda x: np.asarray(move(h, x)), x)
    assert np.abs(np.linalg.eigvals(J)).max() < 1
    expected = solve_discrete_lyapunov(J, B @ B.T)
    np.testing.assert_allclose(near.covariance[0], expected, rtol=1e-5, atol=1e-7)
    assert near.gain.shape == (1, h.size, I)


def test_each_point_its_own_input_and_chunks():
    step = lambda h, x: jnp.tanh(x * h + x)
    xs, points = np.array([[0.5], [0.2], [0.3]]), np.array([[0.1], [0.2], [0.0]])
    near = noise_gain(step, xs, points, per_point=True)
    for k in range(3):
        one = noise_gain(step, xs[k], points[k : k + 1])
        np.testing.assert_allclose(near.gain[k], one.gain[0], rtol=1e-12)
    few = noise_gain(step, xs, points, per_point=True, memory=64)
    np.testing.assert_allclose(few.gain, near.gain, rtol=1e-12)


def test_an_input_that_is_no_float_is_no_channel():
    table, a = normal(1, 5, 2), stable(0, 2)
    step = lambda h, x: a @ h + 2 * x["a"] + table[x["which"]]
    x = {"a": jnp.zeros(2), "which": jnp.array(3)}
    near = noise_gain(step, x, np.zeros((1, 2)))
    assert near.gain.shape == (1, 2, 2)
    expected = solve_discrete_lyapunov(a, 4 * np.eye(2))
    np.testing.assert_allclose(near.covariance[0], expected, rtol=1e-8)
    xs = jax.tree.map(lambda leaf: jnp.repeat(leaf[None], 4, 0), x)
    along = noise_gain_along(step, rollout(step, jnp.zeros(2), xs))
    np.testing.assert_allclose(along[-2], (2 * a) ** 2, rtol=1e-12)
    # of such inputs alone nothing is heard
    lone = noise_gain(lambda h, x: a @ h + table[x], jnp.array(3), np.zeros((1, 2)))
    assert lone.gain.shape == (1, 2, 0)
    assert (lone.covariance == 0).all()


@pytest.mark.parametrize("cell", ["gru", "lstm", "lambda"])
def test_gain_along_a_run_is_that_of_finite_differences(cell):
    net, xs, eps = network(cell), inputs(), 1e-6
    step, h0 = flatten(net.step, net.h0)
    last = jax.jit(lambda xs: rollout(step, h0, xs).hs[-1])
    along = noise_gain_along(net.step, rollout(net.step, net.h0, xs))
    assert along.shape == (len(xs), h0.size, I)
    for s, j in [(0, 0), (3, 2), (5, 1)]:
        push = jnp.zeros_like(xs).at[s, j].set(eps)
        slope = (last(xs + push) - last(xs - push)) / (2 * eps)
        np.testing.assert_allclose(along[s, :, j], slope**2, rtol=1e-5, atol=1e-12)


def test_a_long_run_comes_to_the_stationary_gain():
    a, b = stable(4, 4, 0.8), np.random.default_rng(5).normal(size=(4, 2))
    step = linear(a, b)
    run = rollout(step, jnp.zeros(4), jnp.zeros((150, 2)))
    near = noise_gain(step, jnp.zeros(2), np.zeros((1, 4)))
    np.testing.assert_allclose(noise_gain_along(step, run).sum(0), near.gain[0], rtol=1e-9)
    own = noise_gain(step, jnp.zeros(2), np.zeros((1, 4)), into="state")
    along = noise_gain_along(step, run, into="state")
    np.testing.assert_allclose(along.sum(0), own.gain[0], rtol=1e-9)
    # the last step's noise is its own, and that before it comes by one Jacobian
    np.testing.assert_array_equal(along[-1], np.eye(4))
    np.testing.assert_allclose(along[-2], a**2, rtol=1e-12)


def test_a_clamped_unit_hears_no_noise():
    net = network("lambda")
    edit = clamp([1], jnp.ones(len(inputs())), 0.0)
    run = rollout(net.step, net.h0, inputs(), edit)
    along = jax.jit(lambda run: noise_gain_along(net.step, run, edit))(run)
    np.testing.assert_array_equal(along[:, 1], 0)
    assert (along[-1][jnp.array([0, 2, 3])] > 0).all()
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), run)
    two = jax.vmap(lambda run: noise_gain_along(net.step, run, edit))(batch)
    np.testing.assert_allclose(two[1], along, rtol=1e-9)


RUN = rollout(network("lambda").step, jnp.zeros(N), inputs())
BAD = {
    "into": (lambda: noise_gain(lambda h, x: h, NONE, np.ones((1, 1)), "unit"), "into must"),
    "points": (lambda: noise_gain(lambda h, x: h, NONE, np.ones((0, 1))), "at least one state"),
    "input": (
        lambda: noise_gain(linear(np.eye(2), np.eye(2)), jnp.zeros(3), np.ones((1, 2))),
        "the step rejects",
    ),
    "along": (lambda: noise_gain_along(lambda h, x: h, RUN, into="all"), "into must be one of"),
    "run": (lambda: noise_gain_along(lambda h, x: h, np.ones(3)), "trajectory must be"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
