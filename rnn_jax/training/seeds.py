"""Several seeds trained at once.

found = fit_seeds(make, task.sample, mean_squared_error, keys, steps=1000)
found.networks, found.converged
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from ..core import Network
from ..core.checks import function, random_key
from .fit import Sample, adam, advance, check_call, finite, start
from .losses import Loss, OfBatch


class SeedFits(NamedTuple):
    """What training several seeds leaves.

    - `networks`: one network whose arrays lead with the seeds.
    - `losses`: `[seeds, steps]`.
    - `converged`: `[seeds]`, false where the loss stopped being finite.

    **Example:**

        >>> cell = lambda key: rj.cells.Vanilla(2, 6, key=key)
        >>> make = lambda key: rj.Network(cell(key), network.readout, jnp.zeros(6))
        >>> sample, loss = (lambda key, count: trials), rj.training.mean_squared_error
        >>> keys = jax.random.split(key, 3)
        >>> found = rj.training.fit_seeds(make, sample, loss, keys, steps=2, batch_size=8)
        >>> found.networks.step.w.shape  # the weights of three networks
        (3, 6, 6)
    """

    networks: Network
    losses: Float[Array, "S K"]
    converged: Bool[Array, " S"]


def fit_seeds(
    make: Callable[[PRNGKeyArray], Network],
    sample: Sample,
    loss: Loss | OfBatch,
    keys: Key[Array, " S"],
    *,
    steps: int,
    batch_size: int = 64,
    optimiser: optax.GradientTransformation | None = None,
) -> SeedFits:
    """Train one network a key, all at once by `vmap`; those that diverge are marked, not hidden.

    **Arguments:** as for `fit`, and

    - `make`: `key -> Network`.
    - `keys`: `[S]` keys, each for weights and trials of one seed.

    **Returns:** a `SeedFits`; count the diverged by `(~converged).sum()`.

    **Raises:** `ValueError` where a number or an argument is invalid.

    **Example:**

        >>> cell = lambda key: rj.cells.Vanilla(2, 6, key=key)
        >>> make = lambda key: rj.Network(cell(key), network.readout, jnp.zeros(6))
        >>> sample, loss = (lambda key, count: trials), rj.training.mean_squared_error
        >>> keys = jax.random.split(key, 3)
        >>> found = rj.training.fit_seeds(make, sample, loss, keys, steps=2, batch_size=8)
        >>> found.losses.shape, found.converged.tolist()  # [seed, step]
        ((3, 2), [True, True, True])
    """
    check_call(sample, loss, steps, batch_size)
    function("make", make)
    random_key(keys)
    if keys.ndim != (1 if jnp.issubdtype(keys.dtype, jax.dtypes.prng_key) else 2):
        raise ValueError("keys must be several, as jax.random.split(key, seeds) makes them")
    optimiser = adam(3e-3, max(steps, 1)) if optimiser is None else optimiser

    @eqx.filter_vmap
    def one(key: PRNGKeyArray) -> tuple[Network, Array, Array]:
        weights, trials = jax.random.split(key)
        state = start(make(weights), optimiser, trials)
        state, losses = advance(state, sample, loss, optimiser, steps, batch_size)
        return state.network, losses, jnp.isfinite(losses).all() & finite(state.network)

    return SeedFits(*eqx.filter_jit(one)(keys))
