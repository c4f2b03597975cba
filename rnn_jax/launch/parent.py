"""The parent of several processes: it starts them, passes on what they say, and ends them.

    code = start(2, ["discover", "ring-attractor"])

All children are in the process group of a small shell, the warden, that waits on a pipe whose
other end only the parent holds. However the parent ends, the pipe closes, and the warden ends the
group by SIGKILL: no child can ignore it, delay it or be too busy for it.

Where one child dies, JAX prints a stack dump in the others within milliseconds. So what a child
writes to stderr is held for a moment, and dropped where the parent ends that child.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NamedTuple

# seconds: for which a child's words are held; in which the children that fail together are found,
# and longer where all known of have failed after another: a dead one may take time to vanish
HOLD, SETTLE, PATIENCE = 0.5, 0.2, 3.0
# what a process says that fails because another one has
AFTERMATH = (
    b"Gloo ",
    b"JAX distributed service",
    b"coordination_service",
    b"coordination service",
)
READER_GONE = 141
"""What a command ends with whose output nobody reads any more, as behind `| head`."""
WARDEN = 'trap "" HUP INT TERM; read _; kill -KILL 0'


class Words(NamedTuple):
    """What a child wrote to stderr, until when it is held."""

    due: float
    index: int
    text: bytes


class End(NamedTuple):
    """The end of a child; a negative code is the signal that ended it."""

    index: int
    code: int

    @property
    def how(self) -> str:
        """In words."""
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        name = signal.Signals(-self.code).name if -self.code in signal.valid_signals() else "?"
        return f"was ended by {name}{'; out of memory?' if name == 'SIGKILL' else ''}"


Events = SimpleQueue[Words | End]


def start(count: int, arguments: Sequence[str], module: str = "rnn_jax.cli") -> int:
    """Run a command in `count` processes, each with its share of the CPUs and accelerators.

    The end of this process, by whatever signal, ends all of them.

    **Returns:** 0, or the exit code of the first process that failed (128 and the number of the
    signal that ended it). The others are then ended, and one line on stderr says which it was,
    unless it said so itself and ended with 2, or nobody reads any more what it prints (141).

    **Example:**

        >>> rj.launch.start(2, ["--help"])  # `rnn-jax --help`, in two processes
        0
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    command = [sys.executable, str(Path(__file__).with_name("child.py")), module, *arguments]
    quiet = subprocess.DEVNULL
    warden = subprocess.Popen(
        ["sh", "-c", WARDEN], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, process_group=0
    )
    events: Events = SimpleQueue()
    listening = []
    try:
        for i in range(count):
            child = _child(i, count, address, command, warden.pid)
            listening.append(Thread(target=_listen, args=(i, child, events), daemon=True))
            listening[i].start()
        return _attend(count, events)
    finally:
        os.killpg(warden.pid, signal.SIGKILL)
        warden.communicate()
        for thread in listening:
            thread.join()


def _child(
    i: int, count: int, address: str, command: Sequence[str], group: int
) -> subprocess.Popen[bytes]:
    named = {
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(i),
        "JAX_LOCAL_DEVICE_IDS": str(i),
    }
    return subprocess.Popen(
        command,
        env=os.environ | named,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        process_group=group,
    )


def _listen(index: int, process: subprocess.Popen[bytes], events: Events) -> None:
    """Report what a child writes to stderr, then its end."""

    def read() -> None:
        assert process.stderr is not None
        with process.stderr as pipe:
            while text := os.read(pipe.fileno(), 1 << 16):
                events.put(Words(time.monotonic() + HOLD, index, text))

    reading = Thread(target=read, daemon=True)
    reading.start()
    code = process.wait()
    reading.join(SETTLE)  # a process of the child's own may hold the pipe open
    events.put(End(index, code))


def _attend(count: int, events: Events) -> int:
    """Pass on what the children say, until all are done or one has failed."""
    held: deque[Words] = deque()
    while count:
        while held and held[0].due <= time.monotonic():
            _say(held.popleft().text)
        wait = max(0.0, held[0].due - time.monotonic()) if held else None
        try:
            event = events.get(timeout=wait)
        except Empty:
            continue
        if isinstance(event, Words):
            held.append(event)
        elif event.code == 0:
            count -= 1
        else:
            return _fail(event, held, events)
    _say(b"".join(words.text for words in held))
    return 0


def _fail(first: End, held: Sequence[Words], events: Events) -> int:
    """Say which child failed and how, and return the exit code of the run."""
    ends, words, began = [first], list(held), time.monotonic()

    def said(end: End) -> bytes:
        return b"".join(each.text for each in words if each.index == end.index)

    def follows(end: End) -> bool:
        return any(word in said(end) for word in AFTERMATH)

    while True:
        enough = SETTLE if not all(map(follows, ends)) else PATIENCE
        try:
            event = events.get(timeout=max(0.0, began + enough - time.monotonic()))
        except Empty:
            break
        if isinstance(event, Words):
            words.append(event)
        elif event.code:
            ends.append(event)
    by_a_signal = lambda end: end.code < 0 and end.code != -signal.SIGABRT
    cause = min(ends, key=lambda end: (follows(end), not by_a_signal(end)))  # earliest of equals
    _say(said(cause))
    if cause.code != READER_GONE and (cause.code != 2 or not said(cause).strip()):
        _say(f"rnn-jax: process {cause.index} (the first is 0) {cause.how}\n".encode())
    return cause.code if cause.code > 0 else 128 - cause.code


def _say(text: bytes) -> None:
    sys.stderr.buffer.write(text)
    sys.stderr.buffer.flush()
