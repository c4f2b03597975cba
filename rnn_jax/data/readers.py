"""Which function reads a file, by what is asked of it and by its suffix: one table.

trials = reader("trials", "trials.npz")("trials.npz")
arrays = reader("weights", "weights.safetensors")("weights.safetensors")
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..core.checks import one_of
from .connectome_csv import read_csv
from .connectome_graphml import read_graphml
from .npz import load_npz
from .safetensors_file import load_safetensors
from .trials_file import load_trials
from .visual_behavior import read_experiment

READERS: dict[str, dict[str, Callable[[Path], Any]]] = {
    "trials": {".npz": load_trials},
    "weights": {".npz": load_npz, ".safetensors": load_safetensors},
    "experiments": {".nwb": read_experiment},
    "connectomes": {".csv": read_csv, ".graphml": read_graphml},
}


def reader(what: str, path: str | Path) -> Callable[[Path], Any]:
    """The function that reads what is asked, a key of `READERS`, from a file of this suffix.

    **Raises:** `ValueError` where nothing of that name is read, or the suffix is not in the table.

    **Example:**

        >>> rj.data.reader("weights", "mine.safetensors").__name__
        'load_safetensors'
        >>> rj.data.reader("weights", "mine.pkl")
        Traceback (most recent call last):
            ...
        ValueError: mine.pkl: weights come as .npz or .safetensors, got '.pkl'
    """
    one_of("what", what, READERS)
    known, suffix = READERS[what], Path(path).suffix
    if suffix not in known:
        raise ValueError(f"{path}: {what} come as {' or '.join(known)}, got {suffix!r}")
    return known[suffix]
