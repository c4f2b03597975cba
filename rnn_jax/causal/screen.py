"""Screening: a cheap estimate ranks, exact runs decide, and an audit says what may be missed.

    found = screen(network, xs, targets, score, jnp.eye(N), windows, value, keep=10, key=key)
    found.kept, found.effect            # [W, 10] groups, and their exact effects [W, 10]
    found.recall, found.interval        # share of the truly largest that were found

An estimate never decides: the likeliest groups are run exactly, and so is a random part of the
rest. What of that part turns out large tells how many large ones are still unseen.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import Network
from ..core.checks import array, described, function, one_of, random_key, share, whole_number
from ..core.network import num_units
from ..core.units import group_masks
from .ranking import rank_agreement
from .scores import Score, margin
from .sweep import sweep
from .sweep.codes import ResultCodes, mean_of_finite, result_codes
from .sweep.engine import Estimator


class Screen(NamedTuple):
    """What a screen found, and how far it is to be trusted. K groups are kept a window.

    - `estimator`, `ranked_by`: what ranked them, and on which score.
    - `kept`: `[W, K]`, the groups of largest exact effect among all that were run exactly.
    - `effect`: `[W, K]`, their exact effects, means over the trials whose run did not fail; NaN
        where all did.
    - `exact`: `[W, G]`, every exact mean effect there is, NaN elsewhere.
    - `ran`: `[W, G]`, which were run exactly.
    - `codes`: of the exact runs, in the order of `ran`'s groups: what failed, see
        `result_codes`.
    - `estimate`: `[W, G]`, the size each was ranked by.
    - `recall`: of the groups at least as large as the least one kept, the share that was run
        exactly, over all windows, as the audit has it.
    - `interval`: of `recall`, 95 %.
    - `agreement`: `[W]`, Spearman's correlation of estimated and exact sizes, both as the
        ranking takes them, over what was run.
    - `slope`: `[W]`, the median of the estimated sizes over that of the exact ones.
    - `audited`: how many groups the audit ran, over all windows.

    **Example:**

        >>> asked = network, xs, ys, rj.squared_error, jnp.eye(6), rj.tiling(20, 10), 0.0
        >>> found = rj.screen(*asked, keep=2, key=key)
        >>> bool((found.ran == np.isfinite(found.exact)).all()), found.effect.shape
        (True, (2, 2))
    """

    estimator: str
    ranked_by: str
    kept: np.ndarray
    effect: np.ndarray
    exact: np.ndarray
    ran: np.ndarray
    codes: ResultCodes
    estimate: np.ndarray
    recall: float
    interval: tuple[float, float]
    agreement: np.ndarray
    slope: np.ndarray
    audited: int


def screen(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    score: Score,
    units: Array | list,
    windows: Float[Array, "W ..."],
    value: PyTree,
    keep: int,
    key: PRNGKeyArray,
    estimator: Estimator = "first-order",
    rank_by: Score = margin,
    audit: float = 0.05,
    run: Callable[..., Array] = sweep,
    **options: Any,
) -> Screen:
    """The `keep` groups of largest `|mean_b F(iv) - F(Identity())|` in each window.

    All groups are estimated and ranked: by `|mean_b|` of the estimate where `rank_by` is the
    score itself, else by `mean_b ||`, since what moves an output either way may raise a loss.
    The first `2 keep` of each window and a random share `audit` of the others are run exactly.
    Of the audited ones `m` of `n` reach the least effect kept; then about `m / n` of those
    not run do as well.

    **Arguments:** as for `sweep`, and

    - `keep`: groups to find in each window.
    - `key`: of the audit's draw.
    - `estimator`: `first-order` or `window`; `exact` runs all, and misses none.
    - `rank_by`: the score that is estimated. One linear in the outputs, as `margin` is:
        a squared error has no slope at a trained optimum, and ranks at chance there.
    - `audit`: the share of the others that is run too, at least one a window.
    - `run`: the sweep, `resumable` if need be.
    - `options`: of the sweep.

    **Returns:** a `Screen`.

    **Raises:** `ValueError` as `sweep`, and where `keep` or `audit` are out of range. It warns
    where runs failed, and where the estimates are far too small or ranked unlike the exact
    effects: the score that ranks is then saturated or curved, and the interval of the recall
    is what counts.

    **Example:**

        >>> asked = network, xs, ys, rj.squared_error, jnp.eye(6), rj.tiling(20, 10), 0.0
        >>> found = rj.screen(*asked, keep=2, key=key)
        >>> found.kept.shape  # [window, keep]
        (2, 2)
    """
    units, windows = group_masks(units, num_units(network)), array("windows", windows)
    W, G = len(windows), len(units)
    _check_call(units, keep, key, estimator, audit, run)
    asked = lambda score, units, estimator: run(
        network, xs, targets, score, units, windows, value, estimator=estimator, **options
    )
    rank_by = score if estimator == "exact" else rank_by
    size = _size_of_mean if rank_by is score else _mean_of_sizes
    estimates = asked(rank_by, units, estimator)
    estimate = size(estimates)
    if estimator == "exact":
        order, drawn, by_trial = np.tile(np.arange(G), (W, 1)), 0, estimates
    else:
        order, drawn = _draw(estimate, min(2 * keep, G), audit, key)
        by_trial = asked(score, units[order], "exact")
    name = getattr(rank_by, "__name__", type(rank_by).__name__)
    found = _judge(estimator, name, estimate, order, drawn, by_trial, size(by_trial), keep)
    _warn(found, same_score=rank_by is score)
    return found


def _check_call(units: Array, keep: Any, key: Any, estimator: Any, audit: Any, run: Any) -> None:
    """**Raises:** `ValueError` where what a screen is asked for makes no sense."""
    one_of("estimator", estimator, get_args(Estimator))
    if units.ndim != 2:
        raise ValueError(f"units must be masks [groups, N] or indices, got {described(units)}")
    if not 1 <= whole_number("keep", keep) <= len(units):
        raise ValueError(f"keep must lie in [1, {len(units)}], got {keep}")
    share("audit", audit, above=0)
    random_key(key)
    function("run", run)


def _judge(
    estimator: str,
    ranked_by: str,
    estimate: np.ndarray,
    order: np.ndarray,
    drawn: int,
    by_trial: Array,
    size: np.ndarray,
    keep: int,
) -> Screen:
    """What was run, `order [W, R]` with the audited last, beside what was estimated."""
    (W, G), R = estimate.shape, order.shape[1]
    effects = mean_of_finite(by_trial)
    exact, ran = np.full((W, G), np.nan, effects.dtype), np.zeros((W, G), bool)
    np.put_along_axis(exact, order, effects, 1)
    np.put_along_axis(ran, order, True, 1)
    # what failed on all trials is known to be neither large nor small: it comes last
    kept = np.argsort(-np.nan_to_num(np.abs(exact), nan=-1.0), 1, kind="stable")[:, :keep]
    effect = np.take_along_axis(exact, kept, 1)
    least = np.abs(effect[:, -1:])
    missed = int((np.abs(effects[:, R - drawn :]) >= least).sum())
    recall, interval = _recall(keep * W, missed, drawn * W, (G - R) * W)
    if np.isnan(least).any():
        recall, interval = np.nan, (np.nan, np.nan)
    near = np.take_along_axis(estimate, order, 1)
    both = [np.where(np.isnan(near + size), 0.0, a) for a in (near, size)]
    agreement = rank_agreement(*both)
    return Screen(
        estimator, ranked_by, kept, effect, exact, ran, result_codes(by_trial), estimate, recall,
        interval, agreement, _medians_ratio(*both), drawn * W,
    )  # fmt: skip


def _size_of_mean(effects: Array) -> np.ndarray:
    return np.abs(mean_of_finite(effects))


def _mean_of_sizes(effects: Array) -> np.ndarray:
    return mean_of_finite(np.abs(np.asarray(effects)))


def _draw(
    estimate: np.ndarray, top: int, audit: float, key: PRNGKeyArray
) -> tuple[np.ndarray, int]:
    """The groups to run, `[W, top + drawn]`: the largest first, then a draw of the rest."""
    W, G = estimate.shape
    # an estimate that failed says nothing against its group
    order = np.argsort(-np.nan_to_num(estimate, nan=np.inf), 1, kind="stable")
    drawn = int(np.ceil(audit * (G - top)))
    rest = np.asarray(jax.random.permutation(key, order[:, top:], axis=1, independent=True))
    return np.concatenate([order[:, :top], rest[:, :drawn]], 1), drawn


def _recall(
    found: int, missed: int, audited: int, unseen: int
) -> tuple[float, tuple[float, float]]:
    """Found over found and missed, `missed / audited` of those unseen being missed.

    The interval is Clopper and Pearson's of that rate.
    """
    from scipy.special import betaincinv

    if unseen == 0:
        return 1.0, (1.0, 1.0)
    m, n = missed, audited
    low = betaincinv(m, n - m + 1, 0.025) if m > 0 else 0.0
    high = betaincinv(m + 1, n - m, 0.975) if m < n else 1.0
    recall = lambda rate: float(found / (found + rate * unseen))
    return recall(m / n), (recall(high), recall(low))


def _medians_ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = np.median(a, 1), np.median(b, 1)
    return np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)


def _warn(found: Screen, same_score: bool) -> None:
    """Say where the estimate is no guide, since its ranking looks like any other."""
    failed = found.codes.counts["overflow"] + found.codes.counts["nan"]
    if failed:
        what = f"{failed} of {found.codes.code.size} exact runs failed and count for nothing"
        warnings.warn(f"{what}: see codes", stacklevel=3)
    # an estimate that is constant agrees with nothing; where nothing acts, or one or two were
    # run, there is nothing to say
    several = (found.ran.sum(1) > 2) & ~np.isnan(found.slope)
    unlike = np.flatnonzero(~(found.agreement >= 0.5) & several)
    # sizes are comparable only where one score both ranks and decides
    flat = np.flatnonzero(found.slope < 0.1) if same_score else unlike[:0]
    for windows, what in ((unlike, "rank unlike"), (flat, "are under a tenth of")):
        if len(windows):
            low, high = found.interval
            warnings.warn(
                f"{found.estimator} estimates by {found.ranked_by} {what} the exact effects in "
                f"windows {windows.tolist()}: the score is saturated or curved there. Recall "
                f"by the audit: {found.recall:.2f} [{low:.2f}, {high:.2f}]",
                stacklevel=3,
            )
