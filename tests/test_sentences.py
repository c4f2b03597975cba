"""What a report says of a question, in sentences and in the terminal's lines."""

import numpy as np
import pytest
import xarray as xr
from report_data import results, with_contrasts

from rnn_jax.report.answers import _set
from rnn_jax.report.explorer import payload
from rnn_jax.report.sentences import _carried, _held, _off, _repeated


@pytest.fixture(scope="module")
def small():
    return results()


def test_sentences_say_what_the_record_says(small):
    data = payload(with_contrasts(small, size=4))
    switch, hold, _, last = (
        [s["text"] for s in q["sentences"]] for q in data["asked"]["questions"]
    )
    names = [str(name) for name in small["unit"].values[:2]]
    assert switch[0] == (
        f"bit 0, switch: exchanging units {', '.join(names)} undoes 0.97 [0.94, 1.00] and "
        "restores 0.96 [0.93, 0.99] of the difference; moves output 1 by 0.01; "
        "off target 0.02 in all."
    )
    assert "Alone, 4 units" in switch[1]
    assert "Mediator: held-out trials do not agree." in switch
    assert any("chosen in 95 % of half-splits; random axes need 14 to 22" in s for s in switch)
    assert any(f"input 1 writes {names[0]}" in s for s in switch)
    assert any(s.startswith("Circuit: distributed") for s in hold)
    assert last == ["bit 1, hold: refused: too few trials."]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outputs": [0, 1]}, "off target 0.20"),
        ({"outputs": [0]}, "moves output 1 by 0.03; off target 0.20 in all"),
        (
            {"outputs": [0], "astray": [0.9, 0.1, 0.5, 0.2, 0.4, 0.3]},
            "moves output 2 by 0.50, output 4 by 0.40, output 5 by 0.30, output 3 by 0.20 "
            "(the 4 largest of 5); off target 0.20 in all",
        ),
        ({"astray": [0.1, None]}, "other outputs were not measured"),
        ({"astray": None}, "other outputs were not measured"),
        ({"off_target": [None] * 3}, "other outputs were not measured"),
    ],
)
def test_a_sentence_names_the_outputs_that_should_not_move(change, said):
    record = {"off_target": [0.2, 0.1, 0.3], "astray": [0.19, 0.03], "outputs": [0]} | change
    assert _off(record) == said


@pytest.mark.parametrize(("share", "warns"), [(None, False), (0.4, False), (0.5, True)])
def test_a_sentence_warns_of_held_out_trials_that_are_like_others(share, warns):
    said = _repeated({"repeated": share})
    assert (said is not None) == warns
    assert not warns or said["text"].startswith("50% of the held-out trials repeat one of")


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ([0.9, 0.8, 0.7, 1.0], "from step 0 to step 5 since the event: exchanged in any one "
         "window of this stretch, these units undo at least 0.70 of"),
        ([0.9, -0.1, 0.7, 0.8, 1.0], "from step 4 to step 7 since the event: exchanged in any one "
         "window of this stretch, these units undo at least 0.70 of"),
        ([0.9, -0.1, 0.8, 0.2, 1.0], None),
        # the last window is grey, so that the one before it is read
        ([0.6, 0.9, 1.0, np.nan], "from step 0 to step 3 since the event"),
        ([np.nan] * 3, None),
        ([1.0], None),
    ],
)  # fmt: skip
def test_a_stretch_is_held_without_a_gap(small, last, said):
    count = len(last)
    by_read = np.broadcast_to(np.where(np.isfinite(last), 0.0, np.nan), (2, count, count)).copy()
    read = max(np.flatnonzero(np.isfinite(last)), default=0)
    by_read[:, :, read] = np.array(last)[:, None].T
    by_read[:, ~np.isfinite(last)] = np.nan
    windows = np.repeat(np.eye(count), 2, axis=1)
    row = xr.Dataset(
        {
            "by_read": (("direction", "exchange", "read_window"), by_read),
            "exchange_mask": (("exchange", "since"), windows),
        }
    )
    found = _held(small.assign_attrs(contrasts="the trials' own"), row, "bit 0")
    assert (found is None) == (said is None)
    assert said is None or said in found["text"]


def test_carriers_are_counted_at_each_step(small):
    sets = [
        {"kind": "carriers", "step": step, "units": units}
        for step, units in ((0, []), (1, [0, 1, 2]), (3, [4]))
    ]
    names = ", ".join(str(name) for name in small["unit"].values[:3])
    assert _carried(small, sets)["text"] == (
        f"The difference is carried at step 1 of the window by units {names}; by 1 unit at step 3."
    )
    assert "No small set" in _carried(small, sets[:1])["text"]
    assert _carried(small, []) is None


@pytest.mark.parametrize(("undone", "told"), [(1.04, False), (1.06, True), (None, False)])
def test_a_share_above_the_whole_is_told(small, undone, told):
    record = {
        "kind": "mediator", "units": [0],
        "undone": [undone, 0.9, 1.2], "restored": [0.9, 0.8, 1.0],
        "off_target": [0.1, 0.0, 0.2], "frequency": {}, "base_sizes": [],
    }  # fmt: skip
    assert ("(1 is the whole difference)" in "".join(_set(small, record))) == told
