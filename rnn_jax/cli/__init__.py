"""The command `rnn-jax`: discover a circuit, find fixed points, train, run a study, list all.

    rnn-jax discover ring-attractor
    rnn-jax dynamics flip-flop --cell gru --units 64
    rnn-jax discover runs/gru/model.eqx --processes 2
    rnn-jax train flip-flop --cell gru --units 64 --seed 0 --out runs/gru

A wrong file or value ends in one line and exit code 2, an interruption in one line and 130. What
is no fault of the user's leaves its traceback in a file that the line names, with exit code 1.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run it."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    if arguments == ["--version"]:
        print(f"rnn-jax {metadata.version('rnn-jax-circuits')}")
        return
    with _interruptible(
        goes_on=arguments[:1] in (["discover"], ["dynamics"], ["train"], ["study"])
    ):
        # imported here: JAX takes a second, may refuse its settings, and may be interrupted
        from .errors import ended, load_jax

        with ended():
            load_jax()
            from .commands import run

            run(arguments)


@contextlib.contextmanager
def _interruptible(goes_on: bool) -> Iterator[None]:
    """End the process on Ctrl-C at once, with one line, whatever is under way.

    Nothing is unwound: an exception raised in the midst of JAX's own threads may be swallowed or
    crash on the way out, and all that is written is whole or absent whenever a process ends.
    """
    line = "\nrnn-jax: interrupted" + ("; the same command goes on from here" if goes_on else "")

    def end(number: int, frame: object) -> None:
        # of several processes started together, the first has the say
        if os.environ.get("JAX_PROCESS_ID", "0") == "0":
            os.write(2, f"{line}\n".encode())
        os._exit(130)

    try:
        before = signal.signal(signal.SIGINT, end)
    except ValueError:  # not in the main thread, which alone is interrupted
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
