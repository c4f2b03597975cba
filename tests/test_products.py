"""The order of a product's factors: the same numbers, and nothing transposed on the way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import CELLS, N, inputs, network

from rnn_jax.core import ordered
from rnn_jax.core import products as reordering

ORDERS = {"vector first": 0, "vector last": -1}
R = 5
W = jax.random.normal(jax.random.key(0), (2, N, N))


def moved(tree, axis):
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, axis), tree)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_step_stays_the_same(cell, order):
    net, axis = network(cell), ORDERS[order]
    h = jax.tree.map(lambda leaf: leaf[None] + jnp.arange(R)[:, None] / R, net.h0)
    x = inputs(0, R)
    plain = jax.jit(jax.vmap(lambda h, x: net.step(h, x)))(h, x)
    step = jax.jit(jax.vmap(ordered(net.step, order), in_axes=axis, out_axes=axis))
    for a, b in zip(
        *map(jax.tree.leaves, (step(moved(h, axis), moved(x, axis)), moved(plain, axis)))
    ):
        np.testing.assert_allclose(a, b, atol=1e-14)
    slope = lambda f: jax.jit(jax.jacfwd(lambda h: f(h, x[0])))(net.h0)
    for a, b in zip(*map(jax.tree.leaves, (slope(ordered(net.step, order)), slope(net.step)))):
        np.testing.assert_allclose(a, b, atol=1e-13)


STEPS = {
    "matrix first": lambda h, x: jnp.tanh(W[0] @ h + W[1] @ x),
    "vector first": lambda h, x: jnp.tanh(h @ W[0] + x @ W[1]),
    "gates": lambda h, x: jnp.tanh((W @ h)[0] * (W @ x)[1] + jnp.tensordot(h, W, (0, 2))[1]),
    "within a call": jax.jit(lambda h, x: jnp.tanh(jax.jit(lambda h: h @ W[0])(h) + W[1] @ x)),
}


def products(step, axis):
    batched = jax.vmap(step, in_axes=axis, out_axes=axis)
    shape = (R, N) if axis == 0 else (N, R)
    text = str(jax.make_jaxpr(lambda h, x: batched(h, x))(jnp.ones(shape), jnp.ones(shape)))
    return [line for line in text.splitlines() if "transpose[" in line and f"{R}" in line]


@pytest.mark.parametrize("name", STEPS)
def test_where_runs_lead_nothing_is_transposed(name):
    assert products(ordered(STEPS[name], "vector first"), 0) == []
    if name == "matrix first":
        assert products(lambda h, x: jnp.tanh(W[0] @ h + W[1][:, 0]), 0) != []


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("order", ORDERS)
def test_every_product_has_the_vector_in_its_place(name, order):
    program = jax.make_jaxpr(ordered(STEPS[name], order))(jnp.ones(N), jnp.ones(N))
    found = []

    def look(jaxpr):
        for equation in jaxpr.eqns:
            if equation.primitive.name == "dot_general":
                found.append([atom.aval.ndim for atom in equation.invars])
            for value in equation.params.values():
                if isinstance(value, type(program)):
                    look(value.jaxpr)

    look(program.jaxpr)
    assert len(found) >= 2
    assert all(ranks.index(1) == (0 if order == "vector first" else 1) for ranks in found)


def test_products_of_two_vectors_or_two_matrices_stay():
    f = lambda a, b: (a @ b, jnp.outer(a, b), W[0] @ W[1], W[0] @ a)
    a, b = jnp.arange(4.0), jnp.ones(4)
    for order in ORDERS:
        for got, expected in zip(ordered(f, order)(a, b), f(a, b)):
            np.testing.assert_allclose(got, expected, atol=1e-14)


def test_loops_and_precisions_go_along():
    def f(h):
        precise = jax.lax.dot_general(
            W[0], h, (((1,), (0,)), ((), ())), precision=("highest", "default")
        )
        return jax.lax.scan(lambda h, _: (jnp.tanh(W[0] @ h), None), precise, None, length=3)[0]

    got = ordered(f, "vector first")
    h = jnp.arange(4.0)
    np.testing.assert_allclose(got(h), f(h), atol=1e-14)
    text = str(jax.make_jaxpr(got)(h))
    assert "precision=(Precision.DEFAULT, Precision.HIGHEST)" in text.replace("\n", " ")


def test_where_programs_cannot_be_rewritten_the_numbers_are_the_same(monkeypatch):
    def gone(*_):
        raise AttributeError("module has no attribute 'jaxpr_as_fun'")

    step = lambda h, x: jnp.tanh(W[0] @ h + W[1] @ x)
    h, x = jax.random.normal(jax.random.key(1), (2, R, N))
    expected = jax.vmap(step)(h, x)
    monkeypatch.setattr(reordering.core, "jaxpr_as_fun", gone)
    found = jax.vmap(ordered(step, "vector first"))(h, x)
    np.testing.assert_array_equal(found, expected)
