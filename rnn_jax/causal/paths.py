"""Paths: chains of units through time, `j0@t -> j1@t+1 -> ... -> jL@t+L -> metric`.

    factors = path_factors(step, h0, xs, metric, value, start=t, hops=L)   # one trial, one start
    found = top_paths(factors, count=20)                                   # first order screens
    exact = path_effects(step, h0, xs, metric, value, t, found.units)      # exact runs decide

What a path carries is to first order a product, so that a beam with a bound on what is still to
come finds the largest without listing all `N^(L+1)`. One ranking for a window, over trials, is
the same beam over factors with leading axes:

    at = lambda xs, t: path_factors(step, h0, xs, metric, value, t, hops=L)
    every = jax.vmap(jax.vmap(at, (None, 0)), (0, None))(trials, jnp.arange(10, 20))
    found = top_paths(every, count=20)

A unit's own memory is a hop like any other; `factors.J` is data, and with its diagonal set to 0
every hop goes to another unit.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from ..core import Input, Metric, Replace, State, Step, Trajectory, rollout
from ..core.checks import at_least, described, numbers, whole_number
from ..core.rollout import unroll
from ..core.tree import num_steps
from ..core.units import is_integer
from ..linear import adjoints
from .first_order import replacement


class PathFactors(NamedTuple):
    """All that the first-order scores of the paths from one start are products of.

    - `delta`: `[..., N]`, what the replacement changes at the start, `value - h`.
    - `J`: `[..., L, N, N]`, the Jacobian of each hop, `[to, from]`.
    - `lam`: `[..., N]`, the adjoint `dF/dhs` where paths end.

    **Example:**

        >>> W = jnp.array([[0.0, 2.0], [3.0, 0.0]])  # [to, from]
        >>> found = rj.causal.PathFactors(-jnp.ones(2), W[None], jnp.ones(2))
        >>> (found.delta[0] * found.J[0, 1, 0] * found.lam[1]).item()  # the path from unit 0 to 1
        -3.0
    """

    delta: Float[Array, "*batch N"]
    J: Float[Array, "*batch L N N"]
    lam: Float[Array, "*batch N"]


class Paths(NamedTuple):
    """The largest paths, ranked by the magnitude of their mean first-order score.

    - `units`: `[K, L + 1]`, the unit that a path is in at each step from its start on.
    - `first_order`: `[..., K]`, the score in every trial and at every start.
    - `bound`: no path that the beam dropped on the way has a larger mean score: those found
        above it are the largest of all.

    **Example:**

        >>> W = jnp.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 3.0, 0.0]])  # [to, from]
        >>> factors = rj.causal.PathFactors(-jnp.ones(3), W[None], jnp.ones(3))
        >>> found = jax.jit(lambda factors: rj.causal.top_paths(factors, 3))(factors)
        >>> found.units.tolist(), found.first_order.tolist()  # the largest first
        ([[1, 2], [0, 1], [0, 2]], [-3.0, -2.0, -1.0])
    """

    units: Int[Array, "K places"]
    first_order: Float[Array, "*batch K"]
    bound: Float[Array, ""]


def path_factors(
    step: Step,
    h0: Float[Array, " N"],
    xs: Input,
    metric: Metric,
    value: Array | float,
    start: int | Int[Array, ""],
    hops: int,
) -> PathFactors:
    """The factors of every path's effect to first order,

    `delta_t[j0] * J_{t+1}[j1, j0] * ... * J_{t+L}[jL, j(L-1)] * lam_{t+L}[jL]`,

    which is the derivative of `path_effects` along `h + a delta` at `a = 0`. With `lam` the
    total adjoint, the paths of L hops out of a node add up to the node's effect but for what
    the metric reads directly at `t .. t+L-1`.

    **Arguments:**

    - `step`, `h0`, `xs`: as for `rollout`, for a state of a single array.
    - `metric`: `trajectory -> scalar`.
    - `value`: `[T, N]` or `[1, N]` replacement, or a scalar.
    - `start`: t, the step whose state paths begin in; an array of one may be `vmap`ped.
    - `hops`: L, a static number.

    **Returns:** `PathFactors`; no other Jacobians than those of the L hops are formed.

    **Raises:** `ValueError` where the state has several parts, where `value` does not fit, or
    where a path would leave the trial (`RuntimeError` if `start` is traced).

    **Example:**

        >>> W = jnp.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])  # 0 to 1 to 2
        >>> step, last = (lambda h, x: W @ h + x), (lambda run: run.hs[-1, 2])
        >>> xs = jnp.zeros((3, 3)).at[0, 0].set(1.0)
        >>> found = rj.causal.path_factors(step, jnp.zeros(3), xs, last, 0.0, 0, 2)
        >>> found.delta.tolist(), found.J.shape, found.lam.tolist()
        ([-1.0, 0.0, 0.0], (2, 3, 3), [0.0, 0.0, 1.0])
    """
    run, along, start = _runs(step, h0, xs, start, hops)
    delta = _replaced(value, run.hs)[start] - run.hs[start]
    lam = adjoints(step, run, metric)[start + hops]
    return PathFactors(delta, jax.vmap(jax.jacfwd(step))(*along), lam)


def top_paths(factors: PathFactors, count: int, width: int | None = None) -> Paths:
    """The `count` paths of largest `|mean score|`, the mean being over all leading axes.

    The beam keeps the beginnings `p` of paths with the largest `mean(|p| * b[last unit])`,
    `b` the largest product that one trial still has ahead of a unit:
    `b_L = |lam|`, `b_{l-1}[j] = max_i |J_l[i, j]| b_l[i]`. No path scores more than its
    beginning promises. Without leading axes some path scores just that, so that the result
    is exact at any width; with them trials may want different ends, and `bound` says which
    of the paths found are sure.

    **Arguments:**

    - `factors`: of one trial and start, or with leading axes for several.
    - `count`: K.
    - `width`: beginnings kept at each hop, `20 * count` by default. A wider beam lowers the
        bound and may find larger paths; memory grows as `width * N` a trial and start.

    **Returns:** `Paths`, the largest first.

    **Raises:** `ValueError` where the factors' shapes disagree, where there are fewer than
    `count` paths, or where `width` is below `count`.

    Seshadri and Sundberg, IEEE Transactions on Communications 42 (1994), the list of best
    paths in the case without leading axes.

    **Example:**

        >>> W = jnp.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])  # 0 to 1 to 2
        >>> factors = rj.causal.PathFactors(-jnp.ones(3), jnp.stack([W, W]), jnp.ones(3))
        >>> found = jax.jit(lambda factors: rj.causal.top_paths(factors, 1))(factors)
        >>> found.units.tolist(), found.first_order.tolist()
        ([[0, 1, 2]], [-6.0])
    """
    whole_number("count", count)
    batch, width = _check(factors, count, 20 * count if width is None else width)
    delta, J, lam = (
        leaf.reshape(-1, *leaf.shape[len(batch) :])  # leading axes as one, also where none
        for leaf in factors
    )
    units, product, bound = jnp.arange(delta.shape[1])[:, None], delta, jnp.zeros((), delta.dtype)
    for hop, ahead in enumerate(_ahead(J, lam)):
        promise = jnp.mean(jnp.abs(product) * ahead[:, units[:, -1]], 0)
        kept, dropped = _largest(promise, width)
        bound = jnp.maximum(bound, dropped)
        units, product = _extend(units[kept], product[:, kept], J[:, hop])
    score = product * lam[:, units[:, -1]]
    kept, _ = _largest(jnp.abs(jnp.mean(score, 0)), count)
    return Paths(units[kept], score[:, kept].reshape(*batch, count), bound)


def path_effects(
    step: Step,
    h0: Float[Array, " N"],
    xs: Input,
    metric: Metric,
    value: Array | float,
    start: int | Int[Array, ""],
    units: Int[Array, "K places"],
    batch_size: int | None = None,
) -> Float[Array, " K"]:
    """The exact effect of each path: every hop is run, with all units off the path left clean.

    `u_0 = value_t[j0]`, `u_{l+1} = step(h_{t+l} with j_l := u_l, x_{t+l+1})[j_{l+1}]`, and at
    last the effect of the pulse that sets unit `jL` to `u_L` at step t+L. A path of one unit is
    that unit's pulse.

    **Arguments:** as for `path_factors`, and

    - `units`: `[K, L + 1]`, the unit that a path is in at each step from `start` on.
    - `batch_size`: how many paths run at once; all by default.

    **Returns:** `[K]`.

    **Raises:** as `path_factors` does, and `ValueError` where `units` are no rows or name a
    unit that does not exist (`RuntimeError` if they are traced).

    Goldowsky-Dill et al., arXiv:2304.05969 (2023), on recurrent state.

    **Example:**

        >>> W = jnp.array([[0.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 3.0, 0.0]])  # 0 to 1 to 2
        >>> step, last = (lambda h, x: W @ h + x), (lambda run: run.hs[-1, 2])
        >>> xs = jnp.zeros((3, 3)).at[0, 0].set(1.0)
        >>> paths = jnp.array([[0, 1, 2], [0, 2, 2]])
        >>> rj.causal.path_effects(step, jnp.zeros(3), xs, last, 0.0, 0, paths).tolist()
        [-6.0, 0.0]
    """
    units = jnp.asarray(numbers("units", units))
    if units.ndim != 2 or units.size == 0 or not is_integer(units):
        raise ValueError(f"units must be int [K, L + 1], a row a path; got {described(units)}")
    batch_size = len(units) if batch_size is None else batch_size
    at_least(1, batch_size=batch_size)
    count, hops = units.shape[0], units.shape[1] - 1
    run, along, start = _runs(step, h0, xs, start, hops)
    first = _replaced(value, run.hs)[start]
    units = _inside("every unit of a path", units, h0.size)
    clean = metric(run)

    def effect(path: Array) -> Array:
        mask = jnp.zeros_like(run.hs).at[start + hops, path[-1]].set(1.0)
        pulse = Replace(mask, _arriving(step, along, first[path[0]], path))
        return metric(unroll(step, h0, xs, pulse)) - clean

    return lax.map(effect, units, batch_size=min(batch_size, count))


def _arriving(step: Step, along: tuple[Array, Input], u: Array, path: Array) -> Array:
    """What a path's last unit is brought to by its first being set to `u`."""

    def hop(u: Array, row: tuple) -> tuple[Array, None]:
        h, x, sender, receiver = row
        return step(h.at[sender].set(u), x)[receiver], None

    return lax.scan(hop, u, (*along, path[:-1], path[1:]))[0]


def _ahead(J: Array, lam: Array) -> list[Array]:
    """`b_0 .. b_{L-1}`, each `[M, N]`: the largest product still ahead of every unit."""
    found = [jnp.abs(lam)]
    for hop in reversed(range(J.shape[1])):
        found.append(jnp.max(jnp.abs(J[:, hop]) * found[-1][:, :, None], 1))
    return found[:0:-1]


def _extend(units: Array, product: Array, J: Array) -> tuple[Array, Array]:
    """Every beginning `[W, l]` by every unit: `[W * N, l + 1]`, products `[M, W * N]`."""
    width, N = units.shape[0], J.shape[1]
    onward = product[:, :, None] * jnp.swapaxes(J[:, :, units[:, -1]], 1, 2)
    arrived = jnp.tile(jnp.arange(N), width)
    return (
        jnp.column_stack([jnp.repeat(units, N, 0), arrived]),
        onward.reshape(-1, width * N),
    )


def _largest(scores: Array, count: int) -> tuple[Array, Array]:
    """Where the largest are, and the largest of the rest: 0 where none is left."""
    ranked, order = lax.top_k(scores, min(count + 1, scores.size))
    return order[:count], ranked[count] if scores.size > count else jnp.zeros_like(ranked[0])


def _runs(
    step: Step, h0: State, xs: Input, start: int | Array, hops: int
) -> tuple[Trajectory, tuple[Array, Input], Array]:
    """The clean run, the L states and inputs that hops set out from, and `start`, in range."""
    if not isinstance(h0, jax.Array) or h0.ndim != 1:
        raise ValueError("paths need a state of one array [N]: flatten the step first")
    T = num_steps(xs)
    if not 0 <= whole_number("hops", hops) < T:
        raise ValueError(f"hops must lie in [0, {T}), within the {T} steps; got {hops}")
    start = jnp.asarray(numbers("start", start))
    if start.ndim or not is_integer(start):
        raise ValueError(f"start must be a whole number, got {described(start)}")
    start = _inside(f"the start of {hops} hops within {T} steps", start, T - hops)
    run = rollout(step, h0, xs)
    part = lambda leaf, first: lax.dynamic_slice_in_dim(leaf, first, hops)
    return run, (part(run.hs, start), jax.tree.map(lambda x: part(x, start + 1), xs)), start


def _replaced(value: Array | float, hs: Array) -> Array:
    return jnp.broadcast_to(jnp.asarray(replacement(value, hs), hs.dtype), hs.shape)


def _inside(name: str, index: Array, size: int) -> Array:
    """Indices known to lie in `[0, size)`: JAX clips or drops others without a word."""
    outside = jnp.any((index < 0) | (index >= size))
    if isinstance(outside, Tracer):
        return eqx.error_if(index, outside, f"{name} must lie in [0, {size})")
    if outside:
        raise ValueError(f"{name} must lie in [0, {size}), got {index}")
    return index


def _check(factors: PathFactors, count: int, width: int) -> tuple[tuple[int, ...], int]:
    """The leading axes and the width, once they make sense."""
    if not isinstance(factors, PathFactors):
        raise ValueError(f"factors must be PathFactors, got {described(factors)}")
    whole_number("width", width)
    *batch, N = factors.delta.shape
    hops = factors.J.shape[len(batch) :][:1]
    if factors.lam.shape != (*batch, N) or factors.J.shape != (*batch, *hops, N, N):
        raise ValueError(
            "factors must be delta [..., N], J [..., L, N, N], lam [..., N]; got shapes "
            f"{[leaf.shape for leaf in factors]}"
        )
    paths = N ** (hops[0] + 1)
    if not 1 <= count <= paths:
        raise ValueError(f"count must be from 1 to the {paths} paths there are, got {count}")
    if width < count:
        raise ValueError(f"width must be at least count = {count}, got {width}")
    return tuple(batch), width
