"""The laws of the design: by finite differences, closed forms, second routes.

What a law says of a step is asked of every cell; what it says of a run whose steps are any, of
four that differ in kind, and with `pytest --exhaustive` of every cell.
"""

import itertools
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import (
    additive_edges,
    adjoints,
    direct,
    finite,
    first_order,
    first_order_clamp,
    first_order_edges,
    integrated,
    jacobians,
    propagators,
    rollout,
    run,
)
from helpers import CELLS, SOME, N, T, exhaustive, inputs, keys, network, same

from rnn_jax import (
    Identity,
    Replace,
    Shift,
    causal,
    clamp,
    core,
    outputs,
    pulse,
    read,
    span,
    sweep,
    tiling,
)
from rnn_jax.causal import squared_error
from rnn_jax.core import Cut, Lesion, Network, flatten

every_cell = pytest.mark.parametrize("cell", CELLS)
# what is said of a run of any step, and not of a step itself
some_cells = pytest.mark.parametrize(
    "cell", exhaustive(itertools.product(CELLS), lambda cell: cell in SOME)
)
every_kind = pytest.mark.parametrize(
    ("cell", "kind"),
    [(cell, clamp) for cell in CELLS] + [(cell, kind) for cell in SOME for kind in (pulse, read)],
)
some_kinds = pytest.mark.parametrize(
    ("cell", "kind"),
    exhaustive(
        itertools.product(CELLS, (clamp, pulse, read)),
        lambda cell, kind: cell in SOME,
    ),
)


@cache
def problem(cell, flat=False):
    """A network, inputs, a metric that uses every step, and replacement values.

    Made once, so that what one law has compiled of them serves the next.
    """
    net = network(cell)
    if flat:
        step, h0 = flatten(net.step, net.h0)
        net = Network(
            step, lambda h, readout=net.readout, step=step: readout(step.unflatten(h)), h0
        )
    xs, weights = inputs(), jax.random.normal(keys(1, 7)[0], (T, 2))
    metric = lambda trajectory: jnp.sum(jnp.sin(outputs(net, trajectory)) * weights)
    like = jax.tree.leaves(net.h0)[0].shape[0]
    value = 0.3 * jax.random.normal(keys(1, 8)[0], (T, like))
    return net, xs, metric, value


def effect(net, xs, metric, intervention):
    return metric(core.run(net, xs, intervention)) - metric(core.run(net, xs))


def by_difference(function, mask, eps=1e-5):
    """Differences of a scalar function of a mask, entry by entry: upward, since a negative mask
    is invalid, and of second order all the same."""
    flat = np.asarray(mask).ravel()
    basis = np.eye(flat.size).reshape(flat.size, *np.shape(mask)) * eps
    up = lambda d: 4 * function(mask + d) - function(mask + 2 * d) - 3 * function(mask)
    return jax.lax.map(up, basis).reshape(np.shape(mask)) / (2 * eps)


@every_cell
def test_1_node_is_the_derivative_with_respect_to_its_mask(cell):
    net, xs, metric, value = problem(cell)
    of_mask = jax.jit(lambda mask: metric(run(net, xs, Replace(mask, value))))
    node = jax.jit(lambda v: first_order(net.step, net.h0, xs, metric, v))(value)
    np.testing.assert_allclose(node, by_difference(of_mask, jnp.zeros((T, N))), atol=1e-7)
    np.testing.assert_allclose(node, jax.jit(jax.grad(of_mask))(jnp.zeros((T, N))), atol=1e-12)
    assert float(jnp.abs(node).max()) > 1e-3


@some_cells
def test_2_edge_is_the_derivative_with_respect_to_its_mask(cell):
    net, xs, metric, value = problem(cell, flat=True)
    before = jnp.concatenate([jnp.zeros_like(value[:1]), value[:-1]])
    size = net.h0.size
    of_mask = jax.jit(lambda mask: metric(run(net, xs, Cut(mask, before))))
    exact = jax.jit(jax.grad(of_mask))(jnp.zeros((T, size, size)))
    edge = jax.jit(lambda v: first_order_edges(net.step, net.h0, xs, metric, v, value0=0.0))(value)
    np.testing.assert_allclose(edge, exact, atol=1e-12)
    corner = lambda m: of_mask(jnp.zeros((T, size, size)).at[3, :2, :2].set(m))
    np.testing.assert_allclose(
        edge[3, :2, :2], by_difference(corner, jnp.zeros((2, 2))), atol=1e-7
    )
    assert float(jnp.abs(edge).max()) > 1e-4


@some_cells
def test_3_what_leaves_a_node_is_what_it_is_worth(cell):
    net, xs, metric, value = problem(cell, flat=True)
    trajectory = run(net, xs)
    delta = value - trajectory.hs
    node = first_order(net.step, net.h0, xs, metric, value)
    edge = first_order_edges(net.step, net.h0, xs, metric, value)
    shown = direct(trajectory, metric) * delta
    np.testing.assert_allclose(shown[:-1] + edge[1:].sum(1), node[:-1], atol=1e-12)
    np.testing.assert_allclose(shown[-1], node[-1], atol=1e-12)


@some_cells
def test_4_integrated_along_a_mask_is_its_finite_effect(cell):
    net, xs, metric, value = problem(cell)
    window = span(T, 1, 4)
    masks = jax.vmap(lambda u: clamp(u, window, value).mask)(jnp.eye(N))
    many = Replace(masks, jnp.broadcast_to(value[None], (N, T, N)))
    arguments = (net.step, net.h0, xs, metric)
    found = jax.jit(lambda many: integrated(*arguments, many, nodes=12))(many)
    to_zero = jax.jit(lambda masks: integrated(*arguments, Replace(masks, 0.0)))(masks)
    exact_zero = finite(*arguments, Replace(masks, 0.0))
    np.testing.assert_allclose(to_zero.effect + to_zero.residual, exact_zero, atol=1e-12)
    one = lambda u: effect(net, xs, metric, clamp(u, window, value))
    exact = jax.jit(jax.vmap(one))(jnp.eye(N))
    np.testing.assert_allclose(found.effect, exact, atol=1e-5)
    np.testing.assert_allclose(found.effect + found.residual, exact, atol=1e-12)
    assert float(jnp.abs(exact).max()) > 1e-3


@some_cells
def test_5_a_clamp_is_not_the_sum_of_its_nodes(cell):
    """First order: d/da of clamping to `h + a delta`, the route of the state's own change.

    To first order in the displacement, a clamp shifts unit i at each step by what is missing
    to `delta_t`, given what its earlier shifts already brought. Over two steps that is the
    unit's own carry and the corrected sum is exact; from the third on the change also comes
    back through other units, which the estimate leaves out.
    """
    net, xs, metric, value = problem(cell)
    trajectory, windows = run(net, xs), jnp.stack([span(T, 1, 3), span(T, 2, 3)])
    estimate, node = jax.jit(
        lambda v: (
            first_order_clamp(net.step, net.h0, xs, metric, v, windows),
            first_order(net.step, net.h0, xs, metric, v),
        )
    )(value)
    hs, treedef = jax.tree.flatten(trajectory.hs)

    def toward(a, unit, window):
        near = treedef.unflatten([h + a * (value - h) for h in hs])
        return metric(run(net, xs, clamp(unit, window, near)))

    slope = lambda unit, window: jax.jvp(
        lambda a: toward(a, unit, window), (jnp.array(0.0),), (jnp.array(1.0),)
    )[1]
    of_units = jax.vmap(slope, in_axes=(0, None))
    slopes = jax.jit(jax.vmap(of_units, in_axes=(None, 0)))(jnp.eye(N), windows)
    np.testing.assert_allclose(estimate, slopes, atol=1e-12)
    np.testing.assert_allclose(estimate[1], node[2], atol=1e-12)
    assert float(jnp.abs(estimate[0] - windows[0] @ node).max()) > 1e-4


@some_cells
def test_6_propagators_and_the_row_of_a_clamped_unit(cell):
    net, xs, _, value = problem(cell, flat=True)
    step, h0 = net.step, net.h0
    iv = clamp(jnp.zeros(h0.size).at[1].set(1.0), span(T, 2, 4), value)
    for intervention in (Identity(), iv):
        hs = lambda h, iv=intervention: rollout(step, h, xs, iv).hs
        whole = jax.jit(jax.jacfwd(hs))(h0)
        trajectory = rollout(step, h0, xs, intervention)
        J = jax.jit(lambda t, iv=intervention: jacobians(step, t, iv))(trajectory)
        np.testing.assert_allclose(propagators(J), whole, atol=1e-12)
    assert (np.asarray(J[2:4, 1]) == 0).all()
    assert float(jnp.abs(J[jnp.array([0, 1, 4, 5]), 1]).max()) > 1e-4
    P = propagators(J, start=1)
    np.testing.assert_array_equal(P[1], np.eye(h0.size))
    assert not np.asarray(P[0]).any()
    np.testing.assert_array_equal(propagators(J, start=0)[0], np.eye(h0.size))
    np.testing.assert_allclose(propagators(J, start=0)[2], J[2] @ J[1], atol=1e-14)
    np.testing.assert_allclose(P[3], J[3] @ J[2], atol=1e-14)


@every_cell
def test_7_window_edges_of_an_additive_cell_are_one_product(cell):
    additive = hasattr(network(cell).step, "parts")
    net, xs, metric, value = problem(cell, flat=not additive)
    windows = tiling(T, 2)
    if not additive:
        with pytest.raises(ValueError, match=r"parts|no single W"):
            causal.additive_edges(net.step, net.h0, xs, metric, value, windows)
        return
    product = additive_edges(net.step, net.h0, xs, metric, value, windows)
    edges = first_order_edges(net.step, net.h0, xs, metric, value)
    trajectory = run(net, xs)
    leak = jax.jit(jax.vmap(net.step.parts))(trajectory.previous, xs).leak
    lam = adjoints(net.step, trajectory, metric)
    delta = jnp.concatenate([jnp.zeros((1, N)), (value - trajectory.hs)[:-1]])
    carried = jax.vmap(jnp.diag)(lam * leak * delta)
    summed = jnp.einsum("wt,tij->wij", windows, edges - carried)
    np.testing.assert_allclose(product, summed, atol=1e-12)


def close(a, b, atol=1e-14):
    """Equal up to how one compiled program rounds and another does."""
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(x, y, atol=atol, rtol=1e-14)


@every_kind
def test_8a_the_null_mask_changes_not_a_bit(cell, kind):
    """To the bit within one program, whatever the value; against the clean program's, to rounding.

    XLA fuses an edit with the step before it and may contract a multiply-add another way.
    """
    net, xs, _, value = problem(cell)
    states = jax.jit(lambda intervention: run(net, xs, intervention).hs)
    null = states(kind(jnp.zeros(N), span(T, 1, 4), value))
    close(null, run(net, xs).hs)
    assert same(null, states(kind(jnp.zeros(N), span(T, 2, 5), 7 * value)))
    assert same(null, states(kind(jnp.zeros(N), span(T, 2, 5), jnp.full_like(value, jnp.nan))))
    close(run(net, xs).hs, run(net, xs, Shift(jnp.zeros((T, N)))).hs)
    close(run(net, xs).hs, run(net, xs, Lesion(jnp.zeros(N))).hs)


@some_kinds
def test_8b_own_states_change_nothing_and_nothing_before_a_window_changes(cell, kind):
    net, xs, _, value = problem(cell)
    clean, unit = run(net, xs), jnp.zeros(N).at[2].set(1.0)
    close(run(net, xs, kind(unit, span(T, 1, 4), clean.hs)).hs, clean.hs)
    states = jax.jit(lambda intervention: run(net, xs, intervention).hs)
    null = states(kind(jnp.zeros(N), span(T, 3, 5), value))
    other = states(kind(unit, span(T, 3, 5), value))
    before = lambda hs: jax.tree.map(lambda h: h[:3], hs)
    assert same(before(other), before(null))
    shown = lambda hs: jax.tree.leaves(hs)[0][3:]
    assert float(jnp.abs(shown(other) - shown(null)).max()) > 1e-4


class Renamed(eqx.Module):
    """A network whose unit k is another's unit `order[k]`."""

    step: object
    order: jax.Array

    def __call__(self, h, x):
        back = jnp.argsort(self.order)
        pick = lambda tree, index: jax.tree.map(lambda leaf: leaf[index], tree)
        return pick(self.step(pick(h, back), x), self.order)


@some_cells
def test_8c_renaming_units_renames_results(cell):
    net, xs, metric, value = problem(cell)
    order = jnp.array([2, 0, 3, 1])
    pick = lambda tree: jax.tree.map(lambda leaf: leaf[order], tree)
    renamed = Network(Renamed(net.step, order), net.readout, pick(net.h0))
    back = jnp.argsort(order)

    def metric_of(trajectory):
        hs = jax.tree.map(lambda leaf: leaf[:, back], trajectory.hs)
        return metric(eqx.tree_at(lambda t: t.hs, trajectory, hs))

    window = tiling(T, 3)
    of = lambda net, metric: jax.jit(
        lambda value: first_order_clamp(net.step, net.h0, xs, metric, value, window)
    )
    a, b = of(net, metric)(value), of(renamed, metric_of)(value[:, order])
    np.testing.assert_allclose(a[:, order], b, atol=1e-12)
    iv = clamp(jnp.eye(N)[1], window[0], value)
    there = clamp(jnp.eye(N)[1][order], window[0], value[:, order])
    exact = metric_of(rollout(renamed.step, renamed.h0, xs, there))
    np.testing.assert_allclose(metric(run(net, xs, iv)), exact, atol=1e-12)


@some_kinds
def test_8d_the_sweep_is_the_finite_effect_whatever_its_chunks(cell, kind):
    net, B = network(cell), 3
    xs = jnp.stack([inputs(seed) for seed in range(B)])
    targets = jax.random.normal(keys(1, 5)[0], (B, T, 2))
    value = jax.random.normal(keys(1, 6)[0], (B, T, N))
    windows = jnp.stack(
        [jnp.stack([span(T, a + (b == 2), a + 2) for b in range(B)]) for a in (0, 3)]
    )
    asked = (net, xs, targets, squared_error, jnp.eye(N), windows, value, kind.__name__)
    small, large = sweep(*asked, memory=8000), sweep(*asked)
    np.testing.assert_allclose(small, large, atol=1e-12)

    def one(unit, window, x, y, v):
        metric = lambda trajectory: squared_error(outputs(net, trajectory), y)
        return effect(net, x, metric, kind(unit, window, v))

    over_trials = jax.vmap(one, in_axes=(None, 0, 0, 0, 0))
    over_units = jax.vmap(over_trials, in_axes=(0, None, None, None, None))
    exact = jax.jit(jax.vmap(over_units, in_axes=(None, 0, None, None, None)))(
        jnp.eye(N), windows, xs, targets, value
    )
    np.testing.assert_allclose(large, exact, atol=1e-12)
    assert float(jnp.abs(exact).max()) > 1e-3


@every_cell
def test_8e_all_masks_share_one_trace(cell):
    net, xs, _, value = problem(cell)
    traces = []

    @jax.jit
    def last(intervention):
        traces.append(1)
        return run(net, xs, intervention).hs

    for unit in range(N):
        for start in range(3):
            last(clamp(jnp.eye(N)[unit], span(T, start, start + 2), value))
    assert len(traces) == 1


@some_cells
def test_finite_counts_and_refuses_what_touches_nothing(cell):
    net, xs, metric, value = problem(cell)
    masks = jax.vmap(lambda u: clamp(u, span(T, 1, 3), value).mask)(jnp.eye(N))
    many = Replace(masks, jnp.broadcast_to(value[None], (N, T, N)))
    one = lambda u: effect(net, xs, metric, clamp(u, span(T, 1, 3), value))
    exact = jax.jit(jax.vmap(one))(jnp.eye(N))
    for size in (1, 3, None):
        got = finite(net.step, net.h0, xs, metric, many, batch_size=size)
        np.testing.assert_allclose(got, exact, atol=1e-12)
    nothing = Replace(jnp.zeros((1, T, N)), jnp.zeros((1, T, N)))
    with pytest.raises(ValueError, match="touches nothing"):
        causal.finite(net.step, net.h0, xs, metric, nothing)
    close(finite(net.step, net.h0, xs, metric, nothing, allow_noop=True), jnp.zeros(1))


@every_cell
def test_derivatives_of_a_step_by_finite_differences_and_by_reverse_mode(cell):
    net, xs, _, _ = problem(cell, flat=True)
    trajectory, step = run(net, xs), jax.jit(lambda h, x: net.step(h, x))
    J = jax.jit(lambda trajectory: jacobians(net.step, trajectory))(trajectory)
    backward = jax.jit(jax.vmap(jax.jacrev(step)))(trajectory.previous, xs)
    np.testing.assert_allclose(J, backward, atol=1e-12)
    h, x, eps = trajectory.previous[2], xs[2], 1e-6
    columns = [(step(h + e, x) - step(h - e, x)) / (2 * eps) for e in eps * np.eye(h.size)]
    np.testing.assert_allclose(J[2], np.stack(columns, 1), atol=1e-8)


@some_cells
def test_adjoints_by_recursion_and_by_perturbation(cell):
    net, xs, metric, _ = problem(cell, flat=True)
    trajectory = run(net, xs)
    lam, d = adjoints(net.step, trajectory, metric), direct(trajectory, metric)
    J = jacobians(net.step, trajectory)
    expected = d + jnp.concatenate(
        [jnp.einsum("tij,ti->tj", J[1:], lam[1:]), jnp.zeros_like(d[:1])]
    )
    np.testing.assert_allclose(lam, expected, atol=1e-12)
    pushed = jax.jit(lambda push: metric(run(net, xs, Shift(push))))
    np.testing.assert_allclose(lam, by_difference(pushed, jnp.zeros_like(lam)), atol=1e-7)
