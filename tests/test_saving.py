"""What the report's pages save: pictures are what is seen, and tables hold the numbers."""

import base64
import csv
import io
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from page import HOSTILE, needed
from PIL import Image
from portrait_data import drawn as portrayed
from report_data import results, with_contrasts

from rnn_jax.report import write_explorer, write_portrait_page

pytestmark = needed
OF_QUESTIONS = ("circuit", "groups", "read", "example", "lanes", "when", "matrix")
OF_WINDOWS = ("graph", "heat", "paths", "course")
OF_PORTRAIT = ("plane", "near", "spectrum")
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def asked():
    dataset = results(units=24, windows=12, trials=16, steps=48, subject=HOSTILE)
    return with_contrasts(dataset, ("bit 0", HOSTILE))


@pytest.fixture(scope="module")
def portrait():
    return portrayed().dataset


@pytest.fixture(scope="module")
def addresses(asked, portrait, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    write_explorer(asked, folder / "report.html")
    write_portrait_page(portrait, folder / "portrait.html")
    return {name: (folder / f"{name}.html").as_uri() for name in ("report", "portrait")}


@pytest.fixture
def page(browser, addresses):
    """A function that opens a page; a test that leaves an error in its console fails."""

    def opened(name="report", tab=0):
        browser.get("about:blank")
        browser.get(addresses[name])
        if name == "report":
            browser.execute_script("rnn.openTab(arguments[0])", tab)
        return browser

    yield opened
    assert browser.get_log("browser") == []


def rows(page, name):
    """The table of a drawing, as dictionaries."""
    text = page.execute_script("return rnn.csv(arguments[0])", name)
    return list(csv.DictReader(io.StringIO(text, newline="")))


BOTH = """
const [id, done] = arguments;
const canvas = document.getElementById(id);
const sheets = [0, 1].map(() => document.createElement("canvas"));
sheets.forEach(one => [one.width, one.height] = [canvas.clientWidth, canvas.clientHeight]);
const [seen, saved] = sheets.map(one => one.getContext("2d"));
seen.fillStyle = css("--page");
seen.fillRect(0, 0, canvas.clientWidth, canvas.clientHeight);
seen.drawImage(canvas, 0, 0);
const image = new Image();
image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(rnn.pictureOf(id).text);
image.decode().then(() => {
  saved.drawImage(image, -10, -32);
  done(sheets.map(one => one.toDataURL().split(",")[1]));
});
"""


def seen_and_saved(browser, view):
    """Both pictures at a quarter of their size: a letter half a pixel lower is the same."""
    pictures = []
    for text in browser.execute_async_script(BOTH, view):
        whole = Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB")
        pictures.append(np.asarray(whole.reduce(4), int))
    return pictures


@pytest.mark.parametrize(
    ("kind", "tab", "views"),
    [("report", 0, OF_QUESTIONS), ("report", -1, OF_WINDOWS), ("portrait", 0, OF_PORTRAIT)],
)
def test_a_saved_picture_is_what_is_seen(page, kind, tab, views):
    browser = page(kind, tab)
    for view in views:
        seen, saved = seen_and_saved(browser, view)
        ink = np.abs(seen - np.median(seen, (0, 1))).sum()
        assert ink > 0
        assert np.abs(seen - saved).sum() < 0.2 * ink, view


@pytest.mark.parametrize("view", OF_QUESTIONS)
def test_a_saved_picture_is_sound_xml_with_its_title_and_legend(page, view):
    browser = page()
    text = browser.execute_script("return rnn.pictureOf(arguments[0]).text", view)
    assert "var(" not in text
    words = [node.text for node in ET.fromstring(text).iter(f"{SVG}text")]
    assert words[0].startswith("</script>")
    assert '"-' not in "".join(re.findall(r'(?:width|height)="-?', text))
    if view in ("matrix", "read"):
        assert "rotate(-90)" in text
    legend = browser.find_elements("css selector", f"#{view}legend span")
    assert {entry.text for entry in legend} <= set(words)
    assert browser.find_element("id", view).get_attribute("width") != "0"


def test_tables_hold_what_was_found(page, asked):
    browser = page(tab=-1)
    found = rows(browser, "heat")
    per_step = (asked["effect"] / asked["remaining"]).transpose("window", "unit")
    assert len(found) == per_step.size
    for row in found[::37]:
        here = per_step.sel(unit=row["unit"]).values[
            asked["window_start"] == int(row["first_step"])
        ]
        np.testing.assert_allclose(
            float(row["effect_over_share_left"]), here[0], rtol=2e-3, atol=1e-4
        )
    edges = rows(browser, "graph")
    flows = [abs(float(row["flow"])) for row in edges]
    assert flows == sorted(flows, reverse=True)
    assert {row["to"] for row in edges} <= set(asked["unit"].values.astype(str))
    names = {row["question"] for row in rows(browser, "matrix")}
    assert any(HOSTILE in name for name in names)


def test_every_drawing_has_a_button_that_keyboards_reach(page):
    browser = page()
    for view in OF_QUESTIONS:
        parent = browser.find_element("id", view).find_element("xpath", "..")
        said = [b.text for b in parent.find_elements("css selector", ".save button")]
        assert said[:2] == ["SVG", "PNG"], view
        assert all(
            b.get_attribute("aria-label") for b in parent.find_elements("tag name", "button")
        )


def test_a_press_gives_the_file(page, tmp_path):
    browser = page(tab=-1)
    browser.execute_script(
        "window.files = []; URL.revokeObjectURL = () => {};"
        "HTMLAnchorElement.prototype.click = function () { fetch(this.href).then(r => r.blob())"
        ".then(b => files.push([this.download, b.type, b.size])); }"
    )
    section = browser.find_element("id", "heat").find_element("xpath", "..")
    for button in section.find_elements("css selector", ".save button"):
        browser.execute_script("arguments[0].click()", button)
    browser.set_script_timeout(10)
    files = browser.execute_async_script(
        "const done = arguments[0];"
        "const wait = () => files.length > 2 ? done(files) : setTimeout(wait, 50); wait()"
    )
    kinds = {name.rsplit(".")[-1]: (kind, size) for name, kind, size in files}
    assert {name: kind for name, (kind, size) in kinds.items()} == {
        "svg": "image/svg+xml", "png": "image/png", "csv": "text/csv",
    }  # fmt: skip
    assert all(size > 1000 for _, size in kinds.values())


def test_the_address_of_a_portrait_says_what_is_shown(page, addresses):
    browser = page("portrait")
    browser.execute_script("rnn.choose({t: 3, trial: 2, plane: 0})")
    address = browser.current_url
    browser.get("about:blank")
    browser.get(address)
    assert browser.execute_script("return [rnn.state.t, rnn.state.trial]") == [3, 2]
    browser.get("about:blank")
    browser.get(addresses["portrait"] + "#step=-4&trial=9999&plane=x")
    state = browser.execute_script("return [rnn.state.t, rnn.state.trial, rnn.state.plane]")
    assert state[1:] == [0, 0]
    assert state[0] > 3
