"""Replacement values, optimal ablation, self-repair, scores, provenance, refusals."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import N, T, inputs, keys, network

from rnn_jax import (
    Identity,
    Replace,
    clamp,
    finite,
    log_odds,
    margin,
    outputs,
    run,
    span,
    squared_error,
    sweep,
    tiling,
)
from rnn_jax.causal import (
    Record,
    derangement,
    mean,
    noise,
    optimal,
    patch,
    resample,
    self_repair,
    zero,
)
from rnn_jax.causal.sweep.budget import fit_budget, parse_bytes
from rnn_jax.core import Lesion

B = 5
HS = jax.random.normal(jax.random.key(0), (B, T, N))
KEY = jax.random.key(1)


def batch(cell="vanilla"):
    net = network(cell)
    xs = jnp.stack([inputs(seed) for seed in range(B)])
    return net, xs, jax.random.normal(keys(1, 5)[0], (B, T, 2))


def test_values_by_their_definitions():
    assert not np.asarray(zero(HS)).any()
    np.testing.assert_allclose(mean(HS), np.broadcast_to(np.asarray(HS).mean(0), HS.shape))
    np.testing.assert_array_equal(patch(HS, 2 * HS), 2 * HS)
    drawn = np.asarray(resample((HS, -HS), KEY)[0])
    donors = [int(np.where((drawn[b] == np.asarray(HS)).all((1, 2)))[0][0]) for b in range(B)]
    assert sorted(donors) == list(range(B))
    assert all(b != donor for b, donor in enumerate(donors))
    np.testing.assert_array_equal(resample((HS, -HS), KEY)[1], -drawn)
    many = jnp.broadcast_to(HS[:, :1, :1], (B, 4000, 1)) * jnp.ones((1, 4000, 1))
    noisy = noise(many, KEY)
    assert float(noisy.mean() - many.mean()) == pytest.approx(0, abs=0.05)
    assert float(noisy.std() / many.std(0).mean()) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_no_trial_is_its_own_donor(count):
    for seed in range(20):
        order = np.asarray(derangement(jax.random.key(seed), count))
        assert sorted(order) == list(range(count))
        assert (order != np.arange(count)).all()


@pytest.mark.parametrize("value", [mean, lambda h: resample(h, KEY), lambda h: noise(h, KEY)])
def test_one_trial_has_no_other(value):
    with pytest.raises(ValueError, match="at least 2 trials"):
        value(HS[:1])


def test_patch_refuses_other_shapes():
    with pytest.raises(ValueError, match="do not fit"):
        patch(HS, HS[:, 1:])


def test_optimal_hurts_least():
    net, xs, targets = batch()
    windows = tiling(T, 3)
    found = optimal(net, xs, targets, squared_error, windows)
    hs = jax.vmap(lambda x: run(net, x).hs)(xs)
    constant = jnp.broadcast_to(hs.mean((0, 1))[None, None], hs.shape)
    for value in (0.0, constant, jnp.full_like(hs, 0.3)):
        other = sweep(net, xs, targets, squared_error, jnp.eye(N), windows, value)
        assert (np.asarray(found.effect.mean(-1)) >= np.asarray(other.mean(-1)) - 1e-3).all()
    at = lambda a: sweep(
        net, xs, targets, squared_error, jnp.eye(N)[1:2], windows[:1], jnp.full_like(hs, a)
    ).mean()
    fine = max(float(at(a)) for a in np.linspace(-1.2, 1.2, 97))
    assert float(found.effect[0, 1].mean()) >= fine - 1e-4
    with pytest.raises(ValueError, match="flatten"):
        optimal(network("lstm"), xs, targets, squared_error, windows)


class Held(eqx.Module):
    """Two units that come back to 1 whatever they were: what is lost is made up for."""

    def __call__(self, h, x):
        return jnp.ones(2)


def test_self_repair_by_hand():
    metric = lambda trajectory: trajectory.hs[-1].sum()
    h0, xs = jnp.ones(2), jnp.zeros((4, 0))
    early = self_repair(Held(), h0, xs, metric, jnp.array([1.0, 0.0]), span(4, 1, 2), 0.0)
    assert (float(early.direct), float(early.total)) == (0.0, 0.0)
    assert np.isnan(float(early.index))
    late = self_repair(Held(), h0, xs, metric, jnp.array([1.0, 0.0]), span(4, 3, 4), 0.0)
    assert (float(late.direct), float(late.total), float(late.index)) == (-1.0, -1.0, 0.0)


def test_the_direct_effect_is_what_the_readout_alone_sees():
    net, xs, _ = batch()
    score = lambda trajectory: outputs(net, trajectory).sum()
    found = self_repair(net.step, net.h0, xs[0], score, jnp.eye(N)[0], span(T, 1, 2), 0.0)
    clean = run(net, xs[0])
    shown = clean.hs.at[1, 0].set(0.0)
    direct = (jax.vmap(net.readout)(shown) - jax.vmap(net.readout)(clean.hs)).sum()
    assert float(found.direct) == pytest.approx(float(direct))
    assert float(found.total) != pytest.approx(float(found.direct), rel=1e-3)


def test_scores_by_hand():
    ys, targets = jnp.array([[2.0, -1.0], [0.5, 0.0]]), jnp.array([[1.0, -1.0], [1.0, 0.0]])
    assert float(margin(ys, targets)) == pytest.approx((2 + 1 + 0.5) / 4)
    assert float(squared_error(ys, targets)) == pytest.approx(-(1 + 0 + 0.25 + 0) / 4)
    p = jax.nn.softmax(jnp.array([2.0, -1.0, 0.3]))
    logits, hot = (
        jnp.array([[2.0, -1.0, 0.3], [9.0, 9.0, 9.0]]),
        jnp.array([[1.0, 0, 0], [0, 0, 0]]),
    )
    assert float(log_odds(logits, hot)) == pytest.approx(float(jnp.log(p[0] / (1 - p[0]))))


RECORD = Record("clamp", "zero", "necessity", "delay", ("3",), "margin", changed=12, seed=0)


def test_equal_records_have_equal_digests():
    assert RECORD.digest == dataclasses.replace(RECORD).digest
    changes = {"kind": "pulse", "value": "mean", "seed": 1, "units": ("4",), "changed": 11}
    others = {dataclasses.replace(RECORD, **{k: v}).digest for k, v in changes.items()}
    assert len(others | {RECORD.digest}) == 6
    with pytest.raises(ValueError, match="changes nothing"):
        dataclasses.replace(RECORD, changed=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": jnp.eye(3)}, r"\[groups, 4\]"),
        ({"units": jnp.zeros((1, N))}, "group of units 0 is empty"),
        ({"windows": jnp.zeros((1, T))}, "window 0 is empty"),
        ({"windows": jnp.ones((1, T + 1))}, "windows must be"),
        ({"xs": jnp.zeros((B, T + 1, 3))}, "do not fit targets"),
        ({"memory": "much"}, "memory must be"),
    ],
)
def test_a_sweep_refuses_what_makes_no_sense(change, message):
    net, xs, targets = batch()
    arguments = {"xs": xs, "units": jnp.eye(N), "windows": tiling(T, 3), "kind": "clamp"}
    arguments |= {"memory": "1MiB"} | change
    with pytest.raises(ValueError, match=message):
        sweep(net, targets=targets, score=margin, value=0.0, **arguments)


def test_groups_are_taken_out_together():
    net, xs, targets = batch("gru")
    pair = jnp.array([[1.0, 0.0, 1.0, 0.0]])
    got = sweep(net, xs, targets, margin, pair, span(T, 2, 4)[None], 0.0)
    for b in range(B):
        metric = lambda trajectory, b=b: margin(outputs(net, trajectory), targets[b])
        exact = metric(run(net, xs[b], clamp(pair[0], span(T, 2, 4), 0.0))) - metric(
            run(net, xs[b])
        )
        assert float(got[0, 0, b]) == pytest.approx(float(exact), abs=1e-12)


def test_a_sweep_compiles_once():
    net, xs, targets = batch()
    traces = []

    def score(ys, target):
        traces.append(1)
        return margin(ys, target)

    after_first = 0
    for start in range(3):
        window = span(T, start, start + 2)[None]
        sweep(net, xs, targets, score, jnp.eye(N), window, 0.1 * start * jnp.ones((B, T, N)))
        after_first = len(traces) if start == 0 else after_first
    assert len(traces) == after_first


def test_memory_in_words():
    assert parse_bytes("2GiB") == 2 * 2**30
    assert parse_bytes("500 MB") == 500_000_000
    assert parse_bytes("1.5k") == 1500
    assert parse_bytes(4096) == 4096


def test_a_budget_is_never_exceeded_and_its_shares_are_even():
    net = network("gru")
    fit = lambda memory: fit_budget(net, T, 100, B, memory)
    small, middle, large = fit(4_000), fit(50_000), fit(2**30)
    assert small.trials == 1
    assert small.groups < middle.groups < large.groups == 100
    assert large.trials == B
    assert -(-100 // -(-100 // middle.groups)) == middle.groups
    with pytest.raises(ValueError, match="does not hold one run"):
        fit(1_000)


def test_many_interventions_share_an_axis_or_all_is_said():
    net, xs, _ = batch()
    metric = lambda trajectory: outputs(net, trajectory).sum()
    masks = jax.vmap(lambda unit: clamp(unit, span(T, 1, 3), 0.0).mask)(jnp.eye(N))
    shared = Replace(masks, jnp.ones((1, N)))
    exact = [metric(run(net, xs[0], Replace(m, 1.0))) - metric(run(net, xs[0])) for m in masks]
    got = finite(net.step, net.h0, xs[0], metric, shared)
    np.testing.assert_allclose(got, jnp.stack(exact), atol=1e-12)
    with pytest.raises(ValueError, match="leading axis S"):
        finite(net.step, net.h0, xs[0], metric, Replace(masks, jnp.ones((T, N))))
    with pytest.raises(ValueError, match="leading axis S"):
        finite(net.step, net.h0, xs[0], metric, Identity())
    lesions = jax.vmap(Lesion)(jnp.eye(N))
    assert finite(net.step, net.h0, xs[0], metric, lesions).shape == (N,)
    with pytest.raises(ValueError, match=r"needs arrays \[T, N\]"):
        run(net, xs[0], Replace(jnp.ones(T), 0.0))


def test_log_odds_need_classes():
    with pytest.raises(ValueError, match="at least 2 classes"):
        log_odds(jnp.ones((3, 1)), jnp.ones((3, 1)))
    with pytest.raises(ValueError, match="one-hot"):
        log_odds(jnp.ones((3, 2)), -jnp.ones((3, 2)))


def test_an_empty_window_of_a_trial_is_no_effect_there():
    net, xs, targets = batch()
    windows = jnp.zeros((1, B, T)).at[0, 1, 2:4].set(1.0)
    got = np.asarray(sweep(net, xs, targets, margin, jnp.eye(N), windows, 0.0))
    assert got[0, :, 1].all()
    assert not got[0][:, [0, 2, 3, 4]].any()
