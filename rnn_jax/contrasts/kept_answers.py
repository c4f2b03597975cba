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
from .unrolled import Unrolled

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
    parts = {f"{k}.": found._asdict() for k, found in enumerate(whole.pop("sets"))}
    for name in PARTS:
        part = whole.pop(name)
        parts |= {} if part is None else {f"{name}.": part._asdict()}
    parts[""] = whole
    return {
        f"{part}{name}": np.asarray(value)
        for part, fields in parts.items()
        for name, value in fields.items()
    }


def restored(arrays: Arrays) -> Answer:
    """The answer whose arrays these are."""

    def fields(part: str) -> dict[str, Any]:
        return {
            name.removeprefix(part): _plain(name.removeprefix(part), array)
            for name, array in arrays.items()
            if name.rpartition(".")[0] == part.removesuffix(".")
        }

    count = len({name.partition(".")[0] for name in arrays if name[0].isdigit()})
    sets = tuple(UnitSet(**fields(f"{k}.")) for k in range(count))
    found = {name: kind(**own) for name, kind in PARTS.items() if (own := fields(f"{name}."))}
    return Answer(**fields(""), sets=sets, **found)


PARTS: dict[str, type] = {"times": Times, "unrolled": Unrolled}
"""Fields of an answer that may be missing, and what they are."""
ROWS = ("order", "groups", "trials", "kind", "outputs")
"""Fields that are tuples, where they are more than one word."""


def _plain(name: str, array: np.ndarray) -> Any:
    """A number or a text, where the array holds one; else an array, or a tuple."""
    if array.ndim == 0:
        return array.item()
    return tuple(array.tolist()) if name in ROWS else array
