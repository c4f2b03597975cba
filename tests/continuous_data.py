"""Fields of every kind, a linear one, and the order of a method's error: for tests in time."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from helpers import I, N

from rnn_jax.cells import LiquidField, NeuralField, RateField

NONE = jnp.zeros(0)
FINE = diffrax.PIDController(rtol=1e-8, atol=1e-8)
FIELDS = {
    "rate": RateField(I, N, tau=np.linspace(0.5, 2, N), key=jax.random.key(1)),
    "neural-ode": NeuralField(I, N, hidden=5, key=jax.random.key(2)),
    "liquid": LiquidField(I, N, tau=2.0, key=jax.random.key(3)),
}


class Linear(eqx.Module):
    a: jax.Array

    def __call__(self, t, h, x):
        return self.a @ h


def order(errors, ratio):
    return np.log(errors[0] / errors[1]) / np.log(ratio)
