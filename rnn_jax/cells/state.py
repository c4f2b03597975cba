"""A state to start from.

    h0 = zero_state(GRU(3, 64, key=key))                 # [64]
    h0, c0 = zero_state(LSTM(3, 64, key=key))

Like the cell in dtype; an array of your own does as well.
"""

from typing import TypeAlias

import jax.numpy as jnp

from ..core import State
from .dale import Dale
from .gru import GRU
from .leaky import Leaky
from .low_rank import LowRank
from .lstm import LSTM
from .vanilla import Vanilla

Cell: TypeAlias = Vanilla | Leaky | LowRank | Dale | GRU | LSTM
"""A step of this room."""


def zero_state(cell: Cell) -> State:
    """`h = 0`, of a cell's size and dtype.

    **Arguments:**

    - `cell`: any cell of this room.

    **Returns:** `[N]`, or a pair of `[N]` for `LSTM`.
    """
    zeros = jnp.zeros(cell.b.shape[-1], cell.b.dtype)
    return (zeros, zeros) if isinstance(cell, LSTM) else zeros
