"""Windows around events: which events, and the activity around each, on one grid of times.

    events = find_events(experiment, "change")
    cell_windows(experiment, events)           # [E, F, C], every cell
    mean_windows(experiment, events)           # [E, F], the mean over cells

Activity is interpolated linearly between the two frames around each time, on the file's own
timestamps, so that planes of about 11 Hz and of about 31 Hz share one grid. The window, 0.75 s to
either side in 16 frames at 11 Hz, is that of Balwani et al. (sadv.adw4970). Regular images, and
what leaves an event out, are our own choice.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from .cells import block_of, frames
from .experiment import Experiment
from .hdf5 import opened
from .stimuli import Images

if TYPE_CHECKING:
    import h5py

CONDITIONS = ("change", "omission", "regular")
WINDOW = (-0.75, 0.75)
RATE = 11.0
SLACK = 0.05
"""Seconds by which a window may touch an omission: more than the screen's jitter."""


class Events(NamedTuple):
    """Events of one condition in one experiment.

    - `image`: `[E]`, their rows among the images of the task; `onset`: `[E]` seconds.
    - `offsets`: `[F]` seconds from the onset.
    - `omission`, `change`, `first`, `outside`: how many were left out because an omission or a
        change lies in their window, no image came before, or the recording does not cover it.
    """

    image: Int[np.ndarray, " E"]
    onset: Float[np.ndarray, " E"]
    offsets: Float[np.ndarray, " F"]
    omission: int
    change: int
    first: int
    outside: int


def grid(window: tuple[float, float] = WINDOW, rate: float = RATE) -> Float[np.ndarray, " F"]:
    """Times from the window's start on, in seconds, `1 / rate` apart, the end excluded.

    **Raises:** `ValueError` where the window is empty, or the rate is not above 0.
    """
    start, stop = window
    if not (np.isfinite([start, stop, rate]).all() and rate > 0 and start < stop):
        raise ValueError(f"expected start < stop and a rate above 0, got {window} and {rate}")
    # rounding must not drop or add a frame
    return start + np.arange(max(1, int(np.floor((stop - start) * rate + 1e-9)))) / rate


def find_events(
    experiment: Experiment,
    condition: str,
    window: tuple[float, float] = WINDOW,
    rate: float = RATE,
) -> Events:
    """The events of a condition.

    - `change`: an image that differs from the one before. Left out where an omission lies in the
        window.
    - `omission`: when the omitted image was due. Left out where a change lies in the window.
    - `regular`: a shown image that is no change and not the first. Left out where an omission or a
        change lies in the window.

    An omission, and a change, lasts until the next image is due.

    **Arguments:**

    - `window`: seconds before and after the onset; `rate`: of the grid, in Hz.

    **Raises:** `ValueError` where the condition is unknown or the grid is.
    """
    if condition not in CONDITIONS:
        raise ValueError(f"condition must be one of {', '.join(CONDITIONS)}, got {condition!r}")
    images, times = experiment.images, experiment.traces.times
    offsets = grid(window, rate)
    own = {
        "change": images.change,
        "omission": images.omitted,
        "regular": ~images.change & ~images.omitted,
    }[condition]
    span = images.onset[:, None] + np.array(window)
    nothing = np.zeros(len(own), bool)
    omission = nothing if condition == "omission" else _touch(span, images, images.omitted)
    change = nothing if condition == "change" else _touch(span, images, images.change)
    first = images.first if condition == "regular" else nothing
    grids = images.onset[:, None] + offsets[[0, -1]]
    outside = (grids[:, 0] < times[0]) | (grids[:, 1] > times[-1])
    left, counts = own, []
    for why in (omission, change, first, outside):
        counts.append(int((left & why).sum()))
        left = left & ~why
    kept = np.flatnonzero(left)
    return Events(kept, images.onset[kept], offsets, *counts)


def _touch(
    span: Float[np.ndarray, "P 2"], images: Images, marked: Bool[np.ndarray, " P"]
) -> Bool[np.ndarray, " P"]:
    """Whether a window overlaps a marked image, from its onset until the next is due."""
    begins, ends = images.onset[marked] + SLACK, images.until[marked] - SLACK
    # both rise, so that of those that begin before the window ends, none may end after it starts
    begun = np.searchsorted(begins, span[:, 1], "left")
    over = np.searchsorted(ends, span[:, 0], "right")
    return begun > over


def cell_windows(experiment: Experiment, events: Events) -> Float[np.ndarray, "E F C"]:
    """The activity of each cell around each event, in the file's unit.

    **Raises:** `ValueError` where the file cannot be read.
    """
    shape = len(events.onset), len(events.offsets), len(experiment.traces.columns)
    found = np.empty(shape)
    for where, part in _parts(experiment, events):
        found[where] = part
    return found


def mean_windows(experiment: Experiment, events: Events) -> Float[np.ndarray, "E F"]:
    """The mean activity of all kept cells around each event: what `cell_windows` is on average.

    **Raises:** `ValueError` where the file cannot be read.
    """
    found = np.empty((len(events.onset), len(events.offsets)))
    for where, part in _parts(experiment, events):
        found[where] = part.mean(-1)
    return found


def _parts(experiment: Experiment, events: Events) -> Iterator[tuple[slice, np.ndarray]]:
    """Windows `[e, F, C]` of successive events, from one read of the frames between them."""
    wanted = events.onset[:, None] + events.offsets
    times = experiment.traces.times
    after = np.clip(np.searchsorted(times, wanted, "right"), 1, len(times) - 1)
    step = block_of(len(experiment.traces.columns))
    with opened(experiment.path) as file:
        start = 0
        while start < len(wanted):
            first = int(after[start].min()) - 1
            fit = after[start:].max(1) < first + step
            # one event at least, however long its window
            count = max(1, int(fit.argmin()) if not fit.all() else len(fit))
            # interpolation repeats frames, so that windows are held to a block as well
            count = min(count, max(1, step // len(events.offsets)))
            where = slice(start, start + count)
            yield where, _interpolated(file, experiment, wanted[where], after[where])
            start += count


def _interpolated(
    file: "h5py.File",
    experiment: Experiment,
    wanted: Float[np.ndarray, "e F"],
    after: Int[np.ndarray, "e F"],
) -> Float[np.ndarray, "e F C"]:
    """Linear interpolation between the frame before each time and the one after it."""
    traces = experiment.traces
    first = int(after.min()) - 1
    found = frames(file, traces, first, int(after.max()) + 1)
    before, behind = traces.times[after - 1], traces.times[after]
    share = ((wanted - before) / (behind - before))[..., None]
    return found[after - 1 - first] * (1 - share) + found[after - first] * share
