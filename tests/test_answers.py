"""Answers to contrasts: what a discovery says of them, draws of them, and refuses."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from contrast_data import (
    QUICK,
    STEPS,
    B,
    pair_of,
)
from test_studies import relay

from rnn_jax.cells import Affine, Vanilla
from rnn_jax.contrasts import Search, aligned, ask, asking
from rnn_jax.contrasts.kept_answers import as_arrays, restored
from rnn_jax.core import Network
from rnn_jax.discovery import discover
from rnn_jax.discovery.subject import check_subject
from rnn_jax.report.answer_figures import holders_figure, when_figure
from rnn_jax.report.answers import answer_lines
from rnn_jax.tasks import Contrast, Trials, epochs_after


@pytest.fixture(scope="module")
def found():
    return discover(relay(count=48), QUICK)


def test_an_answer_is_printed_in_short(found):
    said = repr(found.answers[1])
    assert said.startswith("<late: <mediator: ")
    assert "<carriers of step 0: " in said
    assert "<circuit: 2 of 4 units, 0, 1; undone " in said
    assert len(said) < 800
    refused = found.answers[1]._replace(note="refused: too few", sets=())
    assert repr(refused) == "<late: refused: too few>"
    empty = found.answers[1].sets[0]._replace(members=np.zeros(4, bool), order=())
    assert repr(empty) == "<mediator: no set is good enough>"


def test_a_discovery_answers_for_each_epoch(found):
    data = found.dataset
    assert data.attrs["contrasts"] == "from other trials"
    assert data["question"].values.tolist() == ["early", "late"]
    assert data["in_circuit"].values.tolist() == [[True, True, False, False]] * 2
    assert data["question_precision"].values.tolist() == [1.0, 1.0]
    assert data["question_truth"].values.tolist() == [[1, 1, 0, 0]] * 2
    records = json.loads(data.attrs["circuits"])
    assert {r["kind"] for r in records} == {"mediator", "carriers", "circuit"}
    circuit = next(r for r in records if r["kind"] == "circuit" and r["epoch"] == "late")
    assert circuit["units"] == [0, 1]
    assert circuit["restored"][0] > 0.9
    assert len(circuit["base_sizes"]) == 19
    assert circuit["frequency"] == {"0": 1.0, "1": 1.0}
    said = "\n".join(answer_lines(data))
    assert "late (read inside the window)   precision 1.00, recall 1.00" in said
    # a relay of a sign has two kinds of trial
    assert "100% of held-out trials repeat one of the trials that chose" in said
    assert "circuit             2 units: 0, 1" in said
    assert max(map(len, said.splitlines())) <= 100
    assert "question" in repr(found)
    chosen = data["chosen"].sel(question="late", kind="circuit")
    assert chosen.values.tolist() == [1.0, 1.0, 0.0, 0.0]
    assert all(record["holds"] == bool(record["units"]) for record in records)
    assert "do not agree" not in said
    assert "do not agree" not in repr(found)
    records[0]["holds"] = False
    data.attrs["circuits"], before = json.dumps(records), data.attrs["circuits"]
    first = "\n".join(answer_lines(data)).splitlines()[3]
    printed = repr(found)
    data.attrs["circuits"] = before
    assert first.endswith("; held-out trials do not agree")
    assert printed.count("held-out trials do not agree") == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda xs: xs, "run and foil differ by"),
        (lambda xs: xs, "the foil equals the inputs in all 48 trials"),
        (
            lambda xs: xs.at[:4].multiply(-1),
            "of 48 trials 4 have the event; each half needs 10 (draw about 290 trials)",
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
    said = answer_lines(data)
    assert said[0].endswith("; no question was answered")
    assert any(message in line for line in said)


def test_where_few_trials_may_choose_more_trials_are_no_remedy():
    """Above 128 units 24 trials choose, however many there are."""
    B, N = 80, 130
    keys = jax.random.split(jax.random.key(0), 3)
    network = Network(Vanilla(2, N, key=keys[0]), Affine(N, 1, key=keys[1]), jnp.zeros(N))
    xs = jax.random.normal(keys[2], (B, 8, 2))
    foil = xs.at[:20].multiply(-1)
    contrast = Contrast(foil, jnp.zeros(B, int), epochs_after(np.zeros(B, int), 8, held=(1, 2)))
    few = Search(bases=0, splits=0, random_sets=19)
    (answer,) = ask(network, Trials(xs, None, {}), "mine", contrast, few, jax.random.key(1))
    assert answer.trials[0] < 10
    assert answer.note.endswith("24 trials choose: more of these must differ there)")


BAD = {
    "a foil of another shape": (lambda c: {"foil": c.foil[:, :3]}, "a foil of"),
    "a foil of NaN": (
        lambda c: {"foil": c.foil * jnp.nan},
        "foil: not finite at trial 0, time 0, channel 0",
    ),
    "events per step": (lambda c: {"event": jnp.zeros((B, 2), int)}, "event must be int"),
    "an event past the end": (lambda c: {"event": jnp.full(B, STEPS)}, "event must lie in"),
    "a float event": (lambda c: {"event": jnp.zeros(B)}, "event must be int"),
    "a read of another shape": (lambda c: {"read": jnp.ones((B, 3))}, "read must be"),
    "an epoch of another shape": (lambda c: {"epochs": {"a": jnp.ones(3)}}, "'a' must be"),
    "a read of NaN": (
        lambda c: {"read": jnp.full((B, STEPS), jnp.nan)},
        "finite weights",
    ),
    "a read of nothing": (
        lambda c: {"read": jnp.zeros((B, STEPS))},
        "finite weights",
    ),
    "epochs without names": (lambda c: {"epochs": [jnp.ones(3)]}, "windows by name, got a list"),
    "an epoch of NaN": (lambda c: {"epochs": {"a": jnp.full((B, STEPS), jnp.nan)}}, "from 0 to 1"),
    "tokens for numbers": (
        lambda c: {"foil": jnp.zeros(c.foil.shape, int)},
        "does not fit inputs",
    ),
    "a name with a colon": (
        lambda c: {"epochs": {"a: b": jnp.ones((B, STEPS))}},
        "without a colon",
    ),
    "an event after the first difference": (
        lambda c: {"event": jnp.full(B, 4)},
        "the event of trial 0 is step 4, its inputs differ from step 3 on",
    ),
    "a circuit of another kind": (lambda c: {"circuit": "evnt"}, "event or epoch, got 'evnt'"),
    "a foil in lists": (lambda c: {"foil": [c.foil, c.foil]}, "a foil must be arrays like"),
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


def test_a_read_of_other_outputs_and_a_contrast_without_a_name_are_refused():
    subject = relay(count=48)
    read = np.ones((48, 12, 5))
    trials = dataclasses.replace(
        subject.trials, contrasts={"mine": Contrast(-subject.trials.xs, read=read)}
    )
    with pytest.raises(ValueError, match="read weighs 5 outputs, the network has"):
        check_subject(dataclasses.replace(subject, trials=trials))
    bare = dataclasses.replace(subject.trials)
    object.__setattr__(bare, "contrasts", Contrast(subject.trials.xs))
    with pytest.raises(ValueError, match="contrasts must be a dict by name, got"):
        check_subject(dataclasses.replace(subject, trials=bare))


def test_a_window_before_the_event_is_refused():
    subject = relay(count=48)
    before = epochs_after(np.zeros(48, int), 12, early=(0, 2))
    foil = subject.trials.xs.at[:, 5].add(1.0)
    trials = dataclasses.replace(
        subject.trials, contrasts={"mine": Contrast(foil, jnp.full(48, 5), before)}
    )
    data = discover(dataclasses.replace(subject, trials=trials), QUICK).dataset
    note = json.loads(data.attrs["undecided"])["mine: early"]
    around = epochs_after(np.full(48, 3), 12, early=(0, 4))
    contrast = Contrast(foil, jnp.full(48, 5), around)
    assert aligned(subject.network, trials, contrast).epochs["early"].valid.all()
    assert "48 have the event, 0 of these are finite, exchanged after it" in note


def test_a_discovery_prints_each_question_and_its_verdict(found):
    said = repr(found).splitlines()
    head = next(line for line in said if line.startswith("question"))
    assert head.split()[:6] == ["question", "mediator", "undoes", "restores", "circuit", "keeps"]
    # four units: a few random bases need no more axes than the circuit has units
    beside = "mediator: no set is smaller, in any basis; circuit: not told from random axes"
    assert any(line.startswith("late") and line.endswith(beside) for line in said)


def test_figures_of_answers_show_their_members(found):
    data = found.dataset
    axes = holders_figure(data).axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["early", "late"]
    assert sorted(label.get_text() for label in axes.get_yticklabels()) == ["0", "1"]
    panels = when_figure(data).axes
    assert [panel.get_title(loc="left") for panel in panels[:4:2]] == ["early", "late"]
    for q, panel in enumerate(panels[:4:2]):
        shown = [label.get_text() for label in panel.get_yticklabels()]
        assert sorted(shown) == ["0", "1"]
        values = data["by_unit"][q, 0].sel(unit=shown).values
        drawn = panel.collections[0].get_array()
        used = drawn.shape[1]
        np.testing.assert_allclose(drawn, values[:used].T)


def test_a_question_without_members_has_an_empty_row(found):
    data = found.dataset.copy(deep=True)
    data["by_unit"][0] = np.nan
    data["came_in"][0] = False
    panels = when_figure(data).axes
    assert panels[0].get_yticklabels() == []
    assert panels[1].get_title(loc="left") == "no mediator: all units of the sets"
    assert len(holders_figure(data).axes[0].get_yticklabels()) == 2


def test_an_answer_is_kept_and_read_again(found, tmp_path, monkeypatch):
    subject = relay(count=48)
    contrast = Contrast(-subject.trials.xs, None, epochs_after(np.zeros(48, int), 12, held=(3, 5)))
    search = Search(bases=3, splits=2, random_sets=19)
    trials = Trials(subject.trials.xs, None, subject.trials.epochs)
    ended = []

    def track(items, label):
        yield from items
        ended.append((label, len(items)))

    asked = lambda search: ask(
        subject.network, trials, "sign", contrast, search, jax.random.key(0), (), track, tmp_path
    )
    first = asked(search)
    # a step for each basis and half-split of mediator and circuit, and one for what follows
    assert ended == [(answer.name, 2 * (3 + 2) + 1) for answer in first if answer.sets]
    assert ended
    monkeypatch.setattr(asking, "_answer", lambda *_: pytest.fail("searched again"))
    again = asked(search)
    same = lambda a, b: np.testing.assert_array_equal(a, b) or type(a) is type(b)
    assert all(jax.tree.leaves(jax.tree.map(same, first, again)))
    assert jax.tree.structure(first) == jax.tree.structure(again)
    # another question reads nothing of it
    with pytest.raises(pytest.fail.Exception, match="searched again"):
        asked(Search(bases=4, splits=2, random_sets=19))


def test_answers_that_found_nothing_are_kept_too(found):
    blank = found.answers[0]._replace(note="refused", sets=(), times=None)
    kept = restored(as_arrays(blank))
    assert (kept.note, kept.sets, kept.times) == ("refused", (), None)
    empty = found.answers[0].sets[0]._replace(order=(), groups=("a", "b"))
    kept = restored(as_arrays(blank._replace(sets=(empty,)))).sets[0]
    assert (kept.order, kept.groups, kept.kind) == ((), ("a", "b"), "mediator")
