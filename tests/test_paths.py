"""Paths: their first order and exact effects, the beam that finds them, a chain that is known."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import (
    adjoints,
    direct,
    finite,
    first_order,
    jacobians,
    path_effects,
    path_factors,
    rollout,
    top_paths,
)
from helpers import N, T, Tanh, inputs, keys, network, normal

from rnn_jax import Replace, causal
from rnn_jax.causal import PathFactors
from rnn_jax.core import flatten

START, HOPS = 1, 2
# paths see no more of a step than `(h, x) -> h`, flat: one of each way to get there
KINDS = ["lambda", "eqx-lstm", "neural-ode", "gru", "dale"]


def problem(cell):
    """A flat step, and a metric and replacement values at every step."""
    net = network(cell)
    step, h0 = flatten(net.step, net.h0)
    weights, value = (jax.random.normal(k, (T, h0.size)) for k in keys(2, 7))
    metric = lambda trajectory: jnp.sum(jnp.sin(trajectory.hs) * weights)
    return step, h0, inputs(), metric, value


def every_path(units, hops):
    return jnp.array(list(itertools.product(range(units), repeat=hops + 1)))


def scores(factors, units):
    """The product of a path's factors, one after the other."""
    rows, factors = [], PathFactors(*(np.asarray(leaf) for leaf in factors))
    for path in np.asarray(units):
        row = factors.delta[..., path[0]] * factors.lam[..., path[-1]]
        for hop, (j, i) in enumerate(itertools.pairwise(path)):
            row = row * factors.J[..., hop, i, j]
        rows.append(row)
    return np.stack(rows, -1)


def drawn(seed, batch=(), units=5, hops=3):
    shapes = ((*batch, units), (*batch, hops, units, units), (*batch, units))
    return PathFactors(*(normal(10 * seed + k, *shape) for k, shape in enumerate(shapes)))


@pytest.mark.parametrize("cell", KINDS)
def test_every_hop_is_run_with_all_else_clean(cell):
    step, h0, xs, metric, value = problem(cell)
    effects = lambda v, units: path_effects(step, h0, xs, metric, v, START, units)
    clean = rollout(step, h0, xs)
    chosen = jnp.array([[0, 1, 2], [3, 3, 0], [2, 0, h0.size - 1]])
    arriving = []
    for path in np.asarray(chosen):
        u = value[START, path[0]]
        for hop, (j, i) in enumerate(itertools.pairwise(path)):
            u = step(clean.hs[START + hop].at[j].set(u), xs[START + hop + 1])[i]
        arriving.append(u)
    masks = jnp.zeros((3, T, h0.size)).at[jnp.arange(3), START + HOPS, chosen[:, -1]].set(1.0)
    exact = finite(step, h0, xs, metric, Replace(masks, jnp.array(arriving)[:, None, None]))
    got = effects(value, chosen)
    np.testing.assert_allclose(got, exact, atol=1e-12)
    assert float(jnp.abs(got).max()) > 1e-5
    np.testing.assert_allclose(effects(clean.hs, chosen), 0, atol=1e-13)


def test_a_path_of_one_unit_is_its_pulse():
    step, h0, xs, metric, value = problem("lstm")
    pulses = jnp.zeros((h0.size, T, h0.size)).at[:, START].set(jnp.eye(h0.size))
    exact = finite(step, h0, xs, metric, Replace(pulses, value[None, START]))
    got = path_effects(step, h0, xs, metric, value, START, every_path(h0.size, 0))
    np.testing.assert_allclose(got, exact, atol=1e-12)
    assert float(jnp.abs(exact).min()) > 1e-5
    few = path_effects(step, h0, xs, metric, value, START, every_path(h0.size, 0), batch_size=3)
    np.testing.assert_allclose(few, got, atol=1e-13)


@pytest.mark.parametrize("cell", KINDS)
def test_first_order_is_the_derivative_and_flows(cell):
    step, h0, xs, metric, value = problem(cell)
    clean = rollout(step, h0, xs)
    size = h0.size
    found = top_paths(path_factors(step, h0, xs, metric, value, START, HOPS), size ** (HOPS + 1))

    def toward(a):
        near = clean.hs + a * (value - clean.hs)
        return path_effects(step, h0, xs, metric, near, START, found.units[:5])

    slope = jax.jvp(toward, (jnp.array(0.0),), (jnp.array(1.0),))[1]
    np.testing.assert_allclose(found.first_order[:5], slope, atol=1e-12)
    assert float(jnp.abs(slope).max()) > 1e-5
    out = jnp.zeros(size).at[found.units[:, 0]].add(found.first_order)
    J, d = jacobians(step, clean), direct(clean, metric)
    seen = d[START] + d[START + 1] @ J[START + 1]
    node = first_order(step, h0, xs, metric, value)[START]
    delta = value[START] - clean.hs[START]
    np.testing.assert_allclose(out, node - seen * delta, atol=1e-12)


def linear(seed=0):
    w, u = (jax.random.normal(k, s) for k, s in zip(keys(2, seed), [(N, N), (N, 3)]))
    return (lambda h, x: w @ h + u @ x), jnp.zeros(N), inputs()


def test_a_linear_network_has_no_second_order():
    step, h0, xs = linear()
    value = jax.random.normal(keys(1, 3)[0], (T, N))
    readout = jnp.arange(1.0, N + 1)
    units = every_path(N, 3)
    at_end = lambda trajectory: trajectory.hs[-1] @ readout
    exact = path_effects(step, h0, xs, at_end, value, START, units, batch_size=16)
    factors = path_factors(step, h0, xs, at_end, value, START, 3)
    np.testing.assert_allclose(exact, scores(factors, units), atol=1e-10)
    whole = path_effects(step, h0, xs, at_end, value, START, every_path(N, 0))
    np.testing.assert_allclose(exact.reshape(N, -1).sum(1), whole, atol=1e-10)
    into = np.asarray(exact).reshape(-1, N).sum(0)
    delta = value[START] - rollout(step, h0, xs).hs[START]
    reached = jnp.linalg.multi_dot([*factors.J[::-1], delta])
    np.testing.assert_allclose(into, reached * factors.lam, atol=1e-10)
    assert float(jnp.abs(whole).min()) > 1e-2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_one_trial_needs_no_wider_beam_than_it_returns(seed):
    factors, units = drawn(seed), every_path(5, 3)
    every = scores(factors, units)
    order = np.argsort(-np.abs(every))
    for count, width in ((1, 1), (7, 7), (7, 30), (625, 625)):
        found = top_paths(factors, count, width)
        np.testing.assert_array_equal(found.units, units[order[:count]])
        np.testing.assert_allclose(found.first_order, every[order[:count]], rtol=1e-12)
        assert float(found.bound) <= abs(every[order[count - 1]]) * (1 + 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_the_bound_says_which_paths_are_the_best_of_all(seed):
    factors, units = drawn(seed, batch=(2, 10)), every_path(5, 3)
    every = np.abs(scores(factors, units).mean((0, 1)))
    order = np.argsort(-every)
    whole = top_paths(factors, 20, 125)
    np.testing.assert_array_equal(whole.units, units[order[:20]])
    np.testing.assert_allclose(whole.first_order, scores(factors, whole.units), rtol=1e-12)
    assert float(whole.bound) == 0
    for count, width in ((1, 1), (5, 5), (20, 20), (20, 60), (20, 100)):
        found = top_paths(factors, count, width)
        size = np.abs(found.first_order.mean((0, 1)))
        sure = int((size >= float(found.bound)).sum())
        np.testing.assert_array_equal(found.units[:sure], units[order[:sure]])
        missed = set(order[:count]) - {int(p @ 5 ** np.arange(3, -1, -1)) for p in found.units}
        assert all(every[path] <= float(found.bound) for path in missed)
    assert sure > 0


def test_the_bound_remembers_what_was_dropped_first():
    """Unit 0 promises 2, but its trials cancel; unit 1, dropped at once, would have scored 1."""
    delta = jnp.array([[2.0, 1.0], [-2.0, 1.0]])
    J = jnp.broadcast_to(jnp.eye(2), (2, 2, 2, 2))
    factors = PathFactors(delta, J, jnp.ones((2, 2)))
    narrow, wide = top_paths(factors, 1, 1), top_paths(factors, 1, 2)
    np.testing.assert_array_equal(narrow.first_order, [[2.0], [-2.0]])
    assert float(narrow.bound) == 1
    np.testing.assert_array_equal(wide.units, [[1, 1, 1]])
    assert float(wide.bound) == 0


CHAIN, ECHO = jnp.array([0, 1, 2, 3]), jnp.array([4, 5, 6, 7])


def delay_lines(h, x):
    """Two lines with one drive and one activity; the metric below reads the first alone."""
    wire = jnp.zeros((8, 8)).at[CHAIN[1:], CHAIN[:-1]].set(1.5).at[ECHO[1:], ECHO[:-1]].set(1.5)
    return jnp.tanh(wire @ h + jnp.eye(8)[0] * x[0] + jnp.eye(8)[4] * x[0])


def test_a_planted_chain_is_found_and_its_twin_is_not():
    h0, xs = jnp.zeros(8), inputs()
    end = lambda trajectory: trajectory.hs[-1, 3]
    hs = rollout(delay_lines, h0, xs).hs
    np.testing.assert_array_equal(hs[:, CHAIN], hs[:, ECHO])
    found = top_paths(path_factors(delay_lines, h0, xs, end, 0.0, T - 4, 3), 2)
    np.testing.assert_array_equal(found.units[0], CHAIN)
    assert abs(float(found.first_order[0])) > 1e-3
    assert float(found.first_order[1]) == 0
    exact = path_effects(delay_lines, h0, xs, end, 0.0, T - 4, jnp.stack([CHAIN, ECHO]))
    pulse = Replace(jnp.zeros((1, T, 8)).at[0, T - 4, 0].set(1.0), jnp.zeros((1, 1, 1)))
    assert float(exact[0]) == pytest.approx(float(finite(delay_lines, h0, xs, end, pulse)[0]))
    assert abs(float(exact[0])) > 1e-3
    assert abs(float(exact[1])) < 1e-15


def test_exact_runs_see_a_gate_that_the_gradient_finds_shut():
    """`relu(-1 + 3)` after a silent `relu(-1)`: first order is 0, the exact effect is 2."""
    step = lambda h, x: jax.nn.relu(jnp.array([h[0] * 0, 3 * h[0] - 1]))
    metric = lambda trajectory: trajectory.hs[-1, 1]
    arguments = (step, jnp.zeros(2), jnp.zeros((2, 0)), metric, 1.0, 0)
    assert float(top_paths(path_factors(*arguments, 1), 1).first_order[0]) == 0
    exact = path_effects(*arguments, jnp.array([[0, 1], [1, 1]]))
    np.testing.assert_array_equal(exact, [2.0, 0.0])


def test_renaming_units_renames_paths():
    w, u = (jax.random.normal(k, s) for k, s in zip(keys(2), [(N, N), (N, 3)]))
    weights, value = (jax.random.normal(k, (T, N)) for k in keys(2, 7))
    order = jnp.array([2, 0, 3, 1])
    found = []
    for o in (jnp.arange(N), order):
        step, seen = Tanh(w[o][:, o], u[o]), weights[:, o]
        metric = lambda trajectory, seen=seen: jnp.sum(jnp.sin(trajectory.hs) * seen)
        arguments = (step, jnp.zeros(N), inputs(), metric, value[:, o], START)
        best = top_paths(path_factors(*arguments, HOPS), 6)
        found.append((best, path_effects(*arguments, best.units)))
    (plain, exact), (renamed, again) = found
    np.testing.assert_array_equal(order[renamed.units], plain.units)
    np.testing.assert_allclose(renamed.first_order, plain.first_order, atol=1e-12)
    np.testing.assert_allclose(again, exact, atol=1e-12)


def test_one_ranking_for_a_window_over_trials():
    step, h0, _, metric, value = problem("gru")
    trials, starts = jnp.stack([inputs(seed) for seed in range(3)]), jnp.arange(1, 4)
    at = lambda xs, t: path_factors(step, h0, xs, metric, value, t, HOPS)
    factors = jax.jit(jax.vmap(jax.vmap(at, (None, 0)), (0, None)))(trials, starts)
    found = top_paths(factors, 4)
    assert found.first_order.shape == (3, 3, 4)
    mean = np.abs(found.first_order.mean((0, 1)))
    assert (np.diff(mean) <= 0).all()
    one = path_factors(step, h0, trials[2], metric, value, 3, HOPS)
    np.testing.assert_allclose(found.first_order[2, 2], scores(one, found.units), atol=1e-12)
    lam = adjoints(step, rollout(step, h0, trials[2]), metric)
    np.testing.assert_allclose(one.lam, lam[3 + HOPS], atol=1e-12)
    exact = lambda xs, t: path_effects(step, h0, xs, metric, value, t, found.units)
    every = jax.jit(jax.vmap(jax.vmap(exact, (None, 0)), (0, None)))(trials, starts)
    np.testing.assert_allclose(every[2, 2], exact(trials[2], 3), atol=1e-12)
    others = factors._replace(J=factors.J * (1 - jnp.eye(N))[None, None, None])
    away = top_paths(others, 4).units
    assert (away[:, 1:] != away[:, :-1]).all()


def test_effects_have_gradients():
    w, u = (jax.random.normal(k, s) for k, s in zip(keys(2), [(N, N), (N, 3)]))
    units, metric = jnp.array([[0, 2, 1]]), lambda trajectory: trajectory.hs[-1].sum()
    arguments = (jnp.zeros(N), inputs(), metric, 0.5, START)
    total = lambda w: path_effects(Tanh(w, u), *arguments, units)[0]
    push = jax.random.normal(keys(1, 4)[0], (N, N))
    slope = jnp.vdot(jax.grad(total)(w), push)
    by_hand = (total(w + 1e-5 * push) - total(w - 1e-5 * push)) / 2e-5
    assert float(slope) == pytest.approx(float(by_hand), abs=1e-8)
    ranked = lambda w: top_paths(path_factors(Tanh(w, u), *arguments, HOPS), 3).first_order.sum()
    slope = jnp.vdot(jax.grad(ranked)(w), push)
    by_hand = (ranked(w + 1e-5 * push) - ranked(w - 1e-5 * push)) / 2e-5
    assert float(slope) == pytest.approx(float(by_hand), abs=1e-6)


def test_what_makes_no_sense_is_refused():
    step, h0, xs, metric, value = problem("vanilla")
    fit = lambda **change: causal.path_factors(
        **{"step": step, "h0": h0, "xs": xs, "metric": metric, "value": value}
        | {"start": START, "hops": HOPS}
        | change
    )
    for change, message in [
        ({"start": T - HOPS}, rf"in \[0, {T - HOPS}\), got {T - HOPS}"),
        ({"start": -1}, "got -1"),
        ({"hops": T}, rf"hops must lie in \[0, {T}\)"),
        ({"value": value[0]}, r"value must be a scalar, \[1, N\] or"),
    ]:
        with pytest.raises(ValueError, match=message):
            fit(**change)
    pair = network("lstm")
    with pytest.raises(ValueError, match="flatten"):
        causal.path_factors.__wrapped__(pair.step, pair.h0, xs, metric, 0.0, START, HOPS)
    for units in ([[0, N]], [[-1, 0]]):
        with pytest.raises(ValueError, match=rf"unit of a path must lie in \[0, {N}\)"):
            causal.path_effects(step, h0, xs, metric, value, START, jnp.array(units))
    with pytest.raises(ValueError, match=r"\[K, L \+ 1\], a row a path; got int64\[2\]"):
        causal.path_effects.__wrapped__(step, h0, xs, metric, value, START, jnp.array([0, 1]))
    late = eqx.filter_jit(lambda start: fit(start=start).delta)
    np.testing.assert_array_equal(late(jnp.array(START)), fit().delta)
    with pytest.raises(RuntimeError, match="must lie in"):
        jax.block_until_ready(late(jnp.array(T - HOPS)))
    for count, width, message in [(0, None, "to the 64 paths"), (65, None, "64"), (5, 4, "width")]:
        with pytest.raises(ValueError, match=message):
            causal.top_paths(fit(), count, width)
    with pytest.raises(ValueError, match="factors must be"):
        causal.top_paths(fit()._replace(lam=jnp.ones(N + 1)), 1)
