"""A rotated code: two numbers are held by sixteen units together, and by none of them.

    planted = rotated_code()
    planted.truth.subspaces["hold a"]      # [16, 1]: what a circuit is here

The right answer is "distributed". Two memories are spread over sixteen units by orthonormal
columns of entries of one size, so that each unit says a sixteenth of each number.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..core import Network
from .causes import Cause, named_for, number, with_causes
from .disguises import Disguised, DisguisedReadout
from .graded import mirrored, two_sided
from .planted import Planted, Truth
from .wiring import Unit, wire

STEPS, EVENT, UNITS = 24, 2, 16
EPOCHS = {"cue": (2,), "hold": (8,)}
"""A step each: in more, the units that are exchanged draw the others after them."""
NAMES = ("a", "b")
COLUMNS = (5, 14)
"""Of the Hadamard matrix: those of the numbers."""


def rotated_code() -> Planted:
    """Two numbers, held along two directions of a plane that no unit lies in.

    `h' = E clip(E^T h + x)`, `E [16, 2]` two columns of a Hadamard matrix, entries +-1/4: weights
    `E E^T` of rank two.

    True: the plane of the columns, one of them where one cue alone is changed. Nodes are 1 for
    all units, since each has a part of it, and there is no truth of wires. The border: an exchange
    along the subspace is all of a contrast, one across it nothing, and each unit alone does a
    sixteenth. Fooled: what answers with units.

    **Returns:** a `Planted` of inputs and targets `[B, 24, 2]`. Contrasts: the cues v become
    1 - v, both of them, or that of `a` or `b`.

    **Example:**

        >>> made = rj.planted.rotated_code()
        >>> int(made.truth.nodes["hold"].sum()), made.truth.subspaces["hold a"].shape
        (16, (16, 1))
    """
    latents = {n: Unit({n: 1.0}, {n: 1.0}) for n in NAMES}
    inner = wire(latents, NAMES, {n: {n: 1.0} for n in NAMES})
    spread = hadamard(UNITS)[:, COLUMNS]
    E, R = number(spread), number(spread.T)
    network = Network(
        Disguised(inner.step, E, R), DisguisedReadout(inner.readout, R), E @ inner.h0
    )
    units = {f"axis {k}": Unit(group="axis") for k in range(UNITS)}

    def follow(xs: Array) -> dict[str, Array]:
        return dict(zip(NAMES, jnp.cumsum(xs, 0).T, strict=True))

    pulse = (np.arange(STEPS) == EVENT).astype(float)[None, :, None]
    causes = {"both": Cause(lambda xs: mirrored(xs, 0, 1), EPOCHS)}
    for k, n in enumerate(NAMES):
        causes[n] = Cause(lambda xs, k=k: mirrored(xs, k), named_for(EPOCHS, n))
    return with_causes(
        network,
        units,
        _truth(spread),
        lambda key, count: two_sided(key, count, 2)[:, None] * number(pulse),
        follow,
        EPOCHS,
        causes,
        NAMES,
    )


def hadamard(size: int) -> Float[np.ndarray, "N N"]:
    """Sylvester's orthogonal matrix of entries `+-1 / sqrt(size)`, for a power of two."""
    found = np.ones((1, 1))
    while len(found) < size:
        found = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), found)
    return found / np.sqrt(size)


def _truth(spread: Float[np.ndarray, "N 2"]) -> Truth:
    """The columns of the numbers that are asked about; every unit has a part of them."""
    subspaces = {epoch: number(spread) for epoch in EPOCHS}
    for k, name in enumerate(NAMES):
        subspaces |= named_for({epoch: number(spread[:, [k]]) for epoch in EPOCHS}, name)
    return Truth(dict.fromkeys(subspaces, number(np.ones(len(spread)))), {}, subspaces)
