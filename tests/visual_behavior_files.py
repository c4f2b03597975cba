"""Files in the layout of the Visual Behavior two-photon data, written by pynwb and made up wholly.

    truth = write(folder / "a.nwb", Session(depth=175, line="Vip-IRES-Cre"))

Nothing here is taken from the reader: paths, names and rules are written down a second time. The
extension's types are those that AllenSDK 2.16.2 declares, made again by pynwb's own classes.
"""

import datetime
import functools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

BORN = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
IMAGES = ("im000", "im031", "im035", "im045", "im054", "im073", "im075", "im106")


@functools.cache
def types():
    """pynwb with the extension's types, registered once."""
    import pynwb
    from pynwb.spec import (
        NWBAttributeSpec,
        NWBDatasetSpec,
        NWBGroupSpec,
        NWBNamespaceBuilder,
    )

    name = "ndx-aibs-behavior-ophys"
    text = lambda key, shape=None: NWBAttributeSpec(key, key, "text", shape=shape, required=False)
    real = lambda key: NWBAttributeSpec(key, key, "float", required=False)
    whole = lambda key: NWBAttributeSpec(key, key, "int", required=False)
    task = [
        text("task"), real("omitted_flash_fraction"), real("reward_volume"),
        whole("n_stimulus_frames"), text("session_type"), text("response_window_sec", (2,)),
        text("stimulus_distribution"), text("blank_duration_sec", (2,)), text("stimulus"),
        real("stimulus_duration_sec"), real("auto_reward_volume"),
    ]  # fmt: skip
    plane = [
        whole("behavior_session_id"), whole("ophys_container_id"), text("session_type"),
        whole("ophys_experiment_id"), text("equipment_name"), real("stimulus_frame_rate"),
        whole("field_of_view_height"), whole("field_of_view_width"), whole("imaging_plane_group"),
        text("behavior_session_uuid"), whole("imaging_plane_group_count"),
        whole("ophys_session_id"), whole("imaging_depth"), whole("targeted_imaging_depth"),
        text("project_code"),
    ]  # fmt: skip
    subject = [
        text("age_in_days"), text("reporter_line", (None,)), text("driver_line", (None,))
    ]  # fmt: skip
    made = lambda kind, base, attributes: NWBGroupSpec(
        kind, neurodata_type_def=kind, neurodata_type_inc=base, attributes=attributes
    )
    vector = lambda key: NWBDatasetSpec(key, "float", name=key, shape=(None,))
    builder = NWBNamespaceBuilder(
        "Visual Behavior", name, version="0.1.0", author="a", contact="a"
    )
    for base in ("LabMetaData", "Subject", "RoiResponseSeries"):
        builder.include_type(base, namespace="core")
    for spec in (
        made("BehaviorTaskParameters", "LabMetaData", task),
        made("OphysBehaviorMetadata", "LabMetaData", plane),
        made("BehaviorSubject", "Subject", subject),
        NWBGroupSpec(
            "events", neurodata_type_def="OphysEventDetection",
            neurodata_type_inc="RoiResponseSeries", name="event_detection",
            datasets=[vector("lambdas"), vector("noise_stds")],
        ),
    ):  # fmt: skip
        builder.add_spec(f"{name}.extensions.yaml", spec)
    folder = tempfile.mkdtemp()
    builder.export(f"{name}.namespace.yaml", outdir=folder)
    pynwb.load_namespaces(str(Path(folder) / f"{name}.namespace.yaml"))
    return lambda kind: pynwb.get_class(kind, name)


@dataclass(frozen=True)
class Session:
    """What is written. `signal(times, cells)` gives the dF/F `[T, N]` of the table's cells."""

    experiment: int = 775614751
    session: int = 774000000
    mouse: str = "403491"
    line: str = "Slc17a7-IRES2-Cre"
    area: str = "VISp"
    depth: float = 175
    rate: float = 31.0
    seconds: float = 70.0
    session_type: str = "OPHYS_1_images_A"
    cells: int = 6
    invalid: tuple[int, ...] = (1,)
    broken: tuple[int, ...] = ()
    images: tuple[int, ...] = (0, 0, 0, 0, 1, 1, 1, -1, 1, 1, 1, 2, 2, 2, 2, 2, -1, 2, 2, 2, 3, 3)
    start: float = 10.0
    repeats: int = 3
    novel: float | None = 0.0
    columns: tuple[str, ...] | None = None
    one_table: bool = False
    signal: object = None
    seed: int = 0
    extra: dict = field(default_factory=dict)

    @property
    def passive(self):
        return self.session_type.endswith("passive")


def frame_times(session):
    """Times that are not evenly spaced."""
    rng = np.random.default_rng(session.seed)
    steps = (1 + 0.2 * rng.uniform(-1, 1, int(session.seconds * session.rate))) / session.rate
    return 0.5 + np.cumsum(steps)


def image_rows(session):
    """Onset, name and truth of each image: (onset, index, change, images since the change)."""
    order = np.array(session.images)
    shift = order[order >= 0].max() + 1
    # a later repeat begins with other images, so that its first one is a change
    order = np.concatenate(
        [np.where(order < 0, -1, (order + k * shift) % 8) for k in range(session.repeats)]
    )
    rng = np.random.default_rng(session.seed + 1)
    onset = session.start + 0.75 * np.arange(len(order)) + rng.uniform(0, 0.008, len(order))
    rows, last, since = [], None, 0
    for time, image in zip(onset, order, strict=True):
        change = image >= 0 and last is not None and image != last
        if image >= 0:
            since = 0 if change or last is None else since + 1
            last = image
        rows.append((float(time), int(image), bool(change), since))
    return rows


def write(path, session=Session()):
    """Write a file; returns times `[T]` and traces `[T, N]` in the order of the cells' table."""
    import pynwb

    kind, times = types(), frame_times(session)
    traces = _traces(session, times)
    file = pynwb.NWBFile(
        session_description=session.session_type,
        identifier=f"{session.experiment}",
        session_start_time=BORN,
    )
    file.subject = kind("BehaviorSubject")(
        subject_id=session.mouse, sex="F", species="Mus musculus", age="P206D",
        genotype=f"{session.line}/wt;Ai148/wt", description="made up",
        driver_line=np.array([session.line]), reporter_line=np.array(["Ai148"]),
    )  # fmt: skip
    known = {
        "ophys_experiment_id": session.experiment, "ophys_session_id": session.session,
        "ophys_container_id": 5, "behavior_session_id": session.session + 7,
        "imaging_depth": int(session.depth), "session_type": session.session_type,
        "equipment_name": "MESO.1", "stimulus_frame_rate": 60.0, "project_code": "made up",
        "field_of_view_width": 4, "field_of_view_height": 4, "imaging_plane_group": -1,
        "imaging_plane_group_count": 0, "behavior_session_uuid": "1b2e-4d",
    }  # fmt: skip
    file.add_lab_meta_data(kind("OphysBehaviorMetadata")(name="metadata", **known))
    task = {
        "task": "change detection", "omitted_flash_fraction": 0.05, "reward_volume": 0.007,
        "n_stimulus_frames": 4200, "session_type": session.session_type, "stimulus": "images",
        "response_window_sec": np.array(["0.15", "0.75"]), "stimulus_distribution": "geometric",
        "blank_duration_sec": np.array(["0.5", "0.5"]), "stimulus_duration_sec": 0.25,
        "auto_reward_volume": 0.005,
    }  # fmt: skip
    file.add_lab_meta_data(kind("BehaviorTaskParameters")(name="task_parameters", **task))
    _behaviour(file, session)
    _shown(file, session)
    _ophys(file, session, times, traces)
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return times, traces


def _traces(session, times):
    rng = np.random.default_rng(session.seed + 2)
    drawn = rng.normal(size=(len(times), session.cells))
    traces = drawn if session.signal is None else session.signal(times, session.cells)
    traces[len(times) // 2, list(session.broken)] = np.nan
    return traces


def order_of(session):
    """Which row of the cells' table each column of the traces is: not the order of the table."""
    return np.random.default_rng(session.seed + 3).permutation(session.cells)


def _ophys(file, session, times, traces):
    from pynwb.ophys import DfOverF, Fluorescence, ImageSegmentation, OpticalChannel

    device = file.create_device(name="MESO.1", description="made up")
    channel = OpticalChannel(name="channel_1", description="2P", emission_lambda=520.0)
    plane = file.create_imaging_plane(
        name="imaging_plane_1", description="a plane", device=device, excitation_lambda=910.0,
        optical_channel=channel, indicator="GCaMP6f",
        location=session.area, imaging_rate=session.rate,
    )  # fmt: skip
    module = file.create_processing_module(name="ophys", description="made up")
    module.add(segmentation := ImageSegmentation(name="image_segmentation"))
    cells = segmentation.create_plane_segmentation(
        description="cells", imaging_plane=plane, name="cell_specimen_table"
    )
    for name in ("cell_specimen_id", "valid_roi", "x"):
        cells.add_column(name=name, description=name)
    for k in range(session.cells):
        cells.add_roi(
            image_mask=np.eye(4), id=9000 + 3 * k, cell_specimen_id=-1 if k == 0 else 100 + k,
            valid_roi=k not in session.invalid, x=k,
        )  # fmt: skip
    order = order_of(session)
    region = cells.create_roi_table_region(description="cells", region=order.tolist())
    module.add(dff := DfOverF(name="dff"))
    series = dff.create_roi_response_series(
        name="traces", data=traces[:, order], unit="NA", rois=region, timestamps=times
    )
    module.add(fluorescence := Fluorescence(name="corrected_fluorescence"))
    fluorescence.create_roi_response_series(
        name="traces", data=traces[:, order] + 1, unit="NA", rois=region, timestamps=series
    )
    other = order[::-1]
    module.add(
        types()("OphysEventDetection")(
            data=np.abs(traces[:, other]), unit="NA", timestamps=series,
            rois=cells.create_roi_table_region(description="cells", region=other.tolist()),
            lambdas=np.ones(session.cells), noise_stds=np.ones(session.cells),
        )
    )  # fmt: skip


def _behaviour(file, session):
    from pynwb import TimeSeries

    frames = np.arange(0, session.seconds, 1 / 6)
    stimulus = file.create_processing_module(name="stimulus", description="made up")
    stimulus.add(TimeSeries(name="timestamps", data=frames, timestamps=frames, unit="s"))
    running = file.create_processing_module(name="running", description="made up")
    running.add(TimeSeries(name="speed", data=np.sin(frames), timestamps=frames, unit="cm/s"))
    if session.passive:
        return
    licks = np.array([12.0, 12.5, 20.0])
    licking = file.create_processing_module(name="licking", description="made up")
    licking.add(TimeSeries(name="licks", data=np.array([1, 2, 3]), timestamps=licks, unit="N/A"))
    rewards = file.create_processing_module(name="rewards", description="made up")
    volume = TimeSeries(
        name="volume", data=np.array([0.007, 0.005]), timestamps=licks[:2], unit="mL"
    )
    rewards.add(volume)
    auto = TimeSeries(name="autorewarded", data=np.array([0, 1]), timestamps=volume, unit="mL")
    rewards.add(auto)
    for start, stop in ((11.0, 15.0), (15.0, 19.0), (19.0, 23.0)):
        file.add_trial(start_time=start, stop_time=stop)
    file.add_trial_column(
        name="lick_times", description="s", data=[12.0, 12.5, 20.0, 20.0], index=[2, 2, 4]
    )
    file.add_trial_column(name="change_time", description="s", data=[13.0, np.nan, 20.5])
    file.add_trial_column(name="hit", description="hit", data=[True, False, False])
    file.add_trial_column(
        name="change_image_name", description="name", data=["im031", "N/A", "im035"]
    )


def _shown(file, session):
    """The tables of presentations: the task's, grey before it, a movie after it."""
    from pynwb.epoch import TimeIntervals

    rows = image_rows(session)
    onset = np.array([row[0] for row in rows])
    omitted = np.array([row[1] < 0 for row in rows])
    name = ["omitted" if row[1] < 0 else IMAGES[row[1]] for row in rows]
    columns = {
        "start_time": onset,
        "stop_time": np.where(omitted, np.nan, onset + 0.25),
        "stimulus_block": np.ones(len(rows)),
        "image_index": np.array([row[1] if row[1] >= 0 else 8 for row in rows]),
        "image_name": name,
        "duration": np.where(omitted, np.nan, 0.25),
        # nullable truth is written as floats
        "is_change": np.array([float(row[2]) for row in rows]),
        "omitted": omitted,
        "flashes_since_change": np.array([float(row[3]) for row in rows]),
        "stimulus_name": ["images"] * len(rows),
        "image_set": ["A" if session.session_type.endswith("A") else "B"] * len(rows),
        "active": np.array([not session.passive] * len(rows)),
        "stimulus_block_name": ["change_detection_behavior"] * len(rows),
    }
    if session.novel is not None:
        columns["is_image_novel"] = np.where(omitted, np.nan, session.novel)
    kept = set(columns) if session.columns is None else set(session.columns) | {"start_time"}
    if session.one_table:
        kept -= {"active", "stimulus_block_name", "flashes_since_change", "is_image_novel"}
    columns = {key: values for key, values in columns.items() if key in kept | {"stop_time"}}
    columns |= session.extra
    main = "behavior" if session.one_table else "Natural_Images_Lum_Matched_set_training_2017"
    _table(file, f"{main}_presentations", columns)
    if session.one_table:
        return
    grey = TimeIntervals(name="spontaneous_presentations", description="grey")
    grey.add_column(name="stimulus_block", description="block")
    clock = file.processing["stimulus"]["timestamps"]
    grey.add_interval(
        start_time=0.0, stop_time=onset[0] - 0.5, tags="grey", timeseries=clock, stimulus_block=0.0
    )
    file.add_time_intervals(grey)
    movie = onset[-1] + 0.75 + np.arange(4) / 30
    frames = {
        "start_time": movie, "stop_time": movie + 1 / 30, "stimulus_block": np.full(4, 2.0),
        "image_name": ["natural_movie_one"] * 4, "movie_frame_index": np.arange(4.0),
        "stimulus_name": ["natural_movie_one"] * 4, "is_change": np.full(4, np.nan),
    }  # fmt: skip
    _table(file, "natural_movie_one_presentations", frames)


def _table(file, name, columns):
    from pynwb.core import VectorData
    from pynwb.epoch import TimeIntervals

    data = [
        VectorData(name=key, description=key, data=list(values)) for key, values in columns.items()
    ]
    file.add_time_intervals(
        TimeIntervals(name=name, description="made up", columns=data, colnames=list(columns))
    )


def edited(path, change):
    """The file after `change(file)`, a function that edits it through h5py."""
    with h5py.File(path, "r+") as file:
        change(file)
    return path
