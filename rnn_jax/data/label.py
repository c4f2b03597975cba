"""Arrays with names: a sweep's or a Jacobian's result as an xarray DataArray.

effects = label(sweep(...), windows=windows, units=names)        # dims window, unit, trial
effects.sel(unit="7").mean("trial")
label(jacobians(step, run), "time to from", units=names)
"""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Bool

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
    - `windows`: names of windows or epochs, the coordinate of `window`; or masks `[W, T]` or
        `[W, B, T]`, which give the coordinates `window_start`, the first step of a window, and
        `window_stop`, the step after its last; a gap inside a window is not seen.
    - `units`: names of units, the coordinate of `unit`, `to` and `from`.
    - `name`: of the array.

    **Returns:** a DataArray. It is no pytree: it goes into no `jit`.

    **Raises:** `ValueError` where the number of axes, names or windows does not fit.

    **Example:**

        >>> windows = rj.tiling(20, 5)
        >>> effects = rj.sweep(network, xs, ys, rj.squared_error, [0, 1], windows, 0.0)
        >>> rj.label(effects, windows=windows).dims
        ('window', 'unit', 'trial')
    """
    import xarray as xr

    if not isinstance(dims, str) or len(set(dims.split())) != len(dims.split()):
        raise ValueError(f"dims must be different names in one string, got {dims!r}")
    array, axes = np.asarray(numbers("values", values)), tuple(dims.split())
    if array.ndim != len(axes):
        raise ValueError(f"dims {dims!r} name {len(axes)} axes, values have {list(array.shape)}")
    sizes = dict(zip(axes, array.shape, strict=True))
    coords: dict = {}
    if units is not None:
        if not set(axes) & set(OF_UNITS):
            raise ValueError(
                f"units name the axes {', '.join(OF_UNITS)}, which dims {dims!r} lack"
            )
        coords |= {axis: _named("units", units, sizes[axis]) for axis in axes if axis in OF_UNITS}
    if windows is not None:
        if "window" not in sizes:
            raise ValueError(f"windows name the axis window, which dims {dims!r} lack")
        coords |= _windows(windows, sizes["window"])
    return xr.DataArray(array, coords, axes, name)


def _windows(windows: Any, count: int) -> dict:
    """Names of windows, or the first step of each and the step after its last."""
    if not isinstance(windows, jax.Array | np.ndarray):
        windows = list(windows)
        if all(isinstance(name, str) for name in windows):
            return {"window": _named("windows", windows, count)}
    inside = np.asarray(numbers("windows", windows)) > 0
    inside = inside.any(1) if inside.ndim == 3 else inside
    if inside.ndim != 2 or len(inside) != count:
        raise ValueError(
            f"windows must be {count} names or [{count}, T], got {list(inside.shape)}"
        )
    if not inside.any(1).all():
        raise ValueError(f"window {int(inside.any(1).argmin())} is empty")
    return window_ends(inside)


def window_ends(inside: Bool[np.ndarray, "W T"]) -> dict[str, tuple[str, np.ndarray]]:
    """The coordinates of windows: the first step of each, and the step after its last.

    **Arguments:**

    - `inside`: bool `[W, T]`, none of them empty.

    **Returns:** `window_start` and `window_stop`, each with its axis, as xarray takes them.
    """
    return {
        "window_start": ("window", inside.argmax(1)),
        "window_stop": ("window", inside.shape[1] - inside[:, ::-1].argmax(1)),
    }


def _named(what: str, names: Any, count: int) -> list[str]:
    known = list(names) if isinstance(names, Iterable) else None
    if known is None or len(known) != count:
        got = f"{names!r}" if known is None else len(known)
        raise ValueError(f"{what} must be {count} names, got {got}")
    return [str(name) for name in known]
