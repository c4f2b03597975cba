"""One look for all figures: palette, diverging scale, epoch strip.

    with look():
        figure = Figure(figsize=(8, 4), layout="constrained")
    epoch_strip(axes, dataset)

The palette is Okabe and Ito's, which stays legible to the colour blind (Okabe & Ito, "Color
Universal Design", 2008); effects and connectivity use one diverging scale centred at 0.
"""

import functools
import io
from contextlib import AbstractContextManager
from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import FuncNorm, Normalize, to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from .view import epoch_share, group_spans, labels

INK, MUTED, GRID = "#22262b", "#69707a", "#dfe2e6"
FOUND, MISSED = "#0072B2", "#D55E00"
DIVERGING = "RdBu_r"
PALETTE = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#332288", "#999933",
    "#882255", "#44AA99", "#DDCC77", "#661100",
)  # fmt: skip
EPOCHS = (
    "#E69F00", "#56B4E9", "#CC79A7", "#999933", "#44AA99", "#9A4A3A", "#8873C9", "#DDCC77",
)  # fmt: skip
"""The colours of epochs in figures and pages: legible on white and on black, and none of those
that mean something else."""

_LOOK: dict[Any, Any] = {
    "font.size": 9,
    "font.family": "DejaVu Sans",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "white",
    "figure.titlesize": 12,
    "figure.titleweight": "bold",
}


class Sheet(Figure):
    """A figure that a notebook shows, though pyplot knows nothing of it."""

    def _repr_png_(self) -> bytes:
        image = io.BytesIO()
        self.savefig(image, format="png", dpi=110)
        return image.getvalue()


def look() -> AbstractContextManager:
    """The settings under which every figure is made; the caller's own are left alone."""
    return matplotlib.rc_context(_LOOK)  # pyright: ignore[reportArgumentType]


def plain(text: str) -> str:
    """A user's string as it stands: without it a dollar sign would start a formula."""
    return text.replace("$", r"\$")


def short(text: str, width: int) -> str:
    """A string cut to `width` characters, the cut shown; its end stays, where numbers stand."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 3
    return text[: width - 1 - tail] + "…" + text[len(text) - tail :]


def counted(number: int | np.integer, what: str) -> str:
    """A number and what it counts: `1 point`, `2 points`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def fitting(text: str, inches: float | int, size: float | int, weight: str = "normal") -> str:
    """A user's string as `plain` gives it, cut until it is at most so wide on paper.

    **Arguments:**

    - `text`: any string; blanks and line ends become one blank each.
    - `inches`: the room.
    - `size`, `weight`: of the font, the size in points.
    """
    room = 72 * inches / size / 1.06  # letters are set on whole pixels, wider than designed
    text = " ".join(text.split())
    for width in range(min(len(text), 80), 0, -1):
        cut = short(text, width)
        if sum(_advance(letter, weight) for letter in cut) <= room:
            return plain(cut)
    return ""


@functools.cache
def _advance(letter: str, weight: str) -> float:
    """A letter's width in shares of the font's size. To lay texts out costs seconds a figure."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight=weight)))
    font.set_size(100, 72)
    return font.load_char(ord(letter)).linearHoriAdvance / 65536 / 100


def epoch_colour(epoch: int | np.integer) -> str:
    """The colour of an epoch, by its number: the same in every figure and on every page."""
    return EPOCHS[epoch % len(EPOCHS)]


def centred(*values: np.ndarray, root: bool = False) -> Normalize:
    """A scale from -m to m, m the 99.5th percentile of the absolute values.

    **Arguments:**

    - `values`: what will be drawn.
    - `root`: whether colour goes with the signed square root, so that small values show.
    """
    sizes = np.abs(np.concatenate([np.ravel(v) for v in values]))
    sizes = sizes[np.isfinite(sizes)]
    top = float(np.quantile(sizes, 0.995)) if sizes.size else 0.0
    top = top or (float(sizes.max()) if sizes.size else 0.0) or 1.0
    if not root:
        return Normalize(-top, top)
    forward = lambda x: np.sign(x) * np.sqrt(np.abs(x))
    return FuncNorm((forward, lambda x: np.sign(x) * x**2), -top, top)


def epoch_strip(axes: Axes, dataset: xr.Dataset) -> None:
    """Draw the epochs as rows over time, as strong as the share of trials that are in them."""
    share = epoch_share(dataset)
    rgba = np.ones((*share.shape, 4))
    for e, row in enumerate(share):
        rgba[e, :, :3] = to_rgba(epoch_colour(e))[:3]
        rgba[e, :, 3] = row
    axes.imshow(
        rgba,
        aspect="auto",
        interpolation="nearest",
        extent=(0, share.shape[1], len(share) - 0.5, -0.5),
    )
    axes.set_yticks(range(len(share)), [fitting(n, 1.2, 8) for n in labels(dataset, "epoch")])
    axes.tick_params(length=0, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
    for y in np.arange(0.5, len(share) - 1):
        axes.axhline(y, color="white", lw=1.5)


def group_rules(axes: Axes, dataset: xr.Dataset, both: bool = False) -> None:
    """Rules between the groups of units on the vertical axis, and on the other if `both`."""
    for _, start, _ in group_spans(dataset)[1:]:
        axes.axhline(start, color=INK, lw=0.7)
        if both:
            axes.axvline(start, color=INK, lw=0.7)


def colour_bar(
    figure: Figure, shown: Any, axes: Axes | list[Axes] | np.ndarray, said: str, **where: Any
) -> None:
    """A bar for what the colours of an image mean; pointed where values lie beyond the scale.

    **Arguments:**

    - `figure`: that both are in.
    - `shown`: the image or mesh.
    - `axes`: beside which the bar stands.
    - `said`: its label.
    - `where`: options of `Figure.colorbar`.
    """
    values, scale = np.ma.compressed(shown.get_array()), shown.norm
    beyond = bool((values < scale.vmin).any()), bool((values > scale.vmax).any())
    ends = ("neither", "max", "min", "both")[2 * beyond[0] + beyond[1]]
    bar = figure.colorbar(shown, ax=axes, extend=ends, **where)
    bar.set_label(said, color=INK)
    bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue]


def bare(axes: Axes) -> None:
    """Take away the frame's top and right, which say nothing."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
