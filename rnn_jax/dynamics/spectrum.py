"""Numbers that a Lyapunov spectrum gives: a dimension, an entropy rate, an interval.

kaplan_yorke(found.exponents), entropy_rate(found.exponents)
interval = mean_exponents(jax.vmap(one)(h0s, xs).exponents)      # over trajectories
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import stdtrit

from ..core.checks import at_least, axes, on_host, share, vector
from ..core.types import Numbers


class MeanExponents(NamedTuple):
    """Exponents over trajectories, arrays on the host.

    - `mean`: `[K]`; `low`, `high`: `[K]`, the ends of its interval.

    **Example:**

        >>> found = rj.dynamics.mean_exponents(np.array([[0.2, -1.0], [0.2, -1.0]]))
        >>> print(found.low, found.high)  # two equal runs
        [ 0.2 -1. ] [ 0.2 -1. ]
    """

    mean: Float[np.ndarray, " K"]
    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]


def kaplan_yorke(exponents: Float[Numbers, " K"]) -> Float[Array, ""]:
    """The Kaplan-Yorke dimension: of how many directions the volume neither grows nor shrinks.

    `j + (l_1 + ... + l_j) / |l_{j + 1}|`, where `j` is the largest number of leading exponents
    with a sum that is not negative. It is 0 where the first is negative. It is `K` where no sum
    is: of a whole spectrum that is the dimension, of a part the dimension is no less.

    **Arguments:**

    - `exponents`: `[K]`, falling; `-inf` may be among them.

    **Returns:** a number in [0, K]; NaN where an exponent is.

    **Raises:** `ValueError` where it is not a vector of at least one number.

    Kaplan and Yorke, Lecture Notes in Mathematics 730 (1979).

    **Example:**

        >>> rj.dynamics.kaplan_yorke(np.array([0.5, 0.0, -1.0])).item()  # 2 + (0.5 + 0) / 1
        2.5
    """
    ordered = _falling(exponents)
    sums = jnp.cumsum(ordered)
    j, K = (sums >= 0).sum(), len(ordered)
    held = jnp.where(j > 0, sums[j - 1], 0)
    rest = jnp.where(j < K, held / -ordered[jnp.minimum(j, K - 1)], 0)
    return jnp.where(jnp.isnan(sums).any(), jnp.nan, j.astype(rest.dtype) + rest)


def entropy_rate(exponents: Float[Numbers, " K"]) -> Float[Array, ""]:
    """The sum of the positive exponents: information that a run makes, in nats per step.

    It bounds the entropy rate from above (Ruelle), and is the rate itself where the run's
    distribution is smooth along the directions that grow (Pesin).

    **Arguments:**

    - `exponents`: `[K]`, all that are positive among them.

    **Returns:** nats per step; over `log(2)`, bits.

    **Raises:** `ValueError` where it is not a vector of at least one number.

    Eckmann and Ruelle, Reviews of Modern Physics 57 (1985), section IV.

    **Example:**

        >>> rj.dynamics.entropy_rate(np.array([0.5, 0.25, -1.0])).item()
        0.75
    """
    return jnp.maximum(_falling(exponents), 0).sum()


def mean_exponents(exponents: Float[Numbers, "B K"], level: float = 0.95) -> MeanExponents:
    """The mean over trajectories with Student's interval, `mean +- t s / sqrt(B)`.

    Trajectories must be independent: of different starts or inputs, with a burn-in. On the host.

    **Arguments:**

    - `exponents`: `[B, K]`, a trajectory a row.
    - `level`: of the interval.

    **Returns:** `MeanExponents`; where a trajectory has `-inf`, so have the mean and both ends.

    **Raises:** `ValueError` where there are fewer than two trajectories, an exponent is NaN, or
    `level` is not between 0 and 1.

    **Example:**

        >>> found = rj.dynamics.mean_exponents(np.array([[0.2, -1.0], [0.4, -1.0]]))
        >>> found.mean.round(3), bool(found.low[0] < 0)  # two runs are too few to tell chaos
        (array([ 0.3, -1. ]), True)
    """
    at_least(2, trajectories=axes(exponents=(exponents, "B K"))["B"])
    share("level", level, above=0, below=1)
    rows = on_host("exponents", exponents)
    lost = np.isinf(rows).any(0)
    kept = np.where(lost, 0, rows)
    half = stdtrit(len(rows) - 1, (1 + level) / 2) * kept.std(0, ddof=1) / np.sqrt(len(rows))
    mean = np.where(lost, -np.inf, kept.mean(0))
    return MeanExponents(mean, mean - half, mean + half)


def _falling(exponents: Float[Numbers, " K"]) -> Float[Array, " K"]:
    known = vector("exponents", exponents)
    at_least(1, exponents=known.size)
    return jnp.sort(known, descending=True)
