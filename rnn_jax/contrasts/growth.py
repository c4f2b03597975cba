"""Growth: a small set whose exchange over a window turns the run into its foil.

    path = grow(network, question, candidates, limit=32, most=8, tolerance=0.05, reach=reach)
    members = path.order[path.kept]

At each round the residual's gradient ranks all candidates, the best 16 are run exactly together
with those already chosen, and the one that leaves the smallest residual joins. The whole search
is one program; it stops at the first size at which the residual is small in both directions. Then
members are dropped, the least needed first, while it stays small: where two units act only
together, growth collects units that do nothing before it meets them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from ..core import Network
from .exchange import Question, shares, sums_of
from .slopes import sums_of_mask

SCREENED = 16
"""Candidates that are run exactly in a round."""


class Path(NamedTuple):
    """The course of a search, one row for each size; NaN and -1 past its end.

    - `order`: `[K]`, the candidate that joined; `kept`: `[K]`, whether it was not dropped again.
    - `effect`, `off`: `[K, 2]`, `(undone, restored)` with the candidates so far.
    - `grown`: the first size at which the residual is small in both directions; K + 1 for none.
    - `size`: how many are kept; K + 1 for none.
    """

    order: Int[Array, " K"]
    kept: Bool[Array, " K"]
    effect: Float[Array, "K 2"]
    off: Float[Array, "K 2"]
    grown: Int[Array, ""]
    size: Int[Array, ""]


Judge: TypeAlias = Callable[[Float[Array, "C N"]], tuple[Array, Array, Array]]
"""Masks to effect, off target and residual, each `[2, C]`."""


class _Grown(NamedTuple):
    k: Array
    mask: Array
    path: Path


def grow(
    network: Network,
    question: Question,
    candidates: Float[Array, "G N"],
    limit: int,
    most: Int[Array, ""],
    tolerance: Float[Array, ""],
    reach: Float[Array, " 2"],
) -> Path:
    """Grow a mediator greedily. It is one part of a program: call it inside `jit`.

    **Arguments:**

    - `network`, `question`: the trials on which it is searched.
    - `candidates`: masks of the units, or groups, that may join.
    - `limit`: rows of the path; `most`: the largest size tried, no more than that.
    - `tolerance`: the largest residual of either direction.
    - `reach`: effects count as shares of this, `[2]`.

    **Returns:** a `Path`.
    """
    count = min(SCREENED, len(candidates))

    def judge(masks: Array) -> tuple[Array, Array, Array]:
        found = shares(sums_of(network, question, masks), question.norms)
        share = jnp.stack([found.effect / reach[:, None], found.off / reach[:, None] ** 2])
        return share[0], share[1], (1 - share[0]) ** 2 + share[1]

    def proceed(grown: _Grown) -> Array:
        return (grown.k < most) & (grown.path.grown > limit)

    def round_(grown: _Grown) -> _Grown:
        k, mask, path = grown
        taken = (candidates * mask[None]).sum(1) >= candidates.sum(1)
        best = _screen(network, question, candidates, mask, taken, reach, count)
        masks = jnp.maximum(mask[None], candidates[best])
        effect, off, residual = judge(masks)
        total = jnp.where(taken[best], jnp.inf, residual.sum(0))
        pick = jnp.argmin(jnp.where(jnp.isnan(total), jnp.inf, total))
        path = path._replace(
            order=path.order.at[k].set(best[pick].astype(path.order.dtype)),
            effect=path.effect.at[k].set(effect[:, pick]),
            off=path.off.at[k].set(off[:, pick]),
            grown=jnp.where((residual[:, pick] <= tolerance).all(), k + 1, path.grown),
        )
        return _Grown(k + 1, masks[pick], path)

    first = _Grown(jnp.asarray(0), jnp.zeros_like(candidates[0]), _blank(limit, candidates.dtype))
    path = lax.while_loop(proceed, round_, first).path
    found = path.grown <= limit
    kept = (jnp.arange(limit) < path.grown) & found
    kept = _pruned(judge, candidates[path.order], kept, tolerance)
    return path._replace(kept=kept, size=jnp.where(found, kept.sum(), limit + 1))


def _blank(limit: int, dtype: Any) -> Path:
    nothing, none = jnp.full((limit, 2), jnp.nan, dtype), jnp.asarray(limit + 1)
    return Path(jnp.full(limit, -1), jnp.zeros(limit, bool), nothing, nothing, none, none)


def _pruned(
    judge: Judge, chosen: Float[Array, "K N"], kept: Bool[Array, " K"], tolerance: Float[Array, ""]
) -> Bool[Array, " K"]:
    """Drop the least needed of the chosen candidates while the residual stays small."""

    def drop(now: tuple[Array, Array]) -> tuple[Array, Array]:
        kept = now[0]
        without = kept[None] & ~jnp.eye(len(kept), dtype=bool)
        residual = judge(jnp.clip(without.astype(chosen.dtype) @ chosen, 0, 1))[2]
        may = (residual <= tolerance).all(0) & kept
        least = jnp.argmin(jnp.where(may, residual.sum(0), jnp.inf))
        return jnp.where(may.any(), without[least], kept), may.any()

    return lax.while_loop(lambda now: now[1], drop, (kept, kept.any()))[0]


def _screen(
    network: Network,
    question: Question,
    candidates: Float[Array, "G N"],
    mask: Float[Array, " N"],
    taken: Array,
    reach: Float[Array, " 2"],
    count: int,
) -> Int[Array, " C"]:
    """The candidates whose joining lowers the residual most, to first order."""
    if count == len(candidates):
        return jnp.arange(count)
    slope = jax.grad(lambda mask: _residual(network, question, mask, reach))(mask)
    gain = candidates @ (jnp.nan_to_num(slope) * (1 - mask))
    return lax.top_k(-jnp.where(taken, jnp.inf, gain), count)[1]


def _residual(
    network: Network, question: Question, mask: Float[Array, " N"], reach: Float[Array, " 2"]
) -> Float[Array, ""]:
    """The sum of both residuals of one mask."""
    found = shares(sums_of_mask(network, question, mask), question.norms)
    effect, off = found.effect / reach, found.off / reach**2
    return ((1 - effect) ** 2 + off).sum()
