"""Arrays from `.npz` files of others, which may be anything.

    arrays = load_npz(Path("trials.npz"))
"""

import zipfile
from pathlib import Path

import numpy as np


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays of an `.npz`, whose pickled objects are refused.

    **Raises:** `ValueError` where the file is missing, cut off or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError(f"{path} holds one bare array; expected an .npz of named arrays")
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"{path} is cut off or no .npz file ({error})") from None
    except ValueError as error:
        raise ValueError(f"{path} is not a readable .npz: {error}") from None
