"""How a step moves near its fixed points: eigenvalues and eigenvectors of the Jacobian.

    near = stability(step, x, points)
    near.unstable == 0                       # the stable ones
    near.right[0, :, 0], near.time_constants[0, 0]   # the slowest direction, and how slow
    stability_along(step, trajectory).unstable       # [T], the same at every step of a run

A state `h* + d` moves to `h* + J d` in a step, and by the modes of `J` ever after.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jaxtyping import Complex, Float, Int, PyTree
from scipy.linalg import eig

from ..core import Identity, Step, Trajectory
from ..core.checks import share
from ..core.trajectory import check_run
from ..linear.along import Intervention, each_step
from .jacobians import jacobians_at, local
from .problem import posed


class Stability(NamedTuple):
    """Modes of every point, by falling `|eigenvalue|`; arrays on the host.

    - `jacobian`: `[S, N, N]`, `[to, from]`; a state of several parts is one vector, leaf by leaf.
    - `input_jacobian`: `[S, N, I]`, `dF/dx`, `[to, from]`; an input of several parts is one
        vector too, without parts that are no floats.
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

    **Example:**

        >>> W = jnp.diag(jnp.array([0.5, 2.0]))
        >>> found = rj.stability(lambda h, x: W @ h, jnp.zeros(1), np.zeros((1, 2)))
        >>> found.eigenvalues.real, found.unstable, found.time_constants.round(2)  # in steps
        (array([[2. , 0.5]]), array([1]), array([[-1.44,  1.44]]))
    """

    jacobian: Float[np.ndarray, "S N N"]
    input_jacobian: Float[np.ndarray, "S N I"]
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

    **Example:**

        >>> step = lambda h, x: jnp.tanh(2 * h + x)
        >>> rj.stability(step, jnp.zeros(1), jnp.array([[0.0], [0.9575]])).unstable.tolist()
        [1, 0]
    """
    share("margin", margin)
    problem = posed("points", step, x, points, per_point)
    return modes(*jacobians_at(problem, memory), margin)


def stability_along(
    step: Step,
    trajectory: Trajectory,
    intervention: Intervention = Identity(),
    margin: float = 1e-6,
) -> Stability:
    """Modes of `J_t = d hs[t] / d hs[t-1]` at every step of a run, `S = T`.

    At a fixed point each is that of `stability`. Away from one they say how a small difference
    moves in this step alone, since each step turns the modes. In the run's precision; all
    Jacobians are held at once. `spectral_radii` is quicker where only the largest size is asked.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention.
    - `intervention`: what held during the run; a clamped unit's row of `J_t` is 0.
    - `margin`: as for `stability`.

    **Returns:** `Stability`, with `T` in the place of `S`.

    **Raises:** `ValueError` where `margin` leaves [0, 1], or the trajectory is invalid or traced.

    **Example:**

        >>> run = rj.run(network, x)
        >>> found = rj.dynamics.stability_along(network.step, run)
        >>> found.eigenvalues.shape  # [time, mode]
        (20, 6)
    """
    share("margin", margin)
    check_run(trajectory)
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((step, trajectory, intervention))):
        raise ValueError("stability_along runs on the host, not under jit, vmap or grad")
    by_state, by_input = (np.asarray(J, float) for J in _along(step, trajectory, intervention))
    return modes(by_state, by_input, margin)


@eqx.filter_jit
def _along(step: Step, trajectory: Trajectory, intervention: Intervention) -> Any:
    on, rows = each_step(step, trajectory, intervention)
    return jax.vmap(on(local))(rows)


def modes(
    jacobian: Float[np.ndarray, "S N N"], by_input: Float[np.ndarray, "S N I"], margin: float
) -> Stability:
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
        jacobian, by_input, values, right, left, condition, constants, np.angle(values),
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
