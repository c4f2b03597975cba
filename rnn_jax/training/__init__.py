"""Training: losses, fit by Optax, constraints, models and states in files."""

from .anatomical import AnatomicalFit, anatomical, fit_anatomical, signed_adam
from .checkpoint import load_header, load_model, save_model
from .constraints import hold, keep_mask, keep_signs
from .fit import Fit, FitState, adam, advance, fit, start, trainable
from .losses import (
    Loss,
    OfBatch,
    asked_squared_error,
    cross_entropy,
    logistic,
    mean_squared_error,
    with_rate_penalty,
)
from .pruning import pruned
from .seeds import SeedFits, fit_seeds
from .sinkhorn import distance, half_squared, sinkhorn_divergence, transport_plan

__all__ = [
    "AnatomicalFit", "Fit", "FitState", "Loss", "OfBatch", "SeedFits", "adam", "advance",
    "anatomical", "asked_squared_error", "cross_entropy", "distance", "fit", "fit_anatomical",
    "fit_seeds", "half_squared", "hold", "keep_mask", "keep_signs", "load_header", "load_model",
    "logistic", "mean_squared_error", "pruned", "save_model", "signed_adam",
    "sinkhorn_divergence", "start", "trainable", "transport_plan", "with_rate_penalty",
]  # fmt: skip
