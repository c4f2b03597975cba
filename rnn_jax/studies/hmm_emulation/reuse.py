"""Reuse: is the motif of one pair of outputs the same as that of another, and can it go alone?

    found = reuse(network, kick["members"], features, key, size)
    found["alike"]                 # [way, way]: overlap of kick neurons, corrected for chance
    found["angle"]                 # [pair, pair]: between the planes in which two pairs switch

Each pair of outputs has kick neurons in either direction, and a plane: that of the two leading
principal components of states around its switches.
"""

from itertools import combinations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray
from scipy.linalg import subspace_angles

from ...circuits import corrected_jaccard
from ...core import Network
from ...dynamics import without_blips
from ...linear import haar, pca
from .behaviour import Size, behaviours, matched_sets
from .runs import LASTING, noisy_runs
from .switches import directions

AROUND = range(-5, 5)
"""Steps since a switch whose states span a pair's plane."""
DRAWS = 200
"""Pairs of random planes."""
MATCHED = 100
"""Random sets that stand in for each set of kick neurons."""


def reuse(
    network: Network,
    kicks: Bool[np.ndarray, "way N"],
    features: Float[np.ndarray, "N F"],
    key: PRNGKeyArray,
    size: Size,
) -> dict[str, np.ndarray]:
    """How the motifs of a network overlap, and what taking one out does to the others.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `kicks`: the kick neurons of each of `switches.directions`; nobody where none were found.
    - `features`: of each unit, that random sets are alike in.
    - `key`: draws runs, random sets and random planes.
    - `size`: runs and steps of behaviour.

    **Returns:** `alike [way, way]`, the Jaccard index of two kick sets, 0 for random sets;
    `alike_matched [draw, way, way]`, the same of random sets whose units, members among them, are
    alike in `features`; `angle
    [pair, pair]`, the mean principal angle of two pairs' planes in degrees, and `chance`, its mean
    for random planes in the space that holds 0.9 of the variance; `removed [way, way]`, the
    probability per step of the second direction's switch without the first one's kick neurons,
    over that of the whole network. NaN where a direction, or 20 switches of a pair, are missing.
    """
    of_runs, of_planes, of_behaviour = jax.random.split(key, 3)
    of_sets = jax.random.split(jax.random.fold_in(key, 3), len(kicks))
    symbols, N = len(network.readout(network.h0)), kicks.shape[1]
    among = lambda sets: np.array([[alike(a, b) for b in sets] for a in sets])
    everyone = np.ones(N, bool)
    matched = [matched_sets(k, s, features, MATCHED, everyone) for k, s in zip(of_sets, kicks)]
    hs, ys, _ = noisy_runs(network, of_runs, size.trials, size.steps)
    said = without_blips(np.asarray(ys).argmax(-1), LASTING)
    planes = [_plane(np.asarray(hs), said, pair) for pair in combinations(range(symbols), 2)]
    angle = [[_angle(a, b) for b in planes] for a in planes]
    return {
        "alike": among(kicks),
        "alike_matched": np.array([among(sets) for sets in zip(*matched)]),
        "angle": np.array(angle),
        "chance": np.asarray(_chance(np.asarray(hs), of_planes)),
        "removed": _removed(network, kicks, of_behaviour, size),
    }


def _removed(
    network: Network, kicks: Bool[np.ndarray, "way N"], key: PRNGKeyArray, size: Size
) -> Float[np.ndarray, "way way"]:
    """How likely each switch is without each direction's kick neurons, over the whole network."""
    rows = 1.0 - np.concatenate([np.zeros((1, kicks.shape[1])), kicks])
    found = behaviours(network, rows, key, size)
    ways = directions(len(network.readout(network.h0)))
    leaving = np.stack([found.leaving(way) for way in ways], 1)
    whole = leaving[:1]
    ratio = np.where(whole > 0, leaving[1:] / np.where(whole > 0, whole, 1), np.nan)
    return np.where(np.asarray(kicks.any(1))[:, None], ratio, np.nan)


def alike(a: Bool[np.ndarray, " N"], b: Bool[np.ndarray, " N"]) -> float:
    """The Jaccard index, 0 for random sets; NaN where a set is empty."""
    return corrected_jaccard(a, b, len(a)) if a.any() and b.any() else np.nan


def _plane(hs: np.ndarray, said: np.ndarray, pair: tuple[int, int]) -> np.ndarray | None:
    """The plane `[N, 2]` of states around a pair's switches; none of fewer than 20."""
    old, new = said[:, :-1], said[:, 1:]
    at = ((old == pair[0]) & (new == pair[1])) | ((old == pair[1]) & (new == pair[0]))
    runs, steps = np.nonzero(at)
    inside = (steps + 1 + AROUND[0] >= 0) & (steps + 1 + AROUND[-1] < said.shape[1])
    if inside.sum() < 20:
        return None
    rows = [hs[runs[inside], steps[inside] + 1 + k] for k in AROUND]
    return np.asarray(pca(jnp.asarray(np.concatenate(rows)), 2).basis)


def _angle(a: np.ndarray | None, b: np.ndarray | None) -> float:
    if a is None or b is None:
        return np.nan
    return float(np.degrees(subspace_angles(a, b)).mean())


def _chance(hs: np.ndarray, key: PRNGKeyArray) -> float:
    """The mean angle of two random planes, in as many dimensions as hold 0.9 of the variance."""
    flat = hs.reshape(-1, hs.shape[-1])
    values = np.linalg.eigvalsh(np.cov(flat.T))[::-1]
    count = int(np.searchsorted(np.cumsum(values) / values.sum(), 0.9)) + 1
    if count < 2:
        return 0.0
    fixed = np.eye(count)[:, :2]
    turned = jax.vmap(lambda key: haar(key, count))(jax.random.split(key, DRAWS))
    return float(np.mean([_angle(fixed, np.asarray(plane)[:, :2]) for plane in turned]))
