"""How much of a sweep runs at once: chunks of runs and blocks of trials within a memory budget.

size = fit_budget(network, T, groups, trials, parse_bytes("2GiB"))
size.groups, size.trials
"""

import re
from typing import NamedTuple

import jax

from ...core import Network
from ...core.network import output_shape


class Size(NamedTuple):
    """What runs at once: `groups` x `trials` runs, in even shares of all."""

    groups: int
    trials: int


def parse_bytes(text: str | int) -> int:
    """Bytes of "2GiB", "500 MB", or a number.

    **Raises:** `ValueError` where it is neither.
    """
    number = r"\s*(\d+\.?\d*|\.\d+)\s*([KMGT]?)(i?)B?\s*"
    match = re.fullmatch(number, str(text), re.IGNORECASE)
    base = 1024 if match is not None and match[3] else 1000
    power = 0 if match is None else " KMGT".index(match[2].upper() or " ")
    size = 0 if match is None else int(float(match[1]) * base**power)
    if size < 1:
        raise ValueError(f"memory must be bytes or like '2GiB', got {text!r}")
    return size


def default_memory() -> int:
    """64 MiB on a CPU, whose caches the states of a chunk should not leave; else 1 GiB."""
    return 2**26 if jax.default_backend() == "cpu" else 2**30


def fit_budget(
    network: Network, T: int, groups: int, trials: int, memory: int, estimator: str = "exact"
) -> Size:
    """How many groups and trials run at once within a budget.

    A run needs its state, what a step and its edit make of it, and the outputs it keeps; a
    trial the clean states, replacements and outputs that its runs share. Those take half of
    the budget at most. An estimate takes a reverse pass more, a first-order one a Jacobian or
    a row of tangents a trial as well.
    One copy of inputs and windows, and the result, come on top.

    **Arguments:**

    - `network`: whose state and readout count.
    - `T`, `groups`, `trials`: how many there are; for a first-order estimate, the groups of all
        windows where windows differ in theirs.
    - `memory`: in bytes.
    - `estimator`: of the sweep.

    **Raises:** `ValueError` where not even one run fits.
    """
    leaves = jax.tree.leaves(network.h0)
    itemsize = leaves[0].dtype.itemsize
    state = sum(leaf.size for leaf in leaves)
    outputs = T * output_shape(network).size
    # of a run: its state, the preactivations of a few gates, and what the edit reads
    a_run = (8 * state + 3 * outputs) * itemsize
    # of a trial: states, replacements, inputs of a reverse pass where there is one
    a_trial = ((5 if estimator == "exact" else 9) * T * state + 3 * outputs) * itemsize
    if estimator == "first-order":
        a_trial += (8 * state * max(state, groups) + T * groups) * itemsize
    if memory < a_run + a_trial:
        raise ValueError(
            f"memory of {memory} bytes does not hold one run, which takes {a_run + a_trial}"
        )
    at_once = _even(trials, min(memory // 2 // a_trial, memory // (a_trial + a_run)))
    return Size(_even(groups, (memory - at_once * a_trial) // (at_once * a_run)), at_once)


def _even(whole: int, most: int) -> int:
    """The size of the fewest even shares of at most `most`."""
    return -(-whole // -(-whole // max(1, min(whole, most))))
