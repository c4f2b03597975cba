"""Several processes of one command: started by hand, or by a cluster's launcher.

    code = start(2, sys.argv[1:])      # two processes on this machine, until both are done
    join()                             # in each of them: from here on they are one computation

Each process is told by its environment who it is: `JAX_COORDINATOR_ADDRESS`,
`JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`. Slurm's and Open MPI's own variables serve as well.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

# how many processes a launcher started; a Slurm job's script alone has no step
LAUNCHERS = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
CHILD = "from rnn_jax.cli import main; main()"


def is_one_of_several() -> bool:
    """Whether a launcher, or `start`, started this process among others."""
    named = int(os.environ.get("JAX_NUM_PROCESSES", "1"))
    return max(named, *(int(os.environ.get(name, "1")) for name in LAUNCHERS)) > 1


def is_first() -> bool:
    """Whether this process is the one that speaks and writes."""
    names = ("JAX_PROCESS_ID", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK")
    return (
        not is_one_of_several() or os.environ.get(next(n for n in names if n in os.environ)) == "0"
    )


def join() -> None:
    """Become one computation with the processes started along with this one.

    **Raises:** `ValueError` where the environment names no address or no number.
    """
    import jax

    if "JAX_NUM_PROCESSES" in os.environ:
        jax.distributed.initialize(
            num_processes=int(os.environ["JAX_NUM_PROCESSES"]),
            process_id=int(os.environ["JAX_PROCESS_ID"]),
        )
    elif is_one_of_several():
        jax.distributed.initialize()


def agree(tree: Any) -> Any:
    """The first process's arrays on all: training may round otherwise on another machine."""
    import equinox as eqx
    import jax
    from jax.experimental.multihost_utils import broadcast_one_to_all

    if jax.process_count() == 1:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.tree.map(jax.numpy.asarray, broadcast_one_to_all(arrays)), rest)


def start(count: int, arguments: Sequence[str]) -> int:
    """Run the command in `count` processes, each with its share of the CPUs and accelerators.

    **Returns:** the first exit code that is not 0; the others are then ended.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    running = [_child(i, count, address, arguments) for i in range(count)]
    try:
        while (codes := [process.poll() for process in running]).count(None):
            if any(codes):
                break
            time.sleep(0.05)
        return next((code for code in codes if code), 0)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def _child(i: int, count: int, address: str, arguments: Sequence[str]) -> subprocess.Popen:
    named = {
        "JAX_COORDINATOR_ADDRESS": address,
        "JAX_NUM_PROCESSES": str(count),
        "JAX_PROCESS_ID": str(i),
        "JAX_LOCAL_DEVICE_IDS": str(i),
    }

    def keep_to_own_cpus() -> None:
        # JAX makes as many threads as it may use CPUs: else the processes fight for them
        cpus = sorted(os.sched_getaffinity(0))[i::count]
        if cpus:
            os.sched_setaffinity(0, cpus)

    return subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        env=os.environ | named,
        preexec_fn=keep_to_own_cpus if hasattr(os, "sched_setaffinity") else None,
    )
