"""The sweep: every unit or group, in every window, on every trial, exactly.

    effects = sweep(network, xs, targets, margin, jnp.eye(N), windows, value)    # [W, N, B]
    cheap = sweep(..., estimator="first-order")        # one reverse pass, the same quantity

`sweep_edges` does the same for single connections. Both are one compiled program in which
windows, masks and values are data; `engine` says how it runs.
"""

import operator
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from ..core import Network, first, outputs
from ..core.tree import prefix_leaves
from .budget import Size, default_memory, fit_budget, parse_bytes
from .engine import CLAMP, CUT, READ, Edit, Estimator, Trials, compute
from .first_order import first_order_groups
from .mesh import check_mesh, gather, local_shape, share, spread
from .scores import Score

Kind = Literal["clamp", "pulse", "read"]
EDITS: dict[str, Edit] = {"clamp": CLAMP, "pulse": CLAMP, "read": READ}


def sweep(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    score: Score,
    units: Float[Array, "... G N"],
    windows: Float[Array, "W ..."],
    value: PyTree,
    kind: Kind = "clamp",
    estimator: Estimator = "exact",
    last: int | None = None,
    memory: str | int | None = None,
    mesh: Mesh | None = None,
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
    - `units`: float `[G, N]`, 1 for the units a group takes out together; `[W, G, N]` where
        windows differ.
    - `windows`: float `[W, T]`, or `[W, B, T]` where trials differ.
    - `value`: `[B, T, N]` replacement, a tree of them, or a prefix; `None` leaves a part alone.
    - `kind`: `clamp`, `pulse` (at each window's first step) or `read`.
    - `estimator`: `exact`; `window`, exact to the window's end and from there by the adjoint
        of the clean run; or `first-order`, one reverse pass less each unit's own carry. The
        last two are right to first order in what is left of the change: they screen.
    - `last`: the last step that the score reads, where runs stop; by default the trial's.
    - `memory`: what the runs may take at once, in bytes or as "2GiB", beyond the inputs, the
        windows and the result; by default 64 MiB on a CPU, whose caches it should suit, and
        1 GiB elsewhere.
    - `mesh`: devices to share the work, see `rnn_jax.causal.mesh`.
    - `allow_noop`: whether an empty group or window has the effect 0 or is an error.

    **Returns:** `[W, G, B]`; exactly 0 on a trial in which the window is empty. An element
    whose run overflows is infinite or NaN and leaves the others alone, see `result_codes`.

    **Raises:** `ValueError` where shapes do not fit, a mask is empty or leaves [0, 1], `value`
    replaces nothing, a name is unknown, or the memory does not hold one run; `RuntimeError`
    where the score is seen to read outputs after `last`: random outputs are tried, which a score
    that only counts (an accuracy at one step) may pass.
    """
    check_name("kind", kind, EDITS)
    check_name("estimator", estimator, get_args(Estimator))
    N = jax.tree.leaves(network.h0)[0].shape[0]
    if units.ndim not in (2, 3) or units.shape[-1] != N:
        raise ValueError(f"units must be [groups, {N}] or [W, groups, {N}], got {units.shape}")
    check_masks("group of units", units, allow_noop)
    check_masks("window", windows, allow_noop)
    if kind == "pulse":
        windows = jnp.vectorize(first, signature="(t)->(t)")(windows)
    asked = _Asked(network, score, EDITS[kind], estimator, last, memory, mesh)
    return _run(asked, per_trial(network, xs, targets, windows, value), units)


def sweep_edges(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    score: Score,
    edges: Int[Array, "K 2"],
    windows: Float[Array, "W ..."],
    value: PyTree,
    last: int | None = None,
    memory: str | int | None = None,
    mesh: Mesh | None = None,
    allow_noop: bool = False,
) -> Float[Array, "W K B"]:
    """`F(iv) - F(Identity())` for each connection in each window, on each trial, exactly.

    A window's row t holds the connection from j at t-1 to i at t: unit i computes as if j
    had been at its replacement, all others read j as it is. Edges out of `h0` are left alone.
    It takes two steps of the network a step, for any network.

    **Arguments:** as for `sweep`, and

    - `edges`: int `[K, 2]`, a row `(to, from)`.

    **Returns:** `[W, K, B]`.

    **Raises:** as `sweep`, and `ValueError` where an edge names no unit (`RuntimeError` if
    edges are traced).
    """
    N = jax.tree.leaves(network.h0)[0].shape[0]
    if edges.ndim != 2 or edges.shape[1] != 2 or not jnp.issubdtype(edges.dtype, jnp.integer):
        raise ValueError(
            f"edges must be int [K, 2], rows (to, from), got {edges.dtype} {edges.shape}"
        )
    edges = _check_edges(edges, N)
    # row 0 holds the connections out of the first state, which are left alone
    check_masks("window", windows[..., 1:], allow_noop)
    trials = per_trial(network, xs, targets, windows, value)
    ends = jax.nn.one_hot(edges, N, dtype=trials.windows.dtype)
    asked = _Asked(network, score, CUT, "exact", last, memory, mesh)
    return _run(asked, trials, (ends[:, 0], ends[:, 1]))


class _Asked(NamedTuple):
    """What is asked of every group, in every window and trial."""

    network: Network
    score: Score
    edit: Edit
    estimator: Estimator
    last: int | None
    memory: str | int | None
    mesh: Mesh | None


def per_trial(
    network: Network, xs: PyTree, targets: Array, windows: Array, value: PyTree
) -> Trials:
    """What differs between trials, each array with its `B`, in the state's dtype.

    **Raises:** `ValueError` where shapes do not fit.
    """
    B, T = targets.shape[:2]
    leaves, treedef = jax.tree.flatten(network.h0)
    N, dtype = leaves[0].shape[0], leaves[0].dtype
    for leaf in jax.tree.leaves(xs):
        if leaf.shape[:2] != (B, T):
            raise ValueError(f"inputs of shape {leaf.shape} do not fit targets {targets.shape}")
    if any(leaf.shape != (N,) for leaf in leaves):
        shapes = [leaf.shape for leaf in leaves]
        raise ValueError(f"units need a state whose parts are all [N], got {shapes}")
    if windows.shape[1:] not in ((T,), (B, T)):
        raise ValueError(f"windows must be [W, {T}] or [W, {B}, {T}], got {windows.shape}")
    windows = jnp.broadcast_to(windows.reshape(len(windows), -1, T), (len(windows), B, T))
    values = [_value(leaf, (B, T, N), dtype) for leaf in prefix_leaves(value, network.h0)]
    if all(leaf is None for leaf in values):
        raise ValueError("value is None in every part of the state: it replaces nothing")
    windows = jnp.moveaxis(windows.astype(dtype), 1, 0)
    return Trials(xs, targets, windows, treedef.unflatten(values))


def _value(value: Any, whole: tuple[int, int, int], dtype: Any) -> Array | None:
    """A replacement as `[B, T or 1, N or 1]`."""
    if value is None:
        return None
    value = jnp.asarray(value, dtype)
    lifted = value.reshape((1,) * (3 - value.ndim) + value.shape)
    if lifted.ndim != 3 or any(n not in (1, full) for n, full in zip(lifted.shape, whole)):
        raise ValueError(f"value must fit [B, T, N] = {list(whole)}, got {list(value.shape)}")
    return jnp.broadcast_to(lifted, (whole[0], *lifted.shape[1:]))


def _run(asked: _Asked, trials: Trials, who: PyTree) -> Float[Array, "W G B"]:
    """Size the work, place it, run it, gather it."""
    B, W, T = trials.windows.shape
    dtype = trials.windows.dtype
    who = jax.tree.map(lambda rows: jnp.asarray(rows, dtype).reshape(-1, *rows.shape[-2:]), who)
    lead, G = jax.tree.leaves(who)[0].shape[:2]
    if lead not in (1, W):
        raise ValueError(f"units of {lead} windows do not fit {W} windows")
    memory = default_memory() if asked.memory is None else parse_bytes(asked.memory)
    network, score, mesh = asked.network, asked.score, asked.mesh
    groups, count = local_shape(mesh, G, B)
    # a first-order estimate takes the groups of all windows at once
    groups *= lead if asked.estimator == "first-order" else 1
    size = fit_budget(network, T, groups, count, memory, asked.estimator)
    last = jnp.asarray(T - 1 if asked.last is None else asked.last)
    if asked.last is not None:
        last = _check_last(network, score, trials.targets, asked.last)
    replicated, single = (network, score, last), _single(who)
    if mesh is not None:
        check_mesh(mesh, (replicated, trials, who))
        replicated, trials, who = spread(mesh, replicated, trials, who)
    found = program(replicated, trials, who, asked.edit, asked.estimator, size, single, mesh)
    return found if mesh is None else gather(mesh, found, (W, G, B))


@eqx.filter_jit
def program(
    replicated: tuple[Network, Score, Array],
    trials: Trials,
    who: PyTree,
    edit: Edit,
    estimator: Estimator,
    size: Size,
    single: bool,
    mesh: Mesh | None,
) -> Float[Array, "W G B"]:
    """The one compiled program of a sweep: every device's share, side by side."""

    def local(replicated: tuple, trials: Trials, who: PyTree) -> Array:
        network, score, last = replicated
        if estimator == "first-order":
            return _first_order(network, score, trials, who, edit, size, single)
        return compute(network, score, trials, who, last, edit, estimator, size)

    if mesh is None:
        return local(replicated, trials, who)
    return share(mesh, local, replicated, trials, who)


def _first_order(
    network: Network,
    score: Score,
    trials: Trials,
    units: Float[Array, "V G N"],
    edit: Edit,
    size: Size,
    single: bool,
) -> Float[Array, "W G B"]:
    def one(trial: Trials) -> Float[Array, "W G"]:
        metric = lambda trajectory: score(outputs(network, trajectory), trial.targets)
        return first_order_groups(
            network.step, network.h0, trial.xs, metric, trial.value, trial.windows, units,
            reach=edit.reach, single=single,
        )  # fmt: skip

    return jnp.moveaxis(lax.map(one, trials, batch_size=size.trials), 0, -1)


def check_name(what: str, name: str, known: Iterable[str]) -> None:
    """**Raises:** `ValueError` where a name is not among the known."""
    if name not in known:
        raise ValueError(f"{what} must be one of {', '.join(known)}, got {name!r}")


def check_masks(what: str, rows: Array, allow_empty: bool) -> None:
    """**Raises:** `ValueError` where there is no row, or one, known while tracing, leaves [0, 1]
    or is all zero.
    """
    if rows.size == 0:
        raise ValueError(f"there is no {what} to sweep over, got shape {rows.shape}")
    if isinstance(rows, Tracer):
        return
    known = np.asarray(rows)
    if not ((known >= 0) & (known <= 1)).all():
        raise ValueError(f"a {what} must lie in [0, 1], got {known.min()} to {known.max()}")
    empty = ~known.astype(bool)
    if what == "window":
        empty = empty.reshape(len(rows), -1)
    if empty.all(-1).any() and not allow_empty:
        at = [int(i) for i in np.argwhere(empty.all(-1))[0]]
        raise ValueError(f"{what} {at[-1]} is empty: it touches nothing")


def _check_edges(edges: Array, N: int) -> Array:
    outside = ((edges < 0) | (edges >= N)).any()
    message = f"edges must name units 0 to {N - 1}"
    if isinstance(outside, Tracer):
        return eqx.error_if(edges, outside, message)
    if outside:
        raise ValueError(f"{message}, got {edges.min()} to {edges.max()}")
    return edges


def _check_last(network: Network, score: Score, targets: Array, last: int) -> Array:
    """The last step, once outputs that differ only later have the same scores."""
    B, T = targets.shape[:2]
    if not 0 <= operator.index(last) < T:
        raise ValueError(f"last must lie in [0, {T}), got {last}")
    y = jax.eval_shape(network.readout, network.h0)
    until = (jnp.arange(T) <= last).reshape(1, T, *(1 for _ in y.shape))
    scores = jax.vmap(score)

    def reads_on(key: PRNGKeyArray, scale: float) -> Array:
        some, other = scale * jax.random.normal(key, (2, B, T, *y.shape), y.dtype)
        whole, cut = scores(some, targets), scores(jnp.where(until, some, other), targets)
        return ~jnp.isclose(whole, cut, 0.0, 0.0, equal_nan=True).all()

    keys = jax.random.split(jax.random.key(0), 8)
    differ = jnp.stack([reads_on(key, 10.0 ** (i % 4 - 1)) for i, key in enumerate(keys)]).any()
    message = f"the score reads outputs after step {last}, where the runs are to stop"
    return eqx.error_if(jnp.asarray(last), differ, message)


def _single(who: PyTree) -> bool:
    """Whether every group is known to be one whole unit: its carry is then a diagonal entry."""
    rows = jax.tree.leaves(who)
    if len(rows) > 1 or isinstance(rows[0], Tracer):
        return False
    rows = np.asarray(rows[0])
    return bool(((rows != 0).sum(-1) <= 1).all() and np.isin(rows, (0, 1)).all())
