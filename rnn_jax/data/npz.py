"""Arrays from `.npz` files of others, which may be anything.

    arrays = load_npz(Path("trials.npz"))

Pickled objects are refused: a file of numbers runs no code.
"""

import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

import numpy as np


def load_npz(path: Path, only: Collection[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, whose pickled objects are refused.

    **Arguments:**

    - `path`: the file.
    - `only`: names to read, where they are there; the others may be anything. `None` reads all.

    **Returns:** arrays by name.

    **Raises:** `ValueError` where the file is missing, cut off or of another kind.

    **Example:**

        >>> np.savez(folder / "arrays.npz", a=np.arange(3), b=np.arange(4))
        >>> rj.data.load_npz(folder / "arrays.npz", only=["a"])
        {'a': array([0, 1, 2])}
    """
    try:
        # opened here, since numpy leaves a file open that it cannot read
        with path.open("rb") as raw:
            file = np.load(raw, allow_pickle=False)
            if isinstance(file, np.lib.npyio.NpzFile):
                names = [name for name in file.files if only is None or name in only]
                return {name: file[name] for name in names}
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"{path} is cut off or no .npz file ({error})") from None
    except ValueError as error:
        # numpy's own words advise to load what may run code
        why = "no .npz, or it holds pickled objects" if "pickle" in str(error) else error
        raise ValueError(f"{path} is not a readable .npz: {why}") from None
    raise ValueError(f"{path} holds one bare array; expected an .npz of named arrays")
