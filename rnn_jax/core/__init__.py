"""The step algebra: steps, rollouts, interventions, windows."""

from .adapters import flatten, from_equinox, from_field
from .interventions import (
    AbstractIntervention,
    Compose,
    Cut,
    Identity,
    Inside,
    Lesion,
    Project,
    Read,
    Replace,
    Shift,
    clamp,
    pulse,
    read,
)
from .network import Network, outputs, run
from .products import in_order, ordered
from .rollout import Trajectory, rollout
from .types import Input, Metric, Readout, State, Step
from .windows import around, first, sliding, span, tiling

__all__ = [
    "AbstractIntervention", "Compose", "Cut", "Identity", "Input", "Inside", "Lesion", "Metric",
    "Network", "Project", "Read", "Readout", "Replace", "Shift", "State", "Step", "Trajectory",
    "around", "clamp", "first", "flatten", "from_equinox", "from_field", "in_order", "ordered",
    "outputs", "pulse", "read", "rollout", "run", "sliding", "span", "tiling",
]  # fmt: skip
