"""Networks of populations: trained under signs, pruned to an anatomy's densities, trained again.

    anatomy = visual_cortex(scale=2)
    network = anatomical(anatomy, key)
    optimiser = signed_adam(anatomy, 100)
    found = fit_anatomical(network, anatomy, sample, loss, key, optimiser=optimiser)
    found.network.step.mask               # [N, N], [to, from]

Each population has one input channel and one output, which reads it alone and is never trained.
"""

from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..cells import Affine, Anatomy, Rectified, balanced, members, unit_signs
from ..core import Network
from ..core.checks import at_least, positive, random_key
from ..core.network import check_network
from ..core.progress import Track, in_silence
from .constraints import hold, keep_signs
from .fit import Fit, Sample, fit
from .losses import Loss
from .pruning import pruned


class AnatomicalFit(NamedTuple):
    """What training under an anatomy leaves.

    - `network`: the pruned network, trained again.
    - `dense`, `fine`: the `Fit` before and after pruning.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (8, 2), (True, False), [[0.5, 0.5], [0.5, 0.5]])
        >>> made = rj.training.anatomical(anatomy, key)
        >>> sample = lambda key, count: rj.Trials(xs, xs, {})
        >>> loss = rj.training.mean_squared_error
        >>> optimiser = rj.training.signed_adam(anatomy, steps=4)
        >>> found = rj.training.fit_anatomical(
        ...     made, anatomy, sample, loss, key, optimiser=optimiser, steps=2, batch_size=8)
        >>> wires = [fit.network.step.wire for fit in (found.dense, found.fine)]
        >>> [int((wire == 0).sum()) for wire in wires]  # of 100: before pruning, and after
        [0, 52]
    """

    network: Network
    dense: Fit
    fine: Fit


def anatomical(anatomy: Anatomy, key: PRNGKeyArray, own_channel: bool = True) -> Network:
    """A network of populations before training, connected all to all.

    Weights have the signs of their senders and are `balanced`, so that activity neither dies nor
    saturates at the start. A population of `n` units is read with weights from
    `Uniform(+-1 / sqrt(n))`, so that small ones can be as loud as large ones.

    **Arguments:**

    - `anatomy`: populations; each is one input channel and one output.
    - `key`: draws weights and readouts.
    - `own_channel`: whether a channel reaches its own population alone, or all units.

    **Returns:** a `Network` of a `Rectified` cell.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (8, 2), (True, False), [[0.5, 0.5], [0.5, 0.5]])
        >>> made = rj.training.anatomical(anatomy, key)
        >>> W = made.step.wire  # [to, from]
        >>> W.shape, bool((W[:, :8] >= 0).all()), bool((W[:, 8:] <= 0).all())
        ((10, 10), True, True)
    """
    cell_key, w_key, readout_key = jax.random.split(key, 3)
    N, P = anatomy.units, len(anatomy.names)
    of, signs = members(anatomy), unit_signs(anatomy)
    cell = Rectified(P, N, key=cell_key, input_mask=of.T if own_channel else None)
    w = balanced(w_key, jnp.asarray(signs > 0), cell.mask)
    cell = eqx.tree_at(lambda c: c.w, cell, w * jnp.asarray(signs, w.dtype)[None])
    readout = Affine(N, P, key=readout_key, mask=of)
    sizes = jnp.asarray(anatomy.sizes, w.dtype)[:, None]
    c = jax.random.uniform(readout_key, (P, N), minval=-1.0) / sizes**0.5
    return Network(cell, eqx.tree_at(lambda r: r.c, readout, c), jnp.zeros(N))


def signed_adam(
    anatomy: Anatomy, steps: int, learning_rate: float = 1e-3
) -> optax.GradientTransformation:
    """Adam on a cosine schedule to a tenth, under the signs of an anatomy, readouts held.

    Make it once: training with another object compiles anew.

    **Raises:** `ValueError` where the rate is not above 0, or there is no step.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (8, 2), (True, False), [[0.5, 0.5], [0.5, 0.5]])
        >>> optimiser = rj.training.signed_adam(anatomy, steps=100)
        >>> state = rj.training.start(rj.training.anatomical(anatomy, key), optimiser, key)
        >>> sample = lambda key, count: rj.Trials(xs, xs, {})
        >>> loss = rj.training.mean_squared_error
        >>> W = rj.training.advance(state, sample, loss, optimiser, 2, 8)[0].network.step.wire
        >>> bool((W[:, :8] >= 0).all()), bool((W[:, 8:] <= 0).all())
        (True, True)
    """
    positive("learning_rate", learning_rate)
    at_least(1, steps=steps)
    signs = np.broadcast_to(unit_signs(anatomy), (anatomy.units, anatomy.units))
    return optax.chain(
        optax.adam(optax.cosine_decay_schedule(learning_rate, steps, 0.1)),
        hold(lambda network: network.readout),
        keep_signs(lambda network: network.step.w, signs),
    )


def fit_anatomical(
    network: Network,
    anatomy: Anatomy,
    sample: Sample,
    loss: Loss,
    key: PRNGKeyArray,
    *,
    optimiser: optax.GradientTransformation,
    steps: int = 100,
    batch_size: int = 200,
    kept: str | Path | None = None,
    track: Track = in_silence,
) -> AnatomicalFit:
    """Train, prune once to the anatomy's densities, and train as long again under that mask.

    **Arguments:**

    - `network`: of `anatomical`.
    - `anatomy`: whose densities the pruned network has.
    - `sample`, `loss`, `batch_size`, `kept`, `track`: as for `fit`.
    - `key`: of trials and of what is pruned.
    - `optimiser`: of `signed_adam`, or one of your own that keeps the signs.
    - `steps`: before pruning, and after it.

    **Returns:** an `AnatomicalFit`.

    **Raises:** as `fit`, and `ValueError` where the network does not fit the anatomy.

    **Example:**

        >>> anatomy = rj.cells.Anatomy(("E", "I"), (8, 2), (True, False), [[0.5, 0.5], [0.5, 0.5]])
        >>> made = rj.training.anatomical(anatomy, key)
        >>> optimiser = rj.training.signed_adam(anatomy, steps=4)
        >>> sample = lambda key, count: rj.Trials(xs, xs, {})
        >>> loss = rj.training.mean_squared_error
        >>> found = rj.training.fit_anatomical(
        ...     made, anatomy, sample, loss, key, optimiser=optimiser, steps=2, batch_size=8)
        >>> cell = found.network.step
        >>> bool(cell.mask.all()), bool((cell.wire[~cell.mask] == 0).all())
        (False, True)
    """
    random_key(key)
    at_least(0, steps=steps)
    _check_fits(network, anatomy)
    keys = jax.random.split(key, 3)
    again = {"steps": steps, "batch_size": batch_size, "optimiser": optimiser}
    again |= {"kept": kept, "track": track, "chunk": min(50, max(steps, 1))}
    dense = fit(network, sample, loss, keys[0], **again)
    mask = pruned(_connections(dense.network), anatomy, keys[1])
    fine = fit(with_mask(dense.network, mask), sample, loss, keys[2], **again)
    return AnatomicalFit(fine.network, dense, fine)


def with_mask(network: Network, mask: Bool[np.ndarray, "N N"]) -> Network:
    """The network without the connections outside a mask `[to, from]`; their weights are 0."""
    parts = lambda network: (network.step.mask, network.step.w)
    kept: Float[Array, "N N"] = jnp.where(mask, network.step.w, 0)
    return eqx.tree_at(parts, network, (jnp.asarray(mask), kept))


def _connections(network: Network) -> Float[np.ndarray, "N N"]:
    """The weights `[to, from]`, 0 where the mask that the network has already lets none be."""
    return np.where(np.asarray(network.step.mask), np.asarray(network.step.w), 0)


def _check_fits(network: Network, anatomy: Anatomy) -> None:
    """**Raises:** `ValueError` before the first training, which may take long."""
    check_network(network)
    shape = (anatomy.units, anatomy.units)
    for name in ("w", "mask"):
        found = jnp.shape(getattr(network.step, name, 0))
        if found != shape:
            raise ValueError(f"an anatomy asks for `step.{name}` of {shape}, got {found}")
