"""The sweep engine: edges, groups per window, the suffix cut, devices, memory."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, N, T, inputs, keys, network
from jax.flatten_util import ravel_pytree

from rnn_jax import (
    Identity,
    Network,
    clamp,
    finite,
    margin,
    outputs,
    pulse,
    read,
    run,
    span,
    squared_error,
    sweep,
    sweep_edges,
    tiling,
)
from rnn_jax.causal import result_codes
from rnn_jax.causal.sweep.asked import per_trial
from rnn_jax.causal.sweep.budget import fit_budget
from rnn_jax.causal.sweep.engine import CLAMP
from rnn_jax.causal.sweep.sweep import program
from rnn_jax.cells import GRU, Affine, zero_state
from rnn_jax.core import Cut

B = 3
MAKE = {"clamp": clamp, "pulse": pulse, "read": read}
GROUPS = jnp.array([[1.0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 1]])


@pytest.fixture(params=SOME)
def cell(request):
    return request.param


def problem(cell="vanilla", steps=T):
    net = network(cell)
    xs = jnp.stack([inputs(seed, steps) for seed in range(B)])
    targets = jax.random.normal(keys(1, 5)[0], (B, steps, 2))
    value = jax.random.normal(keys(1, 6)[0], (B, steps, N))
    return net, xs, targets, value


def by_definition(net, xs, targets, score, interventions):
    """`[S, B]`: one run after the other; `interventions` a list for each trial."""
    metric = jax.jit(lambda x, y, iv: score(outputs(net, run(net, x, iv)), y))
    columns = []
    for x, y, ivs in zip(xs, targets, interventions):
        clean = metric(x, y, Identity())
        columns.append([metric(x, y, iv) - clean for iv in ivs])
    return np.array(columns).T


@pytest.mark.parametrize("cell", SOME)
def test_groups_of_single_units_take_the_short_route_to_the_same_numbers(cell):
    net, xs, targets, value = problem(cell)
    windows = tiling(T, 3)
    of = lambda units: sweep(
        net, xs, targets, margin, units, windows, value, estimator="first-order"
    )
    several = jnp.concatenate([jnp.eye(N), GROUPS])
    np.testing.assert_allclose(of(several)[:, :N], of(jnp.eye(N)), atol=1e-11)


def test_edges_are_cuts(cell):
    net, xs, targets, value = problem(cell)
    flat, unravel = ravel_pytree(net.h0)
    parts = len(jax.tree.leaves(net.h0))
    step = lambda h, x: ravel_pytree(net.step(unravel(h), x))[0]
    flat_net = Network(step, lambda h: net.readout(unravel(h)), flat)
    edges = jnp.array([[0, 1], [2, 2], [3, 0]])
    windows = jnp.stack([span(T, 0, 2), span(T, 2, 5)])
    got = sweep_edges(net, xs, targets, squared_error, edges, windows, value)

    def cuts(v):
        before = jnp.concatenate([jnp.zeros((1, N)), v[:-1]])
        for window in windows:
            for to, sender in edges:
                ends = [jnp.tile(jnp.eye(N)[unit], parts) for unit in (to, sender)]
                held = window.at[0].set(0.0)[:, None, None] * jnp.outer(*ends)[None]
                yield Cut(held, jnp.tile(before, (1, parts)))

    exact = by_definition(flat_net, xs, targets, squared_error, [list(cuts(v)) for v in value])
    np.testing.assert_allclose(got.reshape(-1, B), exact, atol=1e-12)


def test_groups_may_differ_between_windows():
    net, xs, targets, value = problem("gru")
    windows = tiling(T, 3)
    groups = jnp.stack([GROUPS, GROUPS[::-1]])
    for estimator in ("exact", "window", "first-order"):
        of = lambda units, estimator=estimator: sweep(
            net, xs, targets, margin, units, windows, value, estimator=estimator
        )
        both = of(groups)
        np.testing.assert_allclose(both[0], of(GROUPS)[0], atol=1e-12)
        np.testing.assert_allclose(both[1], of(GROUPS[::-1])[1], atol=1e-12)


def until_three(ys, targets):
    return (ys * targets)[:4].mean()


@pytest.mark.parametrize("cell", SOME)
def test_runs_stop_at_the_last_step_the_score_reads(cell):
    net, xs, targets, value = problem(cell)
    windows = jnp.stack([span(T, 0, 2), span(T, 3, 5), span(T, 5, 6)])
    for estimator in ("exact", "window"):
        arguments = (net, xs, targets, until_three, jnp.eye(N), windows, value)
        cut = sweep(*arguments, estimator=estimator, last=3)
        np.testing.assert_allclose(cut, sweep(*arguments, estimator=estimator), atol=1e-13)
        np.testing.assert_array_equal(cut[2], 0.0)


def any_above_two(ys, targets):
    return (ys.max() > 2).astype(ys.dtype)


@pytest.mark.parametrize("cell", SOME)
def test_a_score_of_many_numbers_is_many_scores_of_one_run(cell):
    net, xs = network(cell), jnp.stack([inputs(k) for k in range(3)])
    ys = jax.vmap(lambda x: outputs(net, run(net, x)))(xs)
    parts = [lambda y, t, at=at: jnp.abs(y - t)[at].sum() for at in (slice(0, 3), slice(3, None))]
    both = lambda y, t: jnp.stack([part(y, t) for part in parts])
    asked = (list(range(N)), tiling(T, 2), 0.0)
    found = sweep(net, xs, ys, both, *asked)
    assert found.shape == (3, N, 3, 2)
    for k, part in enumerate(parts):
        np.testing.assert_allclose(found[..., k], sweep(net, xs, ys, part, *asked), atol=1e-14)


def test_a_score_that_reads_on_is_told_so():
    net, xs, targets, value = problem()
    arguments = (net, xs, targets, until_three, jnp.eye(N), tiling(T, 2), value)
    with pytest.raises(RuntimeError, match="reads outputs after step 2"):
        sweep(*arguments, last=2)
    with pytest.raises(ValueError, match="last must lie in"):
        sweep(*arguments, last=T)
    with pytest.raises(RuntimeError, match="reads outputs after step 2"):
        sweep(net, xs, targets, any_above_two, jnp.eye(N), tiling(T, 2), value, last=2)


@pytest.mark.parametrize("estimator", ["exact", "window", "first-order"])
def test_none_leaves_a_part_of_the_state_alone(estimator):
    net, xs, targets, value = problem("lstm")
    h, c = jax.vmap(lambda x: run(net, x).hs)(xs)
    of = lambda value: sweep(
        net, xs, targets, margin, jnp.eye(N), span(T, 2, 3)[None], value, estimator=estimator
    )
    np.testing.assert_allclose(of((value, None)), of((value, c)), atol=1e-12)
    assert np.abs(np.asarray(of((value, None)) - of((value, value)))).max() > 1e-6


@pytest.mark.parametrize(
    "shape", [(), (1,), (N,), (T, 1), (T, N), (1, 1, N), (B, 1, 1), (B, T, N)]
)
def test_a_value_may_be_shorter_where_it_repeats(shape):
    net, xs, targets, _ = problem("gru")
    value = jax.random.normal(keys(1, 8)[0], shape)
    of = lambda value, estimator: sweep(
        net, xs, targets, margin, GROUPS, tiling(T, 2), value, estimator=estimator
    )
    for estimator in ("exact", "first-order"):
        full = of(jnp.broadcast_to(value, (B, T, N)), estimator)
        np.testing.assert_allclose(of(value, estimator), full, atol=1e-13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": jnp.zeros((B, 2, N))}, r"value must fit \[B, T, N\]"),
        ({"units": jnp.ones((3, 2, N))}, "units of 3 windows do not fit 2 windows"),
        ({"units": jnp.zeros((2, 1, N))}, "group of units 0 is empty"),
        ({"units": jnp.zeros((0, N))}, "no group of units"),
        ({"units": -jnp.eye(N)}, r"must lie in \[0, 1\]"),
        ({"windows": jnp.full((2, T), jnp.nan)}, r"must lie in \[0, 1\]"),
        ({"windows": jnp.zeros((0, T))}, "no window"),
        ({"value": None}, "replaces nothing"),
        ({"memory": 10}, "does not hold one run"),
        ({"memory": "0.1"}, "memory must be bytes"),
        ({"mesh": jax.make_mesh((1,), ("data",))}, "mesh's axes are named among"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message):
    net, xs, targets, value = problem()
    arguments = {"units": jnp.eye(N), "windows": tiling(T, 3), "value": value} | change
    with pytest.raises(ValueError, match=message):
        sweep(net, xs, targets, margin, **arguments)


@pytest.mark.parametrize("edges", [jnp.array([[0, N]]), jnp.array([[-1, 0]])])
def test_edges_that_are_none_are_refused(edges):
    net, xs, targets, value = problem()
    with pytest.raises(ValueError, match="edges"):
        sweep_edges(net, xs, targets, margin, edges, tiling(T, 3), value)
    with pytest.raises(RuntimeError, match="edges"):
        eqx.filter_jit(sweep_edges)(net, xs, targets, margin, edges, tiling(T, 3), value)


def test_edges_out_of_the_first_state_alone_are_no_edges():
    net, xs, targets, value = problem()
    window = span(T, 0, 1)[None]
    with pytest.raises(ValueError, match="window 0 is empty"):
        sweep_edges(net, xs, targets, margin, jnp.array([[0, 1]]), window, value)


@pytest.mark.parametrize("cell", SOME)
def test_one_device_of_a_mesh_gives_the_same_numbers(cell):
    net, xs, targets, value = problem(cell)
    mesh = jax.make_mesh((1, 1), ("units", "trials"))
    for estimator in ("exact", "first-order"):
        arguments = (net, xs, targets, margin, GROUPS, tiling(T, 3), value, "clamp", estimator)
        np.testing.assert_allclose(sweep(*arguments, mesh=mesh), sweep(*arguments), atol=1e-12)


@pytest.mark.parametrize("estimator", ["exact", "window", "first-order"])
@pytest.mark.parametrize("lead", [1, 4])
def test_memory_stays_within_the_budget_whatever_is_asked(estimator, lead):
    """What the compiler sets aside, where the runs are by far the largest part of it."""
    cell = GRU(2, 32, key=keys(1)[0])
    net = Network(cell, Affine(32, 1, key=keys(1)[0]), zero_state(cell))

    def taken(count, groups, memory):
        xs, targets = jnp.zeros((count, 20, 2)), jnp.zeros((count, 20, 1))
        trials = per_trial(net, xs, targets, tiling(20, 5), 0.0)
        units = jnp.ones((lead, groups, 32))
        of_all = groups * lead if estimator == "first-order" else groups
        size = fit_budget(net, 20, of_all, count, memory, estimator)
        asked = ((net, margin, jnp.array(19)), trials, units, CLAMP, estimator, size, False, None)
        return program.lower(*asked).compile().compiled.memory_analysis().temp_size_in_bytes

    memory = 600_000
    large = memory * (2 if lead == 4 else 1)
    assert taken(8, 64, 100 * memory) > 1.2 * memory
    assert taken(8, 64, large) < large
    inputs = 64 * 20 * 100  # one copy of the inputs, targets and windows of 64 trials
    assert taken(64, 64, large) < large + inputs
    assert taken(8, 512, 100 * memory) > 5_000_000
    assert taken(8, 512, 5_000_000) < 5_000_000


def test_an_element_that_overflows_leaves_the_others_alone():
    class Explodes(eqx.Module):
        def __call__(self, h, x):
            return jnp.stack([h[0] ** 3, 0.5 * h[1] + x[0], h[2] + 0.1])

    class All(eqx.Module):
        def __call__(self, h):
            return h

    net = Network(Explodes(), All(), jnp.full(3, 0.1))
    xs, targets = jnp.ones((2, 12, 1)), jnp.ones((2, 12, 3))
    value = jnp.stack([jnp.full((12, 3), 1e12), jnp.full((12, 3), 2.0)])
    effects = sweep(net, xs, targets, margin, jnp.eye(3), span(12, 0, 2)[None], value)
    codes = result_codes(effects)
    np.testing.assert_array_equal(codes.code[0, 0], [1, 1])
    np.testing.assert_array_equal(codes.code[0, 1:], 0)
    assert codes.counts == {"finite": 4, "overflow": 2, "nan": 0}
    np.testing.assert_array_equal(codes.index, [[0, 0, 0], [0, 0, 1]])
    assert np.isfinite(np.asarray(effects)[0, 1:]).all()


@pytest.mark.parametrize("cell", ["gru", "lambda"])
def test_a_sweep_of_another_program_under_jit(cell):
    """Inside a caller's own jit the checks of values wait, the numbers stay."""
    net, xs, targets, value = problem(cell)

    @eqx.filter_jit
    def inside(units, windows):
        return sweep(net, xs, targets, margin, units, windows, value, last=T - 1)

    out = inside(GROUPS, tiling(T, 3))
    expected = sweep(net, xs, targets, margin, GROUPS, tiling(T, 3), value)
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_a_mesh_is_used_outside_of_jit():
    net, xs, targets, value = problem()
    mesh = jax.make_mesh((1,), ("trials",))
    of = lambda xs: sweep(net, xs, targets, margin, GROUPS, tiling(T, 3), value, mesh=mesh)
    with pytest.raises(ValueError, match="outside of jit"):
        jax.jit(of)(xs)


def test_finite_agrees_on_groups():
    net, xs, targets, value = problem("leaky")
    window = span(T, 1, 4)
    got = sweep(net, xs, targets, margin, GROUPS, window[None], value)[0]
    for b in range(B):
        metric = lambda trajectory, b=b: margin(outputs(net, trajectory), targets[b])
        many = jax.vmap(lambda unit, b=b: clamp(unit, window, value[b]))(GROUPS)
        np.testing.assert_allclose(got[:, b], finite(net.step, net.h0, xs[b], metric, many))
