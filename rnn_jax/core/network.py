"""A network is a step, a readout and a first state: what every analysis starts from.

    network = Network(from_equinox(cell), eqx.nn.Linear(64, 1, key=key), jnp.zeros(64))
    ys = outputs(network, run(network, xs))

One trial; `jax.vmap` over the inputs for more.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float

from .checks import described, first_line
from .interventions import Identity
from .rollout import rollout
from .trajectory import Trajectory
from .types import Input, Readout, State, Step


class Network(eqx.Module):
    """A recurrent network, as data.

    - `step`: `(h, x) -> h`.
    - `readout`: `h -> y`, of the whole state.
    - `h0`: the state before step 0.

    **Example:**

        >>> small = rj.Network(lambda h, x: jnp.tanh(h + x), lambda h: h[:1], jnp.zeros(2))
        >>> rj.run(small, jnp.ones((5, 2))).hs.shape
        (5, 2)
    """

    step: Step
    readout: Readout
    h0: State


def run(
    network: Network, xs: Input, intervention: Callable[[Step], Step] = Identity()
) -> Trajectory:
    """`rollout` of a network's step from its first state.

    **Raises:** as `rollout`, and `ValueError` where it is no network.

    **Example:**

        >>> rj.run(network, x).hs.shape
        (20, 6)
        >>> ablated = rj.run(network, x, rj.clamp(0, rj.span(20, 5, 10), 0.0))
        >>> bool((ablated.hs[5:10, 0] == 0).all())
        True
    """
    check_network(network)
    return rollout(network.step, network.h0, xs, intervention)


def outputs(network: Network, trajectory: Trajectory) -> Float[Array, "T O"]:
    """The readout of every state of a trajectory: `y_t = g(h_t)`.

    **Raises:** `ValueError` where it is no network, or no trajectory of one trial of it.

    **Example:**

        >>> rj.outputs(network, rj.run(network, x)).shape
        (20, 1)
    """
    check_network(network)
    if not isinstance(trajectory, Trajectory):
        raise ValueError(f"outputs takes what run returns, got {described(trajectory)}")
    shapes = [jax.tree.map(np.shape, tree) for tree in (network.h0, trajectory.hs)]
    if shapes[0] != jax.tree.map(lambda leaf: np.shape(leaf)[1:], trajectory.hs):
        raise ValueError(
            f"states {shapes[1]} are not [T, ...] of a first state {shapes[0]}: outputs takes one "
            "trial, jax.vmap more"
        )
    try:
        return jax.vmap(network.readout)(trajectory.hs)
    except TypeError as error:
        raise ValueError(f"the readout rejects a state: {first_line(error)}") from error


@eqx.filter_jit
def clean_run(network: Network, xs: Input) -> tuple[State, Float[Array, "B T O"]]:
    """States and outputs of every trial.

    **Example:**

        >>> hs, ys = rj.core.clean_run(network, xs)
        >>> hs.shape, ys.shape
        ((8, 20, 6), (8, 20, 1))
    """

    def one(x: Input) -> tuple[State, Float[Array, "T O"]]:
        trajectory = run(network, x)
        return trajectory.hs, outputs(network, trajectory)

    return jax.vmap(one)(xs)


def check_network(network: Any) -> None:
    """**Raises:** `ValueError` where it has no step, readout and first state."""
    missing = [part for part in ("step", "readout", "h0") if not hasattr(network, part)]
    if missing:
        raise ValueError(
            f"expected a Network(step, readout, h0), got {described(network)} without "
            f"{', '.join(missing)}"
        )


def output_shape(network: Network) -> Any:
    """Shape and dtype of an output.

    **Raises:** `ValueError` where the readout rejects the state, or returns no array.
    """
    try:
        y = eqx.filter_eval_shape(network.readout, network.h0)
    except Exception as error:
        raise ValueError(f"the readout rejects a state: {first_line(error)}") from error
    if not hasattr(y, "shape"):
        raise ValueError(f"the readout must return an array, got {described(y)}")
    return y


def num_units(network: Network) -> int:
    """The number of units `N`: each part of the state holds one entry per unit.

    **Raises:** `ValueError` where it is no network, or parts differ, or are no vectors.
    """
    check_network(network)
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(network.h0)]
    if len(set(shapes)) != 1 or len(shapes[0]) != 1:
        raise ValueError(f"units need a state whose parts are all [N], got {shapes}")
    return shapes[0][0]
