"""Masks of the same degrees: what is kept is kept exactly, and all masks are equally likely."""

import itertools
from collections import Counter

import jax
import jaxtyping
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.stats import chisquare

from rnn_jax.circuits import rewired

KEY = jax.random.key(0)


@pytest.fixture
def unchecked():
    """Hundreds of calls, whose types other tests check."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def drawn(seed, N, density, kinds):
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], N)
    weights = rng.integers(1, 50, (N, N)) * signs * (rng.random((N, N)) < density)
    return weights, rng.integers(0, kinds, N)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(0, 14), st.floats(0, 1), st.integers(1, 4), st.booleans())
def test_degrees_blocks_loops_and_each_senders_weights_are_kept(seed, N, density, kinds, named):
    weights, groups = drawn(seed, N, density, kinds)
    found = rewired(jax.random.key(seed), weights, groups if named else (), 5)
    assert found.dtype == weights.dtype
    old, new = weights != 0, found != 0
    assert_array_equal(np.diag(found), np.diag(weights))
    for kind in range(kinds) if named else ():
        inside = groups == kind
        assert_array_equal(new[:, inside].sum(1), old[:, inside].sum(1))
        assert_array_equal(new[inside].sum(0), old[inside].sum(0))
        assert_array_equal(np.sort(found[inside], 0), np.sort(weights[inside], 0))
    assert_array_equal(new.sum(1), old.sum(1))
    assert_array_equal(new.sum(0), old.sum(0))
    assert_array_equal(np.sort(found, 0), np.sort(weights, 0))


def realisations(mask, groups=None):
    """Every mask `[to, from]` with the degrees by group and the diagonal of one, one by one."""
    N = len(mask)
    groups = np.zeros(N, int) if groups is None else np.asarray(groups)
    kinds = np.eye(groups.max() + 1, dtype=int)[groups]
    of = lambda m: ((m @ kinds).tolist(), (kinds.T @ m).tolist(), np.diag(m).tolist())
    wanted, columns = of(mask.astype(int)), []
    for j in range(N):
        rows = itertools.combinations(range(N), int(mask[:, j].sum()))
        columns.append([np.isin(np.arange(N), list(row)).astype(int) for row in rows])
    every = (np.stack(columns, 1) for columns in itertools.product(*columns))
    return [m for m in every if of(m) == wanted]


def mask_of(rows):
    return np.array([[int(c) for c in row] for row in rows.split()], bool)


CASES = {
    "4 units, no loops": ("0110 1001 0100 1010", None, 7),
    "4 units of degree 1": ("0100 1000 0001 0010", None, 9),
    "4 units, dense": ("0011 0011 1100 1100", None, 9),
    "a loop of three": ("001 100 010", None, 2),
    "loops of one stay": ("1100 0011 1001 0110", None, 6),
    "two groups": ("00110 00011 10001 01000 11000", [0, 0, 1, 1, 1], 4),
}


@pytest.mark.parametrize("name", CASES)
def test_all_masks_of_these_degrees_are_equally_likely(name, unchecked):
    rows, groups, count = CASES[name]
    mask = mask_of(rows)
    every = [m.astype(bool).tobytes() for m in realisations(mask, groups)]
    assert len(every) == count
    keys = jax.random.split(KEY, 30 * count)
    counts = Counter(rewired(key, mask, groups, 30).tobytes() for key in keys)
    assert set(counts) == set(every)
    assert chisquare([counts[m] for m in every]).pvalue > 1e-3


def test_weights_are_in_any_order_of_their_targets():
    # the mask cannot change: one unit sends to all others
    weights = np.zeros((4, 4))
    weights[1:, 0] = 1, 2, 3
    found = [
        tuple(rewired(key, weights, proposals=1)[1:, 0]) for key in jax.random.split(KEY, 240)
    ]
    counts = Counter(found)
    assert set(counts) == set(itertools.permutations((1.0, 2.0, 3.0)))
    assert chisquare(list(counts.values())).pvalue > 1e-3


STUCK = {
    "no unit": np.zeros((0, 0), bool),
    "no connection": np.zeros((5, 5), bool),
    "one connection": np.eye(5, k=1, dtype=bool) & (np.arange(5) == 1),
    "loops alone": np.eye(5, dtype=bool),
    "all connections": np.ones((5, 5), bool),
    "a star": np.arange(5)[None] == np.zeros((5, 1)),
    "a chain of two": np.eye(3, k=-1, dtype=bool),
}


@pytest.mark.parametrize("name", STUCK)
def test_what_cannot_change_comes_back(name):
    mask = STUCK[name]
    before = mask.copy()
    assert_array_equal(rewired(KEY, mask), before)
    assert_array_equal(rewired(KEY, mask, list(range(len(mask)))), before)
    assert_array_equal(mask, before)


def test_nothing_is_exchanged_across_groups_of_one_unit():
    mask = np.random.default_rng(0).random((8, 8)) < 0.4
    assert_array_equal(rewired(KEY, mask, list("abcdefgh")), mask)
    assert not np.array_equal(rewired(KEY, mask), mask)


def test_a_large_mask_keeps_no_more_of_itself_than_chance():
    weights, groups = drawn(1, 300, 0.05, 3)
    for kinds in (None, groups, [f"type {g}" for g in groups]):
        found = rewired(KEY, weights, kinds)
        old, new = weights != 0, found != 0
        # of a mask with these degrees about 0.06 by chance, a little more within groups
        assert 0.03 < (old & new).sum() / old.sum() < 0.1
        assert_array_equal(new.sum(1), old.sum(1))


def test_a_key_is_a_mask():
    mask = np.random.default_rng(0).random((20, 20)) < 0.3
    assert_array_equal(rewired(KEY, mask), rewired(KEY, mask))
    assert_array_equal(rewired(jax.random.PRNGKey(0), mask), rewired(KEY, mask))
    assert not np.array_equal(rewired(KEY, mask), rewired(jax.random.key(1), mask))
    assert_array_equal(rewired(KEY, mask, proposals=0), mask)
    assert_array_equal(rewired(KEY, jax.numpy.asarray(mask)), rewired(KEY, mask))
