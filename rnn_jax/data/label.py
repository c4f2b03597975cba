"""Arrays with names: a sweep's or a Jacobian's result as an xarray DataArray.

effects = label(sweep(...), windows=windows, units=names)        # dims window, unit, trial
effects.sel(unit="7").mean("trial")
label(jacobians(step, run), "time to from", units=names)
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..core.checks import numbers
from ..core.types import Numbers

if TYPE_CHECKING:
    import xarray as xr

OF_UNITS = ("unit", "to", "from")


def label(
    values: Numbers,
    dims: str = "window unit trial",
    windows: Numbers | Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    name: str = "effect",
) -> "xr.DataArray":
    """An array with the names of its axes.

    **Arguments:**

    - `values`: any array; it is copied to the host.
    - `dims`: the names of its axes, a space between two. `window unit trial` is a sweep's result,
        `time to from` a Jacobian's, `window to from` effective connectivity's.
    - `windows`: names of windows or epochs, the coordinate of `window`; or masks `[W, T]`, which
        give the coordinates `window_start` and `window_stop`, the latter exclusive.
    - `units`: names of units, the coordinate of `unit`, `to` and `from`.
    - `name`: of the array.

    **Returns:** a DataArray. It is no pytree: it goes into no `jit`.

    **Raises:** `ValueError` where the number of axes, names or windows does not fit.
    """
    import xarray as xr

    array, axes = np.asarray(numbers("values", values)), tuple(dims.split())
    if array.ndim != len(axes):
        raise ValueError(f"dims {dims!r} name {len(axes)} axes, values have {list(array.shape)}")
    sizes = dict(zip(axes, array.shape, strict=True))
    coords: dict = {}
    if units is not None:
        coords |= {axis: _named("units", units, sizes[axis]) for axis in axes if axis in OF_UNITS}
    if windows is not None and "window" in sizes:
        coords |= _windows(windows, sizes["window"])
    return xr.DataArray(array, coords, axes, name)


def _windows(windows: Numbers | Sequence[str], count: int) -> dict:
    """Names of windows, or where each begins and ends."""
    if np.asarray(windows).dtype.kind in "US":
        return {"window": _named("windows", [str(name) for name in windows], count)}
    inside = np.asarray(windows) > 0
    if inside.ndim != 2 or len(inside) != count:
        raise ValueError(
            f"windows must be {count} names or [{count}, T], got {list(inside.shape)}"
        )
    return {
        "window_start": ("window", inside.argmax(1)),
        "window_stop": ("window", inside.shape[1] - inside[:, ::-1].argmax(1)),
    }


def _named(what: str, names: Sequence[str], count: int) -> list[str]:
    if len(names) != count:
        raise ValueError(f"{what} must be {count} names, got {len(names)}")
    return [str(name) for name in names]
