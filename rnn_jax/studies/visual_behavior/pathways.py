"""Pathways: what populations pass on to one another, step by step.

    passed = between(network, xs, of)                  # [T, P, P], [to, from]
    index = disinhibition(network, xs, vip, sst, pyramidal)         # [T]

The first is effective connectivity summed over blocks, `S_t[i, j] = J_t[i, j] h_{t-1}[j]`. The
second is a path of two steps: what pyramidal units get at t, through Sst units at t - 1, of what
Vip units were at t - 2, to first order. Two inhibitory wires make it positive by construction: its
size and where it differs are what is found.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ...core import Network, run


@eqx.filter_jit
def between(
    network: Network, xs: Float[Array, "B T P"], of: Float[Array, "P N"]
) -> Float[Array, "T P P"]:
    """Effective connectivity summed over blocks of populations, mean over sequences.

    **Arguments:**

    - `network`: the network.
    - `xs`: inputs.
    - `of`: 1 where a unit belongs to a population.
    """

    def one(x: Array) -> Array:
        before = _before(network, x)
        each = lambda h, x: jax.vmap(lambda m: of @ _passed(network, h, x, m * h))(of).T
        return jax.vmap(each)(before, x)

    return jax.vmap(one)(xs).mean(0)


@eqx.filter_jit
def disinhibition(
    network: Network,
    xs: Float[Array, "B T P"],
    vip: Float[Array, " N"],
    sst: Float[Array, " N"],
    pyramidal: Float[Array, " N"],
) -> Float[Array, "B T"]:
    """`mean_pyr J_t[pyr, sst] J_{t-1}[sst, vip] h_{t-2}[vip]` of each sequence; 0 at step 0."""

    def one(x: Array) -> Array:
        before = _before(network, x)
        reach = jax.vmap(lambda h, x: sst * _passed(network, h, x, vip * h))(before, x)
        arrived = jax.vmap(lambda h, x, v: _passed(network, h, x, v))(
            before[1:], x[1:], reach[:-1]
        )
        index = arrived @ pyramidal / pyramidal.sum()
        return jnp.concatenate([jnp.zeros(1, index.dtype), index])

    return jax.vmap(one)(xs)


def _before(network: Network, x: Float[Array, "T P"]) -> Float[Array, "T N"]:
    """The state that each step starts from."""
    return jnp.concatenate([network.h0[None], run(network, x).hs[:-1]])


def _passed(network: Network, h: Array, x: Array, tangent: Array) -> Array:
    return jax.jvp(lambda h: network.step(h, x), (h,), (tangent,))[1]
