"""HDF5 without surprises: every error is one line that names the file and the path inside it.

    with opened(Path("a.nwb")) as file:
        times = numbers(file, "processing/ophys/dff/traces/timestamps")
        about = attributes(member(file, "general/metadata"))

Soft links are followed, as h5py does. Numbers may be stored as text, truth as floats 0, 1 and NaN.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...core.checks import first_line

if TYPE_CHECKING:
    import h5py

NOTHING = ("", "n/a", "nan", "none", "<na>")
"""Texts that stand for a missing value, in small letters."""
OF_NWB = ("namespace", "neurodata_type", "object_id")
"""Attributes that say what kind of NWB object a group is."""


@contextlib.contextmanager
def opened(path: Path) -> Iterator["h5py.File"]:
    """An HDF5 file, closed when the block ends; errors inside it get the file's name.

    **Raises:** `ValueError` where there is no such file, or it is cut off or not HDF5.
    """
    import h5py

    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path} is cut off or no HDF5 file ({first_line(error)})") from None
    with file:
        try:
            yield file
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def inside(group: "h5py.Group", path: str) -> str:
    """The whole path of a member."""
    return f"{group.name or ''}".rstrip("/") + f"/{path}"


def member(group: "h5py.Group", path: str) -> Any:
    """What lies at a path. **Raises:** `ValueError` where nothing does, or a link is broken."""
    try:
        return group[path]
    except (KeyError, OSError, RuntimeError):
        raise ValueError(f"{inside(group, path)}: not there, or it cannot be opened") from None


def holds(group: "h5py.Group", path: str) -> bool:
    """Whether anything lies at a path; a link that leads nowhere is nothing.

    **Raises:** `ValueError` where the file is damaged there.
    """
    try:
        return path in group
    except (KeyError, OSError, RuntimeError) as error:
        raise ValueError(f"{inside(group, path)}: damaged ({first_line(error)})") from None


def names(group: "h5py.Group") -> list[str]:
    """The names of a group's members. **Raises:** `ValueError` where they cannot be read."""
    if not hasattr(group, "keys"):
        raise ValueError(f"{group.name}: expected a group, got a dataset")
    try:
        return [str(name) for name in group]
    except (KeyError, OSError, RuntimeError) as error:
        raise ValueError(f"{group.name}: damaged ({first_line(error)})") from None


def dataset(group: "h5py.Group", path: str, axes: int = 1) -> "h5py.Dataset":
    """A dataset that is not read yet. **Raises:** `ValueError` where it has other axes."""
    found = member(group, path)
    if not hasattr(found, "shape"):
        raise ValueError(f"{inside(group, path)}: expected a dataset, got a group")
    if len(found.shape or ()) != axes:
        raise ValueError(
            f"{inside(group, path)}: expected {axes} axes, got shape {list(found.shape or ())}"
        )
    return found


def rows(data: "h5py.Dataset", start: int = 0, stop: int | None = None) -> np.ndarray:
    """Rows of a dataset. **Raises:** `ValueError` where its bytes cannot be read."""
    try:
        return np.asarray(data[start:stop] if data.shape else data[()])
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{data.name}: cannot be read ({first_line(error)})") from None


def as_text(value: Any) -> str:
    """One value as text; missing values are ''."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "" if text.strip().lower() in NOTHING else text.strip()


def as_number(value: Any, where: str) -> float:
    """One value as a number, which may be stored as text; missing values are NaN.

    **Raises:** `ValueError` naming `where` it stands, if it is neither.
    """
    text = as_text(value)
    truth = {"true": 1.0, "false": 0.0}.get(text.lower())
    if truth is not None or not text:
        return np.nan if truth is None else truth
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}") from None


def numbers(group: "h5py.Group", path: str, axes: int = 1) -> np.ndarray:
    """A dataset in float64, by default `[n]`; numbers stored as text are read as well.

    **Raises:** `ValueError` where it is missing, has other axes, or holds no numbers.
    """
    data = dataset(group, path, axes)
    return as_numbers(rows(data), str(data.name))


def as_numbers(values: np.ndarray, where: str) -> np.ndarray:
    """Values in float64. **Raises:** `ValueError` where they are no numbers."""
    if values.dtype.kind in "fiub":
        return values.astype(float)
    if values.dtype.kind not in "OSUT":
        raise ValueError(f"{where}: expected numbers, got {values.dtype}")
    known = [as_number(value, where) for value in values.ravel()]
    return np.array(known, float).reshape(values.shape)


def texts(group: "h5py.Group", path: str, axes: int = 1) -> np.ndarray:
    """A dataset of text; missing values are ''. **Raises:** `ValueError` as `numbers` does."""
    values = rows(dataset(group, path, axes))
    return np.array([as_text(value) for value in values.ravel()], object).reshape(values.shape)


def one_text(group: "h5py.Group", path: str) -> str:
    """A single text; '' where it is missing."""
    return str(texts(group, path, 0)[()]) if holds(group, path) else ""


def attributes(group: "h5py.Group") -> dict[str, Any]:
    """A group's attributes: text, floats, or tuples of them; numbers stored as text are floats.

    What is missing (`N/A`, empty) is left out, and so is what describes the NWB type.
    """
    found = {}
    try:
        for name, value in group.attrs.items():
            plain = tuple(_plain(one) for one in np.atleast_1d(value).ravel())
            plain = plain if np.ndim(value) else plain[0]
            if plain != "" and name not in OF_NWB:
                found[name] = plain
    except (OSError, RuntimeError) as error:
        raise ValueError(
            f"{group.name}: attributes cannot be read ({first_line(error)})"
        ) from None
    return found


def _plain(value: Any) -> str | float:
    text = as_text(value)
    try:
        return as_number(text, "") if text else text
    except ValueError:
        return text
