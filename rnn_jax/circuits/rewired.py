"""A network of the same degrees and otherwise random: what an anatomy's counts alone explain.

    null = rewired(key, mask)                            # mask [to, from]
    null = rewired(key, anatomy.weights, anatomy.groups) # ... and of the same counts by group

Several connections exchange targets: of `a -> b` and `c -> d` come `a -> d` and `c -> b`. Each
unit keeps its numbers of senders and of targets, so that what differs between an anatomy and
its null is who connects to whom, not who connects to how many.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Bool, Int, Integer, PRNGKeyArray, Shaped

from ..core.checks import all_finite, at_least, described, numbers, random_key
from ..core.types import Numbers

CROWD = 20
"""A round has at most one ring for so many entries of the matrix, lest rings get in their way."""

Ids = Integer[np.ndarray, " E"]
"""A whole number for each connection."""


def rewired(
    key: PRNGKeyArray,
    weights: Shaped[Numbers, "N N"],
    groups: Sequence[Any] | np.ndarray | None = None,
    proposals: int = 50,
) -> Shaped[np.ndarray, "N N"]:
    """A random matrix `w'` whose every unit keeps its degrees.

    With `m = [w != 0]` and any group `g` of senders or receivers, exactly and for all `i, j`:

    - `sum_{j in g} m'[i, j] = sum_{j in g} m[i, j]`: in-degrees by group;
    - `sum_{i in g} m'[i, j] = sum_{i in g} m[i, j]`: out-degrees by group, and so the counts of
        each pair of groups;
    - `w'[i, i] = w[i, i]`: no connection of a unit on itself is made, moved or lost;
    - a sender keeps its weights to each group, in a random order: signs by sender (Dale's law)
        and sums by sender hold. What a receiver's weights add up to does not.

    A Markov chain, which is uniform in the limit over all masks for which this holds. A round
    picks disjoint pairs, or triples, of connections at random. In each, targets change places in
    a ring, unless that needs a connection that is there, or one of a unit on itself. Rings that
    touch one entry of the matrix leave each other as they are, so that a round is as likely as
    its reverse. Triples reverse loops of three units, which pairs cannot. Where nothing can be
    exchanged, the mask comes back as it was.

    **Arguments:**

    - `key`: draws the exchanges.
    - `weights`: `[N, N]`, `[to, from]`: a mask or weights; 0 is no connection.
    - `groups`: `[N]` labels, such as cell types; none, or an empty list, is one group.
    - `proposals`: how often each connection is put up for an exchange, on average: 50 are 25
        pairs for each connection. A block more than half full moves the gaps instead, of which
        the same holds. Nothing checks whether the limit is reached.

    **Returns:** an array on the host, of the dtype and shape of `weights`.

    **Raises:** `ValueError` where `weights` is not square or not finite, or `groups` are not `N`.

    Maslov & Sneppen, Science 296 (2002), for the exchange; Berger & Mueller-Hannemann, WG (2010),
    arXiv:0912.0685, for why triples are needed, and suffice.

    **Example:**

        >>> W = np.asarray(jax.random.bernoulli(key, 0.3, (20, 20)), float)
        >>> other = rj.circuits.rewired(key, W)
        >>> bool((other.sum(0) == W.sum(0)).all()), bool((other.sum(1) == W.sum(1)).all())
        (True, True)
        >>> bool((other == W).all())  # the same degrees, and other connections
        False
    """
    random_key(key)
    at_least(0, proposals=proposals)
    w, kinds = _checked(weights, groups)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)))
    block = kinds[:, None] * (kinds.max(initial=0) + 1) + kinds[None]
    apart = ~np.eye(len(w), dtype=bool)
    mask = (w != 0) & apart
    turned = apart & _dense(mask, apart, block)
    moved = _chain(rng, mask ^ turned, block, proposals) ^ turned
    old, new = _in_order(rng, mask, block), _in_order(rng, moved, block)
    found = np.where(apart, np.zeros_like(w), w)
    found[new] = w[old]
    return found


def _dense(
    mask: Bool[np.ndarray, "N N"], apart: Bool[np.ndarray, "N N"], block: Int[np.ndarray, "N N"]
) -> Bool[np.ndarray, "N N"]:
    """Entries of blocks more than half full: there what is not connected is moved instead.

    Its degrees are kept where those of the mask are, and it finds more places to go.
    """
    size = block.max(initial=0) + 1
    full, room = (np.bincount(block[entries], minlength=size) for entries in (mask, apart))
    return (2 * full > room)[block]


def _in_order(
    rng: np.random.Generator, mask: Bool[np.ndarray, "N N"], block: Int[np.ndarray, "N N"]
) -> tuple[Ids, Ids]:
    """Receivers and senders of a mask's connections, by block and sender, at random in these."""
    to, source = np.nonzero(mask)
    order = np.lexsort((rng.random(len(to)), source, block[mask]))
    return to[order], source[order]


def _checked(
    weights: Numbers, groups: Sequence[Any] | np.ndarray | None
) -> tuple[Shaped[np.ndarray, "N N"], Int[np.ndarray, " N"]]:
    """The matrix on the host, and the number of each unit's group."""
    w = np.asarray(all_finite("weights [to, from]", numbers("weights [to, from]", weights)))
    if w.ndim != 2 or w.shape[0] != w.shape[1]:
        raise ValueError(f"weights [to, from] must be [N, N], got {described(weights)}")
    if groups is None or np.shape(groups) == (0,):
        return w, np.zeros(len(w), int)
    if np.shape(groups) != (len(w),):
        raise ValueError(f"groups must be {len(w)} labels, got {described(groups)}")
    return w, np.unique([str(group) for group in groups], return_inverse=True)[1]


def _chain(
    rng: np.random.Generator,
    mask: Bool[np.ndarray, "N N"],
    block: Int[np.ndarray, "N N"],
    proposals: int,
) -> Bool[np.ndarray, "N N"]:
    """The mask after its entries were put up for an exchange so often, on average."""
    mask, most = mask.copy(), mask.size // CROWD
    to, source = _in_order(rng, mask, block)
    # NumPy sorts small integers in linear time
    of = block[to, source].astype(np.min_scalar_type(int(block.max(initial=0))))
    left = proposals * len(to)
    while left > 0:
        # one size alone may go back and forth for ever
        rings = _rings(rng, of, int(rng.integers(2, 4)), most)
        # a round without a ring counts too, where no block has two connections
        left -= max(rings.size, 1)
        _exchange(mask, to, source, rings)
    return mask


def _exchange(
    mask: Bool[np.ndarray, "N N"], to: Ids, source: Ids, rings: Int[np.ndarray, "K size"]
) -> None:
    """Targets change places in each ring that may, in place."""
    senders, olds = source[rings], to[rings]
    news = np.roll(olds, 1, axis=1)
    good = ~mask[news, senders].any(1) & (news != senders).all(1)
    good &= _alone(len(mask), olds, news, senders)
    mask[olds[good], senders[good]] = False
    mask[news[good], senders[good]] = True
    to[rings[good]] = news[good]


def _rings(
    rng: np.random.Generator, block: Ids, size: int, most: int
) -> Int[np.ndarray, "K size"]:
    """A random number of disjoint rings of connections, each within one block.

    It looks at blocks alone, which no exchange changes: a round and its reverse draw alike.
    """
    order = rng.permutation(len(block))
    order = order[np.argsort(block[order], kind="stable")]
    first = np.searchsorted(block, block)
    length = np.searchsorted(block, block, side="right") - first
    whole = np.arange(len(block)) - first < length // size * size
    rings = order[whole].reshape(-1, size)
    # from none to all: one alone, as textbooks have it, is always possible
    count = rng.integers(min(len(rings), max(most, 1)) + 1)
    return rings[rng.permutation(len(rings))[:count]]


def _alone(
    units: int,
    olds: Int[np.ndarray, "K size"],
    news: Int[np.ndarray, "K size"],
    senders: Int[np.ndarray, "K size"],
) -> Bool[np.ndarray, " K"]:
    """Whether no other ring touches an entry of a ring, be it exchanged or not."""
    touched = np.concatenate([olds, news], axis=1) * units + np.tile(senders, 2)
    _, at, counts = np.unique(touched.ravel(), return_inverse=True, return_counts=True)
    return (counts[at].reshape(touched.shape) == 1).all(1)
