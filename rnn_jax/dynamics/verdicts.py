"""What became of a start, judged by the residual of where it ended.

    found.verdict == Verdict.CONVERGED
    VERDICTS[found.verdict[0]]              # "converged"

What a solver says of itself is not asked.
"""

from enum import IntEnum

import numpy as np
from jaxtyping import Float, Int

ROUNDINGS = 16
"""Roundings of the state that a residual may be made of."""


class Verdict(IntEnum):
    """What became of a start.

    - `CONVERGED`: a fixed point, its residual within the tolerance in float64.
    - `ROUNDED`: the residual is no more than rounding in the precision that the step allows, but
        that precision does not reach the tolerance, or is not float64.
    - `SLOW`: a stationary point of the residual that is not a fixed point: its speed is
        `sqrt(2 q)` a step.
    - `UNFINISHED`: none of these within the iterations.
    - `DIVERGED`: the step is not finite there, or the state is beyond all scale of the starts.
    - `LEFT`: it ended outside the box.

    **Example:**

        >>> found = rj.fixed_points(lambda h, x: h + 1.0, jnp.zeros(1), jnp.ones((1, 1)))
        >>> rj.dynamics.Verdict(found.verdict[0]).name  # it moves by 1 a step, wherever it is
        'SLOW'
    """

    CONVERGED = 0
    ROUNDED = 1
    SLOW = 2
    UNFINISHED = 3
    DIVERGED = 4
    LEFT = 5


VERDICTS = (
    "converged", "converged to rounding", "slow", "unfinished", "diverged", "left the box",
)  # fmt: skip
"""The names of the verdicts, by their codes."""


def judged(
    h: Float[np.ndarray, "S N"],
    moved: Float[np.ndarray, "S N"],
    slope: Float[np.ndarray, " S"],
    tolerance: float,
    far: float,
    outside: np.ndarray,
    precise: bool,
) -> tuple[Int[np.ndarray, " S"], Float[np.ndarray, " S"]]:
    """Verdict and `q = |F(h) - h|^2 / 2` of every state.

    **Arguments:**

    - `h`, `moved`: states, and what the step makes of them.
    - `slope`: `|A^T r| (1 + |h|) / q`, 0 at a stationary point of `q`.
    - `tolerance`: of `q`.
    - `far`: a state beyond it has diverged.
    - `outside`: which states lie outside the box.
    - `precise`: whether the step was computed in float64.
    """
    eps = float(np.finfo(moved.dtype).eps)
    h, moved = h.astype(float), moved.astype(float)
    with np.errstate(invalid="ignore", over="ignore"):
        q = 0.5 * ((moved - h) ** 2).sum(1)
        rounding = rounding_of(h, moved, eps)
        lost = ~np.isfinite(q) | (np.abs(h).max(1) > far)
        cases = [
            (lost, Verdict.DIVERGED),
            (outside, Verdict.LEFT),
            ((q <= tolerance) & precise, Verdict.CONVERGED),
            (q <= rounding, Verdict.ROUNDED),
            (slope <= eps**0.25, Verdict.SLOW),
        ]
    masks, codes = zip(*cases)
    return np.select(masks, [int(code) for code in codes], int(Verdict.UNFINISHED)), q


def rounding_of(h: np.ndarray, moved: np.ndarray, eps: float) -> np.ndarray:
    """The `q` that rounding alone may make of a fixed point."""
    return 0.5 * ((ROUNDINGS * eps * (np.abs(h) + np.abs(moved))) ** 2).sum(1)
