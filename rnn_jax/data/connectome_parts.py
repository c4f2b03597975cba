"""What a file of an anatomy holds, whatever its format: units, connections, groups."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Connectome(NamedTuple):
    """Who connects to whom, and how strongly.

    - `names`: of the units, in the order of the axes.
    - `weights`: float `[N, N]`, `[to, from]`; 0 where there is no connection.
    - `groups`: each unit's cell type or population, "" where the file does not say; empty where
        it says none at all.

    **Example:**

        >>> found = rj.data.Connectome(("a", "b"), np.array([[0.0, 2.0], [0.0, 0.0]]))
        >>> found.weights[found.names.index("a"), found.names.index("b")].item()  # from b to a
        2.0
    """

    names: tuple[str, ...]
    weights: Float[np.ndarray, "N N"]
    groups: tuple[str, ...] = ()


def text_of(path: Path) -> str:
    """A text file in UTF-8, without its byte order mark, line ends as they are.

    **Raises:** `ValueError` where it is missing, is no such text, or is empty.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not text in UTF-8 (byte {error.start})") from None
    if not text.strip():
        raise ValueError(f"{path}: the file is empty")
    return text


def number(given: object) -> float:
    """A finite number; Python's underscores are not part of one.

    **Raises:** `ValueError` where it is invalid.
    """
    text = str(given)
    try:
        value = float(given) if isinstance(given, bool) else float(text)
    except ValueError:
        value = math.nan
    if "_" in text or not math.isfinite(value):
        raise ValueError(f"expected a finite number, got {shown(text)}")
    return value


def shown(text: str) -> str:
    """What a file says, quoted, in one line and not too long."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")


def check_names(names: Iterable[str]) -> None:
    """**Raises:** `ValueError` where a unit has no name, or two units have one."""
    seen: set[str] = set()
    for at, name in enumerate(names):
        if not name.strip():
            raise ValueError(f"unit {at + 1} has no name")
        if name in seen:
            raise ValueError(f"unit {shown(name)} is named twice")
        seen.add(name)


def summed(
    units: int, to: list[int], source: list[int], weights: list[float]
) -> Float[np.ndarray, "N N"]:
    """`w[i, j] = sum of the weights of all entries from j to i`, `[to, from]`."""
    found = np.zeros((units, units))
    np.add.at(found, (np.array(to, int), np.array(source, int)), np.array(weights, float))
    return found
