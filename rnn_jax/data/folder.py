"""A run's folder: reserved before the work, written whole or not at all, and never lost.

    with reserved(Path("runs/ring")) as work:          # locked, and known to be writable
        effects = resumable(sweep, work.kept)(...)     # what an interrupted run goes on from
        with filled(work) as folder:
            (folder / "config.json").write_text(text)  # `runs/ring` appears when the block ends

A finished run holds `rnn-jax.json`: its mark, with the list of its files. Of a run's folder only
what is on the list is ever removed. While a command works, a hidden sibling holds what is its own:

    runs/.ring.rnn-jax/lock      held by the command that works
    runs/.ring.rnn-jax/kept/     finished parts of the work
    runs/.ring.rnn-jax/new/      the run while it is written
    runs/.ring.rnn-jax/old/      the run that is being replaced
    runs/.ring.rnn-jax/log.txt   the traceback of an error

Each change of name is one step, so that whatever kills the command, the next one finds the whole
run and ends what was begun.
"""

import contextlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ..causal.kept import forget

MARK = "rnn-jax.json"
OURS = {"lock", "kept", "new", "old", "log.txt"}


class Workplace(NamedTuple):
    """Where one command works.

    - `out`: the run's folder, its links followed.
    - `home`: the hidden sibling.
    - `since`: when it was reserved, in nanoseconds of the disk's clock; 0 until it is.

    **Example:**

        >>> work = rj.data.workplace(folder / "run")
        >>> work.new.parent == work.home, work.log.name
        (True, 'log.txt')
    """

    out: Path
    home: Path
    since: int = 0

    @property
    def kept(self) -> Path:
        """Where finished parts of the work are kept."""
        return self.home / "kept"

    @property
    def new(self) -> Path:
        """Where the run is written."""
        return self.home / "new"

    @property
    def old(self) -> Path:
        """Where the run that is replaced waits to be removed."""
        return self.home / "old"

    @property
    def log(self) -> Path:
        """Where the traceback of an error is left."""
        return self.home / "log.txt"


def workplace(out: Path) -> Workplace:
    """The workplace of a run's folder; nothing is made.

    **Raises:** `ValueError` where the path names no folder of its own.

    **Example:**

        >>> work = rj.data.workplace(folder / "run")
        >>> work.out.name, work.home.parent == work.out.parent
        ('run', True)
    """
    try:
        real = out.resolve()  # a link stays, and what it points to is written
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{out} leads nowhere: {error}") from None
    if real.name == "" or real in (here := Path.cwd(), *here.parents):
        raise ValueError(f"--out names a folder of its own, got {str(out)!r}")
    return Workplace(real, real.parent / f".{real.name}.rnn-jax")


@contextlib.contextmanager
def reserved(out: Path, overwrite: bool = False) -> Iterator[Workplace]:
    """Lock a run's folder, and find out before the work whether it can be written.

    An exchange of two runs that was cut short is ended first.

    **Arguments:**

    - `out`: the run's folder.
    - `overwrite`: whether a finished run there is to be replaced.

    **Returns:** a context manager that gives the `Workplace` and unlocks it at its end.

    **Raises:** `ValueError` where another command works on it; where it cannot be written; where
    it holds a finished run and `overwrite` was not asked for; and where it holds anything that
    is on no run's list, which is never replaced.

    **Example:**

        >>> out = folder / "once"
        >>> with rj.data.reserved(out) as work, rj.data.filled(work) as inside:
        ...     _ = (inside / "log.txt").write_text("done")
        >>> with rj.data.reserved(out) as work:
        ...     pass
        Traceback (most recent call last):
            ...
        ValueError: ... holds a finished run already; --overwrite replaces it ...
    """
    from filelock import FileLock, Timeout

    work = workplace(out)
    _make(work)
    path = work.home / "lock"
    begun = path.stat().st_mtime_ns if path.exists() else 0  # by a command that was killed
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except (Timeout, FileNotFoundError):  # held, or gone with the command that held it
        raise ValueError(f"another command is writing to {out}; wait for it to end") from None
    try:
        path.touch()
        work = work._replace(since=path.stat().st_mtime_ns)
        _probe(work)
        _end_exchange(work, begun)
        _check_free(work.out, out, overwrite)
        yield work
    finally:
        # removed while it is held: who waits for this very file finds that it is gone
        path.unlink(missing_ok=True)
        lock.release()
        for folder in (work.kept, work.home):
            with contextlib.suppress(OSError):  # not there, or something is kept
                folder.rmdir()


@contextlib.contextmanager
def filled(work: Workplace) -> Iterator[Path]:
    """A folder to fill, which becomes the run's when the block ends well.

    **Raises:** what the block raises, and `OSError` or `ValueError` where the folder cannot be
    put in its place. What was written then stays in a folder that a note on the error names.

    **Example:**

        >>> with rj.data.reserved(folder / "run") as work, rj.data.filled(work) as inside:
        ...     _ = (inside / "log.txt").write_text("done")
        >>> (folder / "run" / "log.txt").read_text()
        'done'
    """
    with _rescued(work):
        work.new.mkdir()
        yield work.new
        _write_mark(work.new)
        if work.out.exists() and any(work.out.iterdir()):
            _check_own(work.out, work.out)
        _exchange(work)
    forget(work.kept, work.since)
    work.log.unlink(missing_ok=True)


def _make(work: Workplace) -> None:
    """Make the hidden sibling: where that fails, the run could not be written either."""
    out, home, _ = work
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(exist_ok=True)
        foreign = sorted(path.name for path in home.iterdir() if path.name not in OURS)
    except OSError as error:
        raise ValueError(f"{out} cannot be made: {error.strerror}") from None
    if foreign:
        raise ValueError(f"{home} holds {foreign[0]}, which no run wrote: it is left as it is")


def _probe(work: Workplace) -> None:
    """**Raises:** `ValueError` where the disk cannot hold the longest name that may be needed."""
    longest = work.home / ("x" * len(os.fsencode(f"{work.out.name}.unfinished-99")))
    try:
        longest.mkdir()
        longest.rmdir()
    except OSError as error:
        raise ValueError(f"{work.out} cannot be made: {error.strerror}") from None


def _check_free(out: Path, said: Path, overwrite: bool) -> None:
    """**Raises:** `ValueError` where the folder is not to be written."""
    if not out.exists():
        return
    if not out.is_dir():
        raise ValueError(f"{said} is a file; --out names a folder")
    if os.path.ismount(out):
        raise ValueError(f"{said} is a mount point, which cannot be exchanged; name one inside it")
    if not any(out.iterdir()):
        return
    _check_own(out, said)
    if not overwrite:
        raise ValueError(
            f"{said} holds a finished run already; --overwrite replaces it (in Python "
            "overwrite=True), and --out names another folder"
        )


def _check_own(out: Path, said: Path) -> None:
    """**Raises:** `ValueError` naming what is no part of a run."""
    listed = _listed(out)
    if listed is None:
        raise ValueError(f"{said} is not empty and no run of this program: it is left as it is")
    foreign = sorted(set(_entries(out)) - listed)
    if foreign:
        raise ValueError(
            f"{said} holds {foreign[0]}, which its run did not write: it is left as it is"
        )


def _entries(folder: Path) -> list[str]:
    """Files and empty folders, links among them, by their path inside."""
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or not path.is_dir() or not any(path.iterdir())
    ]


def _listed(folder: Path) -> set[str] | None:
    """The files of a run by its own mark; `None` where it bears none."""
    try:
        mark: Any = json.loads((folder / MARK).read_text("utf-8"))
        # a run may come from someone else: a path out of it is nobody's to remove
        inside = all(
            ".." not in (path := Path(name)).parts and not path.is_absolute()
            for name in mark["files"]
        )
        return {MARK, *mark["files"]} if inside else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _write_mark(folder: Path) -> None:
    """Mark a folder as a whole run, last of all."""
    mark = {"written by": "rnn-jax", "files": _entries(folder)}
    part = folder / f"{MARK}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(mark, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / MARK)


def _exchange(work: Workplace) -> None:
    """Put the new run in its place, and remove the old one's files."""
    if work.out.exists() and any(work.out.iterdir()):
        work.out.rename(work.old)
    work.new.rename(work.out)
    _remove_old(work)


def _end_exchange(work: Workplace, begun: int) -> None:
    """End what a killed command began: a whole new run takes its place, a part is removed."""
    if _listed(work.new) is not None:
        with _rescued(work):
            if work.out.exists() and any(work.out.iterdir()):
                _check_own(work.out, work.out)
            _exchange(work)
        forget(work.kept, begun)
    shutil.rmtree(work.new, ignore_errors=True)
    if work.old.exists() and not work.out.exists():
        work.old.rename(work.out)
    _remove_old(work)


def _remove_old(work: Workplace) -> None:
    """Remove the files of the run that was replaced; what else is there gets a name of its own."""
    old, listed = work.old, _listed(work.old)
    if not old.exists():
        return
    # what is listed and there, not what a listed link leads to; the mark last: until then, it is
    # known what is left to remove
    names = set(_entries(old)) & (listed or set())
    for name in sorted(names, key=lambda name: (name == MARK, name)):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError, PermissionError):
            (old / name).unlink()
    for path in [*sorted(old.rglob("*"), reverse=True), old]:
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # something is in it
                path.rmdir()
    if old.exists():
        left = _unused(work.out, "replaced")
        old.rename(left)
        warnings.warn(f"{left} holds what was in {work.out} and no run wrote", stacklevel=2)


def _unused(out: Path, what: str) -> Path:
    """A name beside a run's folder that nothing bears yet."""
    names = (f"{out.name}.{what}{f'-{k}' if k else ''}" for k in range(10**6))
    return next(out.parent / name for name in names if not (out.parent / name).exists())


@contextlib.contextmanager
def _rescued(work: Workplace) -> Iterator[None]:
    """Where the block fails, what was written of a run gets a name of its own, in a note."""
    try:
        yield
    except Exception as error:
        if not work.new.is_dir() or not any(work.new.iterdir()):
            shutil.rmtree(work.new, ignore_errors=True)
            raise
        left = _unused(work.out, "unfinished")
        work.new.rename(left)
        error.add_note(f"what was written is in {left}")
        raise
