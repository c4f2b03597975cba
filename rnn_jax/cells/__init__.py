"""Cells: steps `cell(h, x) -> h` of one trial, and readouts. Every weight is `[to, from]`."""

from .dale import Dale, balanced, signed
from .gru import GRU
from .leaky import Leaky
from .low_rank import LowRank
from .lstm import LSTM
from .parts import Parts, slope
from .readout import Affine, Units
from .state import Cell, zero_state
from .vanilla import Vanilla

__all__ = [
    "GRU",
    "LSTM",
    "Affine",
    "Cell",
    "Dale",
    "Leaky",
    "LowRank",
    "Parts",
    "Units",
    "Vanilla",
    "balanced",
    "signed",
    "slope",
    "zero_state",
]  # fmt: skip
