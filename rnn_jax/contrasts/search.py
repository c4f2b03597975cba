"""How sets are searched and judged: numbers that are fixed before any network is asked."""

from dataclasses import dataclass

from ..core.checks import at_least, share

ALPHA = 0.05
"""Corrected p up to which units count as better than random axes."""
LARGE = 0.1
"""Share of the reach from which a single unit's effect counts as large."""
SMALL = 0.25
"""Share of the reach below which all effects of single units call for groups, where declared."""
DIFFERENCE = 0.05
"""Smallest root mean squared difference of outputs that is asked about, in their deviations."""
CONCERNED = 0.01
"""An output with this share of what run and foil differ by, squared, is one that differs."""
HALF = 0.5
"""Share of held-out trials that are like choosing ones from which a report warns of it."""
TRIALS = 10
"""Fewest trials, and fewest effective trials, of either half."""
WHOLE = 0.9
"""A reach below this makes every number a share of it."""
REACH = 0.3
"""A reach below this decides nothing."""
STEPS = 8
"""Most steps of an epoch whose carriers are searched, evenly spread."""
LIMIT = 32
"""Most units of a mediator."""
ROUNDS = 256
"""Most rounds of an elimination."""
UNROLLED = 64
"""Most units of a circuit whose edges are searched."""
SINGLY = 512
"""Most candidate edges of which each is cut by itself first; the costs of more are first order."""
EDGE_ROUNDS = 4096
"""Most rounds of an elimination of edges."""
MARGIN = 0.5
"""Share of what is allowed that the choosing half is held to: fresh trials then keep within it.

A tolerance of 0.05 is 0.025 while a mediator is chosen, and to keep 0.9 is to keep 0.95 while a
circuit is."""
MANY = 128
"""Units above which bases and halves are drawn fewer, and tests in bases pooled."""
FEW_BASES, FEW_SPLITS = 20, 5
"""Bases and half-splits, at most, of networks of more units than that: p can be 1 / 21."""
BEYOND = 2
"""So many times the rounds of the own mediator's growth are run in their bases."""
FEW_TRIALS = 24
"""Trials, at most, of a half that chooses for them; all others judge."""
AT_ONCE = 4
"""Searches at once, at most: each holds a reverse pass of its own in memory."""


@dataclass(frozen=True)
class Search:
    """What is asked of every epoch of every contrast.

    - `tolerance`: the largest residual `(1 - e)^2 + off` of a mediator.
    - `keep`: the share of the difference that a circuit must keep alone.
    - `bases`, `splits`, `random_sets`: how many of each.
    - `unrolled`: whether the edges of circuits are searched; `edge_nulls`: and in how many random
        closed sets.

    **Raises:** `ValueError` where a share is not in [0, 1), or a number of draws is below 0.

    **Example:**

        >>> quick = rj.contrasts.Search(bases=0, splits=0, random_sets=19)  # few controls
        >>> quick.tolerance, quick.keep
        (0.05, 0.9)
    """

    tolerance: float = 0.05
    keep: float = 0.9
    bases: int = 99
    splits: int = 20
    random_sets: int = 199
    unrolled: bool = False
    edge_nulls: int = 19

    def __post_init__(self) -> None:
        for name in ("tolerance", "keep"):
            share(name, getattr(self, name), below=1)
        draws = ("bases", "splits", "random_sets", "edge_nulls")
        at_least(0, **{name: getattr(self, name) for name in draws})
