"""A planted network of your own: rnn-jax study recovery --quick --kinds my_planted.py:planted

A number is relayed, held and told; a loud unit hears it too, and nobody reads it.
"""

import jax
import jax.numpy as jnp

from rnn_jax.planted import Planted, Unit, truth_of, wire
from rnn_jax.tasks import Trials

UNITS = {
    "relay": Unit(inputs={"cue": 1.0}),
    "memory": Unit({"memory": 1.0, "relay": 1.0}),
    "loud": Unit({"memory": 2.0}, group="unread"),
}
CUE, DELAY = jnp.arange(20) < 4, jnp.arange(20) >= 4


def sample(key, count):
    size = jax.random.uniform(key, (count, 1, 1), minval=0.1, maxval=0.9)
    xs = jnp.where(jnp.arange(20)[None, :, None] == 2, size, 0.0)
    rows = {"cue": CUE, "delay": DELAY}
    epochs = {name: jnp.tile(row.astype(xs.dtype), (count, 1)) for name, row in rows.items()}
    return Trials(xs, jnp.cumsum(xs, 1), epochs)


planted = Planted(
    wire(UNITS, ("cue",), {"number": {"memory": 1.0}}),
    sample,
    truth_of(UNITS, {"cue": ("relay", "memory"), "delay": ("memory",)}),
    units=tuple(UNITS),
    groups=tuple(unit.group for unit in UNITS.values()),
)
