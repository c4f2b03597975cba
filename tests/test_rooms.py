"""The floors of the house: a room imports only from rooms above it, and none imports a report."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rnn_jax

FLOORS = [
    {"core"},
    {"cells", "linear"},
    {"causal"},
    {"circuits", "dynamics", "tasks"},
    {"training", "data", "contrasts"},
    {"planted"},
    {"discovery"},
    {"studies"},
    {"report"},
    {"launch"},
    {"cli"},
]
ROOT = Path(rnn_jax.__file__).parent
LIGHT = {
    "core", "cells", "linear", "causal", "circuits", "dynamics", "tasks", "contrasts", "planted"
}  # fmt: skip
ALLOWED = {"jax", "equinox", "numpy", "scipy", "jaxtyping", "diffrax", "rnn_jax"}


def floor(room):
    return next(k for k, rooms in enumerate(FLOORS) if room in rooms)


def imports(path):
    """Pairs of (rooms' name or None, top-level package) of every import in a file."""
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield None, node.module.split(".")[0]
            elif node.level == depth:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                yield from ((name.split(".")[0], "rnn_jax") for name in names)
        elif isinstance(node, ast.Import):
            yield from ((None, alias.name.split(".")[0]) for alias in node.names)


FILES = sorted(p for p in ROOT.rglob("*.py") if p.parent != ROOT or p.name == "launch.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_up(path):
    here = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for room, package in imports(path):
        if room is not None and room != here:
            assert floor(room) < floor(here), f"{here} imports {room}"
        if here in LIGHT and room is None and package not in sys.stdlib_module_names:
            assert package in ALLOWED, f"{here} imports {package}"


def test_every_public_name_has_a_docstring():
    bare = [name for name in rnn_jax.__all__ if not getattr(rnn_jax, name).__doc__]
    assert bare == []


def test_import_is_light():
    said = "print(*{m.split('.')[0] for m in sys.modules})"
    code = f"import sys, rnn_jax; {said}; rnn_jax.sweep; {said}"
    # an import that computes anything would fail: no device may be chosen before a command says so
    nowhere = os.environ | {"JAX_PLATFORMS": "nowhere"}
    line = [sys.executable, "-c", code]
    done = subprocess.run(line, capture_output=True, text=True, check=True, env=nowhere)
    bare, loaded = (set(line.split()) for line in done.stdout.splitlines())
    assert "jax" not in bare
    assert "equinox" in loaded
    assert not loaded & {"matplotlib", "xarray", "h5py", "networkx", "tqdm", "diffrax", "tyro"}
