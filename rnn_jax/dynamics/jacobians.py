"""Jacobians of a step at states, in chunks on the device: what all that linearises starts from.

J, B = jacobians_at(posed("points", step, x, points, False), None)   # [S, N, N], [S, N, I]
J, B = local(step, h, x)                                             # at one state, pure
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float, PyTree

from ..core import State, Step
from .problem import Problem

SQUARES = 4
"""`[N, N]` arrays of a state."""


def jacobians_at(
    problem: Problem, memory: int | str | None, by_input: bool = True
) -> tuple[Float[np.ndarray, "S N N"], Float[np.ndarray, "S N I"]]:
    """`dF/dh` and `dF/dx` at every state of a problem, on the host.

    **Arguments:**

    - `problem`: step, input and states.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many states run at once.
    - `by_input`: whether `dF/dx` is asked for; where not, `I` is 0.

    **Returns:** `[S, N, N]` and `[S, N, I]`, `[to, from]`, as `local` has them.

    **Raises:** `ValueError` where not even one state fits the budget.
    """
    size, S = problem.at_once(memory, SQUARES), len(problem.rows)
    parts = []
    with problem.precision():
        for begin in range(0, S, size):
            now = np.arange(begin, min(begin + size, S))
            x = jax.tree.map(jnp.asarray, problem.inputs(now))
            hs = jnp.asarray(problem.rows[now])
            found = _at(problem.flat, hs, x, problem.per_point, by_input)
            parts.append([np.asarray(part, float) for part in found])
    by_state, by_x = (np.concatenate(part) for part in zip(*parts))
    return by_state, by_x


def local(
    step: Step, h: State, x: PyTree, by_input: bool = True
) -> tuple[Float[jax.Array, "N N"], Float[jax.Array, "N I"]]:
    """`dF/dh` and `dF/dx` with all parts as one vector; no derivative by what is no float."""
    h, state = ravel_pytree(h)
    varied, rest = eqx.partition(x, eqx.is_inexact_array)
    v, inputs = ravel_pytree(varied)
    moved = lambda h, v: ravel_pytree(step(state(h), eqx.combine(inputs(v), rest)))[0]
    by_state = jax.jacfwd(moved)(h, v)
    if not by_input or not v.size:
        return by_state, jnp.zeros((h.size, 0), h.dtype)
    return by_state, jax.jacfwd(moved, 1)(h, v)


@eqx.filter_jit
def _at(step: Step, hs: Any, x: PyTree, per_point: bool, by_input: bool) -> Any:
    one = lambda h, x: local(step, h, x, by_input)
    return jax.vmap(one, (0, 0 if per_point else None))(hs, x)
