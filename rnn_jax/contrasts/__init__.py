"""Contrasts: which units carry the difference between a run and its foil, and which make it."""

from .aligned import Epoch, Pair, aligned
from .answers import Answer, UnitSet, as_record, elsewhere
from .asking import ask
from .bases import random_bases, turned
from .exchange import Question, Share, choose, exchanged, shares
from .intervals import Intervals, effective, share_intervals
from .others import other_trials
from .search import Search
from .times import Times, over_time

__all__ = [
    "Answer",
    "Epoch",
    "Intervals",
    "Pair",
    "Question",
    "Search",
    "Share",
    "Times",
    "UnitSet",
    "aligned",
    "as_record",
    "ask",
    "choose",
    "effective",
    "elsewhere",
    "exchanged",
    "other_trials",
    "over_time",
    "random_bases",
    "share_intervals",
    "shares",
    "turned",
]  # fmt: skip
