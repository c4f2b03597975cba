"""The engine of every sweep: many runs of one network, each from its window's start.

    effects = compute(network, score, trials, units, last, CLAMP, "exact", size)   # [W, G, B]

A window's runs start from the clean state at the window's start, since nothing before it
changes, and stop after the last step that the score reads. Runs lie last in memory,
`[N, g, B]`: a recurrent product is then one matrix product, and what follows it runs along
contiguous memory. What an edit does, an `Edit` says: one step of all runs.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from ...core import Network, State, Step, in_order, outputs, run
from ...core.tree import blend
from ...linear import adjoints, direct
from ..scores import Score
from .budget import Size

Estimator = Literal["exact", "window", "first-order"]


class Batch(NamedTuple):
    """What differs between trials; every array leads with `B`.

    - `xs`: `[B, T, ...]`; `targets`: what a score compares with, a tree of `[B, T, ...]`.
    - `windows`: `[B, W, T]`.
    - `value`: the replacement, a prefix of the state's tree of `[B, T or 1, N or 1]`.
    - `h0`: the state before step 0, a tree of `[B, N]`.
    """

    xs: PyTree
    targets: PyTree
    windows: Array
    value: PyTree
    h0: State


class Row(NamedTuple):
    """What one step of all runs is handed, and what it may do to the state before it.

    - `x`: inputs `[B, ...]`.
    - `weight`, `value`: the window at this step, `[B]`, and its replacement, `[N, 1, B]`.
    - `weight_before`, `value_before`: those of the step before; at step 0 the weight is 0.
    - `later`: 1 where there is a step before, else 0: a state before step 0 is never edited.
    """

    x: PyTree
    weight: Array
    value: PyTree
    weight_before: Array
    value_before: PyTree
    later: Array


class Edit(NamedTuple):
    """What is done to a run, given the rows of a chunk that say to whom.

    - `advance`: `(step of all runs, rows of the chunk, states [N, g, B], row)` to the states
        `(carried, shown to the readout)`.
    - `reach`: for how many steps after its window it still acts.
    """

    advance: Callable[[Step, PyTree, State, Row], tuple[State, State]]
    reach: int = 0


def mask(units: Float[Array, "g N"], weight: Float[Array, " B"]) -> Float[Array, "N g B"]:
    """Who is edited in each run: `units` where the window is."""
    return units.T[:, :, None] * weight[None, None, :]


def clamped(step: Step, units: Array, h: State, row: Row) -> tuple[State, State]:
    """`Replace` in every run: of a window's first step alone it is a pulse."""
    h = blend(step(h, row.x), row.value, mask(units, row.weight))
    return h, h


def shown_only(step: Step, units: Array, h: State, row: Row) -> tuple[State, State]:
    """`Read` in every run: the others and the readout see the replacement."""
    hidden = mask(units, row.weight_before)
    seen = blend(h, row.value_before, hidden)
    carried = blend(step(seen, row.x), step(h, row.x), hidden)
    return carried, blend(carried, row.value, mask(units, row.weight))


def cut(step: Step, edges: tuple[Array, Array], h: State, row: Row) -> tuple[State, State]:
    """`Cut` in every run, of one edge: receivers `[g, N]` read senders `[g, N]` as replaced."""
    to, sender = edges
    seen = blend(h, row.value_before, mask(sender, row.weight * row.later))
    h = blend(step(h, row.x), step(seen, row.x), mask(to, jnp.ones_like(row.weight)))
    return h, h


CLAMP, READ, CUT = Edit(clamped), Edit(shown_only, reach=1), Edit(cut)


def compute(
    network: Network,
    score: Score,
    trials: Batch,
    who: PyTree,
    last: Int[Array, ""],
    edit: Edit,
    estimator: Estimator,
    size: Size,
) -> Float[Array, "W G B *S"]:
    """`F(iv) - F(Identity())` of each edit in each window on each trial, exact or by `window`.

    **Arguments:**

    - `network`, `score`: as for `sweep`.
    - `trials`: what differs between trials.
    - `who`: whom an edit is done to, a tree of `[W or 1, G, N]`.
    - `last`: the last step that the score reads.
    - `edit`: what is done.
    - `estimator`: `exact`, or `window`: exact inside the window, then the adjoint at its end.
    - `size`: how much runs at once.

    **Returns:** `[W, G, B]`, and the axes of what the score returns.
    """
    B = len(trials.windows)
    # copies of the last trial fill the last block: their effects are cut off in the end
    fill = lambda leaf: jnp.pad(leaf, [(0, -B % size.trials)] + [(0, 0)] * (leaf.ndim - 1), "edge")
    fold = lambda leaf: fill(leaf).reshape(-1, size.trials, *leaf.shape[1:])

    def block(trials: Batch) -> Float[Array, "W G b *S"]:
        # once for a block of trials, and shared by all of its windows and groups
        clean = _clean(network, score, trials, estimator)

        def in_window(row: tuple[Array, Array]) -> Float[Array, "G b *S"]:
            window, w = row
            rows = jax.tree.map(lambda leaf: leaf[jnp.minimum(w, len(leaf) - 1)], who)
            runs = _runs(network, trials, clean, window, last, edit)
            effects = lambda rows: _effects(runs(rows), score, trials, clean)
            # a map, not a vmap: memory holds one chunk of runs
            found = _in_chunks(effects, rows, size.groups)
            edited = window.any(-1).reshape(1, -1, *(1 for _ in found.shape[2:]))
            return jnp.where(edited, found, 0.0)

        windows = jnp.moveaxis(trials.windows, 1, 0)
        return lax.map(in_window, (windows, jnp.arange(len(windows))))

    found = lax.map(block, jax.tree.map(fold, trials))
    found = jnp.moveaxis(found, 0, 2)
    return found.reshape(*found.shape[:2], -1, *found.shape[4:])[:, :, :B]


def _in_chunks(function: Callable[[PyTree], Array], rows: PyTree, g: int) -> Array:
    """`function` of `g` rows at a time, in the shape it would give of all at once."""
    G = jax.tree.leaves(rows)[0].shape[0]
    fill = lambda leaf: jnp.pad(leaf, ((0, -G % g), (0, 0))).reshape(-1, g, leaf.shape[1])
    found = lax.map(function, jax.tree.map(fill, rows))
    return found.reshape(-1, *found.shape[2:])[:G]


class _Clean(NamedTuple):
    """The clean runs of a block, runs last.

    - `hs`: states `[T + 1, N, b]`, the first one before step 0.
    - `ys`: outputs `[T, O, b]`; `score`: `[b, *S]`.
    - `later`: `dF/dhs[t]` through outputs after t alone, `[T, N, b]`; `None` where exact.
    """

    hs: State
    ys: Array
    score: Array
    later: State | None


def _runs_last(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), tree)


def _clean(network: Network, score: Score, trials: Batch, estimator: Estimator) -> _Clean:
    ordered = in_order(network, "vector first")
    from_own = lambda network, h0: Network(network.step, network.readout, h0)

    def one(x: PyTree, h0: State) -> tuple[State, Array]:
        trajectory = run(from_own(ordered, h0), x)
        join = lambda first, hs: jnp.concatenate([first[None], hs])
        hs = jax.tree.map(join, trajectory.h0, trajectory.hs)
        return hs, outputs(ordered, trajectory)

    hs, ys = jax.vmap(one)(trials.xs, trials.h0)
    adjoint = lambda trial: later_adjoint(
        from_own(ordered, trial.h0), score, trial.xs, trial.targets
    )
    later = None if estimator == "exact" else jax.vmap(adjoint)(trials)
    scores = jax.vmap(score)(ys, trials.targets)
    return _Clean(_runs_last(hs), _runs_last(ys), scores, _runs_last(later))


def later_adjoint(network: Network, score: Score, xs: PyTree, target: Array) -> State:
    """`dF/dhs[t]` through the states that follow, the output at t held: `J_{t+1}^T lam_{t+1}`.

    **Returns:** like `hs`.
    """
    metric = lambda run: score(outputs(network, run), target)
    trajectory = run(network, xs)
    total = adjoints(network.step, trajectory, metric)
    return jax.tree.map(jnp.subtract, total, direct(trajectory, metric))


class _Runs(NamedTuple):
    """What a chunk of runs leaves: outputs `[T, O, g, b]`, and what the end adds, `[g, b]`."""

    ys: Array
    tail: Array | float


def _effects(runs: _Runs, score: Score, trials: Batch, clean: _Clean) -> Float[Array, "g b *S"]:
    per_trial = jax.vmap(score, in_axes=(-1, 0))
    scores = jax.vmap(per_trial, in_axes=(2, None))(runs.ys, trials.targets)
    return scores - clean.score[None] + runs.tail


def _runs(
    network: Network,
    trials: Batch,
    clean: _Clean,
    window: Float[Array, "b T"],
    last: Int[Array, ""],
    edit: Edit,
) -> Callable[[PyTree], _Runs]:
    """A function from the rows of a chunk to what its runs leave."""
    start, ends = _bounds(window, edit.reach)
    ends = jnp.clip(ends, start, jnp.maximum(start, last + 1))
    stop = last + 1 if clean.later is None else ends.max()
    # runs lie last: `W @ h` of all of them is then one product, without a transposition
    network = in_order(network, "vector last")
    per_run = jax.vmap(network.step, in_axes=(-1, 0), out_axes=-1)
    step = jax.vmap(per_run, in_axes=(1, None), out_axes=1)
    readout = jax.vmap(jax.vmap(network.readout, in_axes=-1, out_axes=-1), 1, 1)
    row = _rows(trials, window)

    def chunk(who: PyTree) -> _Runs:
        g, b = jax.tree.leaves(who)[0].shape[0], window.shape[0]
        spread = lambda leaf: jnp.broadcast_to(leaf[..., None, :], (*leaf.shape[:-1], g, b))
        at = lambda tree, t: jax.tree.map(lambda leaf: leaf[t], tree)

        def body(t: Int[Array, ""], carry: tuple[State, Array]) -> tuple[State, Array]:
            h, kept = carry
            new, seen = edit.advance(step, who, h, row(t))
            ys = readout(seen)
            if clean.later is not None:
                # windows may end at different times: a run stands still at its own end
                on = (t < ends)[None, None]
                new = jax.tree.map(lambda new, h: jnp.where(on, new, h), new, h)
                ys = jnp.where(on, ys, kept[t])
            return new, lax.dynamic_update_index_in_dim(kept, ys, t, 0)

        # before the window all runs are the clean one; after `last` no score reads them. The
        # loop's ends are data, so that one program serves windows of any length; the price: it
        # has no reverse mode
        begin = jax.tree.map(spread, at(clean.hs, start))
        h, kept = lax.fori_loop(start, stop, body, (begin, spread(clean.ys)))
        if clean.later is None:
            return _Runs(kept, 0.0)
        return _Runs(kept, _tail(clean, h, ends))

    return chunk


def _tail(clean: _Clean, h: State, ends: Int[Array, " b"]) -> Float[Array, "g b"]:
    """What the change of each trial's state at its own end does later, to first order."""
    own = lambda tree, t: jax.tree.map(
        lambda leaf: jnp.take_along_axis(leaf, t[None, None], 0)[0], tree
    )
    change = jax.tree.map(lambda h, was: h - was[:, None], h, own(clean.hs, ends))
    slope = own(clean.later, jnp.maximum(ends, 1) - 1)
    parts = jax.tree.map(lambda c, s: (c * s[:, None]).sum(0), change, slope)
    return jnp.stack(jax.tree.leaves(parts)).sum(0)


def _bounds(window: Float[Array, "b T"], reach: int) -> tuple[Array, Int[Array, " b"]]:
    """The first step that any trial edits, and the step after each trial's last; 0 for none."""
    T = window.shape[1]
    inside = window > 0
    start = jnp.where(inside.any(), inside.any(0).argmax(), T)
    ends = jnp.minimum(T - inside[:, ::-1].argmax(1) + reach, T)
    return start, jnp.where(inside.any(1), ends, 0)


def _rows(trials: Batch, window: Float[Array, "b T"]) -> Callable[[Array], Row]:
    """What step t is handed, for every t."""
    xs = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 1, 0), trials.xs)
    values = jax.tree.map(lambda leaf: jnp.transpose(leaf, (1, 2, 0))[:, :, None], trials.value)
    weight = window.T

    def row(t: Array) -> Row:
        before = jnp.maximum(t - 1, 0)
        value = lambda t: jax.tree.map(lambda leaf: leaf[jnp.minimum(t, len(leaf) - 1)], values)
        later = (t > 0).astype(weight.dtype)
        x = jax.tree.map(lambda leaf: leaf[t], xs)
        return Row(x, weight[t], value(t), weight[before] * later, value(before), later)

    return row
