"""A network of one's own: any step `(h, x) -> h`, its readout, and its first state.

It remembers the sign of a cue in one pair of units; four more units listen and are not heard.
"""

import jax.numpy as jnp
import numpy as np

UNITS = 6

recurrent = np.zeros((UNITS, UNITS), np.float32)  # [to, from]
recurrent[0, 0] = recurrent[1, 1] = 2.0
recurrent[0, 1] = recurrent[1, 0] = 0.6
recurrent[2:, :2] = np.random.default_rng(0).normal(size=(4, 2))
drive = np.array([[1.5], [1.5], [1.0], [-1.0], [0.5], [0.0]], np.float32)
weights = np.array([[0.6, 0.4, 0, 0, 0, 0]], np.float32)


def step(h, x):
    return jnp.tanh(recurrent @ h + drive @ x)


def readout(h):
    return weights @ h


network = (step, readout, np.zeros(UNITS, np.float32))
