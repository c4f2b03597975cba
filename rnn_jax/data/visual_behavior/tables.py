"""Tables of an NWB file: columns by name, ragged columns as lists of rows.

    trials = table(member(file, "intervals/trials"))
    trials["lick_times"][3]      # the times of the fourth trial's licks, in seconds

A ragged column `name` has a second one, `name_index`, which holds the end of each row.
"""

from typing import TYPE_CHECKING

import numpy as np

from .hdf5 import as_number, as_text, member, names, rows

if TYPE_CHECKING:
    import h5py

Table = dict[str, np.ndarray]
"""Columns of equal length: float64, text (objects, '' where missing), or ragged (objects)."""
SKIPPED = ("id", "tags", "timeseries")
"""Columns that refer to other parts of the file."""


def table(group: "h5py.Group") -> Table:
    """All columns of a table; the order in which they were written does not matter.

    **Returns:** columns by name. A column of truth or numbers is float64, NaN where missing.

    **Raises:** `ValueError` where columns differ in length, or an index does not fit.
    """
    members = {name: member(group, name) for name in names(group)}
    own = [name for name, found in members.items() if hasattr(found, "shape")]
    indexed = {name.removesuffix("_index") for name in own if name.endswith("_index")}
    indexed = {name for name in indexed if name in own and name not in SKIPPED}
    skipped = {*SKIPPED, *(f"{name}_index" for name in (*indexed, *SKIPPED))}
    found = {}
    for name in own:
        data = members[name]
        if name in skipped or (len(data.shape) != 1 and name not in indexed):
            continue
        values = _column(rows(data), str(data.name))
        if name in indexed:
            values = _ragged(values, rows(members[f"{name}_index"]), str(data.name))
        found[name] = values
    lengths = {name: len(values) for name, values in found.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise ValueError(f"{group.name}: columns differ in length ({said})")
    return found


def _column(values: np.ndarray, where: str) -> np.ndarray:
    """Numbers and truth as floats, text as objects; text that is all numbers stays text."""
    if values.dtype.kind in "fiub":
        return values.astype(float)
    if values.dtype.kind in "OSUT":
        return np.array([as_text(value) for value in values], object)
    raise ValueError(f"{where}: a column must hold numbers or text, got {values.dtype}")


def _ragged(values: np.ndarray, ends: np.ndarray, where: str) -> np.ndarray:
    """Rows `[n]` of any length, as floats, from the end of each."""
    starts = np.concatenate([[0], ends[:-1]]).astype(int)
    if ends.size and ((ends < starts).any() or ends[-1] > len(values)):
        raise ValueError(f"{where}_index: row ends must rise to at most {len(values)}")
    found = np.empty(len(ends), object)
    for k, (start, end) in enumerate(zip(starts, ends.astype(int), strict=True)):
        found[k] = np.array([as_number(value, where) for value in values[start:end]], float)
    return found


def floats(columns: Table, name: str, where: str) -> np.ndarray:
    """A column as float64; NaN everywhere where it is missing.

    **Raises:** `ValueError` where it holds text that is no number.
    """
    if name not in columns:
        return np.full(length(columns), np.nan)
    return np.array([as_number(value, f"{where}/{name}") for value in columns[name]], float)


def words(columns: Table, name: str) -> np.ndarray:
    """A column as text; '' everywhere where it is missing."""
    if name not in columns:
        return np.full(length(columns), "", object)
    return np.array([as_text(value) for value in columns[name]], object)


def length(columns: Table) -> int:
    """The number of rows."""
    return len(next(iter(columns.values()), ()))
