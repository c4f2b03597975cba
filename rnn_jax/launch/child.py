"""What `start` runs in each process: a module, whose failure ends the process at once.

    python child.py rnn_jax.cli discover ring-attractor

JAX ends a process only once all others end too. One that failed would wait for the others, and
they for it. This file runs as a script, with the standard library alone.
"""

import os
import runpy
import sys
import traceback


def keep_to_own_cpus() -> None:
    """JAX makes as many threads as it may use CPUs: else the processes fight for them."""
    if hasattr(os, "sched_setaffinity"):
        index, count = (int(os.environ[f"JAX_{name}"]) for name in ("PROCESS_ID", "NUM_PROCESSES"))
        if cpus := sorted(os.sched_getaffinity(0))[index::count]:
            os.sched_setaffinity(0, cpus)


def run(module: str) -> int:
    """Run a module as the main program, and return its exit code."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)
        return 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    sys.path[0] = os.getcwd()  # as `python -m` has it
    del sys.argv[0]
    keep_to_own_cpus()
    if failed := run(sys.argv[0]):
        for stream in (sys.stdout, sys.stderr):
            # a command whose reader has gone has no output any more
            if stream is not None:
                stream.flush()
        os._exit(failed)
