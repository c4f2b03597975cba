"""Losses: what training lowers, of one trial, or of a whole batch.

loss = mean_squared_error
loss = lambda network, trajectory, ys, targets: ...
loss = OfBatch(lambda ys, trials: ...)
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..core import Network, Trajectory
from ..core.checks import function, same_shape, scalar
from ..tasks import Trials

Loss: TypeAlias = Callable[[Network, Trajectory, Array, Array], Float[Array, ""]]
"""`(network, trajectory, outputs [T, O], targets [T, O]) -> scalar`."""


class OfBatch(NamedTuple):
    """A loss of a whole batch, such as a distance between two distributions. Make it once.

    - `value`: `(outputs [B, T, O], trials) -> scalar`.

    **Example:**

        >>> loss = rj.training.OfBatch(lambda outputs, trials: jnp.abs(outputs.mean(0)).max())
        >>> turned = jnp.concatenate([ys, -ys])  # each trial and its opposite
        >>> loss.value(turned, trials).round(3).item()  # of their mean, not of each
        0.0
    """

    value: Callable[[Float[Array, "B T O"], Trials], Float[Array, ""]]


def mean_squared_error(
    network: Network,
    trajectory: Trajectory,
    ys: Float[Array, "T O"],
    targets: Float[Array, "T O"],
) -> Float[Array, ""]:
    """`mean_{t,o} (y - target)^2`.

    **Example:**

        >>> ys, targets = jnp.array([[1.0], [3.0]]), jnp.zeros((2, 1))
        >>> rj.training.mean_squared_error(network, rj.run(network, x), ys, targets).item()
        5.0
    """
    same_shape(outputs=ys, targets=targets)
    return jnp.mean((ys - targets) ** 2)


def asked_squared_error(
    network: Network,
    trajectory: Trajectory,
    ys: Float[Array, "T O"],
    targets: Float[Array, "T O"],
) -> Float[Array, ""]:
    """`sum_{t,o} (y - target)^2 / (entries asked)`; entries whose target is 0 are free.

    **Example:**

        >>> targets = jnp.array([[0.0], [1.0]])  # nothing is asked at step 0
        >>> ys = jnp.array([[5.0], [0.5]])
        >>> rj.training.asked_squared_error(network, rj.run(network, x), ys, targets).item()
        0.25
    """
    same_shape(outputs=ys, targets=targets)
    asked = (targets != 0).astype(ys.dtype)
    return jnp.sum(asked * (ys - targets) ** 2) / jnp.maximum(asked.sum(), 1)


def cross_entropy(
    network: Network,
    trajectory: Trajectory,
    ys: Float[Array, "T O"],
    targets: Float[Array, "T O"],
) -> Float[Array, ""]:
    """`-sum_t log softmax(y_t)[target_t] / (steps asked)`; steps of all-zero targets are free.

    **Example:**

        >>> targets = jnp.array([[0.0, 0.0], [0.0, 1.0]])  # nothing is asked at step 0
        >>> run, ys = rj.run(network, x), jnp.zeros((2, 2))
        >>> loss = rj.training.cross_entropy(network, run, ys, targets)
        >>> bool(jnp.allclose(loss, jnp.log(2)))  # two equal outputs: one bit
        True
    """
    same_shape(outputs=ys, targets=targets)
    said = jnp.sum(jax.nn.log_softmax(ys, -1) * targets)
    return -said / jnp.maximum(targets.sum(), 1)


def logistic(
    network: Network,
    trajectory: Trajectory,
    ys: Float[Array, "T O"],
    targets: Float[Array, "T O"],
) -> Float[Array, ""]:
    """`mean_{t,o} log(1 + exp(-target y))`, targets +1 or -1: least where `y` is the log-odds.

    **Example:**

        >>> targets = jnp.array([[1.0], [-1.0]])
        >>> loss = rj.training.logistic(network, rj.run(network, x), jnp.zeros((2, 1)), targets)
        >>> bool(jnp.allclose(loss, jnp.log(2)))  # even odds
        True
    """
    same_shape(outputs=ys, targets=targets)
    return jnp.mean(jax.nn.softplus(-targets * ys))


def with_rate_penalty(loss: Loss, weight: float) -> Loss:
    """`loss + weight * mean_{t,i} h_ti^2`, of what units show. Make it once: it is jitted.

    **Raises:** `ValueError` where `loss` is no function or `weight` no number.

    **Example:**

        >>> plain, run = rj.training.mean_squared_error, rj.run(network, x)
        >>> loss = rj.training.with_rate_penalty(plain, 0.1)
        >>> more = loss(network, run, ys[0], ys[0]) - plain(network, run, ys[0], ys[0])
        >>> bool(jnp.allclose(more, 0.1 * (run.hs**2).mean()))
        True
    """
    function("loss", loss)
    scalar("weight", weight)

    def penalised(network: Network, trajectory: Trajectory, ys: Array, targets: Array) -> Array:
        rates = jax.tree.leaves(trajectory.hs)[0]
        return loss(network, trajectory, ys, targets) + weight * jnp.mean(rates**2)

    return penalised
