"""Which of several processes this is, and what they do together.

join()                             # from here on they are one computation
first_alone(lambda: check(out))    # one looks, all go on or all end
"""

import atexit
import os
import signal
import socket
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any, NamedTuple, NoReturn

# seconds: for which a process waits for the others, and the first, on whom they depend, longer;
# without a sign of life, after which JAX takes a process for dead and ends the others
WAIT, LATER, HEARTBEAT = 60, 5, 30

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

    **Example:**

        >>> rj.launch.Place(index=0, count=4, told=True).is_first
        True
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

    **Example:**

        >>> rj.launch.place()
        Place(index=0, count=1, told=False)
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

    **Raises:** `ValueError` where the environment is at odds with itself or names a machine that
    is not known; `TimeoutError` where the processes have not met within about a minute.

    **Example:**

        >>> rj.launch.join()  # a process by itself has nobody to meet
        >>> rj.launch.place().count
        1
    """
    here = place()
    if here.count == 1:
        return
    address = os.environ.get("JAX_COORDINATOR_ADDRESS", "")
    if address or here.told:
        _check_address(address)
    _check_own_name()
    named = {"num_processes": here.count, "process_id": here.index} if here.told else {}
    at_end = signal.getsignal(signal.SIGTERM)
    wait = WAIT + LATER * here.is_first
    if not _meet(named, wait):
        where = address or "the launcher's address"
        raise TimeoutError(
            f"the {here.count} processes have not met at {where} within {wait} s: "
            "does each run, and reach that host?"
        )
    if at_end is not None:
        signal.signal(signal.SIGTERM, at_end)  # JAX takes it as advice only


def _check_address(address: str) -> None:
    host, _, port = address.rpartition(":")
    name = f"JAX_COORDINATOR_ADDRESS={address!r}"
    if not (host and port.isdigit() and 0 < int(port) < 1 << 16):
        raise ValueError(f"{name} is not the host:port at which all processes meet")
    try:
        socket.getaddrinfo(host.strip("[]"), int(port))
    except OSError as error:
        raise ValueError(f"{name}: the host is not known ({error.strerror})") from None


def _check_own_name() -> None:
    """The processes reach each other by the names of their machines."""
    name = socket.gethostname()
    try:
        socket.getaddrinfo(name, None)
    except OSError as error:
        raise ValueError(
            f"this machine does not know its own name, {name!r} ({error.strerror}): "
            "add it to /etc/hosts"
        ) from None


def _meet(named: dict[str, Any], wait: int) -> bool:
    """Wait for the other processes, in a thread: where JAX's own time is up, it aborts."""
    import jax

    failures: list[Exception] = []

    def initialize() -> None:
        try:
            jax.distributed.initialize(
                **named, initialization_timeout=10 * WAIT, heartbeat_timeout_seconds=HEARTBEAT
            )
        except Exception as error:
            failures.append(error)

    meeting = Thread(target=initialize, daemon=True)
    meeting.start()
    meeting.join(wait)
    if failures:
        raise failures[0]
    if meeting.is_alive():
        atexit.register(leave, 2)  # before JAX, whose own farewell would wait as well
    return not meeting.is_alive()


def leave(code: int) -> NoReturn:
    """End this process with an exit code, without JAX's wait for the end of all others.

    **Raises:** `SystemExit` where this is the only process.

    **Example:**

        >>> rj.launch.leave(3)  # of the only process
        Traceback (most recent call last):
            ...
        SystemExit: 3
    """
    try:
        alone = place().count == 1
    except ValueError:  # the environment is at odds with itself: nobody waits
        alone = True
    if alone:
        raise SystemExit(code)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def first_alone(action: Callable[[], object]) -> None:
    """Have the first process do something before all go on; where it fails, all end.

    **Raises:** what the action raises, in the first process; `SystemExit` in the others.

    **Example:**

        >>> rj.launch.first_alone(lambda: print("once, whatever the number of processes"))
        once, whatever the number of processes
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
        except Exception as error:
            failure = error
    failed = bool(broadcast_one_to_all(np.array(failure is not None)))
    if failure is not None:
        raise failure
    if failed:
        raise SystemExit(2)


def agree(tree: Any) -> Any:
    """The first process's arrays on all: training may round otherwise on another machine.

    **Example:**

        >>> rj.launch.agree({"a": np.arange(2)})
        {'a': array([0, 1])}
    """
    import equinox as eqx
    import jax
    from jax.experimental.multihost_utils import broadcast_one_to_all

    if jax.process_count() == 1:
        return tree
    arrays, rest = eqx.partition(tree, eqx.is_array)
    return eqx.combine(jax.tree.map(jax.numpy.asarray, broadcast_one_to_all(arrays)), rest)
