"""Circuits: selection, random sets, agreement of runs, the record, and bad input."""

import json
import math

import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import bools, normal
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax.causal import finite
from rnn_jax.circuits import (
    Circuit,
    active_windows,
    auroc,
    average_precision,
    benjamini_hochberg,
    bootstrap_mean,
    consensus,
    drop,
    faithfulness,
    from_dict,
    jaccard,
    keep,
    permutation_p,
    precision_at_size,
    random_sets,
    ratio_of_means,
    select_edges,
    select_units,
    sign_flip_p,
    to_dict,
    widen,
)
from rnn_jax.core import rollout, span

KEY = jax.random.key(3)


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
        (lambda: widen(TRUTH[None], -1), "tolerance"),
        (lambda: consensus(TRUTH[None], share=0.0), "share"),
        (lambda: consensus(jnp.zeros((0, 3), bool)), "runs must be at least 1"),
    ],
)
def test_wrong_structure_is_told(call, message):
    with pytest.raises(ValueError, match=message):
        call()
