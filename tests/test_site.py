"""The site's search, on pages read from the disk without a network."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from page import needed

DOCS = Path(__file__).parents[1] / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two pages, built as the documentation is."""
    pytest.importorskip("material")
    place = tmp_path_factory.mktemp("site")
    pages = place / "docs"
    (pages / "deep").mkdir(parents=True)
    (pages / "index.md").write_text("# Start\n\nA ring.\n")
    (pages / "deep" / "other.md").write_text("# Other\n\nA needle in it.\n")
    shutil.copytree(DOCS / "javascripts", pages / "javascripts")
    asked = {
        "site_name": "two pages",
        "theme": {"name": "material", "font": False},
        "plugins": ["search", "offline"],
        "hooks": [str(DOCS / "search_offline.py")],
    }
    (place / "mkdocs.yml").write_text(json.dumps(asked))  # which is YAML as well
    command = [sys.executable, "-m", "mkdocs", "build", "-q", "--strict"]
    subprocess.run(command, cwd=place, check=True, env={"PATH": "", "NO_MKDOCS_2_WARNING": "1"})
    return place / "site"


def test_pages_load_nothing_from_elsewhere(site):
    for page, own in (("index.html", "javascripts/"), ("deep/other.html", "../javascripts/")):
        text = (site / page).read_text()
        assert "unpkg.com" not in text
        assert f'src="{own}worker.js"' in text


@needed
@pytest.mark.slow
def test_a_word_of_another_page_is_found(site, browser):
    browser.get((site / "index.html").as_uri())
    asked = browser.find_element("css selector", "input.md-search__input")
    browser.execute_script("arguments[0].focus()", asked)
    asked.send_keys("needle")
    for _ in range(50):
        found = browser.find_elements("css selector", ".md-search-result__link")
        if found:
            break
        time.sleep(0.2)
    assert [link.get_attribute("href").split("?")[0] for link in found[:1]] == [
        (site / "deep" / "other.html").as_uri()
    ]
