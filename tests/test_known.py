"""What is compiled once, and what must be read anew in each call."""

import functools
import importlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import CELLS, N, T, inputs, network

from rnn_jax import Compose, clamp, core, from_equinox, from_field, span
from rnn_jax.cells import Leaky, LiquidField, Vanilla
from rnn_jax.core.known import is_known

X = jnp.ones((T, N))


@pytest.fixture
def scans(monkeypatch):
    """One entry for each time that a loop over time is traced."""
    seen, scan = [], jax.lax.scan
    module = importlib.import_module("rnn_jax.core.rollout")
    counted = lambda *rest, **named: seen.append(1) or scan(*rest, **named)
    monkeypatch.setattr(module, "lax", type("lax", (), {"scan": staticmethod(counted)}))
    return seen


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_compiled_once(cell, scans):
    one, other = (network(cell, seed) for seed in (0, 1))
    edit = clamp(1, span(T, 1, 3), 0.5)
    calls = (
        lambda net: core.run(net, inputs()).hs,
        lambda net: core.run(net, inputs(), edit).hs,
        lambda net: jax.vmap(lambda xs: core.run(net, xs).hs)(inputs()[None]),
    )
    found = []
    for call in calls:
        call(one)
        scans.clear()
        found.append(call(other))
        assert is_known(other.step) == (cell != "lambda") == (not scans)
    # a lambda is traced in each call, so that no weights but its own are in its numbers
    fresh = lambda *edits: (
        core.rollout(lambda h, x: other.step(h, x), other.h0, inputs(), *edits).hs
    )
    batch = jax.tree.map(lambda leaf: leaf[None], fresh())
    for states, expected in zip(found, (fresh(), fresh(edit), batch), strict=True):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12), states, expected)


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("kind", [np.float64, np.float32, jnp.float32, int])
def test_a_constant_of_a_cell_is_a_number_of_pythons(kind):
    states = []
    for of in (kind, float):
        cell = Leaky(N, N, tau=of(8), dt=of(2), key=jax.random.key(0))
        step = from_field(LiquidField(N, N, key=jax.random.key(0)), of(1))
        assert [type(number) for number in (cell.tau, cell.dt, step.dt)] == [float] * 3
        states.append([core.rollout(each, jnp.zeros(N), X).hs for each in (cell, step)])
    jax.tree.map(np.testing.assert_array_equal, *states)


def test_what_it_leaves_holds_the_inputs_themselves():
    assert core.run(network("gru"), inputs()).xs is inputs()


class Held(eqx.Module):
    """A user's module, whose method reads a global."""

    def __call__(self, h, x):
        return gain(h) + x


class Own(Vanilla):
    """A user's cell, of a class of ours."""

    def __call__(self, h, x):
        return gain(h) + x


gain = None


def decorated(function):
    """A user's function, under the name of a library's."""
    return functools.wraps(function)(lambda h: gain(h) + 1.0)


def with_rule(function):
    """A library's function with a user's derivative."""
    own = jax.custom_jvp(function)
    own.defjvps(lambda tangent, out, h: gain(tangent))
    return own


STEPS = {
    "a function": lambda: lambda h, x: gain(h) + x,
    "partial": lambda: functools.partial(lambda f, h, x: gain(h) + x, None),
    "a partial tree": lambda: jax.tree_util.Partial(lambda h, x: gain(h) + x),
    "a module": Held,
    "a subclass": lambda: Own(N, N, key=jax.random.key(0)),
    "a turned module": lambda: from_equinox(Held()),
    "a field": lambda: from_field(lambda t, h, x: gain(h) + x, 0.1),
    "a static field": lambda: Vanilla(
        N, N, activation=lambda h: gain(h) + 1.0, key=jax.random.key(0)
    ),
    "a decorated function": lambda: Vanilla(
        N, N, activation=functools.wraps(jnp.tanh)(lambda h: gain(h)), key=jax.random.key(0)
    ),
    "a function under the name of a jitted one": lambda: Vanilla(
        N, N, activation=decorated(jax.nn.relu), key=jax.random.key(0)
    ),
}


@pytest.mark.parametrize("make", STEPS.values(), ids=STEPS)
@pytest.mark.parametrize("edited", [False, True])
def test_what_a_function_reads_may_change(make, edited, monkeypatch):
    step, edits = make(), (Compose(lambda step: lambda h, x: gain(step(h, x))),) * edited
    found = []
    for factor in (1.0, 0.5):
        monkeypatch.setattr(f"{__name__}.gain", lambda h, factor=factor: factor * h)
        found.append(core.rollout(step, jnp.zeros(N), X, *edits).hs)
    assert not np.array_equal(*found)


@pytest.mark.parametrize(
    ("thing", "known"),
    [
        (jnp.tanh, True), (jax.nn.relu, True), (jnp.ones(2), True), ((1, "a", None), True),
        (np.ones(2), False), (np.tanh, False), (lambda x: x, False), (object(), False),
        (eqx.nn.MLP(2, 2, 2, 1, key=jax.random.key(0)), True),
        (eqx.nn.Lambda(lambda x: x), False), ({"a": 1}, False),
        (decorated(jnp.tanh), False), (with_rule(jnp.tanh), False), (np.float64(1.0), False),
        (jax.vmap(jnp.tanh), False), (Vanilla(2, 2, key=jax.random.key(0)), True),
        (eqx.tree_at(lambda c: c.b, Vanilla(2, 2, key=jax.random.key(0)), np.ones(2)), False),
        (jax.jit(lambda x: x), False), (core.ordered(jnp.tanh, "vector first"), False),
    ],
)  # fmt: skip
def test_what_is_known(thing, known):
    assert is_known(thing) == known
