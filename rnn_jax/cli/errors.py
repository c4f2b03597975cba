"""How a command ends that fails: one line, an exit code, and a traceback where it is our fault.

    with ended():
        ...                     # SystemExit(2) after one line, for a wrong file or value

A refusal is a `ValueError` that a `raise` of this package raised, or an `OSError`, or too little
memory: the line says all. Any other error is a bug here, or comes from a library: its traceback
is kept in a file.
"""

import contextlib
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

from ..launch import leave, place
from ..launch.parent import READER_GONE

PACKAGE = str(Path(__file__).parents[1])


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """Turn an error of the block into one line and an exit code.

    **Raises:** `SystemExit`: 2 after a refusal, 1 after another error.
    """
    try:
        yield
    except BrokenPipeError:
        # who read our output has gone; nothing may be written at exit either
        sys.stdout = None
        raise SystemExit(READER_GONE) from None
    except Exception as error:
        refused = is_refusal(error)
        if not refused and not any("traceback" in note for note in _notes(error)):
            keep_traceback(error, Path(tempfile.mkdtemp(prefix="rnn-jax-")) / "log.txt")
        if _speaks():
            print("; ".join([f"rnn-jax: {said(error)}", *_notes(error)]), file=sys.stderr)
        code = 2 if refused else 1
    else:
        return
    leave(code)


def load_jax() -> None:
    """Load JAX, which reads its settings from the environment.

    **Raises:** `ValueError` where it refuses them.
    """
    try:
        import jax  # noqa: F401
    except ImportError:
        raise
    except Exception as error:
        raise ValueError(f"JAX cannot be loaded: {error}") from error


def is_refusal(error: BaseException) -> bool:
    """Whether an error was raised on purpose, in words for the user."""
    if isinstance(error, OSError | MemoryError) or _is_out_of_memory(error):
        return True
    if not isinstance(error, ValueError) or error.__traceback__ is None:
        return False
    frame = traceback.extract_tb(error.__traceback__)[-1]
    # not what an unpacking or a conversion of ours raises by itself
    on_purpose = not frame.line or frame.line.startswith("raise")
    return on_purpose and frame.filename.startswith(PACKAGE)


def said(error: BaseException) -> str:
    """An error in one line."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, MemoryError) or _is_out_of_memory(error):
        return f"not enough memory: {lines[0]}".rstrip(": ")
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return f"{name}{error.strerror or lines[0]}"
    return lines[0] if is_refusal(error) else f"{type(error).__name__}: {lines[0]}"


def keep_traceback(error: Exception, path: Path, lines: list[str] | None = None) -> None:
    """Write an error's traceback under the lines of the log, and note on the error where."""
    text = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        path.write_text("\n".join([*(lines or []), text]), "utf-8", errors="backslashreplace")
        error.add_note(f"its traceback is in {path}")


def _is_out_of_memory(error: BaseException) -> bool:
    return "RESOURCE_EXHAUSTED" in str(error)


def _notes(error: BaseException) -> list[str]:
    """Our own notes: where something is. JAX adds notes of many lines."""
    notes = getattr(error, "__notes__", [])
    return [note for note in notes if note.startswith(("what was written", "its traceback"))]


def _speaks() -> bool:
    """Whether this process is heard: the first, and each of those whose parent shows one line."""
    try:
        return place().is_first or place().told
    except ValueError:
        return True
