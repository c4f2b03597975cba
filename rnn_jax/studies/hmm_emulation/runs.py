"""Runs that noise alone drives, and states taken from them.

    hs, ys, xs = noisy_runs(network, key, trials=16, steps=1000)
    taken = samples(network, key, 2000)
    taken.h, taken.before, taken.after           # a state, the noise before it and after it

The input is normal with unit variance, fresh at each step. The output is the argmax of the
logits; the symbol is drawn from them with Gumbel noise.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...core import Network, State, clean_run
from ...core.checks import at_least, described
from ...core.network import check_network
from ...core.types import Readout
from ...dynamics import without_blips

BURN_IN = 50
"""Steps from `h0 = 0` until a run counts."""

GAP, PER_RUN = 20, 20
"""Steps from one state that is taken to the next, and states taken from a run."""

LASTING = 2
"""A switch is a change of the output that lasts so many steps."""

LIMIT = 60
"""Steps after which a state that is still where it was is left alone."""


class Output(eqx.Module):
    """`argmax` of the logits of a state."""

    readout: Readout

    def __call__(self, h: State) -> Int[Array, ""]:
        return jnp.argmax(self.readout(h))


class Noise(eqx.Module):
    """The input of one step, normal with unit variance."""

    width: int = eqx.field(static=True)
    dtype: Any = eqx.field(static=True)

    def __call__(self, key: PRNGKeyArray) -> Float[Array, " I"]:
        return jax.random.normal(key, (self.width,), self.dtype)


class Samples(NamedTuple):
    """States of noisy runs, those of one run next to each other.

    - `h`: `[S, N]`; `PER_RUN` states of each run.
    - `before`: `[S, I]`, the input of the step that led to the state.
    - `after`: `[S, GAP, I]`, the inputs of the steps that followed in the run.
    """

    h: Float[Array, "S N"]
    before: Float[Array, "S I"]
    after: Float[Array, "S W I"]


def noise_of(network: Network) -> Noise:
    """The noise that a network takes: as wide as its input weights `step.u [N, I]`.

    **Raises:** `ValueError` where it is no network, or its step has no input weights `u`.
    """
    check_network(network)
    weights: Any = getattr(network.step, "u", None)
    if np.ndim(weights) != 2:
        raise ValueError(f"the step must have input weights u [N, I], got {described(weights)}")
    return Noise(weights.shape[1], network.h0.dtype)


def noisy_runs(
    network: Network,
    key: PRNGKeyArray,
    trials: int,
    steps: int,
    scale: float = 1.0,
    burn_in: int = BURN_IN,
) -> tuple[Float[Array, "B T N"], Float[Array, "B T O"], Float[Array, "B T I"]]:
    """States, logits and inputs of runs, without their first steps.

    **Arguments:**

    - `network`: bias-free or not; its `step.u` says how wide the noise is.
    - `key`: draws the noise, the same for every scale.
    - `trials`, `steps`: `B`, and `T` after the burn-in.
    - `scale`: the standard deviation of the noise.
    - `burn_in`: steps before those.

    **Returns:** `hs`, `ys` and `xs`.

    **Raises:** `ValueError` as `noise_of`, or where a number is below 1.
    """
    at_least(1, trials=trials, steps=steps)
    noise = noise_of(network)
    shape = trials, burn_in + steps, noise.width
    xs = scale * jax.random.normal(key, shape, noise.dtype)
    hs, ys = clean_run(network, xs)
    return hs[:, burn_in:], ys[:, burn_in:], xs[:, burn_in:]


def samples(network: Network, key: PRNGKeyArray, size: int) -> Samples:
    """At least `size` states of noisy runs: `PER_RUN` of each, `GAP` steps apart.

    **Arguments:**

    - `network`, `key`: as for `noisy_runs`.
    - `size`: is rounded up to whole runs.

    **Returns:** `Samples`.

    **Raises:** `ValueError` as `noisy_runs`.
    """
    at_least(1, size=size)
    trials = -(-size // PER_RUN)
    hs, _, xs = noisy_runs(network, key, trials, (PER_RUN + 1) * GAP)
    at = np.arange(PER_RUN) * GAP
    after = xs[:, at[:, None] + 1 + np.arange(GAP)[None]]
    one_axis = lambda array: array.reshape(trials * PER_RUN, *array.shape[2:])
    return Samples(one_axis(hs[:, at]), one_axis(xs[:, at]), one_axis(after))


def symbols(ys: Float[Array, "B T O"], key: PRNGKeyArray) -> Int[Array, "B T"]:
    """What is emitted: `argmax(logits + Gumbel noise)`, which draws from their softmax."""
    return jnp.argmax(ys + jax.random.gumbel(key, ys.shape, ys.dtype), -1)


def switch_rates(outputs: Int[np.ndarray, "B T"]) -> Float[np.ndarray, " B"]:
    """Switches per step of each run: changes of the output that last at least `LASTING` steps."""
    return change_rates(without_blips(outputs, LASTING))


def change_rates(labels: Int[np.ndarray, "B T"]) -> Float[np.ndarray, " B"]:
    """Changes per step of each run, however short."""
    return (np.diff(labels, axis=1) != 0).mean(1)
