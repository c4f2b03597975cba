"""Along a set of solutions: predict along its tangent, correct across it.

    z = corrected(residual, z + 0.1 * tangent[0], tangent)

Solutions of `r(z) = 0` that are not isolated are a curve or a surface with a tangent. The point
next to a known one is that with `r(z) = 0` and `T (z - predicted) = 0`, for which Newton's method
is quick, however singular the derivative of `r` is along the tangent.

Allgower and Georg, Introduction to Numerical Continuation Methods (2003), chapters 2 and 3.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jax import lax
from jaxtyping import Array, Float

CORRECTIONS = 8
"""Moves of Newton's method after each prediction, at most."""


def corrected(
    residual: Callable[[Float[Array, " M"]], Float[Array, " N"]],
    predicted: Float[Array, " M"],
    tangent: Float[Array, "D M"],
    iterations: int = CORRECTIONS,
) -> Float[Array, " M"]:
    """The solution beside a prediction, in the directions across the tangent: pure.

    Gauss-Newton on `(r(z), T (z - predicted))`: where there is no solution the two are as small
    as can be, so that what comes back is to be judged by its residual.

    **Arguments:**

    - `residual`: `r`.
    - `predicted`: where to start.
    - `tangent`: `T`, orthonormal rows; rows of 0 count for nothing.
    - `iterations`: at most.

    **Returns:** `z`.
    """

    enough = 0.1 * float(jnp.finfo(predicted.dtype).eps) ** 0.5

    def unfinished(found: tuple[Array, Array, Array]) -> Array:
        z, length, count = found
        # the error after a move is about its length squared; NaN compares as false
        return (count < iterations) & (length > enough * (1 + jnp.linalg.norm(z)))

    def move(found: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        z, _, count = found
        r, A = residual(z), jax.jacfwd(residual)(z)
        Q, R = jnp.linalg.qr(jnp.concatenate([A, tangent]))
        left = Q.T @ jnp.concatenate([r, tangent @ (z - predicted)])
        change = jsl.solve_triangular(R, left)
        return z - change, jnp.linalg.norm(change), count + 1

    far = jnp.full((), jnp.inf, predicted.dtype)
    return lax.while_loop(unfinished, move, (predicted, far, jnp.zeros((), int)))[0]
