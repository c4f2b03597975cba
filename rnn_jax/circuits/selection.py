"""Who belongs to a circuit: units whose effect is there and not small, edges that carry.

    found = select_units(effects, key)                 # effects [E, N, B]
    edges = select_edges(connectivity, found.members)  # [E, N, N]

Significance alone keeps whatever is not exactly 0, given enough trials; size alone keeps noise.
A member has both.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ..core.checks import at_least, axes, bools, no_nan
from ..core.checks import share as check_share
from ..core.types import Numbers
from .statistics import benjamini_hochberg, sign_flip_p, smallest_p


class Selection(NamedTuple):
    """Members of each epoch, and what speaks for them.

    - `members`: bool `[E, N]`.
    - `p_value`: `[E, N]`, by random signs over trials.
    - `q_value`: `[E, N]`, over all epochs and units.

    **Example:**

        >>> effects = np.stack([np.full(12, 1.0), np.tile([1.0, -1.0], 6)])[None]  # of one epoch
        >>> found = rj.circuits.select_units(effects, key)
        >>> found.members, bool((found.q_value >= found.p_value).all())
        (array([[ True, False]]), True)
    """

    members: Bool[np.ndarray, "E N"]
    p_value: Float[np.ndarray, "E N"]
    q_value: Float[np.ndarray, "E N"]


def select_units(
    effects: Float[Numbers, "E N B"],
    key: PRNGKeyArray,
    alpha: float = 0.05,
    floor: float = 0.05,
    flips: int = 9999,
) -> Selection:
    """Units with `q <= alpha` and `|mean effect| >= floor * max_j |mean effect_j|` of the epoch.

    **Arguments:**

    - `effects`: `[E, N, B]`, per trial.
    - `key`: draws signs.
    - `alpha`: false-discovery rate over all epochs and units.
    - `floor`: share of the epoch's largest effect below which one counts as small.
    - `flips`: the number of sign draws.

    **Returns:** a `Selection`.

    **Raises:** `ValueError` where there are too few trials or flips for any q to reach `alpha`,
    even if every unit belonged, or where `alpha` or `floor` is no share,
    or an effect is NaN.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995).

    **Example:**

        >>> effects = np.stack([np.full(12, 1.0), np.tile([1.0, -1.0], 6)])[None]
        >>> rj.circuits.select_units(effects, key).members  # the mean of the second is 0
        array([[ True, False]])
    """
    sizes = axes(effects=(effects, "E N B"))
    at_least(1, epochs=sizes["E"], units=sizes["N"])
    check_attainable(sizes["B"], flips, alpha, floor)
    size = np.abs(np.asarray(effects).mean(-1))
    p = sign_flip_p(effects, key, flips)
    q = benjamini_hochberg(p)
    large = (size >= floor * size.max(-1, keepdims=True)) & (size > 0)
    return Selection((q <= alpha) & large, p, q)


def check_attainable(trials: int, flips: int, alpha: float, floor: float) -> None:
    """Whether any unit could be selected at all: worth asking before the work.

    **Raises:** `ValueError` where there are too few trials or flips for a p of `alpha`, or where
    a threshold is out of its range.

    **Example:**

        >>> rj.circuits.check_attainable(trials=4, flips=9999, alpha=0.05, floor=0.05)
        Traceback (most recent call last):
            ...
        ValueError: 4 trials and 9999 sign flips cannot show p below 0.125; ... at least 6 ...
    """
    check_share("alpha", alpha, above=0, below=1)
    check_share("floor", floor)
    least = smallest_p(trials, flips)
    if least > alpha:
        raise ValueError(
            f"{trials} trials and {flips} sign flips cannot show p below {least:.3g}; "
            f"alpha = {alpha} needs at least {math.ceil(1 - math.log2(alpha))} trials and "
            f"{math.ceil(1 / alpha) - 1} flips"
        )


def select_edges(
    connectivity: Float[Numbers, "E N N"], members: Bool[Numbers, "E N"], share: float = 0.05
) -> Bool[np.ndarray, "E N N"]:
    """Edges between members that carry at least a share of their receiver's largest.

    A receiver is moved by its own inputs, whatever flows elsewhere in the network.

    **Arguments:**

    - `connectivity`: `[E, N, N]`, `[to, from]`.
    - `members`: bool `[E, N]`.
    - `share`: of the largest `|connectivity|` from another member to the same receiver.

    **Returns:** bool `[E, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where `share` is invalid, or where a connection between
    members is NaN.

    **Example:**

        >>> carried = np.array([[0.0, 4.0, 0.1], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])[None]
        >>> rj.circuits.select_edges(carried, np.ones((1, 3), bool))[0]  # 0.1 is below 5 % of 4
        array([[False,  True, False],
               [False, False, False],
               [ True, False, False]])
    """
    check_share("share", share)
    axes(connectivity=(connectivity, "E N N"), members=(members, "E N"))
    bools(members=members)
    belong = np.asarray(members)
    between = belong[:, :, None] & belong[:, None, :]
    size = no_nan("connectivity", np.where(between, np.abs(np.asarray(connectivity)), 0.0))
    # a gated unit's carry of itself, which a leaky cell reports apart, sets no bar for others
    others = size * (1 - np.eye(size.shape[-1]))
    return (size >= share * others.max(2, keepdims=True)) & (size > 0)
