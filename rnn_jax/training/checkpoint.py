"""Models and training states in files: a line of JSON, then the arrays, no pickle.

    save_model("model.eqx", network, {"task": "flip-flop", "cell": "gru", "units": 64})
    network = load_model("model.eqx", like=untrained)

A file is written whole or not at all. To go on with training, save the whole `FitState`.
"""

import json
import os
import tempfile
import warnings
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..causal.kept import used

Tree = TypeVar("Tree")


def save_model(path: str | Path, tree: Any, header: dict[str, Any]) -> None:
    """Write a pytree of arrays under a header that says how to build its structure again.

    **Raises:** `ValueError` where the folder is missing, or the header is not plain JSON.

    **Example:**

        >>> rj.training.save_model(folder / "model.eqx", network, {"cell": "GRU", "units": 6})
        >>> rj.training.load_header(folder / "model.eqx")["cell"]
        'GRU'
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder")
    try:
        line = json.dumps(header)
    except TypeError as error:
        raise ValueError(f"a header must be plain JSON: {error}") from None
    handle, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".part", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write((line + "\n").encode())
            eqx.tree_serialise_leaves(file, tree)
        # a temporary file is its owner's alone; a model is as readable as any other file
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load_header(path: str | Path) -> dict[str, Any]:
    """The header of a saved model.

    **Raises:** `ValueError` where the file is missing, unreadable or of another kind.

    **Example:**

        >>> rj.training.save_model(folder / "model.eqx", network, {"units": 6})
        >>> rj.training.load_header(folder / "model.eqx")
        {'units': 6}
    """
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"a path must be a string or a Path, got {path!r}")
    try:
        with open(path, "rb") as file:
            header = json.loads(file.readline(1 << 20).decode())
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise ValueError(
            f"{path} is no saved model: it has no JSON header (leaves that Equinox wrote are read "
            "into a network of yours: name it as FILE.py:network)"
        ) from None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is no saved model: its header is {type(header).__name__}")
    return header


def load_model(path: str | Path, like: Tree) -> Tree:
    """Read the arrays of a saved model into a pytree of the same structure.

    **Raises:** `ValueError` where the file is cut off, of another kind, or holds arrays
    of other shapes.

    **Example:**

        >>> rj.training.save_model(folder / "model.eqx", network, {"units": 6})
        >>> blank = jax.tree.map(jnp.zeros_like, network)
        >>> again = rj.training.load_model(folder / "model.eqx", blank)
        >>> bool((again.step.w == network.step.w).all())
        True
    """
    load_header(path)
    with open(path, "rb") as file:
        file.readline()
        try:
            tree = eqx.tree_deserialise_leaves(file, like, _widened)
        except Exception as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{path} is cut off or holds another model: {line}") from error
        if file.read(1):
            raise ValueError(f"{path} holds more arrays than the model: it is another one")
    return tree


def _widened(file: BinaryIO, like: Any) -> Any:
    """A leaf; a float32 array where float64 is computed in is the same numbers, twice as wide."""
    if not isinstance(like, jax.Array) or like.dtype != jnp.float64:
        return eqx.default_deserialise_filter_spec(file, like)
    found = np.load(file)
    if found.shape != like.shape or found.dtype not in (np.float32, np.float64):
        got, expected = (f"{array.dtype}{list(array.shape)}" for array in (found, like))
        raise ValueError(f"got {got} where {expected} is expected")
    return jnp.asarray(found, like.dtype)


def keep_fit(path: Path, state: Any, losses: list[np.ndarray]) -> None:
    """Keep where training stands, and the losses of each chunk of steps until there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    every = np.concatenate(losses)
    header = {"chunks": [len(part) for part in losses], "dtype": every.dtype.name}
    save_model(path, (state, every), header)


def recall_fit(path: Path, state: Tree) -> tuple[Tree, list[np.ndarray]]:
    """What `keep_fit` kept, or else the state that is given, and no losses.

    **Warns:** where the file cannot be read.
    """
    if not path.exists():
        return state, []
    try:
        header = load_header(path)
        chunks, dtype = header["chunks"], header["dtype"]
        losses = np.zeros(sum(chunks), dtype)
        state, losses = load_model(path, (state, losses))
        used(path)
        return state, np.split(losses, np.cumsum(chunks)[:-1])
    except (ValueError, TypeError, KeyError) as error:
        warnings.warn(f"{path} is not whole ({error}): training begins anew", stacklevel=3)
        return state, []
