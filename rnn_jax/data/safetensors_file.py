"""Arrays from `.safetensors` files of others.

arrays = load_safetensors(Path("weights.safetensors"))
"""

from pathlib import Path

import numpy as np


def load_safetensors(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.safetensors` file.

    **Raises:** `ValueError` where the file is missing or cut off.
    """
    import safetensors.numpy

    try:
        return safetensors.numpy.load_file(path)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:
        raise ValueError(f"{path} is cut off or no .safetensors file: {error}") from None
