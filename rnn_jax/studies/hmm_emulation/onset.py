"""Onset: at which epoch of training unstable directions, switches and kick neurons appear.

    found = onset(run, members, key, FULL)
    found["rate"], found["unstable"]         # [E]: at every epoch
    found["rate_onset"]                      # [3]: epoch, and the two ends of its interval

Unstable directions are eigenvalues of `diag(1[pre > 0]) W` outside the unit circle. Units whose
gate is closed add zeros only, so that the eigenvalues are those of the block of open ones.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...circuits.change_point import ChangePoint, change_point
from ...contrasts import aligned, choose, exchanged, shares
from ...core import Network
from ...core.progress import Track, in_silence
from ..question import in_epoch
from .networks import Run
from .runs import noisy_runs, switch_rates
from .switches import name_of, pools

RUNS, STEPS = 40, 100
"""Runs, and steps of each, whose switches are counted at every epoch."""
APART = 20
"""Steps from one state that is linearised to the next."""


class Asked(NamedTuple):
    """Epochs between two linearisations, epochs between two questions about kick neurons, and
    trials of each of these."""

    every: int
    kick_every: int
    trials: int


FULL, QUICK = Asked(1, 10, 32), Asked(5, 20, 16)


def onset(
    run: Run,
    ways: dict[tuple[int, int], Bool[np.ndarray, " N"]],
    key: PRNGKeyArray,
    size: Asked,
    track: Track = in_silence,
) -> dict[str, np.ndarray]:
    """What is measured at each epoch, and where it changes.

    **Arguments:**

    - `run`: the training run.
    - `ways`: directions, and the kick neurons of each in the network that is analysed.
    - `key`: draws runs.
    - `size`: how often.
    - `track`: shows progress.

    **Returns:** `epoch [E]`; `unstable [E]`, the mean number of unstable directions over 200
    states; `rate [E]`, switches per step; `loss [E]`; `kick_epoch [K]`, and `kick_effect [K]`, by
    how much exchanging these kick neurons makes a run that switches one that does not, the lesser
    of both directions of exchange as a share of exchanging all units, mean over `ways`; NaN where
    runs do not switch in all of them. Of
    `unstable`, `rate`, `loss` and `kick_effect`, under `NAME_onset [5]`: the epoch of the change,
    its interval, the means before and after; `NAME_explained`.
    """
    epochs = np.arange(0, len(run.weights), size.every)
    unstable, rates = [], []
    for epoch in track(list(epochs), "onset"):
        network = run.network(int(epoch))
        hs, ys, xs = noisy_runs(network, key, RUNS, STEPS)
        rates.append(switch_rates(np.asarray(ys).argmax(-1)))
        unstable.append(_unstable(network, hs[:, :-1:APART], xs[:, 1::APART]))
    kicks = np.arange(0, len(run.weights), size.kick_every)
    effect = [_kick_effect(run.network(int(e)), ways, key, size.trials) for e in kicks]
    effect = np.array(effect)
    losses = run.losses[epochs]
    series = {"unstable": (np.stack(unstable), epochs), "rate": (np.stack(rates), epochs)}
    series |= {"loss": (np.log(np.maximum(losses, 1e-6)), epochs)}
    known = np.isfinite(effect)
    series |= {"kick_effect": (effect[known][:, None], kicks[known])}
    found = {
        "epoch": epochs, "unstable": np.stack(unstable).mean(1), "rate": np.stack(rates).mean(1),
        "loss": losses.mean(1), "kick_epoch": kicks, "kick_effect": effect,
    }  # fmt: skip
    for name, (values, at) in series.items():
        told = _onset(values, at, key)
        found |= {f"{name}_onset": told[:5], f"{name}_explained": told[5]}
    return found


def _onset(values: Float[np.ndarray, "E B"], at: np.ndarray, key: PRNGKeyArray) -> np.ndarray:
    """The change in epochs; NaN where there are too few."""
    if len(values) < 4:
        return np.full(6, np.nan)
    found: ChangePoint = change_point(values, key)
    of = lambda index: np.interp(index, np.arange(len(at)), at)
    return np.array([of(found.at), of(found.low), of(found.high), *found[3:]])


def _unstable(
    network: Network, h: Float[Array, "B S N"], x: Float[Array, "B S I"]
) -> Float[np.ndarray, " B"]:
    """How many eigenvalues of the step out of a state lie outside the unit circle, by run."""
    w, u = np.asarray(network.step.w), np.asarray(network.step.u)
    open_ = np.asarray(h) @ w.T + np.asarray(x) @ u.T > 0
    count = lambda row: (np.abs(np.linalg.eigvals(w[np.ix_(row, row)])) > 1).sum()
    return np.array([np.mean([count(row) for row in run]) for run in open_])


def _kick_effect(
    network: Network,
    ways: dict[tuple[int, int], Bool[np.ndarray, " N"]],
    key: PRNGKeyArray,
    trials: int,
) -> float:
    """The lesser effect of exchanging given kick neurons, mean over directions; what an effect is
    above 1 counts against it, as what is below does."""
    found, _ = pools(network, key, trials, most=2)
    told = []
    for way, members in ways.items():
        if way not in found:
            return np.nan
        contrast = in_epoch(found[way].contrasts[name_of(way)], "kick")
        pair = aligned(network, found[way], contrast)
        asked = pair.epochs["kick"]
        rows = np.flatnonzero(asked.valid)
        if len(rows) < trials / 2:
            return np.nan
        picks = np.resize(rows, len(asked.valid))
        question = choose(pair, asked, picks, np.ones(len(picks)))
        masks = np.stack([members, np.ones_like(members)]).astype(question.ys.dtype)
        sums = np.asarray(exchanged(network, question, masks), float)
        effect = np.asarray(shares(sums, np.asarray(question.norms, float)).effect)
        told.append((1 - np.abs(1 - effect[:, 0] / effect[:, 1])).min())
    return float(np.mean(told)) if told else np.nan
