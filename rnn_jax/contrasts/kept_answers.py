"""Answers kept in files, so that a discovery that was interrupted goes on where it was.

keep = keeper(folder, network, pair, said)
answer = keep(3, lambda: search(...))        # read, or found and then kept
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import PyTree

from ..causal.kept import fingerprint, recall
from ..causal.scores import margin
from ..causal.store import programs
from ..core import Network
from .aligned import Pair
from .answers import Answer, UnitSet
from .times import Times

Keep = Callable[[int, Callable[[], Answer]], Answer]
Arrays = dict[str, np.ndarray]


def keeper(folder: Path | None, network: Network, pair: Pair, said: PyTree) -> Keep:
    """A function `(number, find) -> answer` that reads an answer, or finds and then keeps it.

    **Arguments:**

    - `folder`: where answers are kept; `None` keeps nothing.
    - `network`, `pair`, `said`: all that goes into an answer. A question that differs in any of
        them reads nothing of it.
    """
    if folder is None:
        return lambda number, find: find()
    xs, ys = (jax.tree.map(lambda leaf: leaf[0], part) for part in (pair.xs, pair.ys))
    key = fingerprint("answer", programs(network, xs, ys, margin), network.h0, pair, said)

    def keep(number: int, find: Callable[[], Answer]) -> Answer:
        return restored(recall(folder / f"{key}-{number:05d}.npz", lambda: as_arrays(find())))

    return keep


def as_arrays(answer: Answer) -> Arrays:
    """All that an answer holds, by names; `restored` makes it an answer again."""
    whole = answer._asdict()
    sets, times = whole.pop("sets"), whole.pop("times")
    parts = {"": whole, **{f"{k}.": found._asdict() for k, found in enumerate(sets)}}
    parts |= {} if times is None else {"times.": times._asdict()}
    return {
        f"{part}{name}": np.asarray(value)
        for part, fields in parts.items()
        for name, value in fields.items()
    }


def restored(arrays: Arrays) -> Answer:
    """The answer whose arrays these are."""

    def fields(part: str) -> dict[str, Any]:
        return {
            name.removeprefix(part): _plain(array)
            for name, array in arrays.items()
            if name.rpartition(".")[0] == part.removesuffix(".")
        }

    def unit_set(k: int) -> UnitSet:
        own = fields(f"{k}.")
        return UnitSet(**{**own, **{name: tuple(own[name].tolist()) for name in ROWS}})

    count = len({name.partition(".")[0] for name in arrays if name[0].isdigit()})
    whole = fields("")
    whole["trials"] = tuple(whole["trials"].tolist())
    times = Times(**own) if (own := fields("times.")) else None
    return Answer(**whole, sets=tuple(map(unit_set, range(count))), times=times)


ROWS = ("order", "groups")
"""Fields of a set that are tuples."""


def _plain(array: np.ndarray) -> Any:
    """A number or a text, where the array holds one."""
    return array.item() if array.ndim == 0 else array
