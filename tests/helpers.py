"""The cells every law is stated for, as networks in float64: the tests' list of problems."""

from contextlib import contextmanager
from functools import cache

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.cells import (
    GRU,
    LSTM,
    Dale,
    Leaky,
    LiquidField,
    LowRank,
    NeuralField,
    RateField,
    Rectified,
    Vanilla,
    fused,
    zero_state,
)
from rnn_jax.core import Network, from_equinox, from_field

T, N, I, O = 6, 4, 3, 2  # noqa: E741


class Tanh(eqx.Module):
    """A user's own step, of no class of ours."""

    w: jax.Array
    u: jax.Array

    def __call__(self, h, x):
        return jnp.tanh(self.w @ h + self.u @ x)


class First(eqx.Module):
    """A readout of what each unit shows: the first leaf of the state."""

    c: jax.Array

    def __call__(self, h):
        return self.c @ jax.tree.leaves(h)[0]


def keys(n, seed=0):
    return list(jax.random.split(jax.random.key(seed), n))


def _lambda(key):
    w, u = (jax.random.normal(k, s) for k, s in zip(jax.random.split(key), [(N, N), (N, I)]))
    return lambda h, x: jnp.tanh(w @ h + u @ x)


def _cells(key):
    """Our own; the kinked ones smooth, since quadrature does not resolve a kink."""
    leak = {"tau": 2.0, "dt": 1.0}
    return {
        "vanilla": lambda: Vanilla(I, N, key=key),
        "leaky": lambda: Leaky(I, N, **leak, key=key),
        "gru": lambda: GRU(I, N, key=key),
        "lstm": lambda: LSTM(I, N, key=key),
        "low-rank": lambda: LowRank(I, N, rank=2, key=key),
        "dale": lambda: Dale(I, N, **leak, excitatory=0.75, activation=jax.nn.softplus, key=key),
        "rectified": lambda: Rectified(I, N, rate=jax.nn.softplus, key=key),
        "rate": lambda: from_field(RateField(I, N, tau=2.0, key=key), dt=1.0),
        "neural-ode": lambda: from_field(
            NeuralField(I, N, hidden=5, key=key), 0.5, diffrax.Heun()
        ),
        "liquid": lambda: fused(LiquidField(I, N, tau=2.0, key=key), 1.0),
    }


def _step(name, key):
    """A step and its state at rest."""
    others = {
        "lambda": lambda: (_lambda(key), jnp.zeros(N)),
        "eqx-gru": lambda: (from_equinox(eqx.nn.GRUCell(I, N, key=key)), jnp.zeros(N)),
        "eqx-lstm": lambda: (
            from_equinox(eqx.nn.LSTMCell(I, N, key=key)),
            (jnp.zeros(N), jnp.zeros(N)),
        ),
    }
    if name in others:
        return others[name]()
    cell = _cells(key)[name]()
    return cell, zero_state(cell)


CELLS = [
    "lambda", "eqx-gru", "eqx-lstm",
    "vanilla", "leaky", "gru", "lstm", "low-rank", "dale", "rectified",
    "rate", "neural-ode", "liquid",
]  # fmt: skip


SOME = ["gru", "lstm", "dale", "lambda"]
"""Smooth and not, of one part and two, of parts that add up, a user's own: what is costly to
compile is tried on these, what a law says of a step itself on all."""


@cache
def network(name, seed=0):
    """The network of one cell, with a random first state: made once, for some hundred tests."""
    step_key, h_key, c_key = keys(3, seed)
    step, h0 = _step(name, step_key)
    leaves, treedef = jax.tree.flatten(h0)
    h0 = treedef.unflatten(
        [0.5 * jax.random.normal(k, a.shape) for k, a in zip(keys(len(leaves), seed + 1), leaves)]
    )
    return Network(step, First(jax.random.normal(c_key, (O, N))), h0)


@cache
def inputs(seed=0, steps=T):
    return jax.random.normal(jax.random.key(seed + 100), (steps, I))


@contextmanager
def optimised():
    """Around what runs for longer than it compiles, as a training does."""
    jax.config.update("jax_disable_most_optimizations", False)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", True)


def exhaustive(cases, asked):
    """Parameters, each a tuple: those not asked for are tested by `pytest --exhaustive` alone."""
    rest = pytest.mark.exhaustive
    return [pytest.param(*c, marks=() if asked(*c) else rest) for c in cases]


def same(a, b):
    """Equal to the bit, leaf by leaf."""
    return all(
        np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
    )


def normal(seed, *shape):
    """Standard normal numbers of a seed."""
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape))


def bools(*values):
    """A mask."""
    return jnp.asarray(values, bool)


def told_in_one_line(call, message):
    """A call raises a `ValueError` that says so much, in one short line."""
    with pytest.raises(ValueError, match=r"\w") as caught:
        call()
    told = str(caught.value)
    assert message in told
    assert "\n" not in told.strip()
    assert len(told) < 300
