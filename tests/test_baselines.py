"""Baselines: closed forms, other routes, what must change nothing, and what does not move."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import f_oneway

from rnn_jax import Network, sweep
from rnn_jax.causal import margin, resample, squared_error
from rnn_jax.cells import LSTM, Affine, zero_state
from rnn_jax.circuits import (
    auroc,
    baseline_scores,
    correlation,
    gradient,
    random_scores,
    readout_weight,
    selectivity,
    sparse_probe,
    variance,
)
from rnn_jax.circuits.baselines import BASELINES
from rnn_jax.circuits.weighted import moments
from rnn_jax.core import outputs, run
from rnn_jax.planted import context_flip_flop

B, T, N, O, W = 12, 10, 5, 2, 3  # noqa: E741
RNG = np.random.default_rng(0)
HS = jnp.asarray(RNG.normal(size=(B, T, N)))
MIXED = jnp.asarray(RNG.normal(size=(N, N)))
TARGETS = jnp.asarray(RNG.normal(size=(B, T, O))) + HS[..., :O]
WINDOWS = jnp.asarray(RNG.uniform(size=(W, B, T)) * (RNG.uniform(size=(W, B, T)) < 0.7))
VALUE = jnp.asarray(RNG.normal(size=(B, T, N)))


def flat(values):
    return np.asarray(values).reshape(-1, np.shape(values)[-1])


def test_correlation_and_variance_by_numpy():
    found, spread = correlation(HS, TARGETS, WINDOWS), variance(HS, WINDOWS)
    both = np.concatenate([flat(HS), flat(TARGETS)], 1).T
    for w in range(W):
        moments = np.cov(both, aweights=np.asarray(WINDOWS[w]).ravel(), ddof=0)
        assert_allclose(spread[w], np.diag(moments)[:N], rtol=1e-12)
        deviation = np.sqrt(np.diag(moments))
        expected = np.abs(moments / np.outer(deviation, deviation))[:N, N:].max(1)
        assert_allclose(found[w], expected, rtol=1e-12)


def test_a_window_of_all_trials_is_one_of_each():
    windows = WINDOWS[:, 0]
    each = jnp.broadcast_to(windows[:, None], (W, B, T))
    assert_array_equal(correlation(HS, TARGETS, windows), correlation(HS, TARGETS, each))
    whole = correlation(HS, TARGETS[..., :1], jnp.ones((1, T)))[0]
    expected = np.corrcoef(flat(HS).T, flat(TARGETS)[:, 0])[:N, N]
    assert_allclose(whole, np.abs(expected), rtol=1e-12)


def test_readout_weight_of_an_affine_readout_is_the_norm_of_a_column():
    readout = Affine(N, O, key=jax.random.key(0))
    found = readout_weight(readout, HS, WINDOWS)
    norm = np.linalg.norm(np.asarray(readout.c), axis=0)
    assert_allclose(found, np.tile(norm, (W, 1)), rtol=1e-12)


def test_readout_weight_of_any_readout_of_any_state():
    readout = lambda h: jnp.concatenate([jnp.sin(h[0]), h[0] * h[1]])
    other = VALUE + 2
    found = readout_weight(readout, (HS, other), WINDOWS)
    squares = np.cos(HS) ** 2 + np.asarray(HS) ** 2 + np.asarray(other) ** 2
    for w in range(W):
        expected = np.average(flat(squares), 0, np.asarray(WINDOWS[w]).ravel())
        assert_allclose(found[w], np.sqrt(expected), rtol=1e-12)


def test_selectivity_is_what_an_analysis_of_variance_says():
    classes = np.arange(B) % 3
    signs = np.array([[1, 1], [1, -1], [-1, 0]])[classes]
    targets = jnp.asarray(signs[:, None] * RNG.uniform(0.5, 2, (B, T, 1)))
    found = selectivity(HS, targets, WINDOWS)
    for w in range(W):
        window = np.asarray(WINDOWS[w])
        means = np.stack([np.average(h, 0, weights) for h, weights in zip(np.asarray(HS), window)])
        ratio = f_oneway(*(means[classes == k] for k in range(3))).statistic * 2 / (B - 3)
        assert_allclose(found[w], ratio / (1 + ratio), rtol=1e-10)


def test_selectivity_leaves_out_trials_without_the_window():
    targets = jnp.sign(TARGETS.mean((1, 2), keepdims=True)) * jnp.ones_like(TARGETS)
    kept = np.arange(B) < B - 3
    windows = jnp.asarray(np.ones((1, B, T)) * kept[None, :, None])
    found = selectivity(HS, targets, windows)
    assert_allclose(found, selectivity(HS[kept], targets[kept], jnp.ones((1, T))), rtol=1e-12)
    assert 0 < found.min() < found.max() < 1


def test_selectivity_of_noise_is_the_classes_share():
    noise = jax.random.normal(jax.random.key(0), (B, 1, 4000))
    targets = jnp.where(jnp.arange(B) < 4, 1.0, -1.0)[:, None, None]
    found = selectivity(noise, targets, jnp.ones((1, 1)))
    assert_allclose(found.mean(), 1 / (B - 1), rtol=0.05)


def optimum(x, y, weights, penalty):
    """Standardised moments, and the penalty of one output, by numpy."""
    z = (x - np.average(x, 0, weights)) / np.sqrt(
        np.average((x - np.average(x, 0, weights)) ** 2, 0, weights)
    )
    t = (y - np.average(y, weights=weights)) / np.sqrt(
        np.average((y - np.average(y, weights=weights)) ** 2, weights=weights)
    )
    p = weights / weights.sum()
    gram, cov = (z * p[:, None]).T @ z, (z * p[:, None]).T @ t
    return gram, cov, penalty * np.abs(cov).max()


def descended(gram, cov, limit):
    """The lasso, coordinate by coordinate."""
    beta = np.zeros(len(cov))
    for _ in range(5000):
        for i in range(len(cov)):
            left = cov[i] - gram[i] @ beta + gram[i, i] * beta[i]
            beta[i] = np.sign(left) * max(abs(left) - limit, 0) / gram[i, i]
    return beta


@pytest.mark.parametrize("penalty", [0.02, 0.1, 0.5])
def test_sparse_probe_is_the_lasso_by_another_route(penalty):
    hs = HS @ MIXED
    found = np.asarray(sparse_probe(hs, TARGETS, WINDOWS[:1], penalty=penalty))[0]
    weights = np.asarray(WINDOWS[0]).ravel()
    each = [descended(*optimum(flat(hs), flat(TARGETS)[:, o], weights, penalty)) for o in range(O)]
    assert_allclose(found, np.abs(each).max(0), atol=1e-6)
    assert (found > 0.01).any()
    if penalty == 0.5:
        assert (found == 0).any()


def test_sparse_probe_of_uncorrelated_units_shrinks_their_correlations():
    orthogonal = np.linalg.qr(np.c_[np.ones(B * T), flat(HS)])[0][:, 1:]
    hs = jnp.asarray(orthogonal).reshape(B, T, N)
    found = sparse_probe(hs, TARGETS[..., :1], jnp.ones((1, T)), penalty=0.3)
    corr = np.asarray(correlation(hs, TARGETS[..., :1], jnp.ones((1, T))))
    assert_allclose(found, np.maximum(corr - 0.3 * corr.max(), 0), atol=1e-7)


def test_sparse_probe_shares_a_weight_between_copies_and_gives_up_at_the_full_penalty():
    doubled = jnp.concatenate([HS, HS], -1)
    window = WINDOWS[:1]
    single, double = (np.asarray(sparse_probe(h, TARGETS, window))[0] for h in (HS, doubled))
    assert_allclose(double[:N], double[N:], rtol=1e-10)
    assert_allclose(double[:N] + double[N:], single, atol=1e-6)
    assert_allclose(sparse_probe(HS, TARGETS, window, penalty=1.0), 0, atol=1e-7)


def test_sparse_probe_says_so_when_it_is_not_done():
    with pytest.raises(RuntimeError, match="needs more than 2 steps"):
        sparse_probe(HS @ MIXED, TARGETS, WINDOWS, steps=2)
    for penalty in (0.0, 1.5):
        with pytest.raises(ValueError, match="penalty must lie in"):
            sparse_probe(HS, TARGETS, WINDOWS, penalty=penalty)


def memoryless():
    readout = Affine(N, O, key=jax.random.key(1))
    return Network(lambda h, x: x + 0.0 * h, readout, jnp.zeros(N))


def test_gradient_where_first_order_is_exact():
    network = memoryless()
    windows = (WINDOWS > 0).astype(float).at[1, : B // 2].set(0.0)
    found = gradient(network, HS, TARGETS, windows, VALUE)
    slope = np.einsum("bto,on->btn", TARGETS, network.readout.c) / (T * O)
    each = np.einsum("wbt,btn->wbn", windows, slope * np.asarray(VALUE - HS))
    count = np.array([B, B - B // 2, B])[:, None]
    assert_allclose(found, np.abs(each).sum(1) / count, rtol=1e-12)
    swept = sweep(network, HS, TARGETS, margin, jnp.eye(N), windows, VALUE)
    assert_allclose(found, np.abs(swept).sum(-1) / count, rtol=1e-9)


def test_gradient_is_blind_at_the_scores_optimum():
    network = memoryless()
    ys = jax.vmap(lambda x: outputs(network, run(network, x)))(HS)
    assert_allclose(gradient(network, HS, ys, WINDOWS, VALUE, squared_error), 0, atol=1e-15)


LINEAR = {
    "correlation": lambda hs, windows: correlation(hs, TARGETS, windows),
    "selectivity": lambda hs, windows: selectivity(hs, TARGETS, windows),
    "sparse probe": lambda hs, windows: sparse_probe(hs, TARGETS, windows),
    "variance": variance,
}


@pytest.mark.parametrize("name", LINEAR)
def test_scale_and_order_of_units(name):
    found = np.asarray(LINEAR[name](HS, WINDOWS))
    assert found.min() >= 0
    assert found.max() > 0.05
    scale = jnp.asarray([1e-6, -3.0, 1e5, 0.1, -1.0])
    moved = np.asarray(LINEAR[name](HS * scale[None, None] + scale[None, None], WINDOWS))
    squared = np.asarray(scale) ** 2 if name == "variance" else 1.0
    assert_allclose(moved, found * squared, rtol=1e-6, atol=0 if name == "variance" else 1e-7)
    order = np.array([3, 0, 4, 1, 2])
    permuted = np.asarray(LINEAR[name](HS[..., order], WINDOWS))
    assert_allclose(permuted, found[:, order], atol=1e-7)
    assert_allclose(LINEAR[name](HS, 0.5 * WINDOWS), found, atol=1e-7)


@pytest.mark.parametrize("name", LINEAR)
def test_what_does_not_move_scores_nothing(name):
    jitter = 1 + 1e-15 * jnp.sign(HS[..., 1])
    hs = HS.at[..., 0].set(0.3).at[..., 1].set(1e9 * jitter).at[..., 2].set(0.0)
    found = np.asarray(LINEAR[name](hs, WINDOWS.at[1].set(0.0)))
    assert_array_equal(found[:, :3], 0)
    assert_array_equal(found[1], 0)
    assert (found[[0, 2], 3:] > 0).any()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("score", [correlation, selectivity, sparse_probe])
@pytest.mark.parametrize("level", [0.0, 0.1, -7.0])
def test_a_target_that_does_not_move_tells_nothing(score, level):
    assert_array_equal(score(HS, jnp.full_like(TARGETS, level), WINDOWS), 0)


def test_a_small_variance_is_none_only_where_rounding_makes_it():
    z = np.random.default_rng(4).normal(size=(50, 1))
    p = jnp.full(50, 1 / 50)
    for size in (1e-2, 1e-8):
        _, spread = moments(jnp.asarray(1 + size * z), p)
        assert_allclose(spread, size**2 * z.var(), rtol=1e-6)
    assert moments(jnp.asarray(np.full((50, 1), 0.3)), p)[1] == 0


def test_random_scores_are_at_chance():
    scores = random_scores(jax.random.key(0), 400, 20)
    truth = jnp.arange(20) < 6
    areas = np.asarray([auroc(row, truth) for row in scores])
    assert abs(areas.mean() - 0.5) < 0.03
    assert areas.std() > 0.05


def test_all_baselines_of_a_state_in_two_parts():
    cell = LSTM(3, N, key=jax.random.key(0))
    network = Network(cell, Affine(N, O, key=jax.random.key(1)), zero_state(cell))
    xs = jax.random.normal(jax.random.key(2), (B, T, 3))
    hs = jax.vmap(lambda x: run(network, x))(xs).hs
    value = resample(hs, jax.random.key(3))
    found = baseline_scores(network, xs, TARGETS, WINDOWS, value, jax.random.key(4))
    assert set(found) == set(BASELINES)
    for name, scores in found.items():
        assert scores.shape == (W, N), name
        assert np.isfinite(scores).all(), name
        assert (np.asarray(scores).max(1) > 0).all(), name
    assert_allclose(found["variance"], variance(hs[0], WINDOWS), rtol=1e-9)
    assert_allclose(found["gradient"], gradient(network, xs, TARGETS, WINDOWS, value), rtol=1e-9)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_unread_copies_defeat_every_baseline(dtype):
    with jax.enable_x64(dtype == jnp.float64):
        planted = context_flip_flop()
        trials = planted.sample(jax.random.key(0), 24)
        hs = jax.vmap(lambda x: run(planted.network, x))(trials.xs).hs
        windows = jnp.stack(list(trials.epochs.values()))
        value = resample(hs, jax.random.key(1))
        found = baseline_scores(
            planted.network, trials.xs, trials.targets, windows, value, jax.random.key(2)
        )
        for name, scores in found.items():
            assert scores.dtype == dtype
            for row, epoch in zip(scores, trials.epochs):
                assert auroc(row, planted.truth.nodes[epoch] > 0) < 0.8, (name, epoch)


def test_windows_that_do_not_fit_are_named():
    for score in (correlation, selectivity, sparse_probe):
        with pytest.raises(ValueError, match="windows must be"):
            score(HS, TARGETS, jnp.ones((W, T + 1)))
    with pytest.raises(ValueError, match="windows must be"):
        gradient(memoryless(), HS, TARGETS, jnp.ones((W, 2, T)), VALUE)
