"""Trials: inputs, what is asked for, and the named windows in which it is asked.

trials = Trials(xs, targets, {"cue": cue, "delay": delay})    # epochs [B, T]
check_trials(trials)
"""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree, Shaped

from ..core.checks import at_least, axes, described, finite_trials, numbers, random_key
from .contrast import Contrast, check_contrast


class Trials(eqx.Module):
    """A batch of trials.

    - `xs`: `[B, T, ...]` inputs, a tree where noise is one.
    - `targets`: `[B, T, O]`, or `None`.
    - `epochs`: named windows `[B, T]`, which may differ between trials.
    - `contrasts`: what each trial may be compared with, by name.

    **Example:**

        >>> late = jnp.zeros((8, 20)).at[:, 10:].set(1.0)
        >>> rj.Trials(xs, None, {"early": 1 - late, "late": late}).xs.shape
        (8, 20, 2)
    """

    xs: PyTree[Shaped[Array, "B T ..."]]
    targets: Float[Array, "B T O"] | None
    epochs: dict[str, Float[Array, "B T"]]
    contrasts: dict[str, Contrast] = eqx.field(default_factory=dict)


def check_trials(trials: Trials) -> None:
    """Look at the numbers themselves, before anything runs.

    **Raises:** `ValueError` naming trial, time and channel of a number that is not finite,
    axes that do not fit, or an epoch that holds no step.

    **Example:**

        >>> broken = eqx.tree_at(lambda trials: trials.xs, trials, xs.at[3, 7, 1].set(jnp.nan))
        >>> rj.tasks.check_trials(broken)
        Traceback (most recent call last):
            ...
        ValueError: inputs: not finite at trial 3, time 7, channel 1
    """
    if not isinstance(trials, Trials) or not isinstance(trials.epochs, dict):
        raise ValueError(f"expected Trials with a dict of epochs, got {described(trials)}")
    leaves = jax.tree.leaves(trials.xs)
    if not leaves or any(jnp.ndim(leaf) < 2 for leaf in leaves) or 0 in leaves[0].shape[:2]:
        raise ValueError("inputs must be arrays [trials, time, ...], at least one of each")
    B, T = leaves[0].shape[:2]
    named = [("inputs", leaf) for leaf in leaves]
    named += [] if trials.targets is None else [("targets", trials.targets)]
    named += [(f"epoch {name!r}", window) for name, window in trials.epochs.items()]
    for name, array in named:
        shape = jnp.shape(numbers(name, array))
        if shape[:2] != (B, T):
            raise ValueError(
                f"{name} of shape {shape} does not fit {B} trials of {T} steps: its first two "
                "axes must be these"
            )
        finite_trials(name, array)
    if trials.targets is not None:
        axes(targets=(trials.targets, "B T O"))
    for name, window in trials.epochs.items():
        axes(**{f"epoch {name!r}": (window, "B T")})
        known = np.asarray(window)
        low, high = float(known.min()), float(known.max())
        if low < 0 or not 0 < high <= 1:
            raise ValueError(
                f"epoch {name!r} needs weights from 0 to 1, not all 0; got {low:g} to {high:g}"
            )
        if not isinstance(name, str) or not name.isprintable() or not name.strip():
            raise ValueError(f"an epoch needs a name that can be printed, got {name!r}")
    if not isinstance(trials.contrasts, Mapping):
        raise ValueError(f"contrasts must be a dict by name, got {described(trials.contrasts)}")
    for name, contrast in trials.contrasts.items():
        check_contrast(name, contrast, trials.xs)


def check_draw(key: Any, count: Any) -> None:
    """**Raises:** `ValueError` where it is no key, or no trials are asked for."""
    random_key(key)
    at_least(1, count=count)
