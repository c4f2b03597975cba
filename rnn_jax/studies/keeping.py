"""Finished parts of a study, so that one that was interrupted goes on where it was.

    keep = keeper(folder, "recovery", settings)
    row = keep("latch", lambda: measure(latch))     # a dictionary of arrays: read, or computed

What is kept is named by the package's code, the study, its settings and the part's name.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..causal.kept import fingerprint, recall
from ..core import Network

MAPS = Path("/proc/self/maps")
"""A line for each region of memory that this process maps."""
Arrays = dict[str, Any]
Keep = Callable[[str, Callable[[], Arrays]], Arrays]
"""What a part is called, and what computes it, to its arrays."""


def in_memory(name: str, compute: Callable[[], Arrays]) -> Arrays:
    """Keeps nothing.

    **Example:**

        >>> rj.studies.in_memory("part", lambda: {"a": 1})
        {'a': 1}
    """
    return compute()


def keeper(folder: Path, study: str, settings: Any) -> Keep:
    """Keeps each part of a study in a file of its own.

    **Example:**

        >>> keep = rj.studies.keeper(folder, "mine", rj.studies.StudySettings())
        >>> keep("part", lambda: {"a": np.ones(2)})["a"].tolist()
        [1.0, 1.0]
        >>> keep("part", lambda: 1 / 0)["a"].tolist()  # read, not computed again
        [1.0, 1.0]
    """
    precise = bool(jax.config.jax_enable_x64)  # pyright: ignore[reportAttributeAccessIssue]

    def keep(name: str, compute: Callable[[], Arrays]) -> Arrays:
        key = fingerprint(study, repr(settings), precise, name)
        return _kept(folder / f"{key}-{_slug(name)}.npz", compute)

    return keep


def by_name(folder: Path) -> Keep:
    """Keeps parts for good in a folder of the user's, by their names alone.

    It is for what is dear and does not change with this package's code, such as the weights of
    networks: a name must say all that the part depends on.
    """
    return lambda name, compute: _kept(folder / f"{_slug(name)}.npz", compute)


def _slug(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_]+", "-", name)


def _kept(path: Path, compute: Callable[[], Arrays]) -> Arrays:
    found = recall(path, compute)
    assert isinstance(found, dict)
    return found


def forget_programs(limit: int = 20_000) -> None:
    """Let go of compiled programs once they are many: between kinds, which may share some.

    Each program maps memory, and Linux lets a process map 65,530 regions: a study of many kinds
    ended with "Cannot allocate memory" when it had compiled that many. Where a system does not
    tell how many there are, programs go each time.

    **Arguments:**

    - `limit`: regions of memory, above which programs go.
    """
    if not MAPS.exists() or MAPS.read_bytes().count(b"\n") > limit:
        jax.clear_caches()


def keep_networks(
    keep: Keep, name: str, like: Callable[[], Network], train: Callable[[], Network]
) -> Network:
    """Trained networks, kept as their arrays.

    **Arguments:**

    - `keep`, `name`: as above.
    - `like`: gives networks of the same structure; nothing of it is computed.
    - `train`: trains them.
    """

    def arrays() -> Arrays:
        leaves = jax.tree.leaves(eqx.filter(train(), eqx.is_array))
        return {f"{k:04d}": np.asarray(leaf) for k, leaf in enumerate(leaves)}

    found = keep(name, arrays)
    shaped, rest = eqx.partition(
        eqx.filter_eval_shape(like), lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct)
    )
    leaves = [jnp.asarray(found[key]) for key in sorted(found)]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(shaped), leaves), rest)
