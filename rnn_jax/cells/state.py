"""A state to start from.

    h0 = zero_state(GRU(3, 64, key=key))                 # [64]
    h0, c0 = zero_state(LSTM(3, 64, key=key))

Like the cell in dtype; an array of your own does as well.
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array

from ..core import Input, State
from .lstm import LSTM


@runtime_checkable
class Cell(Protocol):
    """A step with input weights `u`, `[N, I]` or `[G, N, I]` of gates, as all of this room."""

    @property
    def u(self) -> Array: ...

    def __call__(self, h: State, x: Input) -> State: ...


def zero_state(cell: Cell) -> State:
    """`h = 0`, of a cell's size and dtype.

    **Arguments:**

    - `cell`: any cell of this room.

    **Returns:** `[N]`, or a pair of `[N]` for `LSTM`.
    """
    zeros = jnp.zeros(cell.u.shape[-2], cell.u.dtype)
    return (zeros, zeros) if isinstance(cell, LSTM) else zeros
