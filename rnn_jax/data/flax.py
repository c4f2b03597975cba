"""Parameters of Flax's recurrent cells, as a network: nothing is imported for it.

    network = network_from_flax(params["params"]["cell"], params["params"]["Dense_0"])

Flax keeps kernels `[from, to]`, one for each gate; here they are put together as PyTorch has them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..core import Network
from .weights import network_from_torch

GATES = {"gru": "rzn", "lstm": "ifgo"}
"""Letters of the gates in PyTorch's order: `ir`, `hr` and so on are Flax's names of a GRU's."""


def network_from_flax(cell: Mapping[str, Any], readout: Any = None) -> Network:
    """A network of the parameters of a `GRUCell`, an `LSTMCell` or a `SimpleCell`.

    **Arguments:**

    - `cell`: the cell's parameters, by gate: `ir iz in hr hz hn` of a GRU, `ii if ig io hi hf hg
        ho` of an LSTM (of an `OptimizedLSTMCell` as well), `i h` of a `SimpleCell` with tanh.
    - `readout`: a `Dense` layer's `kernel [from, to]`, and `bias [to]` where it has one; `None`
        reads the units themselves.

    **Returns:** a `Network`, as of `network_from_torch`, whose first state is 0.

    **Raises:** `ValueError` where the names are those of no cell, a layer has no kernel, or shapes
    do not fit one another.

    Flax's documentation of `flax.linen.GRUCell`, `LSTMCell` and `SimpleCell`, for the equations.

    **Example:**

        >>> ones = lambda *shape: {"kernel": np.ones(shape), "bias": np.zeros(shape[-1])}
        >>> made = rj.data.network_from_flax({"i": ones(2, 4), "h": ones(4, 4)}, ones(4, 1))
        >>> made.step.u.shape, made.readout.c.shape  # [to, from], where Flax has [from, to]
        ((4, 2), (1, 4))
    """
    named = {kind: {f"{side}{gate}" for side in "ih" for gate in GATES[kind]} for kind in GATES}
    named["rnn"] = {"i", "h"}
    kind = next((kind for kind, names in named.items() if set(cell) == names), None)
    if kind is None:
        raise ValueError(f"expected a GRU, LSTM or simple cell of Flax, got {sorted(cell)}")
    gates = GATES.get(kind, ("",))
    arrays = {}
    for side in "ih":
        layers = [_layer(f"{side}{gate}", cell[f"{side}{gate}"]) for gate in gates]
        arrays[f"weight_{side}h"] = np.concatenate([kernel.T for kernel, _ in layers])
        arrays[f"bias_{side}h"] = np.concatenate([bias for _, bias in layers])
    if readout is not None:
        kernel, bias = _layer("the readout", readout)
        arrays |= {"readout.weight": kernel.T, "readout.bias": bias}
    return network_from_torch(arrays, kind)


def _layer(name: str, layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias; zeros where there is no bias."""
    if not isinstance(layer, Mapping) or np.ndim(layer.get("kernel", 0)) != 2:
        raise ValueError(f"{name} must have a kernel [from, to], got {layer!r:.60}")
    kernel = np.asarray(layer["kernel"])
    return kernel, np.asarray(layer.get("bias", np.zeros(kernel.shape[1], kernel.dtype)))
