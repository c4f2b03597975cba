"""The explorer in a real browser: what is chosen in one view is chosen in all of them."""

import pytest
from page import HOSTILE, chosen, click, find, needed, picture
from report_data import results

from rnn_jax.report import write_explorer

pytestmark = needed


@pytest.fixture(scope="module")
def dataset():
    return results(units=128, windows=24, trials=16, steps=100, subject=HOSTILE)


@pytest.fixture(scope="module")
def address(dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_explorer(dataset, path)
    return path.as_uri()


@pytest.fixture
def page(browser, address):
    """The page, fresh; a test that leaves an error in its console fails."""
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def shows(page, dataset, window, unit):
    """Every view speaks of this window and this unit."""
    assert chosen(page) == (window, unit)
    start, stop = int(dataset["window_start"][window]), int(dataset["window_stop"][window])
    assert int(find(page, "slider").get_attribute("value")) == window
    assert f"steps {start} to {stop - 1}" in find(page, "where").text
    assert int(find(page, "unit").get_attribute("value")) == unit
    name = str(dataset["unit"].values[unit])
    assert find(page, "unitname").text.startswith(f"Unit {name}:")
    member = dataset["member"].values[:, unit]
    epochs = ", ".join(dataset["epoch"].values[member]) or "no epoch"
    assert find(page, "memberships").text == f"Member in: {epochs}"


def test_starts_where_the_effect_is_largest(page, dataset):
    per_step = dataset["effect"] / dataset["remaining"]
    size = abs(per_step.transpose("window", "unit").values)
    window, unit = divmod(int(size.argmax()), size.shape[1])
    shows(page, dataset, window, unit)


def test_slider_moves_the_window(page, dataset):
    unit = chosen(page)[1]
    views = ("graph", "heat", "paths", "course")
    before = {name: picture(page, name) for name in views}
    page.execute_script(
        "const s = document.getElementById('slider'); s.value = 20;"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    shows(page, dataset, 20, unit)
    assert all(picture(page, name) != before[name] for name in views)


def test_keys_move_window_and_unit(page, dataset):
    from selenium.webdriver import ActionChains, Keys

    window, unit = chosen(page)
    find(page, "slider").send_keys(Keys.ARROW_RIGHT)
    shows(page, dataset, window + 1, unit)
    page.execute_script("document.activeElement.blur()")
    ActionChains(page).send_keys(Keys.ARROW_LEFT, Keys.ARROW_LEFT, Keys.ARROW_DOWN).perform()
    shows(page, dataset, window - 1, unit + 1)


@pytest.mark.parametrize("unit", [3, 70, 127])
def test_a_click_in_the_graph_chooses_the_unit(page, dataset, unit):
    window = chosen(page)[0]
    before = picture(page, "heat")
    x, y = page.execute_script(
        "const c = document.getElementById('graph');"
        "return graphAt(arguments[0], c.clientWidth, c.clientHeight)",
        unit,
    )
    click(page, "graph", x, y)
    shows(page, dataset, window, unit)
    assert picture(page, "heat") != before


@pytest.mark.parametrize(("window", "unit"), [(0, 0), (9, 60), (23, 127)])
def test_a_click_in_the_heat_map_chooses_both(page, dataset, window, unit):
    before = picture(page, "graph")
    x, y = page.execute_script(
        "const c = document.getElementById('heat'), b = heatBox(c.clientWidth, c.clientHeight);"
        "return [b.x + (arguments[0] + 0.5) * b.w / W,"
        "        b.y + (rowOf[arguments[1]] + 0.5) * b.h / N]",
        window,
        unit,
    )
    # Rows are a few pixels high: the row that the pixel clicked lies in is the one expected.
    click(page, "heat", x, y)
    got = chosen(page)
    assert got[0] == window
    assert abs(got[1] - unit) <= 1
    shows(page, dataset, *got)
    assert picture(page, "graph") != before


def test_the_menu_of_units_chooses(page, dataset):
    from selenium.webdriver.support.ui import Select

    window = chosen(page)[0]
    Select(find(page, "unit")).select_by_index(50)
    shows(page, dataset, window, 50)


def test_edges_listed_are_the_strongest(page, dataset):
    window = chosen(page)[0]
    carried, names = abs(dataset["connectivity"].values[window]), dataset["unit"].values
    for unit in (0, 50, 100):
        page.execute_script("choose(state.w, arguments[0])", unit)
        for side, row in (("into", carried[unit]), ("outof", carried[:, unit])):
            items = find(page, side).find_elements("tag name", "li")
            best = [names[i] for i in (-row).argsort(kind="stable")[:5] if row[i] > 0]
            assert [item.text.split()[0] for item in items] == (best or ["none"])


def test_play_runs_and_stops(page):
    from selenium.webdriver.support.ui import WebDriverWait

    start = chosen(page)[0]
    find(page, "play").click()
    WebDriverWait(page, 20).until(lambda page: chosen(page)[0] != start)
    find(page, "play").click()
    assert page.execute_script("return state.timer") == 0
    assert find(page, "play").get_attribute("aria-pressed") == "false"


def test_a_subject_is_text_and_never_markup(page):
    assert find(page, "title").text == HOSTILE
    assert page.find_elements("id", "harm") == []


def test_the_table_has_a_row_per_epoch(page, dataset):
    rows = find(page, "table").find_elements("css selector", "tbody tr")
    assert [row.text.split()[0] for row in rows] == list(dataset["epoch"].values)


def test_dark_colours_change_the_page(page):
    from selenium.webdriver.support.ui import WebDriverWait

    light = picture(page, "heat")
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    try:
        # The page hears of the change with its next frame, not at once.
        WebDriverWait(page, 20).until(lambda page: picture(page, "heat") != light)
        background = "return getComputedStyle(document.body).backgroundColor"
        assert page.execute_script(background) == "rgb(21, 24, 28)"
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_a_redraw_is_quick(page):
    """Median of 24 redraws. The bound is loose: the machine may be busy, the claim is 16 ms."""
    times = page.execute_script(
        "const times = []; for (let k = 0; k < W; k++) { const t = performance.now();"
        "choose(k, state.u); times.push(performance.now() - t); }"
        "return times.sort((a, b) => a - b)"
    )
    assert times[12] < 100


def test_nothing_is_asked_of_the_network(page):
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_small_networks_without_truth_or_groups(browser, tmp_path):
    dataset = results(truth=False).drop_vars("group")
    write_explorer(dataset, tmp_path / "report.html")
    browser.get((tmp_path / "report.html").as_uri())
    shows(browser, dataset, *chosen(browser))
    assert "recall" not in find(browser, "table").text
    assert browser.get_log("browser") == []
