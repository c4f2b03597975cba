"""Silencing: what setting units to 0 does to the prediction of pyramidal cells.

    groups = equal_sets(anatomy, known, key, 40)
    lost = silenced(network, frames, groups.sets, windows, outcome)        # [W, G, B]

What is read is the error of the pyramidal outputs from the event on. No interneuron is read by
them, so that whatever silencing interneurons does, it does through other units.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...causal.sweep import sweep
from ...cells import Anatomy, members
from ...circuits.random_sets import random_sets
from ...core import Network
from ...core.types import Numbers

TYPES = ("Vip", "Sst", "Pyr")
SUBSETS = 8
"""Subsets of the Sst and of the pyramidal units, over which their effects are averaged."""


class Outcome(eqx.Module):
    """`mean_{t, p read} (y - target)^2`: what silencing is measured by.

    - `read`: weights `[T, P]` that sum to 1.
    """

    read: Float[Array, "T P"]

    def __call__(self, ys: Float[Array, "T P"], targets: Float[Array, "T P"]) -> Array:
        return jnp.sum(self.read * (ys - targets) ** 2)


class EqualSets(NamedTuple):
    """Sets of as many units as there are Vip units.

    - `sets`: `[G, N]`.
    - `of`: `[G]`: `Vip`, `Sst`, `Pyr`, or `random` for interneurons drawn without regard to type.
    """

    sets: Float[np.ndarray, "G N"]
    of: np.ndarray


def units_of(anatomy: Anatomy, known: Bool[np.ndarray, " P"], type_: str) -> np.ndarray:
    """1 for the units of a type in the populations that have a file, `[N]`."""
    chosen = np.array([name.endswith(f" {type_}") for name in anatomy.names]) & known
    return chosen.astype(float) @ members(anatomy)


def equal_sets(
    anatomy: Anatomy, known: Bool[np.ndarray, " P"], key: PRNGKeyArray, draws: int
) -> EqualSets:
    """The Vip units, and sets as large of other types and of interneurons at random.

    **Arguments:**

    - `anatomy`, `known`: the populations, and which have a file.
    - `key`: draws sets; `draws`: how many of interneurons at random.

    **Returns:** `EqualSets`; without Vip or Sst units, none.
    """
    by_type = {type_: units_of(anatomy, known, type_) for type_ in TYPES}
    vip, size = by_type["Vip"], int(by_type["Vip"].sum())
    if not size or by_type["Sst"].sum() < size or by_type["Pyr"].sum() < size:
        return EqualSets(np.zeros((0, anatomy.units)), np.zeros(0, str))
    keys = jax.random.split(key, 3)
    sst, pyr = (
        _within(by_type[type_], size, k, SUBSETS)
        for type_, k in zip(("Sst", "Pyr"), keys, strict=False)
    )
    random = _within(vip + by_type["Sst"], size, keys[2], draws)
    sets = np.concatenate([vip[None], sst, pyr, random])
    of = np.repeat(["Vip", "Sst", "Pyr", "random"], [1, SUBSETS, SUBSETS, draws])
    return EqualSets(sets, of)


def _within(
    units: Float[np.ndarray, " N"], size: int, key: PRNGKeyArray, draws: int
) -> np.ndarray:
    """Sets of one size among some units."""
    who = np.flatnonzero(units)
    found = np.zeros((draws, len(units)))
    found[:, who] = np.asarray(random_sets(key, np.arange(len(who)) < size, draws))
    return found


def read_after(
    anatomy: Anatomy, known: Bool[np.ndarray, " P"], event: int, steps: int
) -> Float[np.ndarray, "T P"]:
    """Weights `[T, P]` of pyramidal outputs from the event on, which sum to 1."""
    pyramidal = [
        name.endswith(" Pyr") and on for name, on in zip(anatomy.names, known, strict=True)
    ]
    read = np.outer(np.arange(steps) >= event, pyramidal).astype(float)
    return read / max(read.sum(), 1)


def silenced(
    network: Network,
    frames: Float[np.ndarray, "B F P"],
    sets: Numbers,
    windows: Float[np.ndarray, "W T"],
    outcome: Outcome,
) -> Float[np.ndarray, "W G B"]:
    """The rise of the outcome when a set is held at 0 in a window, on each sequence.

    **Arguments:**

    - `network`: predicts frame t + 1 at step t.
    - `frames`: sequences.
    - `sets`: `[G, N]`; `windows`: `[W, T]`.
    - `outcome`: what is read.
    """
    xs, targets = jnp.asarray(frames[:, :-1]), jnp.asarray(frames[:, 1:])
    zero = jnp.zeros((*xs.shape[:2], np.shape(sets)[-1]), xs.dtype)
    last = int(np.flatnonzero(np.asarray(outcome.read).any(1)).max())
    found = sweep(
        network, xs, targets, outcome, jnp.asarray(sets, xs.dtype), jnp.asarray(windows, xs.dtype),
        zero, last=last,
    )  # fmt: skip
    return np.asarray(found)
