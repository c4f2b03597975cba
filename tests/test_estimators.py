"""Estimators of a sweep: exact for a linear network, and what each of them is by definition."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, I, N, T, keys
from test_sweep import GROUPS, MAKE, B, problem

from rnn_jax import Network, clamp, margin, outputs, run, span, squared_error, sweep


class Linear(eqx.Module):
    w: jax.Array
    u: jax.Array

    def __call__(self, h, x):
        return self.w @ h + self.u @ x


def linear_problem():
    net, xs, targets, value = problem()
    w, u = (jax.random.normal(k, s) / 2 for k, s in zip(keys(2, 3), [(N, N), (N, I)]))
    return Network(Linear(w, u), net.readout, net.h0), xs, targets, value


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize("estimator", ["window", "first-order"])
def test_estimators_are_exact_for_a_linear_network(kind, estimator):
    """Of up to two steps: a group carries itself once, which is what first order takes off."""
    net, xs, targets, value = linear_problem()
    windows = jnp.stack([span(T, a, b) for a, b in [(0, 2), (2, 4), (4, 6), (3, 4)]])
    arguments = (net, xs, targets, margin, GROUPS, windows, value, kind)
    exact = sweep(*arguments)
    np.testing.assert_allclose(sweep(*arguments, estimator=estimator), exact, atol=1e-11)
    assert np.abs(exact).min() > 1e-6


@pytest.mark.parametrize("kind", ["clamp", "read"])
@pytest.mark.parametrize("cell", SOME)
def test_the_window_estimate_is_exact_where_nothing_is_left(cell, kind):
    net, xs, targets, value = problem(cell)
    windows = jnp.stack([span(T, a, T) for a in (0, 3)])
    arguments = (net, xs, targets, squared_error, GROUPS, windows, value, kind)
    np.testing.assert_allclose(
        sweep(*arguments, estimator="window"), sweep(*arguments), atol=1e-12
    )


@pytest.mark.parametrize("cell", SOME)
def test_the_window_estimate_by_its_definition(cell):
    """The outputs to the window's end as they are, and the later ones by their derivative."""
    net, xs, targets, value = problem(cell)
    a, b = 1, 3
    got = sweep(
        net, xs, targets, squared_error, jnp.eye(N), span(T, a, b)[None], value,
        estimator="window",
    )[0]  # fmt: skip

    def one(unit, x, y, v):
        clean = run(net, x)
        edited = run(net, x, clamp(unit, span(T, a, b), v))
        ys = outputs(net, clean).at[a:b].set(outputs(net, edited)[a:b])
        at = lambda trajectory: jax.tree.map(lambda leaf: leaf[b - 1], trajectory.hs)

        def rest(h):
            later = run(eqx.tree_at(lambda n: n.h0, net, h), x[b:])
            return squared_error(outputs(net, clean).at[b:].set(outputs(net, later)), y)

        change = jax.tree.map(jnp.subtract, at(edited), at(clean))
        tail = jax.jvp(rest, (at(clean),), (change,))[1]
        return squared_error(ys, y) - squared_error(outputs(net, clean), y) + tail

    trials = jax.vmap(one, in_axes=(None, 0, 0, 0))
    expected = jax.jit(jax.vmap(trials, in_axes=(0, None, None, None)))(
        jnp.eye(N), xs, targets, value
    )
    np.testing.assert_allclose(got, expected, atol=1e-11)


@pytest.mark.parametrize("kind", list(MAKE))
@pytest.mark.parametrize("cell", SOME)
def test_first_order_is_the_derivative_of_a_small_replacement(cell, kind):
    """`v = h + eps * d` moves the score by eps times a derivative, exact in windows of two."""
    net, xs, targets, _ = problem(cell)
    hs = jax.vmap(lambda x: run(net, x).hs)(xs)
    direction = jax.random.normal(keys(1, 7)[0], (B, T, N))
    eps = 1e-6
    value = jax.tree.map(lambda leaf: leaf + eps * direction, hs)
    windows = jnp.stack([span(T, 1, 3), span(T, 4, 6)])
    for units in (jnp.eye(N), GROUPS):
        arguments = (net, xs, targets, squared_error, units, windows, value, kind)
        exact, first = sweep(*arguments), sweep(*arguments, estimator="first-order")
        np.testing.assert_allclose(first / eps, exact / eps, atol=2e-3 * np.abs(exact / eps).max())


def test_the_window_estimate_ends_with_each_trials_own_window():
    """Whatever trials are run together: by one budget or another, and one by one."""
    net, xs, targets, value = problem("gru")
    rows = [
        [span(T, 0, 2), span(T, 1, 5), span(T, 3, 4)],
        [span(T, 2, 5), jnp.zeros(T), span(T, 4, 6)],
    ]
    windows = jnp.stack([jnp.stack(row) for row in rows])
    of = lambda b, windows, **more: sweep(
        net, xs[b], targets[b], squared_error, GROUPS, windows, value[b], estimator="window",
        allow_noop=True, **more,
    )  # fmt: skip
    whole = of(slice(None), windows)
    np.testing.assert_allclose(of(slice(None), windows, memory=4000), whole, atol=1e-12)
    for b in range(B):
        alone = of(slice(b, b + 1), windows[:, b])
        np.testing.assert_allclose(whole[:, :, b : b + 1], alone, atol=1e-12)
    np.testing.assert_array_equal(whole[1, :, 1], 0.0)
