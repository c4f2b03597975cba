"""Circuits of trained networks: methods on a known network, verdicts on made-up numbers."""

from dataclasses import replace

import jax
import numpy as np
import pytest
import xarray as xr
from test_studies import relay

from rnn_jax.contrasts import Search, aligned
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import question
from rnn_jax.studies.question import KINDS, OWN, SELECTORS, measured
from rnn_jax.studies.trained_circuits.study import questions
from rnn_jax.studies.trained_circuits.verdicts import CLAIMS, judge, tables
from rnn_jax.tasks import TASKS, Contrast, epochs_after

SEARCH = Search(bases=3, splits=2, random_sets=9)
NAMES = (OWN, *SELECTORS)


@pytest.fixture(scope="module")
def asked():
    """The relay, whose first unit holds the input and whose second tells it a step later."""
    subject = relay(count=48)
    xs = np.asarray(subject.trials.xs)
    epochs = epochs_after(np.zeros(48, int), xs.shape[1], held=(4, 6))
    contrast = Contrast(-xs, epochs=epochs)
    return subject.network, replace(subject.trials, contrasts={"turned": contrast})


def test_methods_are_given_the_variable_that_the_contrast_changes(asked):
    network, trials = asked
    pair = aligned(network, trials, trials.contrasts["turned"])
    seen = question.looked(network, pair, "held", jax.random.key(0))
    B = len(trials.xs)
    assert seen.states.shape[0] == 2 * B == seen.window.shape[1]
    # its sign is free; a foil's value is the run's, turned
    value = np.asarray(seen.value)[:, 0, 0]
    np.testing.assert_allclose(value[:B], -value[B:], atol=1e-9)
    said = (np.asarray(pair.ys[0]) * pair.epochs["held"].read).sum((1, 2))
    assert abs(np.corrcoef(said, value[:B])[0, 1]) == pytest.approx(1)
    scores = question.ranked(seen)
    assert set(scores) == set(SELECTORS)
    scores = {name: np.asarray(score) for name, score in scores.items()}
    # all four follow the variable, run and foil lie two deviations apart; one is read, one is held
    assert scores["correlation"].min() > 0.999
    np.testing.assert_allclose(scores["difference"], 2, atol=0.01)
    assert (scores["readout weight"] > 0).tolist() == [False, True, False, False]
    np.testing.assert_allclose(scores["gradient"][1:], 0, atol=1e-9)
    assert scores["gradient"][0] > 0.1


def test_a_question_is_measured_on_fresh_trials(asked):
    network, trials = asked
    turned = replace(trials.contrasts["turned"], foil=np.asarray(trials.xs))
    fresh = replace(trials, xs=-trials.xs, contrasts={"turned": turned})
    found = measured(network, trials, fresh, "turned", "held", SEARCH, jax.random.key(0))
    assert found["kept"].shape == (len(NAMES),)
    assert found["size"].shape == (len(KINDS),)
    kept = dict(zip(NAMES, found["kept"], strict=True))
    assert kept[OWN] > 0.9
    assert kept["correlation"] > 0.9
    assert found["members"][0].sum() == found["size"][0]


def test_a_refused_question_has_no_numbers(asked):
    network, trials = asked
    turned = replace(trials.contrasts["turned"], foil=np.asarray(trials.xs))
    same = replace(trials, contrasts={"turned": turned})
    found = measured(network, same, same, "turned", "held", SEARCH, jax.random.key(0))
    assert np.isnan(found["kept"]).all()
    assert np.isnan(found["size"]).all()
    assert not found["members"].any()


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_questions(task):
    asked = questions(task)
    assert len({name for name, _ in asked}) <= 2
    assert asked


def made_up(size=2.0, base=6.0, exchanges=0.9, correlation=0.6, members=None):
    """Numbers of a study over five seeds: two kinds, two contrasts each, in two epochs."""
    labels = [
        ("gru", task, name, epoch)
        for task in ("context-integration", "flip-flop")
        for name in "ab"
        for epoch in ("first", "last")
    ]
    S, Q, N = 5, len(labels), 16
    draw = np.random.default_rng(0)
    jitter = lambda *shape: 0.01 * draw.standard_normal(shape)
    sets, names = len(KINDS), list(NAMES)
    kept = np.full((S, Q, len(names)), 0.5) + jitter(S, Q, len(names))
    kept[..., names.index(OWN)] = exchanges + jitter(S, Q)
    kept[..., names.index("correlation")] = correlation + jitter(S, Q)
    who = np.zeros((S, Q, sets, N), bool)
    for k in range(Q):
        who[:, k, :, 2 * k : 2 * k + 2] = True
    who = who if members is None else np.broadcast_to(members, who.shape)
    of_sets = lambda value: (("seed", "question", "set"), np.full((S, Q, sets), value))
    sizes = size * np.exp(jitter(S, Q, sets)) * (1 + np.arange(Q))[None, :, None]
    return xr.Dataset(
        {
            "accuracy": (("seed", "question"), np.full((S, Q), 0.97)),
            "size": (("seed", "question", "set"), sizes),
            "base_size": (
                ("seed", "question", "set"),
                np.broadcast_to(base * (1.0 + np.arange(Q))[None, :, None], sizes.shape),
            ),
            **{name: of_sets(1.0) for name in ("undone", "restored", "holds")},
            **{name: of_sets(0.03) for name in ("off", "elsewhere")},
            "members": (("seed", "question", "set", "unit"), who),
            "agreement": of_sets(0.9),
            "kept": (("seed", "question", "selector"), kept),
            "astray": (("seed", "question", "selector"), 1 - kept),
        },
        {
            "seed": range(S), "set": list(KINDS), "selector": names,
            "question": [" ".join(label) for label in labels],
            **{
                name: ("question", [label[k] for label in labels])
                for k, name in enumerate(("cell", "task", "contrast", "epoch"))
            },
        },
    )  # fmt: skip


def fell(found):
    return {name: v.fell for name, v in zip(CLAIMS, judge(found), strict=True)}


def test_verdicts_follow_the_numbers():
    good = fell(made_up())
    told = ("learned", "mediators", "circuits", "over time", "apart", "robust", "off target")
    assert {good[name] for name in told} == {"holds"}
    assert good["steady"] == "holds"
    assert good["where unused"] == "undecided"
    assert fell(made_up(size=9.0))["mediators"] == "refuted"
    assert fell(made_up(correlation=0.85))["robust"] == "refuted"
    assert fell(made_up(exchanges=0.5))["off target"] == "refuted"
    same = np.arange(16) < 3
    assert fell(made_up(members=same))["apart"] == "refuted"
    assert fell(made_up(members=same))["over time"] == "refuted"


def test_nothing_is_decided_of_few_seeds_or_without_answers():
    few = fell(made_up().isel(seed=slice(3)))
    assert few["mediators"] == few["robust"] == "undecided"
    refused = made_up()
    for name in ("size", "undone", "kept"):
        refused[name][:] = np.nan
    refused["members"][:] = False
    told = fell(refused)
    assert {told[name] for name in ("mediators", "robust", "apart", "steady")} == {"undecided"}
    assert "-" in tables(refused)


def test_where_unused_compares_the_tasks():
    more = made_up()
    unused = (more["task"] == "context-integration").values
    at = list(NAMES).index("correlation")
    more["kept"][:, unused, at] -= 0.3
    assert fell(more)["where unused"] == "holds"
    more["kept"][:, unused, at] += 0.6
    assert fell(more)["where unused"] == "refuted"


def test_no_difference_decides_nothing():
    """Of sizes that are the axes', and of sets that are the same."""
    same = made_up()
    same["size"][:] = same["base_size"].values
    for name in ("kept", "astray"):
        same[name][:] = 0.5
    told = fell(same)
    assert told["mediators"] == told["circuits"] == told["off target"] == "undecided"
    assert told["robust"] == "refuted"


def test_a_mediator_that_is_not_found_counts_against_units():
    missed = made_up()
    missed["size"][:, :, 0] = 33.0
    assert fell(missed)["mediators"] == "refuted"


def test_networks_that_did_not_learn_are_left_out():
    poor = made_up(exchanges=0.5)
    task = (poor["task"] == "flip-flop").values
    poor["kept"][:, task, list(NAMES).index(OWN)] = 0.9
    assert fell(poor)["robust"] != "holds"
    poor["accuracy"][:, ~task] = np.nan
    told = fell(poor)
    assert told["learned"] == "refuted"
    assert told["robust"] == "holds"
    assert told["where unused"] == "undecided"


@pytest.mark.parametrize("figure", STUDY_FIGURES["trained-circuits"].values())
def test_figures_are_drawn_of_refused_questions_too(figure):
    found = made_up()
    found["kept"][:, :4] = np.nan
    found["size"][:, :4] = np.nan
    assert figure(found).axes


def test_a_method_without_scores_chooses_nobody_and_ties_fall_by_chance():
    ties = np.array([0.4, 0.1, 0.3, 0.2])
    top = lambda score, count: np.flatnonzero(
        question.top_of(np.array(score), ties, count)
    ).tolist()
    assert top([np.nan] * 4, 2) == []
    assert top([0.0, 0.0, 1.0, 0.0], 2) == [1, 2]
    assert top([0.0, np.nan, 1.0, 0.5], 3) == [0, 2, 3]
