"""The context flip-flop asked by contrasts: what is asked, and answers that are known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_context_flip_flop import AXES, PLANTED, named

from rnn_jax.contrasts import Search
from rnn_jax.core import clean_run
from rnn_jax.studies.context_flip_flop.asked import (
    ASKED_DIMS,
    MEMORY,
    OVERLAPS,
    Asked,
    asked,
    asked_trials,
    overlaps,
    planted_sets,
)
from rnn_jax.studies.context_flip_flop.probe import TASK, WIDTH
from rnn_jax.studies.question import found_sets
from rnn_jax.studies.question_numbers import DIMS
from rnn_jax.tasks import check_trials

FEW = Asked(
    1,
    24,
    Search(bases=1, splits=2, random_sets=9),
    (("memory 2", "early hold"), ("ignored", "switch")),
)


def test_contrasts_ask_each_pulse_where_it_is_heard():
    """A foil turns one pulse: heard it changes what is asked for, ignored it changes nothing."""
    trials = asked_trials(jax.random.key(0), 4)
    check_trials(trials)
    context, kind = np.arange(24) % 2, (np.arange(24) // 2) % 3
    slot = int(TASK.starts[1])
    for name, which in {
        "memory 1": (context == 0) & (kind < 2),
        "memory 2": (context == 1) & (kind < 2),
        "ignored": kind == 2,
    }.items():
        contrast = trials.contrasts[name]
        np.testing.assert_array_equal(np.asarray(contrast.event) >= 0, which)
        gap = np.asarray(trials.xs) != np.asarray(contrast.foil)
        assert not gap[..., :2].any()
        assert not gap[:, :slot].any()
        assert (gap[which].any(-1).sum(1) == TASK.pulse).all()
        told = [
            np.asarray(clean_run(PLANTED.network, jnp.asarray(xs))[1])[which, slot + WIDTH]
            for xs in (trials.xs, contrast.foil)
        ]
        differ = (told[0] != told[1]).any(-1)
        assert differ.all() if name in MEMORY else not differ.any()
    # trials whose first pulses agree say nothing about the context
    first = np.asarray(trials.xs)[:, int(TASK.starts[0]) + TASK.jitter - 1, 2:]
    assert (first != 0).all()
    asked_about = np.asarray(trials.contrasts["context"].event) >= 0
    np.testing.assert_array_equal(asked_about, (kind < 2) & (first[:, 0] != first[:, 1]))


def test_held_out_trials_are_other_trials():
    drawn = [np.asarray(asked_trials(jax.random.key(seed), 48).xs) for seed in (0, 1)]
    ones, others = ({x.tobytes() for x in xs} for xs in drawn)
    assert len(ones) > 0.9 * len(drawn[0])
    assert len(ones & others) < 0.1 * len(others)


def test_contrasts_find_the_memory_that_was_built():
    trials, key = asked_trials(jax.random.key(1), 24), jax.random.key(2)
    mediator, circuit = found_sets(
        PLANTED.network, trials, "memory 2", "early hold", FEW.search, key
    )
    ((memory, whole),) = planted_sets(PLANTED.groups, FEW.questions[:1])
    np.testing.assert_array_equal(memory, named("memory", "memory inhibition"))
    # a mediator is a cut of the latch; the circuit is all of it and the context's two gates
    assert mediator.any()
    assert not (mediator & ~memory).any()
    np.testing.assert_array_equal(circuit, whole)
    np.testing.assert_array_equal(circuit, memory | named("gate 2"))


def test_a_network_s_row_holds_shares_and_scores_of_its_sets(monkeypatch):
    """What is found is made up: the mediator is all that inhibits, the circuit is the truth's."""
    module = "rnn_jax.studies.context_flip_flop.asked"
    inhibits = np.asarray(PLANTED.network.step.w.sum(0)) < 0
    rows = planted_sets(PLANTED.groups, FEW.questions)
    rows[0, 0] = inhibits
    rows[1] = False
    numbers = {name: np.zeros([len(AXES[d]) for d in dims]) for name, dims in DIMS.items()}
    flat = {f"{k}.{name}": value for k in range(2) for name, value in numbers.items()}
    flat |= {f"{k}.members": row for k, row in enumerate(rows)}
    monkeypatch.setattr(f"{module}.all_measured", lambda *_: flat)
    monkeypatch.setattr(f"{module}.found_sets", lambda *_: rows[0])
    row = asked(PLANTED.network, inhibits, PLANTED.groups, 0, FEW)
    assert {name: row[name].ndim for name in ASKED_DIMS} == {
        name: len(dims) for name, dims in ASKED_DIMS.items()
    }
    np.testing.assert_array_equal(row["inhibitory"], [[1, 2 / 8], [np.nan, np.nan]])
    np.testing.assert_array_equal(row["precision"], [[2 / 4, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(row["recall"], [[2 / 6, 1], [np.nan, np.nan]])
    unknown = asked(PLANTED.network, inhibits, None, 0, FEW)
    assert np.isnan(unknown["precision"]).all()


def test_overlaps_compare_sets_of_other_trials():
    sets = lambda *units: np.stack([np.isin(np.arange(10), units)] * 2)
    first = {("memory 1", "early hold"): sets(0, 1), ("memory 2", "early hold"): sets(2, 3)}
    again = {("memory 1", "early hold"): sets(0, 1), ("memory 2", "early hold"): sets(2, 3)}
    told = dict(zip(OVERLAPS, overlaps(first, again, 10), strict=True))
    assert told["memory, again"] == pytest.approx(1)
    assert told["memory, between contexts"] < 0
    # nobody was asked late
    assert np.isnan(told["memory, early and late"])
