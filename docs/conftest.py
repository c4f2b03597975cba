"""Every Python block of these pages runs: `pytest docs`, apart from `tests`, as a user's would.

A page is one program, run in a folder of its own. `PICTURES=1 pytest docs` keeps the pictures that
pages make in `docs/images`, so that what a page shows is what its code saves.
"""

import os
import shutil
from pathlib import Path

import jax
import matplotlib
import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

matplotlib.use("Agg")
RUNS_LONG = ("index.md",)
"""Pages that run for longer than they compile. Slow passes of the compiler are for them alone."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory, request):
    """A folder of the page's own, which it leaves again."""
    jax.config.update("jax_disable_most_optimizations", request.path.name not in RUNS_LONG)
    before, own = os.getcwd(), tmp_path_factory.mktemp("page")
    os.chdir(own)
    yield
    os.chdir(before)
    if "PICTURES" in os.environ:
        for picture in own.glob("*.png"):
            shutil.copy(picture, Path(__file__).parent / "images")


pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["index.md", "concepts/*.md", "how-to/*.md"],
    fixtures=["folder"],
).pytest()
