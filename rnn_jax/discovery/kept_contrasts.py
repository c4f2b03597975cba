"""The contrasts of trials as variables of a run's dataset, and back: a run asks the same again.

variables, coords = contrast_variables(trials, outputs=3)
trials.contrasts == contrasts_of(data)
"""

from typing import TYPE_CHECKING, Any, Literal

import jax.numpy as jnp
import numpy as np

from ..core.checks import floats
from ..tasks import Contrast, Trials

if TYPE_CHECKING:
    import xarray as xr

NONE = -2
"""An event that is nobody's to say: the first step at which inputs differ."""


def contrast_variables(trials: Trials, outputs: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Foils, events, reads and windows of a subject's own contrasts; nothing for inputs in parts.

    **Arguments:**

    - `trials`: whose contrasts are kept.
    - `outputs`: the number of outputs, over which a read `[B, T]` is spread.

    **Returns:** variables with their dims, and coordinates.
    """
    found = trials.contrasts
    if not found or getattr(trials.xs, "ndim", 0) != 3:
        return {}, {}
    B, T = trials.xs.shape[:2]
    windows = [(n, e, w) for n, c in found.items() for e, w in (c.epochs or {}).items()]
    nobody = np.full(B, NONE)
    events = [nobody if c.event is None else np.asarray(c.event) for c in found.values()]
    variables: dict[str, Any] = {
        "foil": (
            ("contrast", "trial", "time", "input"),
            np.stack([np.asarray(c.foil) for c in found.values()]),
        ),
        "event": (("contrast", "trial"), np.stack(events)),
        "read": (
            ("contrast", "trial", "time", "output"),
            np.stack([_read(c, (B, T, outputs)) for c in found.values()]),
        ),
    }
    if windows:
        rows = np.stack([np.asarray(window) for *_, window in windows])
        variables["contrast_mask"] = (("contrast_window", "trial", "time"), rows)
    coords = {
        "contrast": list(found),
        "circuit_over": ("contrast", [c.circuit for c in found.values()]),
        "window_contrast": ("contrast_window", [name for name, *_ in windows]),
        "window_name": ("contrast_window", [epoch for _, epoch, _ in windows]),
    }
    return variables, coords


def _read(contrast: Contrast, shape: tuple[int, int, int]) -> np.ndarray:
    """Weights of the outputs; NaN where nothing is said."""
    if contrast.read is None:
        return np.full(shape, np.nan)
    read = np.asarray(contrast.read, float)
    return np.broadcast_to(read.reshape(*shape[:2], -1), shape)


def contrasts_of(data: "xr.Dataset") -> dict[str, Contrast]:
    """The contrasts that `contrast_variables` has written."""
    if "foil" not in data:
        return {}
    rows = lambda name, *dims: data[name].transpose(*dims).values
    foils = rows("foil", "contrast", "trial", "time", "input")
    events = rows("event", "contrast", "trial")
    reads = rows("read", "contrast", "trial", "time", "output")
    owners, names = (
        list(map(str, data[part].values)) for part in ("window_contrast", "window_name")
    )
    masks = rows("contrast_mask", "contrast_window", "trial", "time") if owners else []
    found = {}
    for k, name in enumerate(map(str, data["contrast"].values)):
        epochs = {e: floats(w) for e, w, o in zip(names, masks, owners, strict=True) if o == name}
        over: Literal["event", "epoch"] = (
            "epoch" if str(data["circuit_over"].values[k]) == "epoch" else "event"
        )
        found[name] = Contrast(
            floats(foils[k]) if foils.dtype.kind == "f" else jnp.asarray(foils[k]),
            None if (events[k] == NONE).all() else jnp.asarray(events[k], int),
            epochs or None,
            None if np.isnan(reads[k]).any() else floats(reads[k]),
            over,
        )
    return found
