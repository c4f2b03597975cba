"""Optimal ablation: the constant that hurts least, for each unit in each window.

    found = optimal(network, xs, targets, margin, windows)
    found.constant, found.effect          # [W, N], [W, N, B]

What it leaves of an effect cannot come from having left the data's range: its damage is at
most that of zero and of the mean constant, which are among the candidates.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..core import Network, State, run
from ..core.checks import array, at_least
from ..core.network import check_network
from .scores import Score
from .sweep import sweep


class Optimal(NamedTuple):
    """The constants that hurt least, and what they leave.

    - `constant`: `[W, N]`.
    - `effect`: `[W, N, B]`, `F(iv) - F(Identity())` under them.

    **Example:**

        >>> network = rj.Network(lambda h, x: x, rj.cells.Units(), jnp.zeros(1))
        >>> xs = jnp.array([1.0, 2.0, 6.0])[:, None, None]  # three trials, one step, one unit
        >>> score = lambda ys, targets: -((ys - targets) ** 2).sum()
        >>> found = rj.causal.optimal(network, xs, xs, score, jnp.ones((1, 1)))
        >>> print(found.effect.round(1))  # [window, unit, trial]: -(3 - x)^2 of each trial
        [[[-4. -1. -9.]]]
    """

    constant: Float[Array, "W N"]
    effect: Float[Array, "W N B"]


@eqx.filter_jit
def _clean_states(network: Network, xs: PyTree) -> State:
    return jax.vmap(lambda x: run(network, x).hs)(xs)


def optimal(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    score: Score,
    windows: Float[Array, "W ..."],
    grid: int = 7,
    rounds: int = 4,
) -> Optimal:
    """`a*_wi = argmax_a mean_b F(do(h_i = a in window w))`, by a shrinking grid.

    Each round tries `grid` constants around the best so far, all units at once, in
    `grid * rounds + 2` sweeps a window; the first spans what the unit did over trials and times.

    **Arguments:**

    - `network`, `xs`, `targets`, `score`, `windows`: as for `sweep`; the state must be a
        single array.
    - `grid`: constants a round, at least 3.
    - `rounds`: how often the span shrinks to two grid steps.

    **Returns:** an `Optimal`.

    **Raises:** `ValueError` where the state has several parts, or the grid is too small.

    Li and Janson, NeurIPS (2024), "Optimal ablation for interpretability".

    **Example:**

        >>> network = rj.Network(lambda h, x: x, rj.cells.Units(), jnp.zeros(1))
        >>> xs = jnp.array([1.0, 2.0, 6.0])[:, None, None]  # three trials, one step, one unit
        >>> score = lambda ys, targets: -((ys - targets) ** 2).sum()
        >>> print(rj.causal.optimal(network, xs, xs, score, jnp.ones((1, 1))).constant.round(1))
        [[3.]]
    """
    at_least(3, grid=grid)
    at_least(1, rounds=rounds)
    windows = array("windows", windows)
    check_network(network)
    hs = _clean_states(network, xs)
    if not isinstance(hs, jax.Array):
        raise ValueError("optimal ablation needs a state of one array: flatten the step first")
    B, T, N = hs.shape
    W, eye = windows.shape[0], jnp.eye(N, dtype=hs.dtype)

    def attempt(constants: Float[Array, "W N"]) -> Float[Array, "W N B"]:
        one = lambda w: sweep(
            network, xs, targets, score, eye, windows[w : w + 1],
            jnp.broadcast_to(constants[w][None, None], hs.shape),
        )  # fmt: skip
        return jnp.concatenate([one(w) for w in range(W)])

    spread = jnp.broadcast_to
    low, high = (spread(f(hs, axis=(0, 1))[None], (W, N)) for f in (jnp.min, jnp.max))
    mean = spread(hs.mean((0, 1))[None], (W, N))
    best = Optimal(jnp.zeros_like(mean), attempt(jnp.zeros_like(mean)))
    best = _better(best, Optimal(mean, attempt(mean)))
    for _ in range(rounds):
        for share in np.linspace(0, 1, grid):
            constants = low + jnp.asarray(share, hs.dtype) * (high - low)
            best = _better(best, Optimal(constants, attempt(constants)))
        reach = (high - low) / (grid - 1)
        low, high = best.constant - reach, best.constant + reach
    return best


def _better(a: Optimal, b: Optimal) -> Optimal:
    """Entry by entry the candidate whose mean effect is higher."""
    wins = b.effect.mean(-1) > a.effect.mean(-1)
    return Optimal(
        jnp.where(wins, b.constant, a.constant),
        jnp.where(wins[..., None], b.effect, a.effect),
    )
