"""How often symbols change, and how regularly, as the scale of the noise grows.

    sums = of_scales(network, key, runs=64, steps=1000)    # [K, B, 5]
    coherence(sums.mean(1)), changes(sums.mean(1))         # [K]
    inner(coherence, sums, key, sign=1)                    # is it least at a scale between others?

The coefficient of variation of residence times tells how regular changes are (Pikovsky and Kurths,
Physical Review Letters 78, 1997). Steps are whole numbers: residences without memory, of mean m,
have a coefficient of sqrt(1 - 1/m), and not of 1. So it is divided by that.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from ...circuits.statistics import resample_shares
from ...core import Network
from ..hmm_emulation.runs import noisy_runs, symbols

SCALES = (0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0)
"""Standard deviations of the noise; training has 1."""
SUMS = ("residences", "length", "squares", "changes", "steps")
"""What is summed of a run: whole residences, their length and its square; changes, and steps."""
LEAST, LONGEST = 100, 20
"""Residences from which a coefficient is told, at the least, and how many of mean length a run
must hold: long ones do not fit into short runs, which makes what is seen too regular."""
RESAMPLES = 999

Measure = Callable[[Float[np.ndarray, "*K 5"]], Float[np.ndarray, "*K"]]


def of_scales(
    network: Network, key: PRNGKeyArray, runs: int, steps: int
) -> Float[np.ndarray, "K B 5"]:
    """The sums `SUMS` of emitted symbols, by scale and run; all scales hear the same noise."""
    of_noise, of_readout = jax.random.split(key)
    rows = []
    for scale in SCALES:
        ys = noisy_runs(network, of_noise, runs, steps, scale)[1]
        rows.append([of_run(said) for said in np.asarray(symbols(ys, of_readout))])
    return np.array(rows)


def of_run(said: Int[np.ndarray, " T"]) -> Float[np.ndarray, " 5"]:
    """`SUMS` of one run. What it begins and ends with is no whole residence."""
    at = np.flatnonzero(np.diff(said))
    length = np.diff(at)
    sums = len(length), length.sum(), (length**2).sum(), len(at), len(said) - 1
    return np.array(sums, float)


def changes(sums: Float[np.ndarray, "*K 5"]) -> Float[np.ndarray, "*K"]:
    """Changes of the symbol per step."""
    return np.asarray(sums[..., 3] / sums[..., 4])


def coherence(sums: Float[np.ndarray, "*K 5"]) -> Float[np.ndarray, "*K"]:
    """The coefficient of variation of residences, over that of residences without memory."""
    count, length, squares = np.moveaxis(sums[..., :3], -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = length / count
        spread = np.sqrt(np.maximum(squares / count - mean**2, 0))
        return np.asarray(spread / mean / np.sqrt(1 - 1 / mean))


def told(sums: Float[np.ndarray, "K B 5"]) -> np.ndarray:
    """At which scales residences can be told, `[K]`."""
    count, length, _, _, steps = sums.sum(1).T
    mean = length / np.maximum(count, 1)
    return (count >= LEAST) & (mean > 1) & (mean * LONGEST <= steps / sums.shape[1])


class Inner(NamedTuple):
    """The scale between others at which a measure is least, or largest.

    - `at`: the scale, chosen on every other run; NaN where fewer than three can be told.
    - `low`, `high`: `[2]`, of the measure there less that at the least, and at the largest scale
        that can be told: the 95 % interval over the other runs.
    """

    at: float
    low: Float[np.ndarray, " 2"]
    high: Float[np.ndarray, " 2"]


def inner(
    measure: Measure, sums: Float[np.ndarray, "K B 5"], key: PRNGKeyArray, sign: int
) -> Inner:
    """Where a measure is least (`sign` 1) or largest (-1), judged on runs that did not choose."""
    chosen, judged = sums[:, ::2], sums[:, 1::2]
    known = np.flatnonzero(told(chosen) & told(judged))
    if len(known) < 3:
        return Inner(np.nan, *np.full((2, 2), np.nan))
    between = known[1:-1]
    at = between[np.argmin(sign * measure(chosen.mean(1))[between])]
    shares = resample_shares(key, judged.shape[1], RESAMPLES)
    drawn = measure(np.einsum("kbs,br->krs", judged, shares))
    low, high = np.quantile(drawn[at] - drawn[known[[0, -1]]], (0.025, 0.975), axis=-1)
    return Inner(SCALES[at], low, high)


def interval(
    measure: Measure, sums: Float[np.ndarray, "K B 5"], key: PRNGKeyArray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A measure by scale, and its 95 % interval over runs; NaN where residences cannot be told."""
    shares = resample_shares(key, sums.shape[1], RESAMPLES)
    drawn = measure(np.einsum("kbs,br->krs", sums, shares))
    low, high = np.quantile(drawn, (0.025, 0.975), axis=-1)
    known = told(sums) if measure is coherence else np.ones(len(sums), bool)
    of_known = lambda row: np.where(known, row, np.nan)
    return of_known(measure(sums.mean(1))), of_known(low), of_known(high)
