"""Which columns of the traces are cells, and their frames, a block at a time.

    traces = find_traces(file, "dff")          # reads times and cells, and looks for NaN
    frames(file, traces, 100, 200)             # [100, C], the cells alone

Columns belong to rows of the table of cells by `rois`, and only `valid_roi` are kept. A cell with
a frame that is not finite is left out and counted. Traces are never held as a whole.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .hdf5 import dataset, inside, member, numbers, rows
from .tables import floats, length, table

if TYPE_CHECKING:
    import h5py

SIGNALS = {"dff": "processing/ophys/dff/traces", "events": "processing/ophys/event_detection"}
CELLS = "processing/ophys/image_segmentation/cell_specimen_table"
BLOCK = 2**20
"""Numbers of a trace that are held at once: 8 MiB in float64."""


class Traces(NamedTuple):
    """Where the cells of one signal lie.

    - `signal`: `dff` (relative change of fluorescence) or `events` (detected events).
    - `times`: `[T]` seconds, rising.
    - `columns`: `[C]`, of the file's traces; the kept cells alone.
    - `cells`: `[C]` identifiers in this file; `specimens`: `[C]` over sessions, -1 for none.
    - `invalid`, `not_finite`: how many columns were left out, and why.
    """

    signal: str
    times: Float[np.ndarray, " T"]
    columns: Int[np.ndarray, " C"]
    cells: Int[np.ndarray, " C"]
    specimens: Int[np.ndarray, " C"]
    invalid: int
    not_finite: int


def find_traces(file: "h5py.File", signal: str = "dff") -> Traces:
    """Times and cells of a signal, after one pass over its traces that looks for NaN.

    **Raises:** `ValueError` where something is missing or does not fit, times do not rise, or no
    cell is left.
    """
    if signal not in SIGNALS:
        raise ValueError(f"signal must be {' or '.join(SIGNALS)}, got {signal!r}")
    group = member(file, SIGNALS[signal])
    data, times = dataset(group, "data", 2), numbers(group, "timestamps")
    if data.shape[0] != len(times) or len(times) < 2:
        raise ValueError(f"{data.name}: {data.shape[0]} frames, {len(times)} timestamps")
    if not (np.diff(times) > 0).all() or not np.isfinite(times).all():
        raise ValueError(f"{inside(group, 'timestamps')}: times must be finite and rise")
    if data.dtype.kind not in "fiu":
        raise ValueError(f"{data.name}: expected numbers, got {data.dtype}")
    valid, cells, specimens = _cells(file, group, data.shape[1])
    finite = _finite(data)
    kept = np.flatnonzero(valid & finite)
    invalid, not_finite = int((~valid).sum()), int((valid & ~finite).sum())
    if not kept.size:
        raise ValueError(
            f"{data.name}: no cell is left of {len(valid)} ({invalid} not valid_roi, "
            f"{not_finite} with NaN)"
        )
    return Traces(signal, times, kept, cells[kept], specimens[kept], invalid, not_finite)


def _cells(
    file: "h5py.File", group: "h5py.Group", count: int
) -> tuple[Bool[np.ndarray, " N"], Int[np.ndarray, " N"], Int[np.ndarray, " N"]]:
    """For each column: whether it is a cell, and its two identifiers."""
    rois, where = numbers(group, "rois"), inside(group, "rois")
    region, found = rois.astype(int), table(member(file, CELLS))
    ids = numbers(file, f"{CELLS}/id")
    if len(region) != count:
        raise ValueError(f"{where}: {len(region)} cells, the traces have {count}")
    if len(set(region)) != count or ((region < 0) | (region >= len(ids))).any():
        raise ValueError(f"{where}: expected different rows of a table of {len(ids)} cells")
    if found and length(found) != len(ids):
        raise ValueError(f"/{CELLS}: {len(ids)} identifiers, {length(found)} rows")
    told = "valid_roi" in found
    valid = floats(found, "valid_roi", f"/{CELLS}") == 1 if told else np.ones(len(ids), bool)
    specimens = np.full(len(ids), -1)
    if "cell_specimen_id" in found:
        specimens = np.nan_to_num(floats(found, "cell_specimen_id", f"/{CELLS}"), nan=-1)
    return valid[region], ids[region].astype(int), specimens[region].astype(int)


def _finite(data: "h5py.Dataset") -> Bool[np.ndarray, " N"]:
    """Whether all frames of a column are finite; a block of frames at a time."""
    finite, step = np.ones(data.shape[1], bool), block_of(data.shape[1])
    for start in range(0, data.shape[0], step):
        finite &= np.isfinite(rows(data, start, start + step)).all(0)
    return finite


def block_of(columns: int) -> int:
    """How many frames of so many columns make a block."""
    return max(1, BLOCK // max(columns, 1))


def frames(
    file: "h5py.File", traces: Traces, start: int, stop: int
) -> Float[np.ndarray, "frame C"]:
    """The kept cells from frame `start` to the one before `stop`, in float64.

    **Raises:** `ValueError` where they cannot be read.
    """
    data = dataset(file, f"{SIGNALS[traces.signal]}/data", 2)
    return rows(data, start, stop)[:, traces.columns].astype(float)
