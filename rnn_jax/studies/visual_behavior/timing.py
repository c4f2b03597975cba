"""Timing: is the rise of pyramidal predictions in an omission moved by moving the Vip cells?

    found = replayed(network, xs, foil, vip, sst, channels, pyramidal, event, key)
    kept(found.own["time mean"], found.clean, event), onset(found.own["shift 1"], event)

The states of a set are replaced from the event on by a course of their own: moved in time, flat,
that of the foil, or what the input alone would make of them. The rise is the mean pyramidal
prediction, less that of the event's own step, which no replaced state has reached yet. (The step
before still expects an image, and the difference to a regular image would mostly be the missing
response to it.)
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...core import Network, Replace, clean_run, outputs, run

SHIFTS = (-2, -1, 0, 1, 2)
"""Steps by which the course is moved; its last state is held. Moved round, the end of a ramp
would come first."""
REPLACED = (*(f"shift {d}" for d in SHIFTS), "time mean", "regular", "input alone")
CUT = "recurrence alone"
"""The units' own input channels as in the foil; their states follow."""


class Replayed(NamedTuple):
    """The mean pyramidal prediction `[T]` under each replacement.

    - `clean`: without any.
    - `own`: of the set asked about, by name of `REPLACED`, and `CUT`.
    - `control`: of the same displacements put into as many other units.
    """

    clean: Float[np.ndarray, " T"]
    own: dict[str, Float[np.ndarray, " T"]]
    control: dict[str, Float[np.ndarray, " T"]]


def courses(
    hs: Float[np.ndarray, "B T N"],
    foil: Float[np.ndarray, "B T N"],
    alone: Float[np.ndarray, "B T N"],
    event: int,
) -> dict[str, Float[np.ndarray, "B T N"]]:
    """What states are replaced by from the event on, by name of `REPLACED`."""
    after, steps = hs[:, event:], np.arange(event, hs.shape[1])
    moved = lambda d: hs[:, np.clip(steps - d, 0, hs.shape[1] - 1)]
    made = {f"shift {d}": moved(d) for d in SHIFTS}
    made |= {
        "time mean": np.broadcast_to(after.mean(1, keepdims=True), after.shape),
        "regular": foil[:, event:],
        "input alone": alone[:, event:],
    }
    return {name: np.concatenate([hs[:, :event], part], 1) for name, part in made.items()}


def replayed(
    network: Network,
    xs: Float[np.ndarray, "B T P"],
    foil: Float[np.ndarray, "B T P"],
    units: Bool[np.ndarray, " N"],
    others: Bool[np.ndarray, " N"],
    channels: Bool[np.ndarray, " P"],
    pyramidal: Float[np.ndarray, " P"],
    event: int,
    key: PRNGKeyArray,
) -> Replayed:
    """Replace the course of some units in every way, and of as many others by as much.

    **Arguments:**

    - `network`: of a `Rectified` cell.
    - `xs`, `foil`: inputs of the runs and of their foils.
    - `units`: whose course is replaced; `others`: among whom as many are drawn as a control.
    - `channels`: the units' own input channels.
    - `pyramidal`: weights of the outputs that are averaged.
    - `event`: the step from which on.
    - `key`: draws the control's units.
    """
    cast = lambda a: jnp.asarray(a, network.h0.dtype)
    hs, ys = (np.asarray(a) for a in clean_run(network, cast(xs)))
    foils = np.asarray(clean_run(network, cast(foil))[0])
    alone = np.tanh(xs @ (np.asarray(network.step.u) * np.asarray(network.step.input_mask)).T)
    who = np.flatnonzero(units)
    instead = np.asarray(jax.random.choice(key, np.flatnonzero(others), who.shape, replace=False))
    own, control = {}, {}
    for name, course in courses(hs, foils, alone, event).items():
        moved = hs.copy()
        moved[..., instead] += (course - hs)[..., who]
        for found, chosen, value in ((own, who, course), (control, instead, moved)):
            mask = np.zeros(hs.shape[1:])
            mask[event:, chosen] = 1
            found[name] = np.asarray(_with(network, cast(xs), cast(mask), cast(value))) @ pyramidal
    cut = np.where(channels & (np.arange(xs.shape[1]) >= event)[:, None], foil, xs)
    own[CUT] = np.asarray(clean_run(network, cast(cut))[1]).mean(0) @ pyramidal
    return Replayed(ys.mean(0) @ pyramidal, own, control)


@eqx.filter_jit
def _with(network: Network, xs: Array, mask: Array, value: Array) -> Float[Array, "T P"]:
    """Mean outputs over sequences, with states replaced."""
    one = lambda x, v: outputs(network, run(network, x, Replace(mask, v)))
    return jax.vmap(one)(xs, value).mean(0)


def rise(signal: Float[np.ndarray, " T"], event: int) -> Float[np.ndarray, " L"]:
    """From the event on, less the event's own step."""
    return signal[event:] - signal[event]


def kept(signal: np.ndarray, clean: np.ndarray, event: int) -> float:
    """`<r, r0> / <r0, r0>` of a rise and the clean run's: the share of it that is left.

    NaN where the clean run does not rise.
    """
    r, r0 = rise(signal, event), rise(clean, event)
    return float(r @ r0 / (r0 @ r0)) if r0.max() > 0 else np.nan


def onset(signal: np.ndarray, event: int) -> float:
    """Steps from the event until the rise passes half of its maximum, between steps linearly.

    NaN where nothing rises.
    """
    r = rise(signal, event)
    half = r.max() / 2
    if half <= 0:
        return np.nan
    k = int(np.argmax(r >= half))
    return k - (r[k] - half) / (r[k] - r[k - 1])


def slope(onsets: Float[np.ndarray, " S"]) -> float:
    """Of onsets over `SHIFTS`, by least squares; NaN where one is missing."""
    return float(np.polyfit(SHIFTS, onsets, 1)[0])
