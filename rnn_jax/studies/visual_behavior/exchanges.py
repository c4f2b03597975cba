"""Contrasts: an omission against the regular image it replaces, and what exchanging states does.

    trials = contrasted(made, "omission", "Familiar", read)
    undone, restored = exchanged_sets(network, trials, sets)            # [G] each

A foil is the sequence itself, moved by the difference of the two conditions' mean training
sequences: so noise is the same in run and foil, and what differs is the condition.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ...contrasts import aligned, choose, exchanged, shares
from ...core import Network
from ...core.types import Numbers
from ...tasks import Contrast, Trials
from .sequences import Sequences


class Contrasted(NamedTuple):
    """One of the study's contrasts: a condition and an experience for run and foil."""

    run: tuple[str, str]
    foil: tuple[str, str]


BASE = "Familiar"
CONTRASTS = {
    "omission": Contrasted(("omission", BASE), ("regular", BASE)),
    "change": Contrasted(("change", BASE), ("regular", BASE)),
    "novel": Contrasted(("regular", "Novel"), ("regular", BASE)),
}


def place(conditions: Sequence[str], condition: str, experience: str = BASE) -> int | None:
    """Where a condition stands, by how its experience begins; `None` where it is missing.

    Without any familiar session, what is not known to be novel stands for it.
    """
    known = [name.partition(", ")[2] for name in conditions]
    if experience == BASE and BASE not in known:
        experience = next((name for name in known if not name.startswith("Novel")), BASE)
    begun = f"{condition}, {experience}"
    return next((k for k, name in enumerate(conditions) if name.startswith(begun)), None)


def contrasted(made: Sequences, name: str, read: Float[np.ndarray, "T P"]) -> Trials | None:
    """The judged sequences of a contrast with their foils; `None` where a condition is missing.

    **Arguments:**

    - `made`: sequences.
    - `name`: of `CONTRASTS`.
    - `read`: weights of outputs.
    """
    run, foil = CONTRASTS[name]
    k, other = place(made.conditions, *run), place(made.conditions, *foil)
    if k is None or other is None:
        return None
    frames = made.judged[k]
    first = 0 if name == "novel" else made.event
    gap = (made.train[other].mean(0) - made.train[k].mean(0)) * (
        np.arange(frames.shape[1]) >= first
    )[:, None]
    xs, B, T = frames[:, :-1], len(frames), frames.shape[1] - 1
    window = np.broadcast_to(np.arange(T) >= made.event, (B, T)).astype(float)
    contrast = Contrast(
        xs + gap[:-1], np.full(B, first), {"after": window},
        np.broadcast_to(read > 0, (B, *read.shape)).astype(float), "epoch",
    )  # fmt: skip
    return Trials(jnp.asarray(xs), jnp.asarray(frames[:, 1:]), {}, {name: contrast})


def exchanged_sets(
    network: Network, trials: Trials, sets: Numbers
) -> tuple[Float[np.ndarray, " G"], Float[np.ndarray, " G"]]:
    """The shares undone and restored by exchanging each set from the event on."""
    (contrast,) = trials.contrasts.values()
    pair = aligned(network, trials, contrast)
    picks = np.arange(len(trials.xs))
    question = choose(pair, pair.epochs["after"], picks, np.ones(len(picks)))
    found = shares(exchanged(network, question, jnp.asarray(sets)), question.norms).effect
    return found[0], found[1]
