"""Contrasts of trials that bring none: a foil that has another trial's inputs.

    contrasts = other_trials(key, network, trials)        # one for each epoch

Until an epoch's end the foil hears another trial, and from then on its own. What differs later is
what the network carried out of the epoch.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray, PyTree

from ..causal import derangement
from ..causal.scores import output_scale
from ..core import Network, clean_run
from ..tasks import Contrast, Trials

DONORS = 8
"""Other trials tried for each trial: the one whose foil's outputs differ most is taken."""


class _Part(NamedTuple):
    """One part of an epoch in each trial: its first step and the one past its last, `[B, 1]`."""

    start: Int[np.ndarray, "B 1"]
    stop: Int[np.ndarray, "B 1"]


def other_trials(key: PRNGKeyArray, network: Network, trials: Trials) -> dict[str, Contrast]:
    """One contrast for each epoch: until its end, the foil has another trial's inputs.

    Where an epoch has several parts in a trial, one of them is drawn. All outputs from the part's
    first step to the end of the trial are read, so that what the epoch passes on counts. Of eight
    other trials the one is taken whose foil's outputs differ most there: many exchanges of inputs
    change no output, and such a trial could tell nothing. No effect of a unit has a part in that.

    **Arguments:**

    - `key`: draws the other trials and the parts.
    - `network`: whose outputs are looked at.
    - `trials`: inputs and epochs.

    **Returns:** contrasts by the names of the epochs; none where there is a single trial.

    **Example:**

        >>> found = rj.contrasts.other_trials(key, network, trials)
        >>> sorted(found)
        ['early', 'late']
        >>> bool((found["early"].foil[:, 10:] == xs[:, 10:]).all())  # nothing later
        True
    """
    B, T = jax.tree.leaves(trials.xs)[0].shape[:2]
    if B < 2:
        return {}
    xs = jax.tree.map(np.asarray, trials.xs)
    ys = np.asarray(clean_run(network, trials.xs)[1])
    scale = output_scale(ys)
    of_other, of_part = jax.random.split(key)
    donors = [np.asarray(derangement(k, B)) for k in jax.random.split(of_other, DONORS)]
    times = np.arange(T)[None]
    found = {}
    for (name, epoch), k in zip(
        trials.epochs.items(), jax.random.split(of_part, max(1, len(trials.epochs)))
    ):
        part = _part(k, np.asarray(epoch) > 0)
        before, read = times < part.stop, times >= part.start
        foils = [_exchanged(xs, donor, before) for donor in donors]
        moved = [_moved(network, foil, ys, read, scale) for foil in foils]
        best = np.argmax(moved, 0)
        pick = lambda *leaves, best=best: np.stack(leaves)[best, np.arange(B)]
        cast = lambda rows: np.asarray(rows, ys.dtype)
        found[name] = Contrast(
            jax.tree.map(pick, *foils),
            np.where(part.start[:, 0] < T, part.start[:, 0], -1),
            {name: cast(np.asarray(epoch) * (before & read))},
            cast(read),
            "epoch",
        )
    return found


def _part(key: PRNGKeyArray, inside: np.ndarray) -> _Part:
    """One part of an epoch in each trial; `T` where a trial has none."""
    B, T = inside.shape
    draws = np.asarray(jax.random.randint(key, (B,), 0, 2**30))
    ends = np.full((B, 2), T)
    for b, row in enumerate(inside):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row, [0]]).astype(int)))
        if len(edges):
            k = 2 * (draws[b] % (len(edges) // 2))
            ends[b] = edges[k : k + 2]
    return _Part(ends[:, :1], ends[:, 1:])


def _exchanged(xs: PyTree, donor: np.ndarray, before: np.ndarray) -> PyTree:
    """The donors' inputs before the part's end, own ones from there on."""

    def one(leaf: np.ndarray) -> np.ndarray:
        rows = before.reshape(*before.shape, *(1 for _ in leaf.shape[2:]))
        return np.where(rows, leaf[donor], leaf)

    return jax.tree.map(one, xs)


def _moved(
    network: Network, foil: PyTree, ys: np.ndarray, read: np.ndarray, scale: np.ndarray
) -> Float[np.ndarray, " B"]:
    """How far the foil's outputs lie from the run's where they are read; 0 where it fails."""
    other = np.asarray(clean_run(network, foil)[1])
    with np.errstate(over="ignore", invalid="ignore"):
        far = (((other - ys) / scale) ** 2).sum(-1) * read
    return np.nan_to_num(far, posinf=0).sum(1)
