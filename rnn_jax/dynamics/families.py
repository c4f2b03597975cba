"""Fixed points that are not isolated: lines, rings and planes of them, each as one family.

    found = families(step, x, points, states)
    found.dimension[found.labels[0]]            # 1 on a line or a ring attractor, 2 on a plane
    isolated = taken(points, found.labels < 0)

At a point `h` of a family of dimension d the matrix `J - 1` has d directions that it takes to 0:
the family's tangent. The converse is false: at a bifurcation there is such a direction, too, and
no family. So the tangent is followed, and what it leads to must be fixed points.

One rule is used; see `families`. Four versions of it were tried on steps with a known answer, and
docs/fixed-points.md lists them. It was fixed before it was tried on a network that judges it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int, PyTree
from scipy.spatial.distance import cdist

from ..core import Step
from ..core.checks import all_finite, positive
from .jacobians import jacobians_at
from .problem import Problem, posed
from .trees import rows_of
from .unique import spread_of
from .walks import SQUARES, Rule, arrived, joined, limit, tangents, walked

PROBED = 8
"""Points of a group from which it is asked whether the group goes on."""


class Families(NamedTuple):
    """Which points belong together; arrays on the host.

    - `labels`: `[S]`, the family of each point; -1 where it is isolated.
    - `dimension`: `[F]`, 1 for a line or a ring, 2 for a plane; the largest families first.
    - `counts`: `[F]`, how many of the points belong to each.
    - `null`: `[S]`, how many directions `J - 1` takes to 0. An isolated point with one is at a
        bifurcation, or on a family that ends nearer than the probe reaches.
    - `tangent`: `[S, N, D]`, those directions, orthonormal columns and then zeros; a state of
        several parts is one vector, leaf by leaf.

    **Example:**

        >>> line = lambda h, x: h * jnp.array([1.0, 0.5])  # all points with h[1] = 0 are fixed
        >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
        >>> found = rj.dynamics.families(line, jnp.zeros(1), points, points)
        >>> np.abs(found.tangent[0]).round(6)[:, 0]  # along the line
        array([1., 0.])
    """

    labels: Int[np.ndarray, " S"]
    dimension: Int[np.ndarray, " F"]
    counts: Int[np.ndarray, " F"]
    null: Int[np.ndarray, " S"]
    tangent: Float[np.ndarray, "S N D"]


def families(
    step: Step,
    x: PyTree,
    points: PyTree,
    states: PyTree,
    tolerance: float = 1e-24,
    margin: float = 1e-6,
    reach: float = 0.1,
    memory: int | str | None = None,
) -> Families:
    """Points that lie on a common line, ring or surface of fixed points, and its dimension.

    The rule. (1) The tangent at a point is what `J - 1` takes to 0: right singular vectors whose
    singular value is at most `margin`; the unit is 1, what a state moves by in a step.
    (2) Two points with tangents of one dimension are joined where the way between them is made of
    fixed points: moves along the tangent, none longer than `reach`, each corrected across it, all
    arriving on fixed points (`q <= tolerance`, or rounding), the last on the other point.
    (3) A group of points is a family where one of them goes on: along each direction of its
    tangent, to one side or the other, half a `reach` and a whole one lead to fixed points. So a
    single point on a line is a family, and a bifurcation point (`h' = h - h^3` at 0) is not,
    although the search leaves many points about it that are all below the tolerance.

    An attractor that is a line only nearly (eigenvalue 0.999, speed small but not 0) is no family
    at the tolerance given here. With a `tolerance` above `speed^2 / 2` and a `margin` above
    `1 - eigenvalue`, it is one: "fixed" then means as slow as that.

    Host code around compiled parts, in float64 as `fixed_points`. Distances between all pairs of
    points that have a tangent are held at once.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held, the same for all points.
    - `points`: a tree of `[S, ...]`; leave out those that did not converge.
    - `states`: a tree of `[M, ...]`, as the starts, whose spread says how far is far.
    - `tolerance`: of `q = |F(h) - h|^2 / 2`.
    - `margin`: of singular values.
    - `reach`: the length of a move, relative to the spread. A family shorter than this is not
        seen as one.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many points run at once.

    **Returns:** `Families`.

    **Raises:** `ValueError` as `fixed_points`, or where a number is not above 0.

    Allgower and Georg, Introduction to Numerical Continuation Methods (2003), for the moves.

    **Example:**

        >>> line = lambda h, x: h * jnp.array([1.0, 0.5])  # all points with h[1] = 0 are fixed
        >>> points = np.array([[0.0, 0.0], [1.0, 0.0], [2.0, 0.0]])
        >>> found = rj.dynamics.families(line, jnp.zeros(1), points, points)
        >>> found.dimension, found.labels
        (array([1]), array([0, 0, 0]))
    """
    for name, number in {"tolerance": tolerance, "margin": margin, "reach": reach}.items():
        positive(name, number)
    problem = posed("points", step, x, points, False)
    rows = problem.rows.astype(float)
    like = rows_of("states", all_finite("states", states))
    if like.shape[1] != rows.shape[1]:
        raise ValueError(f"states hold {like.shape[1]} numbers each, points {rows.shape[1]}")
    spread = spread_of(like, False)
    size = problem.at_once(memory, SQUARES)
    rule = Rule(tolerance, margin, reach * spread, 1e-6 * spread, size)
    null, tangent, firm = tangents(jacobians_at(problem, memory, False)[0], margin)
    slack = np.maximum(rule.same, 4 * np.sqrt(2 * limit(problem, rule, rows, rows)) / firm)
    group = np.full(len(rows), -1)
    for d in np.unique(null[null > 0]):
        of = np.flatnonzero(null == d)
        walk = lambda i, j, of=of: walked(
            problem, rule, rows[of[i]], tangent[of[i]], rows[of[j]], slack[of[j]]
        )
        group[of] = 1 + group.max() + joined(cdist(rows[of], rows[of]), walk)
    labels, counts = _by_size(group, _going_on(problem, rule, rows, group, null, tangent))
    first = [int(np.argmax(labels == family)) for family in range(len(counts))]
    return Families(labels, null[first], counts, null, tangent.transpose(0, 2, 1))


def _going_on(
    problem: Problem,
    rule: Rule,
    rows: Float[np.ndarray, "S N"],
    group: Int[np.ndarray, " S"],
    null: Int[np.ndarray, " S"],
    tangent: Float[np.ndarray, "S D N"],
) -> Int[np.ndarray, " K"]:
    """The groups that go on from one of their points, to one side along each direction."""
    asked = []
    for name in range(1 + group.max(initial=-1)):
        of = np.flatnonzero(group == name)
        asked.append(of[np.linspace(0, len(of) - 1, min(PROBED, len(of))).astype(int)])
    if not asked:
        return np.zeros(0, int)
    point = np.concatenate(asked)
    which = [(s, k) for s in point for k in range(null[s])]
    s, k = (np.repeat(part, 4) for part in np.asarray(which).T)
    shares = np.resize([0.5, 1.0, -0.5, -1.0], len(s))[:, None]
    predicted = rows[s] + rule.reach * shares * tangent[s, k]
    to = arrived(problem, rule, predicted, tangent[s])
    with np.errstate(invalid="ignore"):
        fine = to.fixed & (np.linalg.norm(to.h - predicted, axis=1) <= 0.5 * rule.reach)
    ways = fine.reshape(-1, 2, 2).all(2).any(1)
    stuck = np.unique(np.asarray(which)[~ways, 0])
    return np.unique(group[np.setdiff1d(point, stuck)])


def _by_size(
    group: Int[np.ndarray, " S"], families: Int[np.ndarray, " K"]
) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " K"]]:
    """Labels by falling size, -1 for points of no family; the sizes."""
    counts = np.array([(group == name).sum() for name in families], int)
    labels = np.full(len(group), -1)
    order = np.argsort(-counts, kind="stable")
    for label, k in enumerate(order):
        labels[group == families[k]] = label
    return labels, counts[order]
