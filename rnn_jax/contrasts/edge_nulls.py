"""What edges are compared with: random edges, those of other circuits, and shuffled weights.

    draws = random_edges(key, found.free, count, draws=199)
    kept = in_random_circuits(key, cut, members, count)
    kept = with_shuffled_weights(key, cut, found, count)

The last two are searched for as many edges, whatever these keep, and so is the circuit itself for
the comparison: `searched`. What is compared is `1 - |1 - kept|`, the lesser of undone and
restored, on the choosing half.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from ..circuits import random_sets
from ..core import Network
from ..core.network import num_units
from .candidates import Candidates, candidates
from .edge_search import Cut, tied
from .sets import activity, side_by_side


def random_edges(
    key: PRNGKeyArray, free: Bool[np.ndarray, " H"], count: int, draws: int
) -> Bool[np.ndarray, "R H"]:
    """Random sets of as many candidates."""
    order = np.asarray(jax.random.uniform(key, (draws, len(free)))) + ~free
    return np.asarray(order.argsort(1).argsort(1) < count)


def in_random_circuits(
    key: PRNGKeyArray, cut: Cut, members: Bool[np.ndarray, " N"], count: int
) -> Float[np.ndarray, " S"]:
    """What as many edges keep that the same search finds in random closed sets of equal size."""
    draws = 0 if cut.asking.names else cut.asking.search.edge_nulls
    sets = random_sets(key, members, max(draws, 1), activity(cut.asking.pair))[:draws]

    def one(drawn: Bool[np.ndarray, " N"]) -> float:
        return searched(cut, candidates(cut.asking, drawn, cut.choosing), count)

    return np.array(side_by_side(one, list(np.asarray(sets))))


def with_shuffled_weights(
    key: PRNGKeyArray, cut: Cut, found: Candidates, count: int
) -> Float[np.ndarray, " S"]:
    """What as many edges keep that the same search finds in the circuit, its own weights shuffled.

    Empty for a step without a matrix of all units by all units, and for fewer than three members.
    """
    asking, members = cut.asking, np.flatnonzero(found.closed.members)
    if not _matrices(asking.network) or len(members) < 3:
        return np.array([])

    def one(key: PRNGKeyArray) -> float:
        network = shuffled_among(asking.network, members, key)
        return searched(cut, found, count, network)

    return np.array(side_by_side(one, jax.random.split(key, asking.search.edge_nulls)))


def shuffled_among(network: Network, members: Int[np.ndarray, " k"], key: PRNGKeyArray) -> Network:
    """The network with the weights among some units permuted, each matrix's by themselves.

    Weights of a unit on itself change places among themselves, and so do all others: a cell may
    have none of the first kind. A matrix of inputs with as many channels as units is permuted too.
    """
    for at, where in enumerate(_matrices(network)):
        matrix = np.array(where(network))
        blocks = matrix.reshape(-1, matrix.shape[-1], matrix.shape[-1])
        inside = blocks[:, members[:, None], members[None]]
        each = jax.random.split(jax.random.fold_in(key, at), len(blocks))
        mixed = [_permuted(block, k) for block, k in zip(inside, each, strict=True)]
        blocks[:, members[:, None], members[None]] = np.stack(mixed)
        network = eqx.tree_at(where, network, jnp.asarray(blocks.reshape(matrix.shape)))
    return network


def _permuted(block: Float[np.ndarray, "k k"], key: PRNGKeyArray) -> Float[np.ndarray, "k k"]:
    mixed, own = block.copy(), np.eye(len(block), dtype=bool)
    for which, k in zip((own, ~own), jax.random.split(key), strict=True):
        mixed[which] = block[which][np.asarray(jax.random.permutation(k, int(which.sum())))]
    return mixed


def _matrices(network: Network) -> list[Callable[[Network], Any]]:
    """Where the step holds weights of all units by all units, those of several gates in one."""
    N, leaves = num_units(network), jax.tree.leaves(network.step)
    found = [
        k
        for k, leaf in enumerate(leaves)
        if eqx.is_inexact_array(leaf) and leaf.ndim >= 2
        and leaf.shape[-1] == N and leaf.shape[-2] % N == 0
    ]  # fmt: skip
    return [lambda network, k=k: jax.tree.leaves(network.step)[k] for k in found]


def searched(cut: Cut, found: Candidates, count: int, network: Network | None = None) -> float:
    """What the best `count` edges keep that a search finds which accepts anything."""
    kept = np.asarray(tied(cut, found, -np.inf, count, network)[1], float)
    return float(np.min(1 - np.abs(1 - kept)))
