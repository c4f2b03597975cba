"""Trials from a file: one `.npz` with inputs, and optionally targets, epochs and contrasts.

    numpy.savez("trials.npz", inputs=xs, targets=ys, epoch_cue=cue, epoch_delay=times)
    trials = load_trials("trials.npz")

- `inputs`: `[B, T, I]`; `targets`: `[B, T, O]`.
- `epoch_NAME`: a window `[T]` or `[B, T]` of weights, or integers `[2]` or `[B, 2]`: the first
    step and the one past the last, of all trials or of each.
- `foil_NAME`: inputs `[B, T, I]` of a contrast's foils; with it, `event_NAME` `[B]`, the step of
    each trial's event, -1 for none; `read_NAME` `[B, T]` or `[B, T, O]`, weights of the outputs
    that are read; and `epoch_NAME.EPOCH`, windows of that event alone, as above.
"""

from collections.abc import Iterable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..tasks import Contrast, Trials, check_trials
from .npz import load_npz

PREFIX = "epoch_"
PREFIXES = (PREFIX, "foil_", "event_", "read_")


def load_trials(path: str | Path) -> Trials:
    """Read trials from an `.npz` of the layout above.

    **Raises:** `ValueError` naming the file, the array, and what was got and expected.

    **Example:**

        >>> np.savez(folder / "trials.npz", inputs=xs, targets=ys, epoch_cue=np.array([0, 5]))
        >>> read = rj.data.load_trials(folder / "trials.npz")
        >>> read.xs.shape, read.epochs["cue"].sum(1).tolist()[:2]  # five steps of each trial
        ((8, 20, 2), [5.0, 5.0])
    """
    arrays = load_npz(Path(path))
    try:
        return _trials(arrays)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _trials(arrays: dict[str, np.ndarray]) -> Trials:
    known = {name for name in arrays if name.startswith(PREFIXES)} | {"inputs", "targets"}
    if unknown := sorted(set(arrays) - known):
        words = ", ".join(f"{prefix}NAME" for prefix in PREFIXES)
        raise ValueError(
            f"unknown arrays {', '.join(unknown)}; known are inputs, targets, {words}"
        )
    if "inputs" not in arrays:
        raise ValueError("there is no array 'inputs' [trials, time, inputs]")
    xs = _array(arrays, "inputs")
    targets = _array(arrays, "targets") if "targets" in arrays else None
    if targets is not None and targets.shape[:2] != xs.shape[:2]:
        raise ValueError(
            f"targets of shape {targets.shape} do not fit inputs of shape {xs.shape}: the "
            "first two axes are trials and time"
        )
    contrasts = _contrasts(arrays, xs)
    for name in arrays if contrasts else ():
        if name.startswith(PREFIX) and "." in name and _owner(name, contrasts) is None:
            raise ValueError(f"{name} speaks of no foil; foils are {', '.join(contrasts)}")
    epochs = {
        name.removeprefix(PREFIX): epoch_window(name, array, *xs.shape[:2])
        for name, array in arrays.items()
        if name.startswith(PREFIX) and _owner(name, contrasts) is None
    }
    trials = Trials(xs, targets, epochs, contrasts)
    check_trials(trials)
    return trials


def _owner(name: str, contrasts: Iterable[str]) -> str | None:
    """The contrast that `epoch_NAME.EPOCH` speaks of; `None` for an epoch of the trials."""
    owner = name.removeprefix(PREFIX).rpartition(".")[0]
    return owner if owner in set(contrasts) else None


def _contrasts(arrays: dict[str, np.ndarray], xs: Float[Array, "B T I"]) -> dict[str, Contrast]:
    """The contrasts of a file: whatever has a foil."""
    names = [name.removeprefix("foil_") for name in arrays if name.startswith("foil_")]
    for name in arrays:
        what, _, contrast = name.partition("_")
        if what in ("event", "read") and contrast not in names:
            raise ValueError(f"{name} speaks of no foil; foil_{contrast} is not there")
    found = {}
    for name in names:
        own = {k: a for k, a in arrays.items() if _owner(k, [name]) and k.startswith(PREFIX)}
        epochs = {
            k.rpartition(".")[2]: epoch_window(k, array, *xs.shape[:2]) for k, array in own.items()
        }
        event, read = arrays.get(f"event_{name}"), arrays.get(f"read_{name}")
        found[name] = Contrast(
            _array(arrays, f"foil_{name}"),
            None if event is None else _integers(f"event_{name}", event),
            epochs or None,
            None if read is None else _weights(f"read_{name}", read, xs.shape[:2]),
        )
    return found


def _weights(name: str, array: np.ndarray, lead: tuple[int, ...]) -> Float[Array, "B T ..."]:
    if array.dtype.kind not in "fiub" or array.ndim not in (2, 3) or array.shape[:2] != lead:
        raise ValueError(
            f"{name} must be weights {list(lead)} or of each output, got {array.dtype} of "
            f"shape {array.shape}"
        )
    return jnp.asarray(array, jnp.zeros(()).dtype)


def _integers(name: str, array: np.ndarray) -> Int[Array, " B"]:
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise ValueError(
            f"{name} must be integers [trials], got {array.dtype} of shape {array.shape}"
        )
    return jnp.asarray(array, int)


def _array(arrays: dict[str, np.ndarray], name: str) -> Float[Array, "B T D"]:
    array = arrays[name]
    if array.ndim != 3 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} must be numbers [trials, time, {name}], got {array.dtype} of shape "
            f"{array.shape}"
        )
    if 0 in array.shape[:2]:
        raise ValueError(f"{name} of shape {array.shape} holds no trial or no time step")
    return jnp.asarray(array, jnp.zeros(()).dtype)


def epoch_window(name: str, array: np.ndarray, B: int, T: int) -> Float[Array, "B T"]:
    """Weights `[B, T]` from a window `[T]` or `[B, T]`, or integer times `[2]` or `[B, 2]`.

    **Raises:** `ValueError` where it is of another shape, or leaves the trial.

    **Example:**

        >>> rj.data.epoch_window("cue", np.array([1, 3]), B=2, T=5).tolist()  # steps 1 and 2
        [[0.0, 1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0, 0.0]]
    """
    dtype = jnp.zeros(()).dtype
    if array.dtype.kind in "iu" and array.shape in ((2,), (B, 2)) and T != 2:
        start, stop = np.broadcast_to(array, (B, 2)).T[:, :, None]
        if (start < 0).any() or (stop > T).any() or (start >= stop).any():
            ends = f"{start.min()} to {stop.max()}"
            raise ValueError(f"{name}: times must satisfy 0 <= start < stop <= {T}, got {ends}")
        steps = np.arange(T)[None]
        return jnp.asarray((steps >= start) & (steps < stop), dtype)
    if array.dtype.kind not in "fiub" or array.shape not in ((T,), (B, T)):
        raise ValueError(
            f"{name}: expected a window [{T}] or [{B}, {T}], or integer times [2] or [{B}, 2]; "
            f"got {array.dtype} of shape {array.shape}"
        )
    return jnp.asarray(np.broadcast_to(array, (B, T)), dtype)
