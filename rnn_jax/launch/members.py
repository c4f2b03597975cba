"""Which of several processes this is, and what they do together.

join()                             # from here on they are one computation
first_alone(lambda: check(out))    # one looks, all go on or all end
"""

import os
from collections.abc import Callable
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
