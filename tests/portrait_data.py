"""Three latches that know nothing of each other: every number of their portrait has a closed form.

`h' = tanh(2 h + x)`: each latch rests at -s, 0 and s, where s = tanh(2 s), so that three of them
have 27 fixed points, 8 of them stable.
"""

import functools

import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from rnn_jax.core import Network
from rnn_jax.discovery import DynamicsSettings, Subject, portrait
from rnn_jax.tasks import Trials

S = brentq(lambda s: np.tanh(2 * s) - s, 0.5, 1)
B, T, N = 8, 12, 3
SETTINGS = DynamicsSettings(starts=512, exponents=3, value="zero", iterations=50, seed=3)
SETS = {"the first": [0], "the first and second": [0, 1]}


def shown(h):
    """The readout, one function: what one test has compiled of it serves the next."""
    return 3 * h[:2]


def latches(step=lambda h, x: jnp.tanh(2 * h + x), xs=None):
    """The subject: pulses of +-1 into each latch, an early epoch and a late one."""
    if xs is None:
        rng = np.random.default_rng(0)
        xs = rng.choice([-1.0, 0, 0, 1.0], (B, T, N))
        xs[:, 0] = rng.choice([-1.0, 1.0], (B, N))
    early = np.zeros((len(xs), T))
    early[:, :4] = 1
    epochs = {"early": jnp.asarray(early), "late": jnp.asarray(1 - early)}
    network = Network(step, shown, jnp.zeros(N))
    return Subject("latches", network, Trials(jnp.asarray(xs), None, epochs))


@functools.cache
def drawn():
    """Their portrait, with two removals."""
    return portrait(latches(), SETTINGS, SETS)


@functools.cache
def line():
    """The portrait of a line of points, along the first unit, and of what is left without it."""
    subject = latches(step=lambda h, x: h * jnp.asarray([1, 0.5, 0.5]) + x)
    settings = DynamicsSettings(starts=24, exponents=0, value="zero", iterations=50)
    return portrait(subject, settings, {"the first": [0]})
