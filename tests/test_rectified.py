"""The rectified cell: the published rule, its masks, and senders that are silent."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax import Network, run
from rnn_jax.cells import Rectified, Units, members, unit_labels, visual_cortex
from rnn_jax.training import anatomical

N, I, T = 7, 3, 12  # noqa: E741
KEY = jax.random.key(0)


def masks(seed=0):
    """Neither mask is symmetric, so that a transposed one is another."""
    rng = np.random.default_rng(seed)
    return rng.random((N, N)) < 0.5, rng.random((N, I)) < 0.6


def masked(seed=0):
    mask, input_mask = masks(seed)
    cell = Rectified(I, N, mask=mask, input_mask=input_mask, key=jax.random.key(seed))
    # weights that are larger than drawn: the rule matters where tanh bends and units fall silent
    return eqx.tree_at(lambda c: c.w, cell, 3 * cell.w)


def inputs(seed=0):
    return np.random.default_rng(seed + 50).normal(size=(T, I))


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_published_rule(seed):
    """There `u_t = tanh(W h + U x)` is read and `h_t = max(u_t, 0)` goes on; here `u` is state."""
    cell, xs, (mask, input_mask) = masked(seed), inputs(seed), masks(seed)
    w, u = np.asarray(cell.w), np.asarray(cell.u)
    h, expected = np.zeros(N), []
    for x in xs:
        held = np.zeros(N)
        for i in range(N):
            drive = sum(w[i, j] * h[j] for j in range(N) if mask[i, j])
            drive += sum(u[i, k] * x[k] for k in range(I) if input_mask[i, k])
            held[i] = np.tanh(drive)
        expected.append(held)
        h = np.maximum(held, 0)
    found = run(Network(cell, Units(), jnp.zeros(N)), jnp.asarray(xs)).hs
    assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    assert (np.array(expected) < 0).any(axis=0).all(), "each unit is silent at some time"


def test_weights_start_within_their_bounds():
    cell = Rectified(4, 100, key=KEY)
    for weights, senders in ((cell.w, 100), (cell.u, 4)):
        largest = float(jnp.abs(weights).max())
        assert 0.95 * senders**-0.5 < largest <= senders**-0.5
        assert float(weights.mean()) == pytest.approx(0, abs=4 * senders**-0.5 / weights.size**0.5)
    assert not np.array_equal(cell.w, Rectified(4, 100, key=jax.random.key(1)).w)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_outside_a_mask_matters(seed):
    cell, (mask, input_mask) = masked(seed), masks(seed)
    rng = np.random.default_rng(seed + 9)
    parts = lambda c: (c.w, c.u)
    other = eqx.tree_at(parts, cell, (
        jnp.where(mask, cell.w, 100 * rng.normal(size=(N, N))),
        jnp.where(input_mask, cell.u, 100 * rng.normal(size=(N, I))),
    ))  # fmt: skip
    h, x = jnp.asarray(rng.normal(size=N)), jnp.asarray(rng.normal(size=I))
    assert_array_equal(cell(h, x), other(h, x))
    assert_array_equal(cell.wire, other.wire)

    def loss(cell):
        return jnp.sum(cell(cell(h, x), x) ** 2) + jnp.sum(cell.wire**2)

    slope = eqx.filter_grad(loss)(other)
    assert (np.asarray(slope.w)[~mask] == 0).all()
    assert (np.asarray(slope.u)[~input_mask] == 0).all()
    # every wire that is there is in the loss
    assert (np.asarray(slope.w)[mask] != 0).all()
    assert slope.mask is None
    assert slope.input_mask is None
    jacobian = np.asarray(jax.jacfwd(other)(jnp.ones(N), x))
    assert_array_equal(jacobian != 0, mask)


@pytest.mark.parametrize("seed", range(3))
def test_a_silent_sender_has_no_gain(seed):
    """`J[i, j] = (1 - h_i(t)^2) w_ij [h_j(t-1) > 0]`."""
    cell, rng = masked(seed), np.random.default_rng(seed)
    h, x = jnp.asarray(rng.normal(size=N)).at[0].set(0.0), jnp.asarray(rng.normal(size=I))
    jacobian, after = np.asarray(jax.jacfwd(cell)(h, x)), np.asarray(cell(h, x))
    silent = np.asarray(h) <= 0
    assert 1 < silent.sum() < N
    assert (jacobian[:, silent] == 0).all()
    gain = (1 - after**2)[:, None] * np.asarray(cell.wire)
    assert_allclose(jacobian[:, ~silent], gain[:, ~silent], rtol=1e-12)
    # nor does it matter how far below 0 it is
    assert_array_equal(cell(jnp.where(silent, 10 * h - 1, h), x), after)


def test_its_own_channel_alone_reaches_a_population():
    anatomy = visual_cortex(scale=1)
    P = len(anatomy.names)
    for own in (True, False):
        cell = anatomical(anatomy, KEY, own_channel=own).step
        reached = jax.jacfwd(cell, argnums=1)(jnp.zeros(anatomy.units), jnp.ones(P))
        expected = members(anatomy).T > 0 if own else np.ones((anatomy.units, P), bool)
        assert_array_equal(reached != 0, expected)
    cell = anatomical(anatomy, KEY).step
    x = jnp.asarray(np.random.default_rng(0).normal(size=P))
    first = cell(jnp.zeros(anatomy.units), x)
    for p in range(P):
        own = unit_labels(anatomy) == p
        alone = cell(jnp.zeros(anatomy.units), jnp.where(jnp.arange(P) == p, x, 7.0))
        assert_array_equal(alone[own], first[own])
        assert (alone[~own] != first[~own]).all()


def test_what_does_not_fit_is_named():
    wrong = {
        "mask": (np.ones((N, N + 1)), r"the mask \[to, from\] of Rectified: got"),
        "input_mask": (np.ones((I, N)), r"the input mask \[to, from\] of Rectified: got"),
    }
    for name, (mask, message) in wrong.items():
        with pytest.raises(ValueError, match=message):
            Rectified(I, N, key=KEY, **{name: mask})
    cell = Rectified(I, N, key=KEY)
    with pytest.raises(ValueError, match="the state of Rectified"):
        cell(jnp.zeros(N + 1), jnp.zeros(I))
    with pytest.raises(ValueError, match="the input of Rectified"):
        cell(jnp.zeros(N), jnp.zeros(I + 1))
    with pytest.raises(ValueError, match="units >= 1"):
        Rectified(I, 0, key=KEY)
