"""The search for edges: by elimination inside a closed circuit, on the choosing half.

cut = cut_of(asking, circuit)
course, kept, good = tied(cut, candidates(asking, members, cut.choosing), 0.9, 1)
"""

from typing import NamedTuple

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, Shaped

from ..core import Network
from . import search as rule
from .answers import UnitSet
from .candidates import Candidates, reads_by_products
from .edges import sums_by_edges
from .elimination import Course, eliminate, enough
from .exchange import Question, choose, shares
from .sets import Asking, of_reach


class Cut(NamedTuple):
    """What every run of cut edges shares: the epoch, a half, the reach, and how steps read."""

    asking: Asking
    choosing: Question
    judging: Question
    reach: Float[np.ndarray, " 2"]
    products: bool


def cut_of(asking: Asking, circuit: UnitSet) -> Cut:
    """What the searches for the edges of a circuit share."""
    sides = (asking.halves.choosing, asking.halves.judging)
    window = asking.epoch.closed
    choosing, judging = (choose(asking.pair, asking.epoch, *half, window) for half in sides)
    reach = of_reach(circuit.reach).astype(choosing.ys.dtype)
    products = reads_by_products(asking.network, choosing)
    return Cut(asking, choosing, judging, reach, products)


def tied(
    cut: Cut, found: Candidates, keep: float, least: int, network: Network | None = None
) -> tuple[Course, Array, Array]:
    """Edges that act from the event to the read, or not at all.

    **Arguments:**

    - `cut`, `found`: the circuit and its edges.
    - `keep`: what they must keep; `least`: how many are enough.
    - `network`: in the place of the one that is asked about.

    **Returns:** the course, `[undone, restored]` by what is left, and whether that is good enough.
    """
    network = cut.asking.network if network is None else network
    keep_, least_ = np.asarray(keep, cut.reach.dtype), np.asarray(least)
    return eliminated(
        network, cut.choosing, found.closed, found.free[None], keep_, least_, cut.reach,
        cut.products,
    )  # fmt: skip


@eqx.filter_jit
def eliminated(network, question, closed, free, keep, least, reach, products: bool):
    """The elimination of edges in windows of time, `free` `[V, H]`."""

    def held(sets: Shaped[Array, "K F"], slope: bool = False) -> tuple[Array, Array]:
        rows = sets.reshape(-1, *free.shape)
        sums = sums_by_edges(network, question, closed, rows, products, slope)
        found = shares(sums, question.norms)
        return found.effect / reach[:, None], found.off / reach[:, None] ** 2

    cost, every = None, free.ravel().astype(reach.dtype)
    if free.size > rule.SINGLY:
        # a run for each edge would take longer than all the rest
        cost = (jax.jacrev(lambda kept: held(kept[None], True)[0][:, 0])(every) ** 2).sum(0)
    course = eliminate(held, free.ravel(), keep, rule.EDGE_ROUNDS, least, complete=True, cost=cost)
    # once more at the end: where nothing may be cut, the course says nothing of what is kept
    effect, off = held(course.free[None])
    return course, 1 - (effect[:, 0] * reach)[::-1], enough(effect, off, keep)[0]
