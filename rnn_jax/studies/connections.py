"""The local stage: through which connections, by linearising the trajectory.

    found = find_connections(network, xs, windows)
    found.total[w, to, source]     # J_ij h_j, mean over the window's steps and over trials

Trials are taken one after the other, so that memory holds one trial's matrices; with a mesh
every device takes its own, and one sum at the end joins them.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float, PyTree

from ..causal.mesh import spread
from ..core import Network, run
from ..linear import Connectivity, Reduce, effective_connectivity


def find_connections(
    network: Network,
    xs: PyTree,
    windows: Float[Array, "W B T"],
    reduce: Reduce = "mean",
    mesh: Mesh | None = None,
) -> Connectivity:
    """Effective connectivity per window, the mean over trials weighted by the window's steps.

    A trial in which a window is empty (no switch in it, say) counts for nothing there.

    **Arguments:**

    - `network`: the network.
    - `xs`: `[B, T, ...]` inputs.
    - `windows`: float `[W, B, T]`.
    - `reduce`: `mean` of flows, which cancel where trials differ in sign, or `absolute`, the
        mean of their sizes.
    - `mesh`: devices to share the trials, by its axis `trials`.

    **Returns:** a `Connectivity` whose `total` is `[W, N, N]`, `[to, from]`.

    **Raises:** `ValueError` where the mesh has no axis `trials`.
    """
    if mesh is not None and "trials" not in mesh.axis_names:
        raise ValueError(f"connections are shared by trials, the mesh has {mesh.axis_names}")
    weight = windows.sum(-1)
    weight = (weight / weight.sum(-1, keepdims=True)).T
    trials = (xs, jnp.swapaxes(windows, 0, 1), weight)
    if mesh is None:
        return _over_trials(network, trials, reduce, None)
    # a trial that only fills up a device's share weighs nothing
    fill = -len(weight) % mesh.shape["trials"]
    trials = (*trials[:2], jnp.pad(weight, ((0, fill), (0, 0))))
    network, trials, _ = spread(mesh, network, trials, ())
    found = _over_trials(network, trials, reduce, mesh)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf.addressable_data(0)), found)


@eqx.filter_jit
def _over_trials(
    network: Network, trials: PyTree, reduce: Reduce, mesh: Mesh | None
) -> Connectivity:
    if mesh is None:
        return _sum(network, trials, reduce)
    arrays, rest = eqx.partition(network, eqx.is_array)

    def local(arrays: PyTree, trials: PyTree) -> Connectivity:
        found = _sum(eqx.combine(arrays, rest), trials, reduce)
        total, leak, gate, signal = lax.psum(_varying(found), "trials")
        return Connectivity(total, leak, gate, found.wire, signal)

    here, by_trial = PartitionSpec(), PartitionSpec("trials")
    split = jax.shard_map(
        local, mesh=mesh, in_specs=(here, by_trial), out_specs=here, check_vma=False
    )
    return split(arrays, trials)


def _sum(network: Network, trials: PyTree, reduce: Reduce) -> Connectivity:
    """The weighted sum over trials, one after the other."""

    def one(x: PyTree, window: Float[Array, "W T"]) -> Connectivity:
        # an empty window has no mean; its weight is zero, so any window serves
        empty = (window.sum(-1, keepdims=True) == 0).astype(window.dtype)
        return effective_connectivity(network.step, run(network, x), window + empty, reduce)

    def add_trial(total: PyTree, row: PyTree) -> tuple[PyTree, None]:
        x, window, weight = row
        scale = lambda leaf: leaf * weight.reshape((-1,) + (1,) * (leaf.ndim - 1))
        return jax.tree.map(lambda t, leaf: t + scale(leaf), total, _varying(one(x, window))), None

    start = one(*jax.tree.map(lambda leaf: leaf[0], trials[:2]))
    blank = jax.tree.map(jnp.zeros_like, _varying(start))
    (total, leak, gate, signal), _ = lax.scan(add_trial, blank, trials)
    return Connectivity(total, leak, gate, start.wire, signal)


def _varying(found: Connectivity) -> tuple:
    """What differs between trials and windows: all but the wire."""
    return found.total, found.leak, found.gate, found.signal
