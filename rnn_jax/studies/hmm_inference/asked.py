"""The networks of the study asked by contrasts: one observation whose sign is turned.

    row = asked(network, truth, old, seed, FULL)
    row["kept"]                   # [question, selector]: what a method's units do on fresh trials

`old` is the circuit of the study's rule, the best units by single effects that keep 0.95 of the
outputs. Of the hand-built network the truth is known: two units hold the log-odds, two report it.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, PRNGKeyArray

from ...circuits import corrected_jaccard, jaccard
from ...contrasts import Search
from ...core import Network
from ...core.types import Numbers
from ...tasks import Trials
from ..question import KINDS, all_measured, measures_of
from ..question_numbers import DIMS, one_network, scored
from .networks import TASK

QUESTIONS = (("observation", "seen"), ("observation", "kept"))
ASKED_DIMS = {
    **{name: ("question", *dims) for name, dims in DIMS.items()},
    **dict.fromkeys(("precision", "recall"), ("question", "set")),
    **dict.fromkeys(("alike", "alike_corrected"), ("question",)),
}
"""What is known of each network, and its dimensions."""


class Asked(NamedTuple):
    """How much is asked: of how many seeds, by how many trials, in how many bases and splits."""

    seeds: int
    trials: int
    search: Search


FULL = Asked(5, 96, Search(bases=19, splits=6, random_sets=49))
QUICK = Asked(2, 96, Search(bases=3, splits=2, random_sets=9))


def asked_trials(key: PRNGKeyArray, count: int) -> Trials:
    """Trials of the task with its contrast."""
    trials = TASK.sample(key, count)
    return replace(trials, contrasts=TASK.contrasts(jax.random.fold_in(key, 1), trials))


def asked(
    network: Network,
    truth: Bool[Numbers, " N"] | None,
    old: Bool[np.ndarray, " N"],
    seed: int,
    size: Asked,
) -> dict[str, np.ndarray]:
    """All questions of one network.

    **Arguments:**

    - `network`: asked.
    - `truth`: its circuit, where it is known.
    - `old`: the circuit of the study's rule.
    - `seed`: draws trials, fresh trials and all that is searched.
    - `size`: how much is asked.

    **Returns:** by the names of `ASKED_DIMS`: what `question.measured` says; `precision` and
    `recall` of the truth, NaN where it is unknown; `alike`, the Jaccard index of the contrast's
    circuit and the old one, and `alike_corrected`, the same corrected for chance.
    """
    own = jax.random.fold_in(jax.random.key(seed), 4)
    of_trials, of_fresh, of_search = jax.random.split(own, 3)
    trials, fresh = (asked_trials(key, size.trials) for key in (of_trials, of_fresh))
    found = all_measured(network, trials, fresh, QUESTIONS, size.search, of_search)
    each = [measures_of(found, k) for k in range(len(QUESTIONS))]
    members = np.stack([one["members"] for one in each])
    unknown = np.full((*members.shape[:2], 2), np.nan)
    told = unknown if truth is None else scored(members, np.asarray(truth))
    circuits = members[:, KINDS.index("circuit")]
    plain = [float(jaccard(row, old)) if row.any() else np.nan for row in circuits]
    corrected = [corrected_jaccard(row, old, old.size) for row in circuits]
    return one_network(each) | {
        "precision": told[..., 0],
        "recall": told[..., 1],
        "alike": np.asarray(plain),
        "alike_corrected": np.asarray(corrected),
    }
