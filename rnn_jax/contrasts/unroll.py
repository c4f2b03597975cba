"""The circuit unrolled in time: which connections inside it carry the difference, and when.

    found = unroll(asking, circuit)
    found.source, found.to           # of the edges that are kept
    found.by_window[1, v, k]         # restored less, where edge k alone is cut in window v

Edges are cut as sets, by elimination inside the closed circuit, on the choosing half. First an
edge acts from the event to the read or not at all; then each kept edge acts in some windows of
time. What the edges do is told on the judging half.
"""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from .answers import UnitSet
from .candidates import Candidates, candidates, filled, spans
from .edge_nulls import in_random_circuits, random_edges, searched, with_shuffled_weights
from .edge_search import Cut, cut_of, eliminated, tied
from .edges import sums_by_edges
from .elimination import curve_of
from .exchange import astray, shares
from .intervals import Intervals, share_intervals
from .judged import alone, p_of
from .sets import Asking
from .unrolled import Unrolled


def unroll(asking: Asking, circuit: UnitSet) -> Unrolled | None:
    """The edges of a circuit, searched and judged; `None` where no set of edges is good enough.

    **Arguments:**

    - `asking`: the epoch of a contrast.
    - `circuit`: the closed circuit, of units or of whole groups.
    """
    cut, members = cut_of(asking, circuit), circuit.members
    found = candidates(asking, members, cut.choosing)
    course, _, good = tied(cut, found, asking.search.keep, 1)
    if not good:
        return None
    kept, curve = np.asarray(course.free), curve_of(course, cut.reach)
    windows, at = spans(cut.choosing)
    timed = _acting(cut, found, kept, at)
    of_random, of_others, of_weights = jax.random.split(jax.random.fold_in(asking.key, 1), 3)
    count = int(kept.sum())
    draws = random_edges(of_random, found.free, count, asking.search.random_sets)
    judged = _judged(cut, found, at, kept, timed, draws)
    others = in_random_circuits(of_others, cut, members, count)
    weights = with_shuffled_weights(of_weights, cut, found, count)
    own = searched(cut, found, count) if len(others) + len(weights) else np.nan
    p = (p_of(judged.pop("own"), judged["random"]), p_of(own, others), p_of(own, weights))
    picked = np.flatnonzero(kept)
    return Unrolled(
        kind=tuple(found.kind[g] for g in picked), to=found.to[picked],
        source=found.source[picked], groups=asking.names, count=len(found.kind), windows=windows,
        acts=timed[:, picked], curve=curve, others=others, shuffled=weights, p=np.array(p),
        **judged,
    )  # fmt: skip


_sums = eqx.filter_jit(sums_by_edges)


def _acting(
    cut: Cut, found: Candidates, kept: Bool[np.ndarray, " H"], at: Int[np.ndarray, " L"]
) -> Bool[np.ndarray, "V H"]:
    """In which windows each kept edge is needed."""
    picked = np.flatnonzero(kept)
    slots = filled(len(picked))
    rank = np.full(len(kept) + 1, slots)
    rank[picked] = np.arange(len(picked))
    closed = found.closed._replace(places=rank[found.closed.places], at=at)
    free = np.tile(np.arange(slots) < len(picked), (at.max() + 1, 1))
    keep, least = np.asarray(cut.asking.search.keep, cut.reach.dtype), np.asarray(1)
    course, *_ = eliminated(
        cut.asking.network, cut.choosing, closed, free, keep, least, cut.reach, cut.products
    )
    acts = np.zeros((len(free), len(kept)), bool)
    acts[:, picked] = np.asarray(course.free).reshape(free.shape)[:, : len(picked)]
    return acts


def _judged(
    cut: Cut,
    found: Candidates,
    at: Int[np.ndarray, " L"],
    kept: Bool[np.ndarray, " H"],
    timed: Bool[np.ndarray, "V H"],
    draws: Bool[np.ndarray, "R H"],
) -> dict:
    """What the edges do on the judging half: together, each cut alone, and random ones."""
    V, picked = len(timed), np.flatnonzero(kept)
    always = lambda rows: np.repeat(np.atleast_2d(rows)[:, None], V, 1)
    but_one = ~np.eye(len(kept), dtype=bool)[picked]
    here = np.eye(V, dtype=bool)[:, None, :, None]
    once = (~here | but_one[None, :, None]).reshape(-1, V, len(kept))
    parts = [always(kept), timed[None], always(kept & but_one), once & kept, always(draws)]
    ends = np.cumsum([len(part) for part in parts])
    rows = np.concatenate(parts)
    rows = np.concatenate([rows, np.zeros((-len(rows) % 256, *rows.shape[1:]), bool)])
    closed = found.closed._replace(at=at)
    sums = _sums(cut.asking.network, cut.judging, closed, rows, cut.products, by_output=True)
    by_output = np.asarray(sums, float)[:, : ends[-1]]
    of_outputs = astray(by_output[:, 0], np.asarray(cut.judging.norms_by_output, float))
    sums, norms = by_output.sum(-2), np.asarray(cut.judging.norms, float)
    together, own_time, single, by_window, random = np.split(sums, ends[:-1], 1)
    less = lambda part: share_intervals(part - together, norms).effect[::-1]
    whole, timed_ = (_kept(share_intervals(part, norms)) for part in (together, own_time))
    return {
        "effect": less(single),
        "by_window": less(by_window)[..., 0].reshape(2, V, -1),
        "undone": whole[0], "restored": whole[1], "off_target": whole[2], "timed": timed_,
        "astray": of_outputs.max(0),
        "random": (1 - shares(random, norms).effect).min(0),
        "own": whole[:2, 0].min(),
    }  # fmt: skip


def _kept(found: Intervals) -> Float[np.ndarray, "3 3"]:
    """Undone, restored and off target of a set alone, from what holding the others does."""
    off = found.off[:, 0]
    return np.stack([*alone(found.effect[:, 0]), off[off[:, 0].argmax()]])
