"""Inference: does the circuit alone decode a hidden state as well as the whole network?

    found = STUDIES["hmm-inference"].run(StudySettings(quick=True), track)
    found["accuracy"].sel(network="hand-built", decoder="readout", set="circuit").mean("seed")

Two hidden states change at a hazard of 0.05 a step and show in noise; see `tasks.HiddenState`.
Networks: the Bayes filter built by hand from 4 softplus units, among 60 unread copies of them;
and tanh networks trained on the state, whose optimum is that filter's log-odds.

The rule, fixed before any number: on noiseless *selection* trials, units are ranked by the exact
effect of holding each at its mean over whole trials, on minus the squared change of the outputs;
the circuit is the smallest top-k, k in steps of a 64th of the units, whose faithfulness, all
others held at their mean, is at least 0.95. Its rivals are the k units of largest correlation with
the hidden state, of largest variance, ..., and 20 random sets. All are then judged on *fresh*
trials, without noise and with state noise of 0.05 to 0.8 of the units' standard deviation, the
root of their mean variance: the same noise for every set. Accuracy is that of the sign of the
network's output, and of a least-squares decoder of the kept units.

Five seeds of the same networks are then asked the task's own contrast (`asked`), which units carry
one observation's difference: its mediators and circuits stand beside the circuits of the rule.

Glaze, Kable & Gold, eLife 4 (2015), for the task; Wang et al., ICLR (2023), for faithfulness.
"""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ...causal import rank_agreement
from ...circuits import auroc, jaccard, largest, random_sets
from ...core import Network, clean_run
from ...core.checks import floats
from ...core.progress import Track
from ...tasks import Trials
from ..keeping import Keep, in_memory
from ..question_numbers import coordinates, nothing_like, stacked, variables
from ..study import Study, StudySettings
from . import asked as contrasts
from .kept_sets import Noisy, accuracies, kept_faithfulness, rankings, share_right
from .networks import BUILT, TASK, TRAINED, built, networks
from .verdicts import CLAIMS, judge, tables

if TYPE_CHECKING:
    import xarray as xr

FAITHFUL = 0.95
LEVELS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)
SHARES = np.arange(1, 65) / 64
RANKED = ("circuit", "correlation", "correlation with readout", "variance", "random")
SETS = ("whole", *RANKED)
RANDOM_SETS = 20
DIMS = {
    "accuracy": ("decoder", "set", "noise"),
    "faithfulness": ("ranking", "share"),
    "size": (),
    "jaccard": ("ranking",),
    "auroc": ("ranking",),
    "agreement": (),
    "r2": (),
    "bayes": (),
    "memoryless": (),
}
"""What the rule's sets are measured by, and dimensions."""


class Scale(NamedTuple):
    """How much is run: kinds of network, gradient steps, trials to select, fit and test on; and
    how much is asked by contrasts."""

    kinds: tuple[str, ...]
    steps: int
    select: int
    fit: int
    test: int
    asked: contrasts.Asked


FULL = Scale((BUILT, *TRAINED), 1000, 128, 256, 512, contrasts.FULL)
QUICK = Scale((BUILT, "64 units"), 300, 48, 96, 192, contrasts.QUICK)


def inference(seeds: range, scale: Scale, track: Track, keep: Keep = in_memory) -> "xr.Dataset":
    """Every set of every network and seed, at every level of noise.

    **Arguments:**

    - `seeds`: of weights, trials and noise.
    - `scale`: how much is run.
    - `track`: shows progress.
    - `keep`: keeps trained networks, and what was measured of each.

    **Returns:** a Dataset `[network, seed, ...]` of `accuracy [decoder, set, noise]`,
    `faithfulness [ranking, share]`, `size` (the circuit's share of units), `jaccard [ranking]`
    of the circuit and a rival of its size, `auroc [ranking]` where the truth is known, else NaN,
    `agreement` (Spearman's, of ablation to the mean and to another trial), `r2` of the outputs as
    the filter's log-odds, and the accuracies `bayes` of the filter and `memoryless` of the sign
    of each observation. Variables that start with `asked_` are those of contrasts, see
    `asked.asked`; NaN of seeds that were not asked.
    """
    import xarray as xr

    rows, told = [], []
    for kind in track(scale.kinds, "networks"):
        made = networks(kind, seeds, scale.steps, keep)
        truths = [built(seed)[1] if kind == BUILT else None for seed in seeds]
        each = list(zip(made, truths, seeds, strict=True))
        rows.append(
            [keep(f"{kind} {one[2]}", lambda one=one: measure(*one, scale)) for one in each]
        )
        told.append(_asked(kind, each, rows[-1], scale.asked, keep))
    values = lambda name: np.asarray([[run[name] for run in row] for row in rows])
    coords = {
        "network": list(scale.kinds), "seed": list(seeds), "decoder": ["readout", "linear"],
        "set": list(SETS), "noise": list(LEVELS), "ranking": list(RANKED), "share": SHARES,
        **coordinates(contrasts.QUESTIONS),
    }  # fmt: skip
    lead = ("network", "seed")
    found = {name: ((*lead, *dims), values(name)) for name, dims in DIMS.items()}
    found |= variables(stacked([stacked(kind) for kind in told]), contrasts.ASKED_DIMS, lead)
    attrs = {"faithful": FAITHFUL, "steps": scale.steps, "trials": scale[2:5]}
    attrs |= {"asked_trials": scale.asked.trials, "asked_bases": scale.asked.search.bases}
    return xr.Dataset(found, coords, attrs)


def _asked(
    kind: str,
    each: list[tuple[Network, Array | None, int]],
    old: list[dict[str, np.ndarray]],
    size: contrasts.Asked,
    keep: Keep,
) -> list[dict[str, np.ndarray]]:
    """The first seeds of a kind asked by contrasts; nothing of the others."""

    def one(network: Network, truth: Array | None, seed: int, members: np.ndarray) -> dict:
        about = lambda: contrasts.asked(network, truth, members, seed, size)
        return keep(f"{kind} {seed} asked", about)

    pairs = list(zip(each, old, strict=True))[: size.seeds]
    rows = [one(*of, before["members"]) for of, before in pairs]
    return rows + [nothing_like(rows[0])] * (len(each) - len(rows))


def measure(
    network: Network, truth: Array | None, seed: int, scale: Scale
) -> dict[str, np.ndarray]:
    """All that the rule's sets are measured by; see `inference`. And `members`, its circuit."""
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 1), 6)
    select = TASK.sample(keys[0], scale.select)
    scores = rankings(network, select, keys[1])
    best = lambda name, sizes: largest(scores[name], sizes, keys[2])
    # a set of every share of the units, whatever their number
    sizes = np.ceil(SHARES * network.h0.size).astype(int)
    curves = kept_faithfulness(
        network, select.xs, np.concatenate([best(name, sizes) for name in RANKED])
    ).reshape(len(RANKED), -1)
    size = sizes[np.argmax(curves[0] >= FAITHFUL)]
    chosen = {name: best(name, size[None])[0] for name in RANKED}
    known = lambda name: np.nan if truth is None else auroc(scores[name], truth)
    return {
        "accuracy": held_out(network, select, chosen, seed, scale),
        "faithfulness": curves,
        "size": np.asarray(size / network.h0.size),
        "members": np.asarray(chosen["circuit"]),
        "jaccard": np.asarray([jaccard(chosen["circuit"], chosen[name]) for name in RANKED]),
        "auroc": np.asarray([known(name) for name in RANKED]),
        "agreement": np.asarray(
            rank_agreement(scores["circuit"][None], scores["resampled"][None])[0]
        ),
        **against_bayes(network, fresh_trials(seed, scale)),
    }


def fresh_trials(seed: int, scale: Scale) -> Trials:
    """The fresh trials on which all networks of a seed are judged."""
    return TASK.sample(jax.random.fold_in(jax.random.key(seed), 2), scale.test)


def held_out(
    network: Network, select: Trials, chosen: dict[str, np.ndarray], seed: int, scale: Scale
) -> Float[np.ndarray, "2 S L"]:
    """Accuracies on fresh trials of the whole, of each set, and the mean of the random ones."""
    hs, _ = clean_run(network, select.xs)
    scales = jnp.asarray(LEVELS, hs.dtype) * jnp.sqrt(hs.var((0, 1)).mean())
    fit_key, draw, *noise = jax.random.split(jax.random.fold_in(jax.random.key(seed), 3), 4)
    noisy = lambda trials, key: _noisy(trials, network.h0.size, key)
    fit = noisy(TASK.sample(fit_key, scale.fit), noise[0])
    test = noisy(fresh_trials(seed, scale), noise[1])
    random = random_sets(draw, chosen["circuit"], RANDOM_SETS)
    named = np.stack([np.ones_like(random[0]), *(chosen[name] for name in RANKED[:-1])])
    sets = floats(np.concatenate([named, random]))
    found = np.asarray(accuracies(network, fit, test, sets, hs.mean(0), scales))
    chance = found[:, len(named) :].mean(1, keepdims=True)
    return np.concatenate([found[:, : len(named)], chance], 1)


def against_bayes(network: Network, trials: Trials) -> dict[str, np.ndarray]:
    """How near the outputs come to the filter's log-odds, and how often that is right."""
    told = clean_run(network, trials.xs)[1][..., 0]
    odds = jax.vmap(TASK.log_odds)(trials.xs)
    state = jnp.asarray(trials.targets)[..., 0]
    return {
        "r2": np.asarray(1 - jnp.mean((told - odds) ** 2) / odds.var()),
        "bayes": np.asarray(share_right(odds, state)),
        "memoryless": np.asarray(share_right(trials.xs[..., 0], state)),
    }


def _noisy(trials: Trials, units: int, key: PRNGKeyArray) -> Noisy:
    state = jnp.asarray(trials.targets)[..., 0]
    return Noisy(trials.xs, state, jax.random.normal(key, (*state.shape, units), state.dtype))


def _run(settings: StudySettings, track: Track, keep: Keep) -> "xr.Dataset":
    return inference(settings.range, QUICK if settings.quick else FULL, track, keep)


HMM_INFERENCE = Study(
    "whether the circuit alone decodes a hidden state as well as the whole network, in noise too",
    CLAIMS,
    _run,
    judge,
    tables,
)
