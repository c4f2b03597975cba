"""Every Python block of these pages runs: `pytest docs`, apart from `tests`, as a user's would.

A page is one program, run in a folder of its own; `docs/make_pictures.py` keeps its pictures.
"""

import os

import jax
import matplotlib
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

matplotlib.use("Agg")
# a page compiles far more than it runs
jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of the page's own, which it leaves again."""
    before = os.getcwd()
    os.chdir(tmp_path_factory.mktemp("page"))
    yield
    os.chdir(before)


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["index.md", "concepts/*.md", "how-to/*.md"],
    fixtures=["folder"],
).pytest()
