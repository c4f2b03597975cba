"""What a run leaves behind, and what a metric makes of it.

metric = lambda trajectory: trajectory.hs[-1, 0]
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from .checks import described
from .tree import before, num_steps
from .types import Input, State


class Trajectory(eqx.Module):
    """What a run leaves behind.

    - `h0`: the state before step 0.
    - `xs`: `[T, ...]` inputs.
    - `hs`: `[T, ...]` states after each step and after its edit, as read out.
    - `carried`: `[T, ...]` states as the units carry them, where these differ from what
        is read: `None` unless an intervention, as `Read`, shows the readout another state.

    **Example:**

        >>> trajectory = rj.run(network, x)
        >>> trajectory.hs.shape, trajectory.previous.shape
        ((20, 6), (20, 6))
    """

    h0: State
    xs: Input
    hs: State
    carried: State | None = None

    @property
    def previous(self) -> State:
        """`[T, ...]`: the state each step starts from, `h0` first."""
        return before(self.h0, self.hs if self.carried is None else self.carried)


Metric: TypeAlias = Callable[[Trajectory], Float[Array, ""]]
"""`trajectory -> scalar`, of one trial."""


def check_run(trajectory: Any) -> None:
    """**Raises:** `ValueError` where it is no trajectory, or one of a batch of trials."""
    if not isinstance(trajectory, Trajectory):
        raise ValueError(f"trajectory must be what run returns, got {described(trajectory)}")
    T, shape = num_steps(trajectory.xs), lambda leaf: (T, *jnp.shape(leaf))
    shapes = [jax.tree.map(jnp.shape, trajectory.hs), jax.tree.map(shape, trajectory.h0)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"states {shapes[0]} are not one trial's, {shapes[1]}: jax.vmap takes more than one"
        )
