"""Measures of emulation: exact cases, the model's own samples, and what is not the model."""

import itertools

import jax
import numpy as np
import pytest
from helpers import told_in_one_line

from rnn_jax.studies.hmm_emulation.measures import (
    DIMS,
    EXACT_DIMS,
    LAGS,
    SOURCES,
    _around,
    _mean_interval,
    divergence,
    exact,
    independent,
    lagged,
    matched_distance,
    measured,
)
from rnn_jax.studies.hmm_emulation.standing import (
    at_rest,
    change_shares,
    expected_nats,
    log_likelihoods,
    met,
    next_symbol,
    ngram_counts,
    standing,
)
from rnn_jax.tasks import EMITTERS, HiddenMarkov, change_rate, linear_chain, ngrams, stationary

KEY = jax.random.key(0)


def coin(heads=0.5):
    """A model without a hidden state: two symbols, each drawn alone."""
    return HiddenMarkov(np.ones((1, 1)), np.array([[heads], [1 - heads]]))


def test_counts_are_those_of_a_loop():
    symbols = np.random.default_rng(0).integers(0, 3, (4, 12))
    for n in (1, 2, 3):
        want = np.zeros((4, *[3] * n))
        for b, t in itertools.product(range(4), range(13 - n)):
            want[(b, *symbols[b, t : t + n])] += 1
        np.testing.assert_array_equal(ngram_counts(symbols, 3, n), want)
    want = np.zeros((3, 3))
    for b, t in itertools.product(range(4), range(8)):
        want[symbols[b, t], symbols[b, t + 4]] += 1
    np.testing.assert_array_equal(lagged(symbols, 3, 4), want)


def test_a_sequence_by_hand():
    # 0 0 1 0: pairs 00, 01, 10; two changes in three steps; symbol 2 is never seen
    counts = ngram_counts(np.array([[0, 0, 1, 0]]), 3, 2)
    np.testing.assert_allclose(change_shares(counts), [2 / 3])
    want = [[0.5, 1, 0], [0.5, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(next_symbol(counts[0]), want)
    look = standing(coin(), np.array([[0, 0, 1, 0]]))
    # against a fair coin: p(0 | 1) is 1 where it should be 1 / 2
    np.testing.assert_allclose(look["transition"], 0.5)
    np.testing.assert_allclose(look["changes"], 4 / 3)
    np.testing.assert_allclose(look["nats"], 0, atol=1e-12)
    look = standing(coin(0.75), np.array([[0, 0, 1, 0]]))
    expected = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    found = (3 * np.log(0.75) + np.log(0.25)) / 4
    np.testing.assert_allclose(look["nats"], found - expected, atol=1e-12)


def test_the_models_expectation_is_a_sum_over_all_its_sequences():
    model = at_rest(EMITTERS["cyclic"]())
    table = ngrams(model, 5)
    there = table[table > 0]
    want = (there * np.log(there)).sum() / 5
    found = expected_nats(model, 5)
    np.testing.assert_allclose(found, want, atol=2e-3)
    # what is predicted varies less than what is drawn
    assert abs(found - want) < 3e-3
    plain = log_likelihoods(model, np.asarray(model.sample(KEY, 4096, 5)[1])) / 5
    np.testing.assert_allclose(plain.mean(), want, atol=4 * plain.std() / 64)


def test_divergence_of_tables():
    fair = np.array([0.5, 0.5])
    np.testing.assert_allclose(divergence(np.array([7, 7]), fair), 0, atol=1e-12)
    np.testing.assert_allclose(divergence(np.array([3, 0]), np.array([0.0, 1])), 1)
    # by its definition: the entropy of the mean less the mean entropy
    entropy = lambda p: -(p * np.log2(p)).sum()
    p, q = np.array([1, 3]) / 4, np.array([0.9, 0.1])
    want = entropy((p + q) / 2) - (entropy(p) + entropy(q)) / 2
    np.testing.assert_allclose(divergence(np.array([10, 30]), q), want, atol=1e-12)


def test_matched_distances_of_known_sets():
    rows = np.random.default_rng(1).integers(0, 3, (20, 30))
    order = np.random.default_rng(2).permutation(20)
    assert matched_distance(rows, rows[order], 3) == 0
    # each is nearest to its own copy, three symbols of which are changed
    other = rows.copy()
    other[:, [3, 11, 20]] = (other[:, [3, 11, 20]] + 1) % 3
    np.testing.assert_allclose(matched_distance(rows, other[order], 3), 6**0.5, atol=1e-12)
    alone = np.zeros((20, 30), int)
    np.testing.assert_allclose(matched_distance(alone, alone + 1, 3), 60**0.5, atol=1e-12)


def test_independent_symbols_have_the_models_frequencies():
    model = linear_chain(3)
    drawn = independent(model, KEY, (300, 50))
    assert drawn.shape == (300, 50)
    counts = np.bincount(drawn.ravel(), minlength=3) / drawn.size
    np.testing.assert_allclose(counts, ngrams(model, 1), atol=0.02)
    assert abs(change_shares(ngram_counts(drawn, 3, 2)).mean() - change_rate(model)) > 0.1


@pytest.fixture(scope="module")
def own():
    """Everything about a sample of the model itself."""
    model = EMITTERS["cyclic"]()
    symbols = model.sample(jax.random.key(3), 400, 40)[1]
    return model, symbols, measured(model, symbols, KEY)


def test_all_names_and_shapes(own):
    model, symbols, found = own
    sizes = {"symbol": 3, "to": 3, "from": 3, "end": 2, "lag": len(LAGS)}
    shape = lambda dims: tuple(sizes[d] for d in dims)
    assert {name: value.shape for name, value in found.items()} == {
        name: (len(SOURCES), *shape(dims)) for name, dims in DIMS.items()
    }
    told = exact(model, 40)
    assert {name: value.shape for name, value in told.items()} == {
        name: shape(dims) for name, dims in EXACT_DIMS.items()
    }
    assert all(np.isfinite(value).all() for value in found.values())
    # three sources, no two of them one
    apart = [found["transition"][a] - found["transition"][b] for a, b in ((0, 1), (0, 2), (1, 2))]
    assert all(np.abs(gap).max() > 0 for gap in apart)
    again = measured(model, symbols, KEY)
    for name, value in found.items():
        np.testing.assert_array_equal(value, again[name])


def test_a_sample_of_the_model_stands_at_it_and_independent_symbols_do_not(own):
    model, symbols, found = own
    told = exact(model, 40)
    network, other, chance = ({name: value[k] for name, value in found.items()} for k in range(3))
    for one in (network, other):
        assert one["transition_difference"] < 0.05 < chance["transition_difference"]
        np.testing.assert_allclose(one["volatility"], told["volatility"], rtol=0.05)
        np.testing.assert_allclose(one["frequencies"], told["frequencies"], atol=0.05)
        np.testing.assert_allclose(one["transition"], told["transition"], atol=0.05)
        np.testing.assert_allclose(one["information"], told["information"], atol=0.05)
        assert one["trigrams"] < 0.002 < 0.1 < chance["trigrams"]
        for name, right in (("changes", 1), ("nats", 0)):
            low, high = one[f"{name}_interval"]
            assert low < right < high
            assert low < one[name] < high
            assert not chance[f"{name}_interval"][0] < right < chance[f"{name}_interval"][1]
        assert one["transition_difference_interval"][0] == 0
        assert (
            abs(one["distance"] - other["distance"]) < 0.1 < chance["distance"] - one["distance"]
        )
    assert chance["information"].max() < 0.01
    np.testing.assert_allclose(found["transition_squared"], found["transition_difference"] ** 2)
    # ratios and matrices of independent symbols are known exactly
    alone = told["frequencies"]
    ratio = (1 - (alone**2).sum()) / told["change_rate"]
    np.testing.assert_allclose(chance["changes"], ratio, rtol=0.03)
    squared = ((alone[:, None] - told["transition"]) ** 2).max()
    np.testing.assert_allclose(chance["transition_squared"], squared, rtol=0.1)


def test_standing_says_the_same_as_all_measures(own):
    model, symbols, found = own
    look = standing(model, symbols)
    np.testing.assert_allclose(look["transition"], found["transition_difference"][0])
    np.testing.assert_allclose(look["changes"], found["changes"][0])
    np.testing.assert_allclose(look["nats"], found["nats"][0], atol=1e-12)


@pytest.mark.parametrize(
    ("change", "stands"),
    [
        ({}, True),
        ({"transition": 0.021}, False),
        ({"changes": 0.94}, False),
        ({"changes": 1.06}, False),
        ({"nats": -0.011}, False),
        # more likely than the model's own is not equal to it either
        ({"nats": 0.011}, False),
        ({"nats": -np.inf}, False),
        ({"transition": np.nan}, False),
    ],
)
def test_all_three_limits_must_be_kept(change, stands):
    look = {"transition": 0.019, "changes": 1.04, "nats": -0.009} | change
    assert met({name: np.asarray(value) for name, value in look.items()}) is stands


def test_a_model_that_does_not_start_at_rest_is_judged_at_rest():
    moving = HiddenMarkov(linear_chain(2).transition, np.eye(3)[:, ::2], np.array([1.0, 0.0]))
    rested = at_rest(moving)
    np.testing.assert_allclose(rested.initial, stationary(moving))
    symbols = np.asarray(rested.sample(KEY, 200, 12)[1])
    assert standing(moving, symbols) == standing(rested, symbols)


def test_what_the_model_cannot_emit():
    ends = HiddenMarkov(np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2))
    good = np.resize([0, 1], (4, 12))
    bad = good.copy()
    bad[0, 5] = 1 - bad[0, 5]
    assert standing(ends, good)["nats"] == pytest.approx(np.log(0.5) / 12 - np.log(0.5) / 12)
    assert met(standing(ends, good))
    assert standing(ends, bad)["nats"] == -np.inf
    assert (_mean_interval(np.array([0.0, -np.inf, 1.0]), KEY) == -np.inf).all()


def test_the_interval_of_the_largest_difference_covers_it():
    """Of twenty sets of a model's sequences against a model that is not theirs."""
    of, judge = linear_chain(3), linear_chain(4)
    right = np.abs(next_symbol(of) - next_symbol(judge)).max()
    rows = np.asarray(of.sample(KEY, 20 * 60, 30)[1]).reshape(20, 60, 30)
    inside = 0
    for k, symbols in enumerate(rows):
        counts = ngram_counts(symbols, 3, 2)
        size = np.abs(next_symbol(counts.sum(0)) - next_symbol(judge)).max()
        low, high = _around(size, counts, jax.random.key(k))
        inside += low <= right <= high
    assert inside >= 18


MODEL = linear_chain(2)
BAD = {
    "model": (lambda: standing(np.eye(2), np.zeros((2, 12), int)), "model must be a HiddenMarkov"),
    "floats": (lambda: standing(MODEL, np.zeros((2, 12))), "symbols must be whole numbers [B, T]"),
    "one": (lambda: standing(MODEL, np.zeros(12, int)), "symbols must be whole numbers [B, T]"),
    "none": (lambda: standing(MODEL, np.zeros((0, 12), int)), "symbols must have 2 steps or more"),
    "short": (lambda: standing(MODEL, np.zeros((2, 1), int)), "symbols must have 2 steps or more"),
    "lags": (lambda: measured(MODEL, np.zeros((2, 10), int), KEY), "must have 11 steps or more"),
    "range": (lambda: standing(MODEL, np.full((2, 12), 3)), "must lie in 0 to 2, got 3 to 3"),
    "key": (lambda: measured(MODEL, np.zeros((2, 12), int), 0), "key must be"),
    "parts": (
        lambda: standing(HiddenMarkov(np.eye(2), np.eye(2)), np.zeros((2, 12), int)),
        "must have one stationary distribution",
    ),
}


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
