"""When a number changes for good: one step in a series, with an interval.

    found = change_point(rates, key)        # rates [E, B]: E times, B samples of each
    found.at, found.low, found.high

The series is cut once into two parts, each as near to its own mean as can be.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..core.checks import at_least, described, no_nan, random_key, share
from ..core.types import Numbers


class ChangePoint(NamedTuple):
    """A step in a series.

    - `at`: the first index after it. `low`, `high`: its interval.
    - `before`, `after`: the two means.
    - `explained`: the share of the series' variance that the step explains, 0 to 1.
    """

    at: int
    low: float
    high: float
    before: float
    after: float
    explained: float


def change_point(
    values: Float[Numbers, "E B"], key: PRNGKeyArray, resamples: int = 200, level: float = 0.95
) -> ChangePoint:
    """The cut that leaves the least squared distance to two means, of the mean over samples.

    `argmin_k sum_{e<k} (m_e - mean_{<k})^2 + sum_{e>=k} (m_e - mean_{>=k})^2`. The interval is of
    the cut over draws of the samples, anew for each index: how well the step is placed, given that
    there is one step. Look at `explained` before.

    **Arguments:**

    - `values`: `[E, B]`, samples at each of at least two indices. With one sample each there is no
        interval.
    - `key`: draws the samples.
    - `resamples`, `level`: of the interval.

    **Returns:** `ChangePoint`.

    **Raises:** `ValueError` where values are no finite `[E, B]`.

    Bai, Econometric Theory 13 (1997), for least squares.
    """
    random_key(key)
    at_least(1, resamples=resamples)
    share("level", level, above=0, below=1)
    known = no_nan("values", np.asarray(values, float))
    if known.ndim != 2 or len(known) < 2 or not known.size:
        raise ValueError(f"values must be [E, B], at least 2 times, got {described(values)}")
    E, B = known.shape
    mean = known.mean(1)
    at, explained = _cut(mean[None])
    drawn = np.asarray(jax.random.randint(key, (resamples, E, B), 0, B))
    series = np.take_along_axis(known[None], drawn, 2).mean(2)
    low, high = np.quantile(_cut(series)[0], ((1 - level) / 2, (1 + level) / 2))
    k = int(at[0])
    ends = (np.nan, np.nan) if B == 1 else (float(low), float(high))
    return ChangePoint(k, *ends, mean[:k].mean(), mean[k:].mean(), float(explained[0]))


def _cut(series: Float[np.ndarray, "R E"]) -> tuple[np.ndarray, np.ndarray]:
    """The best cut of each series, and what share of the variance it explains."""
    E = series.shape[1]
    count = np.arange(1, E)
    centred = series - series.mean(1, keepdims=True)
    total = centred.cumsum(1)[:, :-1]
    # the squared distance between the two means, weighted: what a cut explains
    gained = total**2 * E / (count * (E - count))
    whole = (centred**2).sum(1)
    best = gained.argmax(1)
    share = gained[np.arange(len(series)), best] / np.where(whole > 0, whole, 1)
    return best + 1, share
