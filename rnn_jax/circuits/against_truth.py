"""Recovery of a known circuit: how well scores and selections match the truth.

    auroc(jnp.abs(effect), truth)                # exact ranks, ties count half
    precision, recall = precision_recall(members, truth)

Average precision stands beside the prevalence, which is what chance would give.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..core.checks import array, at_least, axes, bools, no_nan


class PrecisionRecall(NamedTuple):
    """Share of the selection that is true, and of the truth that is selected."""

    precision: Float[Array, ""]
    recall: Float[Array, ""]


def auroc(scores: Float[Array, " N"], truth: Bool[Array, " N"]) -> Float[Array, ""]:
    """The probability that a true unit scores above a false one, ties counting half.

    **Arguments:**

    - `scores`: `[N]`, larger for members.
    - `truth`: bool `[N]`.

    **Returns:** a scalar in [0, 1], NaN where all or none are true.

    **Raises:** `ValueError` where lengths differ or are 0, a score is NaN, or the truth is not
    bool: indices and labels would pass for it.

    Hanley and McNeil, Radiology 143 (1982).
    """
    scores, truth = _scored(scores, truth)
    ordered = jnp.sort(scores)
    below = jnp.searchsorted(ordered, scores, side="left")
    upto = jnp.searchsorted(ordered, scores, side="right")
    ranks = (below + upto + 1).astype(scores.dtype) / 2
    positive = truth.sum().astype(scores.dtype)
    negative = truth.size - positive
    rank_sum = jnp.where(truth, ranks, 0.0).sum()
    pairs = positive * negative
    area = (rank_sum - positive * (positive + 1) / 2) / jnp.where(pairs == 0, 1.0, pairs)
    return jnp.where(pairs == 0, jnp.nan, area)


def _scored(scores: Array, truth: Array) -> tuple[Array, Array]:
    """Scores that can be held against a truth."""
    if axes(scores=(scores, "N"), truth=(truth, "N"))["N"] == 0:
        raise ValueError("scores are empty: there is no unit to rank")
    bools(truth=truth)
    return no_nan("scores", array("scores", scores)), jnp.asarray(truth)


def average_precision(scores: Float[Array, " N"], truth: Bool[Array, " N"]) -> Float[Array, ""]:
    """`sum over thresholds of (R_n - R_{n-1}) P_n`, tied scores entering together.

    **Arguments, raises:** as for `auroc`.

    **Returns:** a scalar in (0, 1], NaN where none are true. Scores that are all alike give
    the prevalence, `truth.mean()`.

    Davis and Goadrich, ICML (2006), section 2.
    """
    scores, truth = _scored(scores, truth)
    no_less = scores[None, :] >= scores[:, None]
    hits = (no_less & truth[None]).sum(1).astype(scores.dtype)
    precision = hits / no_less.sum(1).astype(scores.dtype)
    positive = truth.sum().astype(scores.dtype)
    total = jnp.where(truth, precision, 0.0).sum()
    return jnp.where(positive == 0, jnp.nan, total / jnp.where(positive == 0, 1.0, positive))


def precision_recall(members: Bool[Array, " N"], truth: Bool[Array, " N"]) -> PrecisionRecall:
    """The shares of hits: `|A and B| / |A|` and `|A and B| / |B|`.

    **Arguments:**

    - `members`, `truth`: bool `[N]`.

    **Returns:** a `PrecisionRecall`; NaN where nothing was selected, or nothing is true.

    **Raises:** `ValueError` where they are not bool, or their lengths differ.
    """
    axes(members=(members, "N"), truth=(truth, "N"))
    bools(members=members, truth=truth)
    dtype = jnp.zeros(()).dtype
    hits = (members & truth).sum().astype(dtype)
    share = lambda of: jnp.where(of == 0, jnp.nan, hits / jnp.where(of == 0, 1.0, of))
    return PrecisionRecall(share(members.sum().astype(dtype)), share(truth.sum().astype(dtype)))


def precision_at_size(scores: Float[Array, " N"], truth: Bool[Array, " N"]) -> Float[Array, ""]:
    """The share of true units among the top `k`, where `k` is the truth's size.

    Units that tie for the last places share them: the value is the mean over all orders of
    the tied, so that scores that are all alike give the prevalence.

    **Arguments, raises:** as for `auroc`.

    **Returns:** a scalar in [0, 1], NaN where none are true.
    """
    scores, truth = _scored(scores, truth)
    count = lambda units: units.sum().astype(scores.dtype)
    k = truth.sum()
    last = jnp.sort(scores)[::-1][jnp.maximum(k - 1, 0)]
    above, tied = scores > last, scores == last
    places = k.astype(scores.dtype) - count(above)
    hits = count(above & truth) + places * count(tied & truth) / count(tied)
    return jnp.where(k == 0, jnp.nan, hits / jnp.maximum(k, 1).astype(scores.dtype))


def timing_overlap(
    active: Bool[Array, "W N"], truth: Bool[Array, "W N"], tolerance: int = 0
) -> Float[Array, " N"]:
    """Intersection over union of a unit's active windows, borders off by a little forgiven.

    `|(A and wide(B)) or (wide(A) and B)| / |A or B|`, where `wide` spreads by the tolerance.

    **Arguments:**

    - `active`, `truth`: bool `[W, N]`, the estimate's and the true windows.
    - `tolerance`: in windows; one active in only one of the two still counts as shared where
        the other is active that near.

    **Returns:** `[N]` in [0, 1]; 1 where a unit is active in neither.

    **Raises:** `ValueError` where `tolerance` is negative, or windows are not bool or differ.
    """
    axes(active=(active, "W N"), truth=(truth, "W N"))
    near = (active & widen(truth, tolerance)) | (widen(active, tolerance) & truth)
    both, either = near.sum(0), (active | truth).sum(0)
    dtype = jnp.zeros(()).dtype
    ratio = both.astype(dtype) / jnp.maximum(either, 1).astype(dtype)
    return jnp.where(either == 0, 1.0, ratio)


def widen(active: Bool[Array, "W N"], tolerance: int) -> Bool[Array, "W N"]:
    """Activity spread by `tolerance` windows to either side, for borders that may be off.

    **Arguments:**

    - `active`: bool `[W, N]`.
    - `tolerance`: in windows.

    **Returns:** bool `[W, N]`.

    **Raises:** `ValueError` where `tolerance` is negative, or activity is not bool `[W, N]`.
    """
    at_least(0, tolerance=tolerance)
    axes(active=(active, "W N"))
    bools(active=active)
    size = (2 * tolerance + 1, 1)
    return jax.lax.reduce_window(active, False, jnp.logical_or, size, (1, 1), "SAME")
