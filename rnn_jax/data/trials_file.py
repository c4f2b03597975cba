"""Trials from a file: one `.npz` with inputs, and optionally targets and epochs.

    numpy.savez("trials.npz", inputs=xs, targets=ys, epoch_cue=cue, epoch_delay=times)
    trials = load_trials("trials.npz")

- `inputs`: `[B, T, I]`; `targets`: `[B, T, O]`.
- `epoch_NAME`: a window `[T]` or `[B, T]` of weights, or integers `[2]` or `[B, 2]`: the first
    step and the one past the last, of all trials or of each.
"""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..tasks import Trials, check_trials
from .npz import load_npz

PREFIX = "epoch_"


def load_trials(path: str | Path) -> Trials:
    """Read trials from an `.npz` of the layout above.

    **Raises:** `ValueError` naming the file, the array, and what was got and expected.
    """
    path = Path(path)
    arrays = load_npz(path)
    known = {name for name in arrays if name.startswith(PREFIX)} | {"inputs", "targets"}
    if unknown := sorted(set(arrays) - known):
        raise ValueError(
            f"{path} holds {', '.join(unknown)}; known are inputs, targets, {PREFIX}NAME"
        )
    if "inputs" not in arrays:
        raise ValueError(f"{path} holds no array 'inputs' [trials, time, inputs]")
    xs = _array(path, arrays, "inputs")
    targets = _array(path, arrays, "targets") if "targets" in arrays else None
    if targets is not None and targets.shape[:2] != xs.shape[:2]:
        raise ValueError(
            f"{path}: targets of shape {targets.shape} do not fit inputs of shape {xs.shape}: the "
            "first two axes are trials and time"
        )
    epochs = {
        name.removeprefix(PREFIX): epoch_window(name, array, *xs.shape[:2])
        for name, array in arrays.items()
        if name.startswith(PREFIX)
    }
    trials = Trials(xs, targets, epochs)
    check_trials(trials)
    return trials


def _array(path: Path, arrays: dict[str, np.ndarray], name: str) -> Float[Array, "B T D"]:
    array = arrays[name]
    if array.ndim != 3 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"{path}: {name} must be numbers [trials, time, {name}], got {array.dtype} of shape "
            f"{array.shape}"
        )
    if 0 in array.shape[:2]:
        raise ValueError(f"{path}: {name} of shape {array.shape} holds no trial or no time step")
    return jnp.asarray(array, jnp.zeros(()).dtype)


def epoch_window(name: str, array: np.ndarray, B: int, T: int) -> Float[Array, "B T"]:
    """Weights `[B, T]` from a window `[T]` or `[B, T]`, or integer times `[2]` or `[B, 2]`.

    **Raises:** `ValueError` where it is of another shape, or leaves the trial.
    """
    dtype = jnp.zeros(()).dtype
    if array.dtype.kind in "iu" and array.shape in ((2,), (B, 2)) and T != 2:
        start, stop = np.broadcast_to(array, (B, 2)).T[:, :, None]
        if (start < 0).any() or (stop > T).any() or (start >= stop).any():
            raise ValueError(f"{name}: times must satisfy 0 <= start < stop <= {T}")
        steps = np.arange(T)[None]
        return jnp.asarray((steps >= start) & (steps < stop), dtype)
    if array.dtype.kind not in "fiub" or array.shape not in ((T,), (B, T)):
        raise ValueError(
            f"{name}: expected a window [{T}] or [{B}, {T}], or integer times [2] or [{B}, 2]; "
            f"got {array.dtype} of shape {array.shape}"
        )
    return jnp.asarray(np.broadcast_to(array, (B, T)), dtype)
