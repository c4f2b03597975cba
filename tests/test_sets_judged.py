"""Faithfulness, completeness and minimality of sets, on parts whose sums are known."""

import itertools

import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import bools, normal
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax.circuits import completeness, faithfulness, keep, minimality
from rnn_jax.core import rollout, span

KEY = jax.random.key(3)


WEIGHTS = jnp.asarray([2.0, 1.0, 0.5, 0.0, -1.0, 0.0])


def additive(masks):
    """Each unit adds its own, on trials of different gain."""
    gains = jnp.linspace(0.5, 1.5, 10)
    return (masks @ WEIGHTS)[:, None] * gains[None]


def either(masks):
    """Units 0 and 1 each suffice; unit 5 does nothing."""
    return jnp.maximum(masks[:, 0], masks[:, 1])[:, None] * jnp.ones((1, 4))


def test_faithfulness_is_exactly_0_1_and_the_share():
    share = lambda members: faithfulness(additive, jnp.asarray(members), KEY)
    assert [float(x) for x in share([1.0] * 6)[:3]] == [1, 1, 1]
    assert [float(x) for x in share([0.0] * 6)[:3]] == [0, 0, 0]
    assert_allclose(share([1, 0, 0, 0, 0, 0]).estimate, 2 / 2.5)
    overshoot = share([True, True, True, False, False, False])
    assert_allclose(overshoot.estimate, 3.5 / 2.5)
    assert overshoot.reason == ""


def test_faithfulness_of_a_network_that_runs():
    network, window = H.network("eqx-gru"), span(H.T, 1, 5)
    xs = jnp.stack([H.inputs(s) for s in range(8)])
    clean = jax.vmap(lambda x: rollout(network.step, network.h0, x).hs)(xs)

    def evaluate(masks):
        def one(mask, x, hs):
            kept = rollout(network.step, network.h0, x, keep(mask, window, 0.0)).hs
            return -jnp.sum((kept - hs) ** 2)

        trials = jax.vmap(one, in_axes=(None, 0, 0))
        return jax.vmap(trials, in_axes=(0, None, None))(masks, xs, clean)

    whole = faithfulness(evaluate, jnp.ones(H.N), KEY)
    assert float(whole.estimate) == float(whole.low) == float(whole.high) == 1
    part = faithfulness(evaluate, bools(1, 1, 1, 0), KEY)
    assert part.low < part.estimate < part.high < 1


def test_faithfulness_is_refused_where_nothing_is_lost():
    noise = normal(7, 10)
    without = lambda masks: masks[:, :1] * (noise - noise.mean())[None]
    result = faithfulness(without, bools(1, 0, 0), KEY)
    assert bool(result.refused)
    assert np.isnan(result.estimate)
    assert "contains 0" in result.reason


def brute_completeness(evaluate, members, size):
    """Over every subset of the circuit, not greedily."""
    inside = np.flatnonzero(members)
    subsets = [s for k in range(size + 1) for s in itertools.combinations(inside, k)]
    masks = np.zeros((len(subsets), len(members)))
    for row, subset in zip(masks, subsets, strict=True):
        row[list(subset)] = 1
    circuit = evaluate(jnp.asarray(np.asarray(members)[None] * (1 - masks))).mean(-1)
    network = evaluate(jnp.asarray(1 - masks)).mean(-1)
    return float(jnp.abs(circuit - network).max())


def test_completeness_finds_the_backup_outside_the_circuit():
    # with unit 0 alone all looks well, until it is broken: unit 1 then carries the network
    alone = bools(1, 0, 0)
    assert float(faithfulness(either, alone, KEY).estimate) == 1
    result = completeness(either, alone, size=3)
    assert_array_equal(result.path, [0, 1])
    assert_array_equal(result.subset, [1, 0, 0])
    assert float(result.worst) == 1
    whole = completeness(either, bools(1, 1, 0), size=2)
    assert float(whole.worst) == 0
    assert not whole.subset.any()


@pytest.mark.parametrize("seed", range(3))
def test_greedy_completeness_is_the_brute_force_for_additive_parts(seed):
    w = normal(seed, 6, 6)
    evaluate = lambda masks: jnp.tanh(masks @ w).sum(-1)[:, None] * jnp.ones((1, 3))
    members = jnp.asarray([1.0, 1, 0, 1, 0, 0])
    got, exact = completeness(evaluate, members, 3), brute_completeness(evaluate, members, 3)
    assert got.path.shape == (4,)
    assert float(got.worst) <= exact + 1e-12
    assert_allclose(
        completeness(evaluate, members, 1).worst, brute_completeness(evaluate, members, 1)
    )
    # the subset that is shown gives the number that is shown
    rest = (~got.subset).astype(members.dtype)
    rows = jnp.stack([members * rest, rest])
    circuit, network = evaluate(rows).mean(-1)
    assert_allclose(got.worst, jnp.abs(circuit - network))
    assert not (got.subset & ~(members > 0)).any()


@pytest.mark.parametrize("seed", range(6))
def test_minimality_needs_the_right_companions_away(seed):
    members = bools(1, 1, 0, 1)
    result = minimality(either, members, jax.random.key(seed), draws=16)
    # either of 0 and 1 matters only with the other broken; 3 never does
    assert_array_equal(result.gain, [1, 1, 0, 0])
    assert result.subset[0, 1]
    assert result.subset[1, 0]
    assert not result.subset.diagonal().any()
    assert not (result.subset & ~members[None]).any()
    assert_array_equal(minimality(either, members, KEY, draws=0).gain, 0)
    gains = minimality(additive, jnp.ones(6), KEY).gain
    assert_allclose(gains, jnp.abs(WEIGHTS), atol=1e-12)


def test_evaluations_take_metrics_of_single_precision():
    single = lambda masks: additive(masks).astype(jnp.float32)
    assert_allclose(completeness(single, jnp.ones(6), 2).worst, 0)
    assert_allclose(faithfulness(single, jnp.ones(6), KEY).estimate, 1)
    assert_allclose(minimality(single, jnp.ones(6), KEY).gain, jnp.abs(WEIGHTS), atol=1e-6)


def test_minimality_tries_subsets_that_leave_members_in():
    """`c (a or b)`: a matters where b is gone and c is not."""
    metric = lambda masks: jnp.maximum(masks[:, 0], masks[:, 1])[:, None] * masks[:, 2:3]
    found = minimality(metric, jnp.ones(3), KEY)
    assert_allclose(found.gain, 1)
    assert found.subset[0, 1]
    assert not found.subset[0, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: completeness(additive, jnp.ones(6), -1), "size"),
        (lambda: completeness(additive, jnp.ones((1, 6)), 1), "members"),
        (lambda: faithfulness(lambda m: m[:2], jnp.ones(6), KEY), "evaluate must map"),
        (lambda: minimality(lambda m: m.sum(1), jnp.ones(6), KEY), "evaluate must map"),
    ],
)
def test_wrong_structure_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
