"""Hidden Markov models: sums over all paths, another library, and the statistics of samples."""

import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import told_in_one_line
from scipy.stats import chisquare

from rnn_jax.tasks import (
    EMITTERS,
    HiddenMarkov,
    change_rate,
    linear_chain,
    mutual_information,
    ngrams,
    stationary,
    symbol_transition,
)
from rnn_jax.tasks.hmm import forward
from rnn_jax.tasks.symbol_statistics import conditional, information, pairs

KEY = jax.random.key(0)
FIXTURE = np.load(Path(__file__).parent / "fixtures" / "dynamax.npz")


def random_model(seed, K=3, O=4):  # noqa: E741
    """A model whose columns, unlike its rows, sum to 1, and which does not start at rest."""
    rng = np.random.default_rng(seed)
    draw = lambda rows: rng.dirichlet(np.ones(rows), K).T
    return HiddenMarkov(draw(K), draw(O), rng.dirichlet(np.ones(K)))


def paths(model, symbols):
    """Each path of hidden states, and its joint probability with the symbols."""
    a, e, p = (np.asarray(x) for x in (model.transition, model.emission, model.initial))
    for path in itertools.product(range(len(p)), repeat=len(symbols)):
        chance = p[path[0]] * np.prod([a[j, i] for i, j in itertools.pairwise(path)])
        yield path, chance * np.prod([e[y, s] for y, s in zip(symbols, path)])


@pytest.mark.parametrize("seed", range(2))
def test_recursions_are_sums_over_all_paths(seed):
    model = random_model(seed)
    symbols = np.random.default_rng(seed).integers(0, 4, 5)
    known = list(paths(model, symbols))
    total = np.log(sum(chance for _, chance in known))
    np.testing.assert_allclose(model.log_likelihood(symbols), total, atol=1e-12)
    best = max(known, key=lambda one: one[1])[0]
    np.testing.assert_array_equal(model.viterbi(symbols), best)
    for t, found in enumerate(model.filtered(symbols), 1):
        weight = np.zeros(3)
        for path, chance in paths(model, symbols[:t]):
            weight[path[-1]] += chance
        np.testing.assert_allclose(found, weight / weight.sum(), atol=1e-12)


@pytest.mark.parametrize("k", range(3))
def test_dynamax_says_the_same(k):
    of = lambda name: FIXTURE[f"{k}/{name}"]
    model = HiddenMarkov(of("transition"), of("emission"), of("initial"))
    symbols = of("symbols")
    np.testing.assert_allclose(model.filtered(symbols), of("filtered"), atol=1e-12)
    np.testing.assert_allclose(model.log_likelihood(symbols), of("log_likelihood"), rtol=1e-12)
    np.testing.assert_array_equal(model.viterbi(symbols), of("viterbi"))


def test_likelihoods_of_all_sequences_are_the_ngrams():
    model = random_model(2)
    rested = HiddenMarkov(model.transition, model.emission, stationary(model))
    every = np.array(list(itertools.product(range(4), repeat=3)))
    found = np.exp(jax.vmap(rested.log_likelihood)(every)).reshape(4, 4, 4)
    np.testing.assert_allclose(found, ngrams(model, 3), atol=1e-12)
    np.testing.assert_allclose(found.sum(), 1)
    # and of each prefix, what is predicted next
    told = jax.vmap(rested.predicted)(every)[:, 2]
    joint = ngrams(model, 3).reshape(16, 4)
    want = (joint / joint.sum(1, keepdims=True)).repeat(4, 0)
    np.testing.assert_allclose(told, want, atol=1e-12)


def test_shorter_tables_are_margins_of_longer_ones():
    model = random_model(3)
    np.testing.assert_allclose(ngrams(model, 3).sum(0), ngrams(model, 2), atol=1e-12)
    np.testing.assert_allclose(ngrams(model, 3).sum(2), pairs(model), atol=1e-12)
    np.testing.assert_allclose(ngrams(model, 4).sum((1, 2)), pairs(model, 3), atol=1e-12)
    np.testing.assert_allclose(ngrams(model, 1), model.emission @ stationary(model), atol=1e-12)
    rest = stationary(model)
    np.testing.assert_allclose(model.transition @ rest, rest, atol=1e-12)
    # far apart, two symbols know nothing of each other
    assert mutual_information(model, 1) > 1e-3
    assert mutual_information(model, 200) < 1e-12


PUBLISHED = {
    "linear-2": (2, 0.0688, 0.699, 0.1985),
    "linear-3": (3, 0.2562, 0.199, 0.0656),
    "linear-4": (4, 0.2978, 0.137, 0.0459),
    "linear-5": (5, 0.3112, 0.120, 0.0403),
    "cyclic": (4, 0.2142, 0.629, 0.2846),
    "fully-connected": (3, 0.0864, 1.074, 0.3367),
}
"""States, change rate, bits that neighbours share, and how far an independent null is off."""


@pytest.mark.parametrize("name", EMITTERS)
def test_the_six_models_have_their_exact_figures(name):
    model = EMITTERS[name]()
    states, rate, bits, null = PUBLISHED[name]
    assert len(model.initial) == states
    np.testing.assert_allclose(change_rate(model), rate, atol=5e-5)
    np.testing.assert_allclose(mutual_information(model), bits, atol=5e-4)
    alone = ngrams(model, 1)[:, None]
    np.testing.assert_allclose(((symbol_transition(model) - alone) ** 2).max(), null, atol=5e-5)
    # they start as they go on
    np.testing.assert_allclose(stationary(model), model.initial, atol=1e-12)
    assert set(PUBLISHED) == set(EMITTERS)


@pytest.mark.parametrize("name", ["cyclic", "linear-5"])
def test_samples_have_the_models_ngrams(name):
    model = EMITTERS[name]()
    # one table entry per sequence: they are independent
    _, symbols = model.sample(KEY, 20_000, 3)
    places = np.asarray(symbols) @ np.array([9, 3, 1])
    counts, want = np.bincount(places, minlength=27), ngrams(model, 3).ravel()
    there = want > 0
    assert counts[~there].sum() == 0
    assert chisquare(counts[there], 20_000 * want[there]).pvalue > 0.001


def test_samples_start_and_move_as_told():
    model = random_model(4, K=2, O=2)
    states, symbols = (np.asarray(x) for x in model.sample(KEY, 20_000, 2))
    assert states.shape == symbols.shape == (20_000, 2)
    a, e, p = (np.asarray(x) for x in (model.transition, model.emission, model.initial))
    places = np.column_stack([states, symbols]) @ np.array([8, 4, 2, 1])
    # s1, s2, y1, y2
    want = np.einsum("i,ji,ki,lj->ijkl", p, a, e, e).ravel()
    counts = np.bincount(places, minlength=16)
    assert chisquare(counts, 20_000 * want).pvalue > 0.001
    again = model.sample(KEY, 20_000, 2)[0]
    np.testing.assert_array_equal(states, again)
    assert not np.array_equal(states, model.sample(jax.random.key(1), 20_000, 2)[0])


def test_what_cannot_follow_has_no_likelihood():
    ends = HiddenMarkov(np.eye(2), np.eye(2))
    assert np.log(0.5) == ends.log_likelihood(np.array([1, 1, 1]))
    assert ends.log_likelihood(np.array([1, 0, 0])) == -np.inf
    found = np.asarray(ends.filtered(np.array([1, 0, 0])))
    assert np.isnan(found).any(1).tolist() == [False, True, True]
    never = HiddenMarkov(np.ones((1, 1)), np.array([[1.0], [0.0]]))
    assert never.log_likelihood(np.array([0, 1])) == -np.inf
    assert np.isnan(symbol_transition(never)).all(0).tolist() == [False, True]


def test_the_filter_of_the_task_starts_even():
    seen = jax.random.normal(KEY, (4, 2))
    even = forward(jnp.eye(2), seen, jnp.full(2, 0.5))
    np.testing.assert_array_equal(forward(jnp.eye(2), seen), even)


def test_tables_of_counts():
    counts = np.array([[[2, 2], [0, 0]], [[8, 0], [0, 8]]])
    found = conditional(counts)
    np.testing.assert_array_equal(found[0], [[0.5, np.nan], [0.5, np.nan]])
    np.testing.assert_array_equal(found[1], np.eye(2))
    np.testing.assert_allclose(information(counts), [0, 1])
    # [to, from]: what comes second leads
    np.testing.assert_allclose(conditional(np.array([[1, 3], [0, 1]])), [[0.25, 0], [0.75, 1]])


HALVES = np.full((2, 2), 0.5)
BAD = {
    "not square": (lambda: HiddenMarkov(np.ones((2, 3)), HALVES), "transition must be [K, K]"),
    "width": (lambda: HiddenMarkov(HALVES, np.ones((2, 3)) / 2), "emission must be [O, K], K = 2"),
    "first": (lambda: HiddenMarkov(HALVES, HALVES, np.ones(1)), "initial must be [K], K = 2"),
    "sums": (
        lambda: HiddenMarkov(np.array([[0.9, 0.1], [0.2, 0.8]]), HALVES),
        "transition must hold probabilities that sum to 1 in each column, got column 0 with "
        "smallest 0.2 and sum 1.1",
    ),
    "below 0": (
        lambda: HiddenMarkov(HALVES, np.array([[0.5, 1.2], [0.5, -0.2]])),
        "got column 1 with smallest -0.2 and sum 1",
    ),
    "start": (lambda: HiddenMarkov(HALVES, HALVES, np.ones(2)), "initial must hold"),
    "no states": (lambda: HiddenMarkov(np.ones((0, 0)), np.ones((2, 0))), "states must be at"),
    "NaN": (lambda: HiddenMarkov(HALVES * np.nan, HALVES), "transition: an entry is NaN"),
    "chain": (lambda: linear_chain(6), "states must be at most 5, got 6"),
    "short": (lambda: linear_chain(1), "states must be at least 2, got 1"),
    "seed": (lambda: linear_chain(2).sample(0, 3, 4), "key must be"),
    "count": (lambda: linear_chain(2).sample(KEY, 0, 4), "count must be at least 1"),
    "steps": (lambda: linear_chain(2).sample(KEY, 3, 0), "steps must be at least 1"),
    "floats": (lambda: linear_chain(2).filtered(np.ones(3)), "symbols must be whole numbers [T]"),
    "batch": (
        lambda: linear_chain(2).viterbi(np.ones((2, 3), int)),
        "symbols must be whole numbers [T], got int64[2, 3]",
    ),
    "none": (lambda: linear_chain(2).log_likelihood(np.ones(0, int)), "symbols must be whole"),
    "range": (
        lambda: linear_chain(2).log_likelihood(np.array([0, 3])), "symbols must lie in 0 to 2"
    ),
    "two rests": (lambda: stationary(HiddenMarkov(np.eye(2), HALVES)), "states part"),
    "n": (lambda: ngrams(linear_chain(2), 0), "n must be at least 1, got 0"),
    "lag": (lambda: mutual_information(linear_chain(2), 0), "lag must be at least 1, got 0"),
    "model": (lambda: change_rate(HALVES), "model must be a HiddenMarkov, got float64[2, 2]"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
