"""The table of a portrait that a person reads first: points, completeness, what removals do.

print(dynamics_table(dataset))
"""

from collections import Counter
from typing import NamedTuple

import numpy as np
import xarray as xr

from .style import counted, short
from .view import array, labels

POINTS = 12
"""Most points that are listed; all are in `results.nc`."""

FAMILIES = 3
"""Most families that are told apart, the largest."""


def dynamics_table(dataset: xr.Dataset) -> str:
    """How many points there are and of what kind, then each, then what removals do.

    **Example:**

        >>> print(rj.report.dynamics_table(seen.dataset).splitlines()[0])  # of a `portrait`
        at zero input: 3 fixed points, 2 stable, 1 unstable
    """
    lines = [*search_lines(dataset), *_exponents(dataset), "", *_points(dataset)]
    if "removal" in dataset.dims:
        lines += ["", *_removals(dataset)]
    return "\n".join(lines)


def kinds(dataset: xr.Dataset) -> np.ndarray:
    """The kind of each point: slow, else unknown, unstable, neutral or stable.

    A fixed point is unknown where its Jacobian is not finite.
    """
    modes = array(dataset, "point_unstable", "point")
    kind = {
        "slow": array(dataset, "point_slow", "point").astype(bool),
        "unknown": modes < 0,
        "unstable": modes > 0,
        "neutral": array(dataset, "point_neutral", "point") > 0,
    }
    return np.select(list(kind.values()), list(kind), "stable")


def kind_of(dataset: xr.Dataset, p: int) -> str:
    """The kind of a point, with how many modes grow, or neither grow nor decay."""
    kind = str(kinds(dataset.isel(point=[p]))[0])
    if kind not in ("unstable", "neutral"):
        return kind
    return f"{kind}, {counted(int(dataset[f'point_{kind}'][p]), 'mode')}"


def leading(dataset: xr.Dataset) -> np.ndarray:
    """The time constant of each point's leading mode, in steps: of the mode that grows fastest, or
    decays slowest where none grows.

    Negative where the mode grows, infinite where it is neutral, NaN where none is known.
    """
    constants = array(dataset, "time_constant", "point", "mode")
    if not constants.size:
        return np.full(len(constants), np.nan)
    constants = np.where(np.isfinite(constants), constants, 0.0)
    # the largest rate of growth: of -1 and -4 the first, of 1 and 4 the second
    rates = np.where(constants != 0, -1 / np.where(constants != 0, constants, 1.0), -np.inf)
    first = constants[np.arange(len(constants)), rates.argmax(1)]
    # a neutral mode is one by the margin of `stability`: its own constant may be of any size
    grows = array(dataset, "point_unstable", "point") > 0
    neutral = (array(dataset, "point_neutral", "point") > 0) & ~grows
    return np.where(neutral, np.inf, np.where(first == 0, np.nan, first))


def points_of(dataset: xr.Dataset, landscape: int) -> np.ndarray:
    """The numbers of a landscape's points."""
    return np.flatnonzero(dataset["point_landscape"].values == landscape)


def search_lines(dataset: xr.Dataset) -> list[str]:
    """What became of the starts, and how complete the points may be."""
    counts = array(dataset, "verdict_count", "landscape", "verdict_name")[0].astype(int)
    names = labels(dataset, "verdict_name")
    said = ", ".join(f"{n} {name}" for name, n in zip(names, counts) if n)
    of = Counter(kinds(dataset)[points_of(dataset, 0)].tolist())
    slow = of.pop("slow", 0)
    hold = dataset.attrs["hold"]
    at = "zero input" if hold == "zero" else f"the mean input of {hold}"
    line = f"at {at}: {counted(of.total(), 'fixed point')}, {of['stable']} stable"
    line += f", {of['unstable']} unstable"
    line += f", {of['neutral']} neutral" if of["neutral"] else ""
    line += f", {of['unknown']} of unknown stability" if of["unknown"] else ""
    line += f"; {slow} slow" if slow else ""
    unseen = array(dataset, "unseen", "landscape")[0]
    half, whole = array(dataset, "coverage", "landscape", "start")[0][
        [-(-counts.sum() // 2) - 1, -1]
    ]
    return [
        line,
        *_families(dataset, of.total()),
        f"{counted(counts.sum(), 'start')}: {said} ({dataset.attrs['precision']})",
        f"half of the starts find {half:.1f} of {counted(round(whole), 'point')}; one more start "
        f"finds a new one with chance {unseen:.3f}",
    ]


def _families(dataset: xr.Dataset, points: int) -> list[str]:
    """How many fixed points lie on lines, rings and surfaces of them; the largest families."""
    dimension = array(dataset, "family_dimension", "family").astype(int)
    if not dimension.size:
        return []
    of = array(dataset, "point_family", "point").astype(int)
    counts = np.bincount(of[of >= 0], minlength=len(dimension))
    names = {1: "a line or ring", 2: "a surface"}
    said = [
        f"{names.get(d, 'a manifold')}, dimension {d} ({counted(n, 'point')})"
        for d, n in zip(dimension.tolist(), counts.tolist())
    ]
    more = [f"{len(said) - FAMILIES} more"] if len(said) > FAMILIES else []
    count = f"{len(said)} {'family' if len(said) == 1 else 'families'}"
    on = counts.sum()
    lie = f"{on} of {counted(points, 'fixed point')} {'lies' if on == 1 else 'lie'} on {count}"
    return [f"{lie}: {'; '.join(said[:FAMILIES] + more)}"]


def _exponents(dataset: xr.Dataset) -> list[str]:
    """The leading exponents with their intervals."""
    if "exponent" not in dataset:
        return []
    mean, low, high = (
        array(dataset, f"exponent{end}", "exponent_number") for end in ("", "_low", "_high")
    )
    said = [f"{m:+.3f} [{a:+.3f}, {b:+.3f}]" for m, a, b in zip(mean[:3], low, high)]
    steps = int(array(dataset, "exponent_time", "trace")[-1])
    seen = f"{counted(steps, 'step')} of each trial"
    return [f"Lyapunov exponents per step, {seen}: {', '.join(said)}"]


def _points(dataset: xr.Dataset) -> list[str]:
    """The first points, one a line."""
    own = points_of(dataset, 0)
    if not own.size:
        return ["no start came to a fixed point or to a slow one"]
    head = f"{'point':<6} {'kind':<20} {'starts':>6} {'time constant':>14} {'q':>9}  outputs"
    rows, constants = [head, "-" * len(head)], leading(dataset)
    for p in own[:POINTS]:
        point = dataset.isel(point=p)
        said = " ".join(f"{value:+.2f}" for value in np.ravel(point["point_output"].values)[:8])
        rows.append(
            f"{p:<6} {kind_of(dataset, int(p)):<20} {int(point['point_count']):>6} "
            f"{_in_words(float(constants[p])):>14} {float(point['point_residual']):>9.1e}  {said}"
        )
    if len(own) > POINTS:
        rows.append(f"... and {len(own) - POINTS} more in results.nc")
    return [
        *rows,
        "time constant, in steps: of the fastest growing mode, or the slowest if none is growing",
        "outputs: the readout there",
    ]


def _in_words(constant: float) -> str:
    """A time constant, and whether the mode grows."""
    if not np.isfinite(constant):
        return "neutral" if constant > 0 else "-"
    return f"{abs(constant):.1f} {'grows' if constant < 0 else 'decays'}"


class Tally(NamedTuple):
    """What a removal does to the fixed points, in numbers.

    - `units`: how many units are taken out.
    - `before`, `after`: how many fixed points there are.
    - `kept`, `moved`, `vanished`, `new`: what became of them.
    - `became_stable`, `lost_stability`: how many of those kept or moved.
    """

    units: int
    before: int
    after: int
    kept: int
    moved: int
    vanished: int
    new: int
    became_stable: int
    lost_stability: int


def tally(dataset: xr.Dataset, r: int) -> Tally:
    """The numbers of one removal."""
    rows = dataset.isel(removal=r)
    fate, partner = rows["fate"].values, rows["partner"].values
    kind = kinds(dataset)
    after = int((kind[points_of(dataset, r + 1)] != "slow").sum())
    there = partner >= 0
    before, now = kind[: len(fate)][there], kind[partner[there]]
    known = (before != "unknown") & (now != "unknown")
    turned = lambda one, other: int((known & (one == "stable") & (other != "stable")).sum())
    kept, moved, vanished = (int((fate == code).sum()) for code in range(3))
    units, new = int(rows["removed"].values.sum()), after - int(there.sum())
    became, lost = turned(now, before), turned(before, now)
    return Tally(units, len(fate), after, kept, moved, vanished, new, became, lost)


def removal_sentence(dataset: xr.Dataset, r: int) -> str:
    """What a removal does, in words."""
    found, name = tally(dataset, r), labels(dataset, "removal")[r]
    value = "their mean" if dataset.attrs["value"] == "mean" else "zero"
    changed = f"; {found.became_stable} became stable" if found.became_stable else ""
    changed += f"; {found.lost_stability} lost stability" if found.lost_stability else ""
    return (
        f"Without {name} ({counted(found.units, 'unit')} held at {value}) there "
        f"{'is' if found.after == 1 else 'are'} {counted(found.after, 'fixed point')} instead of "
        f"{found.before}: {found.kept} kept, {found.moved} moved, {found.vanished} vanished, "
        f"{found.new} new{changed}."
    )


def _removals(dataset: xr.Dataset) -> list[str]:
    """What became of the fixed points, one removal a line."""
    head = f"{'without':<32} {'units':>5} {'points':>6} {'kept':>5} {'moved':>6} {'vanished':>9}"
    head += f" {'new':>4} {'became stable':>14} {'lost stability':>15}"
    rows = [head, "-" * len(head)]
    for r, name in enumerate(labels(dataset, "removal")):
        found = tally(dataset, r)
        rows.append(
            f"{short(name, 32):<32} {found.units:>5} {found.after:>6} {found.kept:>5} "
            f"{found.moved:>6} {found.vanished:>9} {found.new:>4} {found.became_stable:>14} "
            f"{found.lost_stability:>15}"
        )
    return [
        *rows,
        f"a point is kept within {dataset.attrs['kept']:g} of the states' spread, moved within "
        f"{dataset.attrs['moved']:g}, else vanished; over the units that are left",
        "became stable, lost stability: of the points that are kept or moved",
    ]
