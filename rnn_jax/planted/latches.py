"""Latches of tanh units: three bits, with false wires among the units that hold them.

    planted = tanh_latches()
    planted.truth.edges["hold"]       # the wires within latches, and none between them

All members are latched, so that the wires among them are positives and negatives: real weights of
either kind, of which the false ones carry a whole bit's difference into a unit that is saturated.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from .causes import Cause, named_for, number, truth_for, with_causes
from .planted import Planted
from .wiring import Unit, wire, with_unread

STEPS, EVENT = 24, 2
EPOCHS = {"set": range(6), "hold": range(6, 18)}
BITS = ("a", "b", "c")
LATCHED = ("a1", "a2", "b", "c1", "c2")
LATCH = 2.0
"""Of a unit on itself or on its twin. It holds +-0.957; a steady input below 0.53 cannot turn it:
`w h - artanh(h)` at `h^2 = 1 - 1 / w`."""
EAR = 3.0
FALSE = (
    ("a1", "b", -0.3), ("a1", "c2", 0.15), ("a2", "c1", 0.2), ("a2", "a2", 0.1),
    ("b", "a1", 0.3), ("b", "c2", -0.15),
    ("c1", "a2", -0.35), ("c2", "b", 0.25), ("c2", "c2", -0.1),
    ("b", "ear a", 0.4), ("c1", "ear b", -0.4), ("a1", "ear c", 0.4),
)  # fmt: skip
"""Wires `(to, from, weight)`. Into no unit do those from latches add up to more than 0.45."""


def tanh_latches(extra: int = 6) -> Planted:
    """Three bits, each set by a pulse of its own sign and held until the end.

    Bits a and c are held by two units that excite one another, bit b by one that excites itself;
    each output is the mean of a bit's units. An ear passes each pulse on.

    True: ears and latches, in `hold` latches alone; of one bit where its pulse alone is turned.
    True wires are those within a latch and from a bit's ear; the false ones run between bits, or
    from a unit of a pair to itself. The border: cutting a true wire over an epoch turns the bit or
    makes its pair disagree, at least 0.15 of the contrast of all bits; cutting a false one moves a
    saturated unit by at most 0.04 of its bit, to either side, which is less than 0.01 of a
    contrast. Units outside a turned bit do at most 0.01 of its contrast.
    Fooled: what ranks wires by weight times signal, since a false wire's sender is as
    active as a true one's, and what calls any wire true whose effect differs from 0.

    **Arguments:** `extra`: distractors that nothing reads.

    **Returns:** a `Planted` of inputs and targets `[B, 24, 3]`. Contrasts: the pulses are turned,
    those of all bits, or that of `a`, `b` or `c`.

    **Example:**

        >>> made = rj.planted.tanh_latches(extra=0)
        >>> np.compress(made.truth.nodes["hold"] > 0, made.units).tolist()
        ['a1', 'a2', 'b', 'c1', 'c2']
    """
    units = {f"ear {bit}": Unit(inputs={bit: EAR}, group=bit) for bit in BITS}
    units |= {name: _latch(name) for name in LATCHED}
    for to, source, weight in FALSE:
        units[to] = units[to]._replace(units={**units[to].units, source: weight})
    units = with_unread(units, extra)
    outputs = {bit: {"b": 1.0} if bit == "b" else {f"{bit}1": 0.5, f"{bit}2": 0.5} for bit in BITS}
    false = [(to, source) for to, source, _ in FALSE]
    times = {f"ear {bit}": [EVENT] for bit in BITS}
    times |= dict.fromkeys(LATCHED, range(EVENT + 1, STEPS))
    parts = {"": list(times)} | {bit: [u for u in times if units[u].group == bit] for bit in BITS}

    def follow(xs: Array) -> dict[str, Array]:
        bits = jnp.pad(jnp.cumsum(xs, 0), ((1, 0), (0, 0)))[: len(xs)]
        return dict(zip(BITS, bits.T, strict=True))

    causes = {"all": Cause(lambda xs: -xs, EPOCHS)}
    for k, bit in enumerate(BITS):
        causes[bit] = Cause(lambda xs, k=k: _turned(xs, k), named_for(EPOCHS, bit))
    return with_causes(
        wire(units, BITS, outputs, jnp.tanh),
        units,
        truth_for(units, times, EPOCHS, parts, false),
        _signs,
        follow,
        EPOCHS,
        causes,
        BITS,
    )


def _latch(name: str) -> Unit:
    """A unit that its twin excites; a unit without a twin excites itself."""
    bit = name[0]
    twin = name if name == bit else f"{bit}{3 - int(name[1])}"
    return Unit({twin: LATCH, f"ear {bit}": 2 * LATCH}, group=bit)


def _signs(key: PRNGKeyArray, count: int) -> Float[Array, "B T 3"]:
    """A pulse of random sign in each channel, all at one step."""
    pulse = number((np.arange(STEPS) == EVENT)[None, :, None])
    return jax.random.rademacher(key, (count, 1, len(BITS)), pulse.dtype) * pulse


def _turned(xs: np.ndarray, channel: int) -> np.ndarray:
    """The pulse of this channel has the other sign."""
    return np.where(np.arange(xs.shape[-1])[None, None] == channel, -xs, xs)
