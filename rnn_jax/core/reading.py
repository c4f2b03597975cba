"""A step whose units each read some of their senders as replaced: connections that are cut.

    read = Reading(keep_units, keep_inputs)          # [N, N] and [N, I], 1 where kept
    h = by_products(step, read, h, value, x, x_value)

Receiver i reads `v_j + K_ij (h_j - v_j)` of sender j. A cut is a copy of the step for every
receiver, which holds for any step: N times the work. Where a step reads its state by products with
a matrix and unit by unit, as gated cells do, it is one product more: `W v + (W * K) (h - v)`.
`by_products` is that route, found in the step's own program; `products_hold` tells whether it is
right for a step, by comparing both.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jax.extend.core.primitives import dot_general_p
from jaxtyping import Array, Float, Int, PyTree

from .types import Input, State, Step


class Reading(NamedTuple):
    """What each unit reads, 1 where it is the run's own value and 0 where it is the replacement.

    - `units`: `[N, N]`, `[to, from]`; of a state of several parts, all parts of a sender.
    - `inputs`: `[N, I]`, `[to, from]`; one column where inputs are not a vector.
    """

    units: Float[Array, "N N"]
    inputs: Float[Array, "N I"]


class Unread(ValueError):
    """A step that reads its state by more than products with matrices and unit by unit."""


class _Read(NamedTuple):
    """A vector whose entries each receiver reads in its own way."""

    own: Array
    value: Array
    keep: Array

    def alone(self) -> Array:
        """What each unit reads of its own entry."""
        if self.own.shape != (len(self.keep),) or self.keep.shape[0] != self.keep.shape[1]:
            raise Unread("an input that is read other than by products with a matrix")
        return self.value + jnp.diagonal(self.keep) * (self.own - self.value)

    def by(self, matrix: Array) -> Array:
        """`W v + (W * K) (h - v)` of a `[..., R, N]`; R is N, or several gates of N rows each."""
        gates, rest = divmod(matrix.shape[-2], len(self.keep))
        if rest:
            raise Unread("a product whose rows are not the units'")
        keep = jnp.tile(self.keep, (gates, 1))
        kept = matrix * keep[(None,) * (matrix.ndim - 2)]
        return matrix @ self.value + kept @ (self.own - self.value)


def by_copies(
    step: Step,
    receivers: Int[Array, " P"],
    read: Reading,
    h: State,
    value: State,
    x: Input,
    x_value: Input,
) -> State:
    """One step in which each receiver reads through its own row, by a copy of the step each.

    **Arguments:**

    - `step`: any step of a state whose parts are `[N]`.
    - `receivers`: the units whose rows are read; others read everything as it is replaced.
    - `read`: the rows.
    - `h`, `value`: the state, and what stands in for it.
    - `x`, `x_value`: the input, and what stands in for it.
    """

    def one(i: Array) -> list[Array]:
        mix = lambda keep, own, other: other + keep * (own - other)
        seen = jax.tree.map(lambda own, v: mix(read.units[i], own, v), h, value)
        row = read.inputs[i]
        heard = jax.tree.map(
            lambda own, v: mix(row, own, v) if is_vector(x) else jnp.where(row[0] > 0, own, v),
            x, x_value,
        )  # fmt: skip
        return [leaf[i] for leaf in jax.tree.leaves(step(seen, heard))]

    rows = jax.vmap(one)(receivers)
    parts, shape = jax.tree.flatten(step(value, x_value))
    return shape.unflatten(
        [part.at[receivers].set(row) for part, row in zip(parts, rows, strict=True)]
    )


def by_products(
    step: Step, read: Reading, h: State, value: State, x: Input, x_value: Input
) -> State:
    """One step in which each unit reads through its own row, by one product more for each.

    **Arguments:** as for `by_copies`, of all units.

    **Raises:** `Unread` where the step reads its state or its input in another way.
    """
    program, shape = jax.make_jaxpr(step, return_shape=True)(h, x)
    if not is_vector(x):
        raise Unread("inputs that are not a vector of numbers")
    pairs = zip(jax.tree.leaves(h), jax.tree.leaves(value), strict=True)
    given = [_Read(own, other, read.units) for own, other in pairs]
    (heard,), (stand_in,) = jax.tree.leaves(x), jax.tree.leaves(x_value)
    given += [_Read(heard, stand_in, read.inputs)]
    found = map(_alone, _evaluated(program.jaxpr, program.consts, given))
    return jax.tree.unflatten(jax.tree.structure(shape), list(found))


def is_vector(x: PyTree) -> bool:
    """Whether an input is one vector of numbers, whose channels are read one by one."""
    leaves = jax.tree.leaves(x)
    return (
        len(leaves) == 1 and leaves[0].ndim == 1 and jnp.issubdtype(leaves[0].dtype, jnp.inexact)
    )


_by_products, _by_copies = eqx.filter_jit(by_products), eqx.filter_jit(by_copies)


def products_hold(step: Step, h: State, value: State, x: Input, x_value: Input) -> bool:
    """Whether `by_products` is `by_copies` for a step, tried on a random reading.

    It compiles itself.
    """
    N = jax.tree.leaves(h)[0].shape[0]
    draw = np.random.default_rng(0)
    dtype = jax.tree.leaves(h)[0].dtype
    channels = x.shape[0] if is_vector(x) else 1
    # numbers between 0 and 1: no two entries are read alike by chance
    rows = lambda columns: jnp.asarray(draw.random((N, columns)), dtype)
    read = Reading(rows(N), rows(channels))
    try:
        fast = _by_products(step, read, h, value, x, x_value)
    except Unread:
        return False
    slow = _by_copies(step, jnp.arange(N), read, h, value, x, x_value)
    near = 100 * float(jnp.finfo(dtype).eps) ** 0.75
    return all(
        np.allclose(a, b, rtol=near, atol=near)
        for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(slow), strict=True)
    )


def _alone(value: Any) -> Any:
    return value.alone() if isinstance(value, _Read) else value


def _evaluated(jaxpr: core.Jaxpr, consts: list, given: list) -> list:
    """The program, equation by equation, with the vectors of the state read through their rows."""
    known: dict = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *given), strict=True))
    look = lambda atom: atom.val if isinstance(atom, core.Literal) else known[atom]
    for equation in jaxpr.eqns:
        values = [look(atom) for atom in equation.invars]
        found = _equation(equation, values)
        known.update(zip(equation.outvars, found, strict=True))
    return [look(atom) for atom in jaxpr.outvars]


CALLED = ("jaxpr", "call_jaxpr", "fun_jaxpr")
"""Names of the parameter that holds the program of a call."""


def _equation(equation: core.JaxprEqn, values: list) -> list:
    """What an equation gives; a vector of the state is read by its rows, or unit by unit."""
    if any(isinstance(value, _Read) for value in values):
        if equation.primitive is dot_general_p and (by := _product(equation, values)) is not None:
            return [by]
        inner = [equation.params[name] for name in CALLED if name in equation.params]
        called = [value for value in inner if isinstance(value, core.ClosedJaxpr)]
        if called and len(called[0].jaxpr.invars) == len(values) and _is_call(equation):
            return _evaluated(called[0].jaxpr, called[0].consts, values)
        values = list(map(_alone, values))
    given = equation.primitive.get_bind_params(equation.params)
    # older versions of JAX give the functions of a call apart
    functions, parameters = given if isinstance(given, tuple) else ((), given)
    found = equation.primitive.bind(*functions, *values, **parameters)
    return list(found) if equation.primitive.multiple_results else [found]


def _is_call(equation: core.JaxprEqn) -> bool:
    """Whether the equation runs its program once, rather than in a loop."""
    return any(word in equation.primitive.name for word in ("jit", "call", "checkpoint", "remat"))


def _product(equation: core.JaxprEqn, values: list) -> Array | None:
    """The product of a matrix and a vector of the state; `None` for any other product."""
    a, b = values
    (of_a, of_b), batch = equation.params["dimension_numbers"]
    if isinstance(a, _Read) == isinstance(b, _Read) or batch != ((), ()):
        return None
    matrix, read, summed = (b, a, of_b) if isinstance(a, _Read) else (a, b, of_a)
    if read.own.ndim != 1 or matrix.ndim < 2:
        return None
    return read.by(jnp.moveaxis(matrix, summed[0], -1))
