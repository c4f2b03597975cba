"""A set that one half of the trials has chosen, judged on the other half.

numbers = judge(network, question, members, draws, closed=False)
numbers.undone                   # [estimate, low, high]
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..core import Network
from .exchange import Question, exchanged, shares
from .intervals import share_intervals


class Judged(NamedTuple):
    """What a set does on trials that did not choose it; see `UnitSet`."""

    undone: Float[np.ndarray, " 3"]
    restored: Float[np.ndarray, " 3"]
    off_target: Float[np.ndarray, " 3"]
    median: Float[np.ndarray, " 2"]
    p_sets: Float[np.ndarray, " 2"]


def judge(
    network: Network,
    question: Question,
    members: Bool[np.ndarray, " N"],
    draws: Bool[np.ndarray, "R N"],
    closed: bool,
) -> Judged:
    """Effects of a set on the judging half, beside random sets.

    **Arguments:**

    - `network`, `question`: of the judging half.
    - `members`: the set; `draws`: random sets, or none.
    - `closed`: whether all other units are held, in the place of the set.
    """
    rows = np.concatenate([members[None], draws])
    edited = np.asarray(1 - rows if closed else rows, question.ys.dtype)
    sums = np.asarray(exchanged(network, question, edited), float)
    norms = np.asarray(question.norms, float)
    found, every = share_intervals(sums[:, :1], norms), shares(sums, norms).effect
    effect, off, median = found.effect[:, 0], found.off[:, 0], found.median[:, 0]
    if closed:
        effect, median = alone(effect), 1 - median[::-1]
        every, off = 1 - every[::-1], off[::-1]
    return Judged(effect[0], effect[1], off[off[:, 0].argmax()], median, _p(every))


def alone(held: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """`[undone, restored]` by a set alone, from what holding the others does, with intervals.

    Alone in the run it restores what holding the others does not take; low and high swap.
    """
    return 1 - held[::-1][:, [0, 2, 1]]


def _p(effects: Float[np.ndarray, "2 S"]) -> Float[np.ndarray, " 2"]:
    """The share of random sets that do as much, the first being judged; a failed run does."""
    own, null = effects[:, :1], effects[:, 1:]
    if not null.shape[1]:
        return np.full(2, np.nan)
    p = (1 + (~(null < own - 1e-6)).sum(1)) / (1 + null.shape[1])
    return np.where(np.isfinite(own[:, 0]), p, np.nan)
