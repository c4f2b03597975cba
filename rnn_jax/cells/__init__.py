"""Cells: steps `cell(h, x) -> h` of one trial, and readouts. Every weight is `[to, from]`."""

from collections.abc import Callable
from typing import Any

from .dale import Dale, balanced, signed
from .gru import GRU
from .leaky import Leaky
from .low_rank import LowRank
from .lstm import LSTM
from .parts import Parts, slope
from .readout import Affine, Units
from .state import Cell, zero_state
from .vanilla import Vanilla

CELLS: dict[str, Callable[..., Any]] = {
    "gru": GRU,
    "lstm": LSTM,
    "vanilla": Vanilla,
    "leaky": lambda inputs, units, key: Leaky(inputs, units, tau=5.0, dt=1.0, key=key),
    "low-rank": lambda inputs, units, key: LowRank(inputs, units, rank=3, key=key),
    "dale": lambda inputs, units, key: Dale(inputs, units, tau=5.0, dt=1.0, key=key),
}
"""What a command trains, by name: `(inputs, units, key=key) -> cell`."""

__all__ = [
    "CELLS", "GRU", "LSTM", "Affine", "Cell", "Dale", "Leaky", "LowRank", "Parts", "Units",
    "Vanilla", "balanced", "signed", "slope", "zero_state",
]  # fmt: skip
