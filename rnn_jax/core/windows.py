"""Windows: float arrays over time, so that time is data and never shape.

A window is `[T]`, a set of them `[W, T]`; an epoch is a window with a name. Fractions are
allowed, since a window multiplies a mask:

    sliding(100, width=20, stride=10)         # [9, 100]
    around(100, times=[30, 60], before=0, after=5)
    during(100, 0.02, 0.4, 1.0)               # in units of time: steps 20 to 49
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .checks import finite_number, positive, whole_number


def _check(name: str, value: int, low: int, high: int | None = None) -> None:
    whole = whole_number(name, value)
    if whole < low or (high is not None and whole > high):
        bound = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"{name} must be {bound}, got {value}")


def _rows(T: int, ends: Sequence[tuple[int, int]]) -> np.ndarray:
    """Windows from their first steps and the steps after their last, made on the host."""
    rows = np.zeros((len(ends), T))
    for row, (start, stop) in zip(rows, ends, strict=True):
        row[start:stop] = 1
    return rows


def span(T: int, start: int, stop: int) -> Float[Array, " T"]:
    """The window `[start, stop)` of `T` steps.

    **Raises:** `ValueError` where it is empty or leaves the trial.

    **Example:**

        >>> rj.span(6, 2, 4).tolist()
        [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]
    """
    _check("T", T, 1)
    _check("start", start, 0, T - 1)
    _check("stop", stop, start + 1, T)
    return jnp.asarray(_rows(T, [(start, stop)])[0])


def during(T: int, dt: float, start: float, stop: float) -> Float[Array, " T"]:
    """The window from `start` to `stop` in units of time: `span(T, start / dt, stop / dt)`.

    Step t goes from `t dt` to `(t + 1) dt`, and `hs[t]` is the state at its end. The window has
    those steps whose end lies in `(start, stop]`, so that states that are held at step `dt` are
    held at step `dt / 2` too, up to the same time.

    **Arguments:**

    - `T`, `dt`: the number of steps, and the length of one.
    - `start`, `stop`: in the unit of `dt`.

    **Returns:** float `[T]`, 1 inside.

    **Raises:** `ValueError` where no step ends inside, the window leaves the trial, or a time is
    not a finite number.

    **Example:**

        >>> rj.core.during(10, 0.1, start=0.2, stop=0.5).tolist()
        [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    """
    _check("T", T, 1)
    positive("dt", dt)
    ends = finite_number("start", start), finite_number("stop", stop)
    # the last step to end at a time or before it; a time is some step's end up to rounding
    first, last = (int(np.floor(time / dt + 1e-6)) for time in ends)
    if not 0 <= first < last <= T:
        raise ValueError(
            f"a window needs 0 <= start < stop <= {T * dt:.9g} and a step that ends inside, got "
            f"{start} to {stop} at dt = {dt}"
        )
    return jnp.asarray(_rows(T, [(first, last)])[0])


def sliding(T: int, width: int, stride: int = 1) -> Float[Array, "W T"]:
    """Every window of `width` steps that starts at a multiple of `stride` and fits in `T`.

    **Raises:** `ValueError` where the width leaves the trial or the stride is below 1.

    **Example:**

        >>> rj.sliding(6, 4, 2).tolist()
        [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0, 1.0, 1.0]]
    """
    _check("T", T, 1)
    _check("width", width, 1, T)
    _check("stride", stride, 1)
    return jnp.asarray(_rows(T, [(s, s + width) for s in range(0, T - width + 1, stride)]))


def tiling(T: int, width: int) -> Float[Array, "W T"]:
    """Windows of `width` steps side by side that cover all of `T`; the last may be shorter.

    **Raises:** `ValueError` where the width leaves the trial.

    **Example:**

        >>> rj.tiling(6, 4).tolist()
        [[1.0, 1.0, 1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]]
    """
    _check("T", T, 1)
    _check("width", width, 1, T)
    return jnp.asarray(_rows(T, [(s, s + width) for s in range(0, T, width)]))


def around(T: int, times: Sequence[int], before: int, after: int) -> Float[Array, "W T"]:
    """The window `[time - before, time + after)` of each event, clipped to the trial.

    **Raises:** `ValueError` where an event lies outside the trial or the window is empty.

    **Example:**

        >>> rj.around(6, [1, 5], before=1, after=2).tolist()
        [[1.0, 1.0, 1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0]]
    """
    _check("T", T, 1)
    if np.ndim(times) != 1 or len(times) == 0:
        raise ValueError(f"around needs a list of at least one event time, got {times!r}")
    for time in times:
        _check("an event time", time, 0, T - 1)
    for name, steps in (("before", before), ("after", after)):
        whole_number(name, steps)
    _check("before + after", before + after, 1)
    ends = [(max(int(t) - before, 0), int(t) + after) for t in np.asarray(times)]
    if empty := [t for t, (start, stop) in zip(times, ends) if start >= min(stop, T)]:
        raise ValueError(f"the window around step {empty[0]} lies outside the trial of {T} steps")
    return jnp.asarray(_rows(T, ends))


def first(window: Float[Array, " T"]) -> Float[Array, " T"]:
    """The window's first step alone: what a pulse uses.

    **Example:**

        >>> rj.core.first(rj.span(6, 2, 5)).tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    """
    inside = window > 0
    return window * (inside & (jnp.cumsum(inside) == 1)).astype(window.dtype)
