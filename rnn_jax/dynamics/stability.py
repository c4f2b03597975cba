"""How a step moves near its fixed points: eigenvalues and eigenvectors of the Jacobian.

    near = stability(step, x, points)
    near.unstable == 0                       # the stable ones
    near.right[0, :, 0], near.time_constants[0, 0]   # the slowest direction, and how slow

A state `h* + d` moves to `h* + J d` in a step, and by the modes of `J` ever after.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, Int, PyTree
from scipy.linalg import eig

from ..core import Step
from ..core.checks import share
from .problem import posed


class Stability(NamedTuple):
    """Modes of every point, by falling `|eigenvalue|`; arrays on the host.

    - `jacobian`: `[S, N, N]`, `[to, from]`; a state of several parts is one vector, leaf by leaf.
    - `eigenvalues`: `[S, N]`.
    - `right`: `[S, N, N]`, column k the direction of mode k, of length 1.
    - `left`: `[S, N, N]`, column k what sets mode k going: `left_k^H J = eigenvalue_k left_k^H`,
        of length 1.
    - `condition`: `[S, N]`, `1 / |left_k^H right_k|`: how far an eigenvalue moves by a change of
        `J` of size 1. Infinite for a defective one.
    - `time_constants`: `[S, N]` in steps, `-1 / log|eigenvalue|`; negative where a mode grows, 0
        where it is gone at once, infinite where it stays.
    - `rotation`: `[S, N]` in radians a step, in (-pi, pi].
    - `unstable`, `neutral`: `[S]`, how many modes grow, and how many do neither.
    """

    jacobian: Float[np.ndarray, "S N N"]
    eigenvalues: Complex[np.ndarray, "S N"]
    right: Complex[np.ndarray, "S N N"]
    left: Complex[np.ndarray, "S N N"]
    condition: Float[np.ndarray, "S N"]
    time_constants: Float[np.ndarray, "S N"]
    rotation: Float[np.ndarray, "S N"]
    unstable: Int[np.ndarray, " S"]
    neutral: Int[np.ndarray, " S"]


def stability(
    step: Step,
    x: PyTree,
    points: PyTree,
    per_point: bool = False,
    margin: float = 1e-6,
    memory: int | str | None = None,
) -> Stability:
    """Eigenvalues and eigenvectors of `J = dF/dh` at each point, in float64 as `fixed_points`.

    Jacobians are computed on the device, their eigenvalues by LAPACK on the host: no accelerator
    has a routine for matrices that are not symmetric. Not under `jit` or `vmap`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input; `[S, ...]` one for each point with `per_point`.
    - `points`: a tree of `[S, ...]`.
    - `per_point`: whether `x` leads with `S`.
    - `margin`: a mode is neutral where `|eigenvalue|` is this near to 1, else it grows or decays.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many points run at once.

    **Returns:** `Stability`. A point whose Jacobian is not finite has NaN, and -1 modes.

    **Raises:** `ValueError` as `fixed_points`, or where `margin` leaves [0, 1].
    """
    share("margin", margin)
    problem = posed("points", step, x, points, per_point)
    size, S = problem.at_once(memory, 4), len(problem.rows)
    parts = []
    with problem.precision():
        for begin in range(0, S, size):
            now = np.arange(begin, min(begin + size, S))
            x = jax.tree.map(jnp.asarray, problem.inputs(now))
            hs = jnp.asarray(problem.rows[now])
            parts.append(np.asarray(_local(problem.flat, x, hs, per_point)))
    return modes(np.concatenate(parts).astype(float), margin)


@eqx.filter_jit
def _local(step: Step, x: PyTree, hs: Any, per_point: bool) -> Any:
    J = lambda h, x: jax.jacfwd(lambda h: step(h, x))(h)
    return jax.vmap(J, (0, 0 if per_point else None))(hs, x)


def modes(jacobian: Float[np.ndarray, "S N N"], margin: float) -> Stability:
    """`Stability` of Jacobians."""
    found = [_decomposed(J) for J in jacobian]
    values, right, left, condition = (np.stack(part) for part in zip(*found))
    size = np.abs(values)
    with np.errstate(divide="ignore"):
        logs = np.log(size)
        constants = np.where(logs == 0, np.inf, -1 / logs)
    known = np.isfinite(size).all(1)
    count = lambda which: np.where(known, which.sum(1), -1)
    return Stability(
        jacobian, values, right, left, condition, constants, np.angle(values),
        count(size > 1 + margin), count(np.abs(size - 1) <= margin),
    )  # fmt: skip


def _decomposed(J: Float[np.ndarray, "N N"]) -> tuple[np.ndarray, ...]:
    """Eigenvalues, right and left vectors and conditions, by falling size."""
    if not np.isfinite(J).all():
        none = np.full(J.shape, complex(np.nan))
        return none[0], none, none, none[0].real
    values, left, right = eig(J, left=True, right=True)  # pyright: ignore[reportAssignmentType]
    # a pair has one size up to rounding: the one that turns forwards comes first
    order = np.lexsort((-values.imag, -values.real, -np.round(np.abs(values), 12)))
    values, left, right = values[order], left[:, order], right[:, order]
    with np.errstate(divide="ignore"):
        condition = 1 / np.abs((left.conj() * right).sum(0))
    return values.astype(complex), right.astype(complex), left.astype(complex), condition
