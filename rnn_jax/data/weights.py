"""Weights from PyTorch: a saved `state_dict` of `nn.RNN`, `nn.GRU` or `nn.LSTM`, as a network.

    network = network_from_torch("weights.safetensors")
    network = network_from_torch("weights.npz", "rnn-relu")

Gates and biases go where PyTorch puts them: a GRU's reset gate acts on `W_hn h + b_hn`, so that
this bias stays inside. A two-dimensional weight left over, with its bias, is the readout;
without one, the units themselves are read out. Nothing that a file holds is passed over in
silence. On PyTorch's side:

    numpy.savez("weights.npz", **{k: v.cpu().numpy() for k, v in model.state_dict().items()})
"""

import re
from pathlib import Path
from typing import Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..cells import GRU, LSTM, Affine, Units, Vanilla, zero_state
from ..core import Network
from .readers import reader

Arrays: TypeAlias = dict[str, np.ndarray]

GATES = {"rnn": 1, "gru": 3, "lstm": 4, "rnn-relu": 1}
ACTIVATIONS = {"rnn": jnp.tanh, "rnn-relu": jax.nn.relu}
NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
PATTERN = re.compile(r"^(?:(.*)\.)?((?:weight|bias)_(?:ih|hh|hr))(?:_l(\d+))?(_reverse)?$")


def load_weights(path: str | Path) -> Arrays:
    """The arrays of a file of weights, by its suffix.

    **Raises:** `ValueError` where the file is missing, cut off or of another kind.

    **Example:**

        >>> np.savez(folder / "weights.npz", weight_hh=np.eye(2))
        >>> sorted(rj.data.load_weights(folder / "weights.npz"))
        ['weight_hh']
    """
    return reader("weights", path)(Path(path))


def network_from_torch(
    weights: str | Path | dict[str, Any],
    cell: str | None = None,
) -> Network:
    """A network of one recurrent layer, and of a linear readout where there is one.

    The step is `Vanilla` for `nn.RNN`, with `b = b_ih + b_hh`; `GRU`, with `b_hn` as its `c`;
    or `LSTM`. `nn.RNNCell` and its like are read as well.

    **Arguments:**

    - `weights`: a file, or the arrays by PyTorch's names, with any prefix
        (`rnn.weight_ih_l0`): `weight_ih [G N, I]`, `weight_hh [G N, N]`, both `[to, from]`
        with the gates one below the other, and `bias_ih`, `bias_hh [G N]` or neither;
        a readout's `weight [O, N]` and `bias [O]`.
    - `cell`: `rnn`, `gru` or `lstm`; `None` tells them apart by the number of gates G. An
        `nn.RNN` does not save its nonlinearity: it is taken for tanh, or named `rnn-relu`.

    **Returns:** a `Network` in the dtype of the weights, whose first state is 0.

    **Raises:** `ValueError` of one line where a file cannot be read; an array is missing, of
    another shape or dtype, not finite, or not understood; or where there are several
    layers, two directions or a projection.

    PyTorch's documentation of `torch.nn.RNN`, `GRU` and `LSTM`, for equations and order.

    **Example:**

        >>> arrays = {"rnn.weight_ih_l0": np.ones((12, 2)), "rnn.weight_hh_l0": np.ones((12, 4))}
        >>> made = rj.data.network_from_torch(arrays)
        >>> type(made.step).__name__, made.h0.shape  # three gates of four units
        ('GRU', (4,))
    """
    if cell is not None and cell not in GATES:
        raise ValueError(
            f"cell must be rnn, gru, lstm or rnn-relu, or None to infer it; got {cell!r}"
        )
    arrays = weights if isinstance(weights, dict) else load_weights(weights)
    arrays = {name: np.asarray(array) for name, array in arrays.items()}
    layer, rest = _recurrent(arrays)
    _check_values(arrays)
    cell = cell or _infer(layer["weight_hh"])
    step = _step(cell, *_checked(layer, cell))
    return Network(step, _readout(rest, step.b.shape[-1]), zero_state(step))


def _recurrent(arrays: Arrays) -> tuple[Arrays, Arrays]:
    """The recurrent layer's arrays by their bare names, and what is left over."""
    layer, rest, homes = {}, {}, set()
    for name, array in arrays.items():
        match = PATTERN.match(name)
        if match is None:
            rest[name] = array
            continue
        home, part, depth, reverse = match.groups()
        _refuse_more(name, part, depth, reverse)
        homes.add((home, depth))
        layer[part] = array
    if len(homes) > 1:
        held = ", ".join(sorted(home or "the top level" for home, _ in homes))
        raise ValueError(f"several recurrent layers are not supported: got them at {held}")
    missing = [name for name in NAMES[:2] if name not in layer]
    if "bias_ih" in layer or "bias_hh" in layer:
        missing += [name for name in NAMES[2:] if name not in layer]
    if missing:
        held = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(f"missing {', '.join(missing)}; the weights hold {held}")
    return layer, rest


def _refuse_more(name: str, part: str, depth: str | None, reverse: str | None) -> None:
    found = {
        "a bidirectional network": reverse is not None,
        "more than one layer": depth not in (None, "0"),
        "an LSTM with projections": part.endswith("hr"),
    }
    for what, is_so in found.items():
        if is_so:
            raise ValueError(f"{what} is not supported: got {name}")


def _check_values(arrays: Arrays) -> None:
    """One floating dtype throughout, and finite numbers."""
    dtypes = {str(array.dtype) for array in arrays.values()}
    if len(dtypes) > 1 or not all(array.dtype.kind == "f" for array in arrays.values()):
        kinds = ", ".join(f"{name} {array.dtype}" for name, array in arrays.items())
        raise ValueError(f"weights must be of one floating dtype, got {kinds}")
    for name, array in arrays.items():
        if not np.isfinite(array).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
            raise ValueError(f"weight {name} is not finite: {array[where]} at {where}")


def _infer(w_h: np.ndarray) -> str:
    """The kind of cell by the blocks of `weight_hh [G N, N]`."""
    for cell, gates in GATES.items():
        if w_h.ndim == 2 and w_h.shape[0] == gates * w_h.shape[1]:
            return cell
    raise ValueError(
        f"weight_hh: got shape {w_h.shape}, expected [N, N] of an rnn, [3 N, N] of a gru or "
        "[4 N, N] of an lstm"
    )


def _checked(layer: Arrays, cell: str) -> list[np.ndarray]:
    """The four arrays in PyTorch's order; a layer without biases has zeros."""
    for name in NAMES[:2]:
        if layer[name].ndim != 2:
            raise ValueError(f"{name} of a {cell}: got shape {layer[name].shape}, expected 2 axes")
    inputs, units = layer["weight_ih"].shape[1], layer["weight_hh"].shape[1]
    rows = GATES[cell] * units
    zero = np.zeros(rows, layer["weight_hh"].dtype)
    arrays = [layer.get(name, zero) for name in NAMES]
    expected = [(rows, inputs), (rows, units), (rows,), (rows,)]
    for name, array, shape in zip(NAMES, arrays, expected, strict=True):
        if array.shape != shape:
            raise ValueError(f"{name} of a {cell}: got shape {array.shape}, expected {shape}")
    return arrays


def _step(
    cell: str,
    w_x: np.ndarray,
    w_h: np.ndarray,
    b_x: np.ndarray,
    b_h: np.ndarray,
) -> Any:
    inputs, units, key = w_x.shape[1], w_h.shape[1], jax.random.key(0)
    if cell in ACTIVATIONS:
        made = Vanilla(inputs, units, key=key, activation=ACTIVATIONS[cell])
        return _fill(made, w=w_h, u=w_x, b=b_x + b_h)
    fold = lambda array: array.reshape(GATES[cell], units, *array.shape[1:])
    w, u, b_x, b_h = map(fold, (w_h, w_x, b_x, b_h))
    if cell == "lstm":
        return _fill(LSTM(inputs, units, key=key), w=w, u=u, b=b_x + b_h)
    outer = np.concatenate([b_x[:2] + b_h[:2], b_x[2:]])
    return _fill(GRU(inputs, units, key=key), w=w, u=u, b=outer, c=b_h[2])


def _readout(rest: Arrays, units: int) -> Any:
    """An `Affine` of the one matrix left over, or the units themselves."""
    if not rest:
        return Units()
    weight = next((name for name, array in rest.items() if array.ndim == 2), "")
    bias = re.sub(r"weight$", "bias", weight)
    shapes = ", ".join(f"{name} {array.shape}" for name, array in rest.items())
    expected = f"expected one weight [O, {units}] and its bias [O]"
    if not {weight} <= set(rest) <= {weight, bias} or not weight.endswith("weight"):
        raise ValueError(f"besides the recurrent layer: got {shapes}, {expected}")
    c = rest[weight]
    b = rest.get(bias, np.zeros(len(c), c.dtype))
    if c.shape[1:] != (units,) or b.shape != c.shape[:1]:
        raise ValueError(f"the readout: got {shapes}, {expected}")
    return _fill(Affine(units, len(c), key=jax.random.key(0)), c=c, b=b)


def _fill(module: Any, **values: np.ndarray) -> Any:
    get = lambda m: [getattr(m, name) for name in values]
    return eqx.tree_at(get, module, [jnp.asarray(value) for value in values.values()])
