"""Circuits: statistics by a second route, selection, sets as a whole, recovery of a truth."""

import itertools
import json
import math

import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kstest

from rnn_jax.causal import finite
from rnn_jax.circuits import (
    Circuit,
    active_windows,
    auroc,
    average_precision,
    benjamini_hochberg,
    bootstrap_mean,
    completeness,
    consensus,
    drop,
    faithfulness,
    from_dict,
    jaccard,
    keep,
    minimality,
    permutation_p,
    precision_at_size,
    precision_recall,
    random_sets,
    ratio_of_means,
    select_edges,
    select_units,
    sign_flip_p,
    smallest_p,
    timing_overlap,
    to_dict,
    widen,
)
from rnn_jax.core import rollout, span

KEY = jax.random.key(3)


def normal(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def bools(*values):
    return jnp.asarray(values, bool)


# statistics


def enumerated_p(effects):
    """The share of all sign patterns whose mean is as far from 0."""
    signs = np.array(list(itertools.product([-1, 1], repeat=len(effects))))
    return np.mean(np.abs(signs @ effects) >= abs(effects.sum()) - 1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("trials", [2, 5, 9])
def test_sign_flips_draw_what_enumeration_counts(seed, trials):
    effects = np.random.default_rng(seed).normal(0.6, 1, trials)
    exact, flips = enumerated_p(effects), 20000
    got = float(sign_flip_p(jnp.asarray(effects), KEY, flips))
    assert abs(got - exact) < 5 * math.sqrt(exact * (1 - exact) / flips) + 2 / flips


def test_zero_trials_are_no_evidence():
    some = jnp.asarray([1.0, 2.0, 1.5])
    padded = jnp.concatenate([some, jnp.zeros(40)])
    # three signs: all alike, or all reversed, out of eight
    assert_allclose(sign_flip_p(padded, KEY, 20000), 0.25, atol=0.02)
    assert sign_flip_p(jnp.zeros(8), KEY, 99) == 1
    members = select_units(jnp.stack([padded, jnp.zeros(43)])[None], KEY).members
    assert not members.any()


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_effects_alike_on_all_trials_reach_the_smallest_p(dtype):
    effects = jnp.full(5, 0.1, dtype)
    assert_allclose(sign_flip_p(effects, KEY, 20000), smallest_p(5, 20000), atol=0.008)
    many = sign_flip_p(jnp.full(60, 0.1, dtype), KEY, 99)
    assert many.dtype == np.float64
    assert_allclose(many, smallest_p(60, 99), rtol=1e-6)


def test_sign_flips_of_many_effects_are_those_of_each():
    effects = normal(0, 2, 3, 7)
    together = sign_flip_p(effects, KEY, 199)
    alone = [[sign_flip_p(e, KEY, 199) for e in row] for row in effects]
    assert_allclose(together, np.asarray(alone), rtol=1e-12)
    assert len(np.unique(together)) > 3


def test_p_is_uniform_under_the_null_and_small_off_it():
    noise = normal(1, 400, 30)
    p = np.asarray(sign_flip_p(noise, KEY, 999))
    assert kstest(p, "uniform").pvalue > 1e-3
    assert (np.asarray(sign_flip_p(noise + 1, KEY, 999)) <= 0.05).mean() > 0.9


def test_permutation_p_counts_the_observed_one_and_ties():
    null = jnp.asarray([0.0, 1.0, 2.0, 3.0])
    assert permutation_p(jnp.asarray(4.0), null) == 1 / 5
    assert permutation_p(jnp.asarray(2.0), null) == 3 / 5
    assert permutation_p(jnp.asarray(-1.0), null) == 1


def defined_q(p):
    """Of each hypothesis, the smallest rate among m p_j / #{p <= p_j} of all j at or above it."""
    p = np.asarray(p).ravel()
    rates = np.array([len(p) * x / np.sum(p <= x) for x in p])
    return np.array([min(1, rates[p >= x].min()) for x in p])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0.0, 0.001, 0.01, 0.02, 0.3, 0.5, 1.0]), min_size=1, max_size=12))
def test_q_values_are_the_definition_with_ties(values):
    got = benjamini_hochberg(jnp.asarray(values))
    assert_allclose(got, defined_q(values), rtol=1e-12)
    rejected = np.asarray(got) <= 0.05
    ordered = np.sort(values)
    passing = np.flatnonzero(ordered <= 0.05 * np.arange(1, len(values) + 1) / len(values))
    assert rejected.sum() == (passing.max() + 1 if passing.size else 0)


def test_q_values_take_all_axes_for_one_family():
    p = jnp.asarray(np.random.default_rng(0).uniform(size=(3, 4)) ** 3)
    assert_allclose(benjamini_hochberg(p).ravel(), defined_q(p), rtol=1e-12)


def test_bootstrap_of_the_mean_covers_it_and_narrows():
    values = normal(2, 300, 40) * 2 + 1
    low, high = bootstrap_mean(values, KEY, 500)
    assert 0.88 < float(((low < 1) & (high > 1)).mean()) < 0.98
    # the normal interval is the second route
    assert_allclose((high - low).mean(), 2 * 1.96 * 2 / math.sqrt(40), rtol=0.08)
    narrow = bootstrap_mean(values, KEY, 500, level=0.5)
    assert (narrow.high - narrow.low < high - low).all()


def test_bootstrap_of_a_ratio_covers_it_where_the_mean_of_ratios_does_not():
    below = 1 + 0.8 * normal(3, 200, 50)
    above = 0.5 * below + 0.3 * normal(4, 200, 50)
    rows = [ratio_of_means(a, b, KEY, 400) for a, b in zip(above, below, strict=True)]
    ratio = jax.tree.map(lambda *parts: np.stack(parts), *rows)
    assert not ratio.refused.any()
    together = ratio_of_means(above, below[0], KEY, 400)
    assert_allclose(together.low[0], ratio.low[0], rtol=1e-12)
    assert 0.88 < float(((ratio.low < 0.5) & (ratio.high > 0.5)).mean()) < 0.99
    assert_allclose(ratio.estimate, above.mean(1) / below.mean(1), rtol=1e-12)
    assert jnp.abs((above / below).mean(1) - 0.5).max() > 0.5


def test_a_ratio_over_noise_is_refused_with_a_sentence():
    noise = normal(5, 20)
    noise = noise - noise.mean()
    refused = ratio_of_means(jnp.ones(20), noise, KEY)
    assert bool(refused.refused)
    assert all(np.isnan(x) for x in refused[:3])
    assert "contains 0" in refused.reason
    good = ratio_of_means(jnp.ones(20), noise + 9, KEY)
    assert not bool(good.refused)
    assert good.reason == ""


# selection


def planted_effects(trials=14):
    """Unit 0 strong and 1 weak in epoch 0, 2 (negative) in epoch 1; 3 tiny but sure; 4 noise."""
    means = np.zeros((2, 6))
    # the large epoch must not make the small one small
    means[0, 0], means[0, 1], means[1, 2], means[0, 3] = 1, 0.3, -20, 0.001
    spread = np.array([0.1, 0.05, 0.1, 1e-5, 0.3, 0.0])
    noise = np.random.default_rng(1).normal(size=(2, 6, trials))
    return jnp.asarray(means[..., None] + spread[None, :, None] * noise)


def test_members_are_sure_and_large():
    found = select_units(planted_effects(), KEY)
    assert_array_equal(found.members, [[1, 1, 0, 0, 0, 0], [0, 0, 1, 0, 0, 0]])
    assert found.q_value[0, 3] <= 0.05  # sure, yet too small
    assert_array_equal(found.q_value, benjamini_hochberg(found.p_value))
    bare = select_units(planted_effects(), KEY, floor=0.0)
    assert_array_equal(bare.members[0], [1, 1, 0, 1, 0, 0])
    only = select_units(planted_effects(), KEY, floor=0.5)
    assert_array_equal(only.members[0], [1, 0, 0, 0, 0, 0])


def test_selection_has_no_unit_nor_sign_of_its_own():
    effects, order = planted_effects(), np.array([3, 5, 0, 1, 4, 2])
    found = select_units(effects, KEY)
    assert_array_equal(select_units(effects[:, order], KEY).members, found.members[:, order])
    assert_array_equal(select_units(-effects, KEY).members, found.members)
    assert_array_equal(select_units(effects * 1e-6, KEY).members, found.members)


def test_false_discoveries_stay_under_the_rate():
    draws = normal(6, 200, 2, 5, 20)
    found = [select_units(draw, KEY, flips=999).members.any() for draw in draws]
    assert 0 < np.mean(found) < 0.12


@pytest.mark.parametrize(
    ("trials", "flips", "needed"),
    [(5, 9999, "6 trials"), (20, 18, "19 flips"), (0, 99, "6 trials")],
)
def test_too_few_trials_or_flips_are_told(trials, flips, needed):
    with pytest.raises(ValueError, match=needed):
        select_units(jnp.ones((1, 2, trials)), KEY, flips=flips)


def test_as_many_as_were_asked_for_suffice():
    # beside a unit of no effect, so that the family is not all members
    ones = jnp.ones((1, 3, 6))
    assert select_units(ones, KEY).members.all()
    assert select_units(jnp.ones((1, 2, 40)), KEY, flips=19).members.all()


def test_edges_join_members_and_carry_their_share():
    weights = np.zeros((1, 3, 3))
    weights[0] = [[0.015, 1.0, 9.0], [-0.2, 0.02, 0.1], [5.0, 5.0, 5.0]]
    members = bools([1, 1, 0])
    got = select_edges(jnp.asarray(weights), members, share=0.05)
    # of the receiver's largest, not of the sender's nor of all
    assert_array_equal(got[0], [[0, 1, 0], [1, 1, 0], [0, 0, 0]])
    # the non-member's 9 does not hide the member's 1: shares are among members
    assert select_edges(jnp.asarray(weights), members, share=1.0)[0, 0, 1]
    assert not select_edges(jnp.zeros((1, 3, 3)), bools([1, 1, 1]), share=0.0).any()


# sets and interventions


@settings(deadline=None, max_examples=20)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 99), st.booleans())
def test_random_sets_have_the_size(members, seed, matched):
    activity = normal(seed, len(members)) if matched else None
    sets = random_sets(jax.random.key(seed), jnp.asarray(members), 7, activity)
    assert sets.shape == (7, len(members))
    assert_array_equal(sets.sum(1), sum(members))


def test_random_sets_take_every_unit_equally():
    sets = random_sets(KEY, bools(1, 1, 0, 0, 0), 4000)
    assert_allclose(sets.mean(0), 0.4, atol=0.04)
    assert len(np.unique(np.asarray(sets), axis=0)) == math.comb(5, 2)


def test_matched_sets_have_the_members_activity():
    activity = jnp.asarray(np.random.default_rng(0).permutation(25.0 * np.arange(25)))
    active = activity >= jnp.sort(activity)[-3]
    free = random_sets(KEY, active, 300)
    matched = random_sets(KEY, active, 300, activity)
    mean = lambda sets: (jnp.where(sets, activity[None], 0.0).sum(1) / 3).mean()
    own = mean(active[None])
    assert abs(mean(matched) - own) < 0.4 * abs(mean(free) - own)
    # every unit of the top block changes places, also where N is no multiple of eight
    top = jnp.argsort(activity)[-8:]
    assert matched.mean(0)[top].min() > 0.2
    assert matched.mean(0)[top].max() < 0.6


def test_keep_and_drop_edit_the_complement_and_the_set():
    network, xs, members = H.network("lambda"), H.inputs(), bools(1, 0, 1, 0)
    window, value = span(H.T, 2, 5), 0.7
    clean = rollout(network.step, network.h0, xs)
    kept = rollout(network.step, network.h0, xs, keep(members, window, value)).hs
    dropped = rollout(network.step, network.h0, xs, drop(members, window, value)).hs
    assert_array_equal(kept[2:5][:, [1, 3]], 0.7)
    assert_array_equal(dropped[2:5][:, [0, 2]], 0.7)
    for hs, free in ((kept, [0, 2]), (dropped, [1, 3])):
        # another program rounds otherwise
        np.testing.assert_allclose(hs[:2], clean.hs[:2], rtol=0, atol=1e-14)
        assert jnp.abs(hs[3:5][:, jnp.asarray(free)] - 0.7).min() > 1e-3
    assert H.same(keep(members, window, value), drop(~members, window, value))


def test_keeping_all_edits_nothing_and_is_an_error_unless_allowed():
    network, xs, window = H.network("lambda"), H.inputs(), span(H.T, 2, 5)
    metric = lambda trajectory: trajectory.hs[-1].sum()
    sets = jnp.stack([jnp.ones(H.N), jnp.asarray([1.0, 1.0, 0.0, 1.0])])
    arguments = (network.step, network.h0, xs, metric)
    all_kept = jax.vmap(lambda m: keep(m, window, 0.0))(sets)
    with pytest.raises(ValueError, match="touches nothing"):
        finite(*arguments, all_kept)
    effect = finite(*arguments, all_kept, allow_noop=True)
    assert abs(effect[0]) < 1e-14
    assert abs(effect[1]) > 1e-3
    clean = rollout(network.step, network.h0, xs)
    kept = rollout(network.step, network.h0, xs, keep(sets[0], window, 0.0))
    np.testing.assert_allclose(kept.hs, clean.hs, rtol=0, atol=1e-14)


# evaluation

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


# recovery

SCORES = st.lists(st.tuples(st.integers(-2, 2), st.booleans()), min_size=1, max_size=12)


def split(rows):
    return jnp.asarray([float(r[0]) for r in rows]), jnp.asarray([r[1] for r in rows])


def counted_auroc(scores, truth):
    """Over all pairs of a true and a false unit."""
    scores, truth = np.asarray(scores), np.asarray(truth)
    gaps = scores[truth][:, None] - scores[~truth][None]
    return np.mean((gaps > 0) + 0.5 * (gaps == 0)) if gaps.size else np.nan


def looped_precision(scores, truth):
    """From threshold to threshold, as the area under the steps of precision over recall."""
    scores, truth = np.asarray(scores), np.asarray(truth)
    if not truth.any():
        return np.nan
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        chosen = scores >= threshold
        now = truth[chosen].sum() / truth.sum()
        area += (now - recall) * truth[chosen].mean()
        recall = now
    return area


def ordered_precision(scores, truth):
    """Precision at the truth's size, as a mean over orders that break ties at random."""
    scores, truth = np.asarray(scores), np.asarray(truth)
    rng, k = np.random.default_rng(0), truth.sum()
    tops = [np.lexsort((rng.random(scores.size), -scores))[:k] for _ in range(3000)]
    return np.mean([truth[top].mean() for top in tops])


@settings(deadline=None, max_examples=40)
@given(SCORES)
def test_ranks_count_pairs_and_thresholds(rows):
    scores, truth = split(rows)
    assert_allclose(auroc(scores, truth), counted_auroc(scores, truth), rtol=1e-12)
    assert_allclose(average_precision(scores, truth), looped_precision(scores, truth), rtol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_precision_at_the_truths_size_shares_ties(seed):
    rng = np.random.default_rng(seed)
    scores, truth = rng.integers(0, 3, 9).astype(float), rng.random(9) < 0.4
    truth[0] = True
    got = precision_at_size(jnp.asarray(scores), jnp.asarray(truth))
    assert_allclose(got, ordered_precision(scores, truth), atol=0.04)


def test_scores_that_say_nothing_get_what_chance_gets():
    flat, truth = jnp.zeros(8), bools(1, 1, 0, 0, 0, 0, 0, 0)
    assert auroc(flat, truth) == 0.5
    assert average_precision(flat, truth) == 0.25
    assert precision_at_size(flat, truth) == 0.25
    ideal = jnp.asarray([9.0, 8, 3, 3, 2, 1, 0, -1])
    for measure in (auroc, average_precision, precision_at_size):
        assert measure(ideal, truth) == 1
    assert auroc(-ideal, truth) == 0


def test_measures_of_ranks_keep_a_monotone_map():
    scores, truth = normal(8, 5, 9), np.random.default_rng(8).random((5, 9)) < 0.4
    for measure in (auroc, average_precision, precision_at_size):
        for row, true in zip(scores, truth, strict=True):
            value = measure(row, true)
            assert_allclose(value, measure(jnp.exp(row), true), rtol=1e-12)
            assert_allclose(value, measure(row.astype(jnp.float32), true), rtol=1e-12)


def test_without_a_truth_there_is_no_number():
    scores, none, every = jnp.arange(3.0), bools(0, 0, 0), bools(1, 1, 1)
    assert np.isnan(auroc(scores, none))
    assert np.isnan(auroc(scores, every))
    assert np.isnan(average_precision(scores, none))
    assert np.isnan(precision_at_size(scores, none))
    assert np.isnan(precision_recall(every, none).recall)
    assert np.isnan(precision_recall(none, every).precision)


def test_precision_and_recall_of_a_selection():
    precision, recall = precision_recall(bools(1, 1, 1, 0, 0), bools(1, 0, 0, 1, 0))
    assert_allclose([precision, recall], [1 / 3, 1 / 2])


def test_timing_is_intersection_over_union_with_borders_forgiven():
    steps = lambda *spans: jnp.stack([span(10, *s) > 0 for s in spans], axis=1)
    truth, active = steps((2, 6), (0, 3)), steps((3, 7), (7, 9))
    assert_allclose(timing_overlap(active, truth), [3 / 5, 0])
    assert_allclose(timing_overlap(active, truth, tolerance=1), [1, 0])
    assert_allclose(timing_overlap(truth, active, tolerance=1), [1, 0])
    silent = jnp.zeros((10, 2), bool)
    assert_array_equal(timing_overlap(silent, silent), 1)
    assert_array_equal(timing_overlap(silent, truth, tolerance=9), 0)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.booleans(), min_size=1, max_size=9), st.integers(0, 11))
def test_widening_reaches_as_far_as_the_tolerance(row, tolerance):
    got = widen(jnp.asarray(row)[:, None], tolerance)[:, 0]
    near = [any(row[max(0, w - tolerance) : w + tolerance + 1]) for w in range(len(row))]
    assert_array_equal(got, near)


# agreement


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_jaccard_is_that_of_sets(rows):
    a, b = ({i for i, row in enumerate(rows) if row[side]} for side in (0, 1))
    got = jaccard(jnp.asarray([r[0] for r in rows]), jnp.asarray([r[1] for r in rows]))
    assert_allclose(got, len(a & b) / len(a | b) if a | b else 1)


def test_consensus_says_how_often():
    runs = bools([1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 1])
    result = consensus(runs)
    assert_allclose(result.frequency, [1, 0.5, 0.25])
    assert_array_equal(result.members, [1, 1, 0])
    assert_array_equal(consensus(runs, share=1.0).members, [1, 0, 0])
    # 49 / 49 is below 1 where it is computed as 49 * (1 / 49)
    assert consensus(jnp.ones((49, 2), bool), share=1.0).members.all()
    pairs = np.array([[jaccard(a, b) for b in runs] for a in runs])
    assert_array_equal(pairs, pairs.T)
    assert_array_equal(pairs.diagonal(), 1)


def test_minimality_tries_subsets_that_leave_members_in():
    """`c (a or b)`: a matters where b is gone and c is not."""
    metric = lambda masks: jnp.maximum(masks[:, 0], masks[:, 1])[:, None] * masks[:, 2:3]
    found = minimality(metric, jnp.ones(3), KEY)
    assert_allclose(found.gain, 1)
    assert found.subset[0, 1]
    assert not found.subset[0, 2]


# the record


def circuit():
    nodes = bools([1, 1, 0], [0, 1, 1])
    edges = jnp.zeros((2, 3, 3), bool).at[0, 1, 0].set(True).at[1, 2, 1].set(True)
    effect = jnp.where(nodes, normal(9, 2, 3), 0.0)
    weight = jnp.where(edges, normal(10, 2, 3, 3), 0.0)
    windows = jnp.stack([span(6, 0, 3), span(6, 3, 6)])
    return Circuit(nodes, edges, effect, weight, windows, ("cue", "delay"), ("a", "b", "c"))


def test_a_circuit_goes_through_json_and_back():
    whole = circuit()
    record = json.loads(json.dumps(to_dict(whole), allow_nan=False))
    again = from_dict(record, whole.windows)
    assert H.same(whole, again)
    assert (again.names, again.units) == (whole.names, whole.units)
    assert record["windows"]["cue"]["edges"][0]["to"] == "b"
    assert record["windows"]["cue"]["edges"][0]["from"] == "a"
    effects = [abs(row["effect"]) for row in record["windows"]["cue"]["units"]]
    assert effects == sorted(effects, reverse=True)


def test_active_windows_of_a_unit():
    assert [active_windows(circuit(), unit) for unit in "abc"] == [
        ("cue",), ("cue", "delay"), ("delay",),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="no unit 'd'"):
        active_windows(circuit(), "d")


def rebuilt(**changes):
    whole = circuit()
    fields = ("nodes", "edges", "effect", "weight", "windows", "names", "units")
    return Circuit(**{name: changes.get(name, getattr(whole, name)) for name in fields})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": ("a", "b")}, "unit names"),
        ({"units": ("a", "b", "a")}, "differ"),
        ({"names": ("cue", "cue")}, "differ"),
        ({"windows": jnp.ones((2, 5, 6, 1))}, "windows"),
    ],
)
def test_a_circuit_that_does_not_fit_is_told(changes, message):
    with pytest.raises(ValueError, match=message):
        rebuilt(**changes)


def test_windows_of_a_circuit_may_differ_between_trials():
    assert rebuilt(windows=jnp.ones((2, 5, 6))).windows.shape == (2, 5, 6)


@pytest.mark.parametrize("spoil", ["unit", "window", "field"])
def test_a_record_that_does_not_fit_is_told(spoil):
    whole = circuit()
    record, windows = to_dict(whole), whole.windows
    if spoil == "unit":
        record["windows"]["cue"]["units"][0]["unit"] = "z"
    elif spoil == "field":
        del record["windows"]["cue"]["edges"][0]["weight"]
    else:
        windows = windows[:1]
    with pytest.raises(ValueError, match="record"):
        from_dict(record, windows)


# bad input

NAN = jnp.asarray([1.0, jnp.nan, 0.5, 2.0, 1.0, 1.0])
TRUTH = bools(1, 0, 0, 1, 0, 0)
ONES = jnp.ones(6)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: sign_flip_p(x, KEY, 99), "effects"),
        (lambda x: select_units(x[None, None], KEY).members, "effects"),
        (lambda x: benjamini_hochberg(x / 2), "p"),
        (lambda x: permutation_p(x[1], ONES), "observed"),
        (lambda x: permutation_p(ONES[0], x), "null"),
        (lambda x: bootstrap_mean(x, KEY).low, "values"),
        (lambda x: ratio_of_means(x, ONES, KEY).low, "above"),
        (lambda x: ratio_of_means(ONES, x, KEY).low, "below"),
        (lambda x: auroc(x, TRUTH), "scores"),
        (lambda x: average_precision(x, TRUTH), "scores"),
        (lambda x: precision_at_size(x, TRUTH), "scores"),
        (lambda x: random_sets(KEY, TRUTH, 3, x), "activity"),
        (lambda x: select_edges(jnp.diag(x)[None], ~TRUTH[None]), "connectivity"),
        (
            lambda x: faithfulness(lambda m: (m @ ONES)[:, None] * x[None], TRUTH, KEY).low,
            "metrics",
        ),
    ],
)
def test_nan_is_named(call, name):
    with pytest.raises(ValueError, match=f"{name}.*an entry is NaN"):
        jax.block_until_ready(call(NAN))
    if "metrics" not in name:
        with pytest.raises((ValueError, jax.errors.TracerArrayConversionError)):
            jax.jit(call)(NAN)
    assert np.isfinite(np.asarray(call(jnp.where(jnp.isnan(NAN), 0.0, NAN)), float)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sign_flip_p(jnp.ones((2, 0)), KEY), "trials"),
        (lambda: sign_flip_p(ONES, KEY, 0), "flips"),
        (lambda: bootstrap_mean(ONES, KEY, 0), "resamples"),
        (lambda: bootstrap_mean(ONES, KEY, level=1.0), "level"),
        (lambda: ratio_of_means(ONES, ONES, KEY, level=1.0), "level"),
        (lambda: ratio_of_means(ONES, ONES, KEY, level=0.0), "level"),
        (lambda: select_units(jnp.ones((1, 1, 9)), KEY, alpha=0.0), "alpha"),
        (lambda: select_units(jnp.ones((1, 1, 9)), KEY, floor=2.0), "floor"),
        (lambda: select_edges(jnp.ones((1, 6, 6)), TRUTH[None], share=-0.1), "share"),
        (lambda: random_sets(KEY, TRUTH, 0), "count"),
        (lambda: random_sets(KEY, TRUTH[None], 3), "members"),
        (lambda: random_sets(KEY, TRUTH, 3, jnp.ones(5)), "activity"),
        (lambda: keep(jnp.ones((2, 3)), ONES, 0.0), r"\[N\]"),
        (lambda: drop(jnp.asarray(1.0), ONES, 0.0), r"\[N\]"),
        (lambda: completeness(additive, ONES, -1), "size"),
        (lambda: completeness(additive, ONES[None], 1), "members"),
        (lambda: widen(TRUTH[None], -1), "tolerance"),
        (lambda: consensus(TRUTH[None], share=0.0), "share"),
        (lambda: consensus(jnp.zeros((0, 3), bool)), "runs must be at least 1"),
        (lambda: faithfulness(lambda m: m[:2], TRUTH, KEY), "evaluate must map"),
        (lambda: minimality(lambda m: m.sum(1), TRUTH, KEY), "evaluate must map"),
    ],
)
def test_wrong_structure_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
