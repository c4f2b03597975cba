"""A step under an intervention that holds at every step: a step like any other.

    lesioned = held(step, clamp([3, 7], jnp.ones(1), 0.0), h0)
    fixed_points(lesioned, x, starts)

The landscape of a network without some of its units is found as that of any step.
"""

from collections.abc import Callable

import equinox as eqx
import jax
from jaxtyping import PyTree

from ..core import Input, State, Step
from ..core.checks import function, state
from ..core.rollout import split_rows
from ..core.settled import settled


class _Held(eqx.Module):
    # both as data, so that the arrays of both can be cast
    step: Step
    edit: Callable[[Step], Step]

    def __call__(self, h: State, x: Input) -> State:
        return self.edit(self.step)(h, x)


def held(step: Step, intervention: Callable[[Step], Step], h0: State) -> Step:
    """`intervention(step)`, the intervention being the same at every step.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `intervention`: its arrays lead with 1, as `clamp(units, jnp.ones(1), 0.0)` has them.
    - `h0`: a state, for its size.

    **Returns:** a step.

    **Raises:** `ValueError` where its arrays lead with a time axis longer than 1, a mask leaves
    [0, 1], or an index is no unit's.

    **Example:**

        >>> edit = rj.clamp([0], jnp.ones(1), 0.0)
        >>> without = rj.dynamics.held(lambda h, x: h + 1.0, edit, jnp.zeros(2))
        >>> without(jnp.zeros(2), jnp.zeros(1)).tolist()
        [0.0, 1.0]
    """
    function("the step", step)
    function("the intervention", intervention)
    timed, constant = split_rows(settled(intervention, state("h0", h0)), 1)
    row: PyTree = jax.tree.map(lambda leaf: leaf[0], timed)
    return _Held(step, eqx.combine(row, constant))
