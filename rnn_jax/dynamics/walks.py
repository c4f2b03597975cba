"""Ways from one fixed point to another, along the tangent of a family, of fixed points alone.

    to = arrived(problem, rule, predicted, tangent)         # one move of many points
    there = walked(problem, rule, h, tangent, goal, slack)  # as many as it takes
    group = joined(distances, lambda i, j: walked(...))     # what hangs together

Host loops between compiled moves: who has arrived or failed leaves.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ..core import Step
from .follow import corrected
from .problem import Problem
from .verdicts import rounding_of

SIZES = (8, 64, 512)
"""How many points run at once: few sizes, so that few programs are compiled."""

SQUARES = 8
"""`[N, N]` arrays of a point that is corrected."""

MOVES = 40
"""Moves on the way from one point to another."""

PATIENCE = 12
"""Ways that may fail before a group of points is left apart from the others."""


class Rule(NamedTuple):
    """What decides, as absolute numbers; `size`: how many points run at once."""

    tolerance: float
    margin: float
    reach: float
    same: float
    size: int


class Arrivals(NamedTuple):
    """Where moves ended.

    - `h`: `[P, N]`.
    - `fixed`: `[P]`, whether these are fixed points.
    - `tangent`: `[P, D, N]` there.
    - `goes_on`: `[P]`, whether `J - 1` takes all of it to 0.
    """

    h: np.ndarray
    fixed: np.ndarray
    tangent: np.ndarray
    goes_on: np.ndarray


def tangents(
    jacobian: Float[np.ndarray, "S N N"], margin: float
) -> tuple[Int[np.ndarray, " S"], Float[np.ndarray, "S D N"], Float[np.ndarray, " S"]]:
    """What `J - 1` takes to 0: how many directions, the directions; its next singular value."""
    known = np.array([[np.isfinite(J).all()] for J in jacobian])
    A = np.where(known[:, :, None], jacobian, 0) - np.eye(jacobian.shape[1])
    _, sizes, vectors = np.linalg.svd(A)
    gone = (sizes <= margin) & known
    null = gone.sum(1)
    D = int(null.max(initial=0))
    tangent = np.where(gone[:, ::-1, None], vectors[:, ::-1], 0)[:, :D]
    return null, tangent, np.where(gone, np.inf, sizes).min(1)


def arrived(
    problem: Problem,
    rule: Rule,
    predicted: Float[np.ndarray, "P N"],
    tangent: Float[np.ndarray, "P D N"],
) -> Arrivals:
    """Predictions corrected across their tangents."""
    ends, parts = [], []
    while sum(ends) < len(predicted):
        begin = sum(ends)
        left = len(predicted) - begin
        # few sizes, so that few programs are compiled
        room = min(rule.size, next((n for n in SIZES if n >= left), SIZES[-1]))
        now = np.arange(begin, begin + min(room, left))
        fill = np.resize(now, room)
        with problem.precision():
            kind = problem.rows.dtype
            x = jax.tree.map(jnp.asarray, problem.x)
            h, T = (jnp.asarray(part[fill].astype(kind)) for part in (predicted, tangent))
            found = [np.asarray(part)[: len(now)] for part in _moved(problem.flat, x, h, T)]
        ends.append(len(now))
        parts.append([part.astype(float) for part in found])
    h, moved, turned, left = (np.concatenate(part) for part in zip(*parts))
    with np.errstate(invalid="ignore", over="ignore"):
        q = 0.5 * ((moved - h) ** 2).sum(1)
        return Arrivals(h, q <= limit(problem, rule, h, moved), turned, left <= rule.margin)


@eqx.filter_jit
def _moved(step: Step, x: PyTree, predicted: Any, tangent: Any) -> Any:
    def one(h: Any, T: Any) -> Any:
        h = corrected(lambda h: step(h, x) - h, h, T)
        A = jax.jacfwd(lambda h: step(h, x) - h)(h)
        # what A takes to 0 is spanned by (A^T A + T^T T)^-1 T^T: no singular vectors are needed
        R = jnp.linalg.qr(jnp.concatenate([A, T]), mode="r")
        turned = jnp.linalg.qr(jsl.cho_solve((R, False), T.T))[0].T
        turned = jnp.where(jnp.any(T != 0, 1, keepdims=True), turned, 0)
        return h, step(h, x), turned, jnp.linalg.norm(A @ turned.T, axis=0).max()

    return jax.vmap(one)(predicted, tangent)


def limit(problem: Problem, rule: Rule, h: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """The `q` up to which a state is a fixed point."""
    eps = float(np.finfo(problem.rows.dtype).eps)
    return np.maximum(rule.tolerance, rounding_of(h, moved, eps))


def walked(
    problem: Problem,
    rule: Rule,
    h: Float[np.ndarray, "P N"],
    tangent: Float[np.ndarray, "P D N"],
    goal: Float[np.ndarray, "P N"],
    slack: Float[np.ndarray, " P"],
) -> Bool[np.ndarray, " P"]:
    """Whether a way along the tangent, all of fixed points, leads from each state to its goal."""
    there, on = np.zeros(len(h), bool), np.arange(len(h))
    h, tangent = h.copy(), tangent.copy()
    for _ in range(MOVES):
        if not on.size:
            break
        toward, T = goal[on] - h[on], tangent[on]
        move = np.einsum("pdn,pdm,pm->pn", T, T, toward)
        length = np.linalg.norm(move, axis=1)
        move *= np.minimum(1, rule.reach / np.where(length > 0, length, 1))[:, None]
        to = arrived(problem, rule, h[on] + move, T)
        bent = np.linalg.norm(to.h - h[on] - move, axis=1)
        left = np.linalg.norm(goal[on] - to.h, axis=1)
        fine = to.fixed & (bent <= 0.5 * np.linalg.norm(move, axis=1) + slack[on])
        there[on] = fine & (left <= slack[on])
        nearer = left < np.linalg.norm(toward, axis=1)
        go = fine & ~there[on] & nearer & to.goes_on
        h[on], tangent[on] = to.h, to.tangent
        on = on[go]
    return there


def joined(
    away: Float[np.ndarray, "C C"], walk: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> Int[np.ndarray, " C"]:
    """Groups of points between whose nearest there are ways, `walk(i, j)`: from 0 on."""
    C = len(away)
    group, failed, open_ = np.arange(C), np.zeros(C, int), away.copy()
    while True:
        open_[group[:, None] == group[None]] = np.inf
        near, gap = open_.argmin(1), open_.min(1)
        # of each group the pair that is nearest
        order = np.lexsort((gap, group))
        i = order[np.unique(group[order], return_index=True)[1]]
        i = i[np.isfinite(gap[i]) & (failed[group[i]] < PATIENCE)]
        if not i.size:
            return group
        both = np.sort(np.stack([i, near[i]], 1), 1)
        pairs, which = np.unique(both, axis=0, return_inverse=True)
        ways = walk(pairs[:, 0], pairs[:, 1])
        for a, b in pairs[~ways]:
            # the next try is from elsewhere
            for one, other in ((a, b), (b, a)):
                open_[one, group == group[other]] = open_[group == group[other], one] = np.inf
        failed[group[i]] += ~ways[which.reshape(-1)]
        ends = group[pairs[ways]].T
        graph = coo_array((np.ones(ends.shape[1]), (ends[0], ends[1])), shape=(C, C))
        merged = connected_components(graph, directed=False)[1]
        grown = np.bincount(merged[group[pairs[ways]].reshape(-1)], minlength=C) > 0
        failed = np.where(grown, 0, np.bincount(merged, failed, C)).astype(int)
        group = merged[group]
