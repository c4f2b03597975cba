"""Moments over trials and steps, each weighing what a window says.

    p = shares(windows, hs)[0]                  # [B * T], sum 1
    z = standard(samples(hs), p)                # mean 0, variance 1, or 0 throughout

Nothing here divides by 0: what does not move beyond rounding has no variance and stays 0.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core.checks import all_finite, array, in_unit
from ..core.checks import axes as axes_of


def per_trial(windows: Array, like: Float[Array, "B T K"]) -> Float[Array, "W B T"]:
    """Windows `[W, T]` or `[W, B, T]` as the latter.

    **Raises:** `ValueError` where they are neither, or leave [0, 1].
    """
    sizes = axes_of(states_or_targets=(like, "B T K"))
    B, T = sizes["B"], sizes["T"]
    windows = in_unit("a window", array("windows", windows))
    if windows.shape[1:] not in ((T,), (B, T)):
        raise ValueError(f"windows must be [W, {T}] or [W, {B}, {T}], got {windows.shape}")
    windows = windows.reshape(len(windows), -1, T).astype(like.dtype)
    return jnp.broadcast_to(windows, (len(windows), B, T))


def shares(windows: Array, like: Float[Array, "B T K"]) -> Float[Array, "W S"]:
    """Weights of all trials' steps, with the sum 1, or 0 of an empty window."""
    rows = per_trial(windows, like).reshape(len(windows), -1)
    return rows * inverse(rows.sum(1))[:, None]


def samples(values: Float[Array, "B T K"]) -> Float[Array, "S K"]:
    """All trials' steps in one row.

    **Raises:** `ValueError` where a number is not finite: it would count as one that does not
    move (`RuntimeError` if traced).
    """
    values = all_finite("states or targets", values)
    return values.reshape(-1, values.shape[-1])


def moments(x: Float[Array, "S K"], p: Float[Array, " S"]) -> tuple[Array, Array]:
    """What is left without the mean, `[S, K]`, and its variance `[K]`: 0 if it is rounding."""
    centred = x - dot(p, x)[None]
    spread = dot(p, centred**2)
    return centred, jnp.where(spread > roundings(x) ** 2 * dot(p, x**2), spread, 0.0)


def standard(x: Float[Array, "S K"], p: Float[Array, " S"]) -> Float[Array, "S K"]:
    """Mean 0 and variance 1, or 0 throughout."""
    centred, spread = moments(x, p)
    return centred * jnp.sqrt(inverse(spread))[None]


def roundings(x: Array) -> float:
    """What a number may be off by, as a share of it."""
    return 64 * float(jnp.finfo(x.dtype).eps)


def inverse(x: Array) -> Array:
    """`1 / x`, and 0 of 0."""
    return jnp.where(x > 0, 1 / jnp.where(x > 0, x, 1.0), 0.0)


def dot(a: Array, b: Array) -> Array:
    """`a @ b`."""
    # accelerators round the factors of a float32 product by default
    return jnp.matmul(a, b, precision="highest")
