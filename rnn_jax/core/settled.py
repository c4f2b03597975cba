"""An intervention, ready to run: its masks looked at, its indices turned into masks.

    rollout(step, h0, xs, iv) == unroll(step, h0, xs, settled(iv, h0))

It is done once, before time is unrolled, and of many interventions at once where a leading axis
holds them.
"""

from typing import Any, TypeVar

import equinox as eqx
import jax
from jaxtyping import PyTree

from .checks import in_unit
from .interventions import Cut, Inside, Lesion, Replace
from .types import State
from .units import met

Edit = TypeVar("Edit")


def settled(intervention: Edit, h0: State) -> Edit:
    """The same intervention with its indices as masks, once all masks are known to be fractions.

    **Arguments:**

    - `intervention`: any, whose parts are Equinox modules.
    - `h0`: a state, for its size.

    **Raises:** `ValueError` where a mask leaves [0, 1] or an index is no unit's; `RuntimeError`
    where it is traced.
    """

    def one(node: Any) -> Any:
        match node:
            case Replace() | Lesion():
                return _with_mask(node, met(node.mask, h0), "a mask")
            case Cut():
                return _with_mask(node, node.mask, "a mask of edges")
            case Inside():
                inside = settled(node.intervention, h0), in_unit("a window", node.window)
                return eqx.tree_at(lambda n: (n.intervention, n.window), node, inside)
            case _:
                return node

    edits = (Replace, Lesion, Cut, Inside)
    return jax.tree.map(one, intervention, is_leaf=lambda node: isinstance(node, edits))


def _with_mask(node: Any, mask: PyTree, name: str) -> Any:
    checked = jax.tree.map(lambda part: in_unit(name, part), mask)
    return eqx.tree_at(lambda n: n.mask, node, checked, is_leaf=lambda part: part is None)
