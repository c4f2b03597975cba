"""From a network to its time-resolved circuit: the main job, end to end.

    found = discover(Subject("mine", network, trials))
    found.circuit.nodes          # [E, N]: who belongs, in each epoch
    found.dataset["effect"]      # [window, unit]: exact effect of taking a unit out

The **causal** stage clamps each unit in each window and epoch, by exact runs. It keeps the units
whose effect is significant over trials and not small. The **local** stage linearises the
trajectory, which gives the connections among these units. Then the set is tested as a whole: what
remains when only it is kept, and when only it is dropped, compared with random sets of its size.
"""

import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..causal import SCORES, Score, over_devices, replacement, share_of_variance
from ..causal.kept import fingerprint
from ..causal.store import programs
from ..causal.sweep.asked import check_score
from ..circuits import (
    Circuit,
    Selection,
    SetTest,
    check_attainable,
    clamping_others,
    judge_set,
    random_sets,
    select_edges,
    select_units,
)
from ..core import State, clean_run, tiling
from ..core.checks import floats, function
from ..core.progress import Track, in_silence
from ..linear import Connectivity
from ..tasks import Trials
from .asked import ask_contrasts
from .causes import find_causes
from .connections import find_connections
from .discovery import Discovery
from .findings import Findings
from .labels import to_dataset
from .plan import Keys, Plan
from .settings import Settings
from .subject import Subject, check_run, check_subject


def discover(
    subject: Subject,
    settings: Settings = Settings(),
    track: Track = in_silence,
    store: Path | None = None,
    score: Score | None = None,
) -> Discovery:
    """Find, for each epoch, which units matter and through which connections.

    Its sweeps compile themselves, once each whatever the number of units and windows, and
    use all devices there are; several processes call it alike, and each gets all results.

    **Arguments:**

    - `subject`: the network and its trials; only the scoring at the end reads its truth.
    - `settings`: replacement values, window width, thresholds, seed.
    - `track`: a wrapper of loops that shows progress.
    - `store`: a folder that keeps every window of a sweep and every answer to a contrast once it
        is done, so that the same discovery, interrupted and called again, goes on.
    - `score`: any function `(outputs [T, O], targets [T, O]) -> scalar` of one trial, larger is
        better, in the place of `settings.score`. Where the trials have no targets, the outputs of
        the clean run stand in for them.

    **Returns:** a `Discovery`.

    **Raises:** `ValueError` where network and trials do not fit, a number in them is not
    finite, or there are no epochs.

    **Example:**

        >>> few = rj.Settings(contrasts=False, random_sets=19, width=10)
        >>> found = rj.discover(rj.Subject("mine", network, trials), few)
        >>> found.dataset["epoch_effect"].dims
        ('epoch', 'unit')
    """
    if not isinstance(settings, Settings):
        raise ValueError(f"settings must be a rnn_jax.Settings, got {type(settings).__name__}")
    check_subject(subject)
    if score is not None:
        function("score", score)
    count = jax.tree.leaves(subject.trials.xs)[0].shape[0]
    check_attainable(count, settings.flips, settings.alpha, settings.floor)
    findings = find(subject, settings, track, store, score)
    if not (findings.causes.windows.any() or findings.causes.epochs.any()):
        warnings.warn(
            "no unit changes the score in any window: the score may be a constant, the readout "
            "may not see the units, or their values may be what they are replaced with",
            stacklevel=2,
        )
    circuit = Circuit(
        nodes=findings.selection.members,
        edges=findings.edges,
        effect=findings.causes.epochs.mean(-1),
        weight=findings.epoch_connectivity.signed,
        windows=findings.epoch_windows,
        names=findings.epochs,
        units=subject.unit_names,
    )
    dataset = to_dataset(subject, settings, findings)
    return Discovery(circuit, dataset, subject, settings, findings.asked.answers)


def find(
    subject: Subject, settings: Settings, track: Track, store: Path | None, score: Score | None
) -> Findings:
    """The stages of a discovery in their order, on the network and its trials alone."""
    keys = Keys(*jax.random.split(jax.random.key(settings.seed), len(Keys._fields)))
    plan, hs, ys = _plan(subject, settings, store, score)
    B, T = plan.targets.shape[:2]
    windows = np.asarray(tiling(T, settings.width or max(1, -(-T // 24))))
    per_trial = np.broadcast_to(windows[:, None], (len(windows), B, T))
    epochs = tuple(subject.trials.epochs)
    epoch_windows = np.stack([np.asarray(subject.trials.epochs[name]) for name in epochs])

    units = np.eye(subject.size)
    null = plan.effects(units, epoch_windows, hs, lambda w: track(w, "null edits"))
    plan = plan.with_noise(null)
    value = replacement(settings.value, hs, keys.value)
    causes = find_causes(plan, hs, value, per_trial, epoch_windows, settings, keys, track)
    selection = select_units(
        causes.epochs, keys.flips, alpha=settings.alpha, floor=settings.floor, flips=settings.flips
    )
    spans = [np.concatenate([per_trial, epoch_windows])]
    local = lambda spans: find_connections(plan.network, plan.xs, spans, plan.mesh)
    (found,) = map(local, track(spans, "connections"))
    over_windows, over_epochs = _split(found, len(windows))
    # by the sizes of flows: on trials of either sign, as of a decision, their mean is nothing
    edges = select_edges(over_epochs.size, selection.members, share=settings.edge_share)
    sets = _sets(plan, selection, epoch_windows, value, keys.sets, settings, track)
    asked = ask_contrasts(subject, settings, keys.contrasts, track, store)
    metric = settings.score if score is None else _name(plan)
    return Findings(
        metric, hs, ys, plan.targets, windows, epochs, epoch_windows, causes, selection,
        over_windows, over_epochs, edges, sets, asked,
    )  # fmt: skip


def _sets(
    plan: Plan,
    selection: Selection,
    windows: Float[np.ndarray, "E B T"],
    value: State,
    key: PRNGKeyArray,
    settings: Settings,
    track: Track,
) -> list[SetTest]:
    """The circuit of each epoch, tested as a set beside random sets of its size."""
    found = []
    for e in track(range(len(windows)), "circuits as sets"):
        draw, boot = jax.random.split(jax.random.fold_in(key, e))
        evaluate = clamping_others(partial(plan.effects, windows=windows[e : e + 1], value=value))
        members = selection.members[e]
        random = random_sets(draw, members, settings.random_sets)
        found.append(judge_set(evaluate, members, random, boot, settings.resamples))
    return found


def _plan(
    subject: Subject, settings: Settings, store: Path | None, score: Score | None
) -> tuple[Plan, State, Array]:
    """The clean run, and what all sweeps share."""
    trials = subject.trials
    hs, ys = clean_run(subject.network, trials.xs)
    targets, score = _asked(trials, settings, ys, score)
    check_score(subject.network, score, targets)
    _check_run(hs, ys, _scores(score, ys, targets))
    mesh = over_devices(subject.size, len(targets))
    plan = Plan(subject.network, trials.xs, targets, score, settings.kind, store=store, mesh=mesh)
    return plan, hs, ys


def _asked(
    trials: Trials, settings: Settings, ys: Array, score: Score | None
) -> tuple[Array, Score]:
    """The targets and the score: that of a user, or the one that settings name."""
    if score is None and settings.score == "fidelity":
        return ys, share_of_variance(ys)
    if trials.targets is not None:
        targets = floats(trials.targets, ys.dtype)
    elif score is not None:
        return ys, score
    else:
        raise ValueError(f"score {settings.score} needs targets, the trials hold none")
    if score is None and settings.score == "log-odds":
        _check_classes(targets)
    return targets, score or SCORES[settings.score]


def _name(plan: Plan) -> str:
    """A user's score by its name and by what it computes: two lambdas have one name."""
    *_, program = programs(plan.network, plan.xs, plan.targets, plan.score)
    return f"{getattr(plan.score, '__name__', 'score')} {fingerprint(program)}"


def _check_classes(targets: Float[Array, "B T O"]) -> None:
    """**Raises:** `ValueError` where a step's target names no class and is not all 0 either."""
    known = np.asarray(targets)
    if known.shape[-1] < 2:
        raise ValueError("score log-odds needs at least 2 classes, got 1 output")
    asked = known[(known != 0).any(-1)]
    bad = ~(((asked == 0) | (asked == 1)).all(-1) & (asked.sum(-1) == 1))
    if not asked.size or bad.any():
        row = asked[bad][0].tolist() if asked.size else "only zeros"
        raise ValueError(f"score log-odds needs one-hot targets, got {row}")


@eqx.filter_jit
def _scores(score: Score, ys: Array, targets: Array) -> Array:
    """Of each trial; compiled once for a score and its shapes."""
    return jax.vmap(score)(ys, targets)


def _check_run(hs: State, ys: Array, scores: Array) -> None:
    """A clean run that overflows makes every effect NaN: say so before hours of sweeps."""
    check_run(hs, ys)
    if not (good := np.isfinite(np.asarray(scores))).all():
        at = int(np.argwhere(~good)[0, 0])
        raise ValueError(
            f"the metric of the clean run is not finite on trial {at}; a score gets the outputs "
            "[T, O] and targets [T, O] of one trial"
        )


def _split(found: Connectivity, at: int) -> tuple[Connectivity, Connectivity]:
    """Windows and epochs apart; the wire, which has no windows, belongs to both."""

    def part(slot: slice) -> Connectivity:
        cut = jax.tree.map(lambda leaf: leaf[slot], replace(found, wire=None))
        return replace(cut, wire=found.wire)

    return part(slice(None, at)), part(slice(at, None))
