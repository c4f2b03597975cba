"""Result codes: which elements of a sweep failed, and how. The sweep itself goes on.

codes = result_codes(effects)
codes.counts, codes.index          # {"finite": 98, "overflow": 2, "nan": 0}, [2, 3]
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ...core.checks import numbers
from ...core.types import Numbers

FINITE, OVERFLOW, NAN = 0, 1, 2
NAMES = ("finite", "overflow", "nan")


class ResultCodes(NamedTuple):
    """The state of each element of a sweep.

    - `code`: like the effects; 0 finite, 1 infinite, 2 not a number.
    - `index`: `[F, dims]`, where each failed element stands.
    - `counts`: how many elements bear each name.

    **Example:**

        >>> found = rj.causal.result_codes(np.array([1.0, np.inf, 2.0]))
        >>> found.counts, found.index.tolist()
        ({'finite': 2, 'overflow': 1, 'nan': 0}, [[1]])
    """

    code: Int[np.ndarray, "..."]
    index: Int[np.ndarray, "F dims"]
    counts: dict[str, int]


def result_codes(effects: Float[Numbers, "..."]) -> ResultCodes:
    """What became of each element: finite, overflowed, or not a number.

    **Example:**

        >>> found = rj.causal.result_codes(np.array([[1.0, np.inf], [np.nan, 0.0]]))
        >>> found.code.tolist(), found.index.tolist()
        ([[0, 1], [2, 0]], [[0, 1], [1, 0]])
    """
    values = np.asarray(numbers("effects", effects))
    code = np.where(np.isnan(values), NAN, np.where(np.isinf(values), OVERFLOW, FINITE))
    counts = {name: int((code == number).sum()) for number, name in enumerate(NAMES)}
    return ResultCodes(code.astype(np.int8), np.argwhere(code != FINITE), counts)


def mean_of_finite(effects: Float[Numbers, "... B"]) -> Float[np.ndarray, "..."]:
    """The mean over trials whose run did not fail; NaN where all failed.

    **Example:**

        >>> rj.causal.mean_of_finite(np.array([[1.0, 3.0, np.inf]]))
        array([2.])
    """
    known = np.asarray(effects)
    there = np.isfinite(known)
    count, total = there.sum(-1), np.where(there, known, 0).sum(-1)
    return np.where(count > 0, total / np.maximum(count, 1).astype(known.dtype), np.nan)


def over_counted(
    effects: Float[Numbers, "W G B"], windows: Float[Numbers, "W B T"]
) -> Float[np.ndarray, "W G B"]:
    """Effects scaled so that their mean over all trials is that over the trials that count.

    A trial in which the window is empty has no effect to speak of, and one whose run failed
    none that is known: neither must dilute the others. At 0 it tells a test of signs nothing.

    **Example:**

        >>> effects = np.array([[[2.0, 7.0]]])  # [window, group, trial]
        >>> windows = np.array([[[0.0, 1.0], [0.0, 0.0]]])  # the second trial has no such window
        >>> print(rj.causal.over_counted(effects, windows))  # the mean is that of the first alone
        [[[4. 0.]]]
    """
    known = np.asarray(effects)
    inside = np.any(np.asarray(windows) > 0, axis=-1)
    counts = np.expand_dims(inside, 1) & np.isfinite(known)
    share = counts.mean(-1, keepdims=True, dtype=known.dtype)
    return np.where(counts, known, 0) / np.where(share > 0, share, 1)
