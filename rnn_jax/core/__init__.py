"""The step algebra: steps, rollouts, interventions, windows."""

from .adapters import flatten, from_equinox
from .fields import from_field
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
)
from .network import Network, clean_run, outputs, run
from .noise import noisy, white_noise
from .products import in_order, ordered
from .rollout import rollout
from .trajectory import Metric, Trajectory
from .types import Input, Readout, State, Step
from .windowed import clamp, pulse, read
from .windows import around, during, first, sliding, span, tiling

__all__ = [
    "AbstractIntervention", "Compose", "Cut", "Identity", "Input", "Inside", "Lesion",
    "Metric", "Network", "Project", "Read", "Readout", "Replace", "Shift", "State", "Step",
    "Trajectory", "around", "clamp", "clean_run", "during", "first", "flatten", "from_equinox",
    "from_field", "in_order", "noisy", "ordered", "outputs", "pulse", "read", "rollout", "run",
    "sliding", "span", "tiling", "white_noise",
]  # fmt: skip
