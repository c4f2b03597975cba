"""Propagators: how a state depends on one several steps before, to first order.

    P = propagators(jacobians(step, trajectory))             # [T, N, N]: d hs[t] / d h0
    P = propagators(jacobians(step, trajectory), start=10)   # d hs[t] / d hs[10]

Every array is `[to, from]`. A state of several parts: `flatten` the step first.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from ..core.checks import array, axes, in_unit, refused, whole_number


def propagators(jacobians: Float[Array, "T N N"], start: int = -1) -> Float[Array, "T N N"]:
    """`P_t = J_t J_{t-1} ... J_{start+1} = d hs[t] / d hs[start]`.

    **Arguments:**

    - `jacobians`: `[T, N, N]`, `[to, from]`.
    - `start`: the step whose state is varied, -1 for `h0`.

    **Returns:** `[T, N, N]`: the identity at `start`, and 0 before it.

    **Raises:** `ValueError` where `start` lies outside the trial.

    **Example:**

        >>> J = rj.jacobians(network.step, rj.run(network, x))
        >>> P = rj.propagators(J, 4)  # d hs[t] / d hs[4]
        >>> bool(jnp.allclose(P[6], J[6] @ J[5]))
        True
    """
    sizes = axes(jacobians=(jacobians, "T N N"))
    T, N = sizes["T"], sizes["N"]
    if not -1 <= whole_number("start", start) < T:
        raise ValueError(f"start must lie in [-1, {T}), got {start}")
    eye = jnp.eye(N, dtype=jacobians.dtype)
    _, after = lax.scan(_multiply, eye, jacobians[start + 1 :])
    until = jnp.zeros((start + 1, N, N), jacobians.dtype)
    until = until.at[start].set(eye) if start >= 0 else until
    return jnp.concatenate([until, after])


def _multiply(product: Array, jacobian: Array) -> tuple[Array, Array]:
    product = jacobian @ product
    return product, product


def without_gap(window: Float[Array, "*W T"]) -> Float[Array, "*W T"]:
    """The windows themselves, each known to be one stretch: a product over a gap is nothing."""
    inside = (window > 0).astype(int)
    starts = jnp.diff(inside, axis=-1, prepend=jnp.zeros_like(inside[..., :1])) == 1
    return refused("a product needs a window without a gap", (starts.sum(-1) > 1).any(), window)


def window_propagator(
    jacobians: Float[Array, "T N N"], window: Float[Array, " T"]
) -> Float[Array, "N N"]:
    """The product of a window's Jacobians: `J_last ... J_first = d hs[last] / d hs[first - 1]`.

    **Arguments:**

    - `jacobians`: `[T, N, N]`, `[to, from]`.
    - `window`: float `[T]`, one stretch; steps of weight above 0 take part.

    **Returns:** `[N, N]`, `[to, from]`; the identity for an empty window.

    **Raises:** `ValueError` where shapes do not fit, or the window has a gap or leaves [0, 1]
    (`RuntimeError` if it is traced).

    **Example:**

        >>> J = rj.jacobians(network.step, rj.run(network, x))
        >>> P = rj.linear.window_propagator(J, rj.span(20, 5, 8))
        >>> bool(jnp.allclose(P, J[7] @ J[6] @ J[5]))
        True
    """
    axes(jacobians=(jacobians, "T N N"), window=(window, "T"))
    window = without_gap(in_unit("a window", array("window", window)))
    N = jacobians.shape[-1]
    eye = jnp.eye(N, dtype=jacobians.dtype)

    def multiply(product: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        jacobian, inside = row
        return jnp.where(inside > 0, jacobian @ product, product), None

    return lax.scan(multiply, eye, (jacobians, window))[0]
