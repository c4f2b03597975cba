"""What contrasts recover of a planted network: units, edges, and the steps at which units matter.

    found = of_kind(planted, key, draws=3)
    found["sets"]            # [draw, finder]: F1 of the units that each finder names

Networks are drawn anew: the same function by units in another order, half of them saying the
negative of what they said, and four more units that read the circuit. Kinds are what is
replicated; draws of one kind are averaged. Every method is handed a network, its trials and
foils; those that rank units are told, too, how many units are true.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...causal import mean_of_finite, resample, squared_error, sweep_edges
from ...circuits import average_precision, precision_at_size, timing_overlap
from ...circuits.baselines import BASELINES
from ...contrasts import Answer, Search, aligned, ask, other_trials
from ...core import Network, clean_run, run
from ...core.network import num_units
from ...linear import effective_connectivity
from ...planted import Planted, add_readers, flip_signs, over_time, permute
from ...tasks import Contrast, Trials
from ..question import OWN, SELECTORS, looked, ranked
from .selectors import unit_scores

TRIALS = 48
READERS = 4
SHUFFLES = 99
ACTIVE = 0.1
"""A unit matters at a step where its score is at least this share of the step's largest."""
MOST_STEPS = 40
"""Steps, at most, of which timing is asked, evenly spread."""
FINDERS = (OWN, *SELECTORS)
TIMERS = ("exact ablation", *BASELINES)
EDGE_FINDERS = ("unrolled circuit", "single edges, exact", "flow", "weight")
DIMS = {
    "sets": ("draw", "finder"),
    "shuffled": ("draw", "shuffle"),
    "refused": ("draw",),
    "timing": ("draw", "timer"),
    "edges": ("edge_finder",),
}
"""What is measured of each kind, and its dimensions."""
SEARCH = Search(bases=0, splits=0, random_sets=19)
"""Bases and half-splits change no mark."""


def of_kind(planted: Planted, key: PRNGKeyArray, draws: int) -> dict[str, np.ndarray]:
    """All marks of one kind.

    **Arguments:**

    - `planted`: with a circuit of units.
    - `key`: draws networks, trials, and what methods draw.
    - `draws`: networks.

    **Returns:** `sets` `[draw, finder]`, `shuffled` `[draw, shuffle]`, the F1 of the same units
    against truths of shuffled units, `refused` `[draw]`, the share of questions, `timing`
    `[draw, timer]`, and `edges` `[edge finder]`, of the planted network itself.
    """
    of_units, of_edges = jax.random.split(key)
    each = [_of_units(*_draw(planted, one)) for one in jax.random.split(of_units, draws)]
    found = {name: np.stack([np.asarray(one[name]) for one in each]) for name in each[0]}
    return found | {"edges": _of_edges(planted, of_edges)}


def _draw(planted: Planted, key: PRNGKeyArray) -> tuple[Planted, PRNGKeyArray]:
    """The kind by other units, and a key for what follows; as it is where the state has parts."""
    of_readers, of_signs, of_order, rest = jax.random.split(key, 4)
    if not isinstance(planted.network.h0, jax.Array):
        return planted, rest
    planted = add_readers(planted, READERS, of_readers)
    N = len(planted.units)
    planted = flip_signs(planted, np.asarray(jax.random.rademacher(of_signs, (N,))).tolist())
    return permute(planted, np.asarray(jax.random.permutation(of_order, N))), rest


def _asked(planted: Planted, key: PRNGKeyArray) -> tuple[Trials, dict[str, Contrast]]:
    of_trials, of_contrasts = jax.random.split(key)
    trials = planted.sample(of_trials, TRIALS)
    if planted.contrasts is not None:
        return trials, planted.contrasts(of_contrasts, trials)
    return trials, other_trials(of_contrasts, planted.network, trials)


def _of_units(planted: Planted, key: PRNGKeyArray) -> dict[str, np.ndarray]:
    """Marks of one network's units."""
    of_trials, of_search, of_methods, of_shuffles = jax.random.split(key, 4)
    trials, contrasts = _asked(planted, of_trials)
    marks: list[list[float]] = []
    shuffled: list[Float[np.ndarray, " R"]] = []
    draw = np.random.default_rng(np.asarray(jax.random.key_data(of_shuffles)))
    for name, contrast in contrasts.items():
        answers = ask(planted.network, trials, name, contrast, SEARCH, of_search, planted.groups)
        pair = aligned(planted.network, trials, contrast)
        for answer in answers:
            truth = np.asarray(planted.truth.nodes[answer.epoch]) > 0
            if not truth.any() or truth.all():
                continue
            if answer.note:
                marks.append([np.nan] * len(FINDERS))
                shuffled.append(np.full(SHUFFLES, np.nan))
                continue
            others = ranked(looked(planted.network, pair, answer.epoch, of_methods))
            rest = [precision_at_size(others[f], truth) for f in SELECTORS]
            marks.append([f1(answer.members, truth), *rest])
            turns = [draw.permutation(truth) for _ in range(SHUFFLES)]
            shuffled.append(np.array([f1(answer.members, turn) for turn in turns]))
    table = np.array(marks).reshape(-1, len(FINDERS))
    asked = np.isfinite(table[:, 0])
    mean = lambda rows: rows[asked].mean(0) if asked.any() else np.full(rows.shape[1], np.nan)
    return {
        # all are judged on the questions that contrasts can be asked
        "sets": mean(table),
        "shuffled": mean(np.array(shuffled).reshape(-1, SHUFFLES)),
        "refused": np.asarray(1 - asked.mean() if len(asked) else np.nan),
        "timing": _timing(planted, trials, of_methods),
    }


def f1(found: Bool[np.ndarray, " N"], truth: Bool[np.ndarray, " N"]) -> float:
    """`2 |A and B| / (|A| + |B|)`."""
    return float(2 * (found & truth).sum() / max(1, found.sum() + truth.sum()))


def _timing(planted: Planted, trials: Trials, key: PRNGKeyArray) -> Float[np.ndarray, " F"]:
    """Overlap over steps of when units matter and when they are said to, mean over the units that
    do, or are said to, at any step; NaN for kinds whose epochs differ between trials."""
    windows = {name: np.asarray(window) for name, window in trials.epochs.items()}
    if any((window != window[:1]).any() for window in windows.values()):
        return np.full(len(TIMERS), np.nan)
    one = {name: jnp.asarray(window[0]) for name, window in windows.items()}
    truth = np.asarray(over_time(planted.truth, one)) > 0
    known = np.flatnonzero(truth.any(1) & ~truth.all(1))
    known = known[np.linspace(0, len(known) - 1, min(MOST_STEPS, len(known))).round().astype(int)]
    shape, dtype = windows[next(iter(windows))].shape, jnp.zeros(()).dtype
    at = lambda t: jnp.broadcast_to(jnp.arange(shape[1]) == t, shape).astype(dtype)
    each = {f"step {t}": at(t) for t in known.tolist()}
    scores = unit_scores(planted.network, replace(trials, epochs=each), key)

    def overlap(rows: Float[np.ndarray, "T N"]) -> float:
        active = (rows >= ACTIVE * rows.max(1, keepdims=True)) & (rows > 0)
        either = (active | truth[known]).any(0)
        return float(timing_overlap(active, truth[known])[either].mean())

    return np.array([overlap(scores[name]) for name in TIMERS])


def _of_edges(planted: Planted, key: PRNGKeyArray) -> Float[np.ndarray, " F"]:
    """Average precision over all wired pairs, mean over the epochs of the first contrast."""
    of_trials, of_search, of_value = jax.random.split(key, 3)
    trials, contrasts = _asked(planted, of_trials)
    name, contrast = next(iter(contrasts.items()))
    search = replace(SEARCH, unrolled=True, edge_nulls=0)
    answers = ask(planted.network, trials, name, contrast, search, of_search, planted.groups)
    marks = [_edge_marks(planted, trials, contrast, answer, of_value) for answer in answers]
    known = [mark for mark in marks if mark is not None]
    return np.mean(known, 0) if known else np.full(len(EDGE_FINDERS), np.nan)


def _edge_marks(
    planted: Planted, trials: Trials, contrast: Contrast, answer: Answer, key: PRNGKeyArray
) -> list[float] | None:
    """Each finder's average precision; `None` where nothing was asked or no edges are true.

    Where no edges were found, all of them count alike.
    """
    truth = np.asarray(planted.truth.edges.get(answer.epoch, np.zeros(1))) > 0
    if answer.note or not truth.any():
        return None
    network, w = planted.network, weights(planted.network)
    wired = (w != 0) | truth
    if truth[wired].all():
        return None
    assert contrast.epochs is not None
    window = np.asarray(contrast.epochs[answer.epoch], float)
    has = np.flatnonzero(window[:, 1:].any(1))
    xs = jax.tree.map(lambda leaf: jnp.asarray(leaf)[has], trials.xs)
    window = jnp.asarray(window[has])
    scores = (
        edge_scores(answer, planted.groups, len(planted.units)),
        _single_edges(network, xs, window, wired, key),
        _flow(network, xs, window),
        np.abs(w),
    )
    return [float(average_precision(score[wired], truth[wired])) for score in scores]


def weights(network: Network) -> Float[np.ndarray, "N N"]:
    """`|W|` of a step that has one, the largest over its gates; else 1 for every pair."""
    w, N = getattr(network.step, "w", None), num_units(network)
    if w is None or w.shape[-2:] != (N, N):
        return np.ones((N, N))
    return np.abs(np.asarray(w)).reshape(-1, N, N).max(0)


def edge_scores(answer: Answer, groups: tuple[str, ...], N: int) -> Float[np.ndarray, "N N"]:
    """`[to, from]`: what is lost where an edge is cut, above 0 for each that is kept."""
    found, labels, score = answer.unrolled, np.array(groups), np.zeros((N, N))
    if found is None:
        return score
    for kind, *ends, effect in zip(
        found.kind, found.to, found.source, found.effect[1, :, 0], strict=True
    ):
        if kind == "unit":
            rows = [labels == found.groups[i] if found.groups else [i] for i in ends]
            score[np.ix_(*rows)] = max(abs(float(effect)), 1e-9)
    return score


def _single_edges(
    network: Network, xs: Array, window: Float[Array, "B T"], wired: np.ndarray, key: PRNGKeyArray
) -> Float[np.ndarray, "N N"]:
    """What cutting each wired pair alone does, exactly, by another trial's values."""
    hs, ys = clean_run(network, xs)
    ends = np.argwhere(wired)
    effects = sweep_edges(
        network, xs, ys, squared_error, ends, window[None], resample(hs, key), allow_noop=True
    )
    score = np.zeros(wired.shape)
    score[tuple(ends.T)] = np.abs(mean_of_finite(effects))[0]
    return score


def _flow(network: Network, xs: Array, window: Float[Array, "B T"]) -> Float[np.ndarray, "N N"]:
    """`mean |J_ij h_j|` over the window and trials."""

    def one(x: Array, row: Float[Array, " T"]) -> Array:
        return effective_connectivity(network.step, run(network, x), row[None]).size[0]

    return np.asarray(eqx.filter_jit(jax.vmap(one))(xs, window).mean(0))
