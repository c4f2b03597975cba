"""What the mouse did: trials, running, licks, rewards. Each is `None` where a file has none.

trials = read_trials(file)
trials["change_time"][trials["hit"] == 1]        # seconds
running = read_running(file)                     # running.values in cm/s
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float

from .hdf5 import holds, inside, member, numbers
from .tables import Table, floats, table

if TYPE_CHECKING:
    import h5py

TRIALS = "intervals/trials"
RUNNING = "processing/running/speed"
LICKS = "processing/licking/licks"
REWARDS = "processing/rewards"


class Series(NamedTuple):
    """Values at times, in seconds."""

    times: Float[np.ndarray, " n"]
    values: Float[np.ndarray, " n"]


class Rewards(NamedTuple):
    """Rewards: when (seconds), how much (mL), and whether given without a hit (1, 0)."""

    times: Float[np.ndarray, " n"]
    volume: Float[np.ndarray, " n"]
    auto: Float[np.ndarray, " n"]


def read_trials(file: "h5py.File") -> Table | None:
    """The trials; `lick_times` is ragged, one array of seconds for each trial.

    Where every trial happens to have one lick, or the licks happen to be as many as the trials,
    the file holds no index that says whose they are: they are then told by the time of the trial.
    """
    if not holds(file, TRIALS):
        return None
    columns, where = table(member(file, TRIALS)), f"/{TRIALS}"
    licks = columns.get("lick_times")
    if licks is None or holds(file, f"{TRIALS}/lick_times_index"):
        return columns
    times = floats(columns, "lick_times", where)
    begins, ends = (floats(columns, name, where) for name in ("start_time", "stop_time"))
    own = np.empty(len(begins), object)
    for k, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        own[k] = times[(times >= begin) & (times < end)]
    return columns | {"lick_times": own}


def read_running(file: "h5py.File") -> Series | None:
    """Running speed in cm/s."""
    return _series(file, RUNNING) if holds(file, RUNNING) else None


def read_licks(file: "h5py.File") -> Float[np.ndarray, " n"] | None:
    """Times of licks in seconds."""
    return numbers(file, f"{LICKS}/timestamps") if holds(file, LICKS) else None


def read_rewards(file: "h5py.File") -> Rewards | None:
    """Rewards; `auto` is NaN where the file does not say."""
    if not holds(file, f"{REWARDS}/volume"):
        return None
    volume = _series(file, f"{REWARDS}/volume")
    auto = np.full(len(volume.times), np.nan)
    if holds(file, f"{REWARDS}/autorewarded"):
        auto = numbers(file, f"{REWARDS}/autorewarded/data")
    if len(auto) != len(volume.times):
        raise ValueError(
            f"/{REWARDS}/autorewarded/data: {len(auto)} values, {len(volume.times)} rewards"
        )
    return Rewards(volume.times, volume.values, auto)


def _series(file: "h5py.File", path: str) -> Series:
    group = member(file, path)
    times, values = numbers(group, "timestamps"), numbers(group, "data")
    if len(times) != len(values):
        raise ValueError(f"{inside(group, 'data')}: {len(values)} values, {len(times)} times")
    return Series(times, values)
