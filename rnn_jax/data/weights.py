"""Weights from PyTorch: a saved `state_dict` of `nn.RNN`, `nn.GRU` or `nn.LSTM`, as a network.

    network = network_from_torch("weights.safetensors", "gru")
    network = network_from_torch("weights.npz", "rnn", activation="relu")

Gates and biases go where PyTorch puts them: a GRU's reset gate acts on `W_hn h + b_hn`, so that
this bias stays inside. A two-dimensional weight left over, with its bias, is the readout;
without one, the units themselves are read out.
"""

import re
from pathlib import Path
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..cells import GRU, LSTM, Affine, Units, Vanilla, zero_state
from ..core import Network
from .npz import load_npz

Cell = Literal["rnn", "gru", "lstm"]

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def load_weights(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` or `.safetensors` file.

    **Raises:** `ValueError` where the file is missing, cut off or of another kind.
    """
    path = Path(path)
    if path.suffix == ".npz":
        return load_npz(path)
    if path.suffix != ".safetensors":
        raise ValueError(f"{path}: weights come as .npz or .safetensors, got {path.suffix!r}")
    import safetensors.numpy

    try:
        return safetensors.numpy.load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:
        raise ValueError(f"{path} is cut off or no .safetensors file: {error}") from None


def network_from_torch(
    weights: str | Path | dict[str, np.ndarray],
    cell: str | None,
    activation: Literal["tanh", "relu"] = "tanh",
) -> Network:
    """A network of one recurrent layer, and of a linear readout where the file holds one.

    **Arguments:**

    - `weights`: a file, or the arrays by PyTorch's names, with any prefix (`rnn.weight_ih_l0`).
    - `cell`: `rnn`, `gru` or `lstm`.
    - `activation`: of an `nn.RNN`, which does not save it.

    **Returns:** a `Network` whose first state is 0.

    **Raises:** `ValueError` where the kind is not said, an array is missing, of another
    shape, or not finite, or where there are several layers, directions or a projection.
    """
    if cell not in GATES:
        raise ValueError(f"weights need --cell rnn, gru or lstm; got {cell!r}")
    arrays = weights if isinstance(weights, dict) else load_weights(weights)
    for name, array in arrays.items():
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"weight {name} is not finite at {where}")
    parts, rest = _recurrent(arrays)
    w_x, w_h, b_x, b_h = _checked(parts, cell)
    units, inputs = w_h.shape[1], w_x.shape[1]
    readout = _readout(rest, units)
    gates = GATES[cell]
    fold = lambda array: array.reshape(gates, units, *array.shape[1:])
    built = _build(cell, inputs, units, activation)
    if cell == "rnn":
        values = {"w": w_h, "u": w_x, "b": b_x + b_h}
    elif cell == "gru":
        inside = fold(b_h)[2]
        outside = fold(b_x + b_h) - np.stack([0 * inside, 0 * inside, inside])
        values = {"w": fold(w_h), "u": fold(w_x), "b": outside, "c": inside}
    else:
        values = {"w": fold(w_h), "u": fold(w_x), "b": fold(b_x + b_h)}
    return Network(filled := _fill(built, values), readout, zero_state(filled))


def _build(cell: str, inputs: int, units: int, activation: str) -> Any:
    key = jax.random.key(0)
    if cell == "rnn":
        functions = {"tanh": jnp.tanh, "relu": jax.nn.relu}
        if activation not in functions:
            raise ValueError(f"activation must be tanh or relu, got {activation!r}")
        return Vanilla(inputs, units, key=key, activation=functions[activation])
    return {"gru": GRU, "lstm": LSTM}[cell](inputs, units, key=key)


def _fill(module: Any, values: dict[str, np.ndarray]) -> Any:
    names = list(values)
    get = lambda m: [getattr(m, name) for name in names]
    return eqx.tree_at(get, module, [jnp.asarray(values[name]) for name in names])


def _recurrent(arrays: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict]:
    """The recurrent layer's arrays by their bare names, and what is left over."""
    parts, rest = {}, {}
    for name, array in arrays.items():
        match = re.search(r"(?:^|\.)((?:weight|bias)_(?:ih|hh|hr))(_l\d+)?(_reverse)?$", name)
        if match is None:
            rest[name] = array
            continue
        if match[3] or match[1].endswith("hr") or match[2] not in (None, "_l0"):
            raise ValueError(
                f"{name}: one layer in one direction without projection is read, got more"
            )
        parts[match[1]] = array
    return parts, rest


def _checked(parts: dict[str, np.ndarray], cell: str) -> list[np.ndarray]:
    """The four arrays in PyTorch's order; biases may be missing together."""
    for name in NAMES[:2]:
        if name not in parts:
            raise ValueError(f"the weights hold no {name}; they hold {sorted(parts) or 'nothing'}")
        if parts[name].ndim != 2:
            raise ValueError(f"{name} must have two axes, got shape {parts[name].shape}")
    units = parts["weight_hh"].shape[1]
    rows = GATES[cell] * units
    zero = np.zeros(rows, parts["weight_hh"].dtype)
    arrays = [parts.get(name, zero) for name in NAMES]
    expected = [(rows, parts["weight_ih"].shape[1]), (rows, units), (rows,), (rows,)]
    for name, array, shape in zip(NAMES, arrays, expected, strict=True):
        if array.shape != shape:
            raise ValueError(f"{name} of a {cell}: got shape {array.shape}, expected {shape}")
    return arrays


def _readout(rest: dict[str, np.ndarray], units: int) -> Any:
    """An `Affine` of the one matrix left over, or the units themselves."""
    matrices = {name: array for name, array in rest.items() if array.ndim == 2}
    if not matrices:
        return Units()
    if len(matrices) > 1 or (array := next(iter(matrices.values()))).shape[1] != units:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in matrices.items())
        raise ValueError(f"one readout [outputs, {units}] is read besides the layer, got {shapes}")
    name = next(iter(matrices))
    bias = rest.get(re.sub(r"weight$", "bias", name), np.zeros(len(array), array.dtype))
    return _fill(Affine(units, len(array), key=jax.random.key(0)), {"c": array, "b": bias})

