"""Causal effects: finite, first-order and integrated, and the sweep over all of them."""

from .direct import SelfRepair, self_repair
from .finite import entries_changed, finite
from .first_order import additive_edges, first_order, first_order_clamp, first_order_edges
from .integrated import Integrated, integrated
from .optimal import Optimal, optimal
from .provenance import Record
from .scores import SCORES, Score, log_odds, margin, squared_error
from .sweep import Kind, sweep, sweep_edges
from .values import derangement, mean, noise, patch, resample, zero

__all__ = [
    "SCORES", "Integrated", "Kind", "Optimal", "Record", "Score", "SelfRepair", "additive_edges",
    "derangement", "entries_changed", "finite", "first_order", "first_order_clamp",
    "first_order_edges", "integrated", "log_odds", "margin", "mean", "noise", "optimal", "patch",
    "resample", "self_repair", "squared_error", "sweep", "sweep_edges",
    "zero",
]  # fmt: skip
