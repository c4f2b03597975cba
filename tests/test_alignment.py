"""Input Jacobians, the alignment of modes, and stability along a run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, N, network, normal, same, told_in_one_line
from test_fixed_points import Affine, rolled, uniform

from rnn_jax import clamp, rollout
from rnn_jax.core import Trajectory, flatten
from rnn_jax.dynamics import alignment, refine, stability, stability_along
from rnn_jax.dynamics.stability import modes
from rnn_jax.linear import input_jacobians, jacobians


@pytest.mark.parametrize("cell", ["gru", "lstm", "lambda"])
def test_input_jacobians_are_finite_differences(cell):
    net = network(cell)
    states = jax.tree.map(lambda h: normal(5, 3, *h.shape), net.h0)
    xs = normal(6, 3, I)
    near = stability(net.step, xs, states, per_point=True)
    flat, _ = flatten(net.step, net.h0)
    rows = np.concatenate(jax.tree.leaves(states), -1)
    moved = jax.jit(jax.vmap(flat))
    for i in range(I):
        push = 1e-5 * np.eye(I)[i : i + 1]
        slope = (moved(rows, xs + push) - moved(rows, xs - push)) / 2e-5
        np.testing.assert_allclose(near.input_jacobian[..., i], slope, atol=1e-8)


def test_an_input_of_parts_of_which_one_is_an_index():
    table = normal(1, 5, 2)
    step = lambda h, x: jnp.tanh(h + 2 * x["a"] + table[x["which"]] * x["b"].sum())
    x = {"a": jnp.zeros(2), "b": jnp.ones((1, 2)), "which": jnp.array(3)}
    near = stability(step, x, np.zeros((1, 2)))
    open_ = 1 - np.tanh(2 * np.asarray(table[3])) ** 2
    by_a, by_b = 2 * np.eye(2), np.tile(np.asarray(table[3])[:, None], (1, 2))
    expected = open_[:, None] * np.concatenate([by_a, by_b], 1)
    np.testing.assert_allclose(near.input_jacobian[0], expected, atol=1e-14)
    assert stability(lambda h, x: 0.5 * h, None, np.zeros((1, 2))).input_jacobian.shape == (
        1,
        2,
        0,
    )


def test_modes_say_what_a_pulse_does_to_the_outputs():
    # far from normal, with pairs
    a = np.triu(np.asarray(normal(1, 5, 5)), -1) * 0.6
    b, c = np.asarray(normal(2, 5, 3)), np.asarray(normal(3, 2, 5))
    step = lambda h, x: jnp.asarray(a) @ h + jnp.asarray(b) @ x
    near = stability(step, jnp.zeros(3), np.zeros((1, 5)))
    assert near.condition.max() > 1.5
    assert np.iscomplex(near.eigenvalues).any()
    found = alignment(near, c)
    for n in range(6):
        powers = near.eigenvalues[0] ** n
        response = np.einsum("ko,k,ki->oi", found.shown[0], powers, found.drive[0])
        np.testing.assert_allclose(response, c @ np.linalg.matrix_power(a, n) @ b, atol=1e-10)
    # cosines, whatever the scale of an input or an output
    scaled = alignment(near, 7 * c, 3 * b)
    np.testing.assert_allclose(scaled.inputs, found.inputs, atol=1e-12)
    np.testing.assert_allclose(scaled.outputs, found.outputs, atol=1e-12)
    assert (found.inputs <= 1 + 1e-12).all()
    assert (found.outputs <= 1 + 1e-12).all()
    inner = near.condition[0][:, None] * found.inputs[0] * np.linalg.norm(b, axis=0)
    np.testing.assert_allclose(np.abs(found.drive[0]), inner)


def test_modes_of_a_normal_step_are_its_own_axes():
    near = stability(Affine(jnp.diag(jnp.array([0.9, 0.5, 0.1])), jnp.zeros(3)),
                     jnp.zeros(3), np.zeros((1, 3)))  # fmt: skip
    found = alignment(near, np.array([[0.0, 2, 0], [1, 1, 0], [0, 0, 0]]))
    np.testing.assert_allclose(found.inputs[0], np.eye(3), atol=1e-15)
    half = np.sqrt(0.5)
    expected = [[0, half, 0], [1, half, 0], [0, 0, 0]]
    np.testing.assert_allclose(found.outputs[0], expected, atol=1e-15)
    # an input that nobody hears
    np.testing.assert_array_equal(alignment(near, np.eye(3), np.zeros((3, 1))).inputs, 0)


def test_what_selects_is_the_left_vector_and_what_shows_is_the_right():
    # input 1 goes to the mode of 0.9 although that mode does not move unit 1
    near = modes(np.array([[[0.9, 1.0], [0.0, 0.2]]]), np.eye(2)[None], 1e-6)
    found = alignment(near, np.eye(2))
    assert found.outputs[0, 0, 1] == pytest.approx(0)
    assert found.inputs[0, 0, 1] > 0.5
    assert found.inputs[0, 1, 0] == pytest.approx(0)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_along_a_run_each_step_has_its_own_modes(cell):
    net = network(cell)
    xs = normal(6, 4, I)
    step, h0 = flatten(net.step, net.h0)
    whole = stability_along(net.step, rollout(net.step, net.h0, xs), clamp(0, jnp.ones(4), 0.0))
    run = rollout(step, h0, xs, clamp(jnp.arange(h0.size) % N == 0, jnp.ones(4), 0.0))
    # the trajectory of the tuple state is another one without the clamp: compare the same run
    back = lambda rows: jax.vmap(step.unflatten)(rows)
    same_run = Trajectory(net.h0, xs, back(run.hs))
    whole = stability_along(net.step, same_run, clamp(0, jnp.ones(4), 0.0))
    mask = clamp(jnp.arange(h0.size) % N == 0, jnp.ones(4), 0.0)
    np.testing.assert_allclose(whole.jacobian, jacobians(step, run, mask), atol=1e-14)
    np.testing.assert_allclose(whole.input_jacobian, input_jacobians(step, run, mask), atol=1e-14)
    np.testing.assert_array_equal(whole.jacobian[:, 0], 0)
    again = np.einsum("tnm,tmk->tnk", whole.jacobian, whole.right)
    np.testing.assert_allclose(again, whole.right * whole.eigenvalues[:, None], atol=1e-12)


def test_at_a_fixed_point_it_is_the_stability_of_the_point():
    net, x = network("gru"), normal(6, I)
    point, q = jax.jit(lambda h: refine(net.step, x, h))(net.h0)
    assert float(q) < 1e-28
    along = stability_along(net.step, rollout(net.step, point, jnp.tile(x, (3, 1))))
    at = stability(net.step, x, point[None])
    for t in range(3):
        np.testing.assert_allclose(along.jacobian[t], at.jacobian[0], atol=1e-12)
        np.testing.assert_allclose(along.input_jacobian[t], at.input_jacobian[0], atol=1e-12)
        np.testing.assert_allclose(along.eigenvalues[t], at.eigenvalues[0], atol=1e-10)
    assert same(along.unstable, np.repeat(at.unstable, 3))


NEAR = modes(np.zeros((1, 2, 2)), np.zeros((1, 2, 3)), 1e-6)
RUN = rollout(rolled(2), jnp.zeros(2), jnp.zeros((3, 0)))
BAD = {
    "readout": (lambda: alignment(NEAR, np.zeros((1, 3))), "readout must be [O, N]"),
    "inputs": (lambda: alignment(NEAR, np.eye(2), np.zeros((3, 1))), "inputs must be [N, I]"),
    "stability": (lambda: alignment(3, np.eye(2)), "near must be a Stability, got 3"),
    "words": (lambda: alignment(NEAR, "c"), "array of numbers"),
    "run": (lambda: stability_along(rolled(2), uniform(3, 2)), "what run returns"),
    "margin": (lambda: stability_along(rolled(2), RUN, margin=2.0), "margin must"),
    "traced": (
        lambda: jax.jit(lambda run: stability_along(rolled(2), run).unstable)(RUN),
        "on the host",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
