"""Connections inside a circuit, cut: what reaches each member only through edges that are kept.

    found = candidates(asking, members, question)
    sums = sums_by_edges(network, question, found.closed, sets, products=True)   # sets [K, V, G]

Every unit outside the circuit holds the foil's states, as in a closed circuit. An edge that is cut
carries the foil's value of its sender: of a unit at the step before, of an input channel at the
step itself, of a unit to an output when it is read. All edges kept is the closed circuit; none
kept is the foil. Where the circuit is closed from a later step than the event's on, its members
hear at that step what was before it, as they do in the closed circuit: no edge holds that.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Shaped

from ..causal.sweep.budget import default_memory, fit_budget
from ..core import Network, State
from ..core.network import num_units, output_shape
from ..core.reading import Reading, by_copies, by_products, is_vector
from ..core.types import Numbers
from .exchange import Question, by_run, flat, sums_of_run


class Shape(NamedTuple):
    """How many units, channels of the input and outputs there are."""

    units: int
    inputs: int
    outputs: int


class Edges(NamedTuple):
    """1 where an edge is kept, in each window of time `V`; every matrix is `[to, from]`."""

    units: Float[Array, "V N N"]
    inputs: Float[Array, "V N I"]
    outputs: Float[Array, "V O N"]


class Closed(NamedTuple):
    """A circuit whose edges are cut.

    - `members`: `[N]`, 1 for the units that are free; `receivers`: their numbers, `[P]`.
    - `places`: `[N N + N I + O N]`, which candidate an entry of the three matrices is, all
        entries in a row; `G` for an entry outside the circuit, which is cut.
    - `at`: `[L]`, the window of time that a step belongs to.
    """

    members: Float[Numbers, " N"]
    receivers: Int[Numbers, " P"]
    places: Int[Numbers, " E"]
    at: Int[Numbers, " L"]


def shape_of(network: Network, question: Question) -> Shape:
    """Sizes; inputs that are not a vector count as one channel."""
    x = jax.tree.map(lambda leaf: leaf[0, 0, 0], question.xs)
    channels = jax.tree.leaves(x)[0].shape[0] if is_vector(x) else 1
    return Shape(num_units(network), channels, output_shape(network).size)


def spread(
    free: Shaped[Array, "V G"], places: Int[Numbers, " E"], shape: Shape, dtype: Any
) -> Edges:
    """The three matrices of the candidates that are free, in each window of time."""
    N, I, O = shape  # noqa: E741
    free = free.astype(dtype)
    kept = jnp.concatenate([free, jnp.zeros((len(free), 1), dtype)], 1)[:, places]
    of_units, of_inputs, of_outputs = jnp.split(kept, [N * N, N * N + N * I], 1)
    return Edges(
        of_units.reshape(-1, N, N), of_inputs.reshape(-1, N, I), of_outputs.reshape(-1, O, N)
    )


def sums_by_edges(
    network: Network,
    question: Question,
    closed: Closed,
    free: Shaped[Numbers, "K V G"],
    products: bool,
    slope: bool = False,
    by_output: bool = False,
) -> Float[Array, "2 K n *O 3"]:
    """`<r dy, D>`, `<1 dy, D>` and `<1 dy, dy>` of each set of edges and trial, by exact runs.

    It is one part of a program: call it inside `jit`.

    **Arguments:**

    - `network`, `question`: the trials; its window is where the circuit is closed.
    - `closed`: the circuit.
    - `free`: which candidates are kept, in each window of time; shares of them for derivatives.
    - `products`: whether the step reads by products (`core.reading.products_hold`).
    - `slope`: whether a derivative is asked for: runs are then taken in blocks that keep to the
        budget of memory, each run again on the way back.
    - `by_output`: whether the sums of each output are left apart.
    """
    shape = shape_of(network, question)
    rows, L = question.ys.shape[1] * 2, question.ys.shape[2]
    dtype = question.ys.dtype

    def one(free: Shaped[Array, "V G"]) -> Float[Array, "R O 3"]:
        edges = spread(free, closed.places, shape, dtype)
        run = lambda q, other: _outputs(network, edges, closed, q, other, products)
        sums = lambda q, other: sums_of_run(run(q, other), (q.ys, q.gap, q.read, q.times))
        both = flat(question), flat(_others(question))
        if not slope:
            return jax.vmap(sums)(*both)
        return lax.map(jax.checkpoint(lambda pair: sums(*pair)), both, batch_size=block)

    copies = 2 if products else len(closed.receivers)
    fits = fit_budget(network, L, copies, rows, default_memory(), "window").trials
    block = min(max(1, fits), rows)
    size = _at_once(network, shape, free.shape[1], rows, L, len(closed.receivers), products)
    found = lax.map(one, free, batch_size=min(size, len(free)))
    return by_run(found, by_output)


def _others(question: Question) -> Any:
    """Initial states and inputs of the other run of each pair."""
    return jax.tree.map(lambda leaf: leaf[::-1], (question.h0, question.xs))


def _outputs(
    network: Network, edges: Edges, closed: Closed, q: Question, other: Any, products: bool
) -> Float[Array, "L O"]:
    """The outputs of one run."""
    h0, xs = other
    before = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest[:-1]]), h0, q.value
    )
    # an edge lies in a window with both of its ends: what was before is read by everyone
    held_before = jnp.concatenate([jnp.zeros_like(q.window[:1]), q.window[:-1]]) * q.window
    outside, only = 1 - closed.members, edges.units.shape[0] == 1

    def step(h: State, row: Any) -> tuple[State, Array]:
        x, x_other, value, value_before, weight, weight_before, at = row
        toward = lambda weight: lambda own, other: own + weight * (other - own)
        held = lambda own, other: own + weight * outside * (other - own)
        now = Edges(*(leaf[0] if only else leaf[at] for leaf in edges))
        read = Reading(now.units, now.inputs)
        seen = jax.tree.map(toward(weight_before), h, value_before)
        heard = _heard(x, x_other, weight)
        if products:
            free = by_products(network.step, read, h, seen, x, heard)
        else:
            free = by_copies(network.step, jnp.asarray(closed.receivers), read, h, seen, x, heard)
        h = jax.tree.map(held, free, value)
        shown = jax.tree.map(toward(weight), h, value)
        return h, _told(network, now.outputs, h, shown)

    rows = (q.xs, xs, q.value, before, q.window, held_before, closed.at)
    return lax.scan(step, q.h0, rows)[1]


def _heard(x: Any, other: Any, weight: Array) -> Any:
    """The other run's input inside the window; one that is no vector of numbers is exchanged."""
    if is_vector(x):
        return x + weight * (other - x)
    return jax.tree.map(lambda own, other: jnp.where(weight > 0, other, own), x, other)


def _told(network: Network, keep: Float[Array, "O N"], h: State, shown: State) -> Array:
    """Each output from what it reads through its own edges."""

    def one(o: Array, row: Float[Array, " N"]) -> Array:
        seen = jax.tree.map(lambda own, other: other + row * (own - other), h, shown)
        return network.readout(seen)[o]

    return jax.vmap(one)(jnp.arange(len(keep)), keep)


def _at_once(
    network: Network, shape: Shape, windows: int, rows: int, L: int, receivers: int, products: bool
) -> int:
    """How many sets of edges run at once within the budget of memory."""
    leaves = jax.tree.leaves(network.h0)
    state = sum(leaf.size for leaf in leaves)
    copies = 2 if products else receivers
    matrices = windows * (shape.units + shape.outputs) * (shape.units + shape.inputs) * 4
    a_set = rows * (8 * copies * state + 3 * L * shape.outputs) + matrices
    return max(1, default_memory() // (a_set * leaves[0].dtype.itemsize))
