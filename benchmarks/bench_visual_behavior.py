"""One file of real size through the reader of the Visual Behavior data: how long, how much memory.

    python benchmarks/bench_visual_behavior.py --json benchmarks/results/visual_behavior.json

The file is made up: 140,000 frames of 300 cells at 31 Hz, and 4,796 images. dF/F is stored as it
is, events compressed by gzip in chunks of HDF5's own choice. Each signal is read in a process of
its own, whose largest resident memory is taken; `imports` is that of the imports alone.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import h5py
import numpy as np

TESTS = Path(__file__).resolve().parents[1] / "tests"
DFF, EVENTS = "processing/ophys/dff/traces", "processing/ophys/event_detection"
CELLS = "processing/ophys/image_segmentation/cell_specimen_table"


def write(path, frames, cells):
    """A file of that many frames and cells; traces are written a block at a time."""
    sys.path.insert(0, str(TESTS))
    from visual_behavior_files import Session, write

    seconds = frames / 31
    write(path, Session(seconds=seconds, repeats=max(1, int((seconds - 900) / 0.75 / 22))))
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as file:
        for name in list(file[CELLS]):
            if name != "id" and hasattr(file[f"{CELLS}/{name}"], "shape"):
                del file[f"{CELLS}/{name}"]
        put(file, f"{CELLS}/id", np.arange(cells))
        file[f"{CELLS}/valid_roi"] = np.arange(cells) % 10 > 0
        for group, packing in ((DFF, {}), (EVENTS, {"compression": "gzip", "chunks": True})):
            put(file, f"{group}/rois", rng.permutation(cells))
            del file[f"{group}/data"]
            times = file[f"{group}/timestamps"]
            data = file.create_dataset(f"{group}/data", (len(times), cells), float, **packing)
            for start in range(0, len(times), 4096):
                block = rng.normal(size=data[start : start + 4096].shape)
                # most frames hold no event
                data[start : start + 4096] = block if group is DFF else block * (block > 2)
        return list(data.shape)


def put(file, path, values):
    del file[path]
    file[path] = values


def read(path, signal):
    """Seconds of both stages and peak memory, in this process."""
    from rnn_jax.data.visual_behavior import population_windows, read_experiment

    imports, begun = memory(), time.perf_counter()
    experiment = read_experiment(path, signal)
    opened = time.perf_counter()
    windows = population_windows([experiment])
    return {
        "signal": signal,
        "cells": len(experiment.traces.columns),
        "events": windows.sizes["event"],
        "read_s": round(opened - begun, 2),
        "windows_s": round(time.perf_counter() - opened, 2),
        "imports_mib": imports,
        "peak_mib": memory(),
    }


def memory():
    """The largest resident memory of this process so far, in MiB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=140_000)
    parser.add_argument("--cells", type=int, default=300)
    parser.add_argument("--quick", action="store_true", help="a small file")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--read", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.read:
        print(json.dumps(read(*asked.read)))
        return
    frames = 40_000 if asked.quick else asked.frames
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made_up.nwb"
        shape = write(path, frames, asked.cells)
        rows = []
        for signal in ("dff", "events"):
            line = [sys.executable, __file__, "--read", str(path), signal]
            done = subprocess.run(line, capture_output=True, text=True, check=True)
            rows.append(json.loads(done.stdout))
        size = round(path.stat().st_size / 2**20)
    found = {
        "traces": shape,
        "one_signal_mib": round(np.prod(shape) * 8 / 2**20),
        "file_mib": size,
    }
    print(json.dumps(found | {"rows": rows}, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(found | {"rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
