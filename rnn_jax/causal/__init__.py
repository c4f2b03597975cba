"""Causal effects: finite, first-order and integrated, and the sweep over all of them."""

from .finite import entries_changed, finite
from .first_order import additive_edges, first_order, first_order_clamp, first_order_edges
from .integrated import Integrated, integrated
from .interchange import paired
from .optimal import Optimal, optimal
from .paths import PathFactors, Paths, path_effects, path_factors, top_paths
from .provenance import Record
from .ranking import rank_agreement
from .scores import SCORES, Fidelity, Score, log_odds, margin, share_of_variance, squared_error
from .screen import Screen, screen
from .self_repair import SelfRepair, self_repair
from .store import resumable
from .sweep import (
    Estimator,
    Kind,
    ResultCodes,
    mean_of_finite,
    over_counted,
    over_devices,
    result_codes,
    sweep,
    sweep_edges,
)
from .values import derangement, mean, noise, patch, replacement, resample, zero

__all__ = [
    "SCORES", "Estimator", "Fidelity", "Integrated", "Kind", "Optimal", "PathFactors", "Paths",
    "Record", "ResultCodes", "Score", "Screen", "SelfRepair", "additive_edges", "derangement",
    "entries_changed", "finite", "first_order", "first_order_clamp", "first_order_edges",
    "integrated", "log_odds", "margin", "mean", "mean_of_finite", "noise", "optimal",
    "over_counted", "over_devices", "paired", "patch", "path_effects", "path_factors",
    "rank_agreement", "replacement", "resample", "result_codes", "resumable", "screen",
    "self_repair", "share_of_variance", "squared_error", "sweep", "sweep_edges", "top_paths",
    "zero",
]  # fmt: skip
