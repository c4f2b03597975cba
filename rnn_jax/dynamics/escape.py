"""How long noise needs to change what a state is called.

    said = lambda h: jnp.argmax(readout(h))
    found = escape_times(step, said, states, draw, key)      # steps and ended, [S, R]
    found.steps.mean(1)                                      # of min(time, limit), for each state
    survival(found.steps.ravel(), found.ended.ravel())       # what censoring does not bias

From each state several runs start, with noise of their own. A run ends once its label has changed
and stays changed. Some runs need hundreds of steps and others one, so a fixed number of lanes
works through a queue: a lane whose run has ended takes the next run at once.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree

from ..causal.sweep.budget import default_memory, parse_bytes
from ..core import Input, State, Step
from ..core.checks import all_finite, at_least, described, function, random_key, state
from ..core.products import ordered
from ..core.rollout import check_step

LANES = 1024
"""Runs side by side at most: more of them are no faster per run, and longer idle at the end."""

Label = Callable[[State], Any]
"""`h -> ` an integer: what a state is called."""

Draw = Callable[[PRNGKeyArray], Input]
"""`key -> x`: the noise of one step."""


class Escapes(NamedTuple):
    """When runs left the label of their start, arrays on the host.

    - `steps`: `[S, R]`, from 1 on: the first step whose label is another, and stays another.
        `limit` where that was not seen: the time is longer.
    - `ended`: `[S, R]`, whether it was seen.

    **Example:**

        >>> drift = lambda h, x: h - 0.1 + 0.01 * x  # it would be below 0 after 25 steps
        >>> draw, side = (lambda key: jax.random.normal(key, (1,))), (lambda h: h[0] > 0)
        >>> asked = drift, side, np.array([[2.5]]), draw, key
        >>> found = rj.dynamics.escape_times(*asked, samples=4, limit=10)
        >>> found.steps.tolist(), found.ended.any().item()  # longer than 10 steps
        ([[10, 10, 10, 10]], False)
    """

    steps: Int[np.ndarray, "S R"]
    ended: Bool[np.ndarray, "S R"]


def escape_times(
    step: Step,
    label: Label,
    states: PyTree,
    draw: Draw,
    key: PRNGKeyArray,
    samples: int = 20,
    limit: int = 60,
    lasting: int = 2,
    memory: int | str | None = None,
) -> Escapes:
    """The time until the label of a state changes for good, for several draws of noise.

    `time = min {t >= 1: label(h_s) != label(h_0) for s = t, ..., t + lasting - 1}`, with
    `h_t = F(h_{t-1}, x_t)`. A time above `limit` is censored. So `steps.mean(1)` estimates the
    restricted mean `E min(time, limit)`, which is below `E time`.

    The noise of step t of run r from state s is `draw(fold_in(keys[s, r], t))`, with `keys =
    jax.random.split(key, (S, samples))` and t from 0 on. It depends neither on `memory` nor on
    `limit`.

    Host code around one compiled program: not under `jit` or `vmap`. A step, a label or a draw
    that holds arrays should be a module, since the arrays of a plain function are compiled in.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `label`: `h ->` an integer or a bool.
    - `states`: a tree of `[S, ...]`.
    - `draw`: `key -> x`, the input of one step.
    - `key`: draws all noise.
    - `samples`: runs from each state, `R`.
    - `limit`: the longest time that is told.
    - `lasting`: for how many steps the label must be another. A shorter change does not count.
    - `memory`: a budget in bytes, or like "2GiB", that sets how many runs go side by side.

    **Returns:** `Escapes`.

    **Raises:** `ValueError` where there are no states, one is not finite, the step rejects a state
    or a draw, the label is no integer, a number is below 1, or not even one run fits the budget.

    **Example:**

        >>> drift = lambda h, x: h - 1.0 + 0.01 * x  # from 2.5 to 1.5, 0.5, -0.5
        >>> draw, side = (lambda key: jax.random.normal(key, (1,))), (lambda h: h[0] > 0)
        >>> start = np.array([[2.5]])
        >>> found = rj.dynamics.escape_times(drift, side, start, draw, key, samples=4)
        >>> found.steps, found.ended  # [start, run]
        (array([[3, 3, 3, 3]]), array([[ True,  True,  True,  True]]))
    """
    for name, thing in {"the step": step, "label": label, "draw": draw}.items():
        function(name, thing)
    at_least(1, samples=samples, limit=limit, lasting=lasting)
    random_key(key)
    states, S = _states(states)
    runs = S * samples
    lanes = min(_lanes(step, label, states, draw, key, memory), runs, LANES)
    keys = jax.random.split(key, (S, samples)).reshape(runs, *key.shape)
    problem = _Problem(step, label, draw, states, keys, samples, limit, lasting)
    steps, ended = (np.asarray(part).reshape(S, samples) for part in _worked(problem, lanes))
    return Escapes(steps, ended)


class _Problem(eqx.Module):
    """All runs: run k starts from state `k // samples` and has `keys[k]`."""

    step: Step
    label: Label
    draw: Draw
    states: State
    keys: Array
    samples: int = eqx.field(static=True)
    limit: int = eqx.field(static=True)
    lasting: int = eqx.field(static=True)


class _Lane(NamedTuple):
    """One run on its way.

    - `run`: which; the number of runs where the queue is empty.
    - `h`: its state; `first`: the label of its start.
    - `t`: steps made; `away`: for how many steps up to now the label was another.
    """

    run: Int[Array, ""]
    h: State
    first: Array
    t: Int[Array, ""]
    away: Int[Array, ""]


@eqx.filter_jit
def _worked(problem: _Problem, lanes: int) -> tuple[Int[Array, " K"], Bool[Array, " K"]]:
    """Times of all runs, and whether each was seen to end."""
    K = len(problem.keys)
    begun = jax.vmap(lambda run: _begun(problem, run))

    def body(now: tuple) -> tuple:
        lane, following, steps, ended = now
        lane = jax.vmap(lambda one: _advanced(problem, one))(lane)
        left = lane.away == problem.lasting
        since = lane.t - lane.away
        over = (left | (since >= problem.limit)) & (lane.run < K)
        place = jnp.where(over, lane.run, K)
        steps = steps.at[place].set(jnp.minimum(since + 1, problem.limit), mode="drop")
        ended = ended.at[place].set(left, mode="drop")
        run = jnp.where(over, jnp.minimum(following + jnp.cumsum(over) - 1, K), lane.run)
        pick = lambda new, old: jnp.where(over.reshape(-1, *(1,) * (old.ndim - 1)), new, old)
        lane = jax.tree.map(pick, begun(run), lane)
        return lane, following + over.sum(), steps, ended

    start = begun(jnp.arange(lanes)), jnp.asarray(lanes), jnp.zeros(K, int), jnp.zeros(K, bool)
    return lax.while_loop(lambda now: (now[0].run < K).any(), body, start)[2:]


def _begun(problem: _Problem, run: Int[Array, ""]) -> _Lane:
    """A run before its first step."""
    which = jnp.minimum(run // problem.samples, len(problem.keys) // problem.samples - 1)
    h = jax.tree.map(lambda leaf: leaf[which], problem.states)
    none = jnp.zeros((), int)
    return _Lane(run, h, jnp.asarray(problem.label(h)), none, none)


def _advanced(problem: _Problem, lane: _Lane) -> _Lane:
    """A run one step later."""
    key = problem.keys[jnp.minimum(lane.run, len(problem.keys) - 1)]
    # lanes lead: the other order would transpose every product of every step
    step = ordered(problem.step, "vector first")
    h = step(lane.h, problem.draw(jax.random.fold_in(key, lane.t)))
    away = jnp.where(problem.label(h) != lane.first, lane.away + 1, 0)
    return lane._replace(h=h, t=lane.t + 1, away=away)


def _states(states: PyTree) -> tuple[PyTree, int]:
    """The states as arrays, and how many there are."""
    states = all_finite("states", state("states", states))
    sizes = {leaf.shape[:1] for leaf in jax.tree.leaves(states)}
    if len(sizes) != 1 or () in sizes or (0,) in sizes:
        raise ValueError(f"states need one leading axis of at least 1, got {sorted(sizes)}")
    ((S,),) = sizes
    return states, S


def _lanes(
    step: Step, label: Label, states: PyTree, draw: Draw, key: PRNGKeyArray, memory: Any
) -> int:
    """How many runs fit a budget, once step, label and draw are known to fit each other."""
    h = jax.tree.map(lambda leaf: leaf[0], states)
    x = jax.tree.map(jnp.asarray, draw(key))
    check_step(step, h, jax.tree.map(lambda leaf: leaf[None], x))
    called = eqx.filter_eval_shape(label, h)
    kind = getattr(called, "dtype", None)
    known = kind is not None and (jnp.issubdtype(kind, jnp.integer) or kind == jnp.bool_)
    if not known or called.shape:
        raise ValueError(f"label must return one integer or bool, got {described(called)}")
    most = default_memory() if memory is None else parse_bytes(memory)
    # the state, what a step makes of it and the start of the next run; the bits of a draw
    one = sum(8 * leaf.nbytes for leaf in jax.tree.leaves((h, x)))
    if most < one:
        raise ValueError(f"memory of {most} bytes does not hold one run, which takes {one}")
    return most // one
