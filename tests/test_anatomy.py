"""Populations, the two areas of the visual cortex, and pruning to the densities of an anatomy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom

from rnn_jax.cells import (
    Anatomy,
    block_mask,
    block_mean,
    members,
    per_block,
    unit_labels,
    unit_signs,
    visual_cortex,
)
from rnn_jax.training import pruned
from rnn_jax.training.pruning import inclusion

KEY = jax.random.key(0)
FAMILY = 1e-3
"""The chance at most that any block of one draw leaves its interval, were the key not fixed."""


def small(density=((0.3, 0.8), (1.0, 0.0))):
    return Anatomy(("E", "I"), (5, 3), (True, False), density)


def uneven(seed, units):
    """Weights of both signs, the largest many times the median."""
    return np.exp(2 * np.random.default_rng(seed).normal(size=(units, units))) * signs(seed, units)


def signs(seed, units):
    return np.random.default_rng(seed + 1).choice([-1.0, 1.0], (units, units))


def bisected(sizes, density):
    """`min(1, K size)` of the mean asked, `log K` sought by halving an interval.

    `sizes` are from 1e-6 to 1e6, or 0.
    """
    low, high = -60.0, 60.0
    for _ in range(200):
        middle = (low + high) / 2
        few = np.minimum(1, np.exp(middle) * sizes).sum() < density * sizes.size
        low, high = (middle, high) if few else (low, middle)
    return np.minimum(1, np.exp(high) * sizes)


MAGNITUDES = st.one_of(
    st.just(0.0), st.sampled_from([1.0, 0.5, 3.0]), st.floats(1e-6, 1e6)
)  # ties are frequent
BLOCKS = arrays(float, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=MAGNITUDES)
SHARES = st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1))


@settings(deadline=None, max_examples=300)
@given(BLOCKS, SHARES)
@example(np.array([[1e12, 1.0, 1.0, 1.0]]), 0.5)
@example(np.array([[1e300, 1.0, 1.0, 0.0]]), 0.5)
@example(np.array([[1.0, 1e-310]]), 0.75)
@example(np.array([[1e300, 1e-300, 1e-300]]), 0.5)
@example(np.array([[1e308, 1e308, 1e308, 1e308]]), 0.5)
@example(np.array([[0.0, 0.0]]), 0.5)
@example(np.array([[2.0, 2.0], [2.0, 2.0]]), 0.3)
@example(np.full((10, 10), 0.1) * (np.arange(100).reshape(10, 10) < 29), 0.29)
def test_chances_are_proportional_to_size_up_to_one_and_average_the_density(sizes, density):
    chance = inclusion(sizes, density)
    present, wanted = sizes > 0, density * sizes.size
    assert chance.shape == sizes.shape
    assert ((chance >= 0) & (chance <= 1)).all()
    assert (chance[~present] == 0).all()
    # whatever of two is larger has no smaller chance, and equal ones have the same
    order = np.argsort(sizes, None)
    assert (np.diff(chance.ravel()[order]) >= 0).all()
    assert (np.diff(chance.ravel()[order])[np.diff(sizes.ravel()[order]) == 0] == 0).all()
    if wanted >= present.sum():
        assert_array_equal(chance, present)
        return
    assert chance.sum() == pytest.approx(wanted, rel=1e-13, abs=1e-300)
    below = present & (chance < 1)
    if density > 0 and below.any():
        largest = np.where(below, sizes, 0).max()
        of_largest = chance[below].max()
        assert_allclose(chance[below], of_largest * (sizes[below] / largest), rtol=1e-12, atol=0)


@settings(deadline=None, max_examples=100)
@given(BLOCKS, st.floats(1e-3, 1))
def test_chances_are_those_that_halving_finds(sizes, density):
    if density * sizes.size < (sizes > 0).sum():
        assert_allclose(inclusion(sizes, density), bisected(sizes, density), rtol=1e-9)


@settings(deadline=None, max_examples=100)
@given(BLOCKS, SHARES, st.floats(1e-3, 1e3))
def test_chances_do_not_depend_on_the_unit_of_weight(sizes, density, unit):
    found = inclusion(unit * sizes, density)
    assert_allclose(found, inclusion(sizes, density), rtol=1e-9, atol=1e-300)


def test_the_density_of_each_block_is_that_of_the_anatomy():
    """The number that stays is a sum of independent draws whose chances average the density `p`.

    A central interval of such a sum is no less likely than of a binomial of `n` and `p`
    (Hoeffding, Ann Math Stat 1956, theorem 4), whose variance is `n p (1 - p)`.
    """
    anatomy = visual_cortex()
    mask = pruned(uneven(0, anatomy.units), anatomy, jax.random.key(1))
    assert mask.dtype == bool
    sizes = np.array(anatomy.sizes)
    pairs, wanted = np.outer(sizes, sizes), anatomy.density
    counts = np.rint(block_mean(anatomy, mask) * pairs)
    low, high = binom.interval(1 - FAMILY / wanted.size, pairs, wanted)
    some = wanted > 0
    assert some.sum() == 2 * 56 + 9
    assert ((counts >= low) & (counts <= high))[some].all()
    assert (counts[~some] == 0).all()
    # sampling by size scatters less than a binomial does, so that 1 is an upper bound
    scatter = (counts - pairs * wanted)[some] ** 2 / (pairs * wanted * (1 - wanted))[some]
    assert 0.3 < scatter.mean() < 1.2


def test_only_three_pathways_join_the_areas():
    anatomy = visual_cortex(scale=4)
    mask = pruned(uneven(1, anatomy.units), anatomy, KEY)
    found = {
        (anatomy.names[to], anatomy.names[source])
        for to, source in np.argwhere(block_mean(anatomy, mask))
        if anatomy.names[to].split()[0] != anatomy.names[source].split()[0]
    }
    pathways = [("LM L4", "V1 L2/3 Pyr"), ("V1 L2/3", "LM L5 Pyr"), ("V1 L5", "LM L5 Pyr")]
    assert found == {(f"{to} {type_}", source) for to, source in pathways
                     for type_ in ("Pyr", "Sst", "Vip")}  # fmt: skip


def test_a_weight_stays_as_often_as_its_size_asks():
    """The frequency of 2000 draws, within five standard errors."""
    anatomy, draws = small(), 2000
    w = uneven(2, 8)
    w[0, 0] = w[1, 6] = 0
    expected = np.zeros((8, 8))
    for to, source in np.ndindex(2, 2):
        block = np.ix_(unit_labels(anatomy) == to, unit_labels(anatomy) == source)
        if p := anatomy.density[to, source]:
            enough = p * w[block].size < np.count_nonzero(w[block])
            expected[block] = bisected(np.abs(w[block]), p) if enough else w[block] != 0
    keys = jax.random.split(KEY, draws)
    often = np.mean([pruned(w, anatomy, key) for key in keys], axis=0)
    error = np.sqrt(expected * (1 - expected) / draws)
    assert (np.abs(often - expected) <= 5 * error).all()
    assert ((expected > 0.02) & (expected < 0.98)).sum() >= 15


def test_pruning_draws_by_its_key_alone_and_sees_neither_sign_nor_unit():
    anatomy, w = small(), uneven(3, 8)
    one = pruned(w, anatomy, KEY)
    for same in (w, -w, 4 * w, jnp.asarray(w)):
        assert_array_equal(pruned(same, anatomy, KEY), one)
    assert (pruned(w, anatomy, jax.random.key(1)) != one).any()


def test_what_is_zero_is_pruned_even_where_the_density_is_one():
    anatomy = small([[1, 1], [1, 1]])
    w = uneven(4, 8) * (np.random.default_rng(4).random((8, 8)) < 0.5)
    assert_array_equal(pruned(w, anatomy, KEY), w != 0)


PRUNED = [
    (np.ones((3, 3)), r"weights \(3, 3\) do not fit an anatomy of 8 units"),
    (np.ones(8), r"weights \(8,\) do not fit"),
    (np.full((8, 8), np.nan), r"w: not finite at \[0, 0\]"),
    (np.where(np.arange(64).reshape(8, 8) == 9, np.inf, 1.0), r"w: not finite at \[1, 1\]"),
]


@pytest.mark.parametrize(("w", "message"), PRUNED)
def test_weights_that_cannot_be_pruned_are_named(w, message):
    with pytest.raises(ValueError, match=message) as raised:
        pruned(w, small(), KEY)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scale", [1, 2, 16])
def test_the_visual_cortex(scale):
    anatomy = visual_cortex(scale)
    own = ["L4 Pyr", "L4 Sst", "L4 Vip", "L2/3 Pyr", "L2/3 Sst", "L2/3 Vip",
           "L5 Pyr", "L5 Sst", "L5 Vip"]  # fmt: skip
    assert anatomy.names == tuple(f"{area} {name}" for area in ("V1", "LM") for name in own)
    assert anatomy.units == 90 * scale == sum(anatomy.sizes)
    assert anatomy.sizes == (12 * scale, 2 * scale, scale) * 6
    signs = unit_signs(anatomy)
    for p, name in enumerate(anatomy.names):
        own = signs[unit_labels(anatomy) == p]
        assert (own == (1 if name.endswith("Pyr") else -1)).all()
    assert_array_equal(anatomy.density[:9, :9], anatomy.density[9:, 9:])
    # as published: entries whose transposed ones differ, and the sums of rows and columns
    at = {name: index for index, name in enumerate(anatomy.names)}
    found = lambda to, source: float(anatomy.density[at[to], at[source]])
    assert found("V1 L2/3 Pyr", "V1 L2/3 Sst") == 0.23
    assert found("LM L5 Sst", "LM L4 Vip") == 0.11
    assert found("V1 L4 Sst", "V1 L2/3 Pyr") == 0.17
    assert found("V1 L2/3 Pyr", "V1 L4 Sst") == 0.33
    assert found("LM L4 Vip", "V1 L2/3 Pyr") == 0.3
    assert found("V1 L4 Pyr", "LM L2/3 Pyr") == 0
    hundredths = np.rint(100 * anatomy.density[:9, :9]).astype(int)
    assert hundredths.sum(axis=1).tolist() == [60, 82, 59, 89, 88, 83, 35, 40, 41]
    assert hundredths.sum(axis=0).tolist() == [41, 123, 57, 86, 75, 43, 26, 98, 28]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(0, 9))
def test_units_and_blocks_agree(sizes, seed):
    """Populations stand one after the other, and a number per block comes back as its mean."""
    rng, P = np.random.default_rng(seed), len(sizes)
    blocks, excites = rng.random((P, P)), (rng.random(P) < 0.5).tolist()
    anatomy = Anatomy([f"p{k}" for k in range(P)], sizes, excites, blocks)
    labels, of = unit_labels(anatomy), members(anatomy)
    assert labels.tolist() == [k for k, size in enumerate(sizes) for _ in range(size)]
    assert_array_equal(of.sum(axis=0), np.ones(anatomy.units))
    assert_array_equal(of.argmax(axis=0), labels)
    assert_array_equal(of.sum(axis=1), sizes)
    wide = per_block(anatomy, blocks)
    for i, j in rng.integers(0, anatomy.units, (5, 2)):
        assert wide[i, j] == blocks[labels[i], labels[j]]
    assert_array_equal(block_mean(anatomy, wide > 0.5), blocks > 0.5)
    assert_allclose(block_mean(anatomy, wide), blocks, rtol=1e-13)
    assert_array_equal(unit_signs(anatomy), np.where(np.array(excites)[labels], 1, -1))


def test_a_drawn_mask_has_the_densities_of_its_blocks():
    anatomy = Anatomy(("E", "I"), (80, 40), (True, False), ((0.1, 0.9), (1.0, 0.0)))
    pairs = np.outer(anatomy.sizes, anatomy.sizes)
    mask = np.asarray(block_mask(anatomy, KEY))
    counts = np.rint(block_mean(anatomy, mask) * pairs)
    low, high = binom.interval(1 - FAMILY / 4, pairs, anatomy.density)
    assert ((counts >= low) & (counts <= high)).all()
    assert (counts[1] == pairs[1] * [1, 0]).all()
    assert_array_equal(mask, block_mask(anatomy, KEY))
    assert (mask != block_mask(anatomy, jax.random.key(1))).any()


REFUSED = {
    "a name twice": ({"names": ("E", "E")}, "populations need different names, got E, E"),
    "no population": ({"names": ()}, "populations need different names"),
    "too many names": ({"names": ("E", "I", "S")}, "3 populations have 2 sizes and 2 signs"),
    "too few sizes": ({"sizes": (5,)}, "2 populations have 1 sizes and 2 signs"),
    "too many signs": ({"excitatory": (True,) * 3}, "2 populations have 2 sizes and 3 signs"),
    "an empty one": ({"sizes": (5, 0)}, "the size of I must be at least 1, got 0"),
    "a density below 0": ({"density": ((0.1, -0.1), (0, 0))}, "a share from 0 to 1"),
    "a density above 1": ({"density": ((0.1, 1.1), (0, 0))}, "a share from 0 to 1"),
    "a density of NaN": ({"density": ((0.1, np.nan), (0, 0))}, "a share from 0 to 1"),
    "a row too many": ({"density": np.zeros((3, 2))}, r"density must be \[2, 2\], got \(3, 2\)"),
    "one density": ({"density": 0.5}, r"density must be \[2, 2\], got \(\)"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_anatomy_is_refused(case):
    whole = {"names": ("E", "I"), "sizes": (5, 3), "excitatory": (True, False)}
    whole |= {"density": ((0.3, 0.8), (1.0, 0.0))}
    change, message = REFUSED[case]
    Anatomy(**whole)
    with pytest.raises(ValueError, match=message) as raised:
        Anatomy(**(whole | change))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("scale", [0, -1])
def test_a_cortex_without_units_is_refused(scale):
    with pytest.raises(ValueError, match="scale must be"):
        visual_cortex(scale)
