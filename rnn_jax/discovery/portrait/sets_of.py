"""The sets of units whose removal is looked at: the circuits of a discovery, or units by name.

    read = read_sets(Path("runs/flip-flop"), "circuit")      # refused before any training
    sets_of(read, subject)                                   # {"bit 0, hold": [3, 7, 12]}
    units_named(subject, ("3", "7"))                         # [3, 7]

A folder speaks of a network only where that network gives the outputs which the folder has kept.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from ..saved import check_outputs, read_results, trials_of
from ..subject import Subject

if TYPE_CHECKING:
    import xarray as xr


class Sets(NamedTuple):
    """What a discovery's folder says of sets.

    - `folder`: the folder, and `data`: its numbers.
    - `units`: the sets, by the name of their question.
    """

    folder: Path
    data: "xr.Dataset"
    units: dict[str, list[int]]


def read_sets(folder: Path, kind: str) -> Sets:
    """The sets of a discovery's folder, by the name of their question, no set twice.

    Where no contrasts were asked, the sets are the units of large effect in each epoch.

    **Arguments:**

    - `folder`: written by `discover`.
    - `kind`: `circuit` or `mediator`.

    **Returns:** `Sets`; whether they are of the network that is asked about, `sets_of` checks.

    **Raises:** `ValueError` where the folder is not one of `discover`, or holds no set.
    """
    data = read_results(folder)
    known = [one for one in json.loads(data.attrs["circuits"]) if one["kind"] == kind]
    found = {one["question"]: sorted(one["units"]) for one in known if one["units"]}
    if not known:
        rows = data["member"].transpose("epoch", "unit").values.astype(bool)
        names = map(str, data["epoch"].values)
        found = {name: np.flatnonzero(row).tolist() for name, row in zip(names, rows) if row.any()}
    if not found:
        raise ValueError(f"{folder} holds no {kind} that is good enough to be taken out")
    return Sets(folder, data, _once(found))


def sets_of(read: Sets, subject: Subject) -> dict[str, list[int]]:
    """The sets of a folder, if it is one of the subject's network.

    **Arguments:**

    - `read`: from `read_sets`.
    - `subject`: whose units they are to be.

    **Returns:** units by name.

    **Raises:** `ValueError` where the folder is of another network.
    """
    _check_own(read.folder, read.data, subject)
    return read.units


def units_named(subject: Subject, names: tuple[str, ...]) -> list[int]:
    """Units by their names.

    **Raises:** `ValueError` where a name is no unit's.
    """
    known = {name: i for i, name in enumerate(subject.unit_names)}
    for name in names:
        if name not in known:
            ends = f"{subject.unit_names[0]} to {subject.unit_names[-1]}"
            raise ValueError(f"no unit is called {name!r}; units are {ends}")
    return sorted({known[name] for name in names})


def _check_own(folder: Path, data: "xr.Dataset", subject: Subject) -> None:
    """**Raises:** `ValueError` where the folder is of another network."""
    units = tuple(map(str, data["unit"].values))
    if units != subject.unit_names:
        raise ValueError(
            f"{folder} is of {data.attrs['subject']!r} with {len(units)} units, not of "
            f"{subject.name!r} with {subject.size}: their units differ"
        )
    trials = trials_of(data, folder / "results.nc")
    wide = [jax.tree.leaves(each.xs)[0].shape[2:] for each in (trials, subject.trials)]
    if wide[0] != wide[1]:
        raise ValueError(
            f"{folder} is of another network: its inputs are {wide[0]}, not {wide[1]}"
        )
    kept = data["outputs"].transpose("trial", "time", "output").values
    check_outputs(
        subject.network, trials, kept,
        f"{folder} is of another network than {subject.name!r}: it has kept other outputs",
    )  # fmt: skip


def _once(found: dict[str, list[int]]) -> dict[str, list[int]]:
    """Equal sets under one name, the first one's with a count of the others."""
    by_units: dict[tuple[int, ...], list[str]] = {}
    for name, units in found.items():
        by_units.setdefault(tuple(units), []).append(name)
    more = lambda names: f" and {len(names) - 1} more" if len(names) > 1 else ""
    return {names[0] + more(names): list(units) for units, names in by_units.items()}
