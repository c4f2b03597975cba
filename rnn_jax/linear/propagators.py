"""Propagators: how a state depends on one several steps before, to first order.

    P = propagators(jacobians(step, trajectory))             # [T, N, N]: d hs[t] / d h0
    P = propagators(jacobians(step, trajectory), start=10)   # d hs[t] / d hs[10]

Every array is `[to, from]`. A state of several parts: `flatten` the step first.
"""

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float


def propagators(jacobians: Float[Array, "T N N"], start: int = -1) -> Float[Array, "T N N"]:
    """`P_t = J_t J_{t-1} ... J_{start+1} = d hs[t] / d hs[start]`.

    **Arguments:**

    - `jacobians`: `[T, N, N]`, `[to, from]`.
    - `start`: the step whose state is varied, -1 for `h0`.

    **Returns:** `[T, N, N]`: the identity at `start`, and 0 before it.

    **Raises:** `ValueError` where `start` lies outside the trial.
    """
    T, N, _ = jacobians.shape
    if not -1 <= start < T:
        raise ValueError(f"start must lie in [-1, {T}), got {start}")
    eye = jnp.eye(N, dtype=jacobians.dtype)

    def multiply(product: Array, jacobian: Array) -> tuple[Array, Array]:
        product = jacobian @ product
        return product, product

    _, after = lax.scan(multiply, eye, jacobians[start + 1 :])
    until = jnp.zeros((start + 1, N, N), jacobians.dtype)
    until = until.at[start].set(eye) if start >= 0 else until
    return jnp.concatenate([until, after])


def without_gap(window: Float[Array, " T"]) -> Float[Array, " T"]:
    """The window itself, once it is known to be one stretch: a product over a gap is nothing."""
    starts = jnp.diff((window > 0).astype(int), prepend=0) == 1
    return eqx.error_if(window, starts.sum() > 1, "a product needs a window without a gap")


def window_propagator(
    jacobians: Float[Array, "T N N"], window: Float[Array, " T"]
) -> Float[Array, "N N"]:
    """The product of a window's Jacobians: `J_last ... J_first = d hs[last] / d hs[first - 1]`.

    **Arguments:**

    - `jacobians`: `[T, N, N]`, `[to, from]`.
    - `window`: float `[T]`, one stretch; steps of weight above 0 take part.

    **Returns:** `[N, N]`, `[to, from]`; the identity for an empty window.

    **Raises:** `RuntimeError` where the window has a gap.
    """
    window = without_gap(window)
    N = jacobians.shape[-1]
    eye = jnp.eye(N, dtype=jacobians.dtype)

    def multiply(product: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        jacobian, inside = row
        return jnp.where(inside > 0, jacobian @ product, product), None

    return lax.scan(multiply, eye, (jacobians, window))[0]
