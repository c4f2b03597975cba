"""A state to start from.

    h0 = zero_state(GRU(3, 64, key=key))                 # [64]
    h0, c0 = zero_state(LSTM(3, 64, key=key))
    h0 = zero_state(from_field(RateField(3, 64, tau=0.1, key=key), dt=0.02))

Like the cell in dtype; an array of your own does as well.
"""

from typing import Any, Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array

from ..core import State
from ..core.checks import described
from .lstm import LSTM
from .neural_ode import NeuralField


@runtime_checkable
class Cell(Protocol):
    """A cell or field of this room, by its input weights `u`: `[N, I]` or `[gate, N, I]`.

    **Example:**

        >>> made = rj.cells.GRU(2, 6, key=key), jnp.tanh
        >>> tuple(isinstance(one, rj.cells.Cell) for one in made)
        (True, False)
    """

    @property
    def u(self) -> Array: ...

    def __call__(self, *arguments: Any) -> State: ...


def zero_state(cell: Any) -> State:
    """`h = 0`, of a cell's size and dtype.

    **Arguments:**

    - `cell`: any cell or field of this room, or a step from such a field.

    **Returns:** `[N]`, or a pair of `[N]` for `LSTM`.

    **Raises:** `ValueError` where it is anything else.

    **Example:**

        >>> [part.shape for part in rj.cells.zero_state(rj.cells.LSTM(2, 6, key=key))]
        [(6,), (6,)]
    """
    of = getattr(cell, "field", cell)
    if isinstance(of, NeuralField):
        return jnp.zeros_like(of.c)
    if not isinstance(of, Cell):
        raise ValueError(f"zero_state needs a cell with weights u, got {described(cell)}")
    zeros = jnp.zeros(of.u.shape[-2], of.u.dtype)
    return (zeros, zeros) if isinstance(of, LSTM) else zeros
