"""Contrasts: a run beside its foil, the same trial on inputs that differ in one thing.

    contrast = Contrast(foil, event=pulse_times, epochs={"hold": hold})
    trials = Trials(xs, targets, epochs, {"bit 0": contrast})

A question without a contrast ("which units matter?") has the answer "nearly all" in a trained
network. A contrast asks which units carry one difference, from its event to what is read of it.
"""

from collections.abc import Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from ..core.checks import described, finite_trials
from ..core.types import Numbers

READ = (2, 6)
"""Steps after a window's last that are read, where nothing else is said: from 2 to 5."""


class Contrast(eqx.Module):
    """What a trial is compared with, and where.

    - `foil`: the inputs of the foil, like the trials' `xs`; noise that is an input stays as it
        is. The two runs start from the same state.
    - `event`: `[B]`, the step of the one event of each trial, -1 where a trial has none; `None`
        for the first step at which inputs differ, and no later than that.
    - `epochs`: windows `[B, T]` of that event, by name; `None` for the event's own step and, as
        `later`, the sixth step after it.
    - `read`: weights `[B, T]` or `[B, T, O]` of the outputs that say what the effect is; `None`
        for all outputs from 2 to 5 steps after the window's end.
    - `circuit`: where the units outside a circuit hold the foil's states: from the `event` to
        the last step that is read, or inside the `epoch` alone.

    **Example:**

        >>> foil = xs.at[:, 5, 0].set(0.0)  # the same trials without what channel 0 said at step 5
        >>> contrast = rj.Contrast(foil)
        >>> rj.tasks.event_of(xs, contrast).tolist()
        [5, 5, 5, 5, 5, 5, 5, 5]
    """

    foil: PyTree[Shaped[Numbers, "B T ..."]]
    event: Int[Numbers, " B"] | None = None
    epochs: Mapping[str, Float[Numbers, "B T"]] | None = None
    read: Float[Numbers, "B T ..."] | None = None
    circuit: Literal["event", "epoch"] = eqx.field(static=True, default="event")


def first_difference(xs: PyTree, foil: PyTree) -> Int[np.ndarray, " B"]:
    """The first step at which the inputs of run and foil differ; -1 where they never do.

    **Example:**

        >>> foil = xs.at[:4, 12].set(0.0)  # of the first four trials alone
        >>> rj.tasks.first_difference(xs, foil)
        array([12, 12, 12, 12, -1, -1, -1, -1])
    """
    pairs = zip(jax.tree.leaves(xs), jax.tree.leaves(foil), strict=True)
    differ = [(np.asarray(x) != np.asarray(f)).reshape(*x.shape[:2], -1).any(-1) for x, f in pairs]
    anywhere = np.any(differ, 0)
    return np.where(anywhere.any(1), anywhere.argmax(1), -1)


def event_of(xs: PyTree, contrast: Contrast) -> Int[np.ndarray, " B"]:
    """The step of each trial's event, as the contrast or else its inputs say it; -1 for none.

    **Example:**

        >>> foil = xs.at[:, 12].set(0.0)
        >>> rj.tasks.event_of(xs, rj.Contrast(foil))
        array([12, 12, 12, 12, 12, 12, 12, 12])
    """
    given = contrast.event
    return first_difference(xs, contrast.foil) if given is None else np.asarray(given)


def one_of_each(key: PRNGKeyArray, may: Bool[np.ndarray, "B T"]) -> Int[np.ndarray, " B"]:
    """One of the steps that each trial may have its event at; -1 for a trial without any."""
    draws = np.asarray(jax.random.uniform(key, may.shape))
    return np.where(may.any(1), (may * (1 + draws)).argmax(1), -1)


def epochs_after(event: Int[np.ndarray, " B"], T: int, /, **spans: tuple[int, int]) -> dict:
    """Windows `[B, T]` by name, each `[event + start, event + stop)`; empty without an event.

    **Raises:** `ValueError` where `event` is no vector of steps, or a span is no
    `(start, stop)`.

    **Example:**

        >>> found = rj.tasks.epochs_after(np.array([2, -1]), 6, cue=(0, 2), delay=(2, 4))
        >>> print(found["delay"])  # the second trial has no event
        [[0. 0. 0. 0. 1. 1.]
         [0. 0. 0. 0. 0. 0.]]
    """
    event = np.asarray(event)
    if event.ndim != 1 or event.dtype.kind not in "iu":
        raise ValueError(f"event must be steps [trials], got {event.dtype} of shape {event.shape}")
    for name, ends in spans.items():
        if np.shape(ends) != (2,) or not ends[0] < ends[1]:
            raise ValueError(
                f"{name} must be (start, stop) in steps after the event, start first; got {ends}"
            )
    since = np.arange(T)[None] - event[:, None]
    dtype = jnp.zeros(()).dtype
    inside = lambda start, stop: (since >= start) & (since < stop) & (event >= 0)[:, None]
    return {name: inside(*ends).astype(dtype) for name, ends in spans.items()}


def check_contrast(name: Any, contrast: Any, xs: PyTree) -> None:
    """Look at a contrast before anything runs.

    **Raises:** `ValueError` where a shape does not fit the trials, a number is not finite, or an
    epoch holds no step.
    """
    what = f"contrast {name!r}"
    if not isinstance(contrast, Contrast):
        raise ValueError(f"{what} must be a Contrast, got {type(contrast).__name__}")
    shapes = [jax.tree.map(np.shape, tree) for tree in (contrast.foil, xs)]
    if jax.tree.structure(contrast.foil) != jax.tree.structure(xs):
        raise ValueError(f"{what}: a foil must be arrays like the inputs, {shapes[1]}")
    if shapes[0] != shapes[1]:
        raise ValueError(f"{what}: a foil of {shapes[0]} does not fit inputs of {shapes[1]}")
    for leaf in jax.tree.leaves(contrast.foil):
        finite_trials(f"{what}, foil", leaf)
    B, T = jax.tree.leaves(xs)[0].shape[:2]
    for leaf, x in zip(jax.tree.leaves(contrast.foil), jax.tree.leaves(xs), strict=True):
        if np.asarray(leaf).dtype.kind != np.asarray(x).dtype.kind:
            raise ValueError(f"{what}: a foil of {leaf.dtype} does not fit inputs of {x.dtype}")
    if not isinstance(contrast.epochs, dict | None):
        raise ValueError(
            f"{what}: epochs must be windows by name, got {described(contrast.epochs)}"
        )
    for text in (name, *(contrast.epochs or {})):
        if not isinstance(text, str) or not text.isprintable() or not text.strip() or ":" in text:
            raise ValueError(f"{what}: a name must be text that can be printed, without a colon")
    if contrast.circuit not in ("event", "epoch"):
        raise ValueError(f"{what}: circuit must be event or epoch, got {contrast.circuit!r}")
    _check_event(what, contrast.event, B, T)
    _check_first(what, contrast, xs)
    _check_read(what, contrast.read, B, T)
    for epoch, window in (contrast.epochs or {}).items():
        if np.shape(window) != (B, T):
            raise ValueError(f"{what}: {epoch!r} must be [{B}, {T}], got {np.shape(window)}")
        known = np.asarray(window)
        if not ((known >= 0) & (known <= 1)).all():
            raise ValueError(f"{what}: {epoch!r} must have weights from 0 to 1")
        if not known.any():
            raise ValueError(f"{what}: {epoch!r} holds no step")


def _check_read(what: str, read: Any, B: int, T: int) -> None:
    if read is None:
        return
    known = np.asarray(read)
    if known.ndim not in (2, 3) or known.shape[:2] != (B, T):
        raise ValueError(f"{what}: read must be [{B}, {T}] or of each output, got {known.shape}")
    if not (np.isfinite(known) & (known >= 0)).all() or not known.any():
        raise ValueError(f"{what}: read must have finite weights of at least 0, not all 0")


def _check_event(what: str, event: Any, B: int, T: int) -> None:
    if event is None:
        return
    known = np.asarray(event)
    if known.shape != (B,) or known.dtype.kind not in "iu":
        raise ValueError(f"{what}: event must be int [{B}], got {known.dtype} {known.shape}")
    if (known < -1).any() or (known >= T).any():
        raise ValueError(f"{what}: event must lie in [0, {T}), or be -1 for none")


def _check_first(what: str, contrast: Contrast, xs: PyTree) -> None:
    """A circuit is closed from the event on: what differs before would be in its units already."""
    if contrast.event is None or contrast.circuit == "epoch":
        return
    event, first = np.asarray(contrast.event), first_difference(xs, contrast.foil)
    late = np.flatnonzero((first >= 0) & (event > first))
    if len(late):
        b = late[0]
        raise ValueError(
            f"{what}: the event of trial {b} is step {event[b]}, its inputs differ from step "
            f"{first[b]} on: an event is no later than the first difference"
        )
