"""Rankings, selections and timing against a truth: pairs counted, thresholds looped over."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import bools, normal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax.circuits import (
    auroc,
    average_precision,
    precision_at_size,
    precision_recall,
    timing_overlap,
    widen,
)
from rnn_jax.core import span

KEY = jax.random.key(3)


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
