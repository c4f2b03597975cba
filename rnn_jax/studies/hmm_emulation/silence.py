"""What is left of a network when the noise stops: where it rests, and what comes back there.

    found = silence(network, key, 200)
    found["origin"], found["basin"], found["growth_largest"]

A step without bias, `h = relu(W h + U x)`, is homogeneous of degree 1 where `x = 0`: `F(s h) =
s F(h)`. So 0 is a fixed point for certain. Any other one is a ray, all of whose points are
fixed, and it counts once. A ReLU has a kink at 0, where eigenvalues say nothing: stability is
told by iteration in random directions.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from ...core import Network, Step, run
from ...core.checks import at_least, positive
from ...dynamics import VERDICTS, FixedPoints, fixed_points, growth, starts_from, unique
from .runs import noise_of, noisy_runs

SILENT = 500
"""Steps without noise."""

NEAR = 1e-3
"""What counts as back at 0, in typical sizes of a state."""

SCALED = (1.0, 10.0)
"""Starts are states of noisy runs, and ten times these."""

SCALES = (0.1, 0.5, 2.0, 4.0)
"""Scales of the noise at which the law `h(s x) = s h(x)` is asked for."""


def scale_error(
    network: Network, xs: Float[Array, "T I"], scales: Sequence[float] = SCALES
) -> Float[np.ndarray, " K"]:
    """How far a network is from `h(s x) = s h(x)`: `max_t |h_t(s x) - s h_t(x)| / |s h(x)|`.

    `|h(x)|` is the root mean square length over the run. The error is 0 up to rounding for a ReLU
    without bias that starts from 0, and exactly 0 where `s` is a power of two.

    **Arguments:**

    - `network`: any.
    - `xs`: the noise of one run.
    - `scales`: `s`, each above 0.

    **Returns:** `[K]`, relative.

    **Raises:** `ValueError` where a scale is not above 0, or the step rejects the noise.
    """
    for scale in scales:
        positive("each of scales", scale)
    clean = np.asarray(run(network, xs).hs, float)
    length = np.sqrt((clean**2).sum(1).mean())
    scaled = [np.asarray(run(network, scale * xs).hs, float) for scale in scales]
    far = [np.linalg.norm(hs / s - clean, axis=1).max() for hs, s in zip(scaled, scales)]
    return np.array(far) / length


def directions_of(found: FixedPoints, near: float) -> Float[np.ndarray, "R N"]:
    """Rays of fixed points: the distinct directions of those farther than `near` from 0."""
    points = np.asarray(found.points, float)[found.converged]
    length = np.linalg.norm(points, axis=1)
    away = points[length > near] / length[length > near, None]
    return unique(away).points if len(away) else away


@eqx.filter_jit
def lengths_in_silence(
    step: Step, h: Float[Array, "S N"], x: Float[Array, " I"]
) -> Float[Array, "S T"]:
    """`|h|` of each state after 1 to `SILENT` steps with the input held."""

    def one(h: Float[Array, " N"]) -> Float[Array, " T"]:
        def body(h: Array, _: None) -> tuple[Array, Array]:
            h = step(h, x)
            return h, jnp.linalg.norm(h)

        return lax.scan(body, h, length=SILENT)[1]

    return jax.vmap(one)(h)


def silence(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """Fixed points without input, the basin of 0, its stability, and the law of scale.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws runs, starts and directions.
    - `size`: starts of the search, and starts of each scale of the basin.

    **Returns:**

    - `verdicts [6]`: how many searches ended with each of `VERDICTS`.
    - `origin`: the share of the fixed points found that are 0. A search by derivatives falls on 0
        at once, because a ReLU step is linear on each cone: this says that no other point was
        found, and nothing of the basin.
    - `rays`: how many other directions of fixed points were found.
    - `basin [2]`: the share of starts that are within `NEAR` typical lengths of 0 after 500 steps;
        states of noisy runs, and ten times these.
    - `steps [2]`: the median of the steps until they stay that near; NaN where none comes back.
    - `growth_largest`, `growth_mean`: logarithms per step of the length of a deviation from 0,
        over random directions; `growth_dead`, the share of these that end in 0 exactly, which the
        mean leaves out. `peak` is the largest factor by which one was amplified on its way.
    - `scale_error [4]`: of `SCALES`.

    **Raises:** `ValueError` as `noisy_runs`.
    """
    at_least(1, size=size)
    run_key, start_key, direction_key = jax.random.split(key, 3)
    hs, _, xs = noisy_runs(network, run_key, 8, max(50, -(-size // 8)))
    states = hs.reshape(-1, hs.shape[-1])
    typical = float(np.sqrt((np.asarray(states, float) ** 2).sum(1).mean()))
    quiet = jnp.zeros(noise_of(network).width, states.dtype)
    return {
        **_rests(network, quiet, states, NEAR * typical, start_key, size),
        **_returns(network, quiet, states[:: len(states) // size][:size], NEAR * typical),
        **_grown(network, quiet, direction_key),
        "scale_error": scale_error(network, xs[0]),
    }


def _rests(
    network: Network,
    quiet: Float[Array, " I"],
    states: Float[Array, "M N"],
    near: float,
    key: PRNGKeyArray,
    size: int,
) -> dict[str, np.ndarray]:
    """Where searches for fixed points end."""
    found = fixed_points(network.step, quiet, starts_from(states, key, size))
    length = np.linalg.norm(np.asarray(found.points, float)[found.converged], axis=1)
    return {
        "verdicts": np.bincount(found.verdict, minlength=len(VERDICTS)),
        "origin": np.asarray((length <= near).mean() if length.size else np.nan),
        "rays": np.asarray(len(directions_of(found, near))),
    }


def _returns(
    network: Network, quiet: Float[Array, " I"], starts: Float[Array, "S N"], near: float
) -> dict[str, np.ndarray]:
    """How many starts come near 0, and how soon."""
    basin, steps = [], []
    for scale in SCALED:
        inside = np.asarray(lengths_in_silence(network.step, scale * starts, quiet)) <= near
        back = inside[:, -1]
        basin.append(back.mean())
        # the step after the last one outside
        arrival = SILENT + 1 - (~inside[back, ::-1]).argmax(1)
        arrival[inside[back].all(1)] = 1
        steps.append(np.median(arrival) if back.any() else np.nan)
    return {"basin": np.array(basin), "steps": np.array(steps)}


def _grown(
    network: Network, quiet: Float[Array, " I"], key: PRNGKeyArray
) -> dict[str, np.ndarray]:
    """Growth from 0 in random directions."""
    found = eqx.filter_jit(growth)(network.step, quiet, jnp.zeros_like(network.h0), key)
    rates, peaks = (np.asarray(part, float) for part in found)
    alive = np.isfinite(rates)
    return {
        "growth_largest": np.asarray(rates.max()),
        "growth_mean": np.asarray(rates[alive].mean() if alive.any() else -np.inf),
        "growth_dead": np.asarray(1 - alive.mean()),
        "peak": np.asarray(peaks.max()),
    }
