"""Effective connectivity, multi-step and projected versions, groups, components."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import (
    effective_connectivity,
    input_jacobians,
    jacobians,
    propagators,
    rollout,
    run,
    window_propagator,
)
from helpers import CELLS, N, T, inputs, network

from rnn_jax import group_connectivity, linear, tiling
from rnn_jax.cells import Vanilla
from rnn_jax.core import flatten
from rnn_jax.linear import (
    membership,
    multistep_connectivity,
    pca,
    projected_connectivity,
)

WINDOWS = jnp.concatenate([tiling(T, 2), jnp.linspace(0.1, 1, T)[None]])


def flows(net, xs):
    """`[T, N, N]`: what each unit's parts bring to what each unit shows, the long way."""
    trajectory = run(net, xs)
    shown = lambda h, x: jax.tree.leaves(net.step(h, x))[0]

    def flow(h, x):
        blocks = jax.tree.leaves(jax.jacrev(shown)(h, x))
        return sum(b * p[None] for b, p in zip(blocks, jax.tree.leaves(h), strict=True))

    return jax.jit(jax.vmap(flow))(trajectory.previous, xs)


@pytest.mark.parametrize("cell", CELLS)
def test_connectivity_is_the_mean_flow_without_a_leak(cell):
    net, xs = network(cell), inputs()
    found = effective_connectivity(net.step, run(net, xs), WINDOWS)
    flow = flows(net, xs)
    share = WINDOWS / WINDOWS.sum(1, keepdims=True)
    if hasattr(net.step, "parts"):
        trajectory = run(net, xs)
        parts = jax.jit(jax.vmap(net.step.parts))(trajectory.previous, xs)
        leak = parts.leak * trajectory.previous
        flow = flow - jax.vmap(jnp.diag)(leak)
        np.testing.assert_allclose(found.leak, share @ leak, atol=1e-12)
        np.testing.assert_allclose(found.gate, share @ parts.gate, atol=1e-12)
        np.testing.assert_allclose(found.signal, share @ trajectory.previous, atol=1e-12)
        np.testing.assert_array_equal(found.wire, parts.wire[0])
    else:
        assert found.gate is found.wire is found.signal is None
        assert not np.asarray(found.leak).any()
    mean = lambda flow: jnp.einsum("wt,tij->wij", share, flow)
    np.testing.assert_allclose(found.total, mean(flow), atol=1e-12)
    np.testing.assert_allclose(found.size, mean(jnp.abs(flow)), atol=1e-12)
    np.testing.assert_array_equal(jnp.abs(found.signed), found.size)
    np.testing.assert_array_equal(jnp.sign(found.signed) * found.total >= 0, True)
    assert float(jnp.abs(found.total).max()) > 1e-3
    assert (np.asarray(found.size) > np.abs(found.total) + 1e-6).any()


@pytest.mark.parametrize("cell", [c for c in CELLS if "lstm" not in c])
def test_the_product_of_a_window_carries_its_first_state(cell):
    net, xs = network(cell), inputs()
    trajectory = run(net, xs)
    found = effective_connectivity(net.step, trajectory, tiling(T, 3), "product")
    J = jacobians(net.step, trajectory)
    for w, window in enumerate(tiling(T, 3)):
        expected = window_propagator(J, window) * trajectory.previous[3 * w][None]
        np.testing.assert_allclose(found.total[w], expected, atol=1e-12)


def test_the_product_of_a_state_of_two_parts_adds_what_its_parts_carry():
    net, xs = network("lstm"), inputs()
    step, h0 = flatten(net.step, net.h0)
    J, before = jacobians(step, rollout(step, h0, xs)), rollout(step, h0, xs).previous
    found = effective_connectivity(net.step, run(net, xs), tiling(T, 3), "product")
    for w, window in enumerate(tiling(T, 3)):
        flow = window_propagator(J, window)[:N] * before[3 * w][None]
        np.testing.assert_allclose(found.total[w], flow[:, :N] + flow[:, N:], atol=1e-12)


def test_blocks_of_a_state_of_two_parts():
    net, xs = network("lstm"), inputs()
    step, h0 = flatten(net.step, net.h0)
    blocks = jacobians(net.step, run(net, xs))
    whole = jacobians(step, rollout(step, h0, xs))
    rows = [jnp.concatenate(row, -1) for row in blocks]
    np.testing.assert_allclose(jnp.concatenate(rows, 1), whole, atol=1e-14)


def test_both_routes_of_an_additive_cell_agree():
    net, xs = network("vanilla"), inputs()
    trajectory = run(net, xs)
    other = effective_connectivity(lambda h, x: net.step(h, x), trajectory, WINDOWS)
    short = effective_connectivity(net.step, trajectory, WINDOWS)
    np.testing.assert_allclose(short.total, other.total, atol=1e-12)


def test_a_relu_cells_state_is_the_sum_of_what_flows_in():
    cell = Vanilla(3, N, key=jax.random.key(2), activation=jax.nn.relu)
    xs = inputs()
    trajectory = rollout(cell, jnp.ones(N), xs)
    each = jnp.eye(T)
    found = effective_connectivity(cell, trajectory, each)
    rest = found.gate * (xs @ cell.u.T + cell.b[None])
    np.testing.assert_allclose(found.total.sum(-1) + rest, trajectory.hs, atol=1e-13)
    assert float(trajectory.hs.max()) > 0.1


@pytest.mark.parametrize("reduce", ["mean", "product"])
@pytest.mark.parametrize("cell", ["vanilla", "gru"])
def test_bad_windows_are_refused(cell, reduce):
    net, xs = network(cell), inputs()
    find = lambda windows: linear.effective_connectivity(net.step, run(net, xs), windows, reduce)
    with pytest.raises(ValueError, match=r"windows must be \[W, 6\]"):
        find(jnp.ones((2, T + 1)))
    empty = tiling(T, 3).at[1].set(0.0)
    with pytest.raises(ValueError, match=r"empty.*\[1\]"):
        find(empty)
    with pytest.raises(RuntimeError, match="empty"):
        jax.block_until_ready(eqx.filter_jit(find)(empty))


def test_a_product_refuses_a_window_with_a_gap_and_a_mean_does_not():
    net, xs = network("gru"), inputs()
    gap = jnp.array([[1.0, 1.0, 0.0, 0.0, 1.0, 0.5]])
    J = jacobians(net.step, run(net, xs))
    with pytest.raises(ValueError, match="gap"):
        linear.window_propagator(J, gap[0])
    with pytest.raises(ValueError, match="gap"):
        jax.block_until_ready(
            linear.effective_connectivity(net.step, run(net, xs), gap, "product")
        )
    assert np.isfinite(effective_connectivity(net.step, run(net, xs), gap).total).all()


class Additive(eqx.Module):
    """A leaky cell of no class of ours whose wire may drift with the input."""

    w: jax.Array
    drift: float

    def parts(self, h, x):
        wire = self.w * (1.0 + self.drift * x[0]) if self.drift else self.w
        gate = 0.3 * (1 - jnp.tanh(wire @ h + x) ** 2)
        return Pieces(jnp.full_like(h, 0.7), gate, wire)

    def __call__(self, h, x):
        return 0.7 * h + 0.3 * jnp.tanh(self.w @ h + x)


class Pieces(eqx.Module):
    leak: jax.Array
    gate: jax.Array
    wire: jax.Array


def test_any_cell_with_parts_is_taken_apart_and_nothing_of_T_N_N_is_formed():
    step = Additive(jax.random.normal(jax.random.key(1), (N, N)), 0.0)
    trajectory = rollout(step, jnp.ones(N), jax.random.normal(jax.random.key(2), (T, N)))
    found = effective_connectivity(step, trajectory, WINDOWS)
    whole = lambda h, x: step(h, x)
    other = effective_connectivity(whole, trajectory, WINDOWS)
    rebuilt = found.total + jax.vmap(jnp.diag)(found.leak)
    np.testing.assert_allclose(rebuilt, other.total, atol=1e-12)
    assert float(jnp.abs(found.leak).min()) > 1e-3
    # longer than the batch of steps that is added at once
    steps, windows = 40, jnp.tile(WINDOWS, (1, 40 // T + 1))[:, :40]
    long = rollout(step, jnp.ones(N), jax.random.normal(jax.random.key(2), (steps, N)))
    for cell in (step, whole):
        trace = jax.make_jaxpr(lambda run, c=cell: effective_connectivity(c, run, windows))
        assert f"[{steps},{N},{N}]" not in str(trace(long))
    with pytest.raises(ValueError, match="out_axes"):
        effective_connectivity(Additive(step.w, 0.5), trajectory, WINDOWS)


def test_units_need_parts_of_one_size():
    step = lambda h, x: (jnp.tanh(h[0]), h[1])
    trajectory = rollout(step, (jnp.ones(3), jnp.ones(2)), inputs())
    with pytest.raises(ValueError, match=r"parts are all \[N\]"):
        effective_connectivity(step, trajectory, WINDOWS)


@pytest.mark.parametrize("cell", ["vanilla", "gru"])
@pytest.mark.parametrize("reduce", ["mean", "product"])
def test_renaming_units_renames_connections(cell, reduce):
    net, xs, order = network(cell), inputs(), jnp.array([2, 0, 3, 1])
    back = jnp.argsort(order)
    renamed = lambda h, x: net.step(h[back], x)[order]
    if cell == "vanilla":
        leaves = lambda c: (c.w, c.u, c.b)
        w, u, b = leaves(net.step)
        renamed = eqx.tree_at(leaves, net.step, (w[order][:, order], u[order], b[order]))
    a = effective_connectivity(net.step, run(net, xs), WINDOWS, reduce)
    b = effective_connectivity(renamed, rollout(renamed, net.h0[order], xs), WINDOWS, reduce)
    np.testing.assert_allclose(a.total[:, order][:, :, order], b.total, atol=1e-12)
    assert float(jnp.abs(a.total - b.total).max()) > 1e-3


def test_single_precision_stays_single():
    net, xs = network("gru"), inputs()
    single = lambda tree: jax.tree.map(
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree
    )
    net, xs = single(net), single(xs)
    trajectory, J = run(net, xs), jacobians(net.step, run(net, xs))
    found = effective_connectivity(net.step, trajectory, WINDOWS)
    seen = projected_connectivity(J, trajectory.previous, jnp.ones(N, jnp.float32), 2)
    parts = pca(trajectory.hs, 2)
    everything = [J, propagators(J), found, seen, parts, group_connectivity(J, jnp.eye(N))]
    assert {leaf.dtype.name for leaf in jax.tree.leaves(everything)} == {"float32"}


@pytest.mark.parametrize("cell", CELLS)
def test_input_jacobians_by_differences(cell):
    net, xs = network(cell), inputs()
    step, h0 = flatten(net.step, net.h0)
    trajectory = rollout(step, h0, xs)
    got, eps = input_jacobians(step, trajectory), 1e-6
    h, x, step = trajectory.previous[3], xs[3], eqx.filter_jit(step)
    columns = [(step(h, x + e) - step(h, x - e)) / (2 * eps) for e in eps * np.eye(3)]
    np.testing.assert_allclose(got[3], np.stack(columns, 1), atol=1e-8)


def test_several_steps_by_a_perturbation_of_the_first():
    net, xs = network("gru"), inputs()
    trajectory = run(net, xs)
    J, before = jacobians(net.step, trajectory), trajectory.previous
    flow = multistep_connectivity(J, before, lag=3)
    assert flow.shape == (T - 2, N, N)
    for s in range(T - 2):
        onward = jax.jacfwd(lambda h, s=s: rollout(net.step, h, xs[s : s + 3]).hs[-1])
        np.testing.assert_allclose(flow[s], onward(before[s]) * before[s][None], atol=1e-12)
    readout = jnp.arange(1.0, N + 1)
    seen = projected_connectivity(J, before, readout, lag=3)
    np.testing.assert_allclose(seen, jnp.einsum("i,sij->sj", readout, flow), atol=1e-12)
    np.testing.assert_allclose(multistep_connectivity(J, before, 1), J * before[:, None], atol=0)
    for lag in (0, T + 1):
        with pytest.raises(ValueError, match="lag"):
            multistep_connectivity(J, before, lag)


def test_groups_are_sums_of_blocks():
    groups = membership(["a", "b", "a", "c"])
    np.testing.assert_array_equal(groups, [[1, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
    S = jnp.arange(32.0).reshape(2, 4, 4)
    got = group_connectivity(S, groups)
    np.testing.assert_allclose(got[:, 0, 1], S[:, 0, 1] + S[:, 2, 1])
    np.testing.assert_allclose(got.sum((1, 2)), S.sum((1, 2)))


def test_components_against_a_covariance():
    states = jax.random.normal(jax.random.key(0), (50, 5)) @ jnp.diag(jnp.arange(5.0, 0, -1))
    found = pca(states, 3)
    values, vectors = np.linalg.eigh(np.cov(np.asarray(states).T, bias=True))
    np.testing.assert_allclose(found.variance, values[::-1][:3])
    np.testing.assert_allclose(found.share, values[::-1][:3] / values.sum())
    np.testing.assert_allclose(
        np.abs(vectors[:, ::-1][:, :3].T @ found.basis), np.eye(3), atol=1e-8
    )
    assert (np.asarray(found.basis)[np.abs(found.basis).argmax(0), range(3)] > 0).all()
    projected = found.project(states)
    np.testing.assert_allclose(projected.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose((projected**2).mean(0), found.variance)
    np.testing.assert_allclose(found.project(states[0]), projected[0])
    left, scale, _ = np.linalg.svd(np.asarray(states - states.mean(0)[None]), full_matrices=False)
    np.testing.assert_allclose(np.abs(projected), np.abs(left * scale)[:, :3], atol=1e-12)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(3), atol=1e-12)
    with pytest.raises(ValueError, match="count"):
        pca(states, 6)
