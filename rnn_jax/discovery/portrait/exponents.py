"""Lyapunov exponents of a network as its trials drive it, each trial a trajectory of its own.

found = driven_exponents(network, xs, count=8)
found.mean.mean, found.mean.low, found.mean.high         # per step, over trials
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int, PyTree

from ...core import Network
from ...dynamics import MeanExponents, lyapunov_spectrum, mean_exponents

BURN_IN = 5
"""The share of a trial, one over this, whose steps turn the directions and do not count."""


class Exponents(NamedTuple):
    """Exponents per step.

    - `trials`: `[B, K]`, the largest first.
    - `trace`: `[B, R, K]`, what they would have been had the trials ended earlier.
    - `times`: `[R]`, after so many steps.
    - `mean`: over trials, with its interval.
    """

    trials: Float[np.ndarray, "B K"]
    trace: Float[np.ndarray, "B R K"]
    times: Int[np.ndarray, " R"]
    mean: MeanExponents


def driven_exponents(network: Network, xs: PyTree, count: int) -> Exponents:
    """The leading exponents of every trial, from the network's first state.

    **Arguments:**

    - `network`: the network.
    - `xs`: inputs of the trials, `[B, T, ...]`.
    - `count`: how many; all where there are fewer.

    **Returns:** `Exponents`; the interval is NaN where there is a single trial.
    """
    leaves = [np.shape(leaf) for leaf in jax.tree.leaves(network.h0)]
    count = min(count, sum(int(np.prod(shape)) for shape in leaves))
    T = jax.tree.leaves(xs)[0].shape[1]
    trials, trace, times = map(np.asarray, _spectra(network, xs, count, T // BURN_IN))
    if len(trials) > 1:
        return Exponents(trials, trace, times[0], mean_exponents(trials))
    unknown = np.full(count, np.nan)
    return Exponents(trials, trace, times[0], MeanExponents(trials[0], unknown, unknown))


@eqx.filter_jit
def _spectra(network: Network, xs: PyTree, count: int, burn_in: int) -> tuple:
    def one(x: PyTree) -> tuple:
        found = lyapunov_spectrum(network.step, network.h0, x, count, burn_in)
        return found.exponents, found.trace, found.times

    return jax.vmap(one)(xs)
