"""What the contrasts found: which unit holds what, and when.

holders_figure(dataset)      # units x questions
when_figure(dataset)         # one row per question: units by window, the mediator by read
"""

import json

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from .style import DIVERGING, INK, MUTED, Sheet, bare, centred, colour_bar, fitting, look
from .view import array, clock, labels

UNITS = 60
"""Units that a figure shows, those of the largest effects."""
PANEL = 12
"""Units in a panel of `when_figure`."""
QUESTIONS = 8
"""Questions that `when_figure` shows."""
MARKS = (
    ("circuit", -0.22, "o", 26, INK, "white"),
    ("mediator", 0.0, "D", 22, INK, "white"),
    ("carriers", 0.22, "o", 22, "white", INK),
)
"""How a unit of each kind of set is marked, as on the page: place in its cell, marker, area, face,
edge."""


def _asked(dataset: xr.Dataset) -> list[int]:
    """The questions that were searched, by number."""
    if "by_unit" not in dataset:
        return []
    notes = json.loads(dataset.attrs["undecided"])
    return [q for q, name in enumerate(labels(dataset, "question")) if name not in notes]


def _nothing() -> Figure:
    figure = Sheet(figsize=(5, 2.2))
    figure.text(0.5, 0.5, "no contrast was searched", ha="center", va="center", color=MUTED)
    return figure


def _shown(size: np.ndarray, belongs: np.ndarray, most: int) -> np.ndarray:
    """The units that belong, at most so many, by number; those of the largest effects first in."""
    who = np.flatnonzero(belongs)
    return np.sort(who[np.argsort(-size[who], kind="stable")[:most]])


def _of(shown: int, known: int, what: str = "") -> str:
    """How many of how many a figure shows, where these are not all."""
    return f" ({shown} of {known}{what})" if shown < known else ""


def holders_figure(dataset: xr.Dataset) -> Figure:
    """Units x questions: the effect of each alone, and in which sets it is.

    Units are sorted by the question in which they do most, so that separate questions held by
    separate units show as blocks.
    """
    asked = _asked(dataset)
    if not asked:
        return _nothing()
    single = array(dataset, "single", "question", "direction", "unit")[asked]
    ways = array(dataset, "came_in", "question", "way", "unit")[asked]
    alone = np.where(np.abs(single[:, 0]) > np.abs(single[:, 1]), single[:, 0], single[:, 1])
    size = np.abs(alone).max(0)
    units = _shown(size, np.asarray(ways.any((0, 1))), UNITS)
    units = units[np.lexsort((-size[units], np.abs(alone[:, units]).argmax(0)))]
    names, questions = labels(dataset, "unit"), labels(dataset, "question")
    with look():
        size = (max(4.6, 3.0 + 0.45 * len(asked)), max(3.6, 2.1 + 0.17 * len(units)))
        figure = Sheet(figsize=size, layout="constrained")
        axes = figure.subplots()
        values = alone[:, units].T
        axes.imshow(values, aspect="auto", cmap=DIVERGING, norm=Normalize(-1, 1))
        _mark(axes, labels(dataset, "way"), ways[:, :, units])
        axes.set_yticks(range(len(units)), [fitting(names[i], 1.0, 7) for i in units])
        axes.set_xticks(
            range(len(asked)), [fitting(questions[q], 1.2, 7) for q in asked],
            rotation=45, ha="right",
        )  # fmt: skip
        axes.tick_params(length=0, labelsize=7)
        axes.set_xlabel("question")
        axes.set_ylabel("unit" + _of(len(units), int(ways.any((0, 1)).sum())))
        said = "effect of the unit alone\n(the larger direction)"
        colour_bar(figure, axes.images[0], axes, said, shrink=min(0.8, 3 / size[1]), pad=0.02)
        figure.legend(loc="outside upper right", ncols=3)
        axes.set_title("Which unit holds what")
    return figure


def _mark(axes: Axes, order: list[str], ways: np.ndarray) -> None:
    """A mark in the cell of each unit and question, `[question, way, unit]`, per kind of set."""
    for kind, aside, marker, area, face, edge in MARKS:
        rows, columns = np.nonzero(ways[:, order.index(kind)].T)
        axes.scatter(
            columns + aside, rows, s=area, marker=marker, facecolors=face, edgecolors=edge,
            linewidths=0.7, label=kind,
        )  # fmt: skip


def when_figure(dataset: xr.Dataset) -> Figure:
    """One row per question: units by window of exchange, the mediator by exchange and read."""
    asked = _asked(dataset)[:QUESTIONS]
    if not asked:
        return _nothing()
    by_unit = array(dataset, "by_unit", "question", "direction", "exchange", "unit")[asked, 0]
    by_read = array(dataset, "by_read", "question", "direction", "exchange", "read_window")
    by_read, masks = by_read[asked, 0], array(dataset, "exchange_mask", *_MASK)[asked]
    ways = array(dataset, "came_in", "question", "way", "unit")
    questions, contrasts = labels(dataset, "question"), labels(dataset, "question_contrast")
    clocks = dict.fromkeys(clock(dataset, contrasts[q]) for q in asked)
    rows = [_rows(values) for values in by_unit]
    with look():
        norm = centred(by_unit)
        heights = [0.9 + 0.13 * len(units) for units in rows]
        figure = Sheet(figsize=(8.4, sum(heights) + 1.0), layout="constrained")
        grid = figure.subplots(
            len(asked), 2, squeeze=False, width_ratios=(3, 1.4), height_ratios=heights
        )
        for (left, right), q, units, values, reads, mask in zip(
            grid, asked, rows, by_unit, by_read, masks, strict=True
        ):
            used = mask.any(1)
            edges = np.append(mask[used].argmax(1), mask[used].any(0).sum())
            _units(left, dataset, units, values[used], edges, norm)
            told = _of(len(units), int(np.isfinite(values).any(0).sum()), " units of its sets")
            left.set_title(fitting(questions[q], 3.8, 10, "bold") + told)
            _heat(right, reads[used][:, used].T, edges, edges, Normalize(-1, 1))
            right.set_ylabel("step read")
            if not ways[q, 0].any():
                right.set_title("no mediator: all units of the sets", fontsize=8, weight="normal")
        for axes in grid[-1]:
            axes.set_xlabel("step exchanged")
        for column, said in ((0, "undone by one unit"), (1, "undone by the mediator")):
            shown = grid[0, column].collections[0]
            where = {"location": "top", "aspect": 30, "pad": 0.01}
            colour_bar(figure, shown, grid[:, column], said, **where)
        some = _of(len(asked), len(_asked(dataset)), " questions")
        title = f"When each unit and the mediator act{some}, in steps {' or '.join(clocks)}"
        figure.suptitle(title, x=0.01, ha="left")
    return figure


def _units(
    axes: Axes,
    dataset: xr.Dataset,
    units: np.ndarray,
    values: np.ndarray,
    edges: np.ndarray,
    norm: Normalize,
) -> None:
    """Units by window of exchange, each in a row with its name."""
    names = labels(dataset, "unit")
    _heat(axes, values[:, units].T, edges, np.arange(len(units) + 1) - 0.5, norm)
    axes.set_yticks(range(len(units)), [fitting(names[i], 0.8, 7) for i in units])
    axes.invert_yaxis()


_MASK = ("question", "exchange", "since")


def _rows(by_unit: np.ndarray) -> np.ndarray:
    """The units of a question, by the window in which they do most."""
    known = np.asarray(np.isfinite(by_unit).any(0))
    size = np.where(known, np.nanmax(np.abs(np.nan_to_num(by_unit)), 0), 0)
    units = _shown(size, known, PANEL)
    return units[np.argsort(np.abs(np.nan_to_num(by_unit[:, units])).argmax(0), kind="stable")]


def _heat(
    axes: Axes, values: np.ndarray, across: np.ndarray, up: np.ndarray, norm: Normalize
) -> None:
    axes.pcolormesh(across, up, values, cmap=DIVERGING, norm=norm)
    axes.tick_params(length=0, labelsize=7)
    bare(axes)
