"""What a command says while it works, to the terminal and for `log.txt`.

log = Log()
log("running on cpu")
for window in log.track(range(24), "units x windows"): ...
"""

import io
import sys
import time
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from ..launch import place


class Log:
    """Says lines to the terminal with the time since the start, and keeps them for `log.txt`."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.lines: list[str] = []
        self.speaks = place().is_first

    def __call__(self, line: str) -> None:
        self.lines.append(f"[{time.perf_counter() - self.start:6.1f} s] {line}")
        if self.speaks:
            print(line, flush=True)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    @property
    def text(self) -> str:
        """All lines, as `log.txt` holds them."""
        return "\n".join(self.lines) + "\n"

    def track(self, items: Sequence[Any], label: str) -> Iterable[Any]:
        """Shows a bar while a loop runs, and says how long it took and how much was compiling."""
        from tqdm import tqdm

        start, compiled = time.perf_counter(), _compile_seconds[0]
        yield from tqdm(
            items, desc=f"{label:>18}", leave=False, disable=None if self.speaks else True
        )
        took = time.perf_counter() - start
        compiling = _compile_seconds[0] - compiled
        note = f", {compiling:.1f} s of it compiling" if compiling > 0.05 else ""
        self(f"{label:>18}: {took:5.1f} s{note}")


_compile_seconds = [0.0]


def listen(log: Log) -> None:
    """Count seconds of compiling, take warnings into the log, and print what any terminal can."""
    import jax

    def on_event(event: str, duration_secs: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile"):
            _compile_seconds[0] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(on_event)
    warnings.showwarning = lambda message, *_: log(f"warning: {message}")
    for stream in (sys.stdout, sys.stderr):
        # a name may hold letters that the terminal's encoding lacks
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
