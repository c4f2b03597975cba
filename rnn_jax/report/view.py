"""What every picture asks of a dataset of results: orders, spans, shares, tops.

    order = by_group(dataset)            # units of one group side by side
    share = window_share(dataset)        # how much of each window lies in each epoch

Arrays come back as numpy, in a named order of dimensions, so that no figure depends on how
the file happened to store them. `from` and `to` are the axes of every connectivity: `[to, from]`.
"""

import json
from itertools import pairwise

import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int

from ..core.types import Numbers

CONVENTION = "effect = F(intervened) - F(clean)"
MIXED = 0.5
"""Share of a flow's mean size below which its mean has no sign."""


def require(dataset: xr.Dataset, *names: str) -> None:
    """Refuse a dataset that lacks what is about to be drawn.

    **Arguments:**

    - `dataset`: the results.
    - `names`: the variables needed.

    **Raises:** `ValueError` that lists the missing names and those present.
    """
    missing = [name for name in names if name not in dataset]
    if missing:
        raise ValueError(f"the dataset lacks {missing}; it has {sorted(map(str, dataset))}")


def over_remaining(dataset: xr.Dataset, effects: np.ndarray) -> np.ndarray:
    """Effects `[W, N]` over the share of the trial that each window can change."""
    return effects / array(dataset, "remaining", "window")[:, None]


def divided(dataset: xr.Dataset) -> bool:
    """Whether that share matters: it is 1 in all windows for a score of another kind."""
    return bool((array(dataset, "remaining", "window") != 1).any())


def failures(dataset: xr.Dataset) -> str:
    """How many runs failed, and whose: no mean counts them. Empty where none did."""
    counts = json.loads(dataset.attrs.get("failures", "{}")).values()
    total = {name: sum(c[name] for c in counts) for name in ("finite", "overflow", "nan")}
    failed = total["overflow"] + total["nan"]
    if not failed:
        return ""
    codes = array(dataset, "epoch_code", "epoch", "unit", "trial") > 0
    units = [labels(dataset, "unit")[i] for i in np.flatnonzero(codes.any((0, 2)))]
    named = ", ".join(units[:5]) + (", ..." if len(units) > 5 else "")
    return (
        f"{failed} of {sum(total.values())} runs failed ({total['overflow']} overflowed, "
        f"{total['nan']} not a number) and are left out of all means"
        + (f"; over epochs those of {named}" if units else "")
    )


def array(dataset: xr.Dataset, name: str, *dims: str) -> np.ndarray:
    """A variable as numpy with its dimensions in the order given.

    **Arguments:**

    - `dataset`: the results.
    - `name`: the variable.
    - `dims`: its dimensions, in the order wanted.

    **Returns:** booleans as booleans, all else as float64.

    **Raises:** `ValueError` where the variable is missing or has other dimensions.
    """
    require(dataset, name)
    variable = dataset[name]
    if set(variable.dims) != set(dims):
        raise ValueError(f"{name} must have dimensions {dims}, got {variable.dims}")
    out = variable.transpose(*dims).values
    flags = ("member", "edge_member", "truth")
    return out.astype(bool if name in flags or out.dtype == bool else np.float64)


def set_p(dataset: xr.Dataset) -> list[float | None]:
    """Each epoch's p-value against random sets; `None` where it says nothing (`SetTest`)."""
    p = array(dataset, "circuit_p", "epoch")
    return [float(value) if np.isfinite(value) else None for value in p]


def carried(dataset: xr.Dataset, name: str, dim: str) -> Float[np.ndarray, "W to from"]:
    """The mean size of what each connection carries, with the sign of the mean.

    On trials of either sign the mean itself is nothing but rounding.

    **Arguments:**

    - `dataset`: the results.
    - `name`: `connectivity` or `epoch_connectivity`.
    - `dim`: its first dimension.

    **Returns:** `[W, N, N]`, `[to, from]`.
    """
    dims = (dim, "to", "from")
    return np.copysign(array(dataset, f"{name}_size", *dims), array(dataset, name, *dims))


def mixed(dataset: xr.Dataset, name: str, dim: str) -> Bool[np.ndarray, "W to from"]:
    """Where the sign of the mean tells of the sample rather than of the connection.

    A unit that holds a sign pushes itself up on some trials and down on others, and one that turns
    does so over the steps of one trial. The mean over trials and steps is less than half of the
    mean size, as it is where, of flows of one size, fewer than three quarters agree.
    """
    dims = (dim, "to", "from")
    return either_sign(array(dataset, name, *dims), array(dataset, f"{name}_size", *dims))


def either_sign(mean: Numbers, size: Numbers) -> np.ndarray:
    """Whether a mean is too small beside the mean size to give what is carried a sign."""
    return np.abs(mean) < MIXED * np.asarray(size)


def interval(dataset: xr.Dataset, name: str, *dims: str) -> tuple[np.ndarray, np.ndarray]:
    """The two ends of a variable's interval, NaN where the dataset has none.

    **Arguments:**

    - `dataset`: the results.
    - `name`: the variable whose `_low` and `_high` are wanted.
    - `dims`: its dimensions, in the order wanted.

    **Returns:** the lower and the upper end, shaped as the variable.
    """
    if f"{name}_low" not in dataset or f"{name}_high" not in dataset:
        nothing = np.full(array(dataset, name, *dims).shape, np.nan)
        return nothing, nothing
    return array(dataset, f"{name}_low", *dims), array(dataset, f"{name}_high", *dims)


def labels(dataset: xr.Dataset, dim: str) -> list[str]:
    """The names along a dimension, or its numbers where it has no names."""
    return [str(name) for name in dataset[dim].values]


def unit_groups(dataset: xr.Dataset) -> list[str]:
    """The group of each unit, one label for all where the dataset names none."""
    if "group" in dataset.coords:
        return [str(name) for name in dataset["group"].values]
    return ["units"] * dataset.sizes["unit"]


def by_group(dataset: xr.Dataset) -> Int[np.ndarray, " N"]:
    """The order of units in which groups lie side by side, as they first appear."""
    groups = unit_groups(dataset)
    first = {name: i for i, name in reversed(list(enumerate(groups)))}
    return np.argsort([first[name] for name in groups], kind="stable")


def group_spans(dataset: xr.Dataset) -> list[tuple[str, int, int]]:
    """Each group's name and its rows `[start, stop)` in the order of `by_group`."""
    ordered = np.asarray(unit_groups(dataset))[by_group(dataset)]
    starts = [0, *(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1), len(ordered)]
    return [(str(ordered[a]), int(a), int(b)) for a, b in pairwise(starts)]


def window_edges(dataset: xr.Dataset) -> Float[np.ndarray, " borders"]:
    """Borders between neighbouring windows, in steps: halfway where windows overlap or part."""
    start = np.asarray(dataset["window_start"].values, float)
    stop = np.asarray(dataset["window_stop"].values, float)
    return np.concatenate([start[:1], (start[1:] + stop[:-1]) / 2, stop[-1:]])


def epoch_share(dataset: xr.Dataset) -> Float[np.ndarray, "E T"]:
    """The share of trials that are in each epoch at each step: `mean_b mask[e, b, t]`."""
    return array(dataset, "epoch_mask", "epoch", "trial", "time").mean(1)


def window_share(dataset: xr.Dataset) -> Float[np.ndarray, "W E"]:
    """The share of each window that lies in each epoch: `sum_t w[t] s[e, t] / sum_t w[t]`."""
    windows = array(dataset, "window_mask", "window", "time")
    return windows @ epoch_share(dataset).T / np.maximum(windows.sum(1), 1e-12)[:, None]


def epoch_of(dataset: xr.Dataset) -> Int[np.ndarray, "B T"]:
    """The epoch that each trial is in at each step, -1 where it is in none."""
    mask = array(dataset, "epoch_mask", "epoch", "trial", "time")
    return np.where(mask.max(0) > 0, mask.argmax(0), -1)


def stretches(flags: Bool[np.ndarray, " K"]) -> list[tuple[int, int]]:
    """The runs `[start, stop)` in which flags are up: `[0, 1, 1, 0, 1]` gives (1, 3), (4, 5)."""
    turns = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(turns[::2], turns[1::2])]


def top_units(dataset: xr.Dataset, epoch: int, count: int) -> Int[np.ndarray, " K"]:
    """The units of largest absolute effect in an epoch, largest first; NaN never.

    **Arguments:**

    - `dataset`: the results.
    - `epoch`: the epoch's number.
    - `count`: how many at most.

    **Returns:** the numbers of `K <= count` units.
    """
    size = np.abs(array(dataset, "epoch_effect", "epoch", "unit")[epoch])
    order = np.argsort(np.where(np.isnan(size), np.inf, -size), kind="stable")
    return order[: min(count, int(np.sum(~np.isnan(size))))]


def circle(dataset: xr.Dataset) -> Float[np.ndarray, "N 2"]:
    """Places of the units on the unit circle, clockwise from the top, groups apart by a gap.

    **Arguments:**

    - `dataset`: the results.

    **Returns:** x to the right and y upwards, one row a unit in the dataset's own order.
    """
    spans = group_spans(dataset)
    count = dataset.sizes["unit"]
    gap = max(1.0, 0.03 * count) if len(spans) > 1 else 0.0
    slot = np.zeros(count)
    for i, (_, start, stop) in enumerate(spans):
        slot[start:stop] = np.arange(start, stop) + i * gap
    angle = np.zeros(count)
    angle[by_group(dataset)] = 2 * np.pi * (slot + gap / 2) / (count + gap * len(spans))
    return np.stack([np.sin(angle), np.cos(angle)], axis=-1)


def clock(dataset: xr.Dataset, contrast: str) -> str:
    """What the steps of a contrast's questions are counted from."""
    whole = str(dataset.attrs.get("contrasts", "")) == "from other trials"
    if "circuit_over" in dataset.coords:
        over = dataset["circuit_over"].values[labels(dataset, "contrast").index(contrast)]
        whole = str(over) == "epoch"
    return "of the trial" if whole else "since the event"
