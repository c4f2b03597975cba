"""Does the circuit do the work? Faithfulness, completeness, minimality.

    evaluate = keeping(network, xs, targets, score, window, value)   # [S, N] -> [S, B]
    faithfulness(evaluate, members, key).estimate
    completeness(evaluate, members, size=3).worst, .subset

All take one function, which runs the network with everything outside a mask replaced: that of
`keeping`, or any of a user's own.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

from ..causal import Score, mean_of_finite, sweep
from ..core import Network
from ..core.checks import at_least, floats, function, numbers, on_host, random_key
from ..core.checks import members as as_set
from ..core.types import Numbers
from .statistics import Ratio, permutation_p, ratio_of_means

Evaluate: TypeAlias = Callable[[Float[Array, "S N"]], Float[Numbers, "S B"]]
"""Metrics of each trial with only the units of each mask left to themselves."""


class SetTest(NamedTuple):
    """How a circuit fares as a set.

    - `faithfulness`, `necessity`: ratios with their bootstrap intervals.
    - `p_value`: share of random sets of equal size that keep at least as much; NaN for a set of
        no unit or of all, since all sets of such a size are alike.
    - `random`: `[R]`, the faithfulness of each random set; NaN where the circuit's is refused.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [1.0]]) * np.ones(8)  # units add up, in all trials
        >>> evaluate = lambda kept: (np.asarray(kept, float) - 1) @ weights  # effects, not metrics
        >>> members, others = np.array([1, 0, 0]), np.eye(3, dtype=bool)
        >>> found = rj.circuits.judge_set(evaluate, members, others, key)
        >>> found.necessity.estimate.round(3).item(), found.p_value.round(3).item()
        (0.5, 0.5)
    """

    faithfulness: Ratio
    necessity: Ratio
    p_value: np.ndarray
    random: Float[np.ndarray, " R"]


class Worst(NamedTuple):
    """The subset for which a circuit and the network part most.

    - `worst`: `|m(C \\ K) - m(all \\ K)|`, a mean over trials.
    - `subset`: bool `[N]`, that K.
    - `path`: `[size + 1]`, the largest difference found with 0, 1, ... units in K.

    **Example:**

        >>> weights, members = np.array([[3.0], [2.0], [1.0]]), np.array([1, 1, 0])
        >>> found = rj.circuits.completeness(lambda kept: kept @ weights, members, size=2)
        >>> found.worst, len(found.path)  # for 0, 1 and 2 units in K
        (1.0, 3)
    """

    worst: float
    subset: Bool[np.ndarray, " N"]
    path: Float[np.ndarray, " K"]


class Minimality(NamedTuple):
    """How much each member matters, at the K where it matters most.

    - `gain`: `[N]`, `max_K |m(C \\ (K + v)) - m(C \\ K)|`; 0 outside the circuit.
    - `subset`: bool `[N, N]`, the K of each member, `[member, unit]`.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [0.0]])
        >>> found = rj.circuits.minimality(lambda kept: kept @ weights, np.array([1, 1, 0]), key)
        >>> found.gain, found.subset.shape  # what each member adds; [member, unit]
        (array([3., 2., 0.]), (3, 3))
    """

    gain: Float[np.ndarray, " N"]
    subset: Bool[np.ndarray, "N N"]


def kept_metrics(evaluate: Evaluate, masks: Float[np.ndarray, "S N"]) -> Float[np.ndarray, "S B"]:
    """What `evaluate` makes of masks, checked: it may be anybody's.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.
    """
    function("evaluate", evaluate)
    metrics = numbers("the metrics of evaluate", evaluate(floats(masks)))
    if metrics.ndim != 2 or metrics.shape[0] != masks.shape[0]:
        raise ValueError(
            f"evaluate must map masks {masks.shape} to metrics [{masks.shape[0]}, trials], "
            f"got {metrics.shape}"
        )
    return on_host("the metrics of evaluate", metrics)


def _mask(members: Numbers) -> Float[np.ndarray, " N"]:
    return np.asarray(as_set("members", members), float)


def keeping(
    network: Network,
    xs: PyTree,
    targets: Float[Numbers, "B T O"],
    score: Score,
    window: Float[Numbers, "..."],
    value: PyTree,
) -> Evaluate:
    """The evaluator of a network: only the units of a mask are left, all others are clamped.

    It gives `m(C) - m(all)`, the effect on each trial; `m(all)` cancels in every measure here.

    **Arguments:**

    - `network`, `xs`, `targets`, `score`, `value`: as for `sweep`.
    - `window`: float `[T]`, or `[B, T]` where trials differ.

    **Returns:** a function of masks `[S, N]` to `[S, B]`, whose calls raise as `sweep` does.

    **Example:**

        >>> every = rj.span(20, 0, 20)
        >>> evaluate = rj.keeping(network, xs, ys, rj.squared_error, every, 0.0)
        >>> evaluate(jnp.array([[1.0, 1, 1, 0, 0, 0]])).shape  # [set, trial]
        (1, 8)
    """
    spans = np.asarray(window)[None]
    return clamping_others(
        lambda others, **options: sweep(
            network, xs, targets, score, others, spans, value, **options
        )
    )


def clamping_others(effects: Callable[..., Numbers]) -> Evaluate:
    """The evaluator that a sweep of one window makes, by clamping the units outside each mask.

    **Arguments:**

    - `effects`: called with the units to clamp, `[S, N]`, and `allow_noop=True`; gives
        `[1, S, B]`.

    **Returns:** a function of masks `[S, N]` to `[S, B]`.

    **Example:**

        >>> loss = np.array([-3.0, -2.0, -1.0])  # what the clamp of each unit costs; costs add up
        >>> effects = lambda clamped, allow_noop: (np.asarray(clamped) @ loss)[None, :, None]
        >>> evaluate = rj.circuits.clamping_others(effects)
        >>> print(evaluate(np.array([[1, 0, 0], [1, 1, 1]])).ravel())  # one unit, and all
        [-3. 0.]
    """

    def evaluate(masks: Numbers) -> np.ndarray:
        # to keep every unit edits nothing, which is an answer here
        return np.asarray(effects(1 - np.asarray(masks, float), allow_noop=True)[0])

    return evaluate


def share_kept(
    circuit: Float[np.ndarray, "*K B"], nothing: Float[np.ndarray, " B"]
) -> Float[np.ndarray, "*K"]:
    """`1 - e(C) / e(0)` of effects `e = m - m(all)`: the faithfulness of sets, without intervals.

    Effects are means over the trials whose run did not fail. It is not clipped: a set may do worse
    than none.

    **Arguments:**

    - `circuit`: `[..., B]`, effects with only each set left, as `keeping` gives them.
    - `nothing`: `[B]`, with no unit left.

    **Returns:** `[...]`, 1 where a set keeps all and 0 where it keeps nothing.

    **Example:**

        >>> effect, nothing = np.array([[-1.0, -1.0]]), np.array([-4.0, -4.0])
        >>> rj.circuits.share_kept(effect, nothing)  # 1 - 1 / 4
        array([0.75])
    """
    return np.asarray(1 - mean_of_finite(circuit) / mean_of_finite(nothing))


def judge_set(
    evaluate: Evaluate,
    members: Numbers,
    random: Bool[Numbers, "R N"],
    key: PRNGKeyArray,
    resamples: int = 2000,
) -> SetTest:
    """Keep only a set, drop only a set, and keep random sets, in one call of the evaluator.

    Necessity is `(m(all) - m(all without C)) / (m(all) - m(0))`. A trial on which a run failed is
    no part of either ratio.

    **Arguments:**

    - `evaluate`: kept units to effects, as `keeping` makes it.
    - `members`: bool or 0 / 1, `[N]`.
    - `random`: bool `[R, N]`, as of `random_sets`.
    - `key`, `resamples`: of the bootstrap.

    **Returns:** a `SetTest`.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [1.0]]) * np.ones(8)  # units add up, in all trials
        >>> evaluate = lambda kept: (np.asarray(kept, float) - 1) @ weights  # effects, not metrics
        >>> members, others = np.array([1, 0, 0]), np.eye(3, dtype=bool)
        >>> found = rj.circuits.judge_set(evaluate, members, others, key)
        >>> found.faithfulness.estimate.round(3).item(), found.random.round(3)
        (0.5, array([0.5  , 0.333, 0.167]))
    """
    members = _mask(members)
    named = np.stack([members, 1 - members, np.zeros_like(members)])
    effect = np.asarray(evaluate(floats(np.concatenate([named, np.asarray(random)]))))
    keep, drop, nothing, others = effect[0], effect[1], effect[2], effect[3:]
    p = permutation_p(mean_of_finite(keep), mean_of_finite(others))
    # every metric is the clean one plus an effect, so the clean one cancels
    faithful = ratio_of_means(*_known(keep - nothing, -nothing), key, resamples)
    return SetTest(
        faithful,
        ratio_of_means(*_known(-drop, -nothing), key, resamples),
        p if 0 < members.mean() < 1 else np.full_like(p, np.nan),
        share_kept(others, nothing)
        if np.isfinite(faithful.estimate)
        else np.full(len(others), np.nan),
    )


def _known(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both 0, and so no part of a ratio of means, on a trial where the run of either failed."""
    known = np.isfinite(a) & np.isfinite(b)
    return np.where(known, a, 0.0), np.where(known, b, 0.0)


def faithfulness(
    evaluate: Evaluate, members: Numbers, key: PRNGKeyArray, resamples: int = 2000
) -> Ratio:
    """`(m(C) - m(0)) / (m(all) - m(0))`, a ratio of means with a bootstrap interval.

    Above 1 the circuit overshoots: it is not clipped.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `resamples`: of the bootstrap.

    **Returns:** a `Ratio`, refused where the denominator's interval contains 0: NaN, with the
    flag `refused` and a sentence in `reason`.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.

    Wang et al., ICLR (2023), section 4.

    **Example:**

        >>> every = rj.span(20, 0, 20)
        >>> evaluate = rj.keeping(network, xs, ys, rj.squared_error, every, 0.0)
        >>> round(float(rj.faithfulness(evaluate, jnp.ones(6), key).estimate), 6)  # of all units
        1.0
    """
    members = _mask(members)
    masks = np.stack([members, np.zeros_like(members), np.ones_like(members)])
    circuit, nothing, everything = kept_metrics(evaluate, masks)
    return ratio_of_means(circuit - nothing, everything - nothing, key, resamples)


def completeness(evaluate: Evaluate, members: Numbers, size: int) -> Worst:
    """`max over K in C of |m(C \\ K) - m(all \\ K)|`, K grown greedily up to `size` units.

    A small number says that whatever part is broken, the circuit breaks as the network does.

    **Arguments:**

    - `evaluate`: kept units to metrics; it is called `size + 1` times on at most 2 N masks.
    - `members`: bool or 0 / 1, `[N]`.
    - `size`: the most units K may have; K stops growing once it holds the circuit.

    **Returns:** a `Worst`.

    **Raises:** `ValueError` where `size` is negative or the metrics have another shape, or where
    one is NaN.

    Wang et al., ICLR (2023), section 4.

    **Example:**

        >>> weights, members = np.array([[3.0], [2.0], [1.0]]), np.array([1, 1, 0])
        >>> found = rj.circuits.completeness(lambda kept: kept @ weights, members, size=2)
        >>> found.worst, found.path  # units add up: the circuit lacks 1, whatever else is broken
        (1.0, array([1., 1., 1.]))
    """
    at_least(0, size=size)
    members = _mask(members)
    eye = np.eye(members.size)
    subset = np.zeros_like(members)
    subsets, path = [], []
    for grown in range(min(size, int(members.sum())) + 1):
        trials = subset[None] + eye if grown else subset[None]
        metrics = kept_metrics(evaluate, np.concatenate([members * (1 - trials), 1 - trials]))
        gap = np.abs(np.subtract(*np.split(metrics.mean(-1), 2)))
        # K grows within C, and by a unit it does not hold yet
        gap = np.where((members - subset > 0) if grown else True, gap, -np.inf)
        subset = trials[gap.argmax()]
        subsets.append(subset)
        path.append(gap.max())
    path = np.stack(path)
    return Worst(float(path.max()), np.stack(subsets)[path.argmax()] > 0, path)


def minimality(
    evaluate: Evaluate, members: Numbers, key: PRNGKeyArray, draws: int = 16
) -> Minimality:
    """For each member the K, among the empty one and random ones, for which it matters most.

    **Arguments:**

    - `evaluate`: kept units to metrics.
    - `members`: bool or 0 / 1, `[N]`.
    - `key`, `draws`: random subsets K tried besides the empty one.

    **Returns:** a `Minimality`; a member of gain 0 was not needed for any K that was tried.

    **Raises:** `ValueError` where the metrics have another shape, or one is NaN.

    Wang et al., ICLR (2023), section 4.

    **Example:**

        >>> weights = np.array([[3.0], [2.0], [0.0]])
        >>> found = rj.circuits.minimality(lambda kept: kept @ weights, np.array([1, 0, 1]), key)
        >>> found.gain  # the last member is not needed
        array([3., 0., 0.])
    """
    at_least(0, draws=draws)
    random_key(key)
    members = _mask(members)
    eye = np.eye(members.size)
    random = np.asarray(jax.random.bernoulli(key, 0.5, (draws, members.size)))
    subsets = np.concatenate([np.zeros_like(members)[None], random * members])
    gains = []
    for subset in subsets:
        without = subset[None] * (1 - eye)
        kept = members[None] * (1 - without)
        metrics = kept_metrics(evaluate, np.concatenate([kept * (1 - eye), kept])).mean(-1)
        gain = np.abs(np.subtract(*np.split(metrics, 2)))
        gains.append(np.where(members > 0, gain, 0.0))
    gains = np.stack(gains)
    best = subsets[gains.argmax(0)] * (1 - eye)
    return Minimality(gains.max(0), best > 0)
