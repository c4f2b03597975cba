"""The derivative of a flow, integrated beside the state: the variational equation.

    moved, J = flow_map(field, h, x, dt, diffrax.Tsit5(), 64, diffrax.PIDController(1e-9, 1e-9))

With constant steps this is `jax.jacfwd` of `from_field`'s step, to rounding, and with a controller
up to its tolerance. The controller here looks at the error of each entry of the derivative, where
`from_field` looks at one tangent: the surer way, and a second route to the same numbers.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..core import Input, State, from_field
from ..core.checks import function, state
from ..core.fields import unwatched


class _Variational(eqx.Module):
    """`d(h, J)/dt = (f, Df J)`."""

    field: Callable

    def __call__(self, t: Any, hJ: tuple[State, Array], x: Input) -> tuple[State, Array]:
        h, J = hJ
        unravel = ravel_pytree(h)[1]
        slope = lambda h: self.field(t, h, x)
        pushed = lambda column: ravel_pytree(jax.jvp(slope, (h,), (unravel(column),))[1])[0]
        return slope(h), jax.vmap(pushed, 1, 1)(J)


def flow_map(
    field: Callable,
    h: State,
    x: Input,
    dt: float,
    solver: Any = None,
    substeps: int = 1,
    controller: Any = None,
) -> tuple[State, Float[Array, "N N"]]:
    """Where a field takes a state in `dt`, and how that depends on the state: `dJ/dt = Df(h) J`.

    **Arguments:**

    - `field`, `dt`, `solver`, `substeps`, `controller`: as for `core.from_field`.
    - `h`: the state at the start.
    - `x`: the input, held.

    **Returns:** the state at the end, and `J` `[N, N]`, `[to, from]`, its derivative with respect
    to `h`; a state of several parts is one vector, leaf by leaf.

    **Raises:** as `core.from_field`.

    Hairer, Norsett & Wanner, "Solving Ordinary Differential Equations I", section I.14.

    **Example:**

        >>> decay = lambda t, h, x: -h
        >>> end, J = rj.linear.flow_map(decay, jnp.ones(2), jnp.zeros(1), 1.0, substeps=100)
        >>> bool(jnp.allclose(end, jnp.exp(-1), rtol=0.01)), bool(jnp.allclose(J, jnp.diag(end)))
        (True, True)
    """
    function("field", field)
    step = unwatched(from_field(_Variational(field), dt, solver, substeps, controller))
    h = state("h", h)
    flat = ravel_pytree(h)[0]
    return step((h, jnp.eye(flat.size, dtype=flat.dtype)), x)
