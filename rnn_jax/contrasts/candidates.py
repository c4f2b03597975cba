"""The connections of a circuit that may be cut: among its members, from inputs, to outputs."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from ..core import Network
from ..core.reading import products_hold
from .edges import Closed, shape_of
from .exchange import Question
from .sets import Asking

SLOTS = 64
"""Candidates are filled up to a power of two, and to this at least: questions share programs."""
GRAIN = 16
"""Receivers are filled up to a multiple of this."""
SPANS = 8
"""Most windows of time in which an edge is cut by itself."""


class Candidates(NamedTuple):
    """The edges that may be cut, `G` of them, filled up to `H`.

    - `kind`: `unit` (to unit), `input` (to unit) or `output` (from unit).
    - `to`, `source`: numbers of both ends; of groups where these are searched.
    - `closed`: the circuit, and where the edges lie in it.
    - `free`: `[H]`, True for the `G`.
    """

    kind: tuple[str, ...]
    to: Int[np.ndarray, " G"]
    source: Int[np.ndarray, " G"]
    closed: Closed
    free: Bool[np.ndarray, " H"]


def candidates(asking: Asking, members: Bool[np.ndarray, " N"], question: Question) -> Candidates:
    """All pairs of members, itself too; each input to each member, each member to each output.

    **Arguments:**

    - `asking`: whose units, or groups, are searched; an edge of groups is all edges between them.
    - `members`: the closed circuit.
    - `question`: with the circuit's window.
    """
    shape = shape_of(asking.network, question)
    rows = asking.candidates > 0
    chosen = np.flatnonzero((rows & members).any(1)).tolist()
    groups = {g: np.flatnonzero(rows[g] & members).astype(int) for g in chosen}
    N, I, O = shape  # noqa: E741
    bases = {"unit": (0, N), "input": (N * N, I), "output": (N * N + N * I, N)}
    single = lambda count: {k: np.array([k]) for k in range(count)}
    ends = {
        "unit": (groups, groups),
        "input": (groups, single(I)),
        "output": (single(O), groups),
    }
    found: list[tuple[str, int, int]] = []
    places = np.full(N * N + N * I + O * N, -1)
    for kind, (receivers, senders) in ends.items():
        base, width = bases[kind]
        for i, to in receivers.items():
            for j, source in senders.items():
                at = np.add.outer(np.asarray(to) * width, np.asarray(source))
                places[base + at.ravel()] = len(found)
                found.append((kind, i, j))
    count = filled(len(found))
    closed = Closed(
        members.astype(question.ys.dtype),
        _receivers(np.flatnonzero(members)),
        np.where(places < 0, count, places),
        np.zeros(question.ys.shape[2], int),
    )
    kind, to, source = zip(*found, strict=True)
    return Candidates(kind, np.array(to), np.array(source), closed, np.arange(count) < len(found))


def spans(question: Question) -> tuple[Float[np.ndarray, "V L"], Int[np.ndarray, " L"]]:
    """At most eight windows from the event to the last step read, and which one a step is in."""
    used = np.flatnonzero((np.asarray(question.times) > 0).any((0, 1, 3)))
    L = question.times.shape[2]
    last = int(used[-1]) + 1
    count = min(SPANS, last)
    at = np.minimum(np.arange(L) * count // last, count - 1)
    inside = (at[None] == np.arange(count)[:, None]) & (np.arange(L) < last)[None]
    return inside.astype(float), at


def filled(count: int) -> int:
    """The next power of two, 64 at least."""
    return max(SLOTS, 1 << (count - 1).bit_length())


def reads_by_products(network: Network, question: Question) -> bool:
    """Whether connections are cut by products, the fast way, or by copies of the step.

    Tried on the states, and on the inputs, in which run and foil are farthest apart: where they
    agree, all ways of reading do.
    """
    value, h = _farthest(question.value)
    x, x_value = _farthest(question.xs)
    return products_hold(network.step, h, value, x, x_value)


def _farthest(tree: Any) -> tuple[Any, Any]:
    """The two runs' parts at the trial and step at which they differ most."""
    leaves = [np.asarray(leaf, float) for leaf in jax.tree.leaves(tree)]
    apart = sum(((a - b) ** 2).reshape(*a.shape[:2], -1).sum(-1) for a, b in leaves)
    trial, step = np.unravel_index(np.argmax(apart), np.shape(apart))
    one, other = (
        jax.tree.map(lambda leaf, run=run: jnp.asarray(leaf[run, trial, step]), tree)
        for run in (0, 1)
    )
    return one, other


def _receivers(who: Int[np.ndarray, " k"]) -> Int[np.ndarray, " P"]:
    """The members' numbers, filled up with the first of them."""
    return np.concatenate([who, np.full(-len(who) % GRAIN, who[0])])
