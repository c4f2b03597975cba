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

    def add_trial(total: PyTree, row: PyTree) -> tuple[PyTree, None]:
        x, window, weight = row
        scale = lambda leaf: leaf * weight.reshape((-1,) + (1,) * (leaf.ndim - 1))
        return jax.tree.map(lambda t, leaf: t + scale(leaf), total, _varying(one(x, window))), None

    start = one(jax.tree.map(lambda leaf: leaf[0], xs), windows[:, 0])
    blank = jax.tree.map(jnp.zeros_like, _varying(start))
    rows = (xs, jnp.swapaxes(windows, 0, 1), share.T)
    (total, leak, gate, signal), _ = lax.scan(add_trial, blank, rows)
    return Connectivity(total, leak, gate, start.wire, signal)


def _varying(found: Connectivity) -> tuple:
    """What differs between trials and windows: all but the wire."""
    return found.total, found.leak, found.gate, found.signal
