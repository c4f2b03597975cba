"""The losses of a batch, with trials on the first axis in memory or on the last.

    losses = batch_losses(network, loss, trials, "trials last")     # [B]

The numbers are the same to rounding. Which layout is faster depends on the cell, its size and the
machine: with trials last, `[N, B]`, a recurrent product is `W @ h` as it stands, and what follows
it runs along contiguous memory; with trials first, `[B, N]`, it is `h @ W^T`. The benchmark
`bench_training.py` times both.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ..core import Network, Trajectory, in_order, outputs, run
from ..core.checks import scalar
from ..tasks import Trials
from .losses import Loss

Layout = Literal["trials first", "trials last"]


def batch_losses(
    network: Network, loss: Loss, trials: Trials, layout: Layout
) -> Float[Array, " B"]:
    """The loss of each trial.

    **Arguments:**

    - `network`, `loss`: of one trial.
    - `trials`: with targets.
    - `layout`: of the runs in memory.

    **Raises:** `ValueError` where trials have no targets, or the loss is not a scalar.
    """
    if trials.targets is None:
        raise ValueError("training needs trials with targets, the sampler gives none")
    forward = _trials_first if layout == "trials first" else _trials_last
    return forward(network, loss, trials.xs, trials.targets)


def _trials_first(network: Network, loss: Loss, xs: PyTree, targets: Array) -> Array:
    # the vector as first factor: the other order transposes every product of every step
    batched = in_order(network, "vector first")

    def one(x: PyTree, target: Array) -> Array:
        trajectory = run(batched, x)
        return scalar("loss", loss(network, trajectory, outputs(batched, trajectory), target))

    return jax.vmap(one)(xs, targets)


def _trials_last(network: Network, loss: Loss, xs: PyTree, targets: Array) -> Array:
    """The scan runs over all trials at once: `vmap` of a scan would move trials to the front."""
    batched = in_order(network, "vector last")
    xs = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), xs)
    whole = lambda leaf: jnp.broadcast_to(leaf[..., None], (*leaf.shape, len(targets)))
    step = jax.vmap(batched.step, -1, -1)

    def advance(h: PyTree, x: PyTree) -> tuple[PyTree, PyTree]:
        h = step(h, x)
        return h, h

    _, hs = lax.scan(advance, jax.tree.map(whole, network.h0), xs)
    ys = jax.vmap(jax.vmap(batched.readout, -1, -1))(hs)

    def one(x: PyTree, hs: PyTree, y: Array, target: Array) -> Array:
        return scalar("loss", loss(network, Trajectory(network.h0, x, hs), y, target))

    return jax.vmap(one, (-1, -1, -1, 0))(xs, hs, ys, targets)
