"""A network is a step, a readout and a first state: what every analysis starts from.

    network = Network(from_equinox(cell), eqx.nn.Linear(64, 1, key=key), jnp.zeros(64))
    ys = outputs(network, run(network, xs))

One trial; `jax.vmap` over the inputs for more.
"""

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import Array, Float

from .interventions import Identity
from .rollout import Trajectory, rollout
from .types import Input, Readout, State, Step


class Network(eqx.Module):
    """A recurrent network, as data.

    - `step`: `(h, x) -> h`.
    - `readout`: `h -> y`, of the whole state.
    - `h0`: the state before step 0.
    """

    step: Step
    readout: Readout
    h0: State


def run(
    network: Network, xs: Input, intervention: Callable[[Step], Step] = Identity()
) -> Trajectory:
    """`rollout` of a network's step from its first state."""
    return rollout(network.step, network.h0, xs, intervention)


def outputs(network: Network, trajectory: Trajectory) -> Float[Array, "T O"]:
    """The readout of every state of a trajectory: `y_t = g(h_t)`."""
    return jax.vmap(network.readout)(trajectory.hs)
