"""Recovery of a known circuit: how well scores and selections match the truth.

    auroc(jnp.abs(effect), truth)                # exact ranks, ties count half
    precision, recall = precision_recall(members, truth)

Average precision stands beside the prevalence, which is what chance would give.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..core.checks import at_least, axes, bools, on_host
from ..core.types import Numbers


class PrecisionRecall(NamedTuple):
    """Share of the selection that is true, and of the truth that is selected.

    **Example:**

        >>> found, truth = np.array([True, True, False]), np.array([True, False, False])
        >>> rj.circuits.precision_recall(found, truth)  # all is found, and as much again
        PrecisionRecall(precision=0.5, recall=1.0)
    """

    precision: float
    recall: float


def auroc(scores: Float[Numbers, " N"], truth: Bool[Numbers, " N"]) -> float:
    """The probability that a true unit scores above a false one, ties counting half.

    **Arguments:**

    - `scores`: `[N]`, larger for members.
    - `truth`: bool `[N]`.

    **Returns:** a scalar in [0, 1], NaN where all or none are true.

    **Raises:** `ValueError` where lengths differ or are 0, a score is NaN, or the truth is not
    bool: indices and labels would pass for it.

    Hanley and McNeil, Radiology 143 (1982).

    **Example:**

        >>> float(rj.auroc(jnp.array([0.9, 0.1, 0.5]), np.array([True, False, False])))
        1.0
    """
    scores, truth = _scored(scores, truth)
    ordered = np.sort(scores)
    left, right = (np.searchsorted(ordered, scores, side) for side in ("left", "right"))
    ranks = (left + right + 1) / 2
    positive = int(truth.sum())
    pairs = positive * (truth.size - positive)
    above = ranks[truth].sum() - positive * (positive + 1) / 2
    return float(above / pairs) if pairs else np.nan


def _scored(scores: Numbers, truth: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Scores and truth, checked, on the host."""
    if axes(scores=(scores, "N"), truth=(truth, "N"))["N"] == 0:
        raise ValueError("scores are empty: there is no unit to rank")
    bools(truth=truth)
    return on_host("scores", scores), np.asarray(truth)


def average_precision(scores: Float[Numbers, " N"], truth: Bool[Numbers, " N"]) -> float:
    """`sum over thresholds of (R_n - R_{n-1}) P_n`, tied scores entering together.

    **Arguments, raises:** as for `auroc`.

    **Returns:** a scalar in (0, 1], NaN where none are true. Scores that are all alike give
    the prevalence, `truth.mean()`.

    Davis and Goadrich, ICML (2006), section 2.

    **Example:**

        >>> scores, truth = np.array([0.9, 0.8, 0.1]), np.array([True, False, True])
        >>> round(rj.circuits.average_precision(scores, truth), 3)  # (1 / 1 + 2 / 3) / 2
        0.833
    """
    scores, truth = _scored(scores, truth)
    no_less = scores[None, :] >= scores[:, None]
    precision = (no_less & truth).sum(1) / no_less.sum(1)
    return float(precision[truth].mean()) if truth.any() else np.nan


def precision_recall(members: Bool[Numbers, " N"], truth: Bool[Numbers, " N"]) -> PrecisionRecall:
    """The shares of hits: `|A and B| / |A|` and `|A and B| / |B|`.

    **Arguments:**

    - `members`, `truth`: bool `[N]`.

    **Returns:** a `PrecisionRecall`; NaN where nothing was selected, or nothing is true.

    **Raises:** `ValueError` where they are not bool, or their lengths differ.

    **Example:**

        >>> members, truth = np.array([True, False, False]), np.array([True, True, False])
        >>> found = rj.circuits.precision_recall(members, truth)
        >>> found.precision, found.recall
        (1.0, 0.5)
    """
    axes(members=(members, "N"), truth=(truth, "N"))
    bools(members=members, truth=truth)
    members, truth = np.asarray(members), np.asarray(truth)
    share = lambda of, hits: float(hits[of].mean()) if of.any() else np.nan
    return PrecisionRecall(share(members, truth), share(truth, members))


def precision_at_size(scores: Float[Numbers, " N"], truth: Bool[Numbers, " N"]) -> float:
    """The share of true units among the top `k`, where `k` is the truth's size.

    Units that tie for the last places share them: the value is the mean over all orders of
    the tied, so that scores that are all alike give the prevalence.

    **Arguments, raises:** as for `auroc`.

    **Returns:** a scalar in [0, 1], NaN where none are true.

    **Example:**

        >>> scores, truth = np.array([0.9, 0.8, 0.1]), np.array([True, False, True])
        >>> rj.circuits.precision_at_size(scores, truth)  # of the top two, one
        0.5
    """
    scores, truth = _scored(scores, truth)
    k = int(truth.sum())
    if k == 0:
        return np.nan
    last = np.sort(scores)[-k]
    above, tied = scores > last, scores == last
    hits = truth[above].sum() + (k - above.sum()) * truth[tied].mean()
    return float(hits / k)


def timing_overlap(
    active: Bool[Numbers, "W N"], truth: Bool[Numbers, "W N"], tolerance: int = 0
) -> Float[np.ndarray, " N"]:
    """Intersection over union of a unit's active windows, borders off by a little forgiven.

    `|(A and wide(B)) or (wide(A) and B)| / |A or B|`, where `wide` spreads by the tolerance.

    **Arguments:**

    - `active`, `truth`: bool `[W, N]`, the estimate's and the true windows.
    - `tolerance`: in windows; one active in only one of the two still counts as shared where
        the other is active that near.

    **Returns:** `[N]` in [0, 1]; 1 where a unit is active in neither.

    **Raises:** `ValueError` where `tolerance` is negative, or windows are not bool or differ.

    **Example:**

        >>> active = np.array([[False], [True], [True], [False]])  # [window, unit]
        >>> truth = np.array([[True], [True], [False], [False]])
        >>> [float(rj.circuits.timing_overlap(active, truth, k).round(2)[0]) for k in (0, 1)]
        [0.33, 1.0]
    """
    axes(active=(active, "W N"), truth=(truth, "W N"))
    active, truth = np.asarray(active), np.asarray(truth)
    near = (active & widen(truth, tolerance)) | (widen(active, tolerance) & truth)
    both, either = near.sum(0), (active | truth).sum(0)
    return np.where(either == 0, 1.0, both / np.maximum(either, 1))


def widen(active: Bool[Numbers, "W N"], tolerance: int) -> Bool[np.ndarray, "W N"]:
    """Activity spread by `tolerance` windows to either side, for borders that may be off.

    **Arguments:**

    - `active`: bool `[W, N]`.
    - `tolerance`: in windows.

    **Returns:** bool `[W, N]`.

    **Raises:** `ValueError` where `tolerance` is negative, or activity is not bool `[W, N]`.

    **Example:**

        >>> active = np.array([[False], [False], [True], [False]])  # [window, unit]
        >>> rj.circuits.widen(active, 1).ravel()
        array([False,  True,  True,  True])
    """
    at_least(0, tolerance=tolerance)
    axes(active=(active, "W N"))
    bools(active=active)
    known = np.asarray(active)
    wide = np.pad(known, ((tolerance, tolerance), (0, 0)))
    return np.any([wide[k : k + len(known)] for k in range(2 * tolerance + 1)], 0)
