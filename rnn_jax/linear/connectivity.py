"""Effective connectivity: what each connection carries at a time, `S_t = J_t * h_{t-1}`.

    found = effective_connectivity(step, trajectory, windows)
    found.total[w, to, source]           # mean over the window's steps
    found.gate, found.wire, found.signal # for cells with a single W

A weight says what could flow. What does flow is gate x wire x signal: the slope of the receiver's
activation, the weight, and the sender's state. `S_ij` is, to first order, what the sender's
return to zero would take from the receiver.
"""

from collections.abc import Callable
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ..core import Identity, Input, State, Step, Trajectory
from ..core.checks import one_of
from ..core.trajectory import check_run
from .along import (
    Intervention,
    checked,
    each_step,
    forward,
    num_units,
    push_rows,
    push_through,
    window_sums,
)
from .propagators import without_gap

Reduce = Literal["mean", "product"]


class Connectivity(eqx.Module):
    """Effective connectivity of each window, `[to, from]`.

    - `total`: `[W, N, N]`, without a leak's diagonal.
    - `size`: `[W, N, N]`, the mean of `|S_t|`: where flows of either sign cancel in the mean,
        it tells what is carried nevertheless.
    - `leak`: `[W, N]`, what units keep of themselves by a leak, `leak_i h_i`; zero for
        cells that do not offer `parts`, whose carry stays in `total`'s diagonal.
    - `gate`: `[W, N]` mean slope of the receiver, `None` where the cell has no single W.
    - `wire`: `[N, N]` weights, `[to, from]`, or `None`.
    - `signal`: `[W, N]` mean state of the sender, or `None`.

    **Example:**

        >>> flip = lambda h, x: -h  # each unit carries itself, with a new sign at each step
        >>> run = rj.rollout(flip, jnp.ones(1), jnp.zeros((4, 1)))
        >>> found = rj.effective_connectivity(flip, run, jnp.ones((1, 4)))
        >>> found.total.item(), found.size.item()  # the mean cancels, the mean size does not
        (0.0, 1.0)
        >>> found.wire is None  # only a cell with `parts` has a single W
        True
    """

    total: Float[Array, "W N N"]
    size: Float[Array, "W N N"]
    leak: Float[Array, "W N"]
    gate: Float[Array, "W N"] | None
    wire: Float[Array, "N N"] | None
    signal: Float[Array, "W N"] | None

    @property
    def signed(self) -> Float[Array, "W N N"]:
        """The size of each flow, with the sign of its mean."""
        return jnp.copysign(self.size, self.total)


def effective_connectivity(
    step: Step,
    trajectory: Trajectory,
    windows: Float[Array, "W T"],
    reduce: Reduce = "mean",
    intervention: Intervention = Identity(),
) -> Connectivity:
    """What each connection carries in each window.

    `S_t[i, j] = J_t[i, j] h_{t-1}[j]`, and for a cell `leak * h + phi(W h + ...)` with a
    method `parts`: `S_t[i, j] = gate_i(t) W_ij h_j(t-1)`. Of a state of several parts, unit
    j's parts together act on what unit i shows, its first part.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `trajectory`: one trial's run.
    - `windows`: float `[W, T]`, none of them empty; a fraction weighs a step.
    - `reduce`: `mean` over the window's steps; or `product`,
        `J_last ... J_first diag(h_{first-1})`, what a window carries through, in which a leak
        takes part and every step of weight above 0 counts whole.
    - `intervention`: what held during the run; under one, the Jacobian is taken whole.

    **Returns:** a `Connectivity`, in the state's units.

    **Raises:** `ValueError` where `windows` does not fit the trajectory, a window is empty,
    `reduce` is unknown, the state's parts are not all `[N]` or a cell's `wire` varies over
    time, a window leaves [0, 1] or has a gap a product would run over (`RuntimeError` where that
    is known only when a compiled program runs).

    **Example:**

        >>> found = rj.effective_connectivity(network.step, rj.run(network, x), rj.tiling(20, 5))
        >>> found.total.shape  # [window, to, from]
        (4, 6, 6)
    """
    one_of("reduce", reduce, get_args(Reduce))
    check_run(trajectory)
    before = trajectory.previous
    num_units(before)
    windows = checked(windows, before)
    on, rows = each_step(step, trajectory, intervention)
    if reduce == "product":
        total = _products(on(push_rows), rows, without_gap(windows))
        return _whole(total, jnp.abs(total))
    weights = windows / windows.sum(1, keepdims=True)
    if hasattr(step, "parts") and isinstance(intervention, Identity):
        return _by_parts(step, before, trajectory.xs, weights)

    def flow(step: Step, h: State, x: Input) -> tuple[Array, Array]:
        carried = unit_jacobian(step, h, x)
        return carried, jnp.abs(carried)

    return _whole(*window_sums(on(flow), rows, weights))


def unit_jacobian(step: Step, h: State, x: Input) -> Float[Array, "N N"]:
    """One step's flow: `S[i, j] = sum over unit j's parts p of d shown_i / d p_j * p_j`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `h`: the state it starts from, an `[N]` or several; the first is what a unit shows.
    - `x`: its input.

    **Returns:** `[N, N]`, `[to, from]`, a leak's diagonal included.

    **Example:**

        >>> W = jnp.array([[0.0, 2.0], [0.0, 0.0]])  # unit 1 drives unit 0
        >>> h = jnp.array([1.0, 3.0])
        >>> rj.linear.unit_jacobian(lambda h, x: W @ h, h, jnp.zeros(1)).tolist()  # [to, from]
        [[0.0, 6.0], [0.0, 0.0]]
    """
    shown = lambda h: jax.tree.leaves(step(h, x))[0]
    blocks = jax.tree.leaves(forward(shown, h))
    parts = jax.tree.leaves(h)
    flows = [block * part[None] for block, part in zip(blocks, parts, strict=True)]
    return jnp.sum(jnp.stack(flows), 0)


def _by_parts(step: Step, before: State, xs: Input, weights: Float[Array, "W T"]) -> Connectivity:
    """`W * sum_t w_t g_t h_{t-1}^T`: no Jacobian is formed."""

    def split(h: State, x: Input) -> tuple[Array, Array, Array]:
        parts = step.parts(h, x)  # pyright: ignore[reportFunctionMemberAccess]
        return parts.leak, parts.gate, parts.wire

    # an unmapped wire is never written out once a step, and vmap refuses one that varies
    leak, gate, wire = jax.vmap(split, out_axes=(0, 0, None))(before, xs)

    def carried(gate: Array, wire: Array, signal: Array) -> Float[Array, "W N N"]:
        # weighted slopes first: a product of all three could go by way of [T, N, N]
        weighted = weights[:, :, None] * gate[None]
        return wire[None] * jnp.einsum("wti,tj->wij", weighted, signal)

    flow = (gate, wire, before)
    total, size = carried(*flow), carried(*map(jnp.abs, flow))
    return Connectivity(
        total, size, weights @ (leak * before), weights @ gate, wire, weights @ before
    )


def _products(push: Callable, rows: PyTree, windows: Float[Array, "W T"]) -> Array:
    """`J_last ... J_first diag(h_{first-1})`, by pushing all units' states through a window."""

    def through(window: Float[Array, " T"]) -> Float[Array, "N N"]:
        start = jax.tree.map(lambda part: jnp.diag(part[jnp.argmax(window > 0)]), rows[0])
        return jax.tree.leaves(push_through(push, rows, window, start))[0].T

    return lax.map(through, windows)


def _whole(total: Float[Array, "W N N"], size: Float[Array, "W N N"]) -> Connectivity:
    """Connectivity that was not taken apart: it holds the leak."""
    return Connectivity(total, size, jnp.zeros(total.shape[:2], total.dtype), None, None, None)
