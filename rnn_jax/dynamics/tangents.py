"""Directions pushed along a run: where they start, and how they are kept orthonormal.

    rows = first_rows(h, None, 8, None)                              # [8, N]
    rows, logs, order = orthonormal(push_rows(step, h, x, rows))

A direction is a row `[N]`. LAPACK reads the rows of an array as columns without moving them.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from ..core import State, clamp, flatten
from ..core.checks import array, at_least, described, refused
from .held import held


def orthonormal(
    pushed: Float[Array, "K N"],
) -> tuple[Float[Array, "K N"], Float[Array, " K"], Int[Array, " K"]]:
    """Orthonormal rows of the same nested spans, and by how much each span grew.

    With `pushed^T = Q R` the growth is `log|R[k, k]|`. It is `-inf` for a direction that lies in
    the span of those before it, to rounding: `|R[k, k]| <= sqrt(N) eps max|pushed[k]|`. Such a
    direction is replaced by any that is orthogonal to the others and goes last, since in its old
    place it would take the growth of those behind it.

    **Returns:** rows, the growth in the order of `pushed`, and the order of the rows in `pushed`.
    """
    q, r = jnp.linalg.qr(pushed.T)
    size = jnp.abs(jnp.diagonal(r))
    # not the norm, which may overflow; NaN compares as false, and stays NaN
    rounding = jnp.finfo(q.dtype).eps * pushed.shape[1] ** 0.5 * jnp.abs(pushed).max(1)
    lost = size <= rounding
    order = jnp.argsort(lost, stable=True)
    return q.T[order], jnp.log(jnp.where(lost, 0, size)), order


def first_rows(
    like: Float[Array, " N"],
    inside: Float[Array, " N"] | None,
    count: int | None,
    basis: Float[Array, "N K"] | None,
) -> Float[Array, "K N"]:
    """Orthonormal rows to start from: of a basis, or random, always the same.

    The first rows of many are those of few, so that a part of a spectrum is that of the whole.

    **Raises:** `ValueError` where `like` is not of floats, `count` leaves [1, N], or `basis` does
    not fit.
    """
    if not jnp.issubdtype(like.dtype, jnp.floating):
        raise ValueError(f"h0 must be of floats, got {described(like)}")
    N = like.size
    if basis is None:
        at_least(1, count=N if count is None else count)
        rows = _random(N if count is None else count, like)
    else:
        rows = array("basis", basis).T.astype(like.dtype)
        if rows.ndim != 2 or rows.shape[1] != N or count not in (None, rows.shape[0]):
            wanted = f"[{N}, {'K' if count is None else count}]"
            raise ValueError(f"basis must be {wanted}, got {described(basis)}")
    if not 1 <= rows.shape[0] <= N:
        raise ValueError(f"count must lie in [1, {N}], the size of the state; got {len(rows)}")
    return orthonormal(rows if inside is None else rows * inside[None])[0]


def _random(count: int, like: Float[Array, " N"]) -> Float[Array, "K N"]:
    """Normal rows, each of a key of its own, so that few are the first of many."""
    key = jax.random.key(0)
    draw = lambda k: jax.random.normal(jax.random.fold_in(key, k), like.shape, like.dtype)
    return jax.vmap(draw)(jnp.arange(count))


def inside_units(units: PyTree, h0: State) -> Float[Array, " N"] | None:
    """A mask over the entries of a state, 1 where they are of these units.

    **Raises:** `ValueError` where units are not as `clamp` takes them, or a mask holds fractions
    (`RuntimeError` if traced).
    """
    if units is None:
        return None
    stay = lambda h, x: h
    marked = held(stay, clamp(units, jnp.ones(1), 1.0), h0)(jax.tree.map(jnp.zeros_like, h0), None)
    mask = flatten(stay, marked)[1]
    return refused(
        "units: a mask must hold zeros and ones", ((mask != 0) & (mask != 1)).any(), mask
    )
