"""How noise moves a state: which channel of noise moves which unit, and how far.

    near = noise_gain(step, x, points)             # at points: stationary, to first order
    near.gain[0], near.variance[0]                 # [N, I], [N]
    along = noise_gain_along(step, trajectory)     # [T, N, I]: of the last state, step by step
    along[-5:].sum(0)                              # what the noise of the last five steps does

Noise is an input of a step, of variance 1, fresh at each step. With `J = dF/dh` and `B = dF/dx` a
deviation moves by `d_t = J d_{t-1} + B n_t`. All is first order in the noise: for how far that
holds, compare with the variance of a run. Every array is `[to, from]`.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, PyTree

from ..core import Identity, Step, Trajectory
from ..core.checks import one_of
from ..linear.along import Intervention, each_step
from .jacobians import jacobians_at, local
from .problem import posed

Into = Literal["input", "state"]
"""Where noise enters: through the step's input, or added to the state after the step."""

WAYS = ("input", "state")
DOUBLINGS = 64
"""At most so often is the sum over time doubled."""


class NoiseGain(NamedTuple):
    """Stationary noise near points; arrays on the host.

    - `gain`: `[S, N, I]`, `[to, from]`: the variance of each unit that each channel makes,
        `sum_k (J^k B)_ij^2`. Over channels it sums to the unit's variance.
    - `covariance`: `[S, N, N]`, P with `P = J P J^T + B B^T`.
    - `settles`: `[S]`, whether the spectral radius of J is below 1. Where it is not there is no
        stationary noise, and both are NaN.

    **Example:**

        >>> step = lambda h, x: 0.5 * h + x.sum()
        >>> found = rj.dynamics.noise_gain(step, jnp.zeros(2), np.zeros((1, 1)))
        >>> found.gain.round(3), found.variance.round(3)  # two channels, and their sum
        (array([[[1.333, 1.333]]]), array([[2.667]]))
    """

    gain: Float[np.ndarray, "S N I"]
    covariance: Float[np.ndarray, "S N N"]
    settles: Bool[np.ndarray, " S"]

    @property
    def variance(self) -> Float[np.ndarray, "S N"]:
        """`[S, N]`, the variance of each unit."""
        return np.diagonal(self.covariance, axis1=1, axis2=2)


def noise_gain(
    step: Step,
    x: PyTree,
    points: PyTree,
    into: Into = "input",
    per_point: bool = False,
    memory: int | str | None = None,
) -> NoiseGain:
    """Stationary covariance of the linearised step, and each noise channel's share in it.

    `P = J P J^T + B B^T` by doubling: with `A_0 = J`, `P <- P + A P A^T`, `A <- A A`, which
    converges quadratically. It says what noise does near a fixed point; at another point it is
    what the local linearisation would do if it stayed.

    In float64 as `fixed_points`; Jacobians on the device, the rest on the host, `O(I N^3)`. Not
    under `jit` or `vmap`.

    **Arguments:**

    - `step`: `(h, x) -> h`. Where only a part of the input is noise, fix the rest:
        `lambda h, noise: step(h, (stimulus, noise))`.
    - `x`: the input at which to linearise, for noise of mean 0 zeros; `[S, ...]` with
        `per_point`.
    - `points`: a tree of `[S, ...]`.
    - `into`: "input": each entry of `x` that is a float is a channel; "state": each unit is one,
        `B = 1`.
    - `per_point`: whether `x` leads with `S`.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many points run at once.

    **Returns:** `NoiseGain`. A state or input of several parts is one vector, leaf by leaf.

    **Raises:** `ValueError` as `fixed_points`, or where `into` is not one of its two words.

    Smith, SIAM J. Appl. Math. 16 (1968), for doubling.

    **Example:**

        >>> step = lambda h, x: 0.5 * h + x
        >>> found = rj.dynamics.noise_gain(step, jnp.zeros(1), np.zeros((1, 1)))
        >>> round(found.gain.item(), 4)  # 1 + 1/4 + 1/16 + ...
        1.3333
    """
    one_of("into", into, WAYS)
    problem = posed("points", step, x, points, per_point)
    by_state, by_input = jacobians_at(problem, memory, into == "input")
    if into == "state":
        by_input = np.broadcast_to(np.eye(by_state.shape[1]), by_state.shape)
    found = [_stationary(J, B) for J, B in zip(by_state, by_input)]
    gain, covariance, settles = (np.stack(part) for part in zip(*found))
    return NoiseGain(gain, covariance, settles)


def noise_gain_along(
    step: Step,
    trajectory: Trajectory,
    intervention: Intervention = Identity(),
    into: Into = "input",
) -> Float[Array, "T N I"]:
    """How the noise of each step moves the last state: `(d h_last[i] / d noise_s[j])^2`.

    Summed over s it is the variance of the last state that a channel makes from the first step on,
    over a window that of the window's noise. By one product a step, backwards, `O(T N^3)`. It is
    pure: `jit`, `vmap` over trials.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run, under the same intervention; cut it where the state of
        interest is its last.
    - `intervention`: what held during it.
    - `into`: "input": each entry of `x` that is a float is a channel; "state": each unit is one,
        its noise added after the step.

    **Returns:** `[T, N, I]`, `[to, from]` at each step.

    **Raises:** `ValueError` where it is no run of one trial, or `into` is not one of its two
    words.

    **Example:**

        >>> run = rj.rollout(lambda h, x: 0.5 * h + x, jnp.zeros(1), jnp.zeros((3, 1)))
        >>> rj.dynamics.noise_gain_along(lambda h, x: 0.5 * h + x, run).ravel().tolist()
        [0.0625, 0.25, 1.0]
    """
    one_of("into", into, WAYS)
    on, rows = each_step(step, trajectory, intervention)
    J, B = jax.vmap(on(lambda step, h, x: local(step, h, x, into == "input")))(rows)
    unit = jnp.eye(J.shape[-1], dtype=J.dtype)
    maps = J, (B if into == "input" else jnp.broadcast_to(unit, J.shape))

    def back(after: Array, row: tuple[Array, Array]) -> tuple[Array, Array]:
        J, B = row
        return after @ J, (after @ B) ** 2

    return lax.scan(back, unit, maps, reverse=True)[1]


def _stationary(
    J: Float[np.ndarray, "N N"], B: Float[np.ndarray, "N I"]
) -> tuple[np.ndarray, np.ndarray, bool]:
    """Gains, covariance, and whether there are any."""
    known = np.isfinite(J).all() and np.isfinite(B).all()
    if not known or np.abs(np.linalg.eigvals(J)).max() >= 1:
        return np.full(B.shape, np.nan), np.full(J.shape, np.nan), False
    powers = _powers(J)
    return _gains(J, B, powers), _summed(B @ B.T, powers), True


def _gains(
    J: Float[np.ndarray, "N N"], B: Float[np.ndarray, "N I"], powers: list[np.ndarray]
) -> Float[np.ndarray, "N I"]:
    """`sum_k (J^k B)^2`, entry by entry."""
    terms = 2 ** len(powers)
    if terms > 2 * len(J) * len(powers):
        # slow modes: a covariance for each channel costs less than so many terms
        gains = [np.diag(_summed(np.outer(b, b), powers)) for b in B.T]
        return np.stack(gains, 1) if gains else np.zeros(B.shape)
    total = B**2
    for _ in range(terms - 1):
        B = J @ B
        total = total + B**2
    return total


def _powers(J: Float[np.ndarray, "N N"]) -> list[np.ndarray]:
    """`J, J^2, J^4, ...` until nothing is left."""
    powers = [J]
    while np.abs(powers[-1]).max() > 1e-20 and len(powers) < DOUBLINGS:
        powers.append(powers[-1] @ powers[-1])
    return powers


def _summed(first: Float[np.ndarray, "N N"], powers: list[np.ndarray]) -> Float[np.ndarray, "N N"]:
    """`sum_k J^k first (J^k)^T`, twice as many terms for each power."""
    for A in powers:
        first = first + A @ first @ A.T
    return first
