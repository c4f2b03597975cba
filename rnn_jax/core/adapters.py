"""Steps out of other people's networks, and a flat step out of any.

    step = from_equinox(eqx.nn.GRUCell(3, 64, key=key))
    step = from_field(lambda t, h, x: -h + jnp.tanh(W @ h + x), dt=0.1)

What comes back is an Equinox module, so that its weights travel as arguments of `jit`.
"""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.tree_util as jtu
from jaxtyping import Array, Float

from .checks import at_least, function, positive, state
from .types import Input, State, Step


class _Swapped(eqx.Module):
    cell: eqx.Module

    def __call__(self, h: State, x: Input) -> State:
        return self.cell(x, h)  # pyright: ignore[reportCallIssue]


def from_equinox(cell: eqx.Module) -> Step:
    """A step `(h, x) -> h` from a cell that takes `(input, hidden)`, as Equinox's do.

    **Arguments:**

    - `cell`: `eqx.nn.GRUCell`, `eqx.nn.LSTMCell` (state `(h, c)`), or one of that manner.

    **Returns:** an Equinox module, so that its weights travel as arguments of `jit`.
    """
    if not callable(cell):
        raise ValueError(f"from_equinox needs a callable cell, got {type(cell).__name__}")
    return _Swapped(cell)


class _Field(eqx.Module):
    field: Any
    dt: float = eqx.field(static=True)
    solver: Any
    substeps: int = eqx.field(static=True)

    def __call__(self, h: State, x: Input) -> State:
        import diffrax

        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(self.field),
            self.solver,
            t0=0.0,
            t1=self.dt,
            dt0=self.dt / self.substeps,
            y0=h,
            args=x,
            # the default adjoint has no forward mode, which jacfwd needs
            adjoint=diffrax.DirectAdjoint(),
            stepsize_controller=diffrax.ConstantStepSize(),
            saveat=diffrax.SaveAt(t1=True),
            max_steps=self.substeps,
        )
        return jax.tree.map(lambda leaf: leaf[0], solution.ys)


class _EulerField(eqx.Module):
    field: Any
    dt: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def __call__(self, h: State, x: Input) -> State:
        dt = self.dt / self.substeps
        for k in range(self.substeps):
            slope = self.field(k * dt, h, x)
            h = jax.tree.map(lambda a, s: a + jnp.asarray(dt, a.dtype) * s, h, slope)
        return h


def from_field(field: Any, dt: float, solver: Any = None, substeps: int = 1) -> Step:
    """A step from a diffrax vector field `dh/dt = field(t, h, x)`, the input held for `dt`.

    **Arguments:**

    - `field`: `(t, h, args) -> dh/dt` as `diffrax.ODETerm` takes it; `args` is the input,
        `t` runs from 0 within each step.
    - `dt`: the length of a step, in the field's unit of time.
    - `solver`: a diffrax solver with constant steps; `None` is explicit Euler.
    - `substeps`: solver steps a step.

    **Returns:** a step that both forward and reverse mode differentiate.
    """
    function("field", field)
    positive("dt", dt)
    at_least(1, substeps=substeps)
    if solver is None:
        return _EulerField(field, dt, substeps)
    return _Field(field, dt, solver, substeps)


class _Flat(eqx.Module):
    step: Step
    treedef: Any = eqx.field(static=True)
    shapes: tuple = eqx.field(static=True)

    def __call__(self, h: Float[Array, " N"], x: Input) -> Float[Array, " N"]:
        return _ravel(self.step(self.unflatten(h), x))

    def unflatten(self, h: Float[Array, " N"]) -> State:
        """The state whose entries, leaf by leaf, are `h`."""
        leaves, at = [], 0
        for shape in self.shapes:
            size = math.prod(shape)
            leaves.append(h[at : at + size].reshape(shape))
            at += size
        return self.treedef.unflatten(leaves)


def _ravel(h: State) -> Float[Array, " N"]:
    return jnp.concatenate([leaf.ravel() for leaf in jtu.tree_leaves(h)])


def flatten(step: Step, h0: State) -> tuple[Step, Float[Array, " N"]]:
    """A step on one vector in the place of a pytree: all of its entries, leaf by leaf.

    **Arguments:**

    - `step`: a step on any pytree.
    - `h0`: a state, for its structure.

    **Returns:** the flat step, whose `unflatten` gives the pytree back, and `h0` as `[N]`.
    """
    function("step", step)
    leaves, treedef = jtu.tree_flatten(state("h0", h0))
    if not leaves:
        raise ValueError("flatten needs a state of at least one array, got none")
    return _Flat(step, treedef, tuple(jnp.shape(leaf) for leaf in leaves)), _ravel(h0)
