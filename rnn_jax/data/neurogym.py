"""Trials of a neurogym environment, or of any object like one: nothing is imported for it.

    trials = trials_from_env(env, 64)
    trials = trials_from_env(env, 64, foils={"choice": lambda trial: {"ground_truth": ...}})

An environment draws a trial by `new_trial()` and then has `ob [T, I]`, `gt [T]` and, of each
period, `start_ind` and `end_ind`. Periods become epochs.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from ..core.checks import at_least, function
from ..tasks import Contrast, Trials, check_trials

PARTS = ("new_trial", "ob", "gt", "start_ind", "end_ind")

Foil = Callable[[Mapping[str, Any]], dict[str, Any]]
"""What a trial was drawn with, to what its foil is drawn with: arguments of `new_trial`."""


class _Drawn(NamedTuple):
    ob: np.ndarray
    gt: np.ndarray
    periods: dict[str, tuple[int, int]]


def trials_from_env(
    env: Any, count: int, seed: int = 0, foils: Mapping[str, Foil] | None = None
) -> Trials:
    """Draw trials of an environment.

    Trials of unequal length are filled up with their last observation; no epoch holds these
    steps, and their targets are 0, which `rnn_jax.training.cross_entropy` takes for "not asked".
    The foil of a trial is drawn from the same state of the environment's `rng`, so that timing
    and noise are the same where the environment draws as much for either.

    **Arguments:**

    - `env`: an environment. Of a wrapped one the inner environment is asked: what wrappers do to
        observations is not seen.
    - `count`: the number of trials.
    - `seed`: given to `env.seed`.
    - `foils`: by name, from a trial's own parameters (`env.trial`) to those that its foil has
        in their place.

    **Returns:** `Trials`: inputs `[count, T, I]`, targets `[count, T, O]`, one-hot where `gt` is
    a whole number and there are `action_space.n` actions, and an epoch for each period.

    **Raises:** `ValueError` where the object is not like an environment, no trial has a period, or
    run and foil differ in length.

    **Example:**

        >>> class Env:  # it draws one number, to be told at the end
        ...     start_ind, end_ind, trial = {"cue": 0, "report": 2}, {"cue": 2, "report": 5}, None
        ...     def seed(self, seed):
        ...         self.rng = np.random.default_rng(seed)
        ...     def new_trial(self):
        ...         self.ob, self.gt = np.zeros((5, 1)), np.zeros(5)
        ...         self.ob[:2] = self.gt[4] = self.rng.normal()
        >>> found = rj.data.trials_from_env(Env(), 3)
        >>> found.xs.shape, found.epochs["report"].sum(1).tolist()
        ((3, 5, 1), [3.0, 3.0, 3.0])
        >>> bool((found.targets[:, 4] == found.xs[:, 0]).all())
        True
    """
    at_least(1, count=count)
    bare = getattr(env, "unwrapped", env)
    for name, foil in (foils or {}).items():
        function(f"foil {name!r}", foil)
    bare.seed(seed)
    own, others = [], {name: [] for name in foils or {}}
    for _ in range(count):
        before = deepcopy(bare.rng)
        own.append(_drawn(bare, {}))
        after, told = bare.rng, dict(bare.trial or {})
        for name, foil in (foils or {}).items():
            bare.rng = deepcopy(before)
            others[name].append(_drawn(bare, {**told, **foil(told)}))
        bare.rng = after
    T = max(len(trial.ob) for trial in own)
    xs = _inputs(own, T)
    actions = getattr(getattr(bare, "action_space", None), "n", None)
    contrasts = {name: Contrast(_foil(name, own, rows, T)) for name, rows in others.items()}
    trials = Trials(jnp.asarray(xs), _targets(own, T, actions), _epochs(own, T), contrasts)
    check_trials(trials)
    return trials


def _drawn(env: Any, parameters: dict[str, Any]) -> _Drawn:
    env.new_trial(**parameters)
    lacks = [name for name in PARTS if not hasattr(env, name)]
    if lacks:
        raise ValueError(f"{type(env).__name__} is no environment: it lacks {', '.join(lacks)}")
    ob, gt = np.array(env.ob, float), np.array(env.gt)
    if ob.ndim != 2 or len(gt) != len(ob):
        raise ValueError(f"ob must be [T, I] and gt [T] or [T, O], got {ob.shape} and {gt.shape}")
    return _Drawn(ob, gt, {k: (env.start_ind[k], env.end_ind[k]) for k in env.start_ind})


def _inputs(trials: list[_Drawn], T: int) -> np.ndarray:
    fill = lambda ob: np.concatenate([ob, np.repeat(ob[-1:], T - len(ob), 0)])
    return np.stack([fill(trial.ob) for trial in trials])


def _foil(name: str, own: list[_Drawn], foils: list[_Drawn], T: int) -> jnp.ndarray:
    for k, (run, foil) in enumerate(zip(own, foils, strict=True)):
        if run.ob.shape != foil.ob.shape:
            raise ValueError(
                f"foil {name!r} of trial {k} has {len(foil.ob)} steps, the run {len(run.ob)}"
            )
    return jnp.asarray(_inputs(foils, T))


def _targets(trials: list[_Drawn], T: int, actions: int | None) -> jnp.ndarray:
    """One-hot of whole numbers, or the numbers themselves; 0 after a trial's end."""
    whole = all(t.gt.ndim == 1 and np.issubdtype(t.gt.dtype, np.integer) for t in trials)
    code = np.eye(actions) if whole and actions is not None else None
    rows = []
    for trial in trials:
        row = trial.gt.reshape(len(trial.gt), -1) if code is None else code[trial.gt]
        rows.append(np.concatenate([row, np.zeros((T - len(row), row.shape[1]))]))
    return jnp.asarray(np.stack(rows).astype(float))


def _epochs(trials: list[_Drawn], T: int) -> dict[str, jnp.ndarray]:
    """A window of each period; of a period that a trial lacks, it is empty there."""
    names = dict.fromkeys(name for trial in trials for name in trial.periods)
    steps, windows = np.arange(T), {}
    for name in names:
        ends = [trial.periods.get(name, (0, 0)) for trial in trials]
        windows[name] = np.stack([(steps >= a) & (steps < b) for a, b in ends]).astype(float)
    kept = {name: jnp.asarray(rows) for name, rows in windows.items() if rows.any()}
    if not kept:
        raise ValueError(
            "no period of the environment holds a step: there is no epoch to ask about"
        )
    return kept
