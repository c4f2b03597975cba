"""Visual Behavior networks end to end, in small: made-up sessions, files, and what is refused."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from visual_behavior_files import Session, write
from visual_study_cases import ANATOMY, EVENT, KEY, chosen, network, sessions, typed

from rnn_jax.cells import block_mean
from rnn_jax.core.progress import in_silence
from rnn_jax.data.visual_behavior import POPULATIONS
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import STUDIES, write_up
from rnn_jax.studies.keeping import in_memory
from rnn_jax.studies.visual_behavior import made_up, study, visual_behavior
from rnn_jax.studies.visual_behavior.exchanges import contrasted
from rnn_jax.studies.visual_behavior.measures import DIMS, measure
from rnn_jax.studies.visual_behavior.sequences import Counts, sequences
from rnn_jax.studies.visual_behavior.silencing import read_after, units_of
from rnn_jax.studies.visual_behavior.study import Size, VisualSettings, of_files
from rnn_jax.studies.visual_behavior.timing import kept, onset, replayed
from rnn_jax.studies.visual_behavior.verdicts import CLAIMS, judge
from rnn_jax.training import anatomical, fit_anatomical, signed_adam

TINY = Size(1, 6, Counts(8, 4), 3)
STUDY_NAME = "visual-behavior"
STUDY = STUDIES[STUDY_NAME]
LINES = {"Vip": "Vip-IRES-Cre", "Sst": "Sst-IRES-Cre", "Pyr": "Slc17a7-IRES2-Cre"}


def in_a_dictionary():
    """Keeps parts, and counts what was computed."""
    parts, computed = {}, []

    def keep(name, compute):
        if name not in parts:
            computed.append(name)
            parts[name] = compute()
        return parts[name]

    return keep, computed


@pytest.fixture(scope="module")
def small():
    """Made-up sessions of two worlds, and one seed: what was found, and what was computed."""
    sources = made_up(TINY.counts)
    keep, computed = in_a_dictionary()
    two = {name: sources[name] for name in ("mechanism", "none")}
    return visual_behavior(two, [5], TINY, keep=keep), keep, computed, two


@pytest.mark.slow
def test_the_study_has_all_its_numbers(small):
    found = small[0]
    assert set(found) == set(DIMS)
    for name, dims in DIMS.items():
        assert found[name].dims == ("source", "seed", *dims)
    assert found.attrs == {"scale": 1, "steps": 6, "event": EVENT, "missing": ""}
    assert list(found["source"].values) == ["mechanism", "none"]
    assert list(found["seed"].values) == [5]
    for name in set(DIMS) - {"kept", "onset"}:
        assert np.isfinite(found[name]).all(), name
    # nothing takes the place of the clean run's own course
    for replaced in ("clean", "shift 0"):
        np.testing.assert_array_equal(found["kept"].sel(who="own", replaced=replaced), 1)
    assert (found["activity"] >= 0).all()
    assert (found["persistence"] > 0).all()
    # who inhibits passes on nothing above 0
    inhibits = [name for name in POPULATIONS if not name.endswith("Pyr")]
    assert (found["passed"].sel({"from": inhibits}) <= 0).all()
    assert (found["disinhibition"] >= 0).all()


@pytest.mark.slow
def test_a_second_run_computes_nothing_that_is_kept(small):
    found, keep, computed, sources = small
    before = list(computed)
    # a network and its numbers, of each source
    assert len(before) == 4
    again = visual_behavior(sources, [5], TINY, keep=keep)
    assert computed == before
    assert again.identical(found)
    # other sequences under the name of a source are other parts
    other = {"mechanism": sources["none"]}
    changed = visual_behavior(other, [5], TINY, keep=keep)
    assert len(computed) == 6
    truth = found.sel(source="none").drop_vars("source")
    assert changed.sel(source="mechanism").drop_vars("source").identical(truth)


@pytest.mark.slow
def test_a_quick_study_of_made_up_sessions_is_written_up(monkeypatch):
    monkeypatch.setattr(study, "QUICK", TINY)
    settings = VisualSettings(quick=True, synthetic=True, seeds=1)
    found = STUDY.run(settings, in_silence, in_memory)
    assert list(found["source"].values) == ["mechanism", "bystander", "none"]
    said = write_up("visual-behavior", STUDY, found)
    assert "nothing here is a finding" in said
    assert {v.fell for v in judge(found)[1:]} == {"undecided"}
    for figure in STUDY_FIGURES["visual-behavior"].values():
        assert "made-up" in figure(found).get_suptitle()
    plt.close("all")


def test_settings_count_seeds():
    assert VisualSettings().range == range(5)
    assert VisualSettings(quick=True, seed=3).range == range(3, 5)
    assert VisualSettings(seeds=7).range == range(7)


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["Vip", "Sst", "Pyr"])
def test_without_a_type_what_needs_it_is_missing_and_no_claim_is_decided(lost):
    made = sequences(chosen(sessions(), lambda p, c, e: not p.endswith(lost)), KEY, TINY.counts)
    np.testing.assert_array_equal(made.known, ~typed(lost))
    row = measure(network(), made, ANATOMY, KEY, 3)
    for name in ("silenced", "undone", "restored", "disinhibition"):
        assert np.isnan(row[name]).all(), name
    if lost != "Pyr":
        assert np.isfinite(row["error"]).all()
    for name in ("profile", "activity"):
        unknown = np.isnan(row[name]).all((0, 2))
        assert unknown[~made.known].all(), name
        assert (name == "profile" and lost == "Pyr") or not unknown[made.known].any()
    assert np.isnan(row["kept"]).all()
    five = {name: (("seed", *DIMS[name]), np.stack(5 * [row[name]])) for name in DIMS}
    coords = {
        "condition": list(made.conditions), "population": list(POPULATIONS),
        "set": list(study.SETS), "contrast": list(study.CONTRASTS), "who": list(study.WHO),
        "replaced": list(study.NAMES), "frame": range(15),
    }  # fmt: skip
    told = judge(xr.Dataset(five, coords, {"event": EVENT}).expand_dims(source=["data"]))
    fell = {name: v.fell for name, v in zip(CLAIMS, told, strict=True)}
    del fell["learned"]
    assert set(fell.values()) == {"undecided"}


@pytest.mark.slow
def test_numbers_of_timing_are_those_of_replays():
    made = sequences(sessions(), KEY, TINY.counts)
    row = measure(network(), made, ANATOMY, KEY, 3)
    read = read_after(ANATOMY, made.known, EVENT, 15)
    trials = contrasted(made, "omission", read)
    vip, sst = (units_of(ANATOMY, made.known, type_) > 0 for type_ in ("Vip", "Sst"))
    runs = replayed(
        network(), np.asarray(trials.xs), np.asarray(trials.contrasts["omission"].foil), vip, sst,
        typed("Vip"), typed("Pyr") / 6, EVENT, jax.random.split(KEY)[1],
    )  # fmt: skip
    for who, signals in enumerate((runs.own, runs.control)):
        for k, name in enumerate(study.NAMES):
            signal = runs.clean if name == "clean" else signals.get(name)
            truth = [np.nan, np.nan]
            if signal is not None:
                truth = [kept(signal, runs.clean, EVENT), onset(signal, EVENT)]
            np.testing.assert_allclose([row["kept"][who, k], row["onset"][who, k]], truth)


@pytest.mark.slow
def test_a_trained_network_keeps_its_anatomy():
    made = sequences(sessions(), KEY, TINY.counts)
    begun = anatomical(ANATOMY, KEY)
    found = fit_anatomical(
        begun, ANATOMY, made.sampler(), made.loss(), KEY,
        optimiser=signed_adam(ANATOMY, 6, 1e-2), steps=6,
    )  # fmt: skip
    step = found.network.step
    wire = np.asarray(step.wire)
    # Dale's law, and no wire where the anatomy has none
    excitatory = np.repeat(ANATOMY.excitatory, ANATOMY.sizes)
    assert (wire[:, excitatory] >= 0).all()
    assert (wire[:, ~excitatory] <= 0).all()
    density = block_mean(ANATOMY, wire != 0)
    assert not density[ANATOMY.density == 0].any()
    # both of a few hundred pairs in a block of 12 by 12, five standard deviations
    large = np.outer(ANATOMY.sizes, ANATOMY.sizes) == 144
    spread = (ANATOMY.density * (1 - ANATOMY.density) / 144) ** 0.5
    assert (np.abs(density - ANATOMY.density) <= 5 * spread + 1e-12)[large].all()
    # readouts are never trained, weights are
    np.testing.assert_array_equal(found.network.readout.c, begun.readout.c)
    assert not np.allclose(found.dense.network.step.w, begun.step.w)


# files


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three lines of mice in one layer of V1, one file that is cut off, one of another area."""
    folder = tmp_path_factory.mktemp("sessions")
    for k, (type_, line) in enumerate(LINES.items()):
        one = Session(100 + k, 200 + k, f"m{k}", line, cells=3, seed=k)
        write(folder / f"{type_}.nwb", one)
    write(folder / "far.nwb", Session(110, 210, "m9", LINES["Vip"], area="VISam", cells=3))
    whole = (folder / "Vip.nwb").read_bytes()
    (folder / "cut.nwb").write_bytes(whole[: len(whole) // 2])
    return folder


@pytest.mark.slow
def test_files_are_analysed_and_bad_ones_are_named(folder, monkeypatch):
    lines = []
    sources = of_files(folder, TINY.counts, lines.append)
    assert list(sources) == ["data", "omissions shuffled"]
    assert [next(n for n in ("cut.nwb", "far.nwb") if n in line) for line in lines] == [
        "cut.nwb",
        "far.nwb",
    ]
    made = sources["data"]()
    present = [f"V1 L2/3 {type_}" for type_ in LINES]
    assert {name for name, known in zip(POPULATIONS, made.known) if known} == set(present)
    monkeypatch.setattr(study, "QUICK", TINY)
    settings = VisualSettings(quick=True, data=folder, seeds=2)
    with pytest.warns(UserWarning, match="nwb") as warned:
        found = STUDY.run(settings, in_silence, in_memory)
    assert sum("cut.nwb" in str(one.message) for one in warned) == 1
    assert len(warned) == 2
    assert list(found["source"].values) == ["data", "omissions shuffled"]
    assert found.attrs["missing"].split(", ") == [p for p in POPULATIONS if p not in present]
    assert "pseudo-simultaneous" in found.attrs["notice"]
    for name in ("error", "silenced", "disinhibition"):
        assert np.isfinite(found[name]).all(), name
    # no session was novel
    assert np.isnan(found["restored"].sel(contrast="novel")).all()
    assert np.isfinite(found["restored"].sel(contrast="omission")).all()
    unknown = found["profile"].sel(population=[p for p in POPULATIONS if p not in present])
    assert np.isnan(unknown).all()
    said = write_up("visual-behavior", STUDY, found)
    assert "LM L5 Vip" in said
    for figure in STUDY_FIGURES["visual-behavior"].values():
        figure(found).canvas.draw()
    plt.close("all")


def test_what_is_analysed_must_be_said(tmp_path):
    for settings in (
        VisualSettings(quick=True),
        VisualSettings(quick=True, data=tmp_path, synthetic=True),
    ):
        with pytest.raises(ValueError, match=r"--data DIR, .* or --synthetic"):
            STUDY.run(settings, in_silence, in_memory)


def test_a_folder_without_anything_to_read_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such folder"):
        of_files(tmp_path / "absent", TINY.counts, print)
    with pytest.raises(ValueError, match=r"holds no \.nwb file"):
        of_files(tmp_path, TINY.counts, print)
    (tmp_path / "bad.nwb").write_text("no file of that kind")
    lines = []
    with pytest.raises(ValueError, match=r"no experiment can be used: .*bad\.nwb") as refused:
        of_files(tmp_path, TINY.counts, lines.append)
    assert "\n" not in str(refused.value)
    assert len(lines) == 1


RUNNER = """
import contextlib, io, json, sys
from rnn_jax.cli import main
told = []
for line in json.loads(sys.argv[1]):
    sys.argv, said, code = ["rnn-jax", *line], io.StringIO(), 0
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as end:
            code = end.code
    told.append([code, said.getvalue()])
print(json.dumps(told))
"""
REFUSED = {
    "": "say what is analysed",
    "--synthetic --data .": "say what is analysed",
    "--data absent": "no such folder",
    "--data empty": "holds no .nwb file",
    "--data bad": "bad.nwb",
    "--synthetic --scale 0": "scale",
}


@pytest.mark.slow
def test_bad_lines_are_told_in_one(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "bad.nwb").write_text("no file of that kind")
    lines = [["study", "visual-behavior", "--quick", *line.split()] for line in REFUSED]
    done = subprocess.run(
        [sys.executable, "-c", RUNNER, json.dumps(lines)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for (code, said), wanted in zip(json.loads(done.stdout), REFUSED.values(), strict=True):
        assert code == 2, said
        assert wanted in said.strip().splitlines()[-1]
        assert "Traceback" not in said
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["bad.nwb"]


SMALL = """
import sys
from rnn_jax.cli import main
from rnn_jax.studies.visual_behavior import study
study.QUICK = study.Size(1, 2, study.Counts(4, 2), 2)
main(sys.argv[1:])
"""


@pytest.mark.slow
def test_a_folder_of_files_ends_in_a_page_and_its_name_in_the_record(folder, tmp_path):
    out = tmp_path / "found"
    asked = ["study", "visual-behavior", "--data", str(folder), "--quick", "--seeds", "1"]
    done = subprocess.run(
        [sys.executable, "-c", SMALL, *asked, "--out", str(out)],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cut.nwb" in done.stdout
    record = json.loads((out / "config.json").read_text())
    assert json.loads(record["settings"])["data"] == str(folder)
    assert "omissions shuffled" in (out / "visual-behavior.md").read_text()
    assert all(
        (out / f"visual-behavior-{name}.png").exists() for name in STUDY_FIGURES[STUDY_NAME]
    )
