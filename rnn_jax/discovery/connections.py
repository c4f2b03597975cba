"""The local stage: through which connections, by linearising the trajectory.

    found = find_connections(network, xs, windows)
    found.total[w, to, source]     # J_ij h_j, mean over the window's steps and over trials

Trials are taken one after the other, so that memory holds one trial's matrices; with a mesh
every device takes its own, and one sum at the end joins them.
"""

from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, PyTree

from ..causal.sweep.mesh import spread
from ..core import Network, run
from ..core.types import Numbers
from ..linear import Connectivity, effective_connectivity


def find_connections(
    network: Network,
    xs: PyTree,
    windows: Float[Numbers, "W B T"],
    mesh: Mesh | None = None,
) -> Connectivity:
    """Effective connectivity per window, the mean over trials weighted by the window's steps.

    A trial in which a window is empty (no switch in it, say) counts for nothing there.

    **Arguments:**

    - `network`: the network.
    - `xs`: `[B, T, ...]` inputs.
    - `windows`: float `[W, B, T]`.
    - `mesh`: devices to share the trials, by its axis `trials`.

    **Returns:** a `Connectivity` whose `total` and `size` are `[W, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where the mesh has no axis `trials`.

    **Example:**

        >>> found = rj.discovery.find_connections(network, xs, jnp.ones((1, 8, 20)))
        >>> found.total.shape  # [window, to, from]
        (1, 6, 6)
        >>> bool((found.size >= jnp.abs(found.total)).all())  # flows of either sign cancel
        True
    """
    if mesh is not None and "trials" not in mesh.axis_names:
        raise ValueError(f"connections are shared by trials, the mesh has {mesh.axis_names}")
    dtype = jax.tree.leaves(network.h0)[0].dtype
    windows = np.asarray(windows, dtype)
    weight = windows.sum(-1)
    weight = (weight / weight.sum(-1, keepdims=True)).T
    trials = (xs, *map(jnp.asarray, (np.swapaxes(windows, 0, 1), weight)))
    if mesh is None:
        return _over_trials(network, trials, None)
    # a trial that only fills up a device's share weighs nothing
    fill = -len(weight) % mesh.shape["trials"]
    trials = (*trials[:2], jnp.pad(weight, ((0, fill), (0, 0))))
    network, trials, _ = spread(mesh, network, trials, ())
    found = _over_trials(network, trials, mesh)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf.addressable_data(0)), found)


@eqx.filter_jit
def _over_trials(network: Network, trials: PyTree, mesh: Mesh | None) -> Connectivity:
    if mesh is None:
        return _sum(network, trials)
    arrays, rest = eqx.partition(network, eqx.is_array)

    def local(arrays: PyTree, trials: PyTree) -> Connectivity:
        found = _sum(eqx.combine(arrays, rest), trials)
        return replace(lax.psum(replace(found, wire=None), "trials"), wire=found.wire)

    here, by_trial = PartitionSpec(), PartitionSpec("trials")
    split = jax.shard_map(
        local, mesh=mesh, in_specs=(here, by_trial), out_specs=here, check_vma=False
    )
    return split(arrays, trials)


def _sum(network: Network, trials: PyTree) -> Connectivity:
    """The weighted sum over trials, one after the other."""

    def one(x: PyTree, window: Float[Array, "W T"]) -> Connectivity:
        # an empty window has no mean; its weight is zero, so any window serves
        empty = (window.sum(-1, keepdims=True) == 0).astype(window.dtype)
        return effective_connectivity(network.step, run(network, x), window + empty)

    def add_trial(total: Connectivity, row: PyTree) -> tuple[Connectivity, None]:
        x, window, weight = row
        scale = lambda leaf: leaf * weight.reshape((-1,) + (1,) * (leaf.ndim - 1))
        more = replace(one(x, window), wire=None)
        return jax.tree.map(lambda sum, leaf: sum + scale(leaf), total, more), None

    first = one(*jax.tree.map(lambda leaf: leaf[0], trials[:2]))
    # the wire alone is the same in all trials and windows
    blank = jax.tree.map(jnp.zeros_like, replace(first, wire=None))
    return replace(lax.scan(add_trial, blank, trials)[0], wire=first.wire)
