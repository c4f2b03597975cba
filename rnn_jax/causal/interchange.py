"""Interchange: a run in which some units take their states from another run, step by step.

    both = paired(network)
    trajectory = run(both, (x_source, x_base, mask))      # mask [T, N], 1 where interchanged
    ys = outputs(both, trajectory)                        # of the base

The two runs go side by side, so that the mask is data like any input: what is trained, swept or
differentiated as a network can be so under interchanges.
"""

import equinox as eqx
from jaxtyping import Array, Float

from ..core import Input, Network, Readout, State, Step
from ..core.network import check_network
from ..core.tree import blend


class Paired(eqx.Module):
    """`s_t = f(s_{t-1}, x_t)`, `b_t = (1 - m_t) f(b_{t-1}, x'_t) + m_t s_t`.

    The state is `(source, base)`, the input `(x of the source, x of the base, mask [N])`.
    """

    step: Step

    def __call__(self, h: tuple[State, State], x: tuple[Input, Input, Array]) -> State:
        (source, base), (x_source, x_base, mask) = h, x
        source = self.step(source, x_source)
        return source, blend(self.step(base, x_base), source, mask)


class BaseReadout(eqx.Module):
    """The readout of a pair's base."""

    readout: Readout

    def __call__(self, h: tuple[State, State]) -> Float[Array, " O"]:
        return self.readout(h[1])


def paired(network: Network) -> Network:
    """The network that runs a source and a base side by side, and tells the base's outputs.

    It is `Replace` by the source's states: a mask over a window is a clamp, at one step a pulse.

    **Arguments:**

    - `network`: any.

    **Returns:** a `Network` of inputs `(xs [T, ...], xs [T, ...], mask [T, N])`, whose mask may
    be a prefix of the state's tree.

    Geiger, Lu, Icard & Potts, NeurIPS (2021), section 2, for the interchange.

    **Example:**

        >>> both = rj.causal.paired(network)
        >>> mask = jnp.zeros((20, 6)).at[10:].set(1.0)  # all units, from step 10 on
        >>> ys = rj.outputs(both, rj.run(both, (xs[1], xs[0], mask)))
        >>> one, other = (rj.outputs(network, rj.run(network, xs[k])) for k in (0, 1))
        >>> bool(jnp.allclose(ys[:10], one[:10])), bool(jnp.allclose(ys[10:], other[10:]))
        (True, True)
    """
    check_network(network)
    return Network(Paired(network.step), BaseReadout(network.readout), (network.h0, network.h0))
