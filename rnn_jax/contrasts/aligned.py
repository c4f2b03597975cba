"""Run and foil of every trial side by side, each trial from its own event on.

    pair = aligned(network, trials, trials.contrasts["bit 0"])
    pair.epochs["hold"].window        # [B, L], steps since the event

Everything that is searched later starts at the event, since nothing before it differs: a contrast
of a late event costs no more than one of an early event, and one program serves all of a task's.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float, Int, PyTree

from ..causal.scores import output_scale
from ..core import Network, State, clean_run
from ..tasks import Contrast, Trials, epochs_after, event_of
from ..tasks.contrast import READ


class Epoch(NamedTuple):
    """What is exchanged and read in one epoch of a contrast, in steps since the event.

    - `window`: `[B, L]`, where states are exchanged.
    - `closed`: `[B, L]`, where the units outside a circuit are held.
    - `read`: weights `[B, L, O]` of the outputs that say what the effect is.
    - `valid`: `[B]`, whether the trial has an event, is read within its length, and neither of
        its runs overflows.
    - `direct`: whether outputs are read inside the window.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> epoch = pair.epochs["event"]
        >>> epoch.window.shape, epoch.read.shape  # trials, steps since the event, outputs
        ((8, 16), (8, 16, 1))
    """

    window: Float[np.ndarray, "B L"]
    closed: Float[np.ndarray, "B L"]
    read: Float[np.ndarray, "B L O"]
    valid: Bool[np.ndarray, " B"]
    direct: bool


class Pair(NamedTuple):
    """Both runs of every trial from its event on; axis 0 is `(run, foil)`.

    - `h0`: the state before the event, a tree of `[2, B, N]`.
    - `xs`, `hs`: inputs and states, trees of `[2, B, L, ...]`.
    - `ys`: outputs `[2, B, L, O]`, as the network gives them.
    - `scale`: `[O]`, the outputs' standard deviation over all runs; infinite for a constant.
    - `event`: `[B]`, -1 for none.
    - `inside`: `[B, L]`, whether a step lies within the trial; later ones repeat its last.
    - `epochs`: what is asked, by name.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> pair.event, pair.ys.shape  # [run or foil, trial, step since the event, output]
        (array([12, 12, 12, 12, 12, 12, 12, 12]), (2, 8, 16, 1))
        >>> int(pair.inside[0].sum())  # of 20 steps
        8
    """

    h0: State
    xs: PyTree
    hs: State
    ys: Float[np.ndarray, "2 B L O"]
    scale: Float[np.ndarray, " O"]
    event: Int[np.ndarray, " B"]
    inside: Bool[np.ndarray, "B L"]
    epochs: dict[str, Epoch]


def aligned(network: Network, trials: Trials, contrast: Contrast) -> Pair:
    """Both runs of a contrast, cut from the event to the last step that any epoch reads.

    **Arguments:**

    - `network`: the network.
    - `trials`: whose inputs are the runs'.
    - `contrast`: the foils, and what is read.

    **Returns:** a `Pair`.

    **Raises:** `ValueError` where weights of outputs do not fit the outputs.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)  # the inputs differ at step 12
        >>> pair.hs.shape, sorted(pair.epochs)  # [run or foil, trial, step since the event, unit]
        ((2, 8, 16, 6), ['event', 'later'])
        >>> [bool((part[0] == part[1])[:, 1:].all()) for part in (pair.xs, pair.hs)]
        [True, False]
    """
    xs = _stack(trials.xs, contrast.foil)
    hs, ys = _stack(*(clean_run(network, x) for x in (trials.xs, contrast.foil)))
    event = event_of(trials.xs, contrast)
    B, T, outputs = ys.shape[1:]
    finite = np.all([_finite(leaf) for leaf in jax.tree.leaves((hs, ys))], 0)
    epochs = epochs_of(contrast, event, finite, T, outputs)
    # windows that need not follow the event stay on the trial's clock: one program serves them all
    first = np.maximum(event, 0) * (contrast.circuit == "event")
    length = T if contrast.circuit == "epoch" else _length(epochs, first)
    steps = first[:, None] + np.arange(length)[None]
    cut = lambda leaf: leaf[:, np.arange(B)[:, None], np.minimum(steps, T - 1)]
    inside = lambda epoch: epoch._replace(
        **{part: _cut(getattr(epoch, part), steps) for part in ("window", "closed", "read")}
    )
    return Pair(
        jax.tree.map(lambda h0, h: _before(np.asarray(h0), h, first), network.h0, hs),
        jax.tree.map(cut, xs),
        jax.tree.map(cut, hs),
        cut(ys),
        output_scale(ys[0]),  # of the runs alone: a foil may be far from any trial
        event,
        steps < T,
        {name: inside(epoch) for name, epoch in epochs.items()},
    )


def epochs_of(
    contrast: Contrast,
    event: Int[np.ndarray, " B"],
    finite: Bool[np.ndarray, " B"],
    T: int,
    outputs: int,
) -> dict[str, Epoch]:
    """What is asked in each epoch, in steps of the trial.

    **Arguments:**

    - `contrast`, `event`: windows and reads, and the step of each trial's event.
    - `finite`: whether both runs of a trial are.
    - `T`, `outputs`: how many steps and outputs there are.

    **Raises:** `ValueError` where weights of outputs do not fit the outputs.
    """
    windows = contrast.epochs or epochs_after(event, T, event=(0, 1), later=(6, 7))
    return {
        name: _epoch(contrast, event, np.asarray(window, float), finite, outputs)
        for name, window in windows.items()
    }


def _finite(leaf: Float[np.ndarray, "2 B ..."]) -> Bool[np.ndarray, " B"]:
    """Whether both runs of a trial are: an exchange would carry what is not into the other."""
    return np.asarray(np.isfinite(leaf).reshape(2, leaf.shape[1], -1).all((0, 2)))


def _length(epochs: dict[str, Epoch], first: Int[np.ndarray, " B"]) -> int:
    """Steps from each trial's first to the last that any epoch uses, rounded up.

    Several contrasts may then share a length, and with it their programs.
    """
    ends = [(_end(epoch.window, epoch.read) - first)[epoch.valid] for epoch in epochs.values()]
    steps = int(max([1, *np.concatenate(ends)]))
    grain = 16 if steps <= 64 else 32
    return -(-steps // grain) * grain


def _stack(*trees: PyTree) -> PyTree:
    return jax.tree.map(lambda *leaves: np.stack([np.asarray(leaf) for leaf in leaves]), *trees)


def _epoch(
    contrast: Contrast,
    event: Int[np.ndarray, " B"],
    window: Float[np.ndarray, "B T"],
    finite: Bool[np.ndarray, " B"],
    outputs: int,
) -> Epoch:
    """What is asked in one epoch, in steps of the trial."""
    B, T = window.shape
    stop = T - (window[:, ::-1] > 0).argmax(1)
    # a window may begin before the event, where nothing differs yet, but not end there
    valid = (event >= 0) & (window > 0).any(1) & (stop > event) & finite
    if contrast.read is None:
        since = np.arange(T)[None] - (stop - 1)[:, None]
        read = ((since >= READ[0]) & (since < READ[1])).astype(float)
        valid &= stop - 1 + READ[1] <= T
    else:
        read = np.asarray(contrast.read, float)
    read = read.reshape(B, T, -1)
    if read.shape[-1] not in (1, outputs):
        raise ValueError(f"read weighs {read.shape[-1]} outputs, the network has {outputs}")
    read = np.broadcast_to(read, (B, T, outputs))
    valid &= (read > 0).any((1, 2))
    last = _end(np.zeros_like(window), read)
    times = np.arange(T)[None]
    closed = (times >= event[:, None]) & (times < last[:, None])
    closed = closed.astype(float) if contrast.circuit == "event" else window
    direct = bool(((window > 0) & (read > 0).any(-1))[valid].any())
    return Epoch(window, closed, read, valid, direct)


def _before(h0: np.ndarray, hs: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The state before each trial's first step, `[2, B, N]`: `h0` where that is step 0."""
    found = hs[:, np.arange(len(first)), np.maximum(first - 1, 0)]
    return np.where((first > 0)[None, :, None], found, h0)


def _end(window: np.ndarray, read: np.ndarray) -> np.ndarray:
    """The step after the last that is exchanged or read, `[B]`."""
    used = (window > 0) | (read > 0).any(-1)
    return np.where(used.any(1), used.shape[1] - used[:, ::-1].argmax(1), 0)


def _cut(rows: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Rows `[B, T, ...]` at each trial's own steps; 0 past the end of the trial."""
    B, T = rows.shape[:2]
    found = rows[np.arange(B)[:, None], np.minimum(steps, T - 1)]
    return np.where((steps < T).reshape(*steps.shape, *(1 for _ in rows.shape[2:])), found, 0.0)
