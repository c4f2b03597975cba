"""The reader of the Visual Behavior data: what is read out is what was written, in every variant.

Files come from `visual_behavior_files`, which writes them by pynwb and shares nothing with the
reader. None of them is a real one.
"""

import json
import re
import shutil
import tracemalloc
from dataclasses import replace

import h5py
import jax
import numpy as np
import pytest
import visual_behavior_files as files
import xarray as xr
from visual_behavior_files import Session, edited, image_rows, order_of

from rnn_jax.data.visual_behavior import (
    POPULATIONS,
    bootstrap,
    cell_windows,
    cells,
    condition_means,
    find_events,
    grid,
    layer,
    mean_windows,
    population_windows,
    read_experiment,
    read_folder,
    windows,
)

TASK = "intervals/Natural_Images_Lum_Matched_set_training_2017_presentations"
DFF = "processing/ophys/dff/traces"
TABLE = "processing/ophys/image_segmentation/cell_specimen_table"


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """One whole file, with its times and traces; copied before it is edited."""
    path = tmp_path_factory.mktemp("plain") / "plain.nwb"
    return path, *files.write(path)


@pytest.fixture
def copy(plain, tmp_path):
    """A function that edits a copy of the whole file."""

    def make(change=lambda file: None, name="copy.nwb"):
        return edited(shutil.copy(plain[0], tmp_path / name), change)

    return make


def put(file, path, values):
    """Another dataset at a path."""
    del file[path]
    file[path] = values


def drop(*paths):
    def change(file):
        for path in paths:
            del file[path]

    return change


def texted(file):
    """All numbers of the metadata and of the task as text."""
    for path in ("general/metadata", "general/task_parameters"):
        for name, value in list(file[path].attrs.items()):
            if np.asarray(value).dtype.kind in "fiu":
                file[path].attrs[name] = str(value)


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


# windows


def test_interpolation_is_exact_for_linear_signals(tmp_path):
    slope, level = np.array([1.0, -2, 0.5, 3, 0, 7]), np.array([0.0, 1, 2, 3, 4, 5])
    for rate in (31.0, 10.7):
        linear = lambda times, cells: level + slope * times[:, None]
        files.write(path := tmp_path / f"{rate}.nwb", Session(rate=rate, signal=linear))
        found = read_experiment(path)
        kept = (found.traces.cells - 9000) // 3
        for condition in ("change", "omission", "regular"):
            events = find_events(found, condition, (-1.0, 2.0), 17.0)
            wanted = events.onset[:, None] + events.offsets
            truth = level[kept] + slope[kept] * wanted[..., None]
            np.testing.assert_allclose(cell_windows(found, events), truth, atol=1e-9)
            np.testing.assert_allclose(mean_windows(found, events), truth.mean(-1), atol=1e-9)


def test_grid():
    times = grid()
    assert len(times) == 16
    np.testing.assert_allclose(times[[0, -1]], [-0.75, -0.75 + 15 / 11])
    assert len(grid((0.0, 0.3), 10.0)) == 3
    for window, rate in (((1.0, 1.0), 3.0), ((0.0, 1.0), 0.0), ((0.0, np.nan), 1.0)):
        with pytest.raises(ValueError, match="start < stop"):
            grid(window, rate)


def test_omissions_are_in_no_window_of_another_condition(plain):
    found, rows = read_experiment(plain[0]), image_rows(Session())
    index = np.array([row[1] for row in rows])
    change = np.array([row[2] for row in rows])
    omitted, P = index < 0, len(index)
    # 0.75 s to either side hold the image itself and the one before it
    before = lambda mark: np.concatenate([[False], mark[:-1]])
    regular = ~omitted & ~change & ~before(omitted) & ~before(change) & (np.arange(P) > 0)
    np.testing.assert_array_equal(find_events(found, "regular").image, regular.nonzero()[0])
    np.testing.assert_array_equal(find_events(found, "change").image, change.nonzero()[0])
    omission = omitted & ~before(change)
    np.testing.assert_array_equal(find_events(found, "omission").image, omission.nonzero()[0])
    # a wider window reaches omissions two images away: here the filter must fire
    wide = find_events(found, "change", (-0.75, 2.4))
    near = np.array([omitted[k : k + 4].any() for k in range(P)])
    assert (change & near).any()
    np.testing.assert_array_equal(wide.image, (change & ~near).nonzero()[0])
    assert wide.omission == (change & near).sum()
    late = find_events(found, "regular", (-0.75, 30.0))
    assert (
        late.outside + late.omission + late.change + late.first + len(late.image)
        == (~omitted & ~change).sum()
    )
    with pytest.raises(ValueError, match=r"condition must be one of .* 'hit'"):
        find_events(found, "hit")


def test_windows_outside_the_recording_are_left_out(tmp_path):
    files.write(path := tmp_path / "a.nwb", Session(seconds=40.0))
    events = find_events(read_experiment(path), "change")
    known = np.array([row[0] for row in image_rows(Session()) if row[2]])
    end = read_experiment(path).traces.times[-1]
    inside = known + events.offsets[-1] <= end
    np.testing.assert_array_equal(events.onset, known[inside])
    assert events.outside == (~inside).sum() > 0


@pytest.mark.parametrize("block", [1, 50, 700, 5000])
def test_blocks_change_nothing(block, plain, monkeypatch):
    found = read_experiment(plain[0])
    events = find_events(found, "regular")
    whole = cell_windows(found, events)
    monkeypatch.setattr(cells, "BLOCK", block)
    again = read_experiment(plain[0])
    assert again.traces.columns.tolist() == found.traces.columns.tolist()
    np.testing.assert_array_equal(cell_windows(again, events), whole)


def test_only_the_frames_of_windows_are_read(plain, monkeypatch):
    found, seen = read_experiment(plain[0]), []
    events = find_events(found, "omission")
    monkeypatch.setattr(cells, "BLOCK", 300)
    frames = windows.frames
    monkeypatch.setattr(windows, "frames", lambda *a: seen.append(a[2:]) or frames(*a))
    mean_windows(found, events)
    assert len(seen) == len(events.onset)
    assert sum(stop - start for start, stop in seen) <= len(events.onset) * (1.5 * 31 * 1.25 + 3)


def test_memory_does_not_hold_the_traces(copy):
    def grow(file):
        times = np.linspace(0, 70, 40_000)
        for name in ("data", "timestamps", "rois"):
            del file[f"{DFF}/{name}"]
        file[f"{DFF}/timestamps"] = times
        file[f"{DFF}/rois"] = np.arange(200)
        file[f"{DFF}/data"] = np.broadcast_to(times[:, None], (40_000, 200))
        columns = {"id": np.arange(200), "valid_roi": np.ones(200, bool)}
        for name in ("cell_specimen_id", "x", "image_mask", *columns):
            del file[f"{TABLE}/{name}"]
        for name, values in columns.items():
            file[f"{TABLE}/{name}"] = values

    path = copy(grow)
    tracemalloc.start()
    found = population_windows([read_experiment(path)])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    wanted = found["onset"].values[:, None] + found["time"].values
    np.testing.assert_allclose(found["activity"].values, wanted, atol=1e-9)
    # the traces are 64 MB
    assert peak < 45e6


# joined experiments


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """A folder: two planes of one session, two other mice, a passive session, another area."""
    folder = tmp_path_factory.mktemp("joined")
    level = lambda value: lambda times, cells: np.full((len(times), cells), float(value))
    vip = Session(mouse="2", line="Vip-IRES-Cre", session=20, experiment=201)
    sessions = {
        "a1": Session(mouse="1", session=10, experiment=101, signal=level(1)),
        "a2": Session(mouse="1", session=10, experiment=102, signal=level(7), cells=4, seed=0),
        "a3": Session(mouse="1", session=10, experiment=103, signal=level(5), area="VISl"),
        "b": replace(vip, signal=level(3)),
        "c": replace(vip, signal=level(6), mouse="3", session=30, experiment=301, rate=11.0),
        "p": replace(vip, experiment=401, session_type="OPHYS_2_images_A_passive"),
        "z": Session(mouse="9", experiment=901, area="VISam"),
    }
    (folder / "deep").mkdir()
    for name, session in sessions.items():
        inside = folder / "deep" if name == "c" else folder
        files.write(inside / f"{name}.nwb", session)
    return folder


def test_a_folder_with_good_and_bad_files(joined, tmp_path):
    for path in joined.rglob("*.nwb"):
        shutil.copy(path, tmp_path / path.name)
    (tmp_path / "cut.nwb").write_bytes((tmp_path / "b.nwb").read_bytes()[:70_000])
    (tmp_path / "text.nwb").write_text("no numbers")

    def without_data(file):
        file["general/metadata"].attrs["ophys_experiment_id"] = 5
        del file[f"{DFF}/data"]

    edited(shutil.copy(tmp_path / "b.nwb", tmp_path / "d.nwb"), without_data)
    shutil.copy(tmp_path / "b.nwb", tmp_path / "twice.nwb")
    found = read_folder(tmp_path)
    assert [one.path.name for one in found.experiments] == [
        f"{name}.nwb" for name in ("a1", "a2", "a3", "b", "c")
    ]
    assert [line.partition(": ")[2] for line in found.left_out] == [
        "left out, session type OPHYS_2_images_A_passive", "left out, area VISam",
    ]  # fmt: skip
    assert len(found.errors) == 4
    assert not any("\n" in line for line in found.errors)
    cut, d, text, twice = found.errors
    assert cut.startswith(f"{tmp_path / 'cut.nwb'} is cut off")
    assert d == f"{tmp_path / 'd.nwb'}: /{DFF}/data: not there, or it cannot be opened"
    assert text.startswith(f"{tmp_path / 'text.nwb'} is cut off or no HDF5 file")
    assert "/general/metadata/ophys_experiment_id: 201 is that of" in twice
    asked = read_folder(tmp_path, passive=True)
    assert [one.about.session_type[-7:] for one in asked.experiments].count("passive") == 1


def test_joined_populations_and_those_that_are_missing(joined):
    found = read_folder(joined).experiments
    data = population_windows(found)
    assert data["activity"].dims == ("event", "time")
    present = {"V1 L2/3 Pyr", "LM L2/3 Pyr", "V1 L2/3 Vip"}
    assert set(data["population"].values) == present
    missing = json.loads(data.attrs["missing"])
    assert set(missing) == set(POPULATIONS) - present
    assert data.attrs["joined"].startswith("pseudo-simultaneous")
    means = condition_means(data)
    assert set(means["population"].values) == present
    at = means.sel(condition="change", experience="Familiar").mean("time")
    # 5 cells of level 1 and 3 of level 7; mice 2 and 3 alike
    assert float(at.sel(population="V1 L2/3 Pyr")) == pytest.approx((5 * 1 + 3 * 7) / 8)
    assert float(at.sel(population="V1 L2/3 Vip")) == pytest.approx(4.5)
    counts = json.loads(data.attrs["events"])
    kept = {name: int((data["condition"] == name).sum()) for name in counts}
    assert kept == {name: count["kept"] for name, count in counts.items()}
    assert all(count["kept"] for count in counts.values())
    draws = bootstrap(data, "change", "Familiar", jax.random.key(0), samples=20)
    assert json.loads(draws.attrs["missing"]) == missing
    assert draws.dims == ("sample", "population", "time")
    with pytest.raises(ValueError, match="no population has an event of 'change' and 'Novel'"):
        bootstrap(data, "change", "Novel", jax.random.key(0))
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap(data, "change", "Familiar", jax.random.key(0), samples=0)


def test_results_survive_a_file(joined, tmp_path):
    data = population_windows(read_folder(joined).experiments[:2], ("change",))
    data.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    with xr.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as again:
        xr.testing.assert_identical(again.load(), data)


def test_an_unknown_area_is_left_out_and_named(joined):
    other = read_experiment(joined / "z.nwb")
    data = population_windows([read_experiment(joined / "b.nwb"), other])
    assert json.loads(data.attrs["left_out"]) == [f"{joined / 'z.nwb'}: area VISam"]
    with pytest.raises(ValueError, match="known population, got no experiment of any"):
        population_windows([other])
    mixed = [read_experiment(joined / "b.nwb", signal) for signal in ("dff", "events")]
    with pytest.raises(ValueError, match=r"one signal .* got signals dff, events"):
        population_windows(mixed, ("change",))


# the bootstrap, on numbers without a file


def table(rows):
    """A Dataset of events, one time: (population, mouse, session, experiment, image, value)."""
    names = ("population", "mouse", "session", "experiment", "image")
    coords = {name: ("event", [row[k] for row in rows]) for k, name in enumerate(names)}
    coords |= {name: ("event", [value] * len(rows)) for name, value in
               (("condition", "change"), ("experience", "Familiar"), ("cells", 3))}  # fmt: skip
    values = np.array([[row[-1]] for row in rows], float)
    attrs = {"joined": "made up", "signal": "dff", "missing": "[]"}
    return xr.Dataset({"activity": (("event", "time"), values)}, coords | {"time": [0.0]}, attrs)


def uneven(population="V1 L4 Pyr", seed=0):
    """Mice with 1 to 3 sessions of 2 to 9 trials; mice, sessions and trials all differ."""
    rng, rows = np.random.default_rng(seed), []
    for mouse in range(4):
        own = rng.normal(0, 3)
        for session in range(1 + mouse % 3):
            name, level = f"{seed}-{mouse}-{session}", own + rng.normal(0, 1)
            for trial in range(rng.integers(2, 10)):
                value = level + rng.normal()
                rows.append((population, f"{seed}-{mouse}", name, name, trial, value))
    return rows


def by_hand(rows):
    """The mean over trials, sessions and mice."""
    tree = {}
    for _, mouse, session, _, _, value in rows:
        tree.setdefault(mouse, {}).setdefault(session, []).append(value)
    return np.mean([np.mean([np.mean(t) for t in own.values()]) for own in tree.values()])


@pytest.mark.parametrize("trials", [None, 1, 50])
def test_the_bootstrap_is_unbiased(trials):
    rows = uneven()
    draws = bootstrap(table(rows), "change", "Familiar", jax.random.key(3), 3000, trials)
    error = float(draws.std()) / np.sqrt(3000)
    truth = by_hand(rows)
    assert abs(float(draws.mean()) - truth) < 4 * error
    assert float(condition_means(table(rows)).squeeze()) == pytest.approx(truth, abs=1e-12)
    # the mean of all trials is another number, which a bootstrap of trials alone would have
    assert abs(np.mean([row[-1] for row in rows]) - truth) > 8 * error


def test_mice_are_drawn_before_sessions_and_sessions_before_trials():
    only = lambda value: [
        ("LM L5 Sst", f"m{m}", f"{m}-{s}", f"{m}-{s}", t, float(value(m, s, t)))
        for m in range(4) for s in range(4) for t in range(4)
    ]  # fmt: skip
    spread = np.std(range(4))
    for value, averaged in (
        (lambda m, s, t: m, 4), (lambda m, s, t: s, 16), (lambda m, s, t: t, 64),
    ):  # fmt: skip
        draws = bootstrap(table(only(value)), "change", "Familiar", jax.random.key(1), 2000)
        assert float(draws.std()) == pytest.approx(spread / np.sqrt(averaged), rel=0.08)
    again = bootstrap(table(only(value)), "change", "Familiar", jax.random.key(1), 2000)
    xr.testing.assert_identical(draws, again)
    other = bootstrap(table(only(value)), "change", "Familiar", jax.random.key(2), 2000)
    assert not np.array_equal(draws, other)


def test_planes_of_one_session_stay_together_and_lines_do_not():
    rows = uneven()
    deep = [("LM L5 Pyr", *row[1:3], f"{row[3]}-deep", *row[4:]) for row in rows]
    vip = [("V1 L4 Vip", f"v{row[1]}", f"v{row[2]}", f"v{row[3]}", *row[4:]) for row in rows]
    # one plane misses the last trial of a session: the other leaves it out as well
    draws = bootstrap(table(rows + deep[:-1] + vip), "change", "Familiar", jax.random.key(0), 400)
    pyr, low, other = draws.values[:, :, 0].T
    assert draws["population"].values.tolist() == ["V1 L4 Pyr", "V1 L4 Vip", "LM L5 Pyr"]
    pyr, other, low = draws.values[:, :, 0].T
    np.testing.assert_allclose(pyr, low, atol=1e-12)
    assert abs(np.corrcoef(pyr, other)[0, 1]) < 0.2


# what is refused

BAD = {
    "no metadata": (drop("general/metadata"), "/general/metadata: not there"),
    "no subject": (drop("general/subject/subject_id"), "/general/subject/subject_id: not there"),
    "no session": (
        lambda f: [f["general/metadata"].attrs.pop(name)
                   for name in ("ophys_session_id", "behavior_session_id")],
        "/general/metadata/ophys_session_id: the attribute is not there",
    ),
    "depth": (
        lambda f: f["general/metadata"].attrs.__setitem__("imaging_depth", "deep"),
        "/general/metadata/imaging_depth: expected a number, got 'deep'",
    ),
    "no intervals": (drop("intervals"), "/intervals: not there"),
    "no table": (
        lambda f: [f.__delitem__(f"intervals/{k}") for k in list(f["intervals"]) if k != "trials"],
        "/intervals: holds no table that ends in _presentations",
    ),
    "no task": (drop(TASK), "/intervals: holds no image of the change-detection task"),
    "no start": (drop(f"{TASK}/start_time"), f"/{TASK}/start_time: not there"),
    "start": (lambda f: put(f, f"{TASK}/start_time", np.full(66, np.nan)),
              f"/{TASK}/start_time: not finite"),
    "lengths": (lambda f: put(f, f"{TASK}/omitted", np.zeros(5)),
                f"/{TASK}: columns differ in length"),
    "text": (lambda f: put(f, f"{TASK}/is_change", np.array(["maybe"] * 66, h5py.string_dtype())),
             f"/{TASK}/is_change: expected a number, got 'maybe'"),
    "no traces": (drop("processing/ophys/dff"), f"/{DFF}: not there"),
    "a broken link": (
        lambda f: (f.__delitem__(f"{DFF}/timestamps"),
                   f.__setitem__(f"{DFF}/timestamps", h5py.SoftLink("/nowhere"))),
        f"/{DFF}/timestamps: not there",
    ),
    "flat": (lambda f: put(f, f"{DFF}/data", np.zeros(2170)), f"/{DFF}/data: expected 2 axes"),
    "frames": (lambda f: put(f, f"{DFF}/data", np.zeros((9, 6))), f"/{DFF}/data: 9 frames, 2170"),
    "texts": (lambda f: put(f, f"{DFF}/data", np.full((2170, 6), b"a")), "expected numbers"),
    "times": (lambda f: put(f, f"{DFF}/timestamps", np.ones(2170)),
              f"/{DFF}/timestamps: times must be finite and rise"),
    "rois": (lambda f: put(f, f"{DFF}/rois", np.arange(1, 7)), f"/{DFF}/rois: expected"),
    "rois twice": (lambda f: put(f, f"{DFF}/rois", np.zeros(6, int)), f"/{DFF}/rois: expected"),
    "fewer rois": (lambda f: put(f, f"{DFF}/rois", np.arange(5)), f"/{DFF}/rois: 5 cells"),
    "no cells": (drop(TABLE), f"/{TABLE}: not there"),
    "no ids": (drop(f"{TABLE}/id"), f"/{TABLE}/id: not there"),
    "a group": (lambda f: (f.__delitem__(f"{DFF}/data"), f.create_group(f"{DFF}/data")),
                f"/{DFF}/data: expected a dataset, got a group"),
    "ragged": (
        lambda f: put(f, "intervals/trials/lick_times_index", np.array([2, 1, 4])),
        "/intervals/trials/lick_times_index: row ends must rise to at most 4",
    ),
    "running": (lambda f: put(f, "processing/running/speed/data", np.zeros(3)),
                "/processing/running/speed/data: 3 values, 420 times"),
    "rewards": (lambda f: put(f, "processing/rewards/autorewarded/data", np.zeros(3)),
                "/processing/rewards/autorewarded/data: 3 values, 2 rewards"),
    "two planes": (
        lambda f: f.copy("general/optophysiology/imaging_plane_1", "general/optophysiology/b"),
        "/general/optophysiology: expected one imaging plane, got b, imaging_plane_1",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_with_the_path_inside(name, copy):
    change, message = BAD[name]
    path = copy(change, f"{name}.nwb")
    with pytest.raises(ValueError, match=re.escape(message)) as caught:
        read_experiment(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert "\n" not in said


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_off_is_one_line(share, plain, tmp_path):
    whole = plain[0].read_bytes()
    (path := tmp_path / "cut.nwb").write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=r"cut.nwb is cut off or no HDF5 file \(.*\)$"):
        read_experiment(path)


def test_bytes_that_cannot_be_read_are_one_line(copy):
    """A compressed chunk is overwritten: the file opens, and reading it fails."""

    def pack(file):
        data = file[f"{DFF}/data"][()]
        del file[f"{DFF}/data"]
        file.create_dataset(f"{DFF}/data", data=data, chunks=data.shape, compression="gzip")

    path = copy(pack)
    with h5py.File(path) as file:
        chunk = file[f"{DFF}/data"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset + 10)
        raw.write(b"\0" * 500)
    with pytest.raises(ValueError, match=rf"copy.nwb: /{DFF}/data: cannot be read \(.*\)$"):
        read_experiment(path)


@pytest.mark.parametrize("block", [b"TREE", b"SNOD", b"HEAP"])
def test_damaged_groups_are_one_line(block, plain, tmp_path):
    """Each block of HDF5's own index of groups is spoiled in turn."""
    whole, said, at = plain[0].read_bytes(), [], -1
    path = tmp_path / "damaged.nwb"
    while (at := whole.find(block, at + 1)) >= 0:
        path.write_bytes(whole[:at] + b"XXXX" + whole[at + 4 :])
        try:
            read_experiment(path)
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 9
    assert all(line.startswith(f"{path}") and "\n" not in line for line in said)


def test_what_is_asked_wrongly(plain, tmp_path):
    with pytest.raises(ValueError, match=r"absent.nwb: no such file"):
        read_experiment(tmp_path / "absent.nwb")
    with pytest.raises(ValueError, match="signal must be dff or events, got 'spikes'"):
        read_experiment(plain[0], "spikes")
    with pytest.raises(ValueError, match="no such folder"):
        read_folder(tmp_path / "absent")
    with pytest.raises(ValueError, match=r"holds no \.nwb file"):
        read_folder(tmp_path)
    for text, message in (("a,b\n1,2\n", "no ophys_experiment_id and no exp"), ("", "or no row")):
        (tmp_path / "table.csv").write_text(text)
        with pytest.raises(ValueError, match=message):
            read_folder(plain[0].parent, table=tmp_path / "table.csv")
    with pytest.raises(ValueError, match=r"gone.csv cannot be read \(FileNotFoundError\)"):
        read_folder(plain[0].parent, table=tmp_path / "gone.csv")
