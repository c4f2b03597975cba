"""Kill and interrupt each command at moments drawn by chance: the same arrays in the end.

    python tests/kills.py 10          # ten kills and ten Ctrl-C of each command
    python tests/kills.py 10 study    # of study alone

Not part of the suite, which tries a few; it prints one line a command and fails where a run that
was killed ends with other arrays than one that was left alone, or where Ctrl-C is more than one
line or another exit code than 130.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import xarray as xr

LINE = [sys.executable, "-c", "from rnn_jax.cli import main; main()"]
QUICK = ["--random-sets", "19", "--resamples", "99", "--flips", "199"]
COMMANDS = {
    "discover": ["discover", "latch", *QUICK, "--no-contrasts", "--count", "8"],
    "contrasts": ["discover", "latch", *QUICK, "--bases", "9", "--splits", "4", "--count", "48"],
    "train": ["train", "flip-flop", "--units", "8", "--steps", "600", "--batch-size", "8"],
    "study": ["study", "recovery", "--quick", "--seeds", "1", "--kinds", "latch", "copies"],
}


def run(command: str, out: Path) -> subprocess.Popen:
    """Start a command."""
    line = [*LINE, *COMMANDS[command], "--out", str(out)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def arrays(command: str, out: Path) -> bytes:
    """All numbers that a run left, as bytes."""
    if command == "train":
        return (out / "model.eqx").read_bytes()
    name = "recovery.nc" if command == "study" else "results.nc"
    data = xr.load_dataset(out / name, engine="h5netcdf")
    return b"".join(np.ascontiguousarray(data[v].values).tobytes() for v in sorted(data))


def stopped(command: str, out: Path, number: int, after: float) -> tuple[int, str]:
    """A command that gets a signal some seconds after its start: its code and what it said."""
    running = run(command, out)
    try:
        running.wait(after)
    except subprocess.TimeoutExpired:
        running.send_signal(number)
    return running.wait(60), running.communicate()[1]


def kill(command: str, place: Path, times: int, draw: random.Random) -> str:
    """Kill a command again and again, let it end, and compare.

    **Raises:** `AssertionError` where the arrays differ.
    """
    start = time.perf_counter()
    whole, out = place / "whole", place / "killed"
    _finish(command, whole)
    took = time.perf_counter() - start
    killed = runs = 0
    while killed < times:
        code, _ = stopped(command, out, signal.SIGKILL, draw.uniform(0.1, 0.9) * took)
        killed += code == -signal.SIGKILL
        if not out.exists() and killed < times:
            continue
        # it came to its end between two kills, or is now left alone
        if not out.exists():
            _finish(command, out)
        assert arrays(command, whole) == arrays(command, out)
        left = sorted(path.name for path in place.iterdir())
        assert left == ["killed", "whole"], left
        shutil.rmtree(out)
        runs += 1
    return f"{command}: {killed} kills in {runs} runs, the same arrays"


def _finish(command: str, out: Path) -> None:
    """Run a command to its end."""
    running = run(command, out)
    said = running.communicate()[1]
    assert running.returncode == 0, said


def interrupt(command: str, place: Path, times: int, draw: random.Random) -> str:
    """Interrupt a command at any moment.

    **Raises:** `AssertionError` where it says more than a line or ends with another code.
    """
    for k in range(times):
        # from the imports on; before them Python itself is not yet listening
        code, said = stopped(command, place / "out", signal.SIGINT, draw.uniform(0.15, 6.0))
        lines = [line for line in said.replace("\r", "\n").splitlines() if "rnn-jax:" in line]
        if (place / "out").exists():
            place = place / str(k)
            place.mkdir()
            continue
        assert code == 130, (code, said)
        assert len(lines) == 1, said
        assert "Traceback" not in said, said
    return f"{command}: {times} times Ctrl-C, one line and code 130"


def main() -> None:
    """Try every command, or those named, as often as asked."""
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    draw = random.Random(0)
    for command in sys.argv[2:] or COMMANDS:
        for act in (interrupt, kill):
            with tempfile.TemporaryDirectory() as place:
                print(act(command, Path(place), times, draw), flush=True)


if __name__ == "__main__":
    main()
