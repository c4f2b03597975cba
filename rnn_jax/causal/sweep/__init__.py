"""The sweep: its entry, the engine that runs it, and how the work is sized and shared."""

from .codes import ResultCodes, mean_of_finite, over_counted, result_codes
from .engine import Estimator
from .mesh import over_devices
from .sweep import Kind, sweep, sweep_edges

__all__ = [
    "Estimator", "Kind", "ResultCodes", "mean_of_finite", "over_counted", "over_devices",
    "result_codes", "sweep", "sweep_edges",
]  # fmt: skip
