"""A step on rows, in the best precision that it allows: what every solver here starts from.

    problem = posed("starts", step, x, starts, per_point=False)
    with problem.precision():
        moved = jax.vmap(lambda h: problem.flat(h, problem.x))(problem.rows)

Where the step rounds a state, all is done in the precision of the states that were given.
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import PyTree

from ..causal.sweep.budget import default_memory, parse_bytes
from ..core import State, Step, flatten
from ..core.checks import all_finite, function, numbers
from ..core.rollout import check_step
from .precision import double, doubled, stays_double
from .trees import rows_of, taken


class Problem(NamedTuple):
    """A step, its inputs, and states as rows.

    - `step`: on the tree; `flat`: on `[N]`.
    - `x`: one input, or `[S, ...]` where inputs are `per_point`.
    - `rows`: `[S, N]`.
    - `precise`: whether all is float64.
    """

    step: Step
    flat: Step
    x: PyTree
    rows: np.ndarray
    per_point: bool
    precise: bool

    def precision(self) -> AbstractContextManager:
        """The block in which to compute."""
        return double() if self.precise else nullcontext()

    def inputs(self, index: Any) -> PyTree:
        """The inputs of some rows; the one input where they share it."""
        return taken(self.x, index) if self.per_point else self.x

    def at_once(self, memory: int | str | None, squares: int) -> int:
        """How many states fit, each with so many `[N, N]` arrays.

        **Raises:** `ValueError` where not even one does.
        """
        most = default_memory() if memory is None else parse_bytes(memory)
        one = squares * self.rows.shape[1] ** 2 * self.rows.itemsize
        if most < one:
            raise ValueError(f"memory of {most} bytes does not hold one state, which takes {one}")
        return most // one


def posed(name: str, step: Step, x: PyTree, states: PyTree, per_point: bool) -> Problem:
    """The problem, in float64 where the step allows it, else in the precision of the states.

    **Raises:** `ValueError` where there are no states, one is not finite, the step rejects them or
    returns another structure, or something is traced.
    """
    function("the step", step)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((step, x, states))):
        raise ValueError("fixed points and stability run on the host, not under jit, vmap or grad")
    rows = rows_of(name, all_finite(name, states))
    if rows.size == 0:
        raise ValueError(f"there must be at least one state in {name}, got none")
    x = jax.tree.map(lambda leaf: np.asarray(numbers("x", leaf)), x)
    if per_point and any(leaf.shape[:1] != rows.shape[:1] for leaf in jax.tree.leaves(x)):
        shapes = [leaf.shape for leaf in jax.tree.leaves(x)]
        raise ValueError(f"x must be [{len(rows)}, ...], one for each of {name}; got {shapes}")
    x = all_finite("x", x)
    one = taken(states, 0), taken(x, 0) if per_point else x
    with double():
        cast, h, own = doubled((step, *one))
        if stays_double(cast, h, own):
            return _problem(cast, h, own, x, rows, per_point, True)
    h, own = jax.tree.map(jnp.asarray, one)
    return _problem(step, h, own, x, rows, per_point, False)


def _problem(
    step: Step, h: State, one: PyTree, x: PyTree, rows: np.ndarray, per_point: bool, precise: bool
) -> Problem:
    try:
        check_step(step, h, jax.tree.map(lambda leaf: leaf[None], one))
    except ValueError as error:
        single = any(leaf.ndim == 0 for leaf in jax.tree.leaves(h))
        hint = "; states are rows, [S, N], also where there is one" if single else ""
        raise ValueError(f"{error}{hint}") from error
    flat, like = flatten(step, h)
    kinds = jax.tree.map(lambda leaf: leaf.dtype, one)
    x = jax.tree.map(lambda leaf, kind: leaf.astype(kind), x, kinds)
    return Problem(step, flat, x, rows.astype(like.dtype), per_point, precise)
