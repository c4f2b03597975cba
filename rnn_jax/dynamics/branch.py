"""What `continuation` finds: a branch of fixed points, and how it ended."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int, PyTree


class End(IntEnum):
    """How a branch ended.

    - `REACHED`: at the last value.
    - `RETURNED`: back at the first value, after a fold.
    - `UNFINISHED`: it was not done within the moves.
    - `STOPPED`: however short a move, none leads on: the step has a kink there, or branches meet.
    - `DIVERGED`: the point goes to infinity.

    **Example:**

        >>> step_at = lambda r: lambda h, x: h + 0.5 * (r - h**2)  # no fixed point below r = 0
        >>> asked = jnp.zeros(1), np.ones(1), np.array([1.0, -1.0])
        >>> print(rj.dynamics.continuation(step_at, *asked).end)
        RETURNED
    """

    REACHED = 0
    RETURNED = 1
    UNFINISHED = 2
    STOPPED = 3
    DIVERGED = 4

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


class Branch(NamedTuple):
    """Fixed points along a branch, in the order in which they were met; arrays on the host.

    - `points`: a tree of `[P, ...]`.
    - `at`: `[P]`, the position of each, from 0 to K - 1; whole where it is at a value.
    - `values`: what was changed, at each: a tree of `[P, ...]`.
    - `residual`: `[P]`, `q = |F(h) - h|^2 / 2`.
    - `eigenvalues`: `[P, N]` of `dF/dh`, by falling size.
    - `unstable`: `[P]`, how many of them are outside the unit circle. A change without a fold is
        a bifurcation at which this branch goes on.
    - `folds`: `[F, ...]`, the points at which the branch turns; `folds_at`: `[F]`, where.
    - `end`: how it ended.

    **Example:**

        >>> step_at = lambda r: lambda h, x: h + 0.5 * (r - h**2)  # a fixed point at sqrt(r)
        >>> asked = jnp.zeros(1), np.ones(1), np.array([1.0, 4.0])
        >>> found = rj.dynamics.continuation(step_at, *asked)
        >>> found.points.ravel()[[0, -1]].round(6), found.unstable[[0, -1]]
        (array([1., 2.]), array([0, 0]))
    """

    points: PyTree
    at: Float[np.ndarray, " P"]
    values: PyTree
    residual: Float[np.ndarray, " P"]
    eigenvalues: Complex[np.ndarray, "P N"]
    unstable: Int[np.ndarray, " P"]
    folds: PyTree
    folds_at: Float[np.ndarray, " F"]
    end: End
