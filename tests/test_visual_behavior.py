"""The reader of the Visual Behavior data: what is read out is what was written, in every variant.

Files come from `visual_behavior_files`, which writes them by pynwb and shares nothing with the
reader. None of them is a real one.
"""

import json

import h5py
import numpy as np
import pytest
import visual_behavior_files as files
from visual_behavior_cases import DFF, TABLE, TASK, drop, put, texted
from visual_behavior_files import Session, image_rows, order_of

from rnn_jax.data.visual_behavior import (
    POPULATIONS,
    cell_windows,
    find_events,
    layer,
    population_windows,
    read_experiment,
    read_folder,
)


def test_files_are_valid_nwb(plain):
    import pynwb

    assert pynwb.validate(path=str(plain[0])) == []


# what is read


def check_images(images, session):
    onset, index, change, since = (np.array(part) for part in zip(*image_rows(session)))
    np.testing.assert_array_equal(images.onset, onset)
    np.testing.assert_array_equal(images.omitted, index < 0)
    np.testing.assert_array_equal(images.change, change)
    np.testing.assert_array_equal(images.since_change, since)
    shown = index >= 0
    assert images.name[shown].tolist() == [files.IMAGES[k] for k in index[shown]]
    assert set(images.name[~shown]) == {"omitted"}


VARIANTS = {
    "31 Hz": {},
    "11 Hz": {"rate": 11.0, "seed": 4},
    "older release, one table": {"one_table": True},
    "only starts and names": {"columns": ("image_name",)},
    "no changes": {"columns": ("image_name", "omitted", "stimulus_block_name")},
    "no counts": {"columns": ("image_name", "is_change", "stimulus_name")},
    "one block, no name": {"columns": ("image_name", "stimulus_block")},
    "passive": {"session_type": "OPHYS_2_images_A_passive"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_images_and_traces_of_every_variant(variant, tmp_path):
    session = Session(**VARIANTS[variant])
    times, traces = files.write(path := tmp_path / "a.nwb", session)
    found = read_experiment(path)
    check_images(found.images, session)
    np.testing.assert_array_equal(found.traces.times, times)
    assert sorted(found.traces.cells) == [9000, 9006, 9009, 9012, 9015]
    assert (found.traces.invalid, found.traces.not_finite) == (1, 0)
    assert found.about.passive is session.passive
    assert (found.licks is None, found.rewards is None, found.trials is None) == 3 * (
        session.passive,
    )
    events = find_events(found, "change")
    rows = (found.traces.cells - 9000) // 3
    wanted = events.onset[:, None] + events.offsets
    truth = [np.interp(wanted, times, traces[:, k]) for k in rows]
    np.testing.assert_allclose(cell_windows(found, events), np.stack(truth, -1), atol=1e-6)
    assert len(events.onset) == sum(row[2] for row in image_rows(session))


def test_behaviour_tables_and_metadata(plain):
    found = read_experiment(str(plain[0]))
    assert found.about[:6] == ("775614751", "774000000", "5", "403491", "OPHYS_1_images_A", "VISp")
    assert (found.about.population, found.about.rate) == ("V1 L2/3 Pyr", 31.0)
    assert found.task["response_window_sec"] == (0.15, 0.75)
    assert found.task["omitted_flash_fraction"] == pytest.approx(0.05)
    assert [row.tolist() for row in found.trials["lick_times"]] == [[12.0, 12.5], [], [20.0, 20.0]]
    np.testing.assert_array_equal(found.trials["change_time"], [13.0, np.nan, 20.5])
    assert found.trials["change_image_name"].tolist() == ["im031", "", "im035"]
    assert found.trials["hit"].tolist() == [1, 0, 0]
    np.testing.assert_array_equal(found.licks, [12.0, 12.5, 20.0])
    np.testing.assert_array_equal(found.rewards.times, [12.0, 12.5])
    np.testing.assert_array_equal(found.rewards.volume, [0.007, 0.005])
    np.testing.assert_array_equal(found.rewards.auto, [0, 1])
    np.testing.assert_allclose(found.running.values, np.sin(found.running.times))
    assert found.shown["start_time"].size == 66 + 1 + 4
    assert (np.diff(found.shown["start_time"]) >= 0).all()
    assert set(found.shown["table"][-4:]) == {"natural_movie_one_presentations"}
    assert np.isnan(found.shown["stop_time"][found.shown["omitted"] == 1]).all()


def test_events_have_an_order_of_their_own(plain):
    path, times, traces = plain
    found = read_experiment(path, "events")
    expected = [9000 + 3 * k for k in order_of(Session())[::-1] if k != 1]
    assert found.traces.cells.tolist() == expected
    events = find_events(found, "omission")
    truth = np.interp(events.onset[0] + events.offsets, times, np.abs(traces[:, 0]))
    own = cell_windows(found, events)[0][:, found.traces.cells.tolist().index(9000)]
    np.testing.assert_allclose(own, truth, atol=1e-12)


def moved(file):
    """The timestamps elsewhere, behind two soft links."""
    file.move(f"{DFF}/timestamps", "elsewhere")
    file["between"] = h5py.SoftLink("/elsewhere")
    file[f"{DFF}/timestamps"] = h5py.SoftLink("/between")


def nullable(file):
    put(file, f"{TABLE}/valid_roi", np.array([1.0, 0.0, np.nan, 1.0, 1.0, 1.0]))


def half_told(file):
    change = file[f"{TASK}/is_change"][()]
    change[::2] = np.nan
    put(file, f"{TASK}/is_change", change)
    put(file, f"{TASK}/flashes_since_change", np.full(len(change), np.nan))


def some_blocks_unnamed(file):
    put(file, f"{TASK}/stimulus_block_name", np.array(["N/A"] * 66, h5py.string_dtype()))


def omissions_that_change(file):
    change = file[f"{TASK}/is_change"][()]
    put(file, f"{TASK}/is_change", np.where(file[f"{TASK}/omitted"][()], 1.0, change))


def old_names(file):
    at = file["general/metadata"].attrs
    at["experiment_container_id"] = at.pop("ophys_container_id")
    at["targeted_imaging_depth"] = at.pop("imaging_depth")


@pytest.mark.parametrize(
    ("change", "invalid"),
    [(texted, 1), (moved, 1), (nullable, 2), (half_told, 1), (some_blocks_unnamed, 1),
     (old_names, 1), (omissions_that_change, 1),
     (drop("processing/running", "general/task_parameters"), 1),
     (drop(f"{TASK}/omitted", f"{TASK}/stop_time", f"{TASK}/active"), 1),
     (drop(f"{TABLE}/cell_specimen_id", f"{TABLE}/valid_roi"), 0),
     (drop("intervals/spontaneous_presentations", "intervals/trials"), 1)],
)  # fmt: skip
def test_other_ways_to_store_the_same(change, invalid, copy):
    found = read_experiment(copy(change))
    check_images(found.images, Session())
    assert found.traces.invalid == invalid
    assert len(found.traces.columns) == 6 - invalid
    assert found.about[:4] == ("775614751", "774000000", "5", "403491")
    assert found.about.population == "V1 L2/3 Pyr"
    assert found.task == {} or found.task["n_stimulus_frames"] == 4200


def test_licks_without_an_index_belong_to_the_trial_of_their_time(copy):
    def change(file):
        del file["intervals/trials/lick_times_index"]
        put(file, "intervals/trials/lick_times", np.array([12.0, 12.5, 20.0]))

    licks = read_experiment(copy(change)).trials["lick_times"]
    assert [row.tolist() for row in licks] == [[12.0, 12.5], [], [20.0]]


def test_rows_without_a_mouse_at_work_are_no_images_of_the_task(copy):
    def change(file):
        active = np.ones(66)
        active[40:] = 0
        put(file, f"{TASK}/active", active)

    path = copy(change)
    assert read_experiment(path).images.onset.size == 40
    assert read_experiment(path).shown["start_time"].size == 71


def test_a_block_begins_without_a_change(copy):
    change = drop(f"{TASK}/is_change", f"{TASK}/flashes_since_change")

    def blocks(file):
        change(file)
        put(file, f"{TASK}/stimulus_block", np.repeat([1.0, 3.0], 33))

    images = read_experiment(copy(blocks)).images
    # image 33 is another than the one before, and begins a block
    assert image_rows(Session())[33][2]
    assert not images.change[33]
    assert images.since_change[33:35].tolist() == [0, 1]
    assert images.first.nonzero()[0].tolist() == [0, 33]
    assert images.until[32] < images.onset[33] + 0.1


# cells


@pytest.mark.parametrize(
    ("invalid", "broken", "left"),
    [((), (), 6), ((1, 4), (), 4), ((), (2,), 5), ((1,), (1, 2, 5), 3), ((0, 1, 2), (3, 4), 1)],
)
def test_left_out_cells_are_counted(invalid, broken, left, tmp_path):
    session = Session(invalid=invalid, broken=broken)
    files.write(path := tmp_path / "a.nwb", session)
    traces = read_experiment(path).traces
    assert len(traces.columns) == left
    assert traces.invalid == len(invalid)
    assert traces.not_finite == len(set(broken) - set(invalid))
    kept = [9000 + 3 * k for k in order_of(session) if k not in {*invalid, *broken}]
    assert traces.cells.tolist() == kept
    events = json.loads(population_windows([read_experiment(path)]).attrs["cells_left_out"])
    assert events == {"invalid": traces.invalid, "not_finite": traces.not_finite}


def test_no_cell_is_left(tmp_path):
    files.write(path := tmp_path / "a.nwb", Session(invalid=(0, 1), broken=(2, 3, 4, 5)))
    with pytest.raises(ValueError, match=r"a.nwb: /processing/ophys/dff/traces/data: no cell is le"
                       r"ft of 6 \(2 not valid_roi, 4 with NaN\)$"):  # fmt: skip
        read_experiment(path)


# populations


@pytest.mark.parametrize(
    ("depth", "line", "area", "population"),
    [
        (0, "Slc17a7-IRES2-Cre", "VISp", "V1 L2/3 Pyr"),
        (249, "Sst-IRES-Cre", "VISl", "LM L2/3 Sst"),
        (250, "Slc17a7-IRES2-Cre", "VISp", "V1 L4 Pyr"),
        (300, "Slc17a7-IRES2-Cre", "VISl", "LM L4 Pyr"),
        (294, "Vip-IRES-Cre", "VISp", "V1 L4 Vip"),
        (295, "Vip-IRES-Cre", "VISp", "V1 L5 Vip"),
        (370, "Slc17a7-IRES2-Cre", "VISp", "V1 L5 Pyr"),
        (500, "Sst-IRES-Cre", "VISp", "V1 L5 Sst"),
        (501, "Sst-IRES-Cre", "VISp", ""),
        (175, "Pvalb-IRES-Cre", "VISp", ""),
        (175, "Vip-IRES-Cre", "VISal", ""),
    ],
)
def test_population(depth, line, area, population, copy):
    def change(file):
        file["general/metadata"].attrs["imaging_depth"] = depth
        file["general/subject"].attrs["driver_line"] = np.array([line], h5py.string_dtype())
        put(file, "general/subject/genotype", f"{line}/wt;Ai148/wt")
        put(file, "general/optophysiology/imaging_plane_1/location", area)

    about = read_experiment(path := copy(change)).about
    assert about.population == population
    assert population == "" or population in POPULATIONS
    assert bool(about.unknown) is not bool(population)
    if not population:
        folder = read_folder(path.parent)
        assert folder.experiments == folder.errors == ()
        assert [line.startswith(f"{path}: left out, ") for line in folder.left_out] == [True]


def test_the_genotype_tells_the_line_where_nothing_else_does(copy):
    def change(file):
        del file["general/subject"].attrs["driver_line"]
        put(file, "general/subject/genotype", "Vip-IRES-Cre/wt;Ai148/wt")

    assert read_experiment(copy(change)).about.type == "Vip"
    assert layer(float("nan")) == layer(-1.0) == ""
    assert len(POPULATIONS) == len(set(POPULATIONS)) == 18


@pytest.mark.parametrize(
    ("novel", "type_", "table", "experience"),
    [(0.0, "OPHYS_4_images_B", None, "Familiar"), (1.0, "OPHYS_1_images_A", None, "Novel"),
     (None, "OPHYS_4_images_B", None, "unknown"), (None, "OPHYS_1_images_A", None, "unknown"),
     (0.0, "OPHYS_4_images_B", "Novel 1", "Novel 1"), (1.0, "OPHYS_4_images_B", "", "Novel")],
)  # fmt: skip
def test_familiar_or_novel_is_never_told_by_a_letter(novel, type_, table, experience, tmp_path):
    files.write(tmp_path / "a.nwb", Session(novel=novel, session_type=type_))
    if table is not None:
        rows = f"mouse_id,ophys_experiment_id,experience_level\n1,775614751,{table}\n1,3,Novel 1\n"
        (tmp_path / "ophys_experiment_table.csv").write_text(rows)
    (found,) = read_folder(tmp_path).experiments
    assert found.experience == experience
