"""Zones of a network's states, by how long noise leaves the output as it is.

    found = residence(network, key, 2000)             # arrays by name
    found["share"]                                    # of transition, kick, cluster, unsure
    found["varied_share"]                             # the same for other thresholds

Each state has a mean residence: the mean time until the output switches, over fresh draws of
noise. Times are cut at 60 steps, so the mean is a restricted one, `E min(time, 60)`, below the
mean residence itself. It orders states rightly, and no threshold is near 60.
"""

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ...circuits.statistics import bootstrap_mean, resample_shares
from ...core import Network
from ...core.checks import at_least, axes, no_nan, on_host, share
from ...core.types import Numbers
from ...dynamics import escape_times
from ...linear import pca
from .runs import LASTING, LIMIT, PER_RUN, Output, Samples, noise_of, samples

ZONES = ("transition", "kick", "cluster", "unsure")


RESAMPLES = 2000


class Thresholds(NamedTuple):
    """Where zones end.

    - `short`: a state of a shorter mean residence, in steps, is in transition.
    - `long`: one of a longer is in a cluster; what lies between is the kick zone.
    - `sure`: the softmax of the likeliest output that a cluster's state must exceed.
    """

    short: float = 2.0
    long: float = 8.0
    sure: float = 0.8


VARIED = tuple(
    Thresholds(*row) for row in product((1.5, 2.0, 3.0), (6.0, 8.0, 12.0), (0.7, 0.8, 0.9))
)


class Zoned(NamedTuple):
    """States with their zones.

    - `states`: `Samples` of `S` states.
    - `residence`: `[S]`, `E min(time, 60)` in steps.
    - `cut`: `[S]`, the share of its runs that lasted longer.
    - `confidence`: `[S]`, the softmax of the likeliest output.
    - `zone`: `[S]`, an index into `ZONES`.
    """

    states: Samples
    residence: Float[np.ndarray, " S"]
    cut: Float[np.ndarray, " S"]
    confidence: Float[np.ndarray, " S"]
    zone: Int[np.ndarray, " S"]


def zones(
    residence: Float[Numbers, " S"],
    confidence: Float[Numbers, " S"],
    thresholds: Thresholds = Thresholds(),
) -> Int[np.ndarray, " S"]:
    """The zone of every state: 0 transition, 1 kick zone, 2 cluster, 3 unsure.

    Below `short` a state is in transition, up to `long` in the kick zone, and above it in a
    cluster, or unsure where its output is no likelier than `sure`. No state is left out.

    **Arguments:**

    - `residence`: mean residence in steps.
    - `confidence`: the softmax of the likeliest output.
    - `thresholds`: where zones end.

    **Returns:** `[S]`, indices into `ZONES`.

    **Raises:** `ValueError` where sizes differ, an entry is NaN, or thresholds do not rise.
    """
    axes(residence=(residence, "S"), confidence=(confidence, "S"))
    short, long, sure = thresholds
    share("sure", sure)
    if not short <= long:
        raise ValueError(f"short must be at most long, got {short} and {long}")
    lasts, known = on_host("residence", residence), on_host("confidence", confidence)
    stays = np.where(known > sure, 2, 3)
    return np.where(lasts < short, 0, np.where(lasts <= long, 1, stays))


def shares(zone: Int[np.ndarray, " S"]) -> Float[np.ndarray, " 4"]:
    """The share of states in each of `ZONES`."""
    return np.bincount(zone, minlength=len(ZONES)) / max(len(zone), 1)


def shares_over(
    residence: Float[Numbers, " S"],
    confidence: Float[Numbers, " S"],
    thresholds: Sequence[Thresholds] = VARIED,
) -> Float[np.ndarray, "K 4"]:
    """How the shares of the zones change with the thresholds.

    **Arguments:** as for `zones`, and `K` thresholds.

    **Returns:** `[K, 4]`.

    **Raises:** `ValueError` as `zones`.
    """
    return np.stack([shares(zones(residence, confidence, row)) for row in thresholds])


def confidence(network: Network, h: Float[Array, "S N"]) -> Float[np.ndarray, " S"]:
    """The softmax of the likeliest output of each state."""
    return np.asarray(jax.nn.softmax(jax.vmap(network.readout)(h), -1).max(-1), float)


def zoned(
    network: Network, key: PRNGKeyArray, size: int, thresholds: Thresholds = Thresholds()
) -> Zoned:
    """At least `size` states of noisy runs, each with its mean residence and its zone.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws the runs, and the noise out of each state.
    - `size`: is rounded up to whole runs.
    - `thresholds`: where zones end.

    **Returns:** `Zoned`.

    **Raises:** `ValueError` as `noisy_runs` and `zones`.
    """
    run_key, noise_key = jax.random.split(key)
    states = samples(network, run_key, size)
    found = escape_times(
        network.step, Output(network.readout), states.h, noise_of(network), noise_key,
        limit=LIMIT, lasting=LASTING,
    )  # fmt: skip
    lasts, sure = found.steps.mean(1), confidence(network, states.h)
    return Zoned(states, lasts, 1 - found.ended.mean(1), sure, zones(lasts, sure, thresholds))


def chosen(
    zone: Int[np.ndarray, " S"], count: int
) -> tuple[Int[np.ndarray, "4 P"], Bool[np.ndarray, "4 P"]]:
    """`count` states of each zone, and which of them count: one is repeated where there are fewer.

    **Arguments:**

    - `zone`: indices into `ZONES`, of states in random order of time.
    - `count`: `P`.

    **Returns:** indices `[4, P]` that go over all runs evenly, and a mask `[4, P]`.

    **Raises:** `ValueError` where `count` is below 1.
    """
    at_least(1, count=count)
    index, real = np.zeros((len(ZONES), count), int), np.zeros((len(ZONES), count), bool)
    for k in range(len(ZONES)):
        of = np.flatnonzero(zone == k)
        kept = min(len(of), count)
        index[k, :kept] = of[np.linspace(0, len(of) - 1, kept).astype(int)]
        real[k, :kept] = True
    return index, real


def by_zone(
    name: str,
    values: Float[np.ndarray, "*K 4 P"],
    real: Bool[np.ndarray, "4 P"],
    index: Int[np.ndarray, "4 P"],
    key: PRNGKeyArray,
) -> dict[str, np.ndarray]:
    """The mean over a zone's states, with its bootstrap interval over runs.

    States of one run are alike, so that whole runs are drawn: of each draw the sum over its
    states over their number.

    **Arguments:**

    - `name`: of what is measured.
    - `values`: `[..., 4, P]`; what is not `real` is not read.
    - `real`: which states count.
    - `index`: of each state in its `Samples`, which tells its run.
    - `key`: draws the runs.

    **Returns:** `name`, `name_low` and `name_high`, `[..., 4]`; NaN for a zone whose states are of
    fewer than two runs.

    Davison and Hinkley, Bootstrap Methods and their Application (1997), section 3.8, for data in
    groups.
    """
    ends = [np.full(values.shape[:-1], np.nan) for _ in range(3)]
    for k, row in enumerate(real):
        runs, of = np.unique(index[k, row] // PER_RUN, return_inverse=True)
        if len(runs) < 2:
            continue
        known = no_nan(name, values[..., k, :][..., row])
        onto = np.eye(len(runs))[of]
        shares = resample_shares(key, len(runs), RESAMPLES)
        drawn = (known @ onto @ shares) / (onto.sum(0) @ shares)
        for end, found in zip(ends, (known.mean(-1), *np.quantile(drawn, (0.025, 0.975), -1))):
            end[..., k] = found
    return dict(zip((name, f"{name}_low", f"{name}_high"), ends))


def residence(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """Residence and zones of at least `size` states of one network.

    **Arguments:** as for `zoned`.

    **Returns:** `residence`, `cut`, `confidence`, `zone` and `output`, `[S]`; `plane [S, 2]`, the
    states in the plane of their two leading principal components, whose share of the variance is
    `plane_share`; `share [4]` with its interval over runs, `share_low` and `share_high`;
    `varied_share [K, 4]` for the thresholds `VARIED`.

    **Raises:** `ValueError` as `zoned`.
    """
    state_key, draw_key = jax.random.split(key)
    found = zoned(network, state_key, size)
    axes_ = pca(found.states.h, 2)
    each = np.eye(len(ZONES))[found.zone].reshape(-1, PER_RUN, len(ZONES)).mean(1)
    low, high = bootstrap_mean(each.T, draw_key)
    return {
        **{name: getattr(found, name) for name in ("residence", "cut", "confidence", "zone")},
        "output": np.asarray(jax.vmap(Output(network.readout))(found.states.h)),
        "plane": np.asarray(axes_.project(found.states.h)),
        "plane_share": np.asarray(axes_.share.sum()),
        "share": shares(found.zone),
        "share_low": low,
        "share_high": high,
        "varied_share": shares_over(found.residence, found.confidence),
    }
