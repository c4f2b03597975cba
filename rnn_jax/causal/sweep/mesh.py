"""A sweep shared between devices: trials and groups split over a mesh, nothing exchanged.

    mesh = jax.make_mesh((4, 2), ("units", "trials"))
    effects = sweep(..., mesh=mesh)

Every device runs its own groups on its own trials; only the finished effects are gathered.
With several processes (`jax.distributed.initialize()`) each calls `sweep` with the same
arguments, and each gets all effects.
"""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import numpy as np
from jax.core import Tracer
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, PyTree

from ...core.checks import described

AXES = ("units", "trials")


def over_devices(groups: int, trials: int) -> Mesh | None:
    """A mesh of all devices that leaves each the least to do; `None` where there is one.

    **Example:**

        >>> mesh = rj.causal.over_devices(groups=6, trials=8)  # for the argument `mesh` of `sweep`
        >>> (mesh is None) == (jax.device_count() == 1)
        True
    """
    count = jax.device_count()
    if count == 1:
        return None
    return jax.make_mesh(shares(count, groups, trials), AXES)


def shares(devices: int, groups: int, trials: int) -> tuple[int, int]:
    """Into how many parts groups and trials are cut, so that the busiest device does the least."""
    splits = [(devices // t, t) for t in range(devices, 0, -1) if devices % t == 0]
    # trials first where it is all one: they share no clean run
    return min(splits, key=lambda split: -(-groups // split[0]) * -(-trials // split[1]))


def check_mesh(mesh: Mesh, arrays: PyTree) -> None:
    """**Raises:** `ValueError` where an axis of the mesh is neither `units` nor `trials`, or
    where arrays are being traced: they are placed on devices from outside of any `jit`.
    """
    if not isinstance(mesh, Mesh):
        raise ValueError(f"mesh must be a jax.sharding.Mesh, got {described(mesh)}")
    if not mesh.axis_names or set(mesh.axis_names) - set(AXES):
        raise ValueError(f"a mesh's axes are named among {AXES}, got {mesh.axis_names}")
    if any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(arrays)):
        raise ValueError("with a mesh, call the sweep outside of jit: it compiles itself")


def specs(mesh: Mesh) -> tuple[PartitionSpec, PartitionSpec, PartitionSpec]:
    """How trials `[B, ...]`, rows `[W, G, N]` and effects `[W, G, B]` are split."""
    units, trials = (axis if axis in mesh.axis_names else None for axis in AXES)
    return PartitionSpec(trials), PartitionSpec(None, units), PartitionSpec(None, units, trials)


def local_shape(mesh: Mesh | None, groups: int, trials: int) -> tuple[int, int]:
    """The groups and trials of one device, the last device's filled up."""
    sizes = {} if mesh is None else dict(mesh.shape)
    return -(-groups // sizes.get("units", 1)), -(-trials // sizes.get("trials", 1))


def spread(mesh: Mesh, replicated: PyTree, trials: PyTree, rows: PyTree) -> tuple:
    """Arrays laid out over the mesh, filled up to even shares by their last entries."""
    by_trial, by_row, _ = specs(mesh)
    place = lambda tree, spec: jax.tree.map(lambda leaf: _place(leaf, mesh, spec), tree)
    arrays, rest = eqx.partition(replicated, eqx.is_array)
    return (
        eqx.combine(place(arrays, PartitionSpec()), rest),
        place(trials, by_trial),
        place(rows, by_row),
    )


def _place(leaf: Array, mesh: Mesh, spec: PartitionSpec) -> Array:
    counts = [1 if axis is None else mesh.shape[axis] for axis in spec]
    fill = [-n % k for n, k in zip(leaf.shape, counts)] + [0] * (leaf.ndim - len(counts))
    # by callback: a process may hand over its own devices' parts alone
    whole = np.pad(leaf, [(0, n) for n in fill], "edge") if any(fill) else np.asarray(leaf)
    sharding = NamedSharding(mesh, spec)
    return jax.make_array_from_callback(whole.shape, sharding, lambda part: whole[part])


def share(mesh: Mesh, function: Callable, replicated: PyTree, trials: PyTree, rows: PyTree):
    """`function(replicated, trials, rows)` on every device's own part: `[W, G, B]`, split."""
    by_trial, by_row, by_both = specs(mesh)
    arrays, rest = eqx.partition(replicated, eqx.is_array)
    local = lambda arrays, trials, rows: function(eqx.combine(arrays, rest), trials, rows)
    split = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(PartitionSpec(), by_trial, by_row),
        out_specs=by_both,
        check_vma=False,
    )
    return split(arrays, trials, rows)


def gather(mesh: Mesh, effects: Array, shape: tuple[int, int, int]) -> Array:
    """All effects on every process, what filled up the shares cut off."""
    whole = _everywhere(mesh)(effects).addressable_data(0)
    return whole[: shape[0], : shape[1], : shape[2]]


@functools.cache
def _everywhere(mesh: Mesh) -> Callable[[Array], Array]:
    return jax.jit(lambda whole: whole, out_shardings=NamedSharding(mesh, PartitionSpec()))
