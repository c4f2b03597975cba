"""Times until something happens, some of which never happened while one looked.

    when = first_passage(labels == 3)              # [B, T] -> [B]
    curve = survival(when.time, when.reached)
    curve.share                                    # not there yet after curve.times steps

A time that was not seen to end is *censored*: it is known to be longer than what was seen. The
estimate of Kaplan and Meier uses each of them as long as it is at risk. `speed` says how fast a
state moves meanwhile.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.special import ndtri

from ..core import Trajectory
from ..core.checks import axes, bools, described, numbers, share
from ..core.trajectory import check_run
from ..core.types import Numbers


class Passage(NamedTuple):
    """When a run first is inside a set.

    - `time`: the index of the first step inside; `T`, a lower bound, where it never came inside.
    - `reached`: whether it came inside.

    **Example:**

        >>> found = rj.dynamics.first_passage(np.array([False, False, True, False]))
        >>> int(found.time), bool(found.reached)
        (2, True)
    """

    time: Int[np.ndarray, "..."]
    reached: Bool[np.ndarray, "..."]


class Survival(NamedTuple):
    """The share of times that are longer than each time at which one ended.

    - `times`: `[K]`, increasing.
    - `at_risk`: `[K]`, how many had lasted so long and were still seen.
    - `ended`: `[K]`, how many of these ended then; `ended / at_risk` is the hazard.
    - `share`: `[K]`, the estimate; `low`, `high` its interval, each time for itself.

    **Example:**

        >>> times, ended = np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, True])
        >>> found = rj.dynamics.survival(times, ended)
        >>> (found.ended / found.at_risk).round(3)  # the hazard
        array([0.25 , 0.333, 1.   ])
    """

    times: Float[np.ndarray, " K"]
    at_risk: Int[np.ndarray, " K"]
    ended: Int[np.ndarray, " K"]
    share: Float[np.ndarray, " K"]
    low: Float[np.ndarray, " K"]
    high: Float[np.ndarray, " K"]


def first_passage(inside: Bool[Numbers, "... T"]) -> Passage:
    """The first time inside a set, and whether there is one.

    **Arguments:**

    - `inside`: bool `[..., T]`: whether the state is in the set, as `labels == 3`, or a distance
        below a bound. With `hs`, index t is the state after t + 1 steps.

    **Returns:** `Passage` of `[...]`.

    **Raises:** `ValueError` where `inside` is not bool or has no step.

    **Example:**

        >>> inside = np.array([[False, True, False], [False, False, False]])
        >>> found = rj.dynamics.first_passage(inside)
        >>> found.time, found.reached  # 3: never inside, in 3 steps
        (array([1, 3]), array([ True, False]))
    """
    if axes(inside=(inside, "... T"))["T"] == 0:
        raise ValueError(f"inside must have at least one step, got {described(inside)}")
    bools(inside=inside)
    known = np.asarray(inside)
    reached = known.any(-1)
    return Passage(np.where(reached, known.argmax(-1), known.shape[-1]), np.asarray(reached))


def survival(
    times: Float[Numbers, " n"] | Int[Numbers, " n"],
    ended: Bool[Numbers, " n"],
    level: float = 0.95,
) -> Survival:
    """Kaplan and Meier's estimate `S(t) = prod_{t_k <= t} (1 - ended_k / at_risk_k)`.

    A censored time counts as at risk up to and with itself. The interval is Greenwood's on the
    scale `log(-log S)`. Censoring must have nothing to do with how long a time would have been,
    as where trials have a set length. For visits there is `visits_survival`.

    **Arguments:**

    - `times`: `[n]`, how long each was seen.
    - `ended`: `[n]`, bool, whether its end was seen.
    - `level`: the share of cases that an interval must cover.

    **Returns:** `Survival`; `low` and `high` are NaN where `share` is 0.

    **Raises:** `ValueError` where there are no times, one is not finite, sizes differ, or `level`
    is not in (0, 1).

    Kaplan and Meier, J. Am. Stat. Assoc. 53 (1958); Kalbfleisch and Prentice, The Statistical
    Analysis of Failure Time Data (2002), section 1.4.

    **Example:**

        >>> times, ended = np.array([1.0, 2.0, 2.0, 3.0]), np.array([True, True, False, True])
        >>> found = rj.dynamics.survival(times, ended)
        >>> found.at_risk, found.share.round(3)
        (array([4, 3, 1]), array([0.75, 0.5 , 0.  ]))
    """
    n = axes(times=(times, "n"), ended=(ended, "n"))["n"]
    bools(ended=ended)
    share("level", level, above=0, below=1)
    lasted, seen = np.asarray(numbers("times", times), float), np.asarray(ended)
    if n == 0 or not np.isfinite(lasted).all():
        raise ValueError(f"times must be finite, at least one; got {described(times)}")
    at = np.unique(lasted[seen])
    order = np.sort(lasted)
    risk = n - np.searchsorted(order, at, side="left")
    ends = np.searchsorted(np.sort(lasted[seen]), at, side="right")
    ends = np.diff(ends, prepend=0)
    left = np.cumprod(1 - ends / risk)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt(np.cumsum(ends / (risk * (risk - ends)))) / np.abs(np.log(left))
        reach = np.exp(ndtri((1 + level) / 2) * spread)
        low, high = left**reach, left ** (1 / reach)
    return Survival(at, risk, ends, left, low, high)


def speed(trajectory: Trajectory) -> Float[Array, " T"]:
    """`|hs[t] - hs[t-1]|` in each step, with `hs[-1] = h0`; all parts of a state together.

    It is pure: `vmap` over trials.

    **Arguments:**

    - `trajectory`: one trial's run.

    **Returns:** `[T]`, in the unit of the state per step.

    **Raises:** `ValueError` where it is no trajectory, or one of a batch of trials.

    **Example:**

        >>> run = rj.rollout(lambda h, x: h + x, jnp.zeros(2), jnp.array([[3.0, 4.0], [0.0, 0.0]]))
        >>> rj.dynamics.speed(run).tolist()
        [5.0, 0.0]
    """
    check_run(trajectory)
    hs = trajectory.hs if trajectory.carried is None else trajectory.carried
    moves = jax.tree.map(
        lambda a, b: ((a - b) ** 2).reshape(len(a), -1).sum(1), hs, trajectory.previous
    )
    first, *rest = jax.tree.leaves(moves)
    return jnp.sqrt(sum(rest, first))
