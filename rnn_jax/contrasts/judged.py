"""A set that one half of the trials has chosen, judged on the other half.

numbers = judge(network, question, members, draws, closed=False)
numbers.undone                   # [estimate, low, high]
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..core import Network
from .exchange import Question, astray, exchanged_by_output, shares
from .intervals import share_intervals


class Judged(NamedTuple):
    """What a set does on trials that did not choose it; see `UnitSet`."""

    undone: Float[np.ndarray, " 3"]
    restored: Float[np.ndarray, " 3"]
    off_target: Float[np.ndarray, " 3"]
    median: Float[np.ndarray, " 2"]
    p_sets: Float[np.ndarray, " 2"]
    astray: Float[np.ndarray, " O"]


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
    sums = np.asarray(exchanged_by_output(network, question, edited), float)
    of_outputs = astray(sums[:, 0], np.asarray(question.norms_by_output, float)).max(0)
    sums, norms = sums.sum(-2), np.asarray(question.norms, float)
    found, every = share_intervals(sums[:, :1], norms), shares(sums, norms).effect
    effect, off, median = found.effect[:, 0], found.off[:, 0], found.median[:, 0]
    if closed:
        effect, median = alone(effect), 1 - median[::-1]
        every, off = 1 - every[::-1], off[::-1]
    p_sets = np.array([p_of(float(row[0]), row[1:]) for row in every])
    return Judged(effect[0], effect[1], off[off[:, 0].argmax()], median, p_sets, of_outputs)


def alone(held: Float[np.ndarray, "2 3"]) -> Float[np.ndarray, "2 3"]:
    """`[undone, restored]` by a set alone, from what holding the others does, with intervals.

    Alone in the run it restores what holding the others does not take; low and high swap.
    """
    return 1 - held[::-1][:, [0, 2, 1]]


def p_of(own: float, null: Float[np.ndarray, " R"]) -> float:
    """The share of random ones that do as much, counting this one; a failed run of theirs does.

    NaN where the null is empty, or where the own run failed.
    """
    if not len(null) or not np.isfinite(own):
        return np.nan
    # rounding must not turn a tie into a win
    return float((1 + (~(null < own - 1e-6)).sum()) / (1 + len(null)))
