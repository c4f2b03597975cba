"""Result codes: which elements of a sweep failed, and how. The sweep itself goes on.

codes = result_codes(effects)
codes.counts, codes.index          # {"finite": 98, "overflow": 2, "nan": 0}, [2, 3]
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...core.checks import numbers

FINITE, OVERFLOW, NAN = 0, 1, 2
NAMES = ("finite", "overflow", "nan")


class ResultCodes(NamedTuple):
    """The state of each element of a sweep.

    - `code`: like the effects; 0 finite, 1 infinite, 2 not a number.
    - `index`: `[F, dims]`, where each failed element stands.
    - `counts`: how many elements bear each name.
    """

    code: Int[np.ndarray, "..."]
    index: Int[np.ndarray, "F dims"]
    counts: dict[str, int]


def result_codes(effects: Float[Array, "..."]) -> ResultCodes:
    """What became of each element: finite, overflowed, or not a number."""
    values = np.asarray(numbers("effects", effects))
    code = np.where(np.isnan(values), NAN, np.where(np.isinf(values), OVERFLOW, FINITE))
    counts = {name: int((code == number).sum()) for number, name in enumerate(NAMES)}
    return ResultCodes(code.astype(np.int8), np.argwhere(code != FINITE), counts)


def mean_of_finite(effects: Float[Array, "... B"]) -> Float[Array, "..."]:
    """The mean over trials whose run did not fail; NaN where all failed."""
    there = jnp.isfinite(effects)
    count = there.sum(-1).astype(effects.dtype)
    total = jnp.where(there, effects, 0.0).sum(-1)
    return jnp.where(count > 0, total / jnp.maximum(count, 1), jnp.nan)


def over_counted(
    effects: Float[Array, "W G B"], windows: Float[Array, "W B T"]
) -> Float[Array, "W G B"]:
    """Effects scaled so that their mean over all trials is that over the trials that count.

    A trial in which the window is empty has no effect to speak of, and one whose run failed
    none that is known: neither must dilute the others. At 0 it tells a test of signs nothing.
    """
    counts = (windows > 0).any(-1)[:, None, :] & jnp.isfinite(effects)
    share = counts.astype(effects.dtype).mean(-1, keepdims=True)
    return jnp.where(counts, effects, 0.0) / jnp.where(share > 0, share, 1.0)
