"""The lasso: linear regression that leaves most weights at 0.

beta = lasso(Z.T @ Z / n, Z.T @ y / n, penalty=0.1)     # [N, O]
"""

import equinox as eqx
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from .weighted import dot, inverse


def lasso(
    gram: Float[Array, "N N"], cov: Float[Array, "N O"], penalty: float, steps: int
) -> Float[Array, "N O"]:
    """`argmin_b b^T G b / 2 - c_o^T b + penalty max_i |c_io| sum_i |b_i|` of each output.

    By accelerated proximal gradient, started anew whenever its momentum leads uphill.

    **Arguments:**

    - `gram`: `G`, `[N, N]`, the units' second moments.
    - `cov`: `c`, `[N, O]`, those of units and outputs.
    - `penalty`: a share of the least penalty that leaves nothing.
    - `steps`: at most this many, until no entry leaves its optimum condition by more than
        `sqrt(eps) max |c|`.

    **Returns:** `b`, `[N, O]`.

    **Raises:** `RuntimeError` where it needs more steps.

    Beck and Teboulle, SIAM J. Imaging Sci. 2 (2009), section 4; O'Donoghue and Candes, Found.
    Comput. Math. 15 (2015), section 3.2, for starting anew.
    """
    rate = inverse(jnp.linalg.eigvalsh(gram)[-1])
    largest = jnp.abs(cov).max(0)
    allowed = jnp.sqrt(jnp.finfo(cov.dtype).eps) * largest.max()

    def shrunk(point: Array) -> Array:
        down = point - rate * (dot(gram, point) - cov)
        return jnp.sign(down) * jnp.maximum(jnp.abs(down) - rate * penalty * largest[None], 0.0)

    def step(carry: tuple) -> tuple:
        k, beta, point, t, _ = carry
        new = shrunk(point)
        uphill = jnp.sum((point - new) * (new - beta)) > 0
        t = jnp.where(uphill, 1.0, t)
        later = (1 + jnp.sqrt(1 + 4 * t**2)) / 2
        ahead = new + jnp.where(uphill, 0.0, (t - 1) / later) * (new - beta)
        return k + 1, new, ahead, later, jnp.abs(point - new).max() * inverse(rate)

    def on(carry: tuple) -> Array:
        return (carry[0] < steps) & (carry[-1] > allowed)

    start = jnp.zeros_like(cov)
    one = jnp.ones((), cov.dtype)
    _, beta, _, _, left = lax.while_loop(on, step, (0, start, start, one, jnp.inf * one))
    return eqx.error_if(beta, left > allowed, f"the lasso needs more than {steps} steps")
