"""Streamed reductions against the Jacobians they stand for, and the memory they need."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import (
    frobenius_norms,
    group_jacobians,
    jacobians,
    rollout,
    spectral_radii,
    window_jacobians,
    window_products,
    window_propagator,
)
from helpers import SOME, N, T, inputs, network, normal

from rnn_jax import clamp, linear, span, tiling
from rnn_jax.cells import GRU, LSTM, zero_state
from rnn_jax.core import flatten
from rnn_jax.linear import membership

INTO, OUT = normal(5, 3, N), normal(6, 2, N)
WINDOWS = jnp.concatenate([tiling(T, 2), jnp.linspace(0.1, 1, T)[None]])


def problem(cell, edited=True):
    """A step, a clamp that holds half of one unit's way, its run, and the materialised blocks."""
    net, xs = network(cell), inputs()
    value = 0.3 * normal(3, T, N)
    iv = clamp(jnp.eye(N)[1] * (0.5 if edited else 0.0), span(T, 2, 4), value)
    trajectory = rollout(net.step, net.h0, xs, iv)
    return net.step, iv, trajectory, jacobians(net.step, trajectory, iv)


def whole(J, trajectory):
    """Blocks as one `[T, M, M]`."""
    parts = len(jax.tree.leaves(trajectory.h0))
    leaves = jax.tree.leaves(J)
    rows = [leaves[k : k + parts] for k in range(0, len(leaves), parts)]
    return jnp.asarray(np.concatenate([np.concatenate(row, -1) for row in rows], -2))


def close(a, b, scale=1e-3):
    """Equal leaf by leaf to 1e-10, in structure too, and not for being zero."""
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-10)
    assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(a)) > scale


@pytest.mark.slow
@pytest.mark.parametrize("cell", SOME)
def test_each_reduction_is_that_of_the_materialised_jacobians(cell):
    step, iv, run, J = problem(cell)
    each = lambda function: jax.jit(lambda J: jax.tree.map(function, J))(J)
    between = each(lambda block: jnp.einsum("ai,tij,cj->tac", INTO, block, OUT))
    close(group_jacobians(step, run, INTO, OUT, iv, batch_size=4), between)
    share = WINDOWS / WINDOWS.sum(1, keepdims=True)
    mean = each(lambda block: jnp.einsum("wt,tij->wij", share, block))
    close(window_jacobians(step, run, WINDOWS, iv, batch_size=4), mean)
    M = whole(J, run)
    norms = np.linalg.norm(np.asarray(M), axis=(1, 2))
    close(frobenius_norms(step, run, iv, batch_size=4), jnp.asarray(norms))
    radii, residuals = spectral_radii(step, run, iv, batch_size=4)
    close(radii, jnp.asarray(np.abs(np.linalg.eigvals(np.asarray(M))).max(-1)))
    assert float(residuals.max()) < 1e-6
    parts, treedef = jax.tree.flatten(run.h0)
    basis = normal(7, len(parts), N, 2)
    found = window_products(step, run, WINDOWS, treedef.unflatten(list(basis)), iv)
    for w, window in enumerate(WINDOWS):
        expected = window_propagator(M, window) @ basis.reshape(-1, 2)
        got = jnp.concatenate([leaf[w] for leaf in jax.tree.leaves(found)])
        close(got, expected)


@pytest.mark.parametrize("kind", ["groups", "means", "norms", "radii"])
def test_the_batch_of_steps_changes_nothing(kind):
    step, iv, run, _ = problem("gru")
    reduce = {
        "groups": lambda size: group_jacobians(step, run, INTO, OUT, iv, size),
        "means": lambda size: window_jacobians(step, run, WINDOWS, iv, size),
        "norms": lambda size: frobenius_norms(step, run, iv, size),
        "radii": lambda size: spectral_radii(step, run, iv, batch_size=size)[0],
    }[kind]
    close(reduce(1), reduce(64))
    close(reduce(4), reduce(64))


def test_all_directions_give_the_propagator_and_only_the_window_counts():
    step, _, run, J = problem("gru", edited=False)
    window = span(T, 1, 4)
    whole = window_products(step, run, window[None], jnp.eye(N))[0]
    close(whole, J[3] @ J[2] @ J[1])
    spoilt = eqx.tree_at(lambda run: run.xs, run, run.xs.at[4:].set(jnp.nan))
    close(window_products(step, spoilt, window[None], jnp.eye(N))[0], whole)


def test_groups_of_a_clamped_unit_receive_nothing():
    net, xs = network("gru"), inputs()
    iv = clamp(jnp.eye(N)[1], span(T, 2, 4), 0.0)
    run = rollout(net.step, net.h0, xs, iv)
    groups = membership(["a", "held", "a", "b"])
    found = group_jacobians(net.step, run, groups, groups, iv)
    assert not np.asarray(found[2:4, 1]).any()
    assert float(jnp.abs(found[1, 1]).max()) > 1e-3


class Linear(eqx.Module):
    """A step that is a matrix: all of one size share a program."""

    J: jax.Array

    def __call__(self, h, x):
        return self.J @ h


def matrix_radius(J, **options):
    """The radius found for a linear step, beside numpy's, and the residual."""
    step = Linear(J)
    run = rollout(step, jnp.ones(len(J), J.dtype), jnp.zeros((1, 1)))
    radius, residual = spectral_radii(step, run, **options)
    truth = np.abs(np.linalg.eigvals(np.asarray(J, float))).max()
    return float(radius[0]), truth, float(residual[0])


@pytest.mark.parametrize("scale", [1e-10, 1e10])
def test_a_radius_scales_with_its_matrix(scale):
    J = jnp.asarray(np.random.default_rng(3).normal(size=(8, 8)))
    found, truth, _ = matrix_radius(scale * J)
    np.testing.assert_allclose(found, truth, rtol=1e-6)
    np.testing.assert_allclose(found, scale * matrix_radius(J)[0], rtol=1e-6)


def matrices(size):
    """Jacobians of every temper: what leads is real, a pair, both signs, repeated, or nothing."""
    random = np.random.default_rng(0)
    A = random.normal(size=(size, size)) / np.sqrt(size)
    Q = np.linalg.qr(random.normal(size=(size, size)))[0]
    low = np.diag(np.r_[np.ones(2), 0.8 * random.uniform(size=size - 2)])
    turn = low.copy()
    turn[:2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    return {
        "random": A,
        "symmetric": (A + A.T) / 2,
        "rotations": (A - A.T) / 2,
        "one pair": Q @ turn @ Q.T,
        "both signs": Q @ (low * np.r_[1.0, -np.ones(size - 1)]) @ Q.T,
        "repeated": Q @ low @ Q.T,
        "nearly one": 1e-3 * A + np.eye(size),
        "rank one": np.outer(A[0], A[1]),
    }


@pytest.mark.parametrize("kind", matrices(2))
@pytest.mark.parametrize("size", [8, 80])
def test_spectral_radius_against_numpy(kind, size):
    radius, truth, residual = matrix_radius(jnp.asarray(matrices(size)[kind]), restarts=20)
    assert residual < 1e-4
    np.testing.assert_allclose(radius, truth, rtol=1e-10 if size == 8 else 1e-5)


def test_spectral_radius_of_nothing_and_of_defective_matrices():
    assert matrix_radius(jnp.zeros((8, 8))) == (0.0, 0.0, 0.0)
    Q = jnp.asarray(np.linalg.qr(normal(0, 8, 8))[0])
    block = 0.3 * jnp.eye(8).at[:2, :2].set(jnp.array([[3.0, 3.0], [0.0, 3.0]]))
    radius, _, _ = matrix_radius(Q @ block @ Q.T)
    np.testing.assert_allclose(radius, 0.9, rtol=1e-6)  # rounding^(1/2)
    shift = jnp.diag(jnp.ones(3), 1)
    assert matrix_radius(shift)[0] < 1e-3  # rounding^(1/4), where eigenvalues are all 0


def test_an_unconverged_radius_says_so():
    Q = jnp.asarray(np.linalg.qr(normal(0, 64, 64))[0])
    radius, truth, residual = matrix_radius(0.9 * Q, krylov=6, restarts=1)
    assert residual > 1e-2
    assert abs(radius - truth) / truth < residual


def test_single_precision_stays_single():
    step, _, run, _ = problem("gru", edited=False)
    single = lambda tree: jax.tree.map(
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree
    )
    step, run = single(step), single(run)
    found = [
        group_jacobians(step, run, INTO, OUT),
        window_jacobians(step, run, WINDOWS),
        frobenius_norms(step, run),
        window_products(step, run, WINDOWS, jnp.eye(N)),
        spectral_radii(step, run),
    ]
    assert {leaf.dtype.name for leaf in jax.tree.leaves(found)} == {"float32"}


def test_what_does_not_fit_is_refused():
    step, _, run, _ = problem("gru", edited=False)
    with pytest.raises(ValueError, match="into must weigh 4 units"):
        linear.group_jacobians(step, run, jnp.ones((3, 5)), jnp.ones((2, 5)))
    with pytest.raises(ValueError, match=r"\[N, K\]"):
        linear.window_products(step, run, WINDOWS, jnp.ones((5, 2)))
    with pytest.raises(ValueError, match="tree like the state"):
        linear.window_products(step, run, WINDOWS, (jnp.eye(N), jnp.eye(N)))
    gap = jnp.array([[1.0, 1.0, 0.0, 0.0, 1.0, 0.5]])
    with pytest.raises(ValueError, match="gap"):
        jax.block_until_ready(linear.window_products(step, run, gap, jnp.eye(N)))
    for reduce in (
        linear.window_jacobians,
        lambda *run: linear.window_products(*run, basis=jnp.eye(N)),
    ):
        with pytest.raises(ValueError, match="empty"):
            reduce(step, run, jnp.zeros((1, T)))


UNITS = 64


def compiled(reduce, trials, steps, cell: type = GRU) -> Any:
    """`reduce(step, run, [1, T] window)` of all trials, one after another, compiled only."""
    step = cell(2, UNITS, key=jax.random.key(0))
    h0 = zero_state(step)
    xs = jax.ShapeDtypeStruct((trials, steps, 2), step.w.dtype)
    runs = jax.eval_shape(jax.vmap(lambda xs: rollout(step, h0, xs)), xs)
    each = lambda runs: jax.lax.map(lambda run: reduce(step, run, jnp.ones((1, steps))), runs)
    return jax.jit(each).lower(runs).compile().memory_analysis()


def directions(count):
    return jnp.eye(count, UNITS)


REDUCTIONS = {
    "groups": lambda step, run, _: group_jacobians(
        step, run, jnp.eye(4, UNITS), jnp.eye(4, UNITS)
    ),
    "norms": lambda step, run, _: frobenius_norms(step, run),
    "means": lambda step, run, windows: window_jacobians(step, run, windows),
    "products": lambda step, run, windows: window_products(step, run, windows, directions(4).T),
    "radii": lambda step, run, _: spectral_radii(step, run),
}


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_memory_does_not_grow_with_trials_or_time(kind):
    small, long, many = (
        compiled(REDUCTIONS[kind], trials, steps).temp_size_in_bytes
        for trials, steps in ((2, 64), (2, 1024), (32, 64))
    )
    state = 8 * UNITS
    # a trial's own states and inputs may be copied; a Jacobian is 64 states
    assert long - small < 2 * 1024 * state
    assert many - small < 2 * 30 * 64 * state
    assert small < 8 * 2**20


def test_an_lstm_is_written_as_blocks_and_never_once_more():
    """Its two blocks from the memory are diagonal; none of the four is structurally zero."""
    step, _, run, ((hh, hc), (ch, cc)) = problem("lstm", edited=False)
    off = ~np.eye(N, dtype=bool)
    assert not np.asarray(hc)[:, off].any()
    assert not np.asarray(cc)[:, off].any()
    assert min(float(jnp.abs(block).min()) for block in (hh, ch)) > 0
    assert float(jnp.abs(jnp.diagonal(hc, 0, 1, 2)).min()) > 0
    memory = compiled(lambda step, run, _: jacobians(step, run), 1, 64, LSTM)
    block = 8 * 64 * UNITS**2
    assert 4 * block <= memory.output_size_in_bytes < 4.1 * block


def test_flattened_states_give_the_same_numbers_for_the_whole():
    step, iv, run, _ = problem("lstm", edited=False)
    flat, h0 = flatten(step, run.h0)
    other = rollout(flat, h0, run.xs)
    close(frobenius_norms(step, run), frobenius_norms(flat, other))
    close(spectral_radii(step, run)[0], spectral_radii(flat, other)[0])
