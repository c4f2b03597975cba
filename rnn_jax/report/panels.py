"""Single panels of arrays, on axes of one's own or as a figure: heat map, matrix, ranking.

    heat_map(effects)                                    # [window, unit], or a DataArray of it
    heat_map(found.dataset["effect"], ax=axes)
    matrix(connectivity, ax=axes, units=names)           # [to, from]
    ranking(effect, low=low, high=high, units=names)

Each returns the axes that it drew on; a notebook shows their `figure`, and `savefig` saves it.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from ..causal import mean_of_finite
from ..core.checks import at_least, axes, bools
from ..core.types import Numbers
from .style import DIVERGING, FOUND, MUTED, Sheet, bare, centred, colour_bar, fitting, look

if TYPE_CHECKING:
    import xarray as xr


def heat_map(
    effects: "Numbers | xr.DataArray",
    ax: Axes | None = None,
    edges: Numbers | None = None,
    norm: Normalize | None = None,
) -> Axes:
    """Effects over time: a column a window, a row a unit, on a signed root scale.

    **Arguments:**

    - `effects`: `[W, N]`; a DataArray in any order of its dims, whose `trial` is averaged.
    - `ax`: where to draw; by default on a new figure, with a bar for the colours.
    - `edges`: `[W + 1]` borders of the windows in steps; by default those of a DataArray with the
        coordinates `window_start` and `window_stop`, if its windows lie side by side. Without
        borders a column is a window's number.
    - `norm`: the scale of colours; by default centred at 0.

    **Returns:** the axes that were drawn on.

    **Raises:** `ValueError` where effects are not `[W, N]`, or edges do not fit.

    **Example:**

        >>> effects = np.array([[1.0, -2.0], [0.5, 3.0]])  # [window, unit]
        >>> ax = rj.report.heat_map(effects, edges=np.array([0, 5, 10]))
        >>> [float(end) for end in ax.get_xlim()]  # in steps
        [0.0, 10.0]
    """
    values, known = _over_units(effects)
    edges = known if edges is None else np.asarray(edges)
    if edges is not None and edges.shape != (len(values) + 1,):
        raise ValueError(f"edges must be [{len(values) + 1}], got {list(edges.shape)}")
    with look():
        own, ax = ax is None, _axes(ax, (8.0, min(9.0, 2.4 + 0.05 * values.shape[1])))
        rows = np.arange(values.shape[1] + 1)
        scale = centred(values, root=True) if norm is None else norm
        columns = np.arange(len(values) + 1) if edges is None else edges
        mesh = ax.pcolormesh(columns, rows, values.T, cmap=DIVERGING, norm=scale)
        across = "window" if edges is None else "time (steps)"
        ax.set(ylim=(len(rows) - 1, 0), xlabel=across, ylabel="unit")
        if own and values.shape[1] <= 32:  # axes of the caller's may have no room
            ax.set_yticks(rows[:-1] + 0.5, [str(row) for row in rows[:-1]])
        if own:
            said = "effect (root scale)" if norm is None else "effect"
            colour_bar(cast(Figure, ax.figure), mesh, ax, said)
    return ax


def matrix(
    values: Numbers,
    ax: Axes | None = None,
    units: Sequence[str] | None = None,
    norm: Normalize | None = None,
) -> Axes:
    """A matrix of connections `[to, from]`, on a scale centred at 0.

    **Arguments:**

    - `values`: `[N, N]`, `[to, from]`.
    - `ax`, `norm`: as for `heat_map`.
    - `units`: names of the units, written where there are at most 32.

    **Returns:** the axes that were drawn on.

    **Raises:** `ValueError` where values are no square matrix.

    **Example:**

        >>> ax = rj.report.matrix(np.array([[0.0, 2.0], [-1.0, 0.0]]), units=["a", "b"])
        >>> [text.get_text() for text in ax.get_xticklabels()], ax.get_xlabel(), ax.get_ylabel()
        (['a', 'b'], 'from', 'to')
    """
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        raise ValueError(f"values must be [N, N], [to, from], got {list(array.shape)}")
    count = len(array)
    if units is not None and len(units) != count:
        raise ValueError(f"units must be {count} names, got {len(units)}")
    with look():
        ax = _axes(ax, (4.2, 3.8))
        scale = centred(array) if norm is None else norm
        box = (0, count, count, 0)
        ax.imshow(array, cmap=DIVERGING, norm=scale, extent=box, interpolation="none")
        ax.set(xlabel="from", ylabel="to")
        if units is not None and count <= 32:
            places, names = np.arange(count) + 0.5, [fitting(name, 0.75, 8) for name in units]
            ax.set_xticks(places, names, rotation=90)
            ax.set_yticks(places, names)
    return ax


def ranking(
    effect: Numbers,
    ax: Axes | None = None,
    low: Numbers | None = None,
    high: Numbers | None = None,
    units: Sequence[str] | None = None,
    members: Numbers | None = None,
    count: int = 12,
) -> Axes:
    """The units of largest effect with their intervals, largest first; members in colour.

    **Arguments:**

    - `effect`, `low`, `high`: `[N]`; without ends no interval is drawn.
    - `ax`: as for `heat_map`.
    - `units`: names.
    - `members`: bool `[N]`.
    - `count`: how many.

    **Returns:** the axes that were drawn on.

    **Raises:** `ValueError` where effects are not `[N]`, or another argument does not fit.

    **Example:**

        >>> ax = rj.report.ranking(np.array([0.1, -3.0, 1.0]), units=["a", "b", "c"], count=2)
        >>> [text.get_text() for text in ax.get_yticklabels()]
        ['b', 'c']
    """
    ends = {name: (end, "N") for name, end in (("low", low), ("high", high)) if end is not None}
    if len(ends) == 1:
        raise ValueError("low and high must be given together: an interval has two ends")
    axes(effect=(effect, "N"), **ends)
    at_least(1, count=count)
    if members is not None:
        bools(members=members)
        axes(effect=(effect, "N"), members=(members, "N"))
    values = np.asarray(effect, float)
    if units is not None and len(units) != len(values):
        raise ValueError(f"units must be {len(values)} names, got {len(units)}")
    order = np.argsort(np.where(np.isnan(values), np.inf, -np.abs(values)), kind="stable")
    top = order[: min(count, int(np.sum(~np.isnan(values))))]
    names = [str(i) for i in range(len(values))] if units is None else list(units)
    inside = np.zeros(len(values), bool) if members is None else np.asarray(members)
    with look():
        ax = _axes(ax, (3.4, 0.24 * len(top) + 1.0))
        y, colours = np.arange(len(top)), [FOUND if inside[i] else MUTED for i in top]
        if low is not None and high is not None:
            ax.hlines(y, np.asarray(low)[top], np.asarray(high)[top], color=colours, lw=2)
        ax.scatter(values[top], y, color=colours, s=16, zorder=3)
        ax.axvline(0, color=MUTED, lw=0.7)
        ax.set_yticks(y, [fitting(names[i], 0.85, 8) for i in top])
        ax.invert_yaxis()
        ax.grid(axis="x")
        ax.locator_params(axis="x", nbins=4)
        ax.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
        bare(ax)
    return ax


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    return Sheet(figsize=size, layout="constrained").subplots() if ax is None else ax


def _over_units(effects: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Effects `[W, N]`, and the borders of their windows where these lie side by side."""
    if not hasattr(effects, "dims"):
        values = np.asarray(effects)
        if values.ndim != 2:
            raise ValueError(f"effects must be [windows, units], got {list(values.shape)}")
        return values, None
    rest = [name for name in effects.dims if name != "trial"]
    if set(rest) != {"window", "unit"}:
        raise ValueError(f"effects must have the dims window and unit, got {effects.dims}")
    table = effects.transpose("window", "unit", ...)
    values = table.values if "trial" not in table.dims else mean_of_finite(table.values)
    if "window_start" not in table.coords:
        return values, None
    start, stop = table["window_start"].values, table["window_stop"].values
    return values, np.append(start, stop[-1]) if (stop[:-1] == start[1:]).all() else None
