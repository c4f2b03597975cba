"""Points with intervals and paths: trajectories, rankings, evaluation.

trajectories(dataset)          # the states' principal components, coloured by epoch
epoch_ranking(dataset, 10)     # the units of largest effect in each epoch
evaluation_bars(dataset)       # faithfulness and necessity of each epoch's circuit
"""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .style import FOUND, INK, MUTED, bare, epoch_colour, look, plain, short
from .view import array, epoch_of, interval, labels, require, top_units


def _pc_label(dataset: xr.Dataset, pc: int) -> str:
    if "pca_variance" not in dataset:
        return f"PC{pc + 1}"
    variance = array(dataset, "pca_variance", "pc")
    # Shares of the variance never sum above 1; absolute variances are left unsaid.
    share = f" ({100 * variance[pc]:.0f} % of variance)" if variance.sum() <= 1 + 1e-5 else ""
    return f"PC{pc + 1}{share}"


def _paths(axes: Axes, scores: np.ndarray, epoch: np.ndarray) -> None:
    """Every trial's path, each step in the colour of the epoch it leads into."""
    steps = np.stack([scores[:, :-1], scores[:, 1:]], axis=2).reshape(-1, 2, 2)
    into = epoch[:, 1:].reshape(-1)
    colours = [epoch_colour(e) if e >= 0 else "#b9bec6" for e in into]
    axes.add_collection(LineCollection(list(steps), colors=colours, lw=1.1, alpha=0.75))
    axes.scatter(*scores[:, 0].T, s=16, fc="white", ec=INK, lw=0.9, zorder=3)
    axes.scatter(*scores[:, -1].T, s=18, marker="s", fc=INK, lw=0, zorder=3)
    axes.autoscale_view()


def trajectories(dataset: xr.Dataset) -> Figure:
    """The states of every trial on their principal components, coloured by epoch.

    **Arguments:**

    - `dataset`: results with `pca` and `epoch_mask`.

    **Returns:** the figure, PC2 and PC3 against PC1, as far as there are components.

    **Raises:** `ValueError` where a variable is missing.
    """
    scores, epoch = array(dataset, "pca", "trial", "time", "pc"), epoch_of(dataset)
    pairs = [(0, pc) for pc in range(1, scores.shape[-1])] or [(0, 0)]
    with look():
        figure = Figure(figsize=(0.6 + 4.4 * len(pairs), 5.0), layout="constrained")
        for axes, (x, y) in zip(figure.subplots(1, len(pairs), squeeze=False).flat, pairs):
            axes.grid(True)
            _paths(axes, scores[:, :, [x, y]], epoch)
            axes.set(xlabel=_pc_label(dataset, x), ylabel=_pc_label(dataset, y))
            axes.tick_params(length=0)
            bare(axes)
        handles = [
            Line2D([], [], color=epoch_colour(e), lw=2.5, label=plain(short(name, 24)))
            for e, name in enumerate(labels(dataset, "epoch"))
        ]
        handles += [Line2D([], [], color="#b9bec6", lw=2.5, label="none")] * bool(
            (epoch < 0).any()
        )
        start = Line2D([], [], ls="", marker="o", mfc="white", mec=INK, label="start of trial")
        end = Line2D([], [], ls="", marker="s", mfc=INK, mec=INK, label="end of trial")
        figure.legend(handles=[*handles, start, end], loc="outside lower center", ncols=6)
        count = scores.shape[0]
        figure.suptitle(f"States of {count} trials on their first components", x=0.01, ha="left")
    return figure


def _ranked(axes: Axes, dataset: xr.Dataset, epoch: int, units: np.ndarray) -> None:
    value = array(dataset, "epoch_effect", "epoch", "unit")[epoch, units]
    low, high = (end[epoch, units] for end in interval(dataset, "epoch_effect", "epoch", "unit"))
    member = array(dataset, "member", "epoch", "unit")[epoch, units]
    rows, colour = np.arange(len(units)), epoch_colour(epoch)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.hlines(rows, low, high, color=colour, lw=2, alpha=0.55)
    axes.scatter(value[member], rows[member], s=34, color=colour, zorder=3)
    axes.scatter(value[~member], rows[~member], s=34, fc="white", ec=colour, lw=1.3, zorder=3)
    names = [plain(short(labels(dataset, "unit")[i], 14)) for i in units]
    if "truth" in dataset:
        truth = array(dataset, "truth", "epoch", "unit")[epoch, units]
        names = [f"{name} ★" if known else f"{name}    " for name, known in zip(names, truth)]
    axes.set_yticks(rows, names)
    axes.set_ylim(len(units) - 0.4, -0.6)
    axes.set_title(plain(short(labels(dataset, "epoch")[epoch], 24)))
    axes.grid(True, axis="x")
    axes.locator_params(axis="x", nbins=5)
    axes.tick_params(length=0)
    bare(axes)


def epoch_ranking(dataset: xr.Dataset, count: int = 12) -> Figure:
    """The units of largest absolute effect in each epoch, with their intervals.

    **Arguments:**

    - `dataset`: results with `epoch_effect` and `member`; intervals and truth where known.
    - `count`: how many units a panel.

    **Returns:** the figure, one panel per epoch on one axis of effects.

    **Raises:** `ValueError` where a variable is missing.
    """
    require(dataset, "epoch_effect", "member")
    epochs, rows = dataset.sizes["epoch"], min(count, dataset.sizes["unit"])
    columns = min(epochs, 4)
    lines = -(-epochs // columns)
    with look():
        size = (0.6 + 2.7 * columns, 1.3 + lines * (0.7 + 0.25 * rows))
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(lines, columns, squeeze=False, sharex=True)
        for e, axes in enumerate(grid.flat):
            if e < epochs:
                _ranked(axes, dataset, e, top_units(dataset, e, count))
            else:
                axes.set_visible(False)
        figure.supxlabel(
            plain(f"effect on {dataset.attrs.get('metric', 'F')}: F(intervened) − F(clean)"),
            fontsize=9,
        )
        dot = {"ls": "", "marker": "o", "mec": MUTED}
        handles = [
            Line2D([], [], mfc=MUTED, label="in the circuit", **dot),
            Line2D([], [], mfc="white", label="not in the circuit", **dot),
        ]
        if "truth" in dataset:
            handles.append(Line2D([], [], ls="", marker="*", c=INK, label="in the truth"))
        figure.legend(handles=handles, loc="outside upper right", ncols=3)
        figure.suptitle("Units of largest effect", x=0.01, ha="left")
    return figure


def _bars(axes: Axes, dataset: xr.Dataset, name: str, title: str) -> None:
    value = array(dataset, name, "epoch")
    low, high = interval(dataset, name, "epoch")
    rows = np.arange(len(value))
    axes.bar(rows, value, width=0.62, color=[epoch_colour(e) for e in rows], alpha=0.85)
    axes.vlines(rows, low, high, color=INK, lw=1.4)
    for e in np.flatnonzero(np.isnan(value)):
        axes.text(e, 0, "refused", rotation=90, ha="center", va="bottom", color=MUTED)
    for level in (0, 1):
        axes.axhline(level, color=MUTED, lw=0.8, ls="-" if level == 0 else (0, (4, 3)))
    axes.set_title(title)


def _recovery(axes: Axes, dataset: xr.Dataset, names: list[str]) -> None:
    marks = {"precision": "o", "recall": "D", "auroc": "^", "average_precision": "s"}
    offsets = 0.15 * (np.arange(len(names)) - (len(names) - 1) / 2)
    for name, offset in zip(names, offsets):
        value = array(dataset, name, "epoch")
        rows = np.arange(len(value)) + offset
        axes.vlines(rows, 0, value, color="#c9cdd3", lw=1.2)
        label = {"auroc": "AUROC"}.get(name, name.replace("_", " "))
        axes.plot(rows, value, ls="", marker=marks[name], ms=6, label=label, c=FOUND, mec="white")
    axes.set_title("Recovery of the truth")
    axes.set_ylim(0, 1.05)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=2, handletextpad=0.1)


def evaluation_bars(dataset: xr.Dataset) -> Figure:
    """Faithfulness and necessity of each epoch's circuit with intervals, and its recovery.

    **Arguments:**

    - `dataset`: results with `faithfulness` and `necessity`; precision, recall, AUROC and
      average precision where truth is known.

    **Returns:** the figure. A bar that was refused (NaN) says so.

    **Raises:** `ValueError` where a variable is missing.
    """
    require(dataset, "faithfulness", "necessity")
    known = [n for n in ("precision", "recall", "auroc", "average_precision") if n in dataset]
    panels, epochs = 3 if known else 2, dataset.sizes["epoch"]
    with look():
        width = max(3.0, 0.55 * epochs + 0.8)
        figure = Figure(figsize=(0.4 + width * panels, 3.9), layout="constrained")
        axes = figure.subplots(1, panels)
        _bars(axes[0], dataset, "faithfulness", "Faithfulness: keep only the circuit")
        _bars(axes[1], dataset, "necessity", "Necessity: drop the circuit")
        if known:
            _recovery(axes[2], dataset, known)
        names = [plain(short(name, 18)) for name in labels(dataset, "epoch")]
        for one in axes:
            one.set_xticks(range(epochs), names, rotation=25, ha="right", rotation_mode="anchor")
            one.set_xlim(-0.6, epochs - 0.4)
            one.grid(True, axis="y")
            one.tick_params(length=0)
            bare(one)
        axes[0].set_ylabel("share of the clean metric")
        figure.suptitle("Does the circuit do the work?", x=0.01, ha="left")
    return figure
