"""Newton and Levenberg-Marquardt for `F(h) = h`, a lane for each start.

    point, residual = refine(step, x, start)             # one start, pure: vmap, jit, grad of F
    lanes = advance(step, x, lanes, 1e-24, "damped", False)     # many, ten iterations of each

With `r = F(h) - h`, `q = |r|^2 / 2` and `A = J - 1` a damped move solves
`(A^T A + mu |r| 1) move = -A^T r`. The damping `mu` is each lane's own, so that a hard start does
not hold the others back; that it is scaled by `|r|` keeps convergence quadratic where fixed points
are not isolated, as on a line attractor. `curved` adds `sum_k r_k d^2 F_k`: Newton's method on
`q`, which also converges where `r` is not 0. `newton` moves by `-A^-1 r`, or a part of it.

Where `r` is not 0, rounding hides what the last moves do to `q`; there `curved` goes by the
gradient of `q`.

Fan and Yuan, Computing 74 (2005); Madsen, Nielsen and Tingleff, Methods for Non-Linear Least
Squares Problems (2004), section 3.2, for how the damping grows; Deuflhard, Newton Methods for
Nonlinear Problems (2004), section 3.3.
"""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.linalg as jsl
from jax import lax
from jaxtyping import Array, Bool, Float

from ..core import Input, State, Step, flatten
from ..core.checks import at_least

Mode = Literal["damped", "newton", "curved"]
"""Levenberg-Marquardt; Newton's method for `r = 0`; Newton's method on `q`."""

CHUNK = 10
"""Iterations between which finished lanes leave."""

ROUNDINGS = 8
"""Roundings of a state by which `q` may rise, where its gradient falls."""


class Lane(NamedTuple):
    """How far a start is.

    - `h`: `[N]`, where it is; here and below one more axis leads where lanes are many.
    - `q`: the residual there.
    - `damping`: `mu`, for `newton` the reciprocal of the part moved; `growth`: by how much it
        grows where a move is refused.
    - `slope`: `|A^T r| (1 + |h|) / q` before the last move: the share of `q` that its gradient
        makes of a move as long as the state; 0 at a stationary point.
    - `count`: iterations; `reached`: how many it took to come below the goal.
    """

    h: Any
    q: Any
    damping: Any
    growth: Any
    slope: Any
    count: Any
    reached: Any


def refine(
    step: Step, x: Input, start: State, iterations: int = 50
) -> tuple[State, Float[Array, ""]]:
    """One start after a number of Levenberg-Marquardt iterations: pure, in the precision it has.

    It runs under `jit` and `vmap`, so over seeds or checkpoints; `fixed_points` is the whole
    method, with verdicts, for many starts of one network.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held.
    - `start`: a state.
    - `iterations`: as many are made, no fewer.

    **Returns:** the state, and its residual `q = |F(h) - h|^2 / 2`.

    **Raises:** `ValueError` where `iterations` is below 1.

    **Example:**

        >>> cosine = lambda h, x: jnp.cos(h)
        >>> point, residual = rj.dynamics.refine(cosine, jnp.zeros(1), jnp.ones(1))
        >>> bool(jnp.allclose(jnp.cos(point), point)), bool(residual < 1e-10)
        (True, True)
    """
    at_least(1, iterations=iterations)
    flat, h = flatten(step, start)
    lane, _ = lax.scan(
        lambda lane, _: (_iterate(flat, x, lane, 0.0, False), None),
        _first(flat, x, h),
        None,
        iterations,
    )
    return flat.unflatten(lane.h), lane.q  # pyright: ignore[reportFunctionMemberAccess]


@eqx.filter_jit
def begin(step: Step, x: Input, hs: Float[Array, "S N"], per_point: bool) -> Lane:
    """A lane for each start. `step` is flat; `x` leads with `S` where inputs are `per_point`."""
    return jax.vmap(_first, (None, 0 if per_point else None, 0))(step, x, hs)


@eqx.filter_jit
def advance(step: Step, x: Input, lanes: Lane, goal: float, mode: Mode, per_point: bool) -> Lane:
    """`CHUNK` iterations of every lane; a start already below the goal goes on, to be exact."""

    def one(x: Input, lane: Lane) -> Lane:
        iterate = {
            "damped": lambda lane: _iterate(step, x, lane, goal, False),
            "newton": lambda lane: _newton(step, x, lane, goal),
            "curved": lambda lane: _iterate(step, x, lane, goal, True),
        }[mode]
        again = lambda lane, _: (iterate(lane), None)
        return lax.scan(again, lane, None, CHUNK)[0]

    return jax.vmap(one, (0 if per_point else None, 0))(x, lanes)


@eqx.filter_jit
def carried(
    step: Step, x: Input, hs: Float[Array, "S N"], steps: int, per_point: bool
) -> Float[Array, "S N"]:
    """Where the step itself brings each state in a number of steps."""

    def one(x: Input, h: Array) -> Array:
        return lax.fori_loop(0, steps, lambda _, h: step(h, x), h)

    return jax.vmap(one, (0 if per_point else None, 0))(x, hs)


@eqx.filter_jit
def falls(
    step: Step, x: Input, hs: Float[Array, "S N"], per_point: bool
) -> tuple[Float[Array, " S"], Float[Array, "S N"]]:
    """The lowest curvature of `q` at states, over the largest there; and its direction."""

    def one(x: Input, h: Array) -> tuple[Array, Array]:
        values, vectors = jnp.linalg.eigh(jax.hessian(lambda h: _energy(step(h, x) - h))(h))
        most = jnp.abs(values).max()
        return values[0] / jnp.where(most > 0, most, 1), vectors[:, 0]

    return jax.vmap(one, (0 if per_point else None, 0))(x, hs)


def _first(step: Step, x: Input, h: Float[Array, " N"]) -> Lane:
    one, none = jnp.ones((), h.dtype), jnp.zeros((), jnp.int32)
    return Lane(h, _energy(step(h, x) - h), one, 2 * one, one, none, none - 1)


def _energy(r: Float[Array, " N"]) -> Float[Array, ""]:
    return 0.5 * (r @ r)


def _iterate(step: Step, x: Input, lane: Lane, goal: float, curved: bool) -> Lane:
    """One move, taken where it lowers `q`."""
    h = lane.h
    r, J = _local(step, x, h)
    size, unit = jnp.linalg.norm(r), jnp.eye(h.size, dtype=h.dtype)
    A = J - unit
    gradient, matrix = A.T @ r, A.T @ A
    if curved:
        matrix = matrix + jax.hessian(lambda h: lax.stop_gradient(r) @ step(h, x))(h)
    damped = matrix + lane.damping * size * unit
    move = -jsl.cho_solve(jsl.cho_factor(damped), gradient)
    q, fallen = _gained(step, x, h, move, gradient, lane.q, curved)
    expected = -(gradient @ move + 0.5 * (move @ (matrix @ move)))
    # NaN compares as false: a move to where the step is not finite is refused
    taken = (q < lane.q) | fallen
    q = jnp.where(taken, q, lane.q)
    rise = jnp.linalg.norm(gradient) * (1 + jnp.linalg.norm(h))
    slope = rise / jnp.where(lane.q > 0, lane.q, 1)
    count = lane.count + 1
    return Lane(
        jnp.where(taken, h + move, h), q, *_damping(lane, taken, lane.q - q > 0.5 * expected),
        slope, count, jnp.where((lane.reached < 0) & (q <= goal), count, lane.reached),
    )  # fmt: skip


def _gained(
    step: Step, x: Input, h: Array, move: Array, gradient: Array, before: Array, curved: bool
) -> tuple[Float[Array, ""], Bool[Array, ""]]:
    """`q` after a move; and whether its gradient halves while rounding hides what `q` does."""
    if not curved:
        return _energy(step(h + move, x) - (h + move)), jnp.zeros((), bool)
    left, pull = jax.vjp(lambda h: step(h, x) - h, h + move)
    q, after = _energy(left), jnp.linalg.norm(pull(left)[0])
    rounding = ROUNDINGS * jnp.finfo(h.dtype).eps * jnp.linalg.norm(left) * jnp.linalg.norm(h)
    return q, (q <= before + rounding) & (after < 0.5 * jnp.linalg.norm(gradient))


def _newton(step: Step, x: Input, lane: Lane, goal: float) -> Lane:
    """One move of Newton's method, taken where the next, by the same Jacobian, is shorter.

    That test asks nothing of the scale of `r`, unit by unit: a gate that is nearly shut makes `r`
    small far from any fixed point, and `q` says little there (Deuflhard's natural test).

    Nor is a move taken where `A` is singular up to rounding, as on a line of fixed points:
    rounding would say how far it goes along the line.
    """
    r, J = _local(step, x, lane.h)
    factors = jsl.lu_factor(J - jnp.eye(r.size, dtype=r.dtype))
    pivots = jnp.abs(jnp.diagonal(factors[0]))
    firm = pivots.min() > jnp.finfo(r.dtype).eps ** 0.75 * pivots.max()
    move, share = -jsl.lu_solve(factors, r), 1 / lane.damping
    h = lane.h + share * move
    left = step(h, x) - h
    after = jnp.linalg.norm(jsl.lu_solve(factors, left))
    taken = (after <= (1 - share / 4) * jnp.linalg.norm(move)) | (_energy(left) <= goal)
    taken = taken & firm & jnp.isfinite(h).all()
    q, count = jnp.where(taken, _energy(left), lane.q), lane.count + 1
    return lane._replace(
        h=jnp.where(taken, h, lane.h), q=q, count=count,
        damping=jnp.where(taken, jnp.maximum(lane.damping / 2, 1), 2 * lane.damping),
        reached=jnp.where((lane.reached < 0) & (q <= goal), count, lane.reached),
    )  # fmt: skip


def _local(
    step: Step, x: Input, h: Float[Array, " N"]
) -> tuple[Float[Array, " N"], Float[Array, "N N"]]:
    """`F(h) - h`, and the Jacobian `J` `[to, from]`."""

    def twice(h: Array) -> tuple[Array, Array]:
        moved = step(h, x)
        return moved, moved

    J, moved = jax.jacfwd(twice, has_aux=True)(h)
    return moved - h, J


def _damping(
    lane: Lane, taken: Bool[Array, ""], well: Bool[Array, ""]
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Less where a move did what was expected of it, ever more where moves are refused."""
    damping, growth = lane.damping, lane.growth
    least = jnp.finfo(damping.dtype).eps
    eased = jnp.where(well, jnp.maximum(damping / 8, least), damping)
    return (
        jnp.where(taken, eased, damping * growth),
        jnp.where(taken, jnp.full_like(growth, 2), 2 * growth),
    )
