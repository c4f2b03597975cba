"""Windows in continuous time: what a window holds, and a circuit at half the step."""

import itertools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from continuous_data import order
from helpers import normal, same

from rnn_jax.causal import finite, first_order, first_order_clamp
from rnn_jax.cells import RateField
from rnn_jax.core import clamp, during, from_field, span


def test_a_window_in_time_is_the_same_at_half_the_step():
    for start, stop in [(0.0, 0.1), (0.3, 0.7), (0.0, 1.0), (0.9, 1.0)]:
        window = during(10, 0.1, start, stop)
        assert same(window, span(10, round(start / 0.1), round(stop / 0.1)))
        assert same(during(20, 0.05, start, stop), jnp.repeat(window, 2))
    # edges between steps: those that end inside
    assert np.flatnonzero(during(10, 0.1, 0.25, 0.55)).tolist() == [2, 3, 4]


def circuit(dt, seed=0):
    """A rate network of 8 units for 4 units of time, and the effects of a clamp on each."""
    field = RateField(1, 8, tau=0.5, key=jax.random.key(seed))
    field = eqx.tree_at(lambda f: f.w, field, 1.5 * field.w)
    T = round(4 / dt)
    xs = jnp.sin((np.arange(T) + 0.5) * dt)[:, None]
    c = normal(seed, 8)
    metric = lambda run: (run.hs @ c).mean()
    window, h0 = during(T, dt, 1.0, 2.0), jnp.full(8, 0.2)
    step = from_field(field, dt, diffrax.Heun())
    clamps = jax.vmap(lambda unit: clamp(unit, window, 0.0))(jnp.eye(8))
    exact = finite(step, h0, xs, metric, clamps)
    first = first_order_clamp(step, h0, xs, metric, jnp.zeros(()), window[None])[0]
    nodes = first_order(step, h0, xs, metric, jnp.zeros(()))
    return np.asarray(exact), np.asarray(first), np.asarray((nodes * window[:, None]).sum(0) * dt)


def test_the_same_circuit_at_half_the_step():
    runs = [circuit(dt) for dt in (0.04, 0.02, 0.01)]
    for kind in range(3):
        effects = [run[kind] for run in runs]
        changes = [np.abs(a - b).max() for a, b in itertools.pairwise(effects)]
        assert abs(order(changes, 2) - 1) < 0.2
        assert changes[0] < 0.1 * np.abs(effects[0]).max()
    for kind in range(2):
        ranks = [np.argsort(-np.abs(run[kind])).tolist() for run in runs]
        assert ranks[0][:4] == ranks[1][:4] == ranks[2][:4]
