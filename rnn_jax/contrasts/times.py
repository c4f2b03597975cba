"""When a set acts: exchanged in one window, read in another.

    found = over_time(network, pair, epoch, half, mediator, members)
    found.by_read[0, w, r]       # undone by the mediator in window w, as read in window r
    found.by_unit[0, w, i]       # undone by unit i alone in window w, as the question reads

A clamp's effect up to the end of a trial mixes when a unit matters with how much of the trial is
left. Here both times stand apart, and one sweep gives all reads of a run at once.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from ..causal.sweep.budget import default_memory, fit_budget
from ..causal.sweep.engine import CLAMP, Batch, compute
from ..core import Network, tiling
from ..core.types import Numbers
from . import search as rule
from .aligned import Epoch, Pair
from .exchange import Question, choose, flat, sums_of_run
from .halves import Picks

WINDOWS = 24
"""Most windows of the time that a question spans."""
HARDLY = 0.1
"""Share of the largest difference in any window, below which a window has no share of its own."""
GRAIN = 16
"""Units are filled up to a multiple of this, so that questions share a program."""


class Times(NamedTuple):
    """Effects by the window of exchange; axis 0 is `(undone, restored)`.

    - `windows`: `[W, L]`, in steps since the event.
    - `by_read`: `[2, W, R]`, of a set together, read in window r alone, all outputs over their
        deviations; `R = W`, and NaN where run and foil differ in window r by less than 0.05
        deviations, or by less than a tenth of what they differ by where they differ most.
    - `by_unit`: `[2, W, N]`, of each member alone, read as the question reads; NaN for others.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> epoch, half, first = pair.epochs["event"], (np.arange(8), np.ones(8)), np.arange(6) < 2
        >>> found = rj.contrasts.over_time(network, pair, epoch, half, first, first)
        >>> len(found.windows) == found.by_read.shape[1] == found.by_unit.shape[1]
        True
    """

    windows: Float[np.ndarray, "W L"]
    by_read: Float[np.ndarray, "2 W R"]
    by_unit: Float[np.ndarray, "2 W N"]


def windows_of(L: int) -> Float[np.ndarray, "W L"]:
    """At most 24 windows side by side."""
    return np.asarray(tiling(L, -(-L // WINDOWS)))


def over_time(
    network: Network,
    pair: Pair,
    epoch: Epoch,
    half: Picks,
    together: Bool[np.ndarray, " N"],
    members: Bool[np.ndarray, " N"],
) -> Times:
    """Exchange a set together, and each member alone, in each window, by exact runs.

    With `D_r` the difference of both runs in window r, `e[w, r] = <dy_r, D_r> / <D_r, D_r>`.
    It compiles itself.

    **Arguments:**

    - `network`: the network.
    - `pair`, `epoch`: both runs, and the read; the epoch's own window is not used.
    - `half`: which trials, and their weights.
    - `together`: the set.
    - `members`: the units that are exchanged alone.

    **Returns:** a `Times`.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> epoch, half, first = pair.epochs["event"], (np.arange(8), np.ones(8)), np.arange(6) < 2
        >>> found = rj.contrasts.over_time(network, pair, epoch, half, first, first)
        >>> found.by_read.shape, found.by_unit.shape  # window of exchange and of read, or unit
        ((2, 16, 16), (2, 16, 6))
        >>> np.isnan(found.by_unit).all((0, 1))  # of members alone
        array([False, False,  True,  True,  True,  True])
    """
    question = choose(pair, epoch, *half)
    N, L = len(members), question.ys.shape[2]
    # windows past the end of every trial hold no step
    windows = (windows_of(L) * pair.inside[half[0]].any(0)).astype(question.ys.dtype)
    who = np.flatnonzero(members)
    rows = np.zeros((-(-max(len(who), 1) // GRAIN) * GRAIN, N), question.ys.dtype)
    rows[np.arange(len(who)), who] = 1
    # all outputs count, at all steps that lie within a trial
    known = (half[1][:, None] * pair.inside[half[0]])[:, :, None] / pair.scale**2
    weight = np.stack([known] * 2).astype(question.ys.dtype)
    whole = together[None].astype(question.ys.dtype)
    of_set, of_units = _swept(network, question, weight, windows, whole, rows)
    norms = np.einsum("dblo,rl->dr", weight * question.gap**2, windows)
    # per entry of outputs that vary: where both runs hardly differ a share says nothing
    entries = np.einsum("dblo,rl->dr", (weight > 0).astype(float), windows)
    mean = norms / np.maximum(entries, 1)
    least = np.maximum(rule.DIFFERENCE, HARDLY * np.sqrt(mean.max(1, keepdims=True)))
    norms = np.where(mean >= least**2, norms, 0)
    by_read = _ratio(np.asarray(of_set, float)[:, 0].sum(2), norms[:, None])
    by_read[:, ~windows.any(1)] = np.nan
    read = np.asarray(question.norms, float)[..., 0].sum(1)
    by_unit = np.full((2, len(windows), N), np.nan)
    found = np.asarray(of_units, float).sum(-1)[:, : len(who)]
    by_unit[..., who] = np.moveaxis(_ratio(found, read[:, None, None]), 1, 2)
    by_unit[:, ~windows.any(1)] = np.nan
    return Times(windows, by_read, by_unit)


def _ratio(along: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, along / np.where(whole > 0, whole, 1), np.nan)


@eqx.filter_jit
def _swept(
    network: Network,
    question: Question,
    weight: Float[Numbers, "2 n L O"],
    windows: Float[Numbers, "W L"],
    together: Float[Numbers, "1 N"],
    units: Float[Numbers, "G N"],
) -> tuple[Float[Array, "2 1 W n R"], Float[Array, "2 G W n"]]:
    """`<dy, D>` of each trial: of the set in each window of reads, of units as it is asked."""
    q, weight = flat(question), flat(weight)
    rows, L = q.ys.shape[:2]
    spans = jnp.broadcast_to(windows, (rows, *windows.shape))

    def by_window(ys: Float[Array, "L O"], target: tuple) -> Float[Array, " R"]:
        own, gap, weight = target
        return windows @ (weight * (ys - own) * gap).sum(-1)

    def sweep(score, target, who):
        batch = Batch(q.xs, target, spans, q.value, q.h0)
        size = fit_budget(network, L, len(who), rows, default_memory())
        last = jnp.asarray(L - 1)
        found = compute(network, score, batch, who[None], last, CLAMP, "exact", size)
        # [W, G, 2 n, ...] -> [2, G, W, n, ...]
        return jnp.moveaxis(
            found.reshape(*found.shape[:2], 2, -1, *found.shape[3:]), 2, 0
        ).swapaxes(1, 2)

    as_asked = lambda ys, target: sums_of_run(ys, target)[:, 0].sum()
    of_set = sweep(by_window, (q.ys, q.gap, weight), together)
    return of_set, sweep(as_asked, (q.ys, q.gap, q.read, q.times), units)
