"""Windows around events of Visual Behavior files, populations of many, and the bootstrap."""

import json
import shutil
import tracemalloc
from dataclasses import replace

import jax
import numpy as np
import pytest
import visual_behavior_files as files
import xarray as xr
from visual_behavior_cases import DFF, TABLE
from visual_behavior_files import Session, edited, image_rows

from rnn_jax.data.visual_behavior import (
    POPULATIONS,
    bootstrap,
    cell_windows,
    cells,
    condition_means,
    find_events,
    grid,
    mean_windows,
    population_windows,
    read_experiment,
    read_folder,
    windows,
)

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
