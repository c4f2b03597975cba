"""Statistics of circuits, by a second route: enumeration, definitions, coverage."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import normal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import kstest

from rnn_jax.circuits import (
    benjamini_hochberg,
    bootstrap_mean,
    permutation_p,
    ratio_of_means,
    select_units,
    sign_flip_p,
    smallest_p,
)

KEY = jax.random.key(3)


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
