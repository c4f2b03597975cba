"""The Sinkhorn divergence: how far two batches of samples are from one distribution.

    value = sinkhorn_divergence(x, y)                   # batches [B, D] and [C, D]
    slope = jax.grad(sinkhorn_divergence)(x, y)         # moves x towards y's distribution
    plan = transport_plan(x, y, blur=0.3)               # [B, C], who is matched with whom

With `OT` the transport cost with an entropy of strength `eps = blur ** 2`, the divergence is
`OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2`: it is 0 for equal batches, which `OT` alone is not.

Feydy et al., AISTATS (2019), "Interpolating between optimal transport and MMD".
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float

from ..core.checks import array, described, function, positive, refused, share
from ..core.types import Numbers

Cost = Callable[[Array, Array], Array]
"""`(x [B, D], y [C, D]) -> [B, C]`."""


def half_squared(x: Float[Array, "B D"], y: Float[Array, "C D"]) -> Float[Array, "B C"]:
    """`|x_i - y_j|^2 / 2`; between one-hot sequences, the number of steps at which they differ.

    **Example:**

        >>> here, there = jnp.zeros((1, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> rj.training.half_squared(here, there).tolist()
        [[12.5, 0.5]]
    """
    squares = (x * x).sum(1)[:, None] + (y * y).sum(1)[None]
    return squares / 2 - x @ y.T


def distance(x: Float[Array, "B D"], y: Float[Array, "C D"]) -> Float[Array, "B C"]:
    """`|x_i - y_j|`, the Euclidean distance; not to be differentiated at equal points.

    **Example:**

        >>> here, there = jnp.zeros((1, 2)), jnp.array([[3.0, 4.0], [0.0, 1.0]])
        >>> rj.training.distance(here, there).tolist()
        [[5.0, 1.0]]
    """
    return jnp.sqrt(2 * jnp.maximum(half_squared(x, y), 0))


def sinkhorn_divergence(
    x: Float[Numbers, "B D"],
    y: Float[Numbers, "C D"],
    blur: float = 0.2,
    *,
    x_weights: Float[Numbers, " B"] | None = None,
    y_weights: Float[Numbers, " C"] | None = None,
    cost: Cost = half_squared,
    diameter: float | None = None,
    scaling: float = 0.5,
) -> Float[Array, ""]:
    """`S = <a, f - f_x> + <b, g - g_y>`, from the potentials of the three transport problems.

    Potentials are updated in the log domain, both sides at once and averaged with what they were.
    The strength of the entropy falls from `diameter ** 2` to `blur ** 2` by `scaling ** 2` each
    time. One last update, of potentials held constant, carries the gradient. It is pure: `jit`,
    `grad`, `vmap`. It holds four matrices of the batches' sizes, and the gradient as many more.

    **Arguments:**

    - `x`, `y`: samples, of one dtype.
    - `blur`: the root of the last `eps`, in the unit of the samples for a squared cost.
    - `x_weights`, `y_weights`: `a` and `b`, above 0, each of sum 1; by default all are equal.
    - `cost`: `(x, y) -> [B, C]`, at least 0, and symmetric.
    - `diameter`: the root of the first `eps`; by default the diagonal of the box that holds all
        samples, as for `half_squared`.
    - `scaling`: in (0, 1).

    **Returns:** a scalar, in the cost's unit. It may lie below 0 by what is left after the last
    update: the loop has a fixed number of updates, not a tolerance.

    **Raises:** `ValueError` where shapes, dtypes or weights do not fit, or a number is out of its
    range.

    Feydy et al., AISTATS (2019), section 3; the order of updates is that of geomloss.

    **Example:**

        >>> here, there = jnp.zeros((4, 1)), jnp.full((4, 1), 2.0)
        >>> divergence = jax.jit(rj.training.sinkhorn_divergence)
        >>> print(divergence(here, here).round(3))
        0.0
        >>> print(divergence(here, there).round(3))  # the move costs 2^2 / 2
        2.0
    """
    x, y, a, b = _posed(x, y, x_weights, y_weights, blur, cost, scaling, diameter)
    held = lax.stop_gradient
    # the first two are one matrix, which is computed once: they differ in what has a gradient
    costs = [cost(x, held(y)), cost(held(x), y), cost(x, held(x)), cost(y, held(y))]
    widest = box(x, y) if diameter is None else diameter
    flat = [held(matrix) for matrix in costs]
    logs = jnp.log(a), jnp.log(b)
    f, g, own_f, own_g = _annealed(flat, logs, held(widest), blur, scaling)
    eps = jnp.asarray(blur**2, x.dtype)
    last = _updated(eps, costs, logs, [held(part) for part in (f, g, own_f, own_g)])
    return a @ (last[0] - last[2]) + b @ (last[1] - last[3])


def transport_plan(
    x: Float[Numbers, "B D"],
    y: Float[Numbers, "C D"],
    blur: float = 0.2,
    *,
    cost: Cost = half_squared,
    diameter: float | None = None,
    scaling: float = 0.5,
) -> Float[Array, "B C"]:
    """The plan `P_ij = a_i b_j exp((f_i + g_j - c_ij) / eps)` between equal weights.

    Rows sum to `1 / B` exactly; columns as nearly as the updates have come.

    **Arguments:** as for `sinkhorn_divergence`.

    **Returns:** `[B, C]`, what each sample of `x` gives to each of `y`.

    **Raises:** as `sinkhorn_divergence`.

    **Example:**

        >>> points = jnp.array([[0.0], [5.0]])
        >>> plan = jax.jit(rj.training.transport_plan)(points, points[::-1])
        >>> print(plan.round(3))  # each goes to the one at its own place
        [[0.  0.5]
         [0.5 0. ]]
    """
    x, y, a, b = _posed(x, y, None, None, blur, cost, scaling, diameter)
    widest = box(x, y) if diameter is None else diameter
    matrix = cost(x, y)
    logs = jnp.log(a), jnp.log(b)
    _, g = _annealed([matrix, matrix], logs, widest, blur, scaling)
    eps = jnp.asarray(blur**2, x.dtype)
    return a[:, None] * jax.nn.softmax((logs[1] + g / eps)[None] - matrix / eps, axis=1)


def box(x: Float[Array, "B D"], y: Float[Array, "C D"]) -> Float[Array, ""]:
    """The diagonal of the smallest box that holds all samples."""
    high = jnp.maximum(x.max(0), y.max(0))
    return jnp.sqrt(((high - jnp.minimum(x.min(0), y.min(0))) ** 2).sum())


class _Posed(NamedTuple):
    x: Array
    y: Array
    x_weights: Array
    y_weights: Array


def _posed(
    x: Any, y: Any, a: Any, b: Any, blur: Any, cost: Any, scaling: Any, diameter: Any
) -> _Posed:
    """**Raises:** `ValueError` where the problem makes no sense."""
    x, y = array("x", x), array("y", y)
    for name, batch in (("x", x), ("y", y)):
        if batch.ndim != 2 or 0 in batch.shape or not jnp.issubdtype(batch.dtype, jnp.floating):
            raise ValueError(f"{name} must be samples [B, D] of floats, got {described(batch)}")
    if x.shape[1] != y.shape[1] or x.dtype != y.dtype:
        raise ValueError(f"x and y must be of one kind, got {described(x)}, {described(y)}")
    positive("blur", blur)
    positive("diameter", 1.0 if diameter is None else diameter)
    share("scaling", scaling, above=0, below=1)
    function("cost", cost)
    return _Posed(x, y, _weights("x_weights", a, x), _weights("y_weights", b, y))


def _weights(name: str, given: Any, batch: Array) -> Array:
    B = len(batch)
    if given is None:
        return jnp.full(B, 1 / B, batch.dtype)
    known = array(name, given)
    if known.shape != (B,):
        raise ValueError(f"{name} must be [{B}], got {described(known)}")
    bad = ~((known > 0).all() & (jnp.abs(known.sum() - 1) < 1e-4))
    return refused(f"{name} must be above 0, of sum 1", bad, known.astype(batch.dtype))


OTHER, AXIS = (1, 0, 2, 3), (1, 0, 1, 1)
"""Of the two sides, then of each side's own problem: whose potential an update reads, and over
which axis of the cost it sums."""


def _updated(
    eps: Array, costs: list[Array], logs: tuple[Array, Array], potentials: list[Array]
) -> list[Array]:
    """`-eps log sum_j exp(log b_j + (g_j - c_ij) / eps)` of each side."""
    weights = (*logs, *logs)
    given = [weights[k] + potentials[k] / eps for k in OTHER[: len(costs)]]
    return [
        -eps * logsumexp(jnp.expand_dims(logs, 1 - axis) - cost / eps, axis=axis)
        for logs, cost, axis in zip(given, costs, AXIS, strict=False)
    ]


def _annealed(
    costs: list[Array],
    logs: tuple[Array, Array],
    diameter: Array | float,
    blur: float,
    scaling: float,
) -> list[Array]:
    """Potentials of each side, after all updates: of the joint problem, then of each own."""
    dtype = costs[0].dtype
    first, last = jnp.asarray(diameter, dtype) ** 2, jnp.asarray(blur**2, dtype)
    # samples that are all one point have no diameter
    first = jnp.where(first > 0, first, last)
    ratio = scaling**2
    falls = jnp.ceil(jnp.log(first / last) / -jnp.log(jnp.asarray(ratio, dtype)))
    falls = jnp.maximum(falls, 0).astype(jnp.int32)

    def body(k: Array, potentials: list[Array]) -> list[Array]:
        # the first eps is used twice, as in geomloss
        fallen = first * ratio ** jnp.maximum(k - 1, 0).astype(dtype)
        eps = jnp.where(k > falls, last, fallen)
        fresh = _updated(eps, costs, logs, potentials)
        return [(old + new) / 2 for old, new in zip(potentials, fresh, strict=True)]

    nothing = [jnp.zeros_like(log) for log in (*logs, *logs)[: len(costs)]]
    begin = _updated(first, costs, logs, nothing)
    return lax.fori_loop(0, falls + 2, body, begin)
