"""Cells: steps `cell(h, x) -> h` of one trial, and readouts. Every weight is `[to, from]`."""

from collections.abc import Callable
from typing import Any

from ..core import Step, from_field
from .anatomy import (
    Anatomy,
    block_mask,
    block_mean,
    members,
    per_block,
    unit_labels,
    unit_signs,
)
from .dale import Dale, balanced, signed
from .gru import GRU
from .leaky import Leaky
from .liquid import LiquidField, fused
from .low_rank import LowRank
from .lstm import LSTM
from .neural_ode import NeuralField
from .parts import Parts, slope
from .rate import RateField
from .readout import Affine, Units
from .rectified import Rectified
from .state import Cell, zero_state
from .vanilla import Vanilla
from .visual_cortex import visual_cortex


def _heun(field: Any) -> Step:
    """A step of length 1 by Heun's rule."""
    import diffrax

    return from_field(field, 1.0, diffrax.Heun())


CELLS: dict[str, Callable[..., Any]] = {
    "gru": GRU,
    "lstm": LSTM,
    "vanilla": Vanilla,
    "leaky": lambda inputs, units, key: Leaky(inputs, units, tau=5.0, dt=1.0, key=key),
    "low-rank": lambda inputs, units, key: LowRank(inputs, units, rank=3, key=key),
    "rectified": Rectified,
    "dale": lambda inputs, units, key: Dale(inputs, units, tau=5.0, dt=1.0, key=key),
    "rate": lambda inputs, units, key: from_field(RateField(inputs, units, tau=5.0, key=key), 1.0),
    "neural-ode": lambda inputs, units, key: _heun(NeuralField(inputs, units, key=key)),
    "liquid": lambda inputs, units, key: fused(LiquidField(inputs, units, tau=5.0, key=key), 1.0),
}
"""What a command trains, by name: `(inputs, units, key=key) -> cell`."""

__all__ = [
    "CELLS", "GRU", "LSTM", "Affine", "Anatomy", "Cell", "Dale", "Leaky", "LiquidField",
    "LowRank", "NeuralField", "Parts", "RateField", "Rectified", "Units", "Vanilla",
    "balanced", "block_mask", "block_mean", "fused", "members", "per_block", "signed", "slope",
    "unit_labels", "unit_signs", "visual_cortex", "zero_state",
]  # fmt: skip
