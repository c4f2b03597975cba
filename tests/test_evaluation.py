"""Evaluation that can be believed: curves over size, nulls, the sign test, stability."""

import itertools
import math

import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest

from rnn_jax.cells import Affine, Dale
from rnn_jax.circuits import (
    concentration,
    faithfulness,
    faithfulness_curve,
    jaccard,
    judge_set,
    largest,
    reselect,
    rotation_null,
    shuffle_trials,
    shuffle_weights,
    sign_test_p,
    stability,
)
from rnn_jax.core import Network, run
from rnn_jax.linear import haar

KEY = jax.random.key(5)
WEIGHTS = jnp.asarray([4.0, 1.0, -2.0, 0.0, 3.0])
TOTAL, N = 6.0, 5


def additive(masks):
    """Each unit adds its own, on trials of different gain."""
    return (masks @ WEIGHTS)[:, None] * jnp.linspace(0.5, 1.5, 10)[None]


def saturating(masks):
    """Parts that do not add up, on trials that differ in which parts they need."""
    parts = jnp.asarray(np.random.default_rng(0).normal(size=(N, 12)))
    return jnp.tanh(masks @ parts) + (masks @ WEIGHTS)[:, None]


# a circuit as a set


@pytest.mark.parametrize("size", range(N + 1))
def test_a_set_of_no_unit_or_of_all_has_no_p_value(size):
    members = np.arange(N) < size
    every = itertools.combinations(range(N), size)
    random = np.stack([np.isin(range(N), units) for units in every])
    found = judge_set(lambda masks: additive(masks) - TOTAL, members, random, KEY)
    assert np.isnan(found.p_value) == (size in (0, N))


def test_random_sets_have_the_faithfulness_that_they_would_have_as_a_circuit():
    random = np.stack([np.isin(range(N), units) for units in itertools.combinations(range(N), 2)])
    judged = lambda members: judge_set(lambda m: additive(m) - TOTAL, members, random, KEY)
    alone = [float(judged(members).faithfulness.estimate) for members in random]
    assert_allclose(judged(random[0]).random, alone, atol=1e-6)
    refused = judge_set(lambda m: 0.0 * additive(m), random[0], random, KEY)
    assert np.isnan(refused.random).all()


# the curve


def test_the_curve_of_parts_that_add_up_is_their_sums():
    curve = faithfulness_curve(additive, WEIGHTS, KEY)
    sums = np.cumsum([0.0, 4, 3, 1, 0, -2]) / TOTAL
    assert_array_equal(curve.sizes, range(N + 1))
    assert_allclose(curve.faithfulness.estimate, sums, atol=1e-12)
    area = np.trapezoid(sums, np.arange(N + 1) / N)
    assert_allclose([curve.area.estimate, curve.area.low, curve.area.high], area)
    assert_allclose(curve.gap, np.trapezoid(np.abs(1 - sums), dx=1 / N))
    assert sums.max() > 1, "an overshoot is part of this test"


def test_each_point_of_the_curve_is_faithfulness_itself():
    scores = jnp.asarray([0.3, 0.9, 0.1, 0.5, 0.7])
    sizes = (1, 2, 4)
    order, boot = jax.random.split(KEY)
    sets = largest(scores, jnp.asarray(sizes), order)
    assert_array_equal(sets, [[0, 1, 0, 0, 0], [0, 1, 0, 0, 1], [1, 1, 0, 1, 1]])
    curve = faithfulness_curve(saturating, scores, KEY, sizes)
    for k, members in enumerate(sets):
        alone = faithfulness(saturating, members, boot)
        assert alone.low < alone.estimate < alone.high
        for field in ("estimate", "low", "high"):
            assert_allclose(getattr(curve.faithfulness, field)[k], getattr(alone, field))
    f = np.asarray(curve.faithfulness.estimate)
    assert_allclose(curve.area.estimate, np.trapezoid(f, np.asarray(sizes) / N))
    assert curve.area.low < curve.area.estimate < curve.area.high


def test_all_sizes_are_one_call():
    calls = []

    def counted(masks):
        calls.append(masks.shape)
        return additive(masks)

    faithfulness_curve(counted, WEIGHTS, KEY)
    assert calls == [(N + 3, N)]


def test_a_random_order_has_half_the_area_and_ties_have_no_order():
    area = lambda key: faithfulness_curve(additive, jnp.zeros(N), key, resamples=1).area.estimate
    areas = np.asarray([area(key) for key in jax.random.split(KEY, 200)])
    assert np.std(areas) > 0.1
    assert abs(np.mean(areas) - 0.5) < 4 * np.std(areas) / 200**0.5
    # the best order is the best there is
    best = max(
        np.trapezoid(np.append(0, np.cumsum(WEIGHTS[jnp.asarray(order)])) / TOTAL, dx=1 / N)
        for order in itertools.permutations(range(N))
    )
    assert_allclose(faithfulness_curve(additive, WEIGHTS, KEY).area.estimate, best)
    assert areas.max() <= best + 1e-12


def test_a_curve_over_noise_is_refused():
    noise = np.random.default_rng(7).normal(size=10)
    without = lambda masks: masks[:, :1] * jnp.asarray(noise - noise.mean())[None]
    curve = faithfulness_curve(without, WEIGHTS, KEY)
    assert bool(curve.area.refused)
    assert bool(curve.faithfulness.refused.all())
    assert np.isnan([curve.area.estimate, curve.gap, *curve.faithfulness.estimate]).all()
    assert "contains 0" in curve.faithfulness.reason


# nulls


def test_haar_is_orthogonal_and_has_haars_moments():
    n, draws = 4, 8000
    q = np.asarray(jax.vmap(lambda key: haar(key, n))(jax.random.split(KEY, draws)))
    assert_allclose(
        np.einsum("rij,rik->rjk", q, q), np.broadcast_to(np.eye(n), q.shape), atol=1e-12
    )
    near = lambda values, truth: abs(values.mean(0) - truth) <= 4.5 * values.std(0) / draws**0.5
    assert near(q, 0).all()
    assert near(q**2, 1 / n).all()
    assert near(q**4, 3 / (n * (n + 2))).all()
    # traces of powers of the orthogonal group: Diaconis and Shahshahani (1994)
    trace = np.trace(q, axis1=1, axis2=2)
    squared = np.einsum("rij,rji->r", q, q)
    for values, truth in ((trace, 0), (trace**2, 1), (trace**4, 3), (squared, 1)):
        assert near(values, truth)
    assert near(np.linalg.det(q), 0)


def test_concentration_counts_units():
    rows = jnp.asarray([[1.0, -1, 0, 0], [3, 3, 3, 3], [0, 0, -1e-30, 0]])
    assert_allclose(concentration(rows), [1 / 2, 1 / 4, 1])
    assert np.isnan(concentration(jnp.zeros(3)))


def test_units_beat_random_axes_only_where_the_code_sits_on_units():
    n = 8
    single = jnp.zeros((n, n)).at[2, 2].set(1.0)
    spread = haar(KEY, n) @ single @ haar(KEY, n).T
    along = lambda cov: lambda q: concentration(jnp.einsum("nk,nm,mk->k", q, cov, q))
    found = rotation_null(along(single), KEY, n, 99)
    assert_allclose(found.observed, 1)
    assert_allclose(found.p_value, 0.01)
    # of one random direction's squared entries, E sum_i q_i^4 = 3 / (n + 2)
    assert abs(found.null.mean() - 3 / (n + 2)) < 0.06
    assert rotation_null(along(spread), KEY, n, 99).p_value > 0.05


def test_shuffled_trials_keep_every_trial_and_lose_the_pairing():
    values = {"a": jnp.arange(60.0).reshape(20, 3), "b": jnp.arange(20.0)}
    shuffled = shuffle_trials(values, KEY)
    order = shuffled["b"].astype(int)
    assert_array_equal(jnp.sort(order), range(20))
    assert (order != jnp.arange(20)).sum() > 10
    assert_array_equal(shuffled["a"], values["a"][order])
    first = [int(shuffle_trials(jnp.arange(3.0), k)[0]) for k in jax.random.split(KEY, 300)]
    assert_allclose(np.bincount(first) / 300, 1 / 3, atol=0.1)


def test_shuffled_weights_keep_each_arrays_numbers():
    # signs and masks are booleans
    cell = Dale(H.I, 8, tau=2.0, dt=1.0, excitatory=0.75, key=KEY)
    readout = Affine(8, 2, key=KEY, excitatory=cell.excitatory, mask=cell.excitatory)
    network, traces = Network(cell, readout, 0.1 * jnp.arange(8.0)), []

    @jax.jit
    def states(leaves, xs):
        traces.append(None)
        return jax.tree.leaves(run(jax.tree.unflatten(treedef, leaves), xs).hs)[0]

    treedef = jax.tree.structure(network)
    mixed = shuffle_weights(network, KEY)
    assert H.same(mixed, shuffle_weights(network, KEY))
    assert H.same(mixed.h0, network.h0)
    pairs = list(zip(jax.tree.leaves(network), jax.tree.leaves(mixed), strict=True))
    for old, new in pairs:
        assert old.shape == new.shape
        assert old.dtype == new.dtype
        if not jnp.issubdtype(old.dtype, jnp.floating):
            assert_array_equal(old, new)
        assert_array_equal(jnp.sort(old.ravel()), jnp.sort(new.ravel()))
    # the first state, which stays, is the last of the leaves
    moved = [np.mean(old != new) for old, new in pairs[:-1] if len(np.unique(old)) > N]
    assert min(moved) > 0.3
    before, after = (states(leaves, H.inputs()) for leaves in zip(*pairs))
    assert jnp.abs(before - after).max() > 1e-2
    assert len(traces) == 1


# seeds


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([-1.5, 0.0, 2.0]), min_size=1, max_size=14))
def test_the_sign_test_is_the_exact_binomial(differences):
    above, below = (sum(d * s > 0 for d in differences) for s in (1, -1))
    truth = binomtest(above, above + below).pvalue if above + below else 1.0
    assert_allclose(sign_test_p(jnp.asarray(differences)), truth, rtol=1e-9)


def test_the_sign_test_of_many_rows_in_single_precision():
    rows = jnp.asarray([[1.0] * 10, [-1.0] * 10, [1.0] * 9 + [-1.0]], jnp.float32)
    p = sign_test_p(rows)
    assert_allclose(p, [2**-9, 2**-9, 22 / 1024], rtol=1e-5)


# stability


def test_stability_is_the_mean_over_pairs_and_each_units_frequency():
    members = jnp.asarray(np.random.default_rng(2).random((5, 2, 7)) < 0.5)
    found = stability(members)
    pairs = [jaccard(members[r], members[s]) for r, s in itertools.combinations(range(5), 2)]
    assert_allclose(found.jaccard, np.mean(pairs, 0))
    assert_allclose(found.consensus.frequency, members.mean(0))
    alike = jnp.broadcast_to(members[:1], members.shape)
    assert_array_equal(stability(alike).jaccard, 1)
    apart = jnp.eye(3, dtype=bool)
    assert float(stability(apart).jaccard) == 0


def test_reselection_draws_trials_as_a_bootstrap_does():
    # unit 0 is carried by one trial of four, unit 1 by all, unit 2 by none
    values = jnp.asarray([[1.0, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0]])
    select = lambda v: v.mean(-1) > 0
    members = reselect(select, values, KEY, 3000)
    assert members.shape == (3000, 3)
    q = 1 - (3 / 4) ** 4
    found = stability(members[:400])
    assert abs(float(members[:, 0].mean()) - q) < 4 * math.sqrt(q * (1 - q) / 3000)
    assert_array_equal(members[:, 1:].mean(0), [1, 0])
    # two runs agree on unit 0 or share one of two units
    share = q**2 + (1 - q) ** 2 + 2 * q * (1 - q) / 2
    assert abs(float(found.jaccard) - share) < 0.05
    assert_array_equal(reselect(select, values, KEY, 3), reselect(select, values, KEY, 3))


# bad input


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: faithfulness_curve(additive, WEIGHTS, KEY, [3]), "sizes"),
        (lambda: faithfulness_curve(additive, WEIGHTS, KEY, [0, 0, 5]), "sizes"),
        (lambda: faithfulness_curve(additive, WEIGHTS, KEY, [0, 6]), "sizes"),
        (lambda: faithfulness_curve(additive, WEIGHTS, KEY, [-1, 5]), "sizes"),
        (lambda: faithfulness_curve(lambda m: m[:2], WEIGHTS, KEY), "evaluate must map"),
        (lambda: haar(KEY, 0), "count"),
        (lambda: rotation_null(jnp.trace, KEY, 3, 0), "draws"),
        (lambda: shuffle_trials((jnp.ones(3), jnp.ones(4)), KEY), "one B"),
        (lambda: shuffle_trials((), KEY), "one B"),
        (lambda: sign_test_p(jnp.ones((2, 0))), "seeds"),
        (lambda: stability(jnp.ones((1, 3), bool)), "2 runs"),
        (lambda: reselect(lambda v: v > 0, jnp.ones(3), KEY, 0), "resamples must be"),
    ],
)
def test_wrong_structure_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: faithfulness_curve(additive, x, KEY).gap, "scores"),
        (concentration, "scores"),
        (sign_test_p, "differences"),
    ],
)
def test_nan_is_named(call, name):
    with pytest.raises(ValueError, match=f"{name}: an entry is NaN"):
        jax.block_until_ready(call(WEIGHTS.at[1].set(jnp.nan)))
