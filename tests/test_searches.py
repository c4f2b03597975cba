"""Mediators, carriers and circuits: what the searches find in networks that are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contrast_data import (
    SEARCH,
    pair_of,
    question_of,
    relay_question,
    share_of,
)
from helpers import SOME, First, N
from test_studies import relay

from rnn_jax.causal.sweep import budget
from rnn_jax.contrasts import (
    Answer,
    Search,
    UnitSet,
    ask,
    exchanged,
    growth,
    shares,
    slopes,
)
from rnn_jax.contrasts.audit import audited
from rnn_jax.contrasts.bases import own_bases
from rnn_jax.contrasts.judged import p_of
from rnn_jax.contrasts.sets import _grown, _reduced
from rnn_jax.core import Network
from rnn_jax.discovery.asked import corrected
from rnn_jax.tasks import Contrast, Trials, epochs_after


def test_growth_and_elimination_find_a_relay():
    subject, question = relay_question()
    net, reach, bases = subject.network, jnp.ones(2), own_bases(subject.network.h0)
    most = jnp.asarray(4)
    path = _grown(net, question, jnp.eye(4), bases, 4, most, jnp.asarray(0.01), reach)
    assert path.order[path.kept].tolist() in ([0], [1], [0, 1], [1, 0])
    course = _reduced(net, question, jnp.eye(4), bases, 16, jnp.asarray(0.9), reach)
    assert course.free.tolist() == [True, True, False, False]
    # what it says of a size is what an exchange of that set does
    k = int(path.grown)
    mask = np.zeros((1, 4))
    mask[0, np.asarray(path.order[:k])] = 1
    found = share_of(net, question, mask)
    np.testing.assert_allclose(path.effect[k - 1], found.effect[:, 0], atol=1e-12)
    held = share_of(net, question, 1 - np.asarray(course.free, float)[None])
    last = int((course.sizes >= 0).sum()) - 1
    np.testing.assert_allclose(course.effect[last], held.effect[:, 0], atol=1e-12)


def slope_of(net, question, mask):
    """The screen's gradient, and the bytes that its program holds at once."""
    grad = jax.jit(jax.grad(lambda mask: growth._residual(net, question, mask, jnp.ones(2))))
    return grad(mask), grad.lower(mask).compile().memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize("name", SOME)
def test_a_screen_in_blocks_ranks_as_one_in_whole(name, monkeypatch):
    net, pair, *_ = pair_of(name)
    question, mask = question_of(pair), jnp.linspace(0, 0.5, N)
    whole = slope_of(net, question, mask)[0]
    monkeypatch.setattr(slopes, "fit_budget", lambda *_: budget.Size(1, 5))
    np.testing.assert_allclose(slope_of(net, question, mask)[0], whole, rtol=1e-9)


def test_a_screen_in_blocks_holds_less_in_memory(monkeypatch):
    w = jax.random.normal(jax.random.key(1), (128, 128)) / 12
    step = lambda h, x: jnp.tanh(w @ h + x.sum())
    net, pair, *_ = pair_of(network_=Network(step, lambda h: h[:2], jnp.zeros(128)))
    question, mask = question_of(pair), jnp.zeros(128)
    most = slope_of(net, question, mask)[1]
    monkeypatch.setattr(slopes, "fit_budget", lambda *_: budget.Size(1, 3))
    assert slope_of(net, question, mask)[1] < most / 2


def test_a_search_that_finds_nothing_says_so():
    subject, question = relay_question()
    bases = own_bases(subject.network.h0)
    path = _grown(
        subject.network,
        question,
        jnp.eye(4)[2:],
        bases,
        2,
        jnp.asarray(2),
        jnp.asarray(0.01),
        jnp.ones(2),
    )
    assert int(path.size) == 3
    assert (np.asarray(path.effect) == 0).all()


@pytest.mark.slow
def test_groups_are_searched_where_no_unit_does_much():
    copies = 20
    c = np.zeros((1, 2 * copies))
    c[0, :copies] = 1 / copies
    net = Network(lambda h, x: 0.9 * h + x[0], First(jnp.asarray(c)), jnp.zeros(2 * copies))
    xs = np.zeros((40, 12, 1))
    xs[:, 0, 0] = np.random.default_rng(0).choice([-1.0, 1.0], 40)
    window = epochs_after(np.zeros(40, int), 12, held=(2, 4))
    trials = Trials(jnp.asarray(xs), None, {"all": jnp.ones((40, 12))})
    groups = ("read",) * copies + ("unread",) * copies
    contrast = Contrast(jnp.asarray(-xs), epochs=window)
    search = Search(bases=0, splits=2, random_sets=19)
    (answer,) = ask(net, trials, "sign", contrast, search, jax.random.key(0), groups)
    by_kind = {part.kind: part for part in answer.sets}
    assert by_kind["mediator"].groups == by_kind["circuit"].groups == ("read",)
    assert answer.members.tolist() == [True] * copies + [False] * copies
    assert np.isnan(by_kind["circuit"].p_bases)
    (alone,) = ask(net, trials, "sign", contrast, search, jax.random.key(0))
    assert max(len(part.groups) for part in alone.sets) == 0


def asked_of(contrast, subject=None, xs=None, search=SEARCH):
    """The answers of one contrast of the relay, 48 trials."""
    subject = relay(count=48) if subject is None else subject
    xs = subject.trials.xs if xs is None else xs
    trials = Trials(xs, None, subject.trials.epochs)
    return ask(subject.network, trials, "mine", contrast, search, jax.random.key(0))


def turned_relay():
    """A relay's trials whose foil turns the sign; the relay of the sign is in units 0 and 1."""
    subject = relay(count=48)
    return subject, -subject.trials.xs


def test_windows_that_start_at_different_steps_have_carriers():
    subject, foil = turned_relay()
    late = np.random.default_rng(0).integers(2, 5, 48)
    window = epochs_after(late, 12, held=(0, 2))
    (answer,) = asked_of(Contrast(foil, np.zeros(48, int), window), subject)
    steps = [part.step for part in answer.sets if part.kind == "carriers"]
    assert steps == [0, 1]
    assert all(part.undone[0] > 0.9 for part in answer.sets)


def test_a_read_before_the_exchange_does_not_count():
    subject, foil = turned_relay()
    window = epochs_after(np.zeros(48, int), 12, held=(4, 8))
    read = np.ones((48, 12))
    (answer,) = asked_of(Contrast(foil, None, window, read), subject)
    assert answer.direct
    np.testing.assert_allclose(answer.reach, 1, atol=1e-12)
    assert [part.step for part in answer.sets if part.kind == "carriers"] == [0, 1, 2, 3]
    assert not any(part.members[2:].any() for part in answer.sets)


def test_a_constant_output_says_nothing():
    subject, foil = turned_relay()
    readout = lambda h: jnp.stack([h[1], 0.3 + 1e-12 * h[2]])
    net = Network(subject.network.step, readout, subject.network.h0)
    quiet = dataclasses.replace(subject, network=net)
    window = epochs_after(np.zeros(48, int), 12, held=(3, 5))
    (answer,) = asked_of(Contrast(foil, None, window), quiet)
    assert not answer.members[2:].any()
    read = np.zeros((48, 12, 2))
    read[..., 1] = 1
    (answer,) = asked_of(Contrast(foil, None, window, read), quiet)
    assert answer.note.startswith("refused")


def test_a_run_that_overflows_is_left_out():
    subject, foil = turned_relay()
    step = lambda h, x: subject.network.step(h, jnp.where(x > 100, jnp.inf, x))
    net = Network(
        lambda h, x: jnp.where(x[0] > 100, jnp.nan, step(h, x)),
        subject.network.readout,
        subject.network.h0,
    )
    window = epochs_after(np.zeros(48, int), 12, held=(3, 5))
    bad = foil.at[0, 1].set(1000.0)
    (answer,) = asked_of(Contrast(bad, None, window), dataclasses.replace(subject, network=net))
    assert sum(answer.trials) == 47
    assert answer.sets[0].undone[0] > 0.9


def test_a_failed_set_is_no_better_than_chance():
    effects = np.array([[np.nan, 0.1, 0.2, 0.3], [0.25, 0.1, np.nan, 0.3]])
    p = [p_of(row[0], row[1:]) for row in effects]
    assert np.isnan(p[0])
    assert p[1] == 3 / 4


def test_bases_of_many_units_are_one_test():
    blank = np.zeros((2, 200))
    one = lambda size, bases: UnitSet(
        "circuit", -1, blank[0] > 0, (), (), np.ones(2), *np.zeros((3, 3)), np.zeros(2),
        np.zeros(2), np.zeros(1), blank[0], size, np.array(bases), 0.2, np.zeros((0, 5)),
    )  # fmt: skip
    ways = np.zeros((4, 200), bool)
    answers = [
        Answer("a", e, "", (9, 9), 9.0, 1.0, False, (0,), np.ones(2), blank, (s,), ways)
        for e, s in (("x", one(4.0, [5.0, 3.0, 8.0])), ("y", one(4.0, [6.0, 5.0, 3.0])))
    ]
    # the second base needs fewer in one question and more in the other: 15 < 16
    np.testing.assert_allclose(corrected(answers), [[0.5], [0.5]])


def test_units_that_act_only_together_are_found_without_others():
    # where the two are alike the output is their sign: one alone moves it five times as far
    u = jnp.array([1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    step = lambda h, x: jnp.where(x[0] == 0, h, u * x[0])
    readout = lambda h: jnp.where(h[0] == h[1], h[:1], 10 * (h[:1] + h[1:2]) - 9 * h[:1])
    net = Network(step, readout, jnp.zeros(6))
    xs = (
        jnp.zeros((48, 12, 1))
        .at[:, 0, 0]
        .set(jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], 48)))
    )
    window = epochs_after(np.zeros(48, int), 12, held=(3, 5))
    trials = Trials(xs, None, {"all": jnp.ones((48, 12))})
    contrast = Contrast(-xs, None, window)
    (answer,) = ask(net, trials, "sign", contrast, SEARCH, jax.random.key(0))
    mediator = answer.sets[0]
    assert np.flatnonzero(mediator.members).tolist() == [0, 1]
    np.testing.assert_allclose(mediator.undone[0], 1)


def test_an_and_is_undone_by_one_part_and_restored_by_both():
    # two relays that hold their input; the output needs both
    step = lambda h, x: jnp.where(x == 0, h, x)
    xs = jnp.zeros((48, 12, 2)).at[:, 2].set(1.0)
    window = epochs_after(np.full(48, 2), 12, held=(3, 5))
    trials = Trials(xs, None, {"all": jnp.ones((48, 12))})
    contrast = Contrast(-xs, None, window)
    for readout, sign in ((jnp.min, 1), (jnp.max, -1)):
        net = Network(step, lambda h, readout=readout: readout(h, keepdims=True), jnp.zeros(2))
        (answer,) = ask(net, trials, "both", contrast, SEARCH, jax.random.key(0))
        assert answer.acts.tolist() == [sign, sign]
        assert answer.ways[0].tolist() == [True, True]
        # run and foil exchanged turn the labels round
        turned_ = dataclasses.replace(trials, xs=-xs)
        (answer,) = ask(
            net, turned_, "both", Contrast(xs, None, window), SEARCH, jax.random.key(0)
        )
        assert answer.acts.tolist() == [-sign, -sign]


def test_the_audit_notes_a_better_unit():
    net, pair, *_ = pair_of("gru")
    question, reach = question_of(pair), np.ones(2)
    sums = np.asarray(exchanged(net, question, np.eye(N)), float)
    residual = shares(sums, np.asarray(question.norms, float)).residual.sum(0)
    best, worst = int(residual.argmin()), int(residual.argmax())
    assert audited(net, question, np.eye(N), np.array([best]), reach, 5) == 1
    assert audited(net, question, np.eye(N), np.array([worst]), reach, 5) == 0
    assert np.isnan(audited(net, question, np.eye(N), np.array([], int), reach, 5))


def test_sets_are_chosen_at_half_of_what_is_allowed():
    # twelve copies, each a twelfth of the output: k of them undo k / 12 of the difference
    net = Network(lambda h, x: h + x[0], lambda h: h.mean(keepdims=True), jnp.zeros(12))
    xs = jnp.zeros((40, 12, 1)).at[:, 0, 0].set(jnp.where(jnp.arange(40) % 2, 1.0, -1.0))
    trials = Trials(xs, None, {"all": jnp.ones((40, 12))})
    contrast = Contrast(-xs, None, epochs_after(np.zeros(40, int), 12, held=(2, 4)))
    search = Search(tolerance=0.125, keep=0.5, bases=0, splits=0, random_sets=19)
    (answer,) = ask(net, trials, "sign", contrast, search, jax.random.key(0))
    # (1 - k/12)^2 <= 0.0625 and k/12 >= 0.75: nine of both, where 0.125 and 0.5 allow 8 and 6
    sizes = {part.kind: part.size for part in answer.sets}
    assert sizes == {"mediator": 9.0, "carriers": 9.0, "circuit": 9.0}


@pytest.mark.slow
def test_many_units_are_held_by_halves_first(monkeypatch):
    # what holds above 128 units, at a size that compiles quickly
    monkeypatch.setattr("rnn_jax.contrasts.search.MANY", 16)
    N = 24
    net = Network(lambda h, x: h + x[0], lambda h: h.mean(keepdims=True), jnp.zeros(N))
    xs = jnp.zeros((40, 12, 1)).at[:, 0, 0].set(jnp.where(jnp.arange(40) % 2, 1.0, -1.0))
    trials = Trials(xs, None, {"all": jnp.ones((40, 12))})
    contrast = Contrast(-xs, None, epochs_after(np.zeros(40, int), 12, held=(2, 4)))
    search = Search(keep=0.5, bases=0, splits=0, random_sets=19)
    (answer,) = ask(net, trials, "sign", contrast, search, jax.random.key(0))
    circuit = answer.sets[-1]
    assert (circuit.kind, circuit.size) == ("circuit", 18.0)
    # a quarter of them at once: one unit at a time leaves a row for each
    assert len(circuit.curve) == 0
    # half-splits and bases are fewer, and mediators in bases end at twice the own rounds
    few = Network(lambda h, x: h + x[0], lambda h: h[:1], jnp.zeros(N))
    more = dataclasses.replace(search, tolerance=0.125, bases=30, splits=20)
    (answer,) = ask(few, trials, "sign", contrast, more, jax.random.key(0))
    found = answer.sets[0]
    assert (found.kind, found.size) == ("mediator", 1.0)
    assert len(found.base_sizes) == 20
    assert max(found.base_sizes) <= 3
    assert set(np.round(5 * found.frequency, 6)) <= {0, 1, 2, 3, 4, 5}


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize(
    ("name", "value"),
    [("tolerance", 1.5), ("keep", -0.1), ("keep", "much"), ("bases", -1), ("splits", 2.5),
     ("random_sets", None), ("edge_nulls", -3)],
)  # fmt: skip
def test_a_search_that_makes_no_sense_is_refused(name, value):
    with pytest.raises(ValueError, match=f"^{name} must"):
        Search(**{name: value})
