"""The sweep: every unit or group, in every window, on every trial, exactly.

    effects = sweep(network, xs, targets, margin, jnp.eye(N), windows, value)    # [W, N, B]

A window's runs start from the clean state at the window's start, since nothing before it
changes, and only outputs are kept. Runs lie last in memory, `[N, runs]`: the recurrent product
is then one matrix product, and what follows it runs along contiguous memory.
"""

import re
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from ..core import Network, Read, Replace, State, first, outputs, run
from ..core.interventions import shown
from ..core.tree import prefix_leaves
from .scores import Score

Kind = Literal["clamp", "pulse", "read"]


def sweep(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    score: Score,
    units: Float[Array, "G N"],
    windows: Float[Array, "W ..."],
    value: PyTree,
    kind: Kind = "clamp",
    memory: str | int = "1GiB",
    allow_noop: bool = False,
) -> Float[Array, "W G B"]:
    """`F(iv) - F(Identity())` for each group of units in each window, on each trial.

    It compiles itself, once for each set of shapes: masks, windows and values are data.

    **Arguments:**

    - `network`: step, readout and first state.
    - `xs`: `[B, T, ...]` inputs.
    - `targets`: `[B, T, O]`.
    - `score`: `(ys, targets) -> scalar` of one trial. A function defined once: each new
        lambda compiles anew.
    - `units`: float `[G, N]`, 1 for the units a group takes out together.
    - `windows`: float `[W, T]`, or `[W, B, T]` where trials differ.
    - `value`: `[B, T, N]` replacement, a tree of them, or a prefix.
    - `kind`: `clamp`, `pulse` (at each window's first step) or `read`.
    - `memory`: what a chunk of runs may take, in bytes or as "2GiB".
    - `allow_noop`: whether an empty group or window has the effect 0 or is an error.

    **Returns:** `[W, G, B]`; exactly 0 on a trial in which the window is empty.

    **Raises:** `ValueError` where shapes do not fit, a group or a window is empty, or the
    kind is unknown.
    """
    B, T = targets.shape[:2]
    _check(network, xs, targets, units, windows, kind)
    dtype = jax.tree.leaves(network.h0)[0].dtype
    units, windows = units.astype(dtype), windows.astype(dtype)
    if not allow_noop:
        _check_touches(units, windows)
    if windows.ndim == 2:
        windows = jnp.broadcast_to(windows[:, None], (windows.shape[0], B, T))
    if kind == "pulse":
        windows = jax.vmap(jax.vmap(first))(windows)
    chunk = chunk_size(network, units.shape[0], targets.shape, parse_bytes(memory))
    return _sweep(network, xs, targets, score, units, windows, value, kind, chunk)


def parse_bytes(text: str | int) -> int:
    """Bytes of "2GiB", "500 MB", or a number.

    **Raises:** `ValueError` where it is neither.
    """
    match = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?)(i?)B?\s*", str(text), re.IGNORECASE)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"memory must be bytes or like '2GiB', got {text!r}")
    base = 1024 if match[3] else 1000
    return int(float(match[1]) * base ** " KMGT".index(match[2].upper() or " "))


def chunk_size(network: Network, groups: int, shape: tuple[int, ...], memory: int) -> int:
    """How many groups run at once within a budget: their states, and the outputs they keep."""
    B, T, O = shape  # noqa: E741
    leaves = jax.tree.leaves(network.h0)
    # a step holds its state, the preactivations of a few gates, and what the edit reads
    state = 8 * sum(leaf.size for leaf in leaves)
    one = (state + 2 * T * O) * B * leaves[0].dtype.itemsize
    chunks = -(-groups // max(1, min(groups, memory // one)))
    return -(-groups // chunks)


def _check(
    network: Network, xs: PyTree, targets: Array, units: Array, windows: Array, kind: str
) -> None:
    B, T = targets.shape[:2]
    N = jax.tree.leaves(network.h0)[0].shape[0]
    for leaf in jax.tree.leaves(xs):
        if leaf.shape[:2] != (B, T):
            raise ValueError(f"inputs of shape {leaf.shape} do not fit targets {targets.shape}")
    if units.ndim != 2 or units.shape[1] != N:
        raise ValueError(f"units must be [groups, {N}], got {units.shape}")
    if windows.shape[1:] not in ((T,), (B, T)):
        raise ValueError(f"windows must be [W, {T}] or [W, {B}, {T}], got {windows.shape}")
    if kind not in ("clamp", "pulse", "read"):
        raise ValueError(f"kind must be clamp, pulse or read, got {kind!r}")


def _check_touches(units: Array, windows: Array) -> None:
    for what, rows in (("group of units", units), ("window", windows)):
        if isinstance(rows, Tracer):
            continue
        empty = ~np.asarray(rows).astype(bool).reshape(len(rows), -1).any(1)
        if empty.any():
            raise ValueError(f"{what} {int(empty.argmax())} is empty: it touches nothing")


@eqx.filter_jit
def _sweep(
    network: Network,
    xs: PyTree,
    targets: Array,
    score: Score,
    units: Array,
    windows: Array,
    value: PyTree,
    kind: Kind,
    chunk: int,
) -> Float[Array, "W G B"]:
    def clean_run(x: PyTree) -> tuple[State, Array]:
        trajectory = run(network, x)
        return trajectory.hs, outputs(network, trajectory)

    hs, ys = jax.vmap(clean_run)(xs)
    value = _per_trial(value, hs)
    clean = jax.vmap(score)(ys, targets)
    groups = units.shape[0]
    padded = jnp.pad(units, ((0, -groups % chunk), (0, 0))).reshape(-1, chunk, units.shape[1])

    def in_window(window: Float[Array, "B T"]) -> Float[Array, "G B"]:
        runs = _runs(network, xs, hs, ys, window, value, kind)

        def effects(rows: Float[Array, "g N"]) -> Float[Array, "g B"]:
            per_trial = jax.vmap(score, in_axes=(-1, 0))
            return jax.vmap(per_trial, in_axes=(2, None))(runs(rows), targets) - clean[None]

        found = lax.map(effects, padded).reshape(-1, clean.shape[0])[:groups]
        return jnp.where(window.any(-1)[None], found, 0.0)

    return lax.map(in_window, windows)


def _per_trial(value: PyTree, hs: State) -> State:
    """The replacement as `[B, T, N]` arrays, one for each of the state's parts."""
    leaves, treedef = jax.tree.flatten(hs)
    values = prefix_leaves(value, hs)
    full = [
        jnp.broadcast_to(_lift(jnp.asarray(v, h.dtype), h.ndim), h.shape)
        for v, h in zip(values, leaves, strict=True)
    ]
    return treedef.unflatten(full)


def _lift(value: Array, ndim: int) -> Array:
    return value.reshape((1,) * (ndim - value.ndim) + value.shape)


def _runs(
    network: Network, xs: PyTree, hs: State, ys: Array, window: Array, value: State, kind: Kind
) -> Any:
    """A function from masks `[g, N]` to outputs `[T, O, g, B]`, from the window's start on."""
    T = window.shape[1]
    steps_last = lambda tree: jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), tree)
    start = jnp.min(jnp.where(window.any(-1), (window > 0).argmax(-1), T))
    clean = steps_last(hs)  # [T, N, B]
    drive, values, weight = jax.tree.map(
        lambda leaf: jnp.moveaxis(leaf, 1, 0), (xs, value, window)
    )
    advance = _advance(network, kind)

    def outputs_of(rows: Float[Array, "g N"]) -> Float[Array, "T O g B"]:
        g, B = rows.shape[0], window.shape[0]
        spread = lambda leaf: jnp.broadcast_to(leaf[..., None, :], (*leaf.shape[:-1], g, B))
        at = lambda tree, t: jax.tree.map(lambda leaf: leaf[t], tree)

        def h_before(first_state: Array, states: Array) -> Array:
            initial = jnp.broadcast_to(first_state[:, None], states.shape[1:])
            return spread(jnp.where(start > 0, states[jnp.maximum(start - 1, 0)], initial))

        def body(t: Int[Array, ""], carry: tuple[State, Array]) -> tuple[State, Array]:
            h, kept = carry
            last = jnp.maximum(t - 1, 0)
            # nothing is shown in place of the state before the first step
            shown_before = jnp.where(t > 0, weight[last], jnp.zeros_like(weight[0]))
            row = (at(drive, t), weight[t], at(values, t), shown_before, at(values, last))
            h, y = advance(h, rows, *row)
            return h, lax.dynamic_update_index_in_dim(kept, y, t, 0)

        begin = jax.tree.map(h_before, network.h0, clean)
        return lax.fori_loop(start, T, body, (begin, spread(steps_last(ys))))[1]

    return outputs_of


def _advance(network: Network, kind: Kind) -> Any:
    """One step of all runs: states `[N, g, B]`, masks `[g, N]`, rows of one time `[B, ...]`."""

    def one(h: State, unit: Array, x: PyTree, w: Array, v: State, w0: Array, v0: State) -> Any:
        now = Replace(unit * w, v)
        if kind == "read":
            now = Read(Replace(unit * w0, v0), now)
        h = now(network.step)(h, x)
        return h, network.readout(shown(now, h))

    trials = jax.vmap(one, in_axes=(-1, None, 0, 0, 0, 0, 0), out_axes=-1)
    return jax.vmap(trials, in_axes=(1, 0, None, None, None, None, None), out_axes=1)
