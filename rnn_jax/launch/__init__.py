"""Several processes of one command: started by hand, or by a cluster's launcher.

    code = start(2, sys.argv[1:])      # two processes on this machine, until both are done
    join()                             # in each of them: from here on they are one computation

Each process is told by its environment who it is: `JAX_COORDINATOR_ADDRESS`,
`JAX_NUM_PROCESSES` and `JAX_PROCESS_ID`. Slurm's and Open MPI's own variables serve as well.
"""

from .members import LAUNCHERS, Place, agree, first_alone, join, leave, place
from .parent import start

__all__ = ["LAUNCHERS", "Place", "agree", "first_alone", "join", "leave", "place", "start"]
