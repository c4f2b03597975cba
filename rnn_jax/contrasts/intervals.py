"""Intervals of shares over trials that differ in weight, and when there are too few trials.

    found = share_intervals(sums, norms)         # [estimate, low, high] of each share
    effective(norms)                             # how many trials of like weight these are worth

A share is a ratio of sums over trials. The percentile bootstrap of such a ratio covers too little
with few trials, and far too little where a few trials hold most of the weight. The jackknife's
standard error with a t quantile on the effective number of trials covers what it says.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import stdtrit

from .exchange import Share, shares


class Intervals(NamedTuple):
    """Estimate, low and high end, on a last axis of 3; the first axis is `(undone, restored)`.

    - `effect`: of the share `e`.
    - `off`: of the amplitude off target, the root of the share; never below 0.
    - `median`: the median over trials of each trial's own `e`, unweighted, `[2, ...]`.

    **Example:**

        >>> norms = np.full((2, 12, 2), 4.0)
        >>> sums = np.array([2.0, 2.0, 1.0]) * np.ones((2, 12, 3))  # half of the way
        >>> found = rj.contrasts.share_intervals(sums, norms)
        >>> found.median, bool((found.off == 0).all())  # nothing off target
        (array([0.5, 0.5]), True)
    """

    effect: Float[np.ndarray, "2 *G 3"]
    off: Float[np.ndarray, "2 *G 3"]
    median: Float[np.ndarray, "2 ..."]


def effective(weights: Float[np.ndarray, "*K n"]) -> Float[np.ndarray, "*K"]:
    """`(sum d)^2 / sum d^2`: how many trials of like weight are worth as much.

    **Example:**

        >>> rj.contrasts.effective(np.array([[1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0]]))
        array([4., 1.])
    """
    squares = (weights**2).sum(-1)
    return np.where(squares > 0, weights.sum(-1) ** 2 / np.where(squares > 0, squares, 1), 0.0)


def share_intervals(
    sums: Float[np.ndarray, "2 *G n 3"], norms: Float[np.ndarray, "2 n 2"], level: float = 0.95
) -> Intervals:
    """Jackknife intervals of effects and of amplitudes off target.

    `s^2 = (m - 1) / m sum_b (theta_(b) - mean theta)^2` over the `m` trials that weigh anything,
    `theta_(b)` the share without trial b; the interval is `theta +- t s`, with the t quantile of
    `effective - 1` degrees of freedom.

    **Arguments:**

    - `sums`: of exchanges, see `sums_of`.
    - `norms`: of the question.
    - `level`: the share that an interval must cover.

    **Returns:** an `Intervals`.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 11, for the jackknife.

    **Example:**

        >>> norms = np.full((2, 12, 2), 4.0)
        >>> sums = np.array([2.0, 2.0, 1.0]) * np.ones((2, 12, 3))  # half of the way, in each
        >>> rj.contrasts.share_intervals(sums, norms).effect.round(3)  # estimate, low, high
        array([[0.5, 0.5, 0.5],
               [0.5, 0.5, 0.5]])
    """
    keep = norms[0, :, 1] > 0
    sums, norms = np.asarray(sums, float)[..., keep, :], np.asarray(norms, float)[:, keep]
    m = keep.sum()
    whole, without = _statistics(sums, norms), _leave_one_out(sums, norms)
    degrees = np.maximum(effective(norms[..., 1]) - 1, 1)
    t = stdtrit(degrees, (1 + level) / 2).reshape(2, *(1 for _ in sums.shape[1:-2]))

    def around(estimate: np.ndarray, left: np.ndarray, least: float) -> np.ndarray:
        spread = (m - 1) / m * ((left - left.mean(-1, keepdims=True)) ** 2).sum(-1)
        half = t * np.sqrt(spread)
        return np.stack([estimate, np.maximum(estimate - half, least), estimate + half], -1)

    read = norms[..., 0].reshape(2, *(1 for _ in sums.shape[1:-2]), m)
    own = sums[..., 0] / np.where(read > 0, read, np.nan)
    return Intervals(
        around(whole[0], without[0], -np.inf),
        around(whole[1], without[1], 0.0),
        np.nanmedian(own, -1),
    )


def _statistics(sums: np.ndarray, norms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found: Share = shares(sums, norms)
    return found.effect, np.sqrt(np.maximum(found.off, 0))


def _leave_one_out(sums: np.ndarray, norms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both statistics without each trial in turn, on a last axis of trials."""
    rest = sums.sum(-2, keepdims=True) - sums
    others = norms.sum(1, keepdims=True) - norms
    parts = [
        _statistics(rest[..., b : b + 1, :], others[:, b : b + 1]) for b in range(sums.shape[-2])
    ]
    effect, off = zip(*parts)
    return np.stack(effect, -1), np.stack(off, -1)
