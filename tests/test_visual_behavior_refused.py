"""Visual Behavior files that are damaged or of another layout: one line, with the path inside."""

import re

import h5py
import numpy as np
import pytest
from visual_behavior_cases import DFF, TABLE, TASK, drop, put

from rnn_jax.data.visual_behavior import (
    read_experiment,
    read_folder,
)

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
