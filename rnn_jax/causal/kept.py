"""Finished parts of long work, in files that are named by all that went into them.

    key = fingerprint("sweep", programs, xs, windows)
    window = recall(folder / f"{key}-00003.npy", compute)   # read, or computed and then kept

A file is there whole or not at all, whenever the process is killed. Work that differs in
anything, this package's own code included, has other names and reads nothing of it.
"""

import functools
import hashlib
import io
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

NAME = re.compile(r"[0-9a-f]{16}-[\w.-]+\.(npy|npz|eqx|part)")
"""What a kept file is called: by what went into it, and by which part it is."""

Arrays = np.ndarray | dict[str, np.ndarray]


def fingerprint(*parts: PyTree) -> str:
    """16 hexadecimal digits of arrays and plain values, of the platform and of this package.

    They are the first of the SHA-256 over all bytes, shapes and types.
    """
    digest = hashlib.sha256(f"{_own_code()} {jax.__version__} {jax.default_backend()}".encode())
    leaves, treedef = jax.tree.flatten(parts)
    digest.update(str(treedef).encode())
    for leaf in map(_plain, leaves):
        is_array = isinstance(leaf, jax.Array | np.ndarray)
        digest.update(f"{leaf.shape} {leaf.dtype}".encode() if is_array else repr(leaf).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes() if is_array else b"")
    return digest.hexdigest()[:16]


def recall(path: Path, compute: Callable[[], Any]) -> Any:
    """What a file holds, or else what is computed, once it stands in the file.

    With several processes the first one's files count, and all go the same way.

    **Arguments:**

    - `path`: `.npy` of one array, or `.npz` of a dictionary of arrays.
    - `compute`: gives the array or the dictionary.

    **Warns:** where the file cannot be read; it is then computed and written again.
    """
    first = jax.process_index() == 0
    kept = _whole(path) if first and path.exists() else b""
    if jax.process_count() > 1:
        kept = _as_the_first(kept)
    if kept:
        if first:
            used(path)
        return _arrays(kept)
    found = compute()
    found = (
        {name: np.asarray(array) for name, array in found.items()}
        if isinstance(found, dict)
        else np.asarray(found)
    )
    if first:
        _write(path, found)
    return found


def used(path: Path) -> None:
    """Mark a kept file as one that serves: see `forget`."""
    path.touch()


def strangers(folder: Path) -> list[str]:
    """Names of the files in a folder of kept parts that are not kept parts."""
    found = folder.iterdir() if folder.is_dir() else ()
    return sorted(path.name for path in found if not NAME.fullmatch(path.name))


def forget(folder: Path, since: int) -> None:
    """Remove the kept files that have served, and the folder once it is empty.

    What another command has kept stays for it, and so does whatever is no kept file.

    **Arguments:**

    - `folder`: where files are kept.
    - `since`: nanoseconds, by the clock of the disk: what was written or read since then served.
    """
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        ours = NAME.fullmatch(path.name) and path.is_file()
        # a part is of a command that was killed
        if ours and (path.suffix == ".part" or path.stat().st_mtime_ns >= since):
            path.unlink()
    if not any(folder.iterdir()):
        folder.rmdir()


def _plain(leaf: Any) -> Any:
    """A random key, which noisy cells may be given, as its numbers."""
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


@functools.cache
def _own_code() -> str:
    """All of this package: once mended, it reads nothing that it wrote before."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _arrays(kept: bytes) -> Arrays:
    found = np.load(io.BytesIO(kept), allow_pickle=False)
    return found if isinstance(found, np.ndarray) else dict(found)


def _whole(path: Path) -> bytes:
    """The bytes of a file that can be read, else none."""
    kept = path.read_bytes()
    try:
        _arrays(kept)
    except Exception as error:  # whatever foreign bytes provoke
        warnings.warn(f"{path} is not whole ({error}): its part is run again", stacklevel=4)
        return b""
    return kept


def _as_the_first(kept: bytes) -> bytes:
    """What the first process has, on all of them: they must go the same way."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.array(len(kept))))
    return broadcast_one_to_all(np.frombuffer(kept or bytes(size), np.uint8)).tobytes()


def _write(path: Path, found: Arrays) -> None:
    """Write a file that is there whole or not at all, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    with part.open("wb") as file:
        if isinstance(found, dict):
            np.savez(file, **found)  # pyright: ignore[reportArgumentType]
        else:
            np.save(file, found)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
