"""Semi-synthetic networks: trained, so that named units carry the variables of a planted one.

    planted = semi_synthetic()
    planted.truth.nodes["between"]      # the carriers of the variables that matter there

A cause, itself a planted network without distractors, says what each variable does. A network of
more units and another activation is trained under interchanges: whichever variables are taken from
another trial, in whichever window, its outputs must be those of the cause with the same ones
taken; and taking the other units, which are free to do what they like, must change nothing
(strictness). So its circuit is known, while its weights are dense and nobody's choice.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..causal import paired
from ..cells import Affine, Vanilla, zero_state
from ..core import Network, outputs, run
from ..tasks import Trials
from ..training import adam, fit, mean_squared_error
from .decisions import xor_latch
from .planted import Planted, Truth


def semi_synthetic(
    cause: Planted | None = None,
    units: int = 16,
    carriers: int = 1,
    steps: int = 4000,
    seed: int = 0,
) -> Planted:
    """A tanh network whose first units carry the cause's, `carriers` each; the rest is free.

    Members of an epoch are the carriers of the cause's members. Which wires among them are used
    is nobody's choice, so that the truth has no edges. How true it is, `interchange_error` says.
    With several carriers only all of a variable's together are trained to be it: one of them may
    be idle.

    **Arguments:**

    - `cause`: every unit of it is a variable; by default `xor_latch(extra=0)`.
    - `units`, `carriers`: of the network, and of each variable.
    - `steps`, `seed`: of the training, about ten seconds for the default.

    **Returns:** a `Planted` with the cause's trials and contrasts; the same one for the same
    arguments.

    **Raises:** `ValueError` where there are too few units to carry the variables.

    Geiger et al., ICML (2022), for the training; Gupta et al., NeurIPS (2024), for strictness.

    **Example:**

        >>> rj.planted.semi_synthetic(rj.planted.latch(extra=0), units=5, carriers=2)
        Traceback (most recent call last):
            ...
        ValueError: 5 units cannot carry 3 variables, 2 each
    """
    if cause is None:
        return _default(units, carriers, steps, seed)
    K, told = len(cause.units), cause.network.readout(cause.network.h0).size
    if carriers < 1 or units < K * carriers:
        raise ValueError(f"{units} units cannot carry {K} variables, {carriers} each")
    cell_key, readout_key, key = jax.random.split(jax.random.key(seed), 3)
    inputs = cause.sample(key, 1).xs.shape[-1]
    cell, readout = Vanilla(inputs, units, key=cell_key), Affine(units, told, key=readout_key)
    carry = carriers_of(cause, units, carriers)
    draw = lambda key, count: interchanges(cause, carry, key, count)
    trained = fit(
        paired(Network(cell, readout, zero_state(cell))), draw, mean_squared_error, key,
        steps=steps, batch_size=128, optimiser=adam(1e-2, steps), chunk=500,
    ).network  # fmt: skip
    network = Network(trained.step.step, trained.readout.readout, trained.h0[0])
    nodes = {epoch: row @ carry for epoch, row in cause.truth.nodes.items()}
    names = [f"{name}/{k}" for name in cause.units for k in range(carriers)]
    groups = [group for group in cause.groups for _ in range(carriers)]
    free = units - len(names)
    names += [f"free {k}" for k in range(free)]
    truth = Truth(nodes, {})
    groups = (*groups, *["free"] * free)
    return Planted(
        network, cause.sample, truth, tuple(names), groups, cause.latents, cause.contrasts
    )


@cache
def _default(units: int, carriers: int, steps: int, seed: int) -> Planted:
    """Trained once in a process."""
    return semi_synthetic(xor_latch(extra=0), units, carriers, steps, seed)


def carriers_of(cause: Planted, units: int, carriers: int) -> Float[Array, "K N"]:
    """Who carries which variable: `[variable, unit]`, 1 or 0."""
    K = len(cause.units)
    rows = np.repeat(np.eye(K), carriers, axis=1)
    return jnp.asarray(np.pad(rows, ((0, 0), (0, units - K * carriers))), jnp.zeros(()).dtype)


def interchanges(
    cause: Planted, carry: Float[Array, "K N"], key: PRNGKeyArray, count: int
) -> Trials:
    """Pairs of trials with an interchange each, and what the cause makes of it.

    In a random window, half of them of one step, each variable is taken from the source with
    probability one half, or, in a quarter of the trials, none; so is each free unit by itself,
    since what all of them together do not change one of them might.

    **Arguments:**

    - `cause`: the planted network.
    - `carry`: from `carriers_of`.
    - `key`, `count`: how many pairs.

    **Returns:** `Trials` for a `paired` network of N units.
    """
    source, base, windows, short, which, none, free = jax.random.split(key, 7)
    source, base = cause.sample(source, count).xs, cause.sample(base, count)
    K, T = len(cause.units), source.shape[1]
    ends = jnp.sort(jax.random.randint(windows, (count, 2), 0, T), 1)
    first, last = ends[:, :1], ends[:, 1:]
    last = jnp.where(jax.random.bernoulli(short, 0.5, last.shape), first, last)
    steps = jnp.arange(T)[None]
    window = ((steps >= first) & (steps <= last)).astype(source.dtype)
    taken = jax.random.bernoulli(which, 0.5, (count, K))
    taken = (taken & jax.random.bernoulli(none, 0.75, (count, 1))).astype(source.dtype)
    others = jax.random.bernoulli(free, 0.5, (count, carry.shape[1])).astype(source.dtype)
    units = taken @ carry + others * (1 - carry.sum(0))[None]
    both = paired(cause.network)
    said = lambda *xs: outputs(both, run(both, xs))
    over = lambda rows: window[:, :, None] * rows[:, None, :]
    targets = jax.vmap(said)(source, base.xs, over(taken))
    return Trials((source, base.xs, over(units)), targets, base.epochs)


def interchange_error(
    planted: Planted, cause: Planted, carriers: int, key: PRNGKeyArray, count: int = 512
) -> Float[Array, ""]:
    """How far interchanges are from the cause's: mean squared error over the targets' variance.

    **Arguments:**

    - `planted`: from `semi_synthetic`.
    - `cause`, `carriers`: what it was made from.
    - `key`, `count`: of fresh interchanges.

    **Returns:** 0 where the network does under every interchange what the cause does.

    **Example:**

        >>> cause = rj.planted.latch(extra=0)
        >>> made = rj.planted.semi_synthetic(cause, units=8, carriers=1, steps=9)
        >>> error = rj.planted.interchange_error(made, cause, 1, key, count=64)
        >>> bool(error > 0.1)  # it was hardly trained
        True
    """
    carry = carriers_of(cause, len(planted.units), carriers)
    trials = interchanges(cause, carry, key, count)
    both = paired(planted.network)
    ys = jax.vmap(lambda x: outputs(both, run(both, x)))(trials.xs)
    targets = jnp.asarray(trials.targets)
    return jnp.mean((ys - targets) ** 2) / targets.var()
