"""Training: losses, fit by Optax, constraints, models and states in files."""

from .checkpoint import load_header, load_model, save_model
from .constraints import keep_mask, keep_signs
from .fit import Fit, FitState, SeedFits, adam, advance, fit, fit_seeds, start, trainable
from .losses import (
    Loss,
    asked_squared_error,
    cross_entropy,
    logistic,
    mean_squared_error,
    with_rate_penalty,
)

__all__ = [
    "Fit", "FitState", "Loss", "SeedFits", "adam", "advance", "asked_squared_error",
    "cross_entropy", "fit", "fit_seeds", "keep_mask", "keep_signs", "load_header", "load_model",
    "logistic", "mean_squared_error", "save_model", "start", "trainable", "with_rate_penalty",
]  # fmt: skip
