"""Screening: what it keeps is exact, what it may have missed is said, saturation is warned of."""

import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import binomtest

from rnn_jax import (
    Network,
    margin,
    outputs,
    resumable,
    run,
    screen,
    span,
    squared_error,
    sweep,
    tiling,
)
from rnn_jax.causal.screen import _recall
from rnn_jax.cells import Vanilla, zero_state

B, T, N, I = 6, 12, 48, 3  # noqa: E741
KEY = jax.random.key(0)


def problem(gain=0.3):
    keys = jax.random.split(jax.random.key(1), 5)
    cell = Vanilla(I, N, key=keys[0])
    weights = jax.random.normal(keys[1], (2, N)) / N**0.5
    net = Network(cell, lambda h: weights @ h, zero_state(cell))
    xs = gain * jax.random.normal(keys[2], (B, T, I))
    targets = jnp.where(jax.random.uniform(keys[3], (B, 1, 2)) > 0.5, 1.0, -1.0)
    return net, xs, jnp.broadcast_to(targets, (B, T, 2))


def asked(net, xs, targets, score=margin, **more):
    arguments = {"keep": 6, "key": KEY} | more
    windows = tiling(T, 4)
    return screen(net, xs, targets, score, jnp.eye(N), windows, 0.0, **arguments)


@pytest.mark.parametrize("estimator", ["first-order", "window", "exact"])
def test_what_it_keeps_is_exact_and_largest_of_what_was_run(estimator):
    net, xs, targets = problem()
    found = asked(net, xs, targets, estimator=estimator)
    exact = sweep(net, xs, targets, margin, jnp.eye(N), tiling(T, 4), 0.0)
    exact = np.asarray(exact.mean(-1))
    was_run = found.ran
    np.testing.assert_allclose(found.exact[was_run], exact[was_run], atol=1e-12)
    sizes = np.where(was_run, np.abs(exact), -1)
    np.testing.assert_array_equal(found.kept, np.argsort(-sizes, 1)[:, :6])
    np.testing.assert_allclose(found.effect, np.take_along_axis(exact, found.kept, 1), atol=1e-12)
    assert found.estimator == estimator
    assert found.ranked_by == "margin"
    top = np.argsort(-np.abs(exact), 1)[:, :6]
    share = np.mean([len(set(a) & set(b)) / 6 for a, b in zip(found.kept, top)])
    assert share > 0.9
    assert (found.agreement > 0.8).all()
    assert (np.abs(found.slope - 1) < 0.5).all()
    assert found.codes.counts["finite"] == was_run.sum() * B
    if estimator == "exact":
        assert was_run.all()
        assert (found.recall, found.interval, found.audited) == (1.0, (1.0, 1.0), 0)
    else:
        assert was_run.sum() == 3 * (12 + 2)
        assert found.audited == 6
        assert found.interval[0] < found.recall <= found.interval[1]


def test_a_misleading_estimate_is_audited_and_warned_of():
    """At its own outputs a squared error has no slope: every estimate is 0, any order goes."""
    net, xs, _ = problem()
    targets = jax.vmap(lambda x: outputs(net, run(net, x)))(xs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = asked(net, xs, targets, squared_error, rank_by=squared_error, audit=0.5)
    said = [str(warning.message) for warning in caught]
    assert any("are under a tenth of the exact effects in windows [0, 1, 2]" in s for s in said)
    assert all("Recall by the audit" in s for s in said)
    exact = np.asarray(
        sweep(net, xs, targets, squared_error, jnp.eye(N), tiling(T, 4), 0.0).mean(-1)
    )
    at_least = np.abs(exact) >= np.abs(found.effect[:, -1:])
    true_recall = (at_least & found.ran).sum() / at_least.sum()
    assert true_recall < 1
    assert found.interval[0] <= true_recall <= found.interval[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        by_margin = asked(net, xs, targets, squared_error)
    assert by_margin.agreement.mean() > 0.5
    assert not (found.agreement > 0.3).any()


def test_the_interval_covers_the_true_recall():
    """Over many draws of the audit, of an estimate that misleads."""
    net, xs, _ = problem()
    targets = jax.vmap(lambda x: outputs(net, run(net, x)))(xs)
    exact = np.abs(
        np.asarray(sweep(net, xs, targets, squared_error, jnp.eye(N), tiling(T, 4), 0.0).mean(-1))
    )
    covered, count = 0, 30
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(count):
            found = asked(
                net, xs, targets, squared_error, rank_by=squared_error, audit=0.2,
                key=jax.random.key(seed),
            )  # fmt: skip
            at_least = exact >= np.abs(found.effect[:, -1:])
            true = (at_least & found.ran).sum() / at_least.sum()
            covered += found.interval[0] <= true <= found.interval[1]
    assert covered >= 0.9 * count


@pytest.mark.parametrize(("missed", "audited"), [(0, 20), (3, 20), (20, 20)])
def test_the_interval_is_clopper_and_pearsons(missed, audited):
    recall, (low, high) = _recall(50, missed, audited, 200)
    rate = binomtest(missed, audited).proportion_ci(0.95, method="exact")
    assert recall == pytest.approx(50 / (50 + 200 * missed / audited))
    assert low == pytest.approx(50 / (50 + 200 * rate.high))
    assert high == pytest.approx(50 / (50 + 200 * rate.low))


@pytest.mark.parametrize("change", [{"keep": 0}, {"keep": N + 1}, {"audit": 0.0}, {"audit": 1.5}])
def test_what_makes_no_sense_is_refused(change):
    net, xs, targets = problem()
    with pytest.raises(ValueError, match="must lie in"):
        asked(net, xs, targets, **change)


def test_all_groups_kept_need_no_audit():
    net, xs, targets = problem()
    found = asked(net, xs, targets, keep=N)
    assert found.recall == 1.0
    assert found.ran.all()


class Explodes(eqx.Module):
    """Each unit keeps its sign, or grows without bound once it is 0."""

    def __call__(self, h, x):
        return jnp.where(h == 0, 1e200, h + 0.1 * x[0])


def test_runs_that_fail_are_told_and_come_last():
    net = Network(Explodes(), lambda h: h, jnp.ones(8).at[6:].set(0.3))
    xs, targets = jnp.ones((2, 6, 1)), jnp.ones((2, 6, 8))
    units, windows = jnp.eye(8), span(6, 1, 3)[None]
    value = jnp.zeros(8).at[6:].set(0.5)
    arguments = (net, xs, targets, squared_error, units, windows, value)
    with pytest.warns(UserWarning, match="exact runs failed"):
        found = screen(*arguments, keep=3, key=KEY, estimator="exact")
    assert found.kept[0, :2].tolist() == [6, 7]
    assert np.isnan(found.effect[0, 2])
    assert np.isnan(found.recall)
    assert found.codes.counts == {"finite": 4, "overflow": 12, "nan": 0}


def test_options_and_another_sweep_reach_the_sweep(tmp_path):
    net, xs, targets = problem()
    mesh = jax.make_mesh((1,), ("trials",))
    one, other = (
        asked(net, xs, targets, kind="read", run=run, mesh=mesh)
        for run in (sweep, resumable(sweep, tmp_path))
    )
    np.testing.assert_allclose(one.effect, other.effect, atol=1e-12)
    assert len(list(tmp_path.iterdir())) == 6


def test_groups_of_several_units():
    net, xs, targets = problem()
    pairs = jnp.repeat(jnp.eye(N // 2), 2, axis=1)
    windows = jnp.stack([span(T, 0, 3), span(T, 6, 9)])
    found = screen(net, xs, targets, margin, pairs, windows, 0.0, keep=3, key=KEY)
    exact = np.asarray(sweep(net, xs, targets, margin, pairs, windows, 0.0).mean(-1))
    was_run = found.ran
    np.testing.assert_allclose(found.exact[was_run], exact[was_run], atol=1e-12)
