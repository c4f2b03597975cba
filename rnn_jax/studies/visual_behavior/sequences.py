"""Sequences to train on and to judge on, from windows around events.

    made = sequences(windows, key, Counts(train=400, judged=64))
    made.train                       # [C, S, F, P], means of resampled trials
    trials = made.sampler()(key, 200)           # inputs: frames 0 to F - 2; targets: 1 to F - 1

Each population has mean 0 and a standard deviation of 0.2, well within the range of `tanh`. The
earlier half of every session makes the training sequences, the later half those that judge. A
population without a file is 0 in both and has no part in a loss.
"""

import warnings
from typing import TYPE_CHECKING, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ...core import Network, Trajectory
from ...core.checks import random_key
from ...data.visual_behavior import CONDITIONS, POPULATIONS, bootstrap
from ...tasks import Trials

if TYPE_CHECKING:
    import xarray as xr


APART = 2
"""Images from one event to another whose windows, 0.75 s to either side, share no frame."""
AMPLITUDE = 0.2
"""The standard deviation of each population: the reach of a few frozen readouts is about 1."""


class Counts(NamedTuple):
    """Resampled means per condition: to train on, and to judge on."""

    train: int = 400
    judged: int = 64


class Sampler(eqx.Module):
    """Draws sequences with replacement: `(key, count) -> Trials` that ask for the next frame.

    - `frames`: `[S, F, P]`.
    """

    frames: Float[Array, "S F P"]

    def __call__(self, key: PRNGKeyArray, count: int) -> Trials:
        drawn = self.frames[jax.random.randint(key, (count,), 0, len(self.frames))]
        return Trials(drawn[:, :-1], drawn[:, 1:], {})


class KnownError(eqx.Module):
    """`mean_{t, p known} (y - target)^2`: populations without a file have no part in it.

    - `known`: `[P]`, 1 for those with one.
    """

    known: Float[Array, " P"]

    def __call__(
        self, network: Network, trajectory: Trajectory, ys: Array, targets: Array
    ) -> Float[Array, ""]:
        return jnp.mean(((ys - targets) ** 2) @ self.known) / self.known.sum()


class Sequences(NamedTuple):
    """What networks are trained on and judged on.

    - `conditions`: names such as `omission, Familiar`.
    - `train`, `judged`: `[C, S, F, P]`, each population scaled.
    - `known`: `[P]`, whether a population has events in every condition.
    - `event`: the first frame at or after the event.
    """

    conditions: tuple[str, ...]
    train: Float[np.ndarray, "C S F P"]
    judged: Float[np.ndarray, "C B F P"]
    known: Bool[np.ndarray, " P"]
    event: int

    def sampler(self) -> Sampler:
        """Of all conditions alike."""
        return Sampler(jnp.asarray(self.train.reshape(-1, *self.train.shape[2:])))

    def loss(self) -> KnownError:
        """Of the populations with a file."""
        return KnownError(jnp.asarray(self.known.astype(float)))


def sequences(
    windows: "xr.Dataset", key: PRNGKeyArray, counts: Counts = Counts(), shuffled: bool = False
) -> Sequences:
    """Resample windows of both halves of the trials, in every condition that has events.

    **Arguments:**

    - `windows`: of `population_windows` or `synthetic_windows`.
    - `key`: draws samples, and what is shuffled.
    - `counts`: how many.
    - `shuffled`: whether omissions and regular images change names at random, in each session:
        a control, in which nothing is special about an omission.

    **Returns:** `Sequences`. A population that lacks a condition counts as one without a file.

    **Raises:** `ValueError` where no population has events in every condition.
    """
    random_key(key)
    mix, draw = jax.random.split(key)
    windows = with_shuffled_omissions(windows, mix) if shuffled else windows
    pairs = conditions_of(windows)
    halves, known = [], np.ones(len(POPULATIONS), bool)
    for half, count in enumerate((counts.train, counts.judged)):
        own = windows.isel(event=np.flatnonzero(halves_of(windows) == half))
        found = []
        for k, (condition, experience) in enumerate(pairs):
            one = jax.random.fold_in(draw, 2 * k + half)
            drawn = bootstrap(own, condition, experience, one, count).reindex(
                population=list(POPULATIONS)
            )
            found.append(drawn.transpose("sample", "time", "population").values)
        halves.append(np.stack(found))
        known &= np.isfinite(halves[-1]).all((0, 1, 2))
    if not known.any():
        raise ValueError("no population has events in every condition")
    filled = [np.where(known, half, 0.0) for half in halves]
    mean, spread = filled[0].mean((0, 1, 2)), filled[0].std((0, 1, 2))
    scale = AMPLITUDE / np.where(spread > 0, spread, 1.0)
    train, judged = ((half - mean) * scale for half in filled)
    names = tuple(f"{condition}, {experience}" for condition, experience in pairs)
    event = int(np.argmax(windows["time"].values >= 0))
    return Sequences(names, train, judged, known, event)


def conditions_of(windows: "xr.Dataset") -> list[tuple[str, str]]:
    """Condition and experience, of those in which at least half of the populations have events.

    A population must have them all to count: a rare condition would leave too few.

    **Warns:** where one is left out.
    """
    columns = (windows[name].values for name in ("condition", "experience", "population"))
    populations: dict[tuple[str, str], set[str]] = {}
    for condition, experience, population in zip(*columns, strict=True):
        populations.setdefault((str(condition), str(experience)), set()).add(population)
    least = len(set().union(*populations.values())) / 2
    for pair in sorted(populations):
        if len(populations[pair]) < least:
            few = f"few populations have events of {', '.join(pair)}: it is left out"
            warnings.warn(few, stacklevel=3)
            del populations[pair]
    every = sorted({experience for _, experience in populations})
    return [(c, e) for e in every for c in CONDITIONS if (c, e) in populations]


def halves_of(windows: "xr.Dataset") -> Int[np.ndarray, " E"]:
    """0 for the earlier half of each session's events of each condition, 1 for the later half.

    -1 for a later event that is the same image as an earlier one or the next to it: its window
    shares frames with the other's. Planes of one session are alike.
    """
    half, images = np.zeros(windows.sizes["event"], int), windows["image"].values
    for own in _sessions(windows, windows["condition"].values):
        each = np.unique(images[own], return_inverse=True)[1]
        half[own] = each > each.max() / 2
    for own in _sessions(windows, np.zeros(len(half))):
        early = images[own][half[own] == 0]
        near = (np.abs(images[own][:, None] - early) < APART).any(1)
        half[own] = np.where((half[own] == 1) & near, -1, half[own])
    return half


def with_shuffled_omissions(windows: "xr.Dataset", key: PRNGKeyArray) -> "xr.Dataset":
    """Omissions and regular images of each session with their names permuted among them."""
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))).tolist())
    names = windows["condition"].values.copy()
    either = np.isin(names, ("omission", "regular"))
    for own in _sessions(windows, either):
        if not either[own[0]]:
            continue
        images, first, each = np.unique(
            windows["image"].values[own], return_index=True, return_inverse=True
        )
        names[own] = rng.permutation(names[own][first])[each]
    return windows.assign_coords(condition=("event", names))


def _sessions(windows: "xr.Dataset", labels: np.ndarray) -> list[np.ndarray]:
    """The events of each session that share a label."""
    keys = np.array([f"{s}\0{c}" for s, c in zip(windows["session"].values, labels, strict=True)])
    each = np.unique(keys, return_inverse=True)[1]
    order = np.argsort(each, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(each[order])) + 1)
