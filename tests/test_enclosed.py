"""Weights that a function encloses are constants of a program: training says so."""

import functools

import jax
import jax.numpy as jnp
import pytest

from rnn_jax import Network
from rnn_jax.cells import Affine, Vanilla
from rnn_jax.training import adam, start

KEY = jax.random.key(0)
INNER = Affine(2, 1, key=jax.random.key(1))


def begun(readout):
    cell = Vanilla(2, 2, key=KEY)
    return start(Network(cell, readout, jnp.zeros(2)), adam(1e-3, 2), KEY)


def enclosing(held):
    return lambda h: held(h)


def over_keys():
    held = {1: jnp.ones(1), "a": 2}  # keys that cannot be sorted
    return lambda h: h[:1] * held[1]


def before_it_is_there():
    readout = lambda h: later(h)
    begun(readout)
    later = INNER
    return readout


def decorated(w):
    base = lambda h: h
    return functools.wraps(base)(lambda h: w @ base(h))


W = jnp.ones((1, 2))
ENCLOSING = {
    "a closure": enclosing(INNER),
    "a jitted closure": jax.jit(enclosing(INNER)),
    "a partial closure": functools.partial(enclosing(INNER)),
    "a jitted partial": jax.jit(functools.partial(enclosing(INNER))),
    "a partial's argument": functools.partial(lambda w, h: w @ h, W),
    "a decorator": decorated(W),
}


@pytest.mark.parametrize("readout", ENCLOSING.values(), ids=ENCLOSING)
def test_a_readout_that_encloses_its_weights_is_not_trained_in_silence(readout):
    with pytest.warns(UserWarning, match="no weight of the readout is trained"):
        begun(readout)


@pytest.mark.parametrize(
    "make",
    [lambda: lambda h: h[:1], lambda: INNER, over_keys, lambda: enclosing(jnp.tanh)],
    ids=["a slice", "a module", "keys without an order", "no weights"],
)
def test_a_readout_that_encloses_no_weights_is_no_mistake(make, recwarn):
    begun(make())
    assert not recwarn.list


def test_a_name_without_a_value_yet_is_no_error(recwarn):
    before_it_is_there()
    assert not recwarn.list


def test_a_step_that_encloses_its_weights_is_not_trained_in_silence():
    w = jnp.eye(2)
    network = Network(lambda h, x: jnp.tanh(w @ h + x), INNER, jnp.zeros(2))
    with pytest.warns(UserWarning, match="only the readout is trained: the step holds no array"):
        start(network, adam(1e-3, 2), KEY)
