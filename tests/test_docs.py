"""The documentation: no public name without a page, no page that the contents lack."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import rnn_jax

ROOT = Path(__file__).parents[1]
CONTENTS = (ROOT / "mkdocs.yml").read_text().split("\nnav:")[1]
ROOMS = sorted(
    path.parent.name
    for path in (ROOT / "rnn_jax").glob("*/__init__.py")
    if "__all__" in path.read_text()
)


def test_every_page_is_in_the_contents_and_every_entry_is_a_page():
    listed = re.findall(r"[\w/-]+\.(?:md|ipynb)", CONTENTS)
    found = [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")]
    found += [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.ipynb")]
    assert sorted(listed) == sorted(found)


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_has_a_page_with_all_its_names(room):
    page = (ROOT / "docs" / "api" / f"{room}.md").read_text()
    module = importlib.import_module(f"rnn_jax.{room}")
    files = {file.name for file in pkgutil.iter_modules(module.__path__)}
    # a function that has the name of its file is not seen in the room, and is named by itself
    hidden = [
        f"{getattr(module, name).__module__}.{name}" for name in module.__all__ if name in files
    ]
    assert sorted(re.findall(r"::: (\S+)", page)) == sorted([f"rnn_jax.{room}", *hidden])


def test_the_top_page_links_every_name_to_where_it_is_told():
    links = dict(re.findall(r"\[(\w+)\]\[([\w.]+)\]", (ROOT / "docs/api/top.md").read_text()))
    assert sorted(links) == sorted(rnn_jax.__all__)
    for name, target in links.items():
        file, attribute = target.rsplit(".", 1)
        room = importlib.import_module(".".join(target.split(".")[:2]))
        assert attribute == name
        assert name in room.__all__
        linked = getattr(importlib.import_module(file), name)
        assert name == "save" or linked is getattr(rnn_jax, name)
