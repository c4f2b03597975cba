"""Recovery: which method finds a planted circuit, of which kind, under how much noise.

    found = recovery({"latch": latch}, range(10))
    found["auroc"].sel(kind="latch", selector="correlation with target").mean("seed")
    found["sets"].sel(kind="latch", finder="exchanges")        # by contrasts; see `questions`

Nothing but the scoring at the end reads a truth.
"""

import difflib
import inspect
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ...causal.kept import fingerprint
from ...causal.store import programs
from ...circuits import auroc, average_precision, precision_at_size
from ...core.progress import Track, in_silence
from ...data import load_object, said_in_file
from ...planted import PLANTED, Planted, check_planted
from ...tasks import Trials
from ..keeping import Keep, forget_programs, in_memory
from ..study import Study, StudySettings
from .questions import DIMS, EDGE_FINDERS, FINDERS, TIMERS, of_kind
from .rotated import kept
from .selectors import unit_scores, with_noise
from .verdicts import CLAIMS, RANKED, judge, tables

if TYPE_CHECKING:
    import xarray as xr

NOISE = (0.0, 0.01, 0.03, 0.1, 0.3)
QUICK_KINDS = ("latch", "copies", "and-pair", "cancelled-pair", "correlated-unread")
QUICK_ASKED = ("latch",)
TRIALS, DRAWS = 32, 1
MOST_UNITS = 64
"""Kinds of more units are not asked their contrasts: the ring alone would take as long as ten."""
MARKS = {
    "auroc": auroc,
    "average_precision": average_precision,
    "precision": precision_at_size,
}


def recovery(
    kinds: Mapping[str, Callable[[], Planted]],
    seeds: Sequence[int],
    noise: Sequence[float] = NOISE,
    count: int = TRIALS,
    track: Track = in_silence,
    keep: Keep = in_memory,
    asked: Collection[str] = (),
) -> "xr.Dataset":
    """Every method on every kind, noise level and seed.

    **Arguments:**

    - `kinds`: by name, what makes a planted network.
    - `seeds`: of the draws of trials, each with its own noise.
    - `noise`: standard deviations of what is added to the inputs.
    - `count`: trials a draw.
    - `track`: shows progress.
    - `keep`: keeps what was found on each kind.
    - `asked`: kinds that are asked their contrasts, too.

    **Returns:** a Dataset of `auroc`, `average_precision` and `precision` among as many units as
    are true `[kind, noise, seed, selector]`, means over the epochs that have members and others;
    `prevalence [kind]`; and `kept [kind, seed,
    form]`, the faithfulness of the strongest units as built and rotated. Where kinds are asked,
    `sets [kind, draw, finder]`, `shuffled [kind, draw, shuffle]`, `refused [kind, draw]`,
    `timing [kind, draw, timer]` and `edges [kind, edge_finder]`; see `questions.of_kind`.

    **Raises:** `ValueError` where a kind has no epoch of both.

    **Example:**

        >>> found = rj.studies.recovery({"latch": rj.planted.latch}, range(2), (0.0,), count=16)
        >>> found["auroc"].sel(selector="exact ablation").values.ravel().tolist()  # of each seed
        [1.0, 1.0]
    """
    import xarray as xr

    found, questions = [], []
    for kind in track(list(kinds), "recovery"):
        forget_programs()
        planted = kinds[kind]()
        name = f"{kind} {_digest(planted)}"
        row = lambda planted=planted, kind=kind: _of_kind(kind, planted, seeds, noise, count)
        found.append(keep(name, row))
        if kind in asked:
            own = lambda planted=planted, kind=kind: of_kind(planted, _key(kind), DRAWS)
            questions.append(keep(f"{name} questions", own))
        else:
            questions.append(None)
    parts = ("marks", "prevalence", "forms")
    marks, prevalence, forms = (np.asarray([row[part] for row in found]) for part in parts)
    dims = ("kind", "noise", "seed", "selector")
    coords = {
        "kind": list(kinds), "noise": list(noise), "seed": list(seeds),
        "selector": found[0]["names"].tolist(), "form": ["built", "rotated"],
    }  # fmt: skip
    variables = {name: (dims, marks[..., k]) for k, name in enumerate(MARKS)}
    variables |= {"prevalence": (("kind",), prevalence), "kept": (("kind", "seed", "form"), forms)}
    about = {"trials": count}
    return xr.Dataset(variables, coords, about).assign(_questions(questions))


def _questions(rows: list[dict[str, np.ndarray] | None]) -> dict[str, tuple]:
    """What kinds were asked, as variables; NaN for a kind that was not, none if none was."""
    known = [row for row in rows if row is not None]
    if not known:
        return {}
    nothing = {name: np.full(np.shape(value), np.nan) for name, value in known[0].items()}
    full = [nothing if row is None else row for row in rows]
    stack = lambda name: np.stack([row[name] for row in full])
    names = {"finder": FINDERS, "timer": TIMERS, "edge_finder": EDGE_FINDERS}
    coords = {dim: ((dim,), list(values)) for dim, values in names.items()}
    return coords | {name: (("kind", *dims), stack(name)) for name, dims in DIMS.items()}


def _key(kind: str) -> PRNGKeyArray:
    """A key of its own for each kind, else the random scores of all kinds would be the same."""
    return jax.random.key(zlib.crc32(kind.encode()))


def _of_kind(
    kind: str, planted: Planted, seeds: Sequence[int], noise: Sequence[float], count: int
) -> dict[str, np.ndarray]:
    """Marks `[noise, seed, selector, mark]`, prevalence, what is kept `[seed, form]`, names."""
    # a truth may speak of the epochs of contrasts as well
    of_trials = planted.sample(jax.random.key(0), 2).epochs
    nodes = np.stack([np.asarray(planted.truth.nodes[name]) for name in of_trials]) > 0
    mixed = nodes.any(1) & ~nodes.all(1)
    if not mixed.any():
        raise ValueError(f"{kind} has no epoch in which some units belong and some do not")
    keys = [jax.random.split(jax.random.fold_in(_key(kind), seed), 3) for seed in seeds]
    draws = [(planted.sample(draw, count), key, last) for draw, key, last in keys]
    runs = [[_once(planted, trials, key, scale) for trials, key, _ in draws] for scale in noise]
    names = list(runs[0][0])
    marks = [[[run[name] for name in names] for run in row] for row in runs]
    forms = [kept(planted, trials, key) for trials, _, key in draws]
    found = {"marks": marks, "prevalence": float(nodes[mixed].mean()), "forms": forms}
    return {name: np.asarray(part) for name, part in found.items()} | {"names": np.asarray(names)}


def _digest(planted: Planted) -> str:
    """What a kind computes and is asked, since a user's file may change between two runs."""
    trials = planted.sample(jax.random.key(0), 2)
    blank = jnp.zeros((2, len(jax.tree.leaves(trials.epochs)[0][0]), 1))
    what = programs(planted.network, trials.xs, blank, lambda ys, targets: ys.sum())
    return fingerprint(what, planted.network.h0, trials, planted.truth.nodes)


def _once(
    planted: Planted, trials: Trials, key: PRNGKeyArray, scale: float
) -> dict[str, Float[np.ndarray, " M"]]:
    """One draw: each method's marks, and those of an oracle."""
    noise_key, method_key = jax.random.split(key)
    trials = with_noise(trials, scale, noise_key)
    scores = unit_scores(planted.network, trials, method_key)
    nodes = np.stack([np.asarray(planted.truth.nodes[name]) for name in trials.epochs]) > 0
    scores["oracle"] = nodes.astype(float)
    return {name: _marks(score, nodes) for name, score in scores.items()}


def _marks(scores: Float[np.ndarray, "E N"], nodes: Bool[np.ndarray, "E N"]) -> np.ndarray:
    """The mean of each mark over epochs in which some units belong and some do not."""
    mixed = nodes.any(1) & ~nodes.all(1)
    pairs = list(zip(scores[mixed], nodes[mixed], strict=True))
    return np.array([np.mean([mark(*pair) for pair in pairs]) for mark in MARKS.values()])


@dataclass(frozen=True)
class RecoverySettings(StudySettings):
    """How much of the study is run, and on which networks."""

    kinds: tuple[str, ...] = ()
    """Planted networks of `rnn-jax list`, or FILE.py:NAME of your own; by default all that are
    built in and have a circuit of units."""


def _run(settings: RecoverySettings, track: Track, keep: Keep) -> "xr.Dataset":
    names = settings.kinds or (QUICK_KINDS if settings.quick else RANKED)
    noise = (NOISE[0], NOISE[-2]) if settings.quick else NOISE
    kinds = {name: _maker(name) for name in names}
    few = [name for name in names if len(kinds[name]().units) <= MOST_UNITS]
    asked = [name for name in few if name in QUICK_ASKED] if settings.quick else few
    return recovery(kinds, settings.range, noise, TRIALS, track, keep, asked)


def _maker(name: str) -> Callable[[], Planted]:
    """What makes a kind: built in, or a `Planted` (or what makes one) in a user's file."""
    if name in PLANTED:
        return PLANTED[name].make
    if ".py:" not in name:
        near = difflib.get_close_matches(name, PLANTED, 1)
        hint = f"; perhaps you meant {near[0]}" if near else " (rnn-jax list shows them)"
        raise ValueError(f"{name!r} is no planted network and no FILE.py:NAME{hint}")
    thing = load_object(name)
    planted = _made(name, thing) if inspect.isfunction(thing) else thing
    if not isinstance(planted, Planted):
        raise ValueError(
            f"{name} is a {type(planted).__name__}; expected a rnn_jax.planted.Planted"
        )
    check_planted(planted, name)
    return lambda: planted


def _made(name: str, make: Callable[[], Planted]) -> Planted:
    try:
        return make()
    except Exception as error:
        raise ValueError(f"{name}() fails: {said_in_file(error)}") from error


RECOVERY = Study(
    "every method on every planted network: who finds a circuit that is known",
    CLAIMS,
    _run,
    judge,
    tables,
    RecoverySettings,
)
