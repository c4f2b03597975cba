"""A folder of files: the good ones are read, each bad one gives one line.

    found = read_folder("visual-behavior")
    print(*found.errors, *found.left_out, sep="\\n")
    means = population_windows(found.experiments)

The experiment table (`ophys_experiment_table.csv`, from the project's metadata) is optional. It
says which sessions are familiar or novel.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from .experiment import Experiment, read_experiment
from .hdf5 import opened
from .metadata import Metadata, metadata

TABLE = "ophys_experiment_table.csv"
PLACES = (TABLE, f"project_metadata/{TABLE}", f"../{TABLE}", f"../project_metadata/{TABLE}")


class Folder(NamedTuple):
    """What a folder held.

    - `experiments`: the files that were read, in order of their names.
    - `errors`: one line for each file that could not be read.
    - `left_out`: one line for each file that was not asked for, and why.
    """

    experiments: tuple[Experiment, ...]
    errors: tuple[str, ...]
    left_out: tuple[str, ...]


def read_folder(
    path: str | Path,
    signal: str = "dff",
    passive: bool = False,
    table: str | Path | None = None,
) -> Folder:
    """Read all `.nwb` files of a folder and of those inside it.

    **Arguments:**

    - `path`: the folder.
    - `signal`: `dff` or `events`.
    - `passive`: whether sessions in which the mouse could not act are read as well.
    - `table`: the experiment table; without it, one beside the files is used if there is any.

    **Returns:** experiments, errors, and what was left out: passive sessions, and planes of an
    area, a line or a depth that belongs to no population.

    **Raises:** `ValueError` where the folder or the table that was named is missing, the table
    cannot be read, or the folder holds no `.nwb` file. Errors of files are returned, not raised.
    """
    path = Path(path)
    if not path.is_dir():
        raise ValueError(f"{path}: no such folder")
    files = sorted(path.rglob("*.nwb"))
    if not files:
        raise ValueError(f"{path}: holds no .nwb file")
    known = experience_levels(_table(path, table))
    read, errors, left_out = [], [], []
    seen: dict[str, Path] = {}
    for file in files:
        try:
            about = _about(file)
            if why := _not_asked(about, passive):
                left_out.append(f"{file}: left out, {why}")
                continue
            if about.experiment and about.experiment in seen:
                raise ValueError(
                    f"{file}: /general/metadata/ophys_experiment_id: {about.experiment} is that "
                    f"of {seen[about.experiment]} as well"
                )
            read.append(read_experiment(file, signal, known.get(about.experiment)))
            seen[about.experiment] = file
        except ValueError as error:
            errors.append(str(error))
    return Folder(tuple(read), tuple(errors), tuple(left_out))


def _about(file: Path) -> Metadata:
    with opened(file) as inner:
        return metadata(inner)


def _not_asked(about: Metadata, passive: bool) -> str:
    if about.passive and not passive:
        return f"session type {about.session_type}"
    return about.unknown


def _table(folder: Path, named: str | Path | None) -> Path | None:
    if named is not None:
        return Path(named)
    return next((place for name in PLACES if (place := folder / name).is_file()), None)


def experience_levels(path: Path | None) -> dict[str, str]:
    """`experience_level` by `ophys_experiment_id`, from the experiment table; empty without one.

    **Raises:** `ValueError` where the table is missing, is no text, or lacks a column.
    """
    if path is None:
        return {}
    try:
        with path.open(newline="", encoding="utf-8") as text:
            rows = list(csv.DictReader(text))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} cannot be read ({type(error).__name__})") from None
    needed = ("ophys_experiment_id", "experience_level")
    if missing := [name for name in needed if not rows or name not in rows[0]]:
        raise ValueError(f"{path}: the table has no {' and no '.join(missing)}, or no row")
    return {
        str(row[needed[0]]).removesuffix(".0"): str(row[needed[1]])
        for row in rows
        if row[needed[0]] and row[needed[1]]
    }
