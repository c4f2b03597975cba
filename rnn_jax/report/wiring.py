"""The geometry of a drawn circuit: which edges are drawn, how they run, where names stand.

    kept = strongest_in(weight, 3)                # bool [to, from]
    paths = bends(places[source], places[to], gap=0.04, head=0.06)
    heights = spread(wanted, gap=0.13, reach=1.4)

Units lie on a circle of radius 1. A path is a row of points whose last stretch is its arrowhead.
"""

import numpy as np
from jaxtyping import Bool, Float

INWARD, SIDEWAYS = 0.45, 0.24
"""How far an edge bends to the centre, and to its left, as shares of its length."""
POINTS = 20


def strongest_in(weight: Float[np.ndarray, "to from"], most: int) -> Bool[np.ndarray, "to from"]:
    """Of each receiver the `most` largest entries that are not 0, its own left out.

    **Arguments:**

    - `weight`: `[N, N]`, `[to, from]`, 0 where there is no edge.
    - `most`: how many of each row.
    """
    size = np.abs(weight)
    np.fill_diagonal(size, 0.0)
    first = np.argsort(-size, axis=1, kind="stable")[:, :most]
    kept = np.zeros(size.shape, bool)
    np.put_along_axis(kept, first, True, axis=1)
    return kept & (size > 0)


def bends(
    start: Float[np.ndarray, "E 2"], stop: Float[np.ndarray, "E 2"], gap: float, head: float
) -> Float[np.ndarray, "E K 2"]:
    """Curves from unit to unit, bent to the left: an edge and its reverse lie apart.

    **Arguments:**

    - `start`, `stop`: places of sender and receiver.
    - `gap`: how far before the receiver's centre the tip is.
    - `head`: length of the arrowhead.
    """
    across = stop - start
    length = np.linalg.norm(across, axis=-1, keepdims=True)
    # neighbours would else be joined along the circle itself, across the dots between them
    middle = (start + stop) / 2 * (1 - INWARD * np.minimum(1.0, length))
    control = middle + SIDEWAYS * np.stack([-across[:, 1], across[:, 0]], -1)
    along = length + np.linalg.norm(control - (start + stop) / 2, axis=-1, keepdims=True) / 2
    tip = np.clip(1 - gap / np.maximum(along, 1e-9), 0.5, 1.0)
    base = np.clip(tip - head / np.maximum(along, 1e-9), 0.25, 1.0)
    t = np.concatenate([base * np.linspace(0, 1, POINTS), tip], axis=1)[..., None]
    ends = (1 - t) ** 2 * start[:, None] + t**2 * stop[:, None]
    return ends + 2 * t * (1 - t) * control[:, None]


def loops(
    places: Float[np.ndarray, "E 2"], radius: float, gap: float, head: float
) -> Float[np.ndarray, "E K 2"]:
    """A small circle on the outside of each unit, from the unit to itself.

    **Arguments:**

    - `places`: of the units.
    - `radius`: of the loops.
    - `gap`, `head`: as for `bends`.
    """
    if not len(places):  # nor has a drawing without loops a radius for them
        return np.zeros((0, POINTS + 1, 2))
    # nearer to the unit than its gap a loop would lie under the dot
    first = min(2 * np.arcsin(min(1.0, gap / (2 * radius))), 0.8 * np.pi)
    last = 2 * np.pi - first
    base = last - min(head / radius, (last - first) / 2)
    angle = np.append(np.linspace(first, base, POINTS), last)[None, :, None]
    out, side = places[:, None], np.stack([-places[:, 1], places[:, 0]], -1)[:, None]
    return out * (1 + radius) - radius * (np.cos(angle) * out + np.sin(angle) * side)


def heads(paths: Float[np.ndarray, "E K 2"]) -> Float[np.ndarray, "E 3 2"]:
    """The arrowhead of each path, as a triangle over its last stretch."""
    base, tip = paths[:, -2], paths[:, -1]
    half = 0.42 * np.stack([-(tip - base)[:, 1], (tip - base)[:, 0]], -1)
    return np.stack([tip, base + half, base - half], axis=1)


def spread(wanted: Float[np.ndarray, " K"], gap: float, reach: float) -> Float[np.ndarray, " K"]:
    """Heights at least `gap` apart, as near in squares to the wanted ones as this allows.

    **Arguments:**

    - `wanted`: in rising order.
    - `gap`: between neighbours; `(K - 1) gap` is at most `2 reach`.
    - `reach`: heights lie in `[-reach, reach]`.

    With the gaps taken off, this is monotone regression by pooling of neighbours (Barlow et al.,
    "Statistical Inference under Order Restrictions", 1972).
    """
    step = gap * np.arange(len(wanted))
    pools: list[list[float]] = []
    for height in wanted - step:
        pools.append([height])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            last = pools.pop()
            pools[-1] += last
    level = np.concatenate([np.full(len(pool), np.mean(pool)) for pool in pools] or [wanted])
    return np.clip(level, -reach, reach - step[-1:].sum()) + step
