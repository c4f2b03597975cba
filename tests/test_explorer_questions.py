"""The explorer's questions in a real browser: circuits, their views, and the address."""

import pytest
from page import HOSTILE, chosen, find, needed, picture
from report_data import results, with_contrasts

from rnn_jax.report import write_explorer

pytestmark = needed


@pytest.fixture(scope="module")
def asked():
    """Hostile names of contrasts, four questions of which the last one is refused."""
    dataset = with_contrasts(
        results(units=24, windows=12, trials=16, steps=48), ("bit 0", HOSTILE)
    )
    # what unit 1 carries has another sign on many trials
    dataset["connectivity"][{"from": 1}] *= 0.4
    return dataset


@pytest.fixture(scope="module")
def asked_address(asked, tmp_path_factory):
    path = tmp_path_factory.mktemp("asked") / "report.html"
    write_explorer(asked, path)
    return path.as_uri()


@pytest.fixture
def answers(browser, asked_address):
    """The page of questions, fresh; a test that leaves an error in its console fails."""
    browser.get("about:blank")
    browser.get(asked_address)
    yield browser
    assert browser.get_log("browser") == []


QUESTION_VIEWS = ("circuit", "example", "lanes", "when", "read", "matrix")


def tab(page, q):
    page.find_element("css selector", f"#tabs button[data-tab='{q}']").click()


def drawn(page, view, part):
    script = "return rnn.drawn[arguments[0]][arguments[1]].map(x => ({...x, tip: undefined}))"
    return page.execute_script(script, view, part)


def hover(page, view, test):
    """Put the pointer on the first mark of a view that a script's `m => ...` picks."""
    from selenium.webdriver import ActionChains

    canvas = find(page, view)
    page.execute_script("arguments[0].scrollIntoView({block: 'center'})", canvas)
    x, y = page.execute_script(
        f"const m = rnn.drawn[arguments[0]].marks.find({test});"
        "if (m.points) return m.points[6];"
        "return m.r === undefined ? [m.x + m.w / 2, m.y + m.h / 2] : [m.x, m.y]",
        view,
    )
    width, height = canvas.size["width"], canvas.size["height"]
    at = (canvas, round(x - width / 2), round(y - height / 2))
    ActionChains(page).move_to_element_with_offset(*at).perform()


def test_it_opens_at_the_first_answer(answers, asked):
    body = answers.find_element("tag name", "body")
    assert body.get_attribute("data-tab") == "bit 0: switch"
    name = asked["unit"].values[0]
    assert find(answers, "said").text.startswith(f"bit 0, switch: exchanging units {name}")
    assert chosen(answers)[1] == 0
    # window 1 holds the event of the example, at step 5
    assert chosen(answers)[0] == 1


def test_tabs_switch_every_view(answers, asked):
    before = {name: picture(answers, name) for name in QUESTION_VIEWS}
    tab(answers, 2)
    assert find(answers, "said").text.startswith(f"{HOSTILE}, switch: exchanging")
    assert answers.find_elements("id", "harm") == []
    assert all(picture(answers, name) != before[name] for name in QUESTION_VIEWS)
    assert chosen(answers)[1] == 6  # the first of its mediator
    assert find(answers, "rolename").text.startswith(f"Unit {asked['unit'].values[6]}")
    tab(answers, -1)
    assert find(answers, "heat").is_displayed()
    assert not find(answers, "circuit").is_displayed()
    assert find(answers, "matrix").is_displayed()


def test_the_circuit_is_drawn_as_it_was_found(answers, asked):
    """Needed connections where it was unrolled; else flows per receiver, with their own."""
    edges = drawn(answers, "circuit", "edges")
    kinds = [edge["kind"] for edge in edges]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "unit": 5, "self": 6, "input": 1, "output": 1,
    }  # fmt: skip
    tab(answers, 1)
    edges = drawn(answers, "circuit", "edges")
    carried = asked["connectivity"].values[chosen(answers)[0]]
    size = asked["connectivity_size"].values[chosen(answers)[0]]
    members = range(6)
    for i in members:
        others = sorted((j for j in members if j != i), key=lambda j: -size[i, j])[:3]
        got = {edge["from"] for edge in edges if edge["to"] == i}
        assert got == {*others, i}
        heads = {edge["from"]: edge["head"] for edge in edges if edge["to"] == i}
        signs = {j: "bar" if carried[i, j] < 0 else "arrow" for j in got}
        assert heads == {j: "open" if j == 1 else sign for j, sign in signs.items()}
    assert {edge["kind"] for edge in edges} == {"unit", "self"}


def test_members_and_others_answer_to_the_pointer(answers, asked):
    names = asked["unit"].values
    hover(answers, "circuit", "m => m.r && textOf(m.tip).startsWith('unit " + names[2] + " ')")
    tip = find(answers, "tip")
    assert tip.is_displayed()
    assert "bit 0: switch: circuit, carriers" in tip.text
    assert "alone undoes 0.40" in tip.text
    hover(answers, "circuit", "m => m.r && textOf(m.tip).startsWith('unit " + names[12] + " ')")
    assert "in no set" in find(answers, "tip").text


@pytest.mark.parametrize("view", ["example", "lanes", "when", "read", "matrix", "groups"])
def test_each_view_has_tooltips(answers, view):
    hover(answers, view, "(m, k, all) => k === all.length - 1")
    assert len(find(answers, "tip").text) > 5


def test_lines_answer_before_what_lies_behind_them(answers):
    hover(answers, "lanes", "m => m.points && textOf(m.tip).startsWith('input 1')")
    assert "the circuit keeps" in find(answers, "tip").text


def test_keys_walk_through_marks(answers):
    from selenium.webdriver import Keys

    canvas = find(answers, "circuit")
    answers.execute_script("arguments[0].focus()", canvas)
    canvas.send_keys(Keys.ARROW_RIGHT)
    assert " to " in find(answers, "tip").text
    answers.execute_script("arguments[0].blur()", canvas)
    assert not find(answers, "tip").is_displayed()


def test_clicks_choose_unit_window_and_question(answers, asked):
    def press(view, test):
        answers.execute_script(f"rnn.drawn[arguments[0]].marks.find({test}).act()", view)

    name = asked["unit"].values[3]
    press("lanes", f"m => m.act && textOf(m.tip).includes('unit {name} ')")
    assert chosen(answers)[1] == 3
    press("when", "m => m.act && textOf(m.tip).includes('steps 8 to')")
    assert chosen(answers)[0] == 3  # since the event at step 5: step 13
    press("matrix", "m => m.tip === 'bit 0: hold'")
    assert answers.find_element("tag name", "body").get_attribute("data-tab") == "bit 0: hold"
    find(answers, "roles").find_element("css selector", "tbody tr").click()
    assert answers.find_element("tag name", "body").get_attribute("data-tab") == "bit 0: switch"


def test_where_nothing_was_unrolled_carriers_are_shown(answers):
    assert "unrolled in time" in find(answers, "lanename").text
    tab(answers, 1)
    assert "at which step" in find(answers, "lanename").text
    assert "--unrolled" in find(answers, "lanenote").text


def test_a_refused_question_says_why(answers):
    tab(answers, 3)
    assert "refused: too few trials" in find(answers, "said").text
    assert not find(answers, "circuit").is_displayed()


def test_warnings_are_said(answers):
    assert "held-out trials do not agree" in find(answers, "said").text
    tab(answers, 1)
    assert "distributed" in find(answers, "said").text


def test_the_address_restores_the_state(answers, browser):
    tab(answers, 2)
    answers.execute_script(
        "choose(7, 8); $('measure').value = 1;$('measure').dispatchEvent(new Event('change'))"
    )
    address, before = browser.current_url, picture(answers, "circuit")
    browser.get("about:blank")
    browser.get(address)
    assert chosen(browser) == (7, 8)
    assert browser.execute_script("return [rnn.state.tab, rnn.state.d]") == [2, 1]
    assert picture(browser, "circuit") == before


@pytest.mark.parametrize("width", [1400, 800])
@pytest.mark.parametrize("question", [0, -1])
def test_nothing_runs_over_the_page(answers, width, question):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    answers.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        tab(answers, question)
        over = "return document.documentElement.scrollWidth - innerWidth"
        assert answers.execute_script(over) <= 0
        inside = (
            "return [...document.querySelectorAll('.wide')]"
            ".filter(s => s.scrollWidth > s.clientWidth).map(s => s.id)"
        )
        assert answers.execute_script(inside) == []
    finally:
        answers.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_answers_without_examples(browser, asked, tmp_path):
    older = asked.drop_vars([name for name in asked.data_vars if name.startswith("example_")])
    write_explorer(older, tmp_path / "report.html")
    browser.get((tmp_path / "report.html").as_uri())
    assert not find(browser, "example").is_displayed()
    assert find(browser, "lanes").is_displayed()
    tab(browser, 1)
    assert drawn(browser, "when", "marks")
    assert browser.get_log("browser") == []
