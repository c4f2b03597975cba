"""Mediators, carriers and circuits: who chooses, who judges, and what is said of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contrast_data import (
    SEARCH,
)

from rnn_jax.contrasts import (
    Search,
    UnitSet,
    aligned,
    ask,
    elsewhere,
)
from rnn_jax.contrasts.answers import beside_bases, distributed
from rnn_jax.contrasts.elimination import eliminate
from rnn_jax.contrasts.halves import repeated, resplit, split
from rnn_jax.contrasts.judged import Judged
from rnn_jax.contrasts.sets import _holds
from rnn_jax.core import Network
from rnn_jax.tasks import Contrast, Trials, epochs_after


@pytest.mark.parametrize(("most", "first"), [(None, 21), (8, 8), (32, 21)])
def test_at_most_so_many_choose_and_all_others_judge(most, first):
    valid = np.arange(50) != 7
    valid[[3, 4, 5, 6, 8, 9, 10]] = False
    halves = split(jax.random.key(0), valid, most)
    who = [set(picks[weights > 0].tolist()) for picks, weights in halves[:2]]
    assert [len(part) for part in who] == [first, 42 - first]
    assert who[0] | who[1] == set(np.flatnonzero(valid).tolist())
    picks, weights = resplit(jax.random.key(1), halves)
    assert len(picks) == len(halves.choosing[0])
    assert len(set(picks[weights > 0].tolist())) == first
    assert set(picks.tolist()) <= set(np.flatnonzero(valid).tolist())


@pytest.mark.parametrize(
    ("kind", "effect", "off", "reach", "holds"),
    [
        ("mediator", (0.9, 1.1), 0.1, 1.0, True),
        ("mediator", (0.9, 1.1), 0.25, 1.0, False),
        ("mediator", (0.9, 0.7), 0.1, 1.0, False),
        # a share of the reach
        ("carriers", (0.45, 0.45), 0.05, 0.5, True),
        ("carriers", (0.45, 0.45), 0.15, 0.5, False),
        ("circuit", (0.91, 0.95), 0.2, 1.0, True),
        ("circuit", (0.89, 0.95), 0.2, 1.0, False),
        ("circuit", (0.95, 0.95), 0.35, 1.0, False),
        # alone in the run it keeps what holding the others does not take
        ("circuit", (1.4, 1.0), 0.0, 1.0, False),
        ("circuit", (1.2, 1.0), 0.0, 1.0, True),
        # what holding the others undoes is judged by what it can undo at most
        ("circuit", (0.93, 0.97), 0.0, (0.5, 1.0), True),
        ("circuit", (0.97, 0.93), 0.0, (0.5, 1.0), False),
    ],
)
def test_a_set_holds_where_fresh_trials_agree(kind, effect, off, reach, holds):
    row = lambda value: np.array([value, value - 0.1, value + 0.1])
    judged = Judged(
        row(effect[0]), row(effect[1]), row(off), np.zeros(2), np.zeros(2), np.zeros(1)
    )
    assert _holds(kind, judged, np.full(2, reach), Search(tolerance=0.05, keep=0.9)) == holds


@pytest.mark.parametrize("complete", [False, True])
@pytest.mark.parametrize("least", [1, 7, 30, 61])
def test_an_elimination_that_accepts_anything_ends_at_the_size_it_is_asked_for(least, complete):
    worth = jnp.arange(1.0, 65.0) / 64

    def held(free):
        lost = jnp.where(free, 0.0, worth).sum(1) / worth.sum()
        return jnp.stack([lost, lost]), jnp.zeros((2, len(free)))

    def searched(keep):
        return eliminate(held, jnp.ones(64, bool), jnp.asarray(keep), 4096, least, complete)

    assert jax.jit(searched)(-jnp.inf).free.sum() == least
    kept = jax.jit(searched)(0.9).free
    assert float(worth[np.asarray(kept)].sum() / worth.sum()) >= 0.9
    assert kept.sum() >= least


def test_what_is_moved_elsewhere_is_of_outputs_that_are_not_read():
    assert elsewhere(np.array([0.9, 0.3, 0.4]), (0,)) == pytest.approx(0.5)
    assert np.isnan(elsewhere(np.array([0.9, 0.3]), (0, 1)))


def test_an_answer_says_which_outputs_differ_and_what_moves_the_others():
    # two numbers are held; the second output is moved by a tenth of what unit 0 holds, unless
    # unit 2 is exchanged with it
    step = lambda h, x: jnp.where(x[0] == 0, h, jnp.array([x[0], x[1], x[0], 0.0, 0.0, 0.0]))
    readout = lambda h: jnp.stack([h[0], h[1] + 0.1 * (h[0] - h[2])])
    net = Network(step, readout, jnp.zeros(6))
    drawn = jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], (48, 2)))
    xs = jnp.zeros((48, 12, 2)).at[:, 0].set(drawn)
    contrast = Contrast(
        xs.at[..., 0].multiply(-1), None, epochs_after(np.zeros(48, int), 12, held=(3, 5))
    )
    trials = Trials(xs, None, {"all": jnp.ones((48, 12))})
    (answer,) = ask(net, trials, "first", contrast, SEARCH, jax.random.key(0))
    assert answer.outputs == (0,)
    mediator = answer.sets[0]
    assert np.flatnonzero(mediator.members).tolist() == [0]
    np.testing.assert_allclose(mediator.astray, [0, 0.1], atol=2e-3)
    np.testing.assert_allclose(elsewhere(mediator.astray, answer.outputs), 0.1, atol=2e-3)


@pytest.mark.parametrize(
    ("size", "sizes", "q", "said"),
    [
        (4, (6, 7, 8), 0.01, ""),
        (4, (3, 4, 6), 0.9, "distributed: random axes do as well"),
        (4, (3, 6, 8), 0.4, "not told from random axes"),
        # p could not be less, and is not small after the correction for many questions
        (4, (11, 14, 17), 0.2, "3 bases are too few to tell"),
        (1, (1, 1, 2), 0.9, "no set is smaller, in any basis"),
        (4, (), None, ""),
    ],
)
def test_bases_say_only_what_they_can(size, sizes, q, said):
    blank = np.zeros(3)
    found = UnitSet(
        "mediator", -1, blank > 0, (), (), np.ones(2), *np.zeros((3, 3)), np.zeros(2),
        np.zeros(2), np.zeros(1), blank, float(size), np.array(sizes, float), 0.2,
        np.zeros((0, 5)),
    )  # fmt: skip
    record = {
        "q_bases": q, "base_sizes": list(sizes), "size": float(size),
        "distributed": distributed(found, 1.0 if q is None else q),
    }  # fmt: skip
    assert beside_bases(record) == said


@pytest.mark.parametrize(
    ("distinct", "past", "share"), [(2, False, 1.0), (48, False, 0.0), (2, True, 0.0)]
)
def test_held_out_trials_that_are_like_others_are_counted(distinct, past, share):
    draw = np.random.default_rng(0)
    xs = jnp.asarray(draw.normal(size=(distinct, 12, 1))[np.arange(48) % distinct])
    foil = -xs
    if past:
        # what differs before the event alone is in the state
        before = jnp.asarray(draw.normal(size=(48, 2, 1)))
        xs, foil = (jnp.concatenate([before, rows], 1) for rows in (xs, foil))
    net = Network(lambda h, x: 0.5 * h + x, lambda h: h, jnp.zeros(1))
    T = xs.shape[1]
    window = epochs_after(np.full(48, T - 12), T, held=(3, 5))
    trials = Trials(xs, None, {"all": jnp.ones((48, T))})
    pair = aligned(net, trials, Contrast(foil, None, window))
    assert repeated(pair, split(jax.random.key(0), pair.epochs["held"].valid)) == share
