"""Every name at the top has an example in its docstring, and the example is true."""

import doctest

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnn_jax as rj

QUIET = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What examples may use: one small network, its trials, and what was found in it."""
    key = jax.random.key(0)
    cell, readout = rj.cells.GRU(2, 6, key=key), rj.cells.Affine(6, 1, key=key)
    network = rj.Network(cell, readout, jnp.zeros(6))
    xs = jax.random.normal(key, (8, 20, 2))
    ys = jax.vmap(lambda x: rj.outputs(network, rj.run(network, x)))(xs)
    late = jnp.zeros((8, 20)).at[:, 10:].set(1.0)
    trials = rj.Trials(xs, ys, {"early": 1 - late, "late": late})
    few = rj.Settings(contrasts=False, random_sets=19, width=10)
    return {
        "rj": rj, "eqx": eqx, "jax": jax, "jnp": jnp, "np": np, "key": key, "network": network,
        "xs": xs, "x": xs[0], "ys": ys, "trials": trials,
        "metric": lambda run: rj.margin(rj.outputs(network, run), ys[0]),
        "found": rj.discover(rj.Subject("mine", network, trials), few),
        "folder": tmp_path_factory.mktemp("examples"),
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(rj.__all__))
def test_the_example_of_a_name_is_true(name, names):
    thing = rj.report.save if name == "save" else getattr(rj, name)
    examples = doctest.DocTestParser().get_doctest(thing.__doc__, dict(names), name, None, None)
    assert examples.examples, f"{name} has no example"
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=QUIET)
    assert runner.run(examples, out=said.append).failed == 0, "".join(said)
