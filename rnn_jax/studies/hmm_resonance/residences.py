"""How often symbols change, and how regularly, as the scale of the noise grows.

    sums = of_scales(network, key, runs=64, steps=1000)          # [K, B, 3 O + 2]
    irregularity(sums.mean(1)), changes(sums.mean(1))            # [K]
    inner(irregularity, sums, told(sums), key, sign=1)           # least at a scale between others?

A residence is the time in one symbol. Its variation tells how regular changes are (Pikovsky and
Kurths, Physical Review Letters 78, 1997). It is held against that of symbols without memory, each
of which is left with its own probability at every step: residences of mean m then have the
variance m^2 - m. Residences are compared within each symbol, since a mixture of symbols that are
left at different rates varies more, without any memory.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from ...circuits.statistics import resample_shares
from ...core import Network
from ..hmm_emulation.runs import noisy_runs, symbols

SCALES = (0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 4.0, 8.0)
"""Standard deviations of the noise; training has 1."""
LEAST, LONGEST = 100, 20
"""Residences from which a variation is told, at the least, and how many of mean length a run
must hold: long ones do not fit into short runs, which makes what is seen too regular."""
RESAMPLES = 999

Measure = Callable[[Float[np.ndarray, "*K S"]], Float[np.ndarray, "*K"]]


def of_scales(
    network: Network, key: PRNGKeyArray, runs: int, steps: int
) -> Float[np.ndarray, "K B S"]:
    """The sums of emitted symbols, by scale and run; all scales hear the same noise."""
    of_noise, of_readout = jax.random.split(key)
    rows = []
    for scale in SCALES:
        ys = noisy_runs(network, of_noise, runs, steps, scale)[1]
        told = np.asarray(symbols(ys, of_readout))
        rows.append([of_run(run, ys.shape[-1]) for run in told])
    return np.array(rows)


def of_run(said: Int[np.ndarray, " T"], count: int) -> Float[np.ndarray, " S"]:
    """Sums of one run, of as many symbols: `[3 count + 2]`.

    Of each symbol its residences, their length, and its square; then changes, and steps. What the
    run begins and ends with is no whole residence.
    """
    at = np.flatnonzero(np.diff(said))
    length = np.diff(at)
    powers = np.stack([length**0, length, length**2], 1)
    sums = np.zeros((count, 3))
    np.add.at(sums, said[at[1:]], powers)
    return np.array([*sums.ravel(), len(at), len(said) - 1])


def changes(sums: Float[np.ndarray, "*K S"]) -> Float[np.ndarray, "*K"]:
    """Changes of the symbol per step."""
    return np.asarray(sums[..., -2] / sums[..., -1])


def irregularity(sums: Float[np.ndarray, "*K S"]) -> Float[np.ndarray, "*K"]:
    """How residences vary within their symbols, over how they would without memory.

    `sqrt(sum_o n_o v_o / sum_o n_o (m_o^2 - m_o))`, with n_o residences in symbol o, their mean
    m_o and their variance v_o.
    """
    count, length, squares = np.moveaxis(_by_symbol(sums), -1, 0)
    mean = length / np.where(count > 0, count, 1)
    within = (squares - count * mean**2).sum(-1)
    chance = (count * (mean**2 - mean)).sum(-1)
    return np.asarray(np.sqrt(np.maximum(within, 0) / np.where(chance > 0, chance, np.nan)))


def told(sums: Float[np.ndarray, "K B S"]) -> Bool[np.ndarray, " K"]:
    """At which scales residences can be told."""
    count, length, _ = np.moveaxis(_by_symbol(sums).sum((1, 2)), -1, 0)
    mean = length / np.maximum(count, 1)
    return (count >= LEAST) & (mean > 1) & (mean * LONGEST <= sums[..., -1].mean(1))


def _by_symbol(sums: Float[np.ndarray, "*K S"]) -> Float[np.ndarray, "*K O 3"]:
    return sums[..., :-2].reshape(*sums.shape[:-1], -1, 3)


class Inner(NamedTuple):
    """The scale between others at which a measure is least, or largest.

    - `at`: the scale, chosen on every other run; NaN where fewer than three are known.
    - `low`, `high`: `[2]`, of the measure there less that at the least, and at the largest known
        scale: the 95 % interval over the other runs.
    """

    at: float
    low: Float[np.ndarray, " 2"]
    high: Float[np.ndarray, " 2"]


def inner(
    measure: Measure,
    sums: Float[np.ndarray, "K B S"],
    known: Bool[np.ndarray, " K"],
    key: PRNGKeyArray,
    sign: int,
) -> Inner:
    """Where a measure is least (`sign` 1) or largest (-1), judged on runs that did not choose."""
    rows = np.flatnonzero(known)
    if len(rows) < 3:
        return Inner(np.nan, *np.full((2, 2), np.nan))
    chosen, judged = sums[:, ::2], sums[:, 1::2]
    between = rows[1:-1]
    at = between[np.argmin(sign * measure(chosen.mean(1))[between])]
    drawn = _drawn(measure, judged, key)
    low, high = np.quantile(drawn[at] - drawn[rows[[0, -1]]], (0.025, 0.975), axis=-1)
    return Inner(SCALES[at], low, high)


def interval(
    measure: Measure,
    sums: Float[np.ndarray, "K B S"],
    known: Bool[np.ndarray, " K"],
    key: PRNGKeyArray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A measure by scale, and the ends of its 95 % interval over runs; NaN where not known."""
    low, high = np.quantile(_drawn(measure, sums, key), (0.025, 0.975), axis=-1)
    of_known = lambda row: np.where(known, row, np.nan)
    return of_known(measure(sums.mean(1))), of_known(low), of_known(high)


def _drawn(
    measure: Measure, sums: Float[np.ndarray, "K B S"], key: PRNGKeyArray
) -> Float[np.ndarray, "K R"]:
    """A measure of runs drawn anew, the same ones at all scales."""
    shares = resample_shares(key, sums.shape[1], RESAMPLES)
    return measure(np.einsum("kbs,br->krs", sums, shares))
