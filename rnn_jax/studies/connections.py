"""The local stage: through which connections, by linearising the trajectory.

    found = find_connections(network, xs, windows)
    found.total[w, to, source]     # J_ij h_j, mean over the window's steps and over trials

Trials are taken one after the other, so that memory holds one trial's matrices.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PyTree

from ..core import Network, run
from ..linear import Connectivity, effective_connectivity


@eqx.filter_jit
def find_connections(network: Network, xs: PyTree, windows: Float[Array, "W B T"]) -> Connectivity:
    """Effective connectivity per window, the mean over trials weighted by the window's steps.

    A trial in which a window is empty (no switch in it, say) counts for nothing there.

    **Arguments:**

    - `network`: the network.
    - `xs`: `[B, T, ...]` inputs.
    - `windows`: float `[W, B, T]`.

    **Returns:** a `Connectivity` whose `total` is `[W, N, N]`, `[to, from]`.
    """
    share = windows.sum(-1)
    share = share / share.sum(-1, keepdims=True)

    def one(x: PyTree, window: Float[Array, "W T"]) -> Connectivity:
        # an empty window has no mean; its weight is zero, so any window serves
        empty = (window.sum(-1, keepdims=True) == 0).astype(window.dtype)
        return effective_connectivity(network.step, run(network, x), window + empty)

    def add_trial(total: Connectivity, row: PyTree) -> tuple[Connectivity, None]:
        x, window, weight = row
        scale = lambda leaf: leaf * weight.reshape((-1,) + (1,) * (leaf.ndim - 1))
        found = one(x, window)
        # the wire is the same in every trial and window
        weighted = jax.tree.map(scale, eqx.tree_at(_wire, found, None, is_leaf=_none))
        return jax.tree.map(jnp.add, total, weighted), None

    def first(leaf: Array) -> Array:
        return leaf[0]

    shape = eqx.filter_eval_shape(one, jax.tree.map(first, xs), windows[:, 0])
    blank = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shape)
    wire = blank.wire
    blank = eqx.tree_at(_wire, blank, None, is_leaf=_none)
    rows = (xs, jnp.swapaxes(windows, 0, 1), share.T)
    found, _ = lax.scan(add_trial, blank, rows)
    if wire is not None:
        wire = one(jax.tree.map(first, xs), windows[:, 0]).wire
    return eqx.tree_at(_wire, found, wire, is_leaf=_none)


def _wire(found: Connectivity) -> Array | None:
    return found.wire


def _none(leaf: object) -> bool:
    return leaf is None
