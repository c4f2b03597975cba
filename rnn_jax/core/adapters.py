"""Steps out of other people's networks, and a flat step out of any.

    step = from_equinox(eqx.nn.GRUCell(3, 64, key=key))
    flat, h0 = flatten(step, h0)

What comes back is an Equinox module, so that its weights travel as arguments of `jit`.
"""

import math
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float

from .checks import function, state
from .types import Input, State, Step


class _Swapped(eqx.Module):
    cell: eqx.Module

    def __call__(self, h: State, x: Input) -> State:
        return self.cell(x, h)  # pyright: ignore[reportCallIssue]


def from_equinox(cell: eqx.Module) -> Step:
    """A step `(h, x) -> h` from a cell that takes `(input, hidden)`, as Equinox's do.

    **Arguments:**

    - `cell`: `eqx.nn.GRUCell`, `eqx.nn.LSTMCell` (state `(h, c)`), or one of that manner.

    **Returns:** an Equinox module, so that its weights travel as arguments of `jit`.

    **Example:**

        >>> cell = eqx.nn.GRUCell(2, 6, key=key)
        >>> step = rj.from_equinox(cell)  # a step takes the state first
        >>> step(jnp.zeros(6), jnp.zeros(2)).shape
        (6,)
    """
    if not callable(cell):
        raise ValueError(f"from_equinox needs a callable cell, got {type(cell).__name__}")
    return _Swapped(cell)


class _Flat(eqx.Module):
    step: Step
    treedef: Any = eqx.field(static=True)
    shapes: tuple = eqx.field(static=True)

    def __call__(self, h: Float[Array, " N"], x: Input) -> Float[Array, " N"]:
        return _ravel(self.step(self.unflatten(h), x))

    def unflatten(self, h: Float[Array, " N"]) -> State:
        """The state whose entries, leaf by leaf, are `h`."""
        leaves, at = [], 0
        for shape in self.shapes:
            size = math.prod(shape)
            leaves.append(h[at : at + size].reshape(shape))
            at += size
        return self.treedef.unflatten(leaves)


def _ravel(h: State) -> Float[Array, " N"]:
    return jnp.concatenate([leaf.ravel() for leaf in jtu.tree_leaves(h)])


def flatten(step: Step, h0: State) -> tuple[Step, Float[Array, " N"]]:
    """A step on one vector in the place of a pytree: all of its entries, leaf by leaf.

    **Arguments:**

    - `step`: a step on any pytree.
    - `h0`: a state, for its structure.

    **Returns:** the flat step, whose `unflatten` gives the pytree back, and `h0` as `[N]`.

    **Example:**

        >>> cell = rj.cells.LSTM(2, 3, key=key)
        >>> step, h0 = rj.core.flatten(cell, rj.cells.zero_state(cell))
        >>> step(h0, x[0]).shape, [part.shape for part in step.unflatten(h0)]
        ((6,), [(3,), (3,)])
    """
    function("step", step)
    leaves, treedef = jtu.tree_flatten(state("h0", h0))
    if not leaves:
        raise ValueError("flatten needs a state of at least one array, got none")
    return _Flat(step, treedef, tuple(jnp.shape(leaf) for leaf in leaves)), _ravel(h0)
