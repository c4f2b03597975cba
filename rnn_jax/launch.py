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
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

# how many processes there are, and which one this is: ours, Slurm's (a job's script alone is no
# step of it) and Open MPI's
LAUNCHERS = (
    ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID"),
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
)


class Place(NamedTuple):
    """Which of how many processes this is, and whether JAX is to be told so.

    - `index`, `count`: the first is 0.
    - `told`: whether by our own variables, which JAX itself does not read.
    """

    index: int
    count: int
    told: bool

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that speaks and writes."""
        return self.index == 0


def place() -> Place:
    """What the environment says.

    **Raises:** `ValueError` where it names a number of processes and not which one this is.
    """
    for k, names in enumerate(LAUNCHERS):
        count, index = (os.environ.get(name, "") for name in names)
        if count in ("", "0", "1"):
            continue
        if not (count.isdigit() and index.isdigit() and int(index) < int(count)):
            raise ValueError(f"{names[0]}={count!r} and {names[1]}={index!r} name no process")
        return Place(int(index), int(count), told=k == 0)
    return Place(0, 1, told=False)


def join() -> None:
    """Become one computation with the processes started along with this one.

    **Raises:** `ValueError` where the environment is at odds with itself.
    """
    import jax

    here = place()
    if here.told:
        jax.distributed.initialize(num_processes=here.count, process_id=here.index)
    elif here.count > 1:
        jax.distributed.initialize()


def first_alone(action: Callable[[], object]) -> None:
    """Have the first process do something before all go on; where it fails, all end.

    **Raises:** what the action raises, in the first process; `SystemExit` in the others.
    """
    if place().count == 1:
        action()
        return
    import numpy as np
    from jax.experimental.multihost_utils import broadcast_one_to_all

    failure = None
    if place().is_first:
        try:
            action()
        except (ValueError, OSError) as error:
            failure = error
    failed = bool(broadcast_one_to_all(np.array(failure is not None)))
    if failure is not None:
        raise failure
    if failed:
        raise SystemExit(2)


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
        [sys.executable, "-m", "rnn_jax.cli", *arguments],
        env=os.environ | named,
        preexec_fn=keep_to_own_cpus if hasattr(os, "sched_setaffinity") else None,
    )
