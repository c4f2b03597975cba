"""Spectral radii along a run, by restarted Krylov spaces: power iteration that forgets nothing.

    radius, residual = spectral_radii(step, trajectory)     # [T], [T]

Plain power iteration turns for ever where a complex pair leads. All its iterates together span
a Krylov space `V`, on which `J` is a small Hessenberg matrix `H = V^T J V`; its powers, squared
again and again, tell the radius (Gelfand: `rho = lim |H^k|^(1/k)`) and the leading vectors at
once, be they real, in pairs or repeated, without an eigenvalue routine, so on any device.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float

from ..core import Identity, Input, State, Step, Trajectory
from ..core.checks import at_least, positive
from .along import Intervention, in_batches

SQUARINGS = 40  # 2^40 steps: what a Jordan block adds, log(2^40) / 2^40, is below rounding


def spectral_radii(
    step: Step,
    trajectory: Trajectory,
    intervention: Intervention = Identity(),
    krylov: int = 32,
    restarts: int = 8,
    tolerance: float = 1e-4,
    batch_size: int = 64,
) -> tuple[Float[Array, " T"], Float[Array, " T"]]:
    """The spectral radius `max |eigenvalue|` of each Jacobian, and how well it is known.

    Exact to rounding where `krylov >= N`. Otherwise the space is built again from its leading
    vectors until the residual is below `tolerance`. The radius is that of some `J + E` with
    `|E|_2 / radius` about the residual: of a normal `J` the relative error is below it; else
    it grows with the eigenvalue's condition, and a block of k defective eigenvalues is known to
    `residual^(1/k)`. Eigenvalues that crowd at the edge, as of a large random matrix, converge
    slowly: look at the residual.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `intervention`: what held during the run.
    - `krylov`: products with `J` a space; memory is `[batch_size, krylov, N]`.
    - `restarts`: spaces built at most.
    - `tolerance`: residual at which to stop.
    - `batch_size`: steps taken side by side; all wait for the slowest.

    **Returns:** radii `[T]`, and residuals `[T]` relative to them. A state of several parts is
    one vector here.

    **Raises:** `ValueError` where a number is below 1, or `tolerance` is not above 0.

    Saad, Numerical Methods for Large Eigenvalue Problems (2011), section 6.

    **Example:**

        >>> halved = rj.rollout(lambda h, x: 0.5 * h, jnp.ones(6), jnp.zeros((3, 1)))
        >>> radii, residual = rj.linear.spectral_radii(lambda h, x: 0.5 * h, halved)
        >>> radii.round(3).tolist(), bool((residual < 1e-4).all())
        ([0.5, 0.5, 0.5], True)
    """

    at_least(1, krylov=krylov, restarts=restarts)
    positive("tolerance", tolerance)

    def one(step: Step, h: State, x: Input) -> tuple[Array, Array]:
        flat, back = ravel_pytree(h)
        push = jax.linearize(lambda h: ravel_pytree(step(back(h), x))[0], flat)[1]
        return _radius(push, flat, min(krylov, flat.size), restarts, tolerance)

    return in_batches(one, step, trajectory, intervention, batch_size)


def _radius(
    push: Callable, like: Array, size: int, restarts: int, tolerance: float
) -> tuple[Array, Array]:
    """Krylov spaces, each from the leading vectors of the one before, until they hold."""

    def unknown(found: tuple) -> Array:
        _, _, residual, count = found
        return (count < restarts) & (residual > tolerance)

    def again(found: tuple) -> tuple:
        start, _, _, count = found
        basis, hessenberg = _arnoldi(push, start, size)
        radius, power = _leading(hessenberg[:size])
        inside = _unit(power[:, 0])  # the start, as the highest power leaves it
        turned = hessenberg @ inside
        # what J takes out of the space, of a leading vector and of its partner in a pair
        leaks = jnp.abs(hessenberg[size, -1]) * jnp.maximum(
            jnp.abs(inside[-1]), jnp.abs(_unit(turned[:size])[-1])
        )
        residual = jnp.where(radius > 0, leaks / jnp.where(radius > 0, radius, 1), 0)
        return inside @ basis[:size], radius, residual, count + 1

    # no unit, and no group of them, is favoured by these
    start = jnp.cos(jnp.arange(1, like.size + 1, dtype=like.dtype) ** 2)
    nothing = jnp.zeros((), like.dtype)
    _, radius, residual, _ = lax.while_loop(unknown, again, (start, nothing, nothing + jnp.inf, 0))
    return radius, residual


def _arnoldi(push: Callable, start: Array, size: int) -> tuple[Array, Array]:
    """`J V = V H` but for the last row: orthonormal `V [size + 1, N]`, `H [size + 1, size]`."""
    rounding = 10 * jnp.finfo(start.dtype).eps

    def extend(k: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        basis, hessenberg = found
        pushed = push(basis[k])
        first = basis @ pushed
        rest = pushed - first @ basis
        second = basis @ rest  # once leaves what rounding lost to cancellation; twice is enough
        rest = rest - second @ basis
        length = jnp.linalg.norm(rest)
        length = jnp.where(length > rounding * jnp.linalg.norm(pushed), length, 0)
        column = (first + second).at[k + 1].set(length)
        following = jnp.where(length > 0, _unit(rest), 0)
        return basis.at[k + 1].set(following), hessenberg.at[:, k].set(column)

    basis = jnp.zeros((size + 1, start.size), start.dtype).at[0].set(_unit(start))
    blank = jnp.zeros((size + 1, size), start.dtype)
    return lax.fori_loop(0, size, extend, (basis, blank))


def _leading(matrix: Float[Array, "M M"]) -> tuple[Array, Float[Array, "M M"]]:
    """The spectral radius, and a high power scaled to norm 1: the leading vectors are its span."""

    def square(k: Array, found: tuple[Array, Array]) -> tuple[Array, Array]:
        power, log = found
        power, size = _scaled(power @ power)
        return power, log + jnp.log(size) / 2.0 ** (k + 1)

    power, size = _scaled(matrix)
    power, log = lax.fori_loop(0, SQUARINGS, square, (power, jnp.log(size)))
    return jnp.exp(log), power


def _scaled(matrix: Array) -> tuple[Array, Array]:
    """A matrix over its norm, and the norm."""
    size = jnp.linalg.norm(matrix)
    return matrix / jnp.where(size > 0, size, 1), size


def _unit(vector: Array) -> Array:
    return _scaled(vector)[0]
