"""Contrasts: effects of exchanges by their definition, laws of reach, searches, intervals."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, First, I, N, O, keys, network
from scipy.stats import t as student
from test_studies import relay

from rnn_jax.contrasts import (
    Answer,
    Search,
    UnitSet,
    aligned,
    ask,
    choose,
    effective,
    exchanged,
    other_trials,
    over_time,
    random_bases,
    share_intervals,
    shares,
    turned,
)
from rnn_jax.contrasts.audit import audited
from rnn_jax.contrasts.bases import into, out_of, own_bases
from rnn_jax.contrasts.judged import _p, judge
from rnn_jax.contrasts.sets import _grown, _reduced
from rnn_jax.core import Network, Replace, clean_run, outputs, run
from rnn_jax.discovery import Settings, discover
from rnn_jax.discovery.asked import corrected
from rnn_jax.report.answers import answer_lines
from rnn_jax.tasks import Contrast, Trials, epochs_after, first_difference

B, STEPS = 6, 12
ALL = (np.arange(B), np.ones(B))
EVENT = 3


def pair_of(name="gru", window=(0, 2), network_=None, event=EVENT):
    """Trials whose foils differ at two steps from the event; exchanged in a window after it."""
    net = network(name) if network_ is None else network_
    a, b = keys(2, 7)
    xs = jax.random.normal(a, (B, STEPS, I))
    foil = xs.at[:, event : event + 2].set(jax.random.normal(b, (B, 2, I)))
    epochs = epochs_after(np.full(B, event), STEPS, asked=window)
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    return net, aligned(net, trials, Contrast(foil, epochs=epochs)), xs, foil


def question_of(pair, which=ALL, window=None):
    return choose(pair, pair.epochs["asked"], *which, window)


def share_of(net, question, sets):
    sums = exchanged(net, question, jnp.asarray(sets, float))
    return shares(np.asarray(sums), np.asarray(question.norms))


@pytest.mark.parametrize("name", SOME)
def test_an_exchange_is_a_clamp_of_the_foils_states(name):
    net, pair, xs, foil = pair_of(name)
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    found = share_of(net, question_of(pair), [mask])
    window = np.zeros((STEPS, 1))
    window[EVENT : EVENT + 2] = 1
    read = slice(EVENT + 3, EVENT + 7)
    for k, (own, other) in enumerate([(xs, foil), (foil, xs)]):
        hs, ys = clean_run(net, own)
        values, others = clean_run(net, other)
        edits = [
            Replace(jnp.asarray(window * mask), jax.tree.map(lambda v, b=b: v[b], values))
            for b in range(B)
        ]
        after = jnp.stack(
            [outputs(net, run(net, x, edit)) for x, edit in zip(own, edits, strict=True)]
        )
        scale = np.asarray(clean_run(net, xs)[1]).std((0, 1))
        gap, change = (np.asarray(y - ys)[:, read] / scale for y in (others, after))
        e = (gap * change).sum() / (gap**2).sum()
        np.testing.assert_allclose(found.effect[k, 0], e, rtol=1e-9)
        off = ((change - e * gap) ** 2).sum() / (gap**2).sum()
        np.testing.assert_allclose(found.off[k, 0], off, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "window", "whole"),
    [*((name, (0, 2), True) for name in SOME), ("gru", (1, 2), True), ("lstm", (0, 1), False)],
)
def test_reach_is_1_where_the_window_holds_the_last_differing_input(name, window, whole):
    net, pair, *_ = pair_of(name, window)
    found = share_of(net, question_of(pair), [np.ones(N), np.zeros(N)])
    assert np.allclose(found.effect[:, 0], 1, atol=1e-12) == whole
    np.testing.assert_allclose(found.effect[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(found.off[:, 1], 0, atol=1e-12)


def test_run_and_foil_change_places():
    net, pair, xs, foil = pair_of()
    trials = Trials(foil, None, {"all": jnp.ones((B, STEPS))})
    epochs = epochs_after(np.full(B, EVENT), STEPS, asked=(0, 2))
    other = aligned(net, trials, Contrast(xs, epochs=epochs))._replace(scale=pair.scale)
    a, b = (share_of(net, question_of(p), np.eye(N)) for p in (pair, other))
    np.testing.assert_allclose(a.effect, b.effect[::-1], rtol=1e-10)
    np.testing.assert_allclose(a.off, b.off[::-1], rtol=1e-8, atol=1e-12)


def test_effects_do_not_hang_on_the_scale_of_an_output_or_the_order_of_units():
    net, pair, *_ = pair_of("lambda")
    own = share_of(net, question_of(pair), np.eye(N))
    louder = Network(net.step, First(jnp.array([[7.0], [0.1]]) * net.readout.c), net.h0)
    _, pair, *_ = pair_of(network_=louder)
    np.testing.assert_allclose(
        share_of(louder, question_of(pair), np.eye(N)).effect, own.effect, rtol=1e-9
    )
    order = np.array([2, 0, 3, 1])
    p = jnp.eye(N)[order]
    renamed = Network(
        lambda h, x: p @ net.step(p.T @ h, x), First(net.readout.c @ p.T), p @ net.h0
    )
    _, pair, *_ = pair_of(network_=renamed)
    found = share_of(renamed, question_of(pair), np.eye(N))
    np.testing.assert_allclose(found.effect, own.effect[:, order], rtol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_axes_of_a_basis_are_exchanged_by_their_projection(name):
    net, pair, *_ = pair_of(name)
    question = question_of(pair)
    bases = random_bases(jax.random.key(3), net.h0)
    for q in jax.tree.leaves(bases):
        np.testing.assert_allclose(q @ q.T, np.eye(N), atol=1e-12)
    other, asked = turned(net, question, bases)
    ones = share_of(other, asked, [np.ones(N)])
    np.testing.assert_allclose(ones.effect, 1, atol=1e-10)
    two = np.array([1.0, 1.0, 0.0, 0.0])
    found = share_of(other, asked, [two])

    def step(h, x):
        (x, value, inside), new = x, net.step(h, x[0])
        part = lambda q, v, n: n + inside * (q @ (two * (q.T @ (v - n))))
        return jax.tree.map(part, bases, value, new)

    for k in range(2):
        side = jax.tree.map(lambda leaf, k=k: leaf[k], question)
        ys = jax.vmap(
            lambda h0, x, v, w: outputs(
                Network(step, net.readout, h0), run(Network(step, net.readout, h0), (x, v, w))
            )
        )(side.h0, side.xs, side.value, side.window)
        change = (ys - side.ys) * side.read
        e = (change * side.gap).sum() / (side.read * side.gap**2).sum()
        np.testing.assert_allclose(found.effect[k, 0], e, rtol=1e-9)
    same, asked = turned(net, question, own_bases(net.h0))
    own = share_of(net, question, np.eye(N)).effect
    np.testing.assert_allclose(share_of(same, asked, np.eye(N)).effect, own, atol=1e-12)


def test_turning_there_and_back():
    h = (jnp.arange(3.0), jnp.ones(3))
    bases = random_bases(jax.random.key(0), h)
    back = out_of(bases, into(bases, h))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), back, h)


def test_a_trial_without_an_event_or_read_past_its_end_is_left_out():
    net, _, xs, foil = pair_of()
    event = np.array([3, 3, -1, 3, 7, 3])
    epochs = epochs_after(event, STEPS, asked=(0, 2))
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    pair = aligned(net, trials, Contrast(foil, jnp.asarray(event), epochs))
    # the window ends at 9, and its read at 14, past the trial's 12 steps
    assert pair.epochs["asked"].valid.tolist() == [True, True, False, True, False, True]
    weights = pair.epochs["asked"].valid.astype(float)
    norms = np.asarray(question_of(pair, (np.arange(B), weights)).norms)
    assert ((norms > 0).all((0, 2)) == pair.epochs["asked"].valid).all()


def test_a_read_says_what_the_effect_is_and_off_target_is_over_all_outputs():
    net, _, xs, foil = pair_of("lambda")
    read = np.zeros((B, STEPS, O))
    read[:, 6:9, 0] = 1
    epochs = epochs_after(np.full(B, EVENT), STEPS, asked=(0, 2))
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    pair = aligned(net, trials, Contrast(foil, None, epochs, jnp.asarray(read)))
    question = question_of(pair)
    norms = np.asarray(question.norms)
    gap = np.asarray(question.gap)[:, :, 6 - EVENT : 9 - EVENT] / pair.scale
    np.testing.assert_allclose(norms[..., 0], (gap[..., 0] ** 2).sum(-1), rtol=1e-9)
    np.testing.assert_allclose(norms[..., 1], (gap**2).sum((2, 3)), rtol=1e-9)


def relay_question():
    subject = relay(count=24)
    contrast = other_trials(jax.random.key(0), subject.network, subject.trials)["late"]
    pair = aligned(subject.network, subject.trials, contrast)
    return subject, choose(pair, pair.epochs["late"], np.arange(24), np.ones(24))


def test_growth_and_elimination_find_a_relay():
    subject, question = relay_question()
    net, reach, bases = subject.network, jnp.ones(2), own_bases(subject.network.h0)
    path = _grown(net, question, jnp.eye(4), bases, 4, jnp.asarray(0.01), reach)
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


def test_a_search_that_finds_nothing_says_so():
    subject, question = relay_question()
    bases = own_bases(subject.network.h0)
    path = _grown(
        subject.network, question, jnp.eye(4)[2:], bases, 2, jnp.asarray(0.01), jnp.ones(2)
    )
    assert int(path.size) == 3
    assert (np.asarray(path.effect) == 0).all()


@pytest.mark.parametrize("weight", ["like", "unlike"])
def test_the_jackknife_of_a_ratio(weight):
    rng = np.random.default_rng(0)
    n = 12
    d = np.ones(n) if weight == "like" else rng.gamma(2.0, size=n)
    e = 0.8 + 0.1 * rng.normal(size=n)
    sums = np.stack([e * d, e * d, e**2 * d], -1)[None, None].repeat(2, 0)
    norms = np.stack([d, d], -1)[None].repeat(2, 0)
    found = share_intervals(sums, norms).effect[0, 0]
    np.testing.assert_allclose(found[0], (e * d).sum() / d.sum(), rtol=1e-12)
    if weight == "like":
        half = student.ppf(0.975, n - 1) * e.std(ddof=1) / n**0.5
        np.testing.assert_allclose(found[2] - found[0], half, rtol=1e-9)
    np.testing.assert_allclose(effective(d), d.sum() ** 2 / (d**2).sum())
    assert effective(np.zeros(3)) == 0


def test_foils_of_other_trials_hear_another_until_the_epochs_end():
    subject = relay(count=12)
    net, trials = subject.network, subject.trials
    found = other_trials(jax.random.key(1), net, trials)
    assert set(found) == set(trials.epochs)
    xs, early = np.asarray(trials.xs), np.asarray(found["early"].foil)
    assert (early[:, 6:] == xs[:, 6:]).all()
    assert all(any((row[:6] == other[:6]).all() for other in xs) for row in early)
    # of several donors the one that differs is taken, though half of all pairs are alike
    assert (first_difference(trials.xs, found["early"].foil) == 0).all()
    assert other_trials(jax.random.key(1), net, relay(count=1).trials) == {}


QUICK = Settings(random_sets=19, resamples=99, flips=199, bases=19, splits=4, width=6)


@pytest.fixture(scope="module")
def found():
    return discover(relay(count=48), QUICK)


def test_a_discovery_answers_for_each_epoch(found):
    data = found.dataset
    assert data.attrs["contrasts"] == "from other trials"
    assert data["question"].values.tolist() == ["early", "late"]
    assert data["in_circuit"].values.tolist() == [[True, True, False, False]] * 2
    assert data["question_precision"].values.tolist() == [1.0, 1.0]
    records = json.loads(data.attrs["circuits"])
    assert {r["kind"] for r in records} == {"mediator", "carriers", "circuit"}
    circuit = next(r for r in records if r["kind"] == "circuit" and r["epoch"] == "late")
    assert circuit["units"] == [0, 1]
    assert circuit["restored"][0] > 0.9
    assert len(circuit["base_sizes"]) == 19
    assert circuit["frequency"] == {"0": 1.0, "1": 1.0}
    said = "\n".join(answer_lines(data))
    assert "late (read inside the window)   precision 1.00, recall 1.00" in said
    assert "circuit             2 units: 0, 1" in said
    assert max(map(len, said.splitlines())) <= 100
    assert "question" in repr(found)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xs: xs, "run and foil differ by"),
        (
            lambda xs: xs.at[:4].multiply(-1),
            "read within the trial, 4 of these differ",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(change, message):
    subject = relay(count=48)
    xs = subject.trials.xs
    event = jnp.zeros(48, int) if message.startswith("run") else None
    epochs = epochs_after(np.zeros(48, int), 12, held=(3, 5))
    contrast = Contrast(change(xs), event, epochs)
    if message.startswith("run"):
        contrast = dataclasses.replace(contrast, foil=xs + 1e-9)
    trials = dataclasses.replace(subject.trials, contrasts={"nothing": contrast})
    data = discover(dataclasses.replace(subject, trials=trials), QUICK).dataset
    assert message in json.loads(data.attrs["undecided"])["nothing: held"]
    assert any(message in line for line in answer_lines(data))


BAD = {
    "a foil of another shape": (lambda c: {"foil": c.foil[:, :3]}, "a foil of"),
    "a foil of NaN": (lambda c: {"foil": c.foil * jnp.nan}, "the foil is not finite"),
    "events per step": (lambda c: {"event": jnp.zeros((B, 2), int)}, "event must be int"),
    "an event past the end": (lambda c: {"event": jnp.full(B, STEPS)}, "event must lie in"),
    "a float event": (lambda c: {"event": jnp.zeros(B)}, "event must be int"),
    "a read of another shape": (lambda c: {"read": jnp.ones((B, 3))}, "read must be"),
    "an epoch of another shape": (lambda c: {"epochs": {"a": jnp.ones(3)}}, "'a' must be"),
    "a read of NaN": (lambda c: {"read": jnp.full((B, STEPS), jnp.nan)}, "weights of at least 0"),
    "a read of nothing": (lambda c: {"read": jnp.zeros((B, STEPS))}, "weights of at least 0"),
    "an epoch of NaN": (lambda c: {"epochs": {"a": jnp.full((B, STEPS), jnp.nan)}}, "from 0 to 1"),
    "tokens for numbers": (
        lambda c: {"foil": jnp.zeros(c.foil.shape, int)},
        "does not fit inputs",
    ),
    "a name with a colon": (
        lambda c: {"epochs": {"a: b": jnp.ones((B, STEPS))}},
        "without a colon",
    ),
    "an empty epoch": (lambda c: {"epochs": {"a": jnp.zeros((B, STEPS))}}, "holds no step"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_contrast_that_does_not_fit_is_refused(what):
    from rnn_jax.tasks import check_trials

    _, _, xs, foil = pair_of()
    change, message = BAD[what]
    contrast = Contrast(foil)
    # as it is made where no types are checked
    for field, value in change(contrast).items():
        object.__setattr__(contrast, field, value)
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))}, {"mine": contrast})
    with pytest.raises(ValueError, match=f"contrast 'mine'.*{message}"):
        check_trials(trials)


SEARCH = Search(bases=0, splits=0, random_sets=19)


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


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_set_does_in_the_run_and_in_the_foil_is_not_mixed_up(closed):
    net, pair, *_ = pair_of("gru")
    question, members = question_of(pair), np.array([True, False, True, False])
    found = judge(net, question, members, np.zeros((0, N), bool), closed)
    effect = share_of(net, question, [1.0 - members if closed else 1.0 * members]).effect[:, 0]
    assert abs(effect[0] - effect[1]) > 1e-3
    # held in the run, the others take from what the set keeps alone there: from what it restores
    undone, restored = 1 - effect[::-1] if closed else effect
    np.testing.assert_allclose([found.undone[0], found.restored[0]], [undone, restored])


def test_a_failed_set_is_no_better_than_chance():
    effects = np.array([[np.nan, 0.1, 0.2, 0.3], [0.25, 0.1, np.nan, 0.3]])
    p = _p(effects)
    assert np.isnan(p[0])
    assert p[1] == 3 / 4


def test_bases_of_many_units_are_one_test():
    blank = np.zeros((2, 200))
    one = lambda size, bases: UnitSet(
        "circuit", -1, blank[0] > 0, (), (), np.ones(2), *np.zeros((3, 3)), np.zeros(2),
        np.zeros(2), blank[0], size, np.array(bases), 0.2, np.zeros((0, 5)),
    )  # fmt: skip
    answers = [
        Answer(
            "a", e, "", (9, 9), 9.0, 1.0, False, np.ones(2), blank, (s,), np.zeros((4, 200), bool)
        )
        for e, s in (("x", one(4.0, [5.0, 3.0, 8.0])), ("y", one(4.0, [6.0, 5.0, 3.0])))
    ]
    # the second base needs fewer in one question and more in the other: 15 < 16
    np.testing.assert_allclose(corrected(answers), [[0.5], [0.5]])


def test_donors_do_not_hang_on_an_outputs_scale():
    net, _, xs, _ = pair_of("lambda")
    louder = Network(net.step, First(jnp.array([[1.0], [1e3]]) * net.readout.c), net.h0)
    trials = Trials(xs, None, {"early": jnp.ones((B, STEPS)).at[:, 5:].set(0)})
    foils = [other_trials(jax.random.key(2), one, trials)["early"].foil for one in (net, louder)]
    np.testing.assert_array_equal(*foils)


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


def exchanged_by_hand(net, pair, side, b, mask):
    """Outputs of one run (or foil), the other's states put in by the rollout's own edit."""
    at = lambda tree, side: jax.tree.map(lambda leaf: jnp.asarray(leaf[side, b]), tree)
    own = Network(net.step, net.readout, at(pair.h0, side))
    edit = Replace(jnp.asarray(mask), at(pair.hs, 1 - side))
    return np.asarray(outputs(own, run(own, at(pair.xs, side), edit)))


@pytest.mark.parametrize("name", SOME)
def test_effects_by_window_of_exchange_and_of_read(name):
    net, pair, *_ = pair_of(name)
    question, members = question_of(pair), np.arange(N) < 2
    found = over_time(net, pair, pair.epochs["asked"], ALL, members, members)
    W, L = found.windows.shape
    assert (found.windows.sum(0) == 1).all()
    # a second route: the whole run of each trial, one exchange after the other
    for w in (0, W // 2):
        for side in range(2):
            along, whole = np.zeros(W), np.zeros(W)
            for b in range(B):
                ys = exchanged_by_hand(net, pair, side, b, found.windows[w][:, None] * members)
                gap = (pair.ys[1 - side, b] - pair.ys[side, b]) / pair.scale
                change = (ys - pair.ys[side, b]) / pair.scale
                along += found.windows @ (pair.inside[b] * (change * gap).sum(-1))
                whole += found.windows @ (pair.inside[b] * (gap**2).sum(-1))
            whole[whole == 0] = np.nan
            np.testing.assert_allclose(found.by_read[side, w], along / whole, atol=1e-9)
            # what is read before the exchange does not move
            before = found.by_read[side, w, :w]
            np.testing.assert_allclose(before[np.isfinite(before)], 0, atol=1e-9)
    assert np.isnan(found.by_unit[:, :, 2:]).all()
    window = np.broadcast_to(found.windows[1], (B, L))
    one = question_of(pair, window=window)
    read = np.asarray(question.read)
    # a read before the exchange counts here, and as 0: compare the sums and not the shares
    alone = share_of(net, one, np.eye(N)[:2]).effect
    norms = lambda q: (np.asarray(q.read) * np.asarray(q.gap) ** 2).sum((1, 2, 3))
    scale = norms(one) / (read * np.asarray(question.gap) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(found.by_unit[:, 1, :2], alone * scale[:, None], atol=1e-9)


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
