"""What a sweep is asked, checked, and brought into one form before anything runs.

batch = per_trial(network, xs, targets, windows, value)     # every array with its trials
rows = check_masks("window", windows, allow_empty=False)
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, PRNGKeyArray, PyTree

from ...core import Network
from ...core.checks import all_finite, array, at_least, described, first_line, in_unit, numbers
from ...core.network import num_units, output_shape
from ...core.tree import prefix_leaves
from ...core.types import Numbers
from ...core.units import is_integer
from ..scores import Score
from .engine import Batch


def per_trial(
    network: Network, xs: PyTree, targets: Numbers, windows: Numbers, value: PyTree
) -> Batch:
    """What differs between trials, each array with its `B`, in the state's dtype.

    **Raises:** `ValueError` where shapes do not fit.
    """
    xs, targets = _batch(xs, targets)
    B, T = targets.shape[:2]
    leaves, treedef = jax.tree.flatten(network.h0)
    N, dtype = num_units(network), leaves[0].dtype
    if windows.shape[1:] not in ((T,), (B, T)):
        raise ValueError(f"windows must be [W, {T}] or [W, {B}, {T}], got {windows.shape}")
    windows = jnp.broadcast_to(windows.reshape(len(windows), -1, T), (len(windows), B, T))
    values = [_value(leaf, (B, T, N), dtype) for leaf in prefix_leaves(value, network.h0)]
    if all(leaf is None for leaf in values):
        raise ValueError("value is None in every part of the state: it replaces nothing")
    windows = jnp.moveaxis(windows.astype(dtype), 1, 0)
    spread = lambda leaf: jnp.broadcast_to(leaf, (B, *leaf.shape))
    h0 = jax.tree.map(spread, network.h0)
    return Batch(xs, targets, windows, treedef.unflatten(values), h0)


def _batch(xs: PyTree, targets: Numbers) -> tuple[PyTree, Array]:
    """Inputs and targets of at least one trial and step, the former finite."""
    targets = jnp.asarray(numbers("targets", targets))
    if targets.ndim < 2 or 0 in targets.shape:
        raise ValueError(f"targets must be [trials, steps, outputs], got {described(targets)}")
    for leaf in jax.tree.leaves(xs) or [xs]:
        shape = getattr(leaf, "shape", ())
        if shape[:2] != targets.shape[:2]:
            raise ValueError(f"inputs of shape {shape} do not fit targets {targets.shape}")
    return all_finite("inputs", xs), targets


def _value(value: Any, whole: tuple[int, int, int], dtype: Any) -> Array | None:
    """A replacement as `[B, T or 1, N or 1]`."""
    if value is None:
        return None
    value = array("value", value).astype(dtype)
    lifted = value.reshape((1,) * (3 - value.ndim) + value.shape)
    if lifted.ndim != 3 or any(n not in (1, full) for n, full in zip(lifted.shape, whole)):
        raise ValueError(f"value must fit [B, T, N] = {list(whole)}, got {list(value.shape)}")
    return jnp.broadcast_to(lifted, (whole[0], *lifted.shape[1:]))


def check_masks(what: str, rows: Numbers, allow_empty: bool) -> Any:
    """The rows, each of them a mask that touches something.

    **Raises:** `ValueError` where there is no row, or one leaves [0, 1] or is all zero;
    `RuntimeError` where one that is traced leaves it.
    """
    if rows.size == 0:
        raise ValueError(f"there is no {what} to sweep over, got shape {rows.shape}")
    rows = in_unit(f"a {what}", rows)
    if what == "window" and rows.ndim < 2:
        raise ValueError(f"windows must be [W, T], got {rows.shape}: a single one is window[None]")
    if isinstance(rows, Tracer):
        return rows
    known = np.asarray(rows)
    empty = ~known.astype(bool)
    if what == "window":
        empty = empty.reshape(len(rows), -1)
    if empty.all(-1).any() and not allow_empty:
        at = [int(i) for i in np.argwhere(empty.all(-1))[0]]
        raise ValueError(f"{what} {at[-1]} is empty: it touches nothing")
    return rows


def check_edges(edges: Any, N: int) -> Array:
    """Rows `(to, from)` of units.

    **Raises:** `ValueError` where there is no edge, or an edge names a unit that does not exist
    (`RuntimeError` if traced).
    """
    edges = numbers("edges", edges)
    if edges.ndim != 2 or edges.shape[1] != 2 or not is_integer(edges) or len(edges) == 0:
        raise ValueError(
            f"edges must be int [K, 2], at least one row (to, from), got {described(edges)}"
        )
    edges = jnp.asarray(edges)
    outside = ((edges < 0) | (edges >= N)).any()
    message = f"edges must name units 0 to {N - 1}"
    if isinstance(outside, Tracer):
        return eqx.error_if(edges, outside, message)
    if outside:
        raise ValueError(f"{message}, got {edges.min()} to {edges.max()}")
    return edges


def check_score(network: Network, score: Score, targets: Array, scalar: bool = True) -> None:
    """A score must take a trial's outputs and targets and give a float, or where that is allowed
    an array of them.

    **Raises:** `ValueError` where it rejects their shapes, or gives anything else.
    """
    y = output_shape(network)
    # by its shape, not by an index: trials may be shared by devices
    target = jax.ShapeDtypeStruct(targets.shape[1:], targets.dtype)
    ys = jax.ShapeDtypeStruct((targets.shape[1], *y.shape), y.dtype)
    try:
        found = eqx.filter_eval_shape(score, ys, target)
    except Exception as error:
        shapes = f"outputs {ys.shape} and targets {target.shape}"
        raise ValueError(f"the score rejects {shapes}: {first_line(error)}") from error
    if not hasattr(found, "shape") or (scalar and found.shape != ()):
        raise ValueError(f"score must return a scalar, got {getattr(found, 'shape', found)}")
    if not jnp.issubdtype(found.dtype, jnp.floating):
        raise ValueError(f"score must return a float, got {found.dtype}")


def check_last(network: Network, score: Score, targets: Array, last: int) -> Array:
    """The last step, once outputs that differ only later have the same scores."""
    B, T = targets.shape[:2]
    at_least(0, last=last)
    if last >= T:
        raise ValueError(f"last must lie in [0, {T}), got {last}")
    y = output_shape(network)
    until = (jnp.arange(T) <= last).reshape(1, T, *(1 for _ in y.shape))
    scores = jax.vmap(score)

    def reads_on(key: PRNGKeyArray, scale: float) -> Array:
        some, other = scale * jax.random.normal(key, (2, B, T, *y.shape), y.dtype)
        whole, cut = scores(some, targets), scores(jnp.where(until, some, other), targets)
        return ~jnp.isclose(whole, cut, 0.0, 0.0, equal_nan=True).all()

    keys = jax.random.split(jax.random.key(0), 8)
    differ = jnp.stack([reads_on(key, 10.0 ** (i % 4 - 1)) for i, key in enumerate(keys)]).any()
    message = f"the score reads outputs after step {last}, where the runs are to stop"
    return eqx.error_if(jnp.asarray(last), differ, message)
