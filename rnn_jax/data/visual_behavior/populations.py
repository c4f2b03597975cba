"""Windows averaged over the cells of a population, all experiments joined: one labelled array.

    windows = population_windows(found.experiments)
    windows["activity"].sel(event=windows["condition"] == "omission")     # dims event, time
    condition_means(windows).sel(population="V1 L2/3 Vip", condition="change")
    windows.attrs["missing"]                      # populations without a file

One experiment is one plane of one line of mice, so populations come from different mice. They are
joined by condition: *pseudo-simultaneous*, never recorded at one time.
"""

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .bootstrap import nested, nested_mean
from .experiment import Experiment
from .metadata import POPULATIONS
from .windows import CONDITIONS, RATE, WINDOW, Events, find_events, grid, mean_windows

if TYPE_CHECKING:
    import xarray as xr

JOINED = (
    "pseudo-simultaneous: populations come from different mice and sessions, joined by condition"
)
COLUMNS = (
    "population", "condition", "experience", "mouse", "session", "experiment", "image", "cells",
    "onset",
)  # fmt: skip
LEFT_OUT = ("omission", "change", "first", "outside")


def population_windows(
    experiments: Sequence[Experiment],
    conditions: Sequence[str] = CONDITIONS,
    window: tuple[float, float] = WINDOW,
    rate: float = RATE,
) -> "xr.Dataset":
    """The mean over cells around each event of each experiment.

    **Arguments:**

    - `experiments`: of one signal. Those of no population are left out and named.
    - `conditions`: of `change`, `omission`, `regular`.
    - `window`: seconds before and after an event; `rate`: of the grid, in Hz.

    **Returns:** a Dataset with `activity` `[event, time]`; coordinates of `event`: population,
    condition, experience, mouse, session, experiment, image (its row among the session's images),
    cells (how many were averaged), onset (seconds); and of `time`, seconds from the onset. Its
    attributes say how populations are `joined`, and as JSON which are `missing`, which
    experiments are `left_out`, and how many events of each condition were, and why (`events`).

    **Raises:** `ValueError` where nothing is left, or signals differ.
    """
    import xarray as xr

    signals = sorted({one.traces.signal for one in experiments})
    known = [one for one in experiments if one.about.population]
    if not known or len(signals) > 1:
        said = f"signals {', '.join(signals)}" if len(signals) > 1 else "no experiment of any"
        raise ValueError(f"expected experiments of one signal and a known population, got {said}")
    rows, parts, counts = [], [], dict.fromkeys(conditions, np.zeros(1 + len(LEFT_OUT), int))
    for one in known:
        for condition in conditions:
            events = find_events(one, condition, window, rate)
            counts[condition] = counts[condition] + _counts(events)
            rows.extend(_rows(one, condition, events))
            parts.append(mean_windows(one, events))
    coords: dict[str, Any] = {
        name: ("event", np.array([row[k] for row in rows])) for k, name in enumerate(COLUMNS)
    }
    coords["time"] = grid(window, rate)
    attributes = _attributes(experiments, known, counts)
    return xr.Dataset({"activity": (("event", "time"), np.concatenate(parts))}, coords, attributes)


def _attributes(
    experiments: Sequence[Experiment], known: list[Experiment], counts: dict[str, np.ndarray]
) -> dict[str, str]:
    """How populations were joined, and what is not in them."""
    found = {one.about.population for one in known}
    out = [f"{one.path}: {one.about.unknown}" for one in experiments if not one.about.population]
    events = {
        name: dict(zip(("kept", *LEFT_OUT), (int(n) for n in count), strict=True))
        for name, count in counts.items()
    }
    return {
        "signal": known[0].traces.signal,
        "joined": JOINED,
        "missing": json.dumps([name for name in POPULATIONS if name not in found]),
        "left_out": json.dumps(out),
        "cells_left_out": json.dumps(_cells_left_out(known)),
        "events": json.dumps(events),
    }


def _counts(events: Events) -> np.ndarray:
    return np.array([len(events.image), *(getattr(events, name) for name in LEFT_OUT)])


def _rows(one: Experiment, condition: str, events: Events) -> Iterator[tuple]:
    about = one.about
    name = about.experiment or one.path.stem
    for image, onset in zip(events.image, events.onset, strict=True):
        yield (
            about.population, condition, one.experience, about.mouse, about.session, name,
            int(image), len(one.traces.columns), float(onset),
        )  # fmt: skip


def _cells_left_out(experiments: Sequence[Experiment]) -> dict[str, int]:
    return {
        "invalid": sum(one.traces.invalid for one in experiments),
        "not_finite": sum(one.traces.not_finite for one in experiments),
    }


def condition_means(windows: "xr.Dataset") -> "xr.DataArray":
    """The mean of each population in each condition: over trials, then sessions, then mice.

    **Returns:** `[condition, experience, population, time]`, NaN where a population has no event
    in a condition. Populations without a file are not in it: they are named in `missing`.
    """
    import xarray as xr

    axes = {
        name: sorted({str(value) for value in windows[name].values}, key=_place)
        for name in ("condition", "experience", "population")
    }
    found = np.full((*map(len, axes.values()), windows.sizes["time"]), np.nan)
    for i, condition in enumerate(axes["condition"]):
        for j, experience in enumerate(axes["experience"]):
            mice = nested(windows, condition, experience)
            for k, population in enumerate(axes["population"]):
                if population in mice:
                    found[i, j, k] = nested_mean(mice[population])
    coords = axes | {"time": windows["time"].values}
    kept = {name: windows.attrs[name] for name in ("signal", "joined", "missing")}
    return xr.DataArray(found, coords, (*axes, "time"), "activity", kept)


def _place(name: str) -> tuple[int, str]:
    """Populations and conditions in their own order, all else by name."""
    known = (*POPULATIONS, *CONDITIONS)
    return (known.index(name) if name in known else 0), name
