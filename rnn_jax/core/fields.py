"""Steps out of vector fields: continuous time, cut into steps.

    step = from_field(lambda t, h, x: -h + jnp.tanh(W @ h + x), dt=0.1)
    step = from_field(field, dt=0.1, solver=diffrax.Tsit5())
    step = from_field(field, 0.1, diffrax.Kvaerno5(), 64, diffrax.PIDController(1e-8, 1e-8))

What comes back is an Equinox module that holds the field, so that its weights travel as arguments
of `jit`. Everything that takes a step takes it.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from .checks import at_least, described, function, positive
from .types import Input, State, Step

Tableau = tuple[tuple[tuple[float, ...], ...], tuple[float, ...], tuple[float, ...]]
"""Of an explicit Runge-Kutta method: the rows of `a` below its diagonal, `b`, and `c`."""

EULER: Tableau = (((),), (1.0,), (0.0,))


class _Explicit(eqx.Module):
    """Constant steps of an explicit Runge-Kutta method, its stages written out.

    Diffrax runs the stages in a loop, which costs ten times the work of a small network, and for
    which forward mode needs an adjoint of its own.
    """

    field: Any
    dt: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    tableau: Tableau = eqx.field(static=True)

    def __call__(self, h: State, x: Input) -> State:
        if self.substeps == 1:
            return self._once(0.0, h, x)
        times = _like(h, np.arange(self.substeps) * (self.dt / self.substeps))
        return lax.scan(lambda h, t: (self._once(t, h, x), None), h, times)[0]

    def _once(self, t: Any, h: State, x: Input) -> State:
        dt = self.dt / self.substeps
        rows, weights, nodes = self.tableau
        slopes: list[State] = []
        for row, node in zip(rows, nodes, strict=True):
            slopes.append(self.field(t + node * dt, _moved(h, row, slopes, dt), x))
        return _moved(h, weights, slopes, dt)


def _like(h: State, times: Any) -> Array:
    """Times in the precision of the state: double ones would raise the state's."""
    return jnp.asarray(times, jnp.result_type(*jax.tree.leaves(h)))


def _moved(h: State, weights: tuple[float, ...], slopes: list[State], dt: float) -> State:
    """`h + dt sum_j weights[j] slopes[j]`."""
    for weight, slope in zip(weights, slopes, strict=True):
        if weight:
            h = jax.tree.map(lambda leaf, s, w=weight: leaf + (dt * w) * s, h, slope)
    return h


class _Watched(eqx.Module):
    """A field with one tangent beside the state: `d(h, v)/dt = (f, Df v)`."""

    field: Any

    def __call__(self, t: Any, hv: tuple[State, State], x: Input) -> tuple[State, State]:
        return jax.jvp(lambda h: self.field(t, h, x), hv[:1], hv[1:])


def _any_direction(h: State) -> State:
    """A tangent that no symmetry of a network singles out, the same at every call."""
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda leaf: jnp.asarray(draw(size=leaf.shape), leaf.dtype), h)


class _Solved(eqx.Module):
    """A step that diffrax takes: adaptive or implicit.

    A controller that looked at the state alone would take the whole step at once at a fixed point,
    where the state has no error; the step's Jacobian there, which stability asks for, would be far
    off. So it looks at a tangent too, unless the field has tangents of its own.

    A solver that does not come to the end gives NaN: an error would end all lanes of a batch for
    one of them.
    """

    field: Any
    dt: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)
    solver: Any
    controller: Any
    watched: bool = eqx.field(static=True, default=True)

    def __call__(self, h: State, x: Input) -> State:
        import diffrax

        constant = self.controller is None
        watched = self.watched and not constant
        field, start = self.field, h
        if watched:
            field, start = _Watched(field), (h, _any_direction(h))
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field),
            self.solver,
            t0=_like(h, 0.0),
            t1=_like(h, self.dt),
            # a choice that does not depend on the state: the whole step is tried first
            dt0=_like(h, self.dt / self.substeps if constant else self.dt),
            y0=start,
            args=x,
            # the default adjoint has no forward mode, which jacfwd needs
            adjoint=diffrax.DirectAdjoint(),
            stepsize_controller=diffrax.ConstantStepSize() if constant else self.controller,
            saveat=diffrax.SaveAt(t1=True),
            max_steps=self.substeps,
            throw=False,
        )
        arrived = solution.result == diffrax.RESULTS.successful
        # a factor, so that the Jacobian is NaN too
        end = jax.tree.map(
            lambda leaf: leaf[0] * jnp.where(arrived, 1, jnp.nan).astype(leaf.dtype), solution.ys
        )
        return end[0] if watched else end


def from_field(
    field: Any, dt: float, solver: Any = None, substeps: int = 1, controller: Any = None
) -> Step:
    """A step from a vector field `dh/dt = field(t, h, x)`, the input held for `dt`.

    With constant steps the Jacobian of the step is that of the numbers it computes, and to the
    solver's order that of the flow. With a `controller` it is the Jacobian for the substeps that
    were chosen, whose choice is not differentiated. They are chosen by the error of the state and
    of one tangent, at about twice the cost of the state alone, so that the Jacobian is that of the
    flow up to the tolerance, near a fixed point too.

    **Arguments:**

    - `field`: `(t, h, x) -> dh/dt` as `diffrax.ODETerm` takes it; `t` runs from 0 within each
        step.
    - `dt`: the length of a step, in the field's unit of time.
    - `solver`: a diffrax solver of one field; `None` is explicit Euler. An implicit one needs a
        controller, or a root finder with tolerances.
    - `substeps`: solver steps in a step; with a `controller`, at most so many, those that it
        rejects included.
    - `controller`: a diffrax step-size controller; `None` is constant steps.

    **Returns:** a step that both forward and reverse mode differentiate. Its state and Jacobian
    are NaN where the solver fails: where it needs more than `substeps`, or an implicit stage is
    not solved.

    **Raises:** `ValueError` where an argument is of another kind, the solver takes several fields
    or lacks an error estimate or tolerances that are needed.

    Kidger, "On Neural Differential Equations" (2021), for diffrax.

    **Example:**

        >>> decay = lambda t, h, x: x - h
        >>> step = rj.from_field(decay, 0.1)
        >>> round(float(step(jnp.ones(1), jnp.zeros(1))[0]), 6)
        0.9
    """
    function("field", field)
    dt = positive("dt", dt)
    at_least(1 if controller is None else 2, substeps=substeps)
    if solver is None and controller is None:
        return _Explicit(field, dt, substeps, EULER)
    import diffrax

    _check_solver(solver, controller)
    if isinstance(solver, diffrax.Euler):
        return _Explicit(field, dt, substeps, EULER)
    if controller is None and isinstance(solver, diffrax.AbstractERK):
        return _Explicit(field, dt, substeps, _tableau(solver.tableau))
    return _Solved(field, dt, substeps, solver, controller)


def unwatched(step: Step) -> Step:
    """A step of `from_field` whose controller looks at the field's state and at nothing else."""
    return dataclasses.replace(step, watched=False) if isinstance(step, _Solved) else step


def _check_solver(solver: Any, controller: Any) -> None:
    """**Raises:** `ValueError` where diffrax would refuse the two later, in many lines."""
    import diffrax

    name = type(solver).__name__
    if controller is not None and not isinstance(controller, diffrax.AbstractStepSizeController):
        raise ValueError(
            f"controller must be a diffrax step-size controller, got {described(controller)}"
        )
    if controller is not None and not isinstance(solver, diffrax.AbstractAdaptiveSolver):
        raise ValueError(
            f"solver must estimate its error where there is a controller, got {described(solver)}"
        )
    if not isinstance(solver, diffrax.AbstractSolver):
        raise ValueError(
            f"solver must be a diffrax solver, as diffrax.Tsit5() is, got {described(solver)}"
        )
    if solver.term_structure is not diffrax.AbstractTerm:
        raise ValueError(f"solver must take one field, {name} takes several or needs noise")
    finder = getattr(solver, "root_finder", None)
    if controller is None and not isinstance(getattr(finder, "rtol", 0.0), float | int | Array):
        raise ValueError(
            f"solver {name} is implicit: it needs a controller, as diffrax.PIDController(rtol, "
            "atol), or a root_finder with tolerances"
        )


def _tableau(of: Any) -> Tableau:
    """The stages that reach the solution: of a method whose last one is a new step's first, not
    the last."""
    numbers = lambda row: tuple(float(value) for value in row)
    weights = numbers(of.b_sol)
    rows: Sequence[tuple[float, ...]] = [(), *map(numbers, of.a_lower)]
    nodes = (float(of.c1), *numbers(of.c))
    used = max(k for k, weight in enumerate(weights) if weight) + 1
    return tuple(rows[:used]), weights[:used], nodes[:used]
