"""Scores: what a run is worth, of one trial's outputs against its targets; larger is better.

    metric = lambda run: margin(jax.vmap(readout)(run.hs), targets)
    SCORES["squared-error"]

A score that saturates hides effects, and at a trained optimum the gradient of a squared error
is nearly zero, so that first order ranks at chance. `margin` is linear in the outputs.
"""

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core.checks import refused, same_shape
from ..core.types import Numbers

Score: TypeAlias = Callable[[Float[Array, "T O"], Float[Array, "T O"]], Float[Array, ""]]
"""`(outputs, targets) -> scalar`, of one trial."""


def margin(ys: Float[Array, "T O"], targets: Float[Array, "T O"]) -> Float[Array, ""]:
    """`mean_{t,o} y * target`: how far outputs point the right way. Linear in `y`.

    **Raises:** `ValueError` where shapes differ.

    **Example:**

        >>> float(rj.margin(jnp.array([[0.5], [1.0]]), jnp.array([[1.0], [-1.0]])))
        -0.25
    """
    same_shape(outputs=ys, targets=targets)
    return jnp.mean(ys * targets)


def squared_error(ys: Float[Array, "T O"], targets: Float[Array, "T O"]) -> Float[Array, ""]:
    """`-mean_{t,o} (y - target)^2`. **Raises:** `ValueError` where shapes differ.

    **Example:**

        >>> float(rj.squared_error(jnp.array([[0.5], [1.0]]), jnp.array([[1.0], [1.0]])))
        -0.125
    """
    same_shape(outputs=ys, targets=targets)
    return -jnp.mean((ys - targets) ** 2)


class Fidelity(eqx.Module):
    """`-mean_t sum_o weight_o (y - y_clean)^2`: how far outputs are from those of the clean run.

    By `share_of_variance` an effect of -0.1 is a change by a tenth of the outputs' variance, each
    output counting alike whatever its scale. The targets are the outputs of the clean run.

    **Example:**

        >>> score = rj.causal.Fidelity(jnp.array([1.0, 0.5]))
        >>> ys, clean = jnp.array([[1.0, 2.0]]), jnp.zeros((1, 2))
        >>> score(ys, clean).item()  # -(1 * 1^2 + 0.5 * 2^2)
        -3.0
    """

    weight: Float[Array, " O"]

    def __call__(self, ys: Float[Array, "T O"], targets: Float[Array, "T O"]) -> Float[Array, ""]:
        same_shape(outputs=ys, targets=targets)
        return -jnp.mean((self.weight[None] * (ys - targets) ** 2).sum(-1))


def share_of_variance(ys: Float[Numbers, "B T O"]) -> Fidelity:
    """Fidelity in shares of the outputs' variance over trials and time, the mean over outputs.

    An output that is constant counts for nothing; where all are, variances count as 1.

    **Arguments:**

    - `ys`: outputs of the clean run.

    **Returns:** a `Fidelity`, which scores outputs against those of the clean run.

    **Example:**

        >>> score = rj.causal.share_of_variance(ys)
        >>> flat = jnp.full_like(ys, ys.mean())
        >>> print(jax.vmap(score)(flat, ys).mean().round(3))  # a constant misses all variance
        -1.0
    """
    ys = np.asarray(ys)
    weight = 1 / output_scale(ys) ** 2
    weight = weight if weight.any() else np.ones_like(weight)
    return Fidelity(jnp.asarray((weight / np.count_nonzero(weight)).astype(ys.dtype)))


def output_scale(ys: Float[np.ndarray, "B T O"]) -> Float[np.ndarray, " O"]:
    """Each output's standard deviation over trials and time; infinite for a constant.

    Trials that are not finite are left out.
    """
    known = ys[np.isfinite(ys).all((1, 2))]
    spread = known.std((0, 1), dtype=float) if len(known) else np.zeros(ys.shape[-1])
    # what rounding leaves of a constant is no spread
    least = 1e-6 * np.abs(known).max((0, 1), initial=0)
    return np.where(spread > least, spread, np.inf)


def log_odds(ys: Float[Array, "T O"], targets: Float[Array, "T O"]) -> Float[Array, ""]:
    """`mean_t log p / (1 - p)` of the right class, outputs being logits, targets one-hot.

    `log p / (1 - p) = y_right - logsumexp(y_wrong)`; it does not saturate as accuracy does.
    Steps whose target is all zeros count for nothing.

    **Raises:** `ValueError` where there is one output, shapes differ, or a target is neither
    one-hot nor all zeros (`RuntimeError` if traced).

    **Example:**

        >>> logits, right = jnp.array([[0.0, 0.0]]), jnp.array([[1.0, 0.0]])
        >>> float(rj.log_odds(logits, right))
        0.0
    """
    same_shape(outputs=ys, targets=targets)
    if ys.shape[-1] < 2:
        raise ValueError("log-odds need at least 2 classes, got 1 output")
    hot = ((targets == 0) | (targets == 1)).all() & (targets.sum(-1) <= 1).all()
    targets = refused("log-odds need one-hot targets, or all zeros", ~hot, targets)
    right = jnp.sum(ys * targets, -1)
    wrong = jax.nn.logsumexp(jnp.where(targets > 0, -jnp.inf, ys), -1)
    asked = targets.sum(-1)
    odds = jnp.where(asked > 0, right - wrong, 0.0)
    return odds.sum() / jnp.maximum(asked.sum(), 1)


SCORES: dict[str, Score] = {
    "margin": margin,
    "squared-error": squared_error,
    "log-odds": log_odds,
}
