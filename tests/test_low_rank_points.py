"""Low-rank networks have the fixed points of their latent variables; and what lies far out."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import normal, told_in_one_line
from scipy.optimize import brentq

from rnn_jax.cells import LowRank
from rnn_jax.dynamics import fixed_points, outliers, stability, taken, unique

OVERLAP = {1: np.array([[2.0]]), 2: np.array([[2.2, 0.0], [0.3, 1.6]])}


def low_rank(units, rank, seed=0, **kwargs):
    """A cell whose `n` overlaps with its `m`, so that it has points other than 0."""
    cell = LowRank(1, units, rank=rank, key=jax.random.key(seed), **kwargs)
    m, noise = np.asarray(cell.m), np.asarray(normal(seed, units, rank))
    return eqx.tree_at(lambda c: c.n, cell, jnp.asarray(m @ OVERLAP[rank].T + 0.5 * noise))


def reduced(cell):
    """`kappa' = (1 - a) kappa + a N^T phi(M kappa + U x + b) / units`, exactly."""
    a = cell.dt / cell.tau

    def step(kappa, x):
        drive = cell.m @ kappa + cell.u @ x + cell.b
        return (1 - a) * kappa + a * (cell.n.T @ jnp.tanh(drive)) / cell.n.shape[0]

    return step


@pytest.mark.parametrize(("rank", "tau"), [(1, 1.0), (2, 1.0), (2, 2.0)])
def test_points_and_eigenvalues_are_those_of_kappa(rank, tau):
    units, x = 24, jnp.array([0.3])
    cell = low_rank(units, rank, tau=tau)
    m, n = np.asarray(cell.m), np.asarray(cell.n)
    kappas = np.random.default_rng(0).uniform(-2, 2, (30, rank))
    small = fixed_points(reduced(cell), x, kappas)
    large = fixed_points(cell, x, np.tanh(kappas @ m.T))
    # the others end at a slow point
    assert small.converged.mean() > 0.7
    assert large.converged.mean() > 0.7
    order = lambda rows: rows[np.lexsort(np.round(rows, 7).T)]
    kappa = order(unique(taken(small.points, small.converged)).points)
    points = unique(taken(large.points, large.converged)).points
    points = points[np.lexsort(np.round(points @ n / units, 7).T)]
    assert len(kappa) >= 3
    np.testing.assert_allclose(points @ n / units, kappa, atol=1e-10)
    drive = kappa @ m.T + np.asarray(cell.u @ x + cell.b)
    np.testing.assert_allclose(points, np.tanh(drive), atol=1e-10)
    whole, latent = stability(cell, x, points), stability(reduced(cell), x, kappa)
    # every other mode is the leak's
    a = 1 / tau
    for all_, own in zip(whole.eigenvalues, latent.eigenvalues, strict=True):
        known = np.concatenate([own, np.full(units - rank, 1 - a)])
        away = np.abs(all_[:, None] - known[None])
        assert away.min(1).max() < 1e-7
        assert away.min(0).max() < 1e-7
    np.testing.assert_array_equal(whole.unstable, latent.unstable)


@pytest.mark.parametrize("seed", range(3))
def test_rank_one_mean_field(seed):
    # kappa = overlap kappa <phi'(kappa z)>, z normal: Mastrogiuseppe and Ostojic, Neuron (2018)
    units, overlap, width = 2000, 2.0, 0.5
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    weights = weights / weights.sum()
    slope = lambda kappa: weights @ (1 - np.tanh(kappa * z) ** 2)
    mean_field = brentq(lambda kappa: overlap * slope(kappa) - 1, 0.1, 5)
    cell = low_rank(units, 1, seed)
    settle = jax.jit(lambda h: jax.lax.fori_loop(0, 200, lambda _, h: cell(h, jnp.zeros(1)), h))
    h = settle(jnp.tanh(cell.m[:, 0]))
    np.testing.assert_allclose(cell(h, jnp.zeros(1)), h, atol=1e-14)
    kappa = float(cell.n[:, 0] @ h / units)
    # one standard error of the mean of n phi(m kappa), over the slope of what it enters
    rates = np.tanh(mean_field * z)
    variance = weights @ (((overlap * z) ** 2 + width**2) * rates**2) - mean_field**2
    gain = overlap * (weights @ (z**2 * (1 - rates**2)))
    error = np.sqrt(variance / units) / (1 - gain)
    assert error < 0.1 * mean_field
    assert abs(kappa - mean_field) < 3 * error
    # the finite network's own mean field is exact
    near = stability(reduced(cell), jnp.zeros(1), np.array([[kappa]]))
    own = float(np.mean(np.asarray(cell.n * cell.m)[:, 0] * (1 - np.asarray(h) ** 2)))
    np.testing.assert_allclose(near.eigenvalues[0, 0], own, atol=1e-12)
    assert abs(own - gain) < 0.2


def test_outliers_are_far_from_every_state():
    states = np.asarray(normal(1, 200, 3))
    points = np.array([[0.0, 0, 0], [2, 0, 0], [40, 0, 0], [0, -8, 0]])
    assert outliers(points, states).tolist() == [False, False, True, True]
    assert outliers(points, states, beyond=30.0).tolist() == [False] * 4
    # scale and shift of all change nothing, and parts of a state are one
    assert outliers(100 + 7 * points, 100 + 7 * states).tolist() == [False, False, True, True]
    tree = lambda rows: (rows[:, :1], rows[:, 1:])
    assert outliers(tree(points), tree(states)).tolist() == [False, False, True, True]
    # the middle of a ring is near no state, but no outlier unless it is asked so
    angles = np.linspace(0, 2 * np.pi, 50)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1)
    assert outliers(np.zeros((1, 2)), ring, beyond=1.1).tolist() == [False]
    assert outliers(np.zeros((1, 2)), ring, beyond=0.9).tolist() == [True]
    assert outliers(points[:0], states).shape == (0,)


def test_a_point_where_no_trajectory_comes_is_told():
    step = lambda h, x: h + 0.1 * h * (1 - h) * (h - 50)
    found = fixed_points(step, jnp.zeros(0), np.array([[0.2], [0.9], [49.0]]))
    far = outliers(found.points, np.linspace(-0.5, 1.5, 20)[:, None])
    assert taken(found.points, far)[:, 0].tolist() == pytest.approx([50])


BAD = {
    "beyond": (lambda: outliers(np.zeros((1, 2)), np.zeros((3, 2)), 0.0), "beyond must"),
    "states": (lambda: outliers(np.zeros((1, 2)), np.zeros((3, 3))), "of 2 numbers each"),
    "no states": (lambda: outliers(np.zeros((1, 2)), np.zeros((0, 2))), "at least 1"),
    "not finite": (lambda: outliers(np.full((1, 2), np.inf), np.zeros((3, 2))), "not finite"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
