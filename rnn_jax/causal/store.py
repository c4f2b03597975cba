"""A long sweep, window by window, that can be interrupted and go on.

    effects = resumable(sweep, "runs/sweep", track=tqdm)(network, xs, targets, ...)

A finished window is one file, named by all that went into it. Asked again, the same sweep
reads what is there and runs only what is missing; another sweep reads nothing of it.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, PyTree

from ..core import Network
from ..core.checks import array, described, function
from ..core.network import num_units, output_shape
from ..core.types import Numbers
from ..core.units import group_masks
from .kept import fingerprint, recall
from .scores import Score
from .sweep.asked import check_edges, check_masks

Sweep = Callable[..., Array]
SWEEPS = {"sweep": group_masks, "sweep_edges": check_edges}  # what reads who is edited
UNSEEN = ("mesh", "allow_noop")  # options that do not change what is computed


def resumable(
    sweep: Sweep,
    folder: str | os.PathLike | None,
    track: Callable[[range], Iterable[int]] = iter,
) -> Sweep:
    """`sweep` or `sweep_edges`, one window at a time, each kept.

    A window that is killed on the way is run again; no other is. On one device the result has
    the same bytes as an uninterrupted one. With several processes the first one's folder counts.

    **Arguments:**

    - `sweep`: the sweep.
    - `folder`: where windows are kept, made if need be; `None` keeps nothing.
    - `track`: wraps the loop over windows, as `tqdm.tqdm` does.

    **Returns:** a function that is called as `sweep` is, all but the options by position.

    **Raises:** `ValueError` where it is given another function; and when called, as `sweep`.

    **Example:**

        >>> kept = rj.resumable(rj.sweep, None)  # a folder in the place of None
        >>> kept(network, xs, ys, rj.squared_error, [0, 1], rj.tiling(20, 10), 0.0).shape
        (2, 2, 8)
    """
    name = _check_call(sweep, folder, track)

    def run(
        network: Network,
        xs: PyTree,
        targets: Float[Numbers, "B T O"],
        score: Score,
        who: Numbers | list,
        windows: Float[Numbers, "W ..."],
        value: PyTree,
        **options: Any,
    ) -> Float[Array, "W G B"]:
        rows = SWEEPS[name](who, num_units(network))
        windows = array("windows", windows)
        if rows.ndim == 3 and len(rows) not in (1, len(windows)):
            raise ValueError(f"units of {len(rows)} windows do not fit {len(windows)} windows")
        check_masks("window", windows, options.get("allow_noop", False))

        def one(w: int) -> Array:
            # groups of this window, where windows have groups of their own
            own = rows[w : w + 1] if rows.ndim == 3 and len(rows) > 1 else rows
            return sweep(network, xs, targets, score, own, windows[w : w + 1], value, **options)

        steps = track(range(len(windows)))
        if folder is None:
            return _joined([one(w) for w in steps])
        # by what is computed, not by objects: a new process asks for the same files
        said = {key: option for key, option in options.items() if key not in UNSEEN}
        key = fingerprint(
            name, programs(network, xs, targets, score), network.h0,
            xs, targets, rows, windows, value, said,
        )  # fmt: skip
        home = Path(folder)
        keep = lambda w: recall(home / f"{key}-{w:05d}.npy", lambda: one(w))
        return _joined([keep(w) for w in steps])

    return run


def _joined(parts: list[Numbers]) -> Array:
    """One array of all windows, put together on the host unless they are traced."""
    # `jnp.concatenate` would be a program to compile for each number of windows
    if any(isinstance(part, Tracer) for part in parts):
        return jnp.concatenate(parts)
    return jnp.asarray(np.concatenate([np.asarray(part) for part in parts]))


def _check_call(sweep: Sweep, folder: Any, track: Any) -> str:
    """The name of the sweep, once it is one of ours."""
    name = getattr(sweep, "__name__", "")
    if name not in SWEEPS:
        raise ValueError(f"resumable takes {' or '.join(SWEEPS)}, got {name or sweep!r}")
    if not isinstance(folder, str | os.PathLike | None):
        raise ValueError(f"folder must be a path or None, got {described(folder)}")
    function("track", track)
    return name


def programs(network: Network, xs: PyTree, targets: Numbers, score: Score) -> tuple[str, ...]:
    """What a network and a score compute, as the compiler is told: weights and all."""
    # of one trial, and of one step: more is never seen by a score, or by a step
    x, target = jax.tree.map(lambda leaf: leaf[0, 0], xs), targets[0]
    y = output_shape(network)
    ys = jax.ShapeDtypeStruct((len(target), *y.shape), y.dtype)
    asked = (
        (network.step, (network.h0, x)),
        (network.readout, (network.h0,)),
        (score, (ys, target)),
    )
    # a new function each time: `jit` would answer for an equal callable with what it has seen
    return tuple(
        jax.jit(lambda *a, f=f: f(*a)).lower(*arguments).as_text() for f, arguments in asked
    )
