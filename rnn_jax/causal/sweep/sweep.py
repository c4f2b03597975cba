"""The sweep: every unit or group, in every window, on every trial, exactly.

    effects = sweep(network, xs, targets, margin, jnp.eye(N), windows, value)    # [W, N, B]
    cheap = sweep(..., estimator="first-order")        # one reverse pass, the same quantity

`sweep_edges` does the same for single connections. Both are one compiled program in which
windows, masks and values are data; `engine` says how it runs.
"""

from typing import Literal, NamedTuple, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.core import Tracer
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, PyTree

from ...core import Network, first, outputs
from ...core.checks import (
    array,
    floats,
    function,
    in_unit,
    one_of,
)
from ...core.network import num_units
from ...core.types import Numbers
from ...core.units import group_masks
from ..first_order import first_order_groups
from ..scores import Score
from .asked import check_edges, check_last, check_masks, check_score, per_trial
from .budget import Size, default_memory, fit_budget, parse_bytes
from .engine import CLAMP, CUT, READ, Batch, Edit, Estimator, compute
from .forward import forward_only
from .mesh import check_mesh, gather, local_shape, share, spread

Kind = Literal["clamp", "pulse", "read"]
NO_REVERSE = (
    "a sweep's runs have no reverse mode, their length being data: take jax.jvp or jax.jacfwd, "
    "estimator='first-order', or jax.grad of a score of rollout(..., Replace(mask, value))"
)
EDITS: dict[str, Edit] = {"clamp": CLAMP, "pulse": CLAMP, "read": READ}


def sweep(
    network: Network,
    xs: PyTree,
    targets: Float[Numbers, "B T O"],
    score: Score,
    units: Numbers | list,
    windows: Float[Numbers, "W ..."],
    value: PyTree,
    kind: Kind = "clamp",
    estimator: Estimator = "exact",
    last: int | None = None,
    memory: str | int | None = None,
    mesh: Mesh | None = None,
    allow_noop: bool = False,
) -> Float[Array, "W G B *S"]:
    """`F(iv) - F(Identity())` for each group of units in each window, on each trial.

    It compiles itself, once for each set of shapes: masks, windows and values are data.

    **Arguments:**

    - `network`: step, readout and first state.
    - `xs`: `[B, T, ...]` inputs.
    - `targets`: `[B, T, O]`.
    - `score`: `(ys, targets) -> scalar` of one trial, or with the `exact` estimator an array
        `[*S]`: many read times, say, from one run. A function defined once: each new lambda
        compiles anew.
    - `units`: indices, `[0, 1]`, a group of one unit each; a list of lists of them, `[[0, 1],
        [2]]`, for groups; or masks `[G, N]` of floats or bools, 1 for the units a group takes out
        together, `[W, G, N]` where windows differ.
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

    **Returns:** `[W, G, B]`, `[W, G, B, *S]` of a score `[*S]`; exactly 0 on a trial in which the
    window is empty. An element whose run overflows is infinite or NaN and leaves the others
    alone, see `result_codes`.

    **Raises:** `ValueError` where shapes do not fit, an input is not finite, a mask is empty or
    leaves [0, 1], an index is no unit's, `value` replaces nothing, a name is unknown, or the
    memory does not hold one run (`RuntimeError` for inputs and masks that are traced);
    `RuntimeError` where the score is seen to read outputs after `last`: random outputs are tried,
    which a score that only counts (an accuracy at one step) may pass. And `ValueError` where it
    is differentiated in reverse, but by the `first-order` estimator: its runs have no fixed
    length. `jax.jvp` and `jax.jacfwd` go through it, `jax.grad` through `rollout`.

    **Example:**

        >>> units, windows = list(range(6)), rj.tiling(20, 5)
        >>> effects = rj.sweep(network, xs, ys, rj.squared_error, units, windows, 0.0)
        >>> effects.shape  # [window, unit, trial]
        (4, 6, 8)
    """
    one_of("kind", kind, EDITS)
    one_of("estimator", estimator, get_args(Estimator))
    units = group_masks(units, num_units(network))
    units = check_masks("group of units", units, allow_noop)
    windows = check_masks("window", array("windows", windows), allow_noop)
    if kind == "pulse":
        windows = jnp.vectorize(first, signature="(t)->(t)")(windows)
    asked = _Asked(network, score, EDITS[kind], estimator, last, memory, mesh)
    return _run(asked, per_trial(network, xs, targets, windows, value), units)


def sweep_edges(
    network: Network,
    xs: PyTree,
    targets: Float[Numbers, "B T O"],
    score: Score,
    edges: Int[Numbers, "K 2"],
    windows: Float[Numbers, "W ..."],
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

    **Example:**

        >>> edges = jnp.array([[0, 1], [2, 0]])  # (to, from)
        >>> rj.sweep_edges(network, xs, ys, rj.squared_error, edges, rj.tiling(20, 5), 0.0).shape
        (4, 2, 8)
    """
    N = num_units(network)
    edges = check_edges(edges, N)
    windows = in_unit("a window", array("windows", windows))
    if windows.shape[-1:] == (1,):
        raise ValueError("connections lead from one step to the next: T must be at least 2, got 1")
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


def _run(asked: _Asked, trials: Batch, who: PyTree) -> Float[Array, "W G B *S"]:
    """Size the work, place it, run it, gather it."""
    B, W, T = trials.windows.shape
    dtype = trials.windows.dtype
    who = jax.tree.map(lambda rows: floats(rows, dtype).reshape(-1, *rows.shape[-2:]), who)
    lead, G = jax.tree.leaves(who)[0].shape[:2]
    if lead not in (1, W):
        raise ValueError(f"units of {lead} windows do not fit {W} windows")
    memory = default_memory() if asked.memory is None else parse_bytes(asked.memory)
    network, score, mesh = asked.network, asked.score, asked.mesh
    if mesh is not None:
        check_mesh(mesh, (network, score, trials, who))
    function("score", score)
    groups, count = local_shape(mesh, G, B)
    # a first-order estimate takes the groups of all windows at once
    groups *= lead if asked.estimator == "first-order" else 1
    size = fit_budget(network, T, groups, count, memory, asked.estimator)
    last = jnp.asarray(T - 1)
    if asked.last is not None:
        last = check_last(network, score, trials.targets, asked.last)
    replicated, single = (network, score, last), _single(who)
    if mesh is not None:
        replicated, trials, who = spread(mesh, replicated, trials, who)
    found = program(replicated, trials, who, asked.edit, asked.estimator, size, single, mesh)
    if asked.estimator != "first-order" and isinstance(found, Tracer):
        found = forward_only(found, NO_REVERSE)
    return found if mesh is None else gather(mesh, found, (W, G, B))


@eqx.filter_jit
def program(
    replicated: tuple[Network, Score, Array],
    trials: Batch,
    who: PyTree,
    edit: Edit,
    estimator: Estimator,
    size: Size,
    single: bool,
    mesh: Mesh | None,
) -> Float[Array, "W G B *S"]:
    """The one compiled program of a sweep: every device's share, side by side."""

    def local(replicated: tuple, trials: Batch, who: PyTree) -> Array:
        network, score, last = replicated
        if estimator == "first-order":
            return _first_order(network, score, trials, who, edit, size, single)
        return compute(network, score, trials, who, last, edit, estimator, size)

    check_score(*replicated[:2], trials.targets, scalar=estimator != "exact")
    if mesh is None:
        return local(replicated, trials, who)
    return share(mesh, local, replicated, trials, who)


def _first_order(
    network: Network,
    score: Score,
    trials: Batch,
    units: Float[Array, "V G N"],
    edit: Edit,
    size: Size,
    single: bool,
) -> Float[Array, "W G B"]:
    def one(trial: Batch) -> Float[Array, "W G"]:
        metric = lambda trajectory: score(outputs(network, trajectory), trial.targets)
        return first_order_groups(
            network.step, trial.h0, trial.xs, metric, trial.value, trial.windows, units,
            reach=edit.reach, single=single,
        )  # fmt: skip

    return jnp.moveaxis(lax.map(one, trials, batch_size=size.trials), 0, -1)


def _single(who: PyTree) -> bool:
    """Whether every group is known to be one whole unit: its carry is then a diagonal entry."""
    rows = jax.tree.leaves(who)
    if len(rows) > 1 or isinstance(rows[0], Tracer):
        return False
    rows = np.asarray(rows[0])
    return bool(((rows != 0).sum(-1) <= 1).all() and np.isin(rows, (0, 1)).all())
