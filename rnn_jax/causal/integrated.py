"""Integrated effects: the gradient's line integral from no intervention to the whole one.

    found = integrated(step, h0, xs, metric, Replace(masks, value), nodes=8)
    found.effect, found.residual

Along a unit's own mask the integral *is* its finite effect, so its residual says how far the
nodes are from enough. Gauss-Legendre nodes: a Riemann sum would need hundreds.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..core import Input, Metric, Replace, State, Step
from ..core.checks import at_least, described, function, state
from ..core.rollout import unroll
from ..core.settled import settled
from .finite import finite, stacked


class Integrated(NamedTuple):
    """Effects by integration, and what they miss of the finite ones.

    - `effect`: `[S]`, `integral_0^1 d/da F(a * mask) da`.
    - `residual`: `[S]`, finite minus integrated effect.

    **Example:**

        >>> edits = rj.Replace(jnp.eye(6)[:, None], jnp.zeros((6, 1, 1)))  # each unit throughout
        >>> asked = network.step, network.h0, x, metric, edits
        >>> found, exact = rj.integrated(*asked), rj.finite(*asked)
        >>> bool(jnp.allclose(found.effect + found.residual, exact))
        True
    """

    effect: Float[Array, " S"]
    residual: Float[Array, " S"]


def integrated(
    step: Step, h0: State, xs: Input, metric: Metric, interventions: Replace, nodes: int = 8
) -> Integrated:
    """`integral_0^1 d/da F(Replace(a * mask, value)) da`, by Gauss-Legendre nodes.

    **Arguments:**

    - `step`, `h0`, `xs`: as for `rollout`.
    - `metric`: `trajectory -> scalar`.
    - `interventions`: a `Replace` whose arrays lead with an axis S, then with time.
    - `nodes`: points of the quadrature, exact for polynomials of degree `2 nodes - 1`.

    **Returns:** an `Integrated`.

    **Raises:** as `finite`, and `ValueError` where `nodes` is below 1 or it is no `Replace`.

    Sundararajan et al., ICML (2017), section 3, along each mask's own line.

    **Example:**

        >>> masks = jnp.eye(6)[:, None] * rj.span(20, 5, 10)[None, :, None]  # [S, T, N]
        >>> edits = rj.Replace(masks, jnp.zeros((6, 1, 1)))
        >>> found = rj.integrated(network.step, network.h0, x, metric, edits)
        >>> found.effect.shape, bool((jnp.abs(found.residual) < 1e-3).all())
        ((6,), True)
    """
    at_least(1, nodes=nodes)
    function("metric", metric)
    if not isinstance(interventions, Replace):
        raise ValueError(f"integrated scales a Replace's mask, got {described(interventions)}")
    points, weights = np.polynomial.legendre.leggauss(nodes)

    h0 = state("h0", h0)
    interventions = settled(interventions, h0)
    arrays, rest, _ = stacked(interventions)

    def along(rows: PyTree) -> Array:
        replace = eqx.combine(rows, rest)
        dtype = jax.tree.leaves(replace.mask)[0].dtype

        def scaled(a: Array) -> Array:
            mask = jax.tree.map(lambda m: a * m, replace.mask)
            part = eqx.tree_at(lambda r: r.mask, replace, mask)
            return metric(unroll(step, h0, xs, part))

        slope = jax.vmap(lambda a: jax.jvp(scaled, (a,), (jnp.ones_like(a),))[1])
        at = jnp.asarray((points + 1) / 2, dtype)
        slopes = slope(at)
        return jnp.asarray(weights / 2, slopes.dtype) @ slopes

    effect = jax.lax.map(along, arrays)
    return Integrated(effect, finite(step, h0, xs, metric, interventions) - effect)
