"""Switches of the output, each beside the same run that other noise keeps from switching.

    trials, fresh = switching(network, key, (0, 2), 96)
    trials.contrasts["0 to 2"].epochs                    # "gather" and "kick"

A switch is a change of the argmax of the logits that lasts at least two steps, after seven steps
without one. Its foil is the same run, whose noise in the four steps from the sixth to the third
before the switch is drawn again, so that the output does not change. From there on both runs hear
the same noise: what they then do differently lies in their states, and exchanging all states makes
the one run the other.
"""

from itertools import permutations
from typing import NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ...core import Network, clean_run
from ...tasks import Contrast, Trials
from .runs import noise_of

LENGTH, BURN_IN = 72, 40
"""Steps of a trial, and those before the first switch that counts, unless told otherwise."""
NOISE, GATHER, KICK, READ = (-6, -2), (-4, -2), (-2, 0), (1, 3)
"""Steps since the switch: noise that is drawn again, the two epochs, and what is read."""
STEADY = 7
"""Steps without a change before a switch."""
DRAWS = 32
"""Foils that are tried for each run."""
AT_ONCE = 128
"""Runs with a switch, of a pool, that foils are sought for."""
POOL = 512
"""Runs that are looked through at once."""
MOST = 40
"""Pools that are looked through at most; a direction absent from the first four is given up."""


class Span(NamedTuple):
    """Where in a run switches are sought.

    - `begin`: the first step at which one counts.
    - `length`: steps of a trial.
    """

    begin: int = BURN_IN
    length: int = LENGTH


LATE = Span()


class Switches(NamedTuple):
    """The first switch of each run after the burn-in.

    - `at`: `[B]`, its step, the first with the new output; -1 of a run without a switch.
    - `old`, `new`: `[B]`, the outputs.
    """

    at: Int[np.ndarray, " B"]
    old: Int[np.ndarray, " B"]
    new: Int[np.ndarray, " B"]


def switches(outputs: Int[np.ndarray, "B T"], begin: int = BURN_IN) -> Switches:
    """The first switch of each run from a step on that has room for its epochs and its read."""
    B, T = outputs.shape
    found = np.zeros((B, T), bool)
    changed = np.diff(outputs, axis=1, prepend=outputs[:, :1]) != 0
    for t in range(max(begin, STEADY), T - READ[1]):
        steady = ~changed[:, t - STEADY + 1 : t].any(1)
        found[:, t] = changed[:, t] & steady & ~changed[:, t + 1]
    any_, at = found.any(1), found.argmax(1)
    rows = np.arange(B)
    return Switches(np.where(any_, at, -1), outputs[rows, at - 1], outputs[rows, at])


@eqx.filter_jit
def foils(
    network: Network,
    h: Float[Array, "B N"],
    xs: Float[Array, "B L I"],
    key: PRNGKeyArray,
) -> tuple[Bool[Array, " B"], Float[Array, "B L I"]]:
    """Noise that keeps each run from switching: the first such of `DRAWS`, and whether there is.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `h`: the states before the noise that is drawn again.
    - `xs`: the inputs from there to the last step that is read; the first four are drawn again.
    - `key`: draws them.

    **Returns:** whether each run has such noise, and the inputs with it.
    """
    fresh = NOISE[1] - NOISE[0]

    def one(h: Array, xs: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        drawn = jax.random.normal(key, (DRAWS, fresh, xs.shape[1]), xs.dtype)
        rest = jnp.broadcast_to(xs[fresh:], (DRAWS, *xs[fresh:].shape))
        tried = jnp.concatenate([drawn, rest], 1)
        stays = jax.vmap(lambda row: _stays(network, h, row))(tried)
        return stays.any(), tried[stays.argmax()]

    return jax.vmap(one)(h, xs, jax.random.split(key, len(h)))


def _stays(network: Network, h: Float[Array, " N"], xs: Float[Array, "L I"]) -> Bool[Array, ""]:
    """Whether the output never changes."""
    hs = jax.lax.scan(lambda h, x: (network.step(h, x),) * 2, h, xs)[1]
    said = jax.vmap(network.readout)(jnp.concatenate([h[None], hs])).argmax(-1)
    return (said == said[0]).all()


def directions(symbols: int) -> list[tuple[int, int]]:
    """Every switch that there may be, from one output to another."""
    return list(permutations(range(symbols), 2))


def name_of(direction: tuple[int, int]) -> str:
    """What the contrast of a direction is called."""
    return f"{direction[0]} to {direction[1]}"


Way: TypeAlias = tuple[int, int]


def pools(
    network: Network, key: PRNGKeyArray, count: int, most: int = MOST, span: Span = LATE
) -> tuple[dict[Way, Trials], dict[Way, float]]:
    """Trials of every direction that runs switch in: `count` each, or as many as were found.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws runs and foils.
    - `count`: of trials of each direction.
    - `most`: how many times 512 runs are looked through, at most.
    - `span`: where in a run the switch may be.

    **Returns:** `Trials` by direction, `xs [count, span.length, I]`, each with one contrast named
    by `name_of`. A direction of fewer is filled up with runs without an event. And the share of
    each direction's switches that have a foil: a switch that no draw prevents is not asked about.
    """
    noise = noise_of(network)
    symbols = len(network.readout(network.h0))
    kept: dict[Way, list] = {way: [] for way in directions(symbols)}
    seen: dict[Way, list[bool]] = {way: [] for way in kept}
    for k in range(most):
        of_runs, of_foils = jax.random.split(jax.random.fold_in(key, k))
        xs = jax.random.normal(of_runs, (POOL, span.length, noise.width), noise.dtype)
        hs, ys = clean_run(network, xs)
        found = switches(np.asarray(ys).argmax(-1), span.begin)
        if not (found.at >= 0).any():
            continue
        rows, good, foil = _with_foils(network, found, hs, xs, of_foils)
        for b, prevented, other in zip(rows, good, foil, strict=True):
            way = int(found.old[b]), int(found.new[b])
            seen[way].append(bool(prevented))
            if prevented and len(kept[way]) < count:
                kept[way].append((np.asarray(xs[b]), other, found.at[b]))
        if k >= 3 and all(len(taken) in (0, count) for taken in kept.values()):
            break
    trials = {way: _trials(way, rows, count) for way, rows in kept.items() if rows}
    return trials, {way: float(np.mean(rows)) for way, rows in seen.items() if rows}


def _with_foils(
    network: Network,
    found: Switches,
    hs: Float[Array, "B T N"],
    xs: Float[Array, "B T I"],
    key: PRNGKeyArray,
) -> tuple[Int[np.ndarray, " K"], Bool[np.ndarray, " K"], Float[np.ndarray, "K T I"]]:
    """Runs of a pool that switch, at most `AT_ONCE`; whether each has a foil, and its inputs."""
    switched = np.flatnonzero(found.at >= 0)[:AT_ONCE]
    # always as many, so that all pools share a program
    rows = np.resize(switched, AT_ONCE)
    first = found.at[rows] + NOISE[0]
    span = first[:, None] + np.arange(READ[1] - NOISE[0])
    good, other = foils(network, hs[rows, first - 1], xs[rows[:, None], span], key)
    foil = np.array(xs[rows])
    foil[np.arange(AT_ONCE)[:, None], span] = other
    K = len(switched)
    return switched, np.asarray(good)[:K], foil[:K]


def _trials(way: tuple[int, int], rows: list, count: int) -> Trials:
    """Runs with their foils as trials."""
    filled = [rows[k % len(rows)] for k in range(count)]
    xs, foil, at = (np.stack(part) for part in zip(*filled, strict=True))
    at = np.where(np.arange(count) < len(rows), at, -1)
    since = np.arange(xs.shape[1])[None] - at[:, None]
    window = lambda span: ((since >= span[0]) & (since < span[1]) & (at >= 0)[:, None]) * 1.0
    event = np.where(at >= 0, at + NOISE[0], -1)
    xs = jnp.asarray(xs)
    foil = jnp.where((at >= 0)[:, None, None], foil, xs)
    epochs = {"gather": window(GATHER), "kick": window(KICK)}
    contrast = Contrast(foil, event, epochs, read=window(READ))
    return Trials(xs, None, {}, {name_of(way): contrast})
