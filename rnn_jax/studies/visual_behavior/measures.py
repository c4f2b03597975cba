"""All numbers of one network: silencing, exchanges, timing, pathways, and what is static.

    found = measure(network, made, anatomy, key, draws=40)      # a dictionary of arrays
    DIMS["silenced"]                                            # their dimensions

A number that the data cannot give, for want of a population or a condition, is NaN.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...cells import Anatomy, block_mean, members
from ...core import Network, clean_run
from .exchanges import CONTRASTS, contrasted, exchanged_sets
from .pathways import between, disinhibition
from .sequences import Sequences
from .silencing import (
    TYPES,
    EqualSets,
    Outcome,
    equal_sets,
    read_after,
    silenced,
    units_of,
)
from .timing import CUT, REPLACED, kept, onset, replayed

Numbers = dict[str, np.ndarray]
SETS = (*TYPES, "random")
WHO = ("own", "control")
NAMES = ("clean", *REPLACED, CUT)
DIMS = {
    "error": ("condition",),
    "persistence": ("condition",),
    "silenced": ("condition", "set"),
    "profile": ("condition", "population", "frame"),
    "activity": ("condition", "population", "frame"),
    "undone": ("contrast", "set"),
    "restored": ("contrast", "set"),
    "kept": ("who", "replaced"),
    "onset": ("who", "replaced"),
    "disinhibition": ("condition", "frame"),
    "passed": ("condition", "to", "from", "frame"),
    "weight": ("to", "from"),
}
"""What is measured of each network, and its dimensions."""


def measure(
    network: Network, made: Sequences, anatomy: Anatomy, key: PRNGKeyArray, draws: int
) -> Numbers:
    """All numbers of one network.

    **Arguments:**

    - `network`: trained on `made.train`.
    - `made`: sequences; those that judge are used.
    - `anatomy`: its populations.
    - `key`: draws sets; `draws`: how many of interneurons at random.
    """
    set_key, control_key = jax.random.split(key)
    steps = made.judged.shape[2] - 1
    read = read_after(anatomy, made.known, made.event, steps)
    sets = equal_sets(anatomy, made.known, set_key, draws)
    return {
        **_fit(network, made, read),
        **_silenced(network, made, anatomy, sets, Outcome(jnp.asarray(read))),
        **_exchanged(network, made, sets, read),
        **_timed(network, made, anatomy, read, control_key),
        **_passed(network, made, anatomy),
    }


def _flat(made: Sequences) -> Float[np.ndarray, "R F P"]:
    return made.judged.reshape(-1, *made.judged.shape[2:])


def _by_condition(made: Sequences, values: np.ndarray) -> np.ndarray:
    """Means over sequences, `[..., R]` to `[..., C]`."""
    return values.reshape(*values.shape[:-1], len(made.conditions), -1).mean(-1)


def _fit(network: Network, made: Sequences, read: Float[np.ndarray, "T P"]) -> Numbers:
    """The error of what is read, and that of saying the last frame again."""
    if not read.any():
        return dict.fromkeys(("error", "persistence"), np.full(len(made.conditions), np.nan))
    frames = _flat(made)
    ys = np.asarray(clean_run(network, jnp.asarray(frames[:, :-1]))[1])
    error, last = (
        np.einsum("btp,tp->b", (y - frames[:, 1:]) ** 2, read) for y in (ys, frames[:, :-1])
    )
    return {"error": _by_condition(made, error), "persistence": _by_condition(made, last)}


def _silenced(
    network: Network,
    made: Sequences,
    anatomy: Anatomy,
    sets: EqualSets,
    outcome: Outcome,
) -> Numbers:
    """Equal sets from the event on, and each population in each frame alone."""
    frames, steps = _flat(made), made.judged.shape[2] - 1
    C = len(made.conditions)
    of_sets = np.full((C, len(SETS)), np.nan)
    if len(sets.of):
        after = (np.arange(steps) >= made.event).astype(float)[None]
        lost = _by_condition(made, silenced(network, frames, sets.sets, after, outcome)[0])
        of_sets = np.stack([lost[sets.of == name].mean(0) for name in SETS], 1)
    profile = np.full((C, len(made.known), steps), np.nan)
    if np.any(outcome.read):
        each = silenced(network, frames, members(anatomy), np.eye(steps), outcome)
        each = np.moveaxis(_by_condition(made, each), (0, 1, 2), (2, 1, 0))
        profile = np.where(made.known[:, None], each, np.nan)
    return {"silenced": of_sets, "profile": profile}


def _exchanged(
    network: Network, made: Sequences, sets: EqualSets, read: Float[np.ndarray, "T P"]
) -> Numbers:
    """The shares of each contrast that equal sets undo and restore."""
    found = np.full((2, len(CONTRASTS), len(SETS)), np.nan)
    for k, name in enumerate(CONTRASTS):
        trials = contrasted(made, name, read)
        if trials is not None and len(sets.of):
            both = np.stack(exchanged_sets(network, trials, sets.sets))
            found[:, k] = np.stack([both[:, sets.of == name].mean(1) for name in SETS], 1)
    return {"undone": found[0], "restored": found[1]}


def _timed(
    network: Network,
    made: Sequences,
    anatomy: Anatomy,
    read: Float[np.ndarray, "T P"],
    key: PRNGKeyArray,
) -> Numbers:
    """What is left of the rise in omissions, and when it begins, for every replaced course."""
    found = {name: np.full((2, len(NAMES)), np.nan) for name in ("kept", "onset")}
    trials = contrasted(made, "omission", read)
    vip, sst = (units_of(anatomy, made.known, type_) for type_ in ("Vip", "Sst"))
    if trials is not None and 0 < vip.sum() <= sst.sum():
        channels = members(anatomy) @ vip > 0
        foil = np.asarray(trials.contrasts["omission"].foil)
        pyramidal = (read > 0).any(0) / max((read > 0).any(0).sum(), 1)
        runs = replayed(
            network, np.asarray(trials.xs), foil, vip > 0, sst > 0, channels, pyramidal,
            made.event, key,
        )  # fmt: skip
        for row, signals in enumerate((runs.own, runs.control)):
            for k, name in enumerate(NAMES):
                signal = runs.clean if name == "clean" else signals.get(name)
                if signal is not None:
                    found["kept"][row, k] = kept(signal, runs.clean, made.event)
                    found["onset"][row, k] = onset(signal, made.event)
    return found


def _passed(network: Network, made: Sequences, anatomy: Anatomy) -> Numbers:
    """Effective connectivity by block, disinhibition, mean rates, and the weights themselves."""
    of = members(anatomy)
    by_type = [jnp.asarray(units_of(anatomy, made.known, type_)) for type_ in TYPES]
    blocks, index, rates = [], [], []
    for frames in made.judged:
        xs = jnp.asarray(frames[:, :-1])
        hs = np.asarray(clean_run(network, xs)[0])
        rate = of @ np.maximum(hs, 0).mean(0).T / of.sum(1, keepdims=True)
        rates.append(np.where(made.known[:, None], rate, np.nan))
        blocks.append(np.moveaxis(np.asarray(between(network, xs, jnp.asarray(of))), 0, -1))
        passed = np.asarray(disinhibition(network, xs, *by_type)).mean(0)
        index.append(np.where(all(one.any() for one in by_type), passed, np.nan))
    weight = block_mean(anatomy, np.abs(np.asarray(network.step.wire)))
    found = {"activity": rates, "disinhibition": index, "passed": blocks}
    return {name: np.stack(rows) for name, rows in found.items()} | {"weight": weight}
