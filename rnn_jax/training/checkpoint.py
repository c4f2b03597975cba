"""Models and training states in files: a line of JSON, then the arrays, no pickle.

    save_model("model.eqx", network, {"task": "flip-flop", "cell": "gru", "units": 64})
    network = load_model("model.eqx", like=untrained)

A file is written whole or not at all. To go on with training, save the whole `FitState`.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx

Tree = TypeVar("Tree")


def save_model(path: str | Path, tree: Any, header: dict[str, Any]) -> None:
    """Write a pytree of arrays under a header that says how to build its structure again.

    **Raises:** `ValueError` where the folder is missing, or the header is not plain JSON.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"{path.parent}: no such folder")
    try:
        line = json.dumps(header)
    except TypeError as error:
        raise ValueError(f"a header must be plain JSON: {error}") from None
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
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
        raise ValueError(f"{path} is no saved model: it has no JSON header") from None
    if not isinstance(header, dict):
        raise ValueError(f"{path} is no saved model: its header is {type(header).__name__}")
    return header


def load_model(path: str | Path, like: Tree) -> Tree:
    """Read the arrays of a saved model into a pytree of the same structure.

    **Raises:** `ValueError` where the file is cut off, of another kind, or holds arrays
    of other shapes.
    """
    load_header(path)
    with open(path, "rb") as file:
        file.readline()
        try:
            tree = eqx.tree_deserialise_leaves(file, like)
        except Exception as error:
            line = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ValueError(f"{path} is cut off or holds another model: {line}") from error
        if file.read(1):
            raise ValueError(f"{path} holds more arrays than the model: it is another one")
    return tree
