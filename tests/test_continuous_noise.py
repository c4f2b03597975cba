"""Noise in continuous time: one path at every step size, its order, ablated runs that hear it."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from continuous_data import FIELDS, NONE, order
from helpers import N, inputs, normal, same
from numpy.testing import assert_allclose

from rnn_jax.core import Replace, from_field, noisy, rollout, span, white_noise


def test_half_the_step_refines_the_same_path():
    key = jax.random.key(0)
    coarse, fine = white_noise(key, 50, 0.2, 300), white_noise(key, 100, 0.1, 300)
    assert_allclose(fine.reshape(50, 2, 300).mean(1), coarse, atol=1e-10)
    # normal, of variance 1 / dt, each apart from every other
    entries = np.asarray(fine).ravel() * 0.1**0.5
    assert abs(entries.mean()) < 5 / len(entries) ** 0.5
    assert abs(entries.var() - 1) < 5 * (2 / len(entries)) ** 0.5
    next_to = np.mean(fine[1:] * fine[:-1]) * 0.1
    assert abs(next_to) < 5 / len(entries) ** 0.5
    assert not same(coarse, white_noise(jax.random.key(1), 50, 0.2, 300))


def test_the_strength_of_noise_is_trained():
    # h = g xi after one step of length 1 from 0, so that the slope of the sum of squares is
    xi = white_noise(jax.random.key(0), 1, 1.0, N)
    field = noisy(lambda t, h, x: jnp.zeros_like(h), jnp.asarray(0.3))
    loss = lambda field: (from_field(field, 1.0)(jnp.zeros(N), (NONE, xi[0])) ** 2).sum()
    assert_allclose(eqx.filter_grad(loss)(field).diffusion, 2 * 0.3 * (xi**2).sum(), rtol=1e-12)
    make = jax.jit(lambda g: loss(noisy(lambda t, h, x: jnp.zeros_like(h), g)))
    assert_allclose(make(0.3), loss(field), rtol=1e-12)


PATHS, ENDS = 300, 1.0


def ends(solver, drift, spread, T, key=0):
    """States of many paths at time 1, from 1, and the Brownian motion there."""
    field = noisy(lambda t, h, x: drift * h, lambda t, h, x: spread(h))
    xi = white_noise(jax.random.key(key), T, ENDS / T, PATHS)
    step = from_field(field, ENDS / T, solver)
    h = rollout(step, jnp.ones(PATHS), (jnp.zeros((T, 0)), xi)).hs[-1]
    return h, xi.sum(0) * (ENDS / T)


@pytest.mark.parametrize(("solver", "ito", "expected"),
                         [(None, True, 0.5), (diffrax.Heun(), False, 1.0)])  # fmt: skip
def test_the_strong_order_on_geometric_paths(solver, ito, expected):
    mu, sigma, errors = 0.3, 0.8, []
    for T in (16, 64):
        h, W = ends(solver, mu, lambda h: sigma * h, T)
        exact = jnp.exp((mu - ito * sigma**2 / 2) * ENDS + sigma * W)
        errors.append(float(jnp.abs(h - exact).mean()))
    assert errors[1] < 0.1
    assert abs(order(errors, 4) - expected) < 0.15


def test_the_strong_order_on_ornstein_uhlenbeck_paths():
    theta, sigma, T = 1.5, 0.5, 1024
    xi = white_noise(jax.random.key(0), T, ENDS / T, PATHS)
    middle = (np.arange(T) + 0.5) / T
    integral = (np.exp(-theta * (1 - middle))[:, None] * xi).sum(0) / T
    exact = np.exp(-theta) + sigma * integral
    errors = [
        float(np.abs(ends(None, -theta, lambda h: jnp.full_like(h, sigma), n)[0] - exact).mean())
        for n in (16, 64)
    ]
    assert abs(order(errors, 4) - 1) < 0.1


def test_the_stationary_variance():
    theta, sigma, dt, paths = 2.0, 0.6, 0.02, 4000
    step = from_field(noisy(lambda t, h, x: -theta * h, sigma), dt, diffrax.Heun())
    xi = white_noise(jax.random.key(0), 150, dt, paths)
    h = np.asarray(rollout(step, jnp.zeros(paths), (jnp.zeros((150, 0)), xi)).hs[-1])
    assert abs(h.var() / (sigma**2 / (2 * theta)) - 1) < 5 * (2 / paths) ** 0.5


@pytest.mark.parametrize("solver", [diffrax.Euler(), diffrax.Heun()])
def test_noise_is_that_of_diffraxs_own_terms(solver):
    T, dt, g = 5, 0.1, normal(3, N, 2)
    spread = lambda t, h, x: g * (1 + 0.1 * h[:, None])
    xs, xi = inputs(steps=1)[0], white_noise(jax.random.key(0), T, dt, 2)
    step = from_field(noisy(FIELDS["rate"], spread), dt, solver)
    ours = rollout(step, jnp.ones(N), (jnp.tile(xs, (T, 1)), xi)).hs[-1]
    W = jnp.concatenate([jnp.zeros((1, 2)), jnp.cumsum(xi * dt, 0)])
    terms = diffrax.MultiTerm(
        diffrax.ODETerm(FIELDS["rate"]),
        diffrax.ControlTerm(spread, diffrax.LinearInterpolation(jnp.arange(T + 1.0) * dt, W)),
    )
    theirs = diffrax.diffeqsolve(terms, solver, 0.0, T * dt, dt, jnp.ones(N), xs)
    assert_allclose(ours, theirs.ys[0], atol=1e-12)


def test_an_ablated_run_hears_the_noise_of_its_clean_run():
    T, dt = 30, 0.1
    step = from_field(noisy(FIELDS["rate"], 0.3), dt)
    xs = inputs(steps=T), white_noise(jax.random.key(0), T, dt, N)
    states = jax.jit(lambda step, edit: rollout(step, jnp.zeros(N), xs, edit).hs)
    held_at = lambda step, units, value: states(
        step, Replace(jnp.outer(span(T, 10, 20), units), jnp.full((T, N), value))
    )
    # to the bit within one program, to rounding against another
    clean = held_at(step, jnp.zeros(N), 0.0)
    assert same(held_at(step, jnp.zeros(N), 7.0), clean)
    assert_allclose(rollout(step, jnp.zeros(N), xs).hs, clean, atol=1e-14)
    one = jnp.eye(N)[1]
    held = held_at(step, one, 0.0)
    assert same(held[:10], clean[:10])
    assert (held[10:20, 1] == 0).all()
    # without connections the others differ in nothing, noise included
    alone = eqx.tree_at(lambda s: s.field.field.w, step, jnp.zeros((N, N)))
    clean, held = held_at(alone, jnp.zeros(N), 0.0), held_at(alone, one, 0.0)
    assert same(jnp.delete(held, 1, 1), jnp.delete(clean, 1, 1))
