"""How long a run stays in each state, where it goes then, and when it first comes somewhere.

    labels = labels_near(hs, points, radius=0.1)       # -1 where near none
    visits = residence_times(labels)
    visits_survival(visits, 2).share                   # still there after so many steps
    geometric(visits, 2)                               # what a hidden Markov model would fit

A visit is a longest stretch of one label. A run ends while a state is visited, and begins so: of
its first and last visit only a lower bound of the length is seen. Such visits are *censored*; to
leave them out, or to count them as whole, makes residence look shorter than it is.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree
from scipy.special import betaincinv

from ..core.checks import at_least, described, numbers, share, whole_number
from ..core.types import Numbers
from .passage import Survival, survival
from .trees import rows_of


class Visits(NamedTuple):
    """Visits of all trials, in order of trial and time; `[V]` each.

    - `state`: the label; -1 for stretches in no state.
    - `length`: in steps, as far as it was seen.
    - `trial`, `start`: in which trial, and the index of its first step.
    - `began`: whether its begin was seen; false for the first of a trial (censored on the left).
    - `ended`: whether its end was seen; false for the last of a trial (censored on the right).

    **Example:**

        >>> visits = rj.dynamics.residence_times(np.array([0, 0, 1, 1, 1, 0]))
        >>> visits.start, visits.began & visits.ended  # of the one in the middle all was seen
        (array([0, 2, 5]), array([False,  True, False]))
    """

    state: Int[np.ndarray, " V"]
    length: Int[np.ndarray, " V"]
    trial: Int[np.ndarray, " V"]
    start: Int[np.ndarray, " V"]
    began: Bool[np.ndarray, " V"]
    ended: Bool[np.ndarray, " V"]


class Geometric(NamedTuple):
    """A geometric residence time: each step is left with the same probability.

    - `leave`: the probability to leave in a step, and `leave_low`, `leave_high` its interval.
    - `mean`: the mean residence `1 / leave` in steps, and `mean_low`, `mean_high`.
    - `exits`, `steps`: how often it was left, of how many steps.

    **Example:**

        >>> visits = rj.dynamics.residence_times(np.array([0, 0, 0, 1, 0, 0, 0, 1]))
        >>> found = rj.dynamics.geometric(visits, 0)
        >>> round(found.leave, 3), bool(found.leave_low < found.leave < found.leave_high)
        (0.333, True)
    """

    leave: float
    leave_low: float
    leave_high: float
    mean: float
    mean_low: float
    mean_high: float
    exits: int
    steps: int


def residence_times(labels: Numbers) -> Visits:
    """Visits: the longest stretches of equal labels, each with its length and what was seen of it.

    **Arguments:**

    - `labels`: integers `[T]` or `[B, T]`; -1 for no state, which is listed as a visit too.

    **Returns:** `Visits`.

    **Raises:** `ValueError` where labels are not integers `[T]` or `[B, T]`, one is below -1, or
    `labels` is empty.

    **Example:**

        >>> visits = rj.dynamics.residence_times(np.array([0, 0, 1, 1, 1, 0]))
        >>> visits.state, visits.length, visits.ended
        (array([0, 1, 0]), array([2, 3, 1]), array([ True,  True, False]))
    """
    rows = _rows(labels)
    B, T = rows.shape
    new = np.ones((B, T), bool)
    new[:, 1:] = rows[:, 1:] != rows[:, :-1]
    trial, start = np.nonzero(new)
    length = np.diff(np.append(np.flatnonzero(new), rows.size))
    return Visits(rows[new], length, trial, start, start > 0, start + length < T)


def without_blips(labels: Numbers, shortest: int) -> Int[np.ndarray, "..."]:
    """Labels in which each stretch shorter than `shortest` bears the label before it.

    A switch is then a change that lasts. Stretches are judged as they are given, and joined after;
    the first of a trial stays, and so does the last, whose length is not known.

    **Arguments:**

    - `labels`: integers `[T]` or `[B, T]`.
    - `shortest`: in steps.

    **Returns:** labels of that shape.

    **Raises:** `ValueError` as `residence_times`, or where `shortest` is below 1.

    **Example:**

        >>> rj.dynamics.without_blips(np.array([0, 0, 0, 1, 0, 0, 1, 1, 1]), shortest=2)
        array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    """
    at_least(1, shortest=shortest)
    visits = residence_times(labels)
    keep = (visits.length >= shortest) | ~visits.began | ~visits.ended
    from_which = np.maximum.accumulate(np.where(keep, np.arange(len(keep)), 0))
    return np.repeat(visits.state[from_which], visits.length).reshape(np.shape(labels))


def transitions(labels: Numbers, states: int) -> Int[np.ndarray, "K K"]:
    """How often a step leads from one state to another, `[to, from]`; its diagonal: stays.

    Steps from or to no state (-1) do not count. Columns over their sums are the maximum likelihood
    estimate of a Markov chain's transition matrix.

    **Arguments:**

    - `labels`: integers `[T]` or `[B, T]`.
    - `states`: how many, `K`.

    **Returns:** counts `[K, K]`.

    **Raises:** `ValueError` as `residence_times`, or where a label is `states` or above.

    **Example:**

        >>> rj.dynamics.transitions(np.array([0, 0, 0, 1, 1, 0]), 2)  # [to, from]
        array([[2, 1],
               [1, 1]])
    """
    at_least(1, states=states)
    rows = _rows(labels)
    if rows.max() >= states:
        raise ValueError(f"labels must be below states = {states}, got {rows.max()}")
    before, after = rows[:, :-1].ravel(), rows[:, 1:].ravel()
    known = (before >= 0) & (after >= 0)
    places = after[known] * states + before[known]
    return np.bincount(places, minlength=states**2).reshape(states, states)


def geometric(visits: Visits, state: int, level: float = 0.95) -> Geometric:
    """The geometric distribution of a state's residence, as every Markov chain has it.

    `leave = exits / steps`, where `steps` are all steps made out of the state with what followed
    seen: this is the maximum likelihood estimate with censored visits in it. Its interval is that
    of Clopper and Pearson. A first visit counts too, since a geometric time has no memory. Whether
    residence *is* geometric is another question: compare `visits_survival` with
    `(1 - leave)^length`.

    **Arguments:**

    - `visits`: from `residence_times`.
    - `state`: whose residence.
    - `level`: the share of cases that the interval must cover.

    **Returns:** `Geometric`; NaN where no step out of the state was seen, and an infinite mean
    where none left.

    **Raises:** `ValueError` where `level` is not in (0, 1).

    Clopper and Pearson, Biometrika 26 (1934).

    **Example:**

        >>> visits = rj.dynamics.residence_times(np.array([0, 0, 0, 1, 0, 0, 0, 1]))
        >>> found = rj.dynamics.geometric(visits, 0)
        >>> found.exits, found.steps, round(found.mean, 2)
        (2, 6, 3.0)
    """
    _visits(visits)
    share("level", level, above=0, below=1)
    here = visits.state == whole_number("state", state)
    exits = int(visits.ended[here].sum())
    steps = int(visits.length[here].sum() - (~visits.ended[here]).sum())
    if steps == 0:
        nan = float("nan")
        return Geometric(nan, nan, nan, nan, nan, nan, 0, 0)
    tail, stays = (1 - level) / 2, steps - exits
    low = float(betaincinv(exits, stays + 1, tail)) if exits else 0.0
    high = float(betaincinv(exits + 1, stays, 1 - tail)) if stays else 1.0
    over = lambda p: 1 / p if p > 0 else np.inf
    leave = exits / steps
    return Geometric(leave, low, high, over(leave), over(high), over(low), exits, steps)


def visits_survival(visits: Visits, state: int, level: float = 0.95) -> Survival:
    """The share of a state's visits that last longer than each length: Kaplan and Meier.

    First visits are left out: how long they had lasted before is not known. A last visit seen for
    L steps was at risk to end after 1 to L - 1 of them; what came after the L-th was not seen.

    **Arguments:**

    - `visits`: from `residence_times`.
    - `state`: whose visits.
    - `level`: of the interval.

    **Returns:** `Survival`.

    **Raises:** `ValueError` as `survival`; where no visit of the state was seen to begin.

    **Example:**

        >>> visits = rj.dynamics.residence_times(np.array([1, 0, 0, 1, 0, 0, 0, 0, 1]))
        >>> found = rj.dynamics.visits_survival(visits, 0)
        >>> found.times, found.share.round(2)  # of the two visits, half are longer than 2 steps
        (array([2., 4.]), array([0.5, 0. ]))
    """
    _visits(visits)
    here = visits.began & (visits.state == whole_number("state", state))
    if not here.any():
        raise ValueError(f"visits hold none of state {state} that was seen to begin")
    ended = visits.ended[here]
    return survival(visits.length[here] - ~ended, ended, level)


def labels_near(
    hs: PyTree, points: PyTree, radius: float | Numbers, labels: Numbers | None = None
) -> Int[np.ndarray, "..."]:
    """The nearest point of each state, -1 where none lies within its radius.

    **Arguments:**

    - `hs`: a tree of states `[T, ...]`; of trials `[B, T, ...]`.
    - `points`: a tree of `[U, ...]`: fixed points, or the states of orbits one after another.
    - `radius`: in the unit of the state, one or `[U]`.
    - `labels`: `[U]`, by which label each point is called, as the states of one orbit by one;
        `None`: its index.

    **Returns:** integers `[T]` or `[B, T]`.

    **Raises:** `ValueError` where there is no point, a radius is not above 0, or sizes differ.

    **Example:**

        >>> points = np.array([[0.0, 0.0], [1.0, 1.0]])
        >>> hs = np.array([[0.1, 0.0], [0.5, 0.5], [0.9, 1.0]])
        >>> rj.dynamics.labels_near(hs, points, radius=0.3)
        array([ 0, -1,  1])
    """
    targets = rows_of("points", points)
    lead, rows = _states(hs, points)
    U, reach = len(targets), np.asarray(numbers("radius", radius), float)
    if U == 0:
        raise ValueError("points must hold at least one state, got none")
    if reach.shape not in ((), (U,)) or not (reach > 0).all():
        raise ValueError(
            f"radius must be above 0, one or [{U}] as points; got {described(radius)}"
        )
    names = np.arange(U) if labels is None else np.asarray(numbers("labels", labels))
    if names.shape != (U,) or names.dtype.kind != "i":
        raise ValueError(f"labels must be integers, [{U}] as points; got {described(labels)}")
    reach = np.broadcast_to(reach, (U,))
    nearest, least = np.full(len(rows), -1), np.full(len(rows), np.inf)
    for k, point in enumerate(targets):
        away = np.linalg.norm(rows - point[None], axis=1)
        nearer = (away <= reach[k]) & (away < least)
        nearest[nearer], least[nearer] = names[k], away[nearer]
    return nearest.reshape(lead)


def _states(hs: PyTree, points: PyTree) -> tuple[tuple[int, ...], Float[np.ndarray, "M N"]]:
    """The leading axes of states, and the states as rows."""
    pairs = list(zip(jax.tree.leaves(hs), jax.tree.leaves(points)))
    if jax.tree.structure(hs) != jax.tree.structure(points):
        raise ValueError("hs and points must be trees of one structure")
    leads = {np.shape(h)[: np.ndim(h) - np.ndim(p) + 1] for h, p in pairs}
    fits = all(np.shape(h)[np.ndim(h) - np.ndim(p) + 1 :] == np.shape(p)[1:] for h, p in pairs)
    if len(leads) != 1 or not fits or len(lead := leads.pop()) not in (1, 2):
        got = "; ".join(f"hs {list(np.shape(h))}, points {list(np.shape(p))}" for h, p in pairs)
        raise ValueError(f"hs must be [T, ...] or [B, T, ...] as points are [U, ...]; got {got}")
    flat = jax.tree.map(lambda h: np.asarray(h).reshape(-1, *np.shape(h)[len(lead) :]), hs)
    return lead, rows_of("hs", flat)


def _rows(labels: Numbers) -> Int[np.ndarray, "B T"]:
    known = np.asarray(numbers("labels", labels))
    if known.dtype.kind != "i" or known.ndim not in (1, 2) or known.size == 0:
        raise ValueError(f"labels must be integers [T] or [B, T], got {described(labels)}")
    if known.min() < -1:
        raise ValueError(f"labels must be -1 or above, got {known.min()}")
    return known.reshape(-1, known.shape[-1]).astype(int)


def _visits(visits: object) -> None:
    if not isinstance(visits, Visits):
        raise ValueError(f"visits must be what residence_times returns, got {described(visits)}")
