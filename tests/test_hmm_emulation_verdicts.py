"""Verdicts and tables of the study of emulation, on numbers that are told rather than found."""

import numpy as np
import pytest

from rnn_jax.studies.hmm_emulation.own_noise import SILENT
from rnn_jax.studies.hmm_emulation.tables import _early
from rnn_jax.studies.hmm_emulation.verdicts import CLAIMS, JUDGES, count_of, judge


def test_every_claim_has_a_judge():
    assert list(CLAIMS) == list(JUDGES)


def test_verdicts_fall_by_the_numbers():
    xr = pytest.importorskip("xarray")
    measured = {
        "measured_transition_difference": (("seed", "source"), [[0.01], [0.01], [0.03]]),
        "measured_changes": (("seed", "source"), [[1.01], [0.99], [1.0]]),
        "measured_nats": (("seed", "source"), [[0.005], [-0.005], [0.0]]),
    }
    found = xr.Dataset(measured, {"seed": [0, 1, 2]})
    fell = lambda part: {v.claim: v.fell for v in judge(part)}[CLAIMS["emulates"]]
    assert fell(found) == "undecided"
    assert fell(found.isel(seed=[0, 1])) == "holds"
    assert fell(found.isel(seed=[2])) == "refuted"
    others = {v.fell for v in judge(found) if v.claim != CLAIMS["emulates"]}
    assert others == {"undecided"}


def test_later_steps_have_a_verdict_of_their_own():
    xr = pytest.importorskip("xarray")
    row = lambda value: (("seed", "source"), [[value]])
    names = ("transition_difference", "changes", "nats")
    values = {f"measured_{n}": row(v) for n, v in zip(names, (0.01, 1.0, 0.0))}
    values |= {f"late_{n}": row(v) for n, v in zip(names, (0.01, 1.2, 0.0))}
    fell = {v.claim: v.fell for v in judge(xr.Dataset(values, {"seed": [0]}))}
    assert fell[CLAIMS["emulates"]] == "holds"
    assert fell[CLAIMS["emulates later"]] == "refuted"


def silent(kick, deviation, matched, p):
    """A Dataset of one direction, whose switch has probability 0.2 in the whole network."""
    xr = pytest.importorskip("xarray")
    dims = ("seed", "way", "silent")
    coords = {"seed": [0], "way": ["0 to 1"], "silent": list(SILENT)}
    values = {"silent_leaving": (dims, [[[0.2, kick, deviation, 0.2, matched]]])}
    return xr.Dataset(values | {"silent_p": (dims[:2], [[p]])}, coords)


@pytest.mark.parametrize(
    ("told", "own", "beyond"),
    [
        ((0.1, 0.15, 0.2, 0.01), "holds", "holds"),
        ((0.1, 0.05, 0.2, 0.01), "holds", "refuted"),
        ((0.1, 0.15, 0.1, 0.5), "refuted", "holds"),
        ((np.nan, 0.1, 0.1, np.nan), "undecided", "undecided"),
    ],
)
def test_noise_is_judged_by_the_directions_own_switch(told, own, beyond):
    fell = {v.claim: v.fell for v in judge(silent(*told))}
    assert fell[CLAIMS["own noise"]] == own
    assert fell[CLAIMS["beyond activity"]] == beyond


def test_a_set_that_was_not_found_is_said_to_be_larger():
    assert [count_of(size) for size in (3.0, 32.0, 33.0)] == ["3", "32", "over 32"]


def onsets(before, after, explained):
    """A Dataset in which both series step at epochs 40 and 45."""
    xr = pytest.importorskip("xarray")
    row = lambda at: (("seed", "end"), [[at, at - 1, at + 1, before, after]])
    names = {"unstable": 40.0, "rate": 45.0, "loss": 50.0, "kick_effect": 50.0}
    values = {f"onset_{name}_onset": row(at) for name, at in names.items()}
    shares = {f"onset_{name}_explained": (("seed",), [explained]) for name in names}
    return xr.Dataset(values | shares, {"seed": [0]})


@pytest.mark.parametrize(
    ("told", "fell"),
    [((0.0, 1.0, 0.9), "holds"), ((1.0, 0.0, 0.9), "undecided"), ((0.0, 1.0, 0.2), "undecided")],
)
def test_an_onset_is_a_clear_step_upwards(told, fell):
    verdicts = {v.claim: v.fell for v in judge(onsets(*told))}
    assert verdicts[CLAIMS["onset"]] == fell


def test_what_was_not_asked_early_is_said_so():
    xr = pytest.importorskip("xarray")
    assert _early(xr.Dataset()) == "Not asked."
