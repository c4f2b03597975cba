"""Statistics, selection, evaluation and recovery, by closed forms and brute force."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import T, inputs, network
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_jax import (
    auroc,
    average_precision,
    clamp,
    completeness,
    drop,
    faithfulness,
    jaccard,
    keep,
    minimality,
    precision_recall,
    random_sets,
    run,
    select_edges,
    select_units,
    span,
)
from rnn_jax.circuits import (
    Circuit,
    benjamini_hochberg,
    bootstrap_mean,
    consensus,
    from_dict,
    permutation_p,
    precision_at_size,
    ratio_of_means,
    sign_flip_p,
    smallest_p,
    timing_overlap,
    to_dict,
    widen,
)

KEY = jax.random.key(0)
ranked = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=12)


@settings(deadline=None, max_examples=60)
@given(ranked)
def test_auroc_counts_pairs(rows):
    scores, truth = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    got = float(auroc(jnp.asarray(scores), jnp.asarray(truth)))
    if truth.all() or not truth.any():
        assert np.isnan(got)
        return
    pairs = scores[truth][:, None] - scores[~truth][None]
    assert got == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


@settings(deadline=None, max_examples=60)
@given(ranked)
def test_average_precision_by_thresholds(rows):
    scores, truth = np.array([r[0] for r in rows], float), np.array([r[1] for r in rows])
    got = float(average_precision(jnp.asarray(scores), jnp.asarray(truth)))
    if not truth.any():
        assert np.isnan(got)
        return
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        chosen = scores >= threshold
        now = truth[chosen].sum() / truth.sum()
        area, recall = area + (now - recall) * truth[chosen].mean(), now
    assert got == pytest.approx(area)


def test_precision_and_recall():
    members, truth = jnp.array([1, 1, 0, 0], bool), jnp.array([1, 0, 1, 1], bool)
    assert [float(x) for x in precision_recall(members, truth)] == pytest.approx([0.5, 1 / 3])
    assert np.isnan(float(precision_recall(members & False, truth).precision))
    scores = jnp.array([4.0, 3.0, 2.0, 1.0])
    assert float(precision_at_size(scores, truth)) == pytest.approx(2 / 3)


def test_sign_flips_against_all_of_them():
    effects = jnp.asarray(np.random.default_rng(0).normal(0.5, 1, (5, 8)))
    signs = np.array(list(itertools.product([-1, 1], repeat=8)))
    means = np.abs(np.asarray(effects) @ signs.T) / 8
    exact = (means >= np.abs(np.asarray(effects).mean(1))[:, None] - 1e-12).mean(1)
    got = sign_flip_p(effects, KEY, 20000)
    np.testing.assert_allclose(got, exact, atol=0.012)
    assert float(sign_flip_p(jnp.zeros(8), KEY, 99)) == 1
    one_sign = sign_flip_p(jnp.ones(20), KEY, 199)
    assert float(one_sign) == smallest_p(20, 199) == 1 / 200


def test_p_values_are_uniform_under_the_null():
    effects = jax.random.normal(KEY, (400, 12))
    p = np.sort(np.asarray(sign_flip_p(effects, jax.random.key(1), 999)))
    assert np.abs(p - (np.arange(400) + 0.5) / 400).max() < 0.08


def test_permutation_p_counts_the_observed():
    null = jnp.array([0.0, 1.0, 2.0, 3.0])
    assert float(permutation_p(jnp.array(2.0), null)) == 3 / 5
    assert float(permutation_p(jnp.array(9.0), null)) == 1 / 5


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=12), st.floats(0.01, 0.5))
def test_false_discovery_by_its_definition(values, alpha):
    p = np.array(values)
    ordered = np.sort(p)
    passing = [k for k in range(1, len(p) + 1) if ordered[k - 1] <= alpha * k / len(p)]
    threshold = ordered[passing[-1] - 1] if passing else -1
    rejected = np.asarray(benjamini_hochberg(jnp.asarray(p))) <= alpha * (1 + 1e-12)
    near = np.isclose(np.asarray(benjamini_hochberg(jnp.asarray(p))), alpha, rtol=1e-9)
    assert ((rejected == (p <= threshold)) | near).all()


def test_bootstrap_interval_covers():
    values = jax.random.normal(KEY, (300, 30)) + 1
    interval = bootstrap_mean(values, jax.random.key(1), 1000)
    inside = (interval.low <= 1) & (interval.high >= 1)
    assert 0.88 < float(inside.mean()) <= 0.99


def test_a_ratio_is_refused_where_its_denominator_may_be_zero():
    top = jnp.linspace(1, 2, 20)
    good = ratio_of_means(top, 2 * top, KEY, 500)
    assert float(good.estimate) == pytest.approx(0.5)
    assert float(good.low) == pytest.approx(0.5)
    assert not bool(good.refused)
    bad = ratio_of_means(top, jnp.linspace(-1, 1, 20), KEY, 500)
    assert bool(bad.refused)
    assert np.isnan(float(bad.estimate))


def test_selection_needs_significance_and_size():
    rng = np.random.default_rng(0)
    strong, noisy = -1 + 0.1 * rng.normal(size=16), rng.normal(size=16)
    noisy = 0.5 * (noisy - noisy.mean())
    tiny = np.full(16, -1e-4)
    effects = jnp.asarray(np.stack([strong, noisy, tiny, np.zeros(16)]))[None]
    found = select_units(effects, KEY, floor=0.01)
    assert found.members[0].tolist() == [True, False, False, False]
    assert select_units(effects, KEY, floor=0.0).members[0].tolist() == [True, False, True, False]
    with pytest.raises(ValueError, match="trials"):
        select_units(effects[..., :3], KEY)


def test_edges_join_members_and_carry():
    flow = jnp.array([[[5.0, 0.1, 9.0], [0.0, 1e-3, 9.0], [9.0, 9.0, 9.0]]])
    members = jnp.array([[True, True, False]])
    got = select_edges(flow, members, share=0.05)[0]
    assert got.tolist() == [[True, False, False], [False, True, False], [False] * 3]


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 20), st.integers(0, 20), st.booleans())
def test_random_sets_have_the_size_asked(units, size, matched):
    members = jnp.arange(units) < min(size, units)
    activity = jnp.linspace(0, 1, units) if matched else None
    sets = np.asarray(random_sets(KEY, members, 30, activity))
    assert (sets.sum(1) == int(members.sum())).all()


def test_matched_sets_stay_near_in_activity():
    activity = jnp.asarray(np.random.default_rng(0).permutation(32).astype(float))
    members = activity < 8
    sets = np.asarray(random_sets(KEY, members, 50, activity))
    assert (sets == np.asarray(members)).all()
    free = np.asarray(random_sets(KEY, members, 50))
    assert not (free == np.asarray(members)).all()


def linear_network(masks):
    """Metrics of a made-up network: unit 0 works alone, 1 and 2 stand in for one another."""
    work = masks[:, 0] + jnp.maximum(masks[:, 1], masks[:, 2])
    return work[:, None] * jnp.linspace(0.9, 1.1, 12)[None]


def test_faithfulness_of_all_of_none_and_of_a_part():
    value = lambda members: float(faithfulness(linear_network, jnp.array(members), KEY).estimate)
    assert value([1, 1, 1, 1]) == pytest.approx(1)
    assert value([0, 0, 0, 0]) == 0
    assert value([1, 0, 0, 1]) == pytest.approx(0.5)
    assert value([1, 1, 0, 0]) == pytest.approx(1)


def test_completeness_finds_the_hidden_copy():
    worst = completeness(linear_network, jnp.array([1, 1, 0, 0]), size=2)
    assert float(worst.worst) == pytest.approx(1)
    assert worst.subset.tolist() == [False, True, False, False]
    whole = completeness(linear_network, jnp.array([1, 1, 1, 0]), size=2)
    assert float(whole.worst) == pytest.approx(0)


def test_minimality_sees_a_copy_once_the_other_is_gone():
    found = minimality(linear_network, jnp.array([1, 1, 1, 1]), KEY)
    np.testing.assert_allclose(found.gain, [1, 1, 1, 0], atol=1e-12)
    assert bool(found.subset[1, 2])


def test_keep_and_drop_are_complements():
    net, xs = network("gru"), inputs()
    members, window = jnp.array([1, 0, 1, 0], bool), span(T, 1, 4)
    others = jnp.array([0.0, 1.0, 0.0, 1.0])
    a = run(net, xs, keep(members, window, 0.2)).hs
    np.testing.assert_array_equal(a, run(net, xs, clamp(others, window, 0.2)).hs)
    b = run(net, xs, drop(members, window, 0.2)).hs
    np.testing.assert_array_equal(b, run(net, xs, clamp(1 - others, window, 0.2)).hs)


def test_agreement():
    a, b = jnp.array([1, 1, 0, 0], bool), jnp.array([0, 1, 1, 0], bool)
    assert float(jaccard(a, b)) == pytest.approx(1 / 3)
    assert float(jaccard(a & False, b & False)) == 1
    both = consensus(jnp.stack([a, a, b]), share=0.6)
    assert both.members.tolist() == [True, True, False, False]
    np.testing.assert_allclose(both.frequency, [2 / 3, 1, 1 / 3, 0])


def test_timing():
    active = jnp.array([[1, 0], [1, 0], [0, 0]], bool)
    truth = jnp.array([[0, 0], [1, 0], [1, 0]], bool)
    np.testing.assert_allclose(timing_overlap(active, truth), [1 / 3, 1])
    assert widen(active, 1)[:, 0].tolist() == [True, True, True]
    assert widen(active, 0).tolist() == active.tolist()


def circuit():
    nodes = jnp.array([[True, False, True]])
    edges = jnp.zeros((1, 3, 3), bool).at[0, 0, 2].set(True)
    effect, weight = jnp.array([[-2.0, 0.0, 1.0]]), jnp.where(edges, -0.5, 0.0)
    return Circuit(nodes, edges, effect, weight, jnp.ones((1, T)), ("all",), ("a", "b", "c"))


def test_a_circuit_goes_to_plain_lists_and_back():
    record = to_dict(circuit())
    assert record["windows"]["all"]["edges"] == [{"to": "a", "from": "c", "weight": -0.5}]
    assert [row["unit"] for row in record["windows"]["all"]["units"]] == ["a", "c"]
    back = from_dict(record, jnp.ones((1, T)))
    for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(circuit()), strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(ValueError, match="unknown unit"):
        from_dict({**record, "units": ["a", "b", "d"]}, jnp.ones((1, T)))
    with pytest.raises(ValueError, match="window names"):
        Circuit(*jax.tree.leaves(circuit()), names=(), units=("a", "b", "c"))
