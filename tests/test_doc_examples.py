"""Every public name has an example in its docstring, and every example is true."""

import doctest
import importlib
import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import rnn_jax as rj

QUIET = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
ROOMS = (
    "core", "cells", "linear", "causal", "circuits", "contrasts", "dynamics", "tasks", "planted",
    "training", "data", "discovery", "studies", "report", "launch",
)  # fmt: skip


def public() -> dict:
    """What can be called of every room, by `room.name`, and the names at the top by themselves."""
    here = {name: rj.report.save if name == "save" else getattr(rj, name) for name in rj.__all__}
    for room in ROOMS:
        module = importlib.import_module(f"rnn_jax.{room}")
        here |= {f"{room}.{name}": getattr(module, name) for name in module.__all__}
    return {name: thing for name, thing in here.items() if told(thing)}


def told(thing) -> bool:
    """A function or a class of this package; a constant, a type or a module is not."""
    return callable(thing) and getattr(thing, "__module__", "").startswith("rnn_jax")


def shown(thing) -> bool:
    return ">>>" in (thing.__doc__ or "")


PUBLIC = public()
# a thing has one docstring under all its names: the longest says where it lives
EXAMPLES = {id(thing): name for name, thing in sorted(PUBLIC.items(), key=lambda at: len(at[0]))}
# the fixture has compiled what examples of discovery run: first, while these programs are there
EXAMPLES = sorted(
    (name for name in EXAMPLES.values() if shown(PUBLIC[name])),
    key=lambda name: (not name.startswith(("discovery.", "report.")), name),
)


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
    double = rj.Network(lambda h, x: jnp.tanh(2 * h + x), rj.cells.Units(), jnp.zeros(1))
    alone = rj.Subject("mine", double, rj.Trials(xs[:, :, :1], None, trials.epochs))
    latch = rj.planted.latch()
    built = latch.sample(key, 40)
    name, contrast = next(iter(latch.contrasts(key, built).items()))
    short = rj.discovery.DynamicsSettings(starts=16, exponents=0)
    quick = rj.contrasts.Search(bases=0, splits=0, random_sets=19)
    return {
        "rj": rj, "eqx": eqx, "jax": jax, "jnp": jnp, "np": np, "key": key, "network": network,
        "xs": xs, "x": xs[0], "ys": ys, "trials": trials,
        "contrast": rj.Contrast(xs.at[:, 12].set(0.0)),
        "metric": lambda run: rj.margin(rj.outputs(network, run), ys[0]),
        "found": rj.discover(rj.Subject("mine", network, trials), few),
        "seen": rj.discovery.portrait(alone, short),
        "answers": rj.contrasts.ask(latch.network, built, name, contrast, quick, key),
        "folder": tmp_path_factory.mktemp("examples"),
    }  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_name_is_true(name, names):
    doc = inspect.cleandoc(PUBLIC[name].__doc__)
    examples = doctest.DocTestParser().get_doctest(doc, dict(names), name, None, None)
    said = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=QUIET)
    assert runner.run(examples, out=said.append).failed == 0, "".join(said)


def test_every_public_name_has_an_example():
    assert [name for name, thing in PUBLIC.items() if not shown(thing)] == []
