"""A run's folder: written whole or not at all, and never over a finished one.

    with new_folder(Path("runs/ring")) as folder:
        (folder / "config.json").write_text(text)

Files go to a hidden sibling first, which takes the folder's name in one rename at the end.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


def check_free(out: Path, overwrite: bool = False) -> None:
    """Ask before the work whether a folder may be written.

    **Raises:** `ValueError` where it exists and `overwrite` was not asked for, or where
    what exists is no earlier run (a folder of something else is never replaced).
    """
    if not out.exists():
        _check_writable(out)
        return
    if not out.is_dir():
        raise ValueError(f"{out} is a file; --out names a folder")
    if any(out.iterdir()) and not (out / "config.json").exists():
        raise ValueError(f"{out} is not empty and no run of this program: it is left as it is")
    if not overwrite and any(out.iterdir()):
        raise ValueError(f"{out} holds a finished run already; --overwrite replaces it")


def _check_writable(out: Path) -> None:
    """Try before the work, not after it."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.mkdir()
        out.rmdir()
    except OSError as error:
        raise ValueError(f"{out} cannot be made: {error.strerror}") from None


@contextlib.contextmanager
def new_folder(out: Path, overwrite: bool = False) -> Iterator[Path]:
    """A folder to fill, which becomes `out` when the block ends well and vanishes otherwise.

    **Raises:** `ValueError` as `check_free` does, before and after the block.
    """
    check_free(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    folder.chmod(0o755)
    try:
        yield folder
        check_free(out, overwrite)
        old = None
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent)) / out.name
            out.rename(old)
        folder.rename(out)
        if old is not None:
            shutil.rmtree(old.parent, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
