"""Lyapunov spectra: directions that are lost, and exponents of blocks of units."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import N, inputs, network, normal
from test_fixed_points import Weights
from test_lyapunov import LN2, RATES, lorenz, none, runge_kutta, spectrum

from rnn_jax import Replace, clamp, jacobians, lyapunov_spectrum, pulse, rollout
from rnn_jax.core import flatten
from rnn_jax.dynamics import double, doubled

# directions that are lost


@pytest.mark.parametrize("cell", ["lambda", "lstm"])
def test_a_clamped_unit_is_lost_and_the_rest_are_right(cell):
    net, xs = network(cell), inputs(steps=60)
    hold = clamp([1], jnp.ones(1), 0.1)
    found = spectrum(net.step, net.h0, xs, burn_in=30, intervention=hold)
    parts = len(jax.tree.leaves(net.h0))
    lost = np.isneginf(found.exponents)
    assert lost.tolist() == [False] * (parts * (N - 1)) + [True] * parts
    assert np.isneginf(found.trace[:, lost]).all()
    # of the others the determinant: J without the unit's rows and columns
    flat, h = flatten(net.step, net.h0)
    edit = Replace(jnp.tile(jnp.eye(N)[1], parts)[None], 0.1)
    J = np.asarray(jacobians(flat, rollout(flat, h, xs, edit), edit))[30:]
    free = np.delete(np.arange(h.size), 1 + N * np.arange(parts))
    wanted = np.linalg.slogdet(J[:, free][:, :, free])[1].mean()
    assert found.exponents[~lost].sum() == pytest.approx(wanted, abs=1e-9)


def test_a_direction_that_is_lost_goes_last():
    # by now the first direction is the first unit's alone, and it is the one that is lost
    step, T = lambda h, x: jnp.asarray(RATES) * h, 4800
    late = clamp([0], (jnp.arange(T) >= 4000).astype(float), 0.0)
    found = spectrum(step, jnp.zeros(3), none(T), burn_in=4000, intervention=late)
    np.testing.assert_allclose(found.exponents, [np.log(1.5), -LN2, -np.inf], atol=1e-12)


def test_one_singular_step_takes_a_direction_for_good():
    net, xs = network("lambda"), inputs(steps=30)
    once = pulse([0], jnp.zeros(30).at[20].set(1.0), 0.0)
    found = spectrum(net.step, net.h0, xs, intervention=once)
    assert np.isneginf(found.exponents).tolist() == [False] * 3 + [True]
    # the trace knows when
    assert np.isfinite(found.trace[:20]).all()
    assert np.isneginf(found.trace[20:, 3]).all()
    # before it counts it does not matter
    after = spectrum(net.step, net.h0, xs, intervention=once, burn_in=21)
    assert np.isfinite(after.exponents).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_network_of_low_rank_has_no_more_exponents(dtype):
    m, n = (normal(k, 40, 3).astype(dtype) for k in (1, 2))
    step = lambda h, x: jnp.tanh(m @ (n.T @ h) / 10)
    h0 = jnp.ones(40, dtype)
    found = spectrum(step, h0, none(60).astype(dtype), burn_in=20)
    assert np.isneginf(found.exponents).tolist() == [False] * 3 + [True] * 37
    # those of the three numbers that the state is made of
    small = lambda k, x: n.T @ jnp.tanh(m @ k / 10)
    own = spectrum(small, n.T @ h0, none(60).astype(dtype), burn_in=20)
    np.testing.assert_allclose(found.exponents[:3], own.exponents, atol=0.02)


def test_a_run_that_is_not_finite_gives_nan():
    found = spectrum(lambda h, x: h**2, jnp.array([3.0, 2.0]), none(60))
    assert np.isnan(found.exponents).all()


def test_double_precision_knows_the_slope_of_a_saturated_unit():
    # in single precision tanh(10) may round to 1, and its slope to 0
    step, h0 = Weights(jnp.diag(jnp.array([10.0, 0.5], "float32"))), jnp.array([1, 0], "float32")
    with double():
        found = spectrum(*doubled((step, h0)), none(60), burn_in=10)
    assert found.exponents.dtype == "float64"
    expected = [np.log(0.5), np.log(10 / np.cosh(10) ** 2)]
    np.testing.assert_allclose(found.exponents, expected, rtol=1e-6)


# blocks


def test_conditional_exponents_are_those_of_the_diagonal_block():
    net, xs = network("lambda"), inputs(steps=40)
    J = np.asarray(jacobians(net.step, rollout(net.step, net.h0, xs)))[10:]
    blocks = [0, 2], [1], [3, 0, 1], [0, 1, 2, 3]
    # masks of blocks are data: one program serves all
    masks = jnp.stack([jnp.zeros(N).at[jnp.array(units)].set(1.0) for units in blocks])
    one = lambda mask: lyapunov_spectrum(net.step, net.h0, xs, burn_in=10, units=mask).exponents
    rows = np.asarray(jax.jit(jax.vmap(one))(masks))
    for units, row in zip(blocks, rows):
        size = len(units)
        assert np.isneginf(row).tolist() == [False] * size + [True] * (N - size)
        wanted = np.linalg.slogdet(J[:, units][:, :, units])[1].mean()
        assert row[:size].sum() == pytest.approx(wanted, abs=1e-10)
    few = spectrum(net.step, net.h0, xs, burn_in=10, units=[3, 0, 1], count=2)
    np.testing.assert_allclose(few.exponents, rows[2, :2], atol=1e-12)


def test_a_driven_block_has_its_own_exponents_whatever_drives_it():
    # units 2 and 3 hear 0 and 1, and are not heard
    a = jnp.array([[0.8, 0, 0, 0], [0.3, 1.1, 0, 0], [1.0, 2, 0.6, 0], [3.0, 1, 0.5, 0.4]])
    step = lambda h, x: a @ h
    for units, wanted in {(0, 1): [1.1, 0.8], (2, 3): [0.6, 0.4]}.items():
        found = spectrum(step, jnp.ones(4), none(400), burn_in=200, units=list(units), count=2)
        np.testing.assert_allclose(found.exponents, np.log(wanted), atol=1e-12)


def test_pecora_and_carrolls_lorenz_subsystem():
    # driven by x, (y, z) contract at rates that add up to the block's trace -(1 + 8/3)
    dt, T = 0.01, 8000
    found = spectrum(runge_kutta(lorenz, dt), jnp.ones(3), none(T), burn_in=1000, units=[1, 2])
    assert np.isneginf(found.exponents).tolist() == [False, False, True]
    assert (found.exponents[:2] < 0).all()


@pytest.mark.parametrize("cell", ["lstm", "eqx-lstm"])
def test_units_of_two_parts_and_of_one(cell):
    net, xs = network(cell), inputs(steps=12)
    flat, h = flatten(net.step, net.h0)
    J = np.asarray(jacobians(flat, rollout(flat, h, xs)))
    for units, entries in {
        "both": ([1, 2], [1, 2, N + 1, N + 2]),
        "one": ((None, [0]), [N]),
    }.values():
        found = spectrum(net.step, net.h0, xs, units=units, count=len(entries))
        wanted = np.linalg.slogdet(J[:, entries][:, :, entries])[1].mean()
        assert found.exponents.sum() == pytest.approx(wanted, abs=1e-10)
