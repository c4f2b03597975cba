"""One table of the results' names: a dataset and the docs hold what it says, and nothing else."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
from contrast_data import QUICK
from helpers import I, network
from test_studies import relay

from rnn_jax.discovery import Subject, discover
from rnn_jax.discovery.schema import NAMES
from rnn_jax.tasks import Contrast, Trials

DOCS = Path(__file__).parents[1] / "docs"


def test_every_variable_is_as_the_table_says():
    data = discover(relay(count=48), QUICK).dataset
    for name, variable in data.data_vars.items():
        assert variable.dims == tuple(NAMES[name].dims.split()), name
        assert variable.attrs["long_name"] == NAMES[name].long_name
    # what a subject of cells of ours, with contrasts of its own, has beside
    more = {"wire", "gate", "signal", "foil", "event", "read", "contrast_mask"}
    assert set(NAMES) - set(data.data_vars) == more
    xs = jax.random.normal(jax.random.key(0), (8, 6, I))
    early = jnp.ones((8, 6)).at[:, 3:].set(0)
    contrasts = {"turned": Contrast(-xs, epochs={"early": early})}
    trials = Trials(xs, None, {"early": early}, contrasts)
    data = discover(Subject("mine", network("vanilla"), trials), QUICK).dataset
    for name in more:
        assert data[name].dims == tuple(NAMES[name].dims.split()), name


def test_the_docs_have_the_table():
    spec = importlib.util.spec_from_file_location("make_tables", DOCS / "make_tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "results.md").read_text() == module.page()
