"""The documentation: no public name without a page, no page that the contents lack."""

import importlib
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
    page = ROOT / "docs" / "api" / f"{room}.md"
    assert f"::: rnn_jax.{room}\n" in page.read_text()
    module = importlib.import_module(f"rnn_jax.{room}")
    bare = [name for name in module.__all__ if not hasattr(module, name)]
    assert not bare


def test_the_top_page_links_every_name_to_where_it_is_told():
    links = dict(re.findall(r"\[(\w+)\]\[([\w.]+)\]", (ROOT / "docs/api/top.md").read_text()))
    assert sorted(links) == sorted(rnn_jax.__all__)
    for name, target in links.items():
        room, attribute = target.rsplit(".", 1)
        module = importlib.import_module(room)
        assert attribute == name
        assert name in module.__all__
        assert name == "save" or getattr(module, name) is getattr(rnn_jax, name)
