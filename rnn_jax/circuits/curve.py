"""Faithfulness over the size of a circuit: a curve says what one cut-off hides.

    curve = faithfulness_curve(evaluate, scores, key)      # sizes 0, 1, ..., N in one call
    curve.faithfulness.estimate, curve.area.estimate

A ranking that puts the working units first rises early, and so has the larger area.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from ..core.checks import axes, on_host, random_key
from ..core.types import Numbers
from .evaluation import Evaluate, kept_metrics
from .statistics import Ratio, ratio_of_means


class Curve(NamedTuple):
    """Faithfulness of the first `k` units of a ranking.

    - `sizes`: int `[K]`, units kept.
    - `faithfulness`: a `Ratio` of `[K]`.
    - `area`: a `Ratio`, the trapezoid rule over `k / N` between the first and the last size.
    - `gap`: the same rule's area of `|1 - f|`, which an overshoot does not make good.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [1.0]]) * np.ones(8)  # units add up, in all trials
        >>> evaluate, scores = (lambda kept: kept @ weights), np.array([0.9, 0.5, 0.1])
        >>> found = rj.circuits.faithfulness_curve(evaluate, scores, key)
        >>> round(float(found.area.estimate), 3), round(found.gap, 3)  # no overshoot
        (0.611, 0.389)
    """

    sizes: Int[np.ndarray, " K"]
    faithfulness: Ratio
    area: Ratio
    gap: float


def faithfulness_curve(
    evaluate: Evaluate,
    scores: Float[Numbers, " N"],
    key: PRNGKeyArray,
    sizes: Sequence[int] | None = None,
    resamples: int = 2000,
) -> Curve:
    """`f(k) = (m(C_k) - m(0)) / (m(all) - m(0))`, `C_k` the `k` units of largest score.

    The area is linear in the metrics, so that it is a ratio of means as well: its interval is a
    bootstrap of the same trials. It is `1 / 2` of a ranking in random order where units add up.

    **Arguments:**

    - `evaluate`: kept units to metrics; it is called once, on `K + 2` masks.
    - `scores`: `[N]`, any method's, larger for units to be kept.
    - `key`: breaks ties among scores, and draws the bootstrap.
    - `sizes`: increasing, in [0, N], at least two; by default all.
    - `resamples`: of the bootstrap.

    **Returns:** a `Curve`, refused (NaN, with a `reason`) where `faithfulness` is.

    **Raises:** `ValueError` where sizes are invalid or the metrics have another shape, or where a
    score or a metric is NaN.

    Mueller et al., "MIB: A mechanistic interpretability benchmark", ICML (2025), for areas
    over sizes of circuits, under the curve and between it and 1; Wang et al., ICLR (2023),
    section 4, for faithfulness.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [1.0]]) * np.ones(8)  # units add up, in all trials
        >>> scores = np.array([0.9, 0.5, 0.1])
        >>> found = rj.circuits.faithfulness_curve(lambda kept: kept @ weights, scores, key)
        >>> found.sizes, found.faithfulness.estimate.round(3)
        (array([0, 1, 2, 3]), array([0.   , 0.5  , 0.833, 1.   ]))
        >>> round(float(found.area.estimate), 3)
        0.611
    """
    random_key(key)
    order, boot = jax.random.split(key)
    N = axes(scores=(scores, "N"))["N"]
    kept = np.arange(N + 1) if sizes is None else np.asarray(sizes)
    whole = np.issubdtype(kept.dtype, np.integer)
    if (
        not whole
        or kept.ndim != 1
        or len(kept) < 2
        or (np.diff(kept) < 1).any()
        or kept[0] < 0
        or kept[-1] > N
    ):
        raise ValueError(f"sizes must be two or more rising integers in [0, {N}], got {sizes}")
    masks = largest(scores, kept, order)
    metrics = kept_metrics(evaluate, np.concatenate([masks, np.zeros((1, N)), np.ones((1, N))]))
    above, below = metrics[:-2] - metrics[-2], metrics[-1] - metrics[-2]
    ratio = lambda top: ratio_of_means(top, below, boot, resamples)
    rule = _trapezoid(kept / N)
    curve, area = ratio(above), ratio(rule @ above)
    return Curve(kept, curve, area, float(np.sum(rule * np.abs(1 - curve.estimate))))


def largest(
    scores: Float[Numbers, " N"], sizes: Int[Numbers, " K"], key: PRNGKeyArray
) -> Bool[np.ndarray, "K N"]:
    """The units of largest score, for each size; each set holds the smaller ones.

    **Arguments:**

    - `scores`: `[N]`.
    - `sizes`: int `[K]`.
    - `key`: the order of units that tie, since that of their numbers would be a choice.

    **Returns:** bool `[K, N]`.

    **Raises:** `ValueError` where a score is NaN.

    **Example:**

        >>> rj.circuits.largest(np.array([0.1, 0.9, 0.5]), np.array([1, 2]), key)
        array([[False,  True, False],
               [False,  True,  True]])
    """
    N = axes(scores=(scores, "N"), sizes=(sizes, "K"))["N"]
    order = np.lexsort((np.asarray(jax.random.uniform(key, (N,))), -on_host("scores", scores)))
    return np.argsort(order) < np.asarray(sizes)[:, None]


def _trapezoid(x: np.ndarray) -> np.ndarray:
    """The rule's weight of each of the points."""
    steps = np.diff(x)
    return (np.append(steps, 0) + np.insert(steps, 0, 0)) / 2
