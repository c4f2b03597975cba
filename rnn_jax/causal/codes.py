"""Result codes: which elements of a sweep failed, and how. The sweep itself goes on.

codes = result_codes(effects)
codes.counts, codes.index          # {"finite": 98, "overflow": 2, "nan": 0}, [2, 3]
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..core.checks import numbers

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
