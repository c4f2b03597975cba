"""Connections from a CSV: an edge list, or a square matrix.

    source,target,weight          to/from,a,b
    a,b,3                         a,0,0
                                  b,3,0

Both say that unit `a` sends 3 synapses to unit `b`.
"""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .connectome_parts import Connectome, check_names, number, shown, summed, text_of

SEPARATORS = ",;\t"
ROLES = {
    "source": ("source", "from", "pre", "pre_root_id", "bodyid_pre"),
    "target": ("target", "to", "post", "post_root_id", "bodyid_post"),
    "weight": ("weight", "synapses", "syn_count"),
    "source_group": ("source_group", "source_type", "pre_group", "pre_type", "type_pre"),
    "target_group": ("target_group", "target_type", "post_group", "post_type", "type_post"),
}
"""What a column is, by its header in lower case."""
ROLE = {word: role for role, words in ROLES.items() for word in words}
ENDS = ("target", "source")
"""What the rows and the columns of `[to, from]` are."""

Row = tuple[int, list[str]]
"""The number of a line, and its cells."""


def read_csv(path: Path) -> Connectome:
    """An edge list or a matrix, of the layouts that `read_connectome` tells.

    **Raises:** `ValueError` of one line, with the file and the line's number.
    """
    text = text_of(path)
    try:
        for separator in SEPARATORS:
            rows = _rows(text, separator)
            line, header = _first(rows)
            if (ends := _corner(header)) is not None:
                return _matrix(line, header, rows, ends)
            if set(ENDS) <= {_role(cell) for cell in header}:
                return _edge_list(line, header, rows)
        raise ValueError(f"line {line}: {_expected()}; it starts with {shown(header[0])}")
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _expected() -> str:
    return (
        "expected columns source and target, for an edge list, or a first cell to/from (rows "
        "receive) or from/to (rows send), for a matrix"
    )


def _rows(text: str, separator: str) -> Iterator[Row]:
    """The lines that are not blank. **Raises:** `ValueError` where quotes are not closed."""
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if len(cells) > 1 or any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}; cut short?") from None


def _first(rows: Iterator[Row]) -> Row:
    """The header; a line that a wrong separator makes unreadable counts as missing."""
    try:
        return next(rows)
    except ValueError:
        return 1, [""]


def _role(cell: str) -> str | None:
    return ROLE.get(cell.lower())


def _corner(header: list[str]) -> tuple[str | None, ...] | None:
    """What rows and columns are, where the first cell says it."""
    ends = tuple(_role(word.strip()) for word in header[0].split("/"))
    return ends if sorted(map(str, ends)) == sorted(ENDS) else None


def _matrix(
    line: int, header: list[str], rows: Iterator[Row], ends: tuple[str | None, ...]
) -> Connectome:
    names, values = tuple(header[1:]), []
    _at(line, check_names, names)
    if not names:
        raise ValueError(f"line {line}: the header names no unit")
    for line, (name, *cells) in rows:
        if len(values) == len(names):
            raise ValueError(f"line {line}: more rows than the {len(names)} units of the header")
        if name != names[len(values)]:
            raise ValueError(
                f"line {line}: the row of {shown(name)} stands where the header has "
                f"{shown(names[len(values)])}; rows and columns must be of one order"
            )
        if len(cells) != len(names):
            raise ValueError(f"line {line}: {len(cells)} numbers for {len(names)} units")
        values.append(_at(line, lambda texts: [number(text) for text in texts], cells))
    if len(values) < len(names):
        raise ValueError(f"line {line}: the file ends after {len(values)} of {len(names)} rows")
    weights = np.array(values)
    return Connectome(names, weights if ends == ENDS else weights.T.copy())


def _edge_list(line: int, header: list[str], rows: Iterator[Row]) -> Connectome:
    columns, at, groups = _at(line, _columns, header), {}, {}
    to, source, weights = [], [], []
    for line, cells in rows:
        if len(cells) != len(header):
            raise ValueError(f"line {line}: {len(cells)} cells where the header has {len(header)}")
        for end, ids in (("source", source), ("target", to)):
            if not (name := cells[columns[end]]):
                raise ValueError(f"line {line}: the {end} has no name")
            ids.append(at.setdefault(name, len(at)))
            if (column := columns.get(f"{end}_group")) is not None:
                _at(line, _one_group, groups, name, cells[column])
        known = "weight" in columns
        weights.append(_at(line, number, cells[columns["weight"]]) if known else 1.0)
    if not weights:
        raise ValueError(f"line {line}: no connection follows the header")
    named = tuple(groups.get(name, "") for name in at) if any(groups.values()) else ()
    return Connectome(tuple(at), summed(len(at), to, source, weights), named)


def _columns(header: list[str]) -> dict[str, int]:
    """Which column is what. **Raises:** `ValueError` where two columns, or none, may be it."""
    columns: dict[str, int] = {}
    for k, cell in enumerate(header):
        if (role := _role(cell)) is not None and columns.setdefault(role, k) != k:
            raise ValueError(f"columns {header[columns[role]]} and {cell} are both a {role}")
    others = [cell for cell in header if _role(cell) is None]
    if "weight" not in columns and others:
        raise ValueError(
            f"no column of weights ({', '.join(ROLES['weight'])}); if {shown(others[0])} is "
            "one, name it so, else leave it out"
        )
    return columns


def _one_group(groups: dict[str, str], name: str, group: str) -> None:
    known = groups.get(name) or group
    if group and group != known:
        raise ValueError(f"unit {shown(name)} is of {shown(known)} and of {shown(group)}")
    groups[name] = known


def _at(line: int, check: Callable[..., Any], *given: Any) -> Any:
    """What a function gives, and the line's number with what it raises."""
    try:
        return check(*given)
    except ValueError as error:
        raise ValueError(f"line {line}: {error}") from None
