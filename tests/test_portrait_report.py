"""The report of a portrait: its figures, its table, and the page in a real browser."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from page import HOSTILE, find, needed, picture
from portrait_data import SETS, SETTINGS, drawn, line
from test_report_pictures import ill

from rnn_jax.discovery.portrait.schema import NAMES
from rnn_jax.discovery.schema import as_markdown
from rnn_jax.report import PORTRAIT_FIGURES, dynamics_table, write_portrait_page
from rnn_jax.report.dynamics_table import (
    POINTS,
    kind_of,
    kinds,
    leading,
    removal_sentence,
    tally,
)
from rnn_jax.report.explorer import page as explorer_page
from rnn_jax.report.packing import unpacked
from rnn_jax.report.portrait_explorer import TRIALS, portrait_data, portrait_page
from rnn_jax.report.portrait_times import residence_figure
from rnn_jax.report.style import EPOCHS, epoch_colour


@pytest.fixture(scope="module")
def dataset():
    return drawn().dataset


@pytest.fixture(scope="module")
def on_line():
    return line().dataset


def hostile(dataset):
    """The dataset with long names full of signs that mean something elsewhere."""
    named = lambda dim: [f"{HOSTILE} $x_$ {'W' * 30} {k}" for k in range(dataset.sizes[dim])]
    names = {dim: named(dim) for dim in ("epoch", "removal", "landscape", "unit")}
    return dataset.assign_coords(names).assign_attrs(subject=HOSTILE)


def alone(dataset):
    """The intact network alone, without exponents, and with no point but one."""
    less = dataset.drop_dims(["removal", "exponent_number"]).isel(landscape=[0], point=[0])
    near = less["nearest"] * 0
    return less.assign(nearest=near).isel(visit=[])


@pytest.mark.parametrize("name", PORTRAIT_FIGURES)
@pytest.mark.parametrize("change", [lambda data: data, hostile, alone])
def test_no_text_is_cut_off_or_overlaps(name, change, dataset):
    figure = PORTRAIT_FIGURES[name](change(dataset))
    missing = change is alone and name in ("exponents", "residence", "removals")
    assert (figure is None) == missing
    if figure is not None:
        assert ill(figure) == []


def test_stable_points_are_filled_and_unstable_ones_open(dataset):
    figure = PORTRAIT_FIGURES["landscape"](dataset)
    at, kind = dataset["point_pca"].values[:27], kinds(dataset)[:27]
    shown = {
        tuple(np.round(collection.get_facecolor()[0, :3], 2)): collection.get_offsets()
        for collection in figure.axes[0].collections
        if len(collection.get_offsets()) in (8, 19) and len(collection.get_facecolor())
    }
    filled = next(points for colour, points in shown.items() if sum(colour) < 1)
    opened = next(points for colour, points in shown.items() if sum(colour) == 3)
    np.testing.assert_allclose(filled, at[kind == "stable", :2])
    np.testing.assert_allclose(opened, at[kind == "unstable", :2])


def test_the_table_says_how_many_and_of_what_kind(dataset):
    said = dynamics_table(dataset)
    assert "at zero input: 27 fixed points, 8 stable, 19 unstable" in said
    assert "512 starts: 512 converged (float64)" in said
    assert f"and {27 - POINTS} more" in said
    assert "Lyapunov exponents per step" in said
    rows = [line.split() for line in said.splitlines() if line.startswith("the first")]
    rows = np.array([[int(x) for x in row[-8:]] for row in rows])
    assert rows[:, :6].tolist() == [[1, 9, 9, 0, 18, 0], [2, 3, 3, 0, 24, 0]]
    # which of three points that become one is kept is rounding; none is less stable than before
    assert rows[:, 6].tolist() == [tally(dataset, r).became_stable for r in range(2)]
    assert (rows[:, 7] == 0).all()
    assert "became stable  lost stability" in said
    rising = dataset.assign(coverage=dataset["coverage"] * 0 + np.arange(1, 513))
    assert "half of the starts find 256.0 of 512 points" in dynamics_table(rising)
    assert kind_of(dataset, 0) == "stable"
    assert kind_of(dataset, 26) == "unstable, 3 modes"


@pytest.mark.parametrize("r", range(len(SETS)))
def test_a_tally_adds_up(r, dataset):
    found = tally(dataset, r)
    assert found.units == r + 1
    assert found.before == found.kept + found.moved + found.vanished == 27
    assert found.after == found.kept + found.moved + found.new == 3 ** (2 - r)
    assert found.lost_stability == 0


def test_one_is_one_point_and_not_one_points(dataset, on_line):
    assert "at zero input: 1 fixed point, 1 stable, 0 unstable" in dynamics_table(alone(dataset))
    before = int((on_line["point_landscape"] == 0).sum())
    assert removal_sentence(on_line, 0) == (
        f"Without the first (1 unit held at zero) there is 1 fixed point instead of {before}: "
        f"1 kept, 0 moved, {before - 1} vanished, 0 new; 1 became stable."
    )


def unknown(dataset):
    """The dataset with two points whose Jacobians are not finite: one stable, one not."""
    less = dataset.copy(deep=True)
    for name in ("point_unstable", "point_neutral"):
        less[name][[0, 26]] = -1
    for name in ("eigenvalue_real", "eigenvalue_imag", "time_constant"):
        less[name][[0, 26]] = np.nan
    return less


def test_a_point_whose_jacobian_is_not_finite_is_not_stable(dataset):
    less = unknown(dataset)
    assert kind_of(less, 0) == kind_of(less, 26) == "unknown"
    said = dynamics_table(less)
    assert "27 fixed points, 7 stable, 18 unstable, 2 of unknown stability" in said
    titles = [axes.get_title("left") for axes in PORTRAIT_FIGURES["spectra"](less).axes]
    assert titles[0].startswith("7 points,")
    assert sum(int(title.split()[0]) for title in titles) == 25
    # what it became is not known to have lost its stability, nor to have become stable
    partner = less["partner"].values[0]
    p = int(np.flatnonzero((partner >= 0) & (kinds(less)[:27] == "stable"))[0])
    less["point_unstable"][int(partner[p])] = -1
    assert tally(less, 0).lost_stability == 0
    assert portrait_data(less)["points"]["kind"][0] == "unknown"


def test_the_slowest_mode_of_a_neutral_point_is_neutral(on_line):
    """Eigenvalues 1, 0.5, 0.5: the time constant is no 1.4 steps, those of the second mode."""
    points = [text for text in dynamics_table(on_line).splitlines() if "neutral, 1" in text]
    assert points
    for text in points:
        assert text.split()[5] == "neutral"
        assert "decays" not in text
    assert set(portrait_data(on_line)["points"]["leading"][:-1]) == {"neutral"}
    # without the first unit: 0, 0.5, 0.5
    np.testing.assert_allclose(leading(on_line)[-1], 1 / np.log(2))


def test_the_leading_mode_is_the_fastest_growing_one(on_line):
    """Of constants 11 (decays), -10 and -4 (grow) it is the last: not the longest of all."""
    constants = on_line["time_constant"].copy()
    constants[:, :3] = [11.0, -10.0, -4.0]
    grows = on_line.assign(
        time_constant=constants, point_neutral=xr.zeros_like(on_line["point_neutral"])
    )
    np.testing.assert_array_equal(leading(grows), -4.0)
    # a mode that neither grows nor decays beside one that grows
    constants[:, :3] = [-4.0, 1e15, 3.0]
    both = grows.assign(
        time_constant=constants,
        point_neutral=xr.ones_like(on_line["point_neutral"]),
        point_unstable=xr.ones_like(on_line["point_unstable"]),
    )
    np.testing.assert_array_equal(leading(both), -4.0)
    assert np.isnan(leading(grows.isel(mode=slice(0)))).all()
    constants[:, :3] = [11.0, 2.0, 0.0]
    np.testing.assert_array_equal(leading(grows.assign(time_constant=constants)), 11.0)


def test_a_neutral_mode_does_not_grow_by_rounding(on_line):
    """An eigenvalue of size 1 that turns has -1 / log(1 + 1e-16)."""
    constants = on_line["time_constant"].copy()
    constants[:, 0] = -1.5e15
    turned = on_line.assign(time_constant=constants)
    assert "grows" not in dynamics_table(turned)
    assert np.isposinf(leading(turned)[0])


def test_a_neutral_point_is_not_stable(on_line):
    """Without the first unit one point is left, and its neutral mode is gone."""
    neutral = int((kinds(on_line) == "neutral").sum())
    assert f"{neutral} fixed points, 0 stable, 0 unstable, {neutral} neutral" in dynamics_table(
        on_line
    )
    found = tally(on_line, 0)
    assert (found.before, found.after, found.kept) == (neutral, 1, 1)
    assert (found.became_stable, found.lost_stability) == (1, 0)


def test_the_table_says_which_points_lie_on_a_line(dataset, on_line):
    count = int((on_line["point_landscape"] == 0).sum())
    line = f"{count} of {count} fixed points lie on 1 family: a line or ring, dimension 1"
    assert f"{line} ({count} points)" in dynamics_table(on_line).splitlines()[1]
    assert "famil" not in dynamics_table(dataset)


def test_the_table_tells_few_families_apart(dataset):
    of = np.full(dataset.sizes["point"], -1)
    of[:7] = [0, 0, 0, 1, 2, 3, 4]
    many = dataset.assign(point_family=("point", of), family_dimension=("family", [2, 1, 3, 1, 1]))
    assert dynamics_table(many).splitlines()[1] == (
        "7 of 27 fixed points lie on 5 families: a surface, dimension 2 (3 points); "
        "a line or ring, dimension 1 (1 point); a manifold, dimension 3 (1 point); 2 more"
    )


def with_visits(dataset, point, length, began, ended):
    """The dataset with these stays in the place of its own."""
    parts = {"point": point, "length": length, "began": began, "ended": ended}
    parts |= {"trial": [0] * len(point), "start": [0] * len(point)}
    rows = {f"visit_{name}": ("visit", np.asarray(part)) for name, part in parts.items()}
    return dataset.drop_dims("visit").assign(rows)


def test_a_stay_that_is_cut_off_is_at_risk_until_the_step_before(dataset):
    """One ends after 2 steps, one is cut off at 2: what follows its second step is not seen."""
    stays = with_visits(dataset, [0, 1, 0], [2, 2, 4], [True] * 3, [True, False, True])
    (curve,) = residence_figure(stays).axes[1].get_lines()
    np.testing.assert_allclose(curve.get_xydata(), [[0, 1], [2, 0.5], [4, 0]])


def test_a_panel_without_stays_says_so(dataset):
    """Stays that trials begin with have no length that is known: no curve is drawn of them."""
    figure = residence_figure(with_visits(dataset, [0, 1], [5, 3], [False] * 2, [True] * 2))
    assert [text.get_text() for text in figure.axes[1].texts] == ["no stay was seen to begin"]
    assert not figure.axes[1].get_lines()
    assert ill(figure) == []


def test_epochs_have_one_colour_in_figures_and_pages():
    for page in (portrait_page(), explorer_page()):
        assert f"const EPOCHS = {json.dumps(EPOCHS)};" in page
    assert [epoch_colour(e) for e in range(len(EPOCHS))] == list(EPOCHS)
    assert epoch_colour(len(EPOCHS)) == EPOCHS[0]


def test_a_point_that_is_never_left_is_not_one_that_was_not_seen(dataset):
    """Of a stay whose only step is the trial's last it is not known whether it would end."""
    stays = with_visits(dataset, [0, 1, 2], [5, 1, 3], [True] * 3, [False, False, True])
    said = [text.get_text() for text in residence_figure(stays).axes[0].texts]
    assert said == ["never left", "not seen"]


def test_the_page_carries_the_numbers(dataset):
    data = portrait_data(dataset)
    B, T = min(TRIALS, dataset.sizes["trial"]), dataset.sizes["time"]
    nearest = np.frombuffer(base64.b64decode(data["paths"]["nearest"]), "<i4")
    np.testing.assert_array_equal(nearest.reshape(3, B, T), dataset["nearest"].values[:, :B])
    far = unpacked(data["paths"]["distance"]).reshape(3, B, T)
    np.testing.assert_allclose(far, dataset["distance"].values[:, :B], rtol=2e-3, atol=1e-6)
    paths = unpacked(data["paths"]["points"]).reshape(3, B, T, -1)
    np.testing.assert_allclose(paths, dataset["pca"].values[:, :B], rtol=2e-3, atol=1e-3)
    starts = np.frombuffer(base64.b64decode(data["points"]["starts"]), "<i4")
    np.testing.assert_array_equal(starts, dataset["point_count"].values)
    assert [len(one["points"]) for one in data["landscapes"]] == [27, 9, 3]
    fate = np.frombuffer(base64.b64decode(data["landscapes"][1]["fates"]["fate"]), "u1")
    np.testing.assert_array_equal(fate, dataset["fate"].values[0])


def test_hostile_names_stay_data(dataset, tmp_path):
    write_portrait_page(hostile(dataset), tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text("utf-8")
    (block,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S)
    assert json.loads(block)["subject"] == HOSTILE


@pytest.fixture(scope="module")
def address(dataset, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_portrait_page(dataset.assign_attrs(subject=HOSTILE), path)
    return path.as_uri()


@pytest.fixture
def page(browser, address):
    """The page, fresh; a test that leaves an error in its console fails."""
    browser.get(address)
    yield browser
    assert browser.get_log("browser") == []


def shows(page, dataset, landscape, trial, step):
    """What is written speaks of this trial, step and network."""
    body = page.find_element("tag name", "body")
    assert [int(body.get_attribute(f"data-{n}")) for n in ("landscape", "trial", "step")] == [
        landscape, trial, step,
    ]  # fmt: skip
    here = {"landscape": landscape, "trial": trial, "time": step}
    p, far = int(dataset["nearest"][here]), float(dataset["distance"][here])
    said = find(page, "now").text
    assert said.startswith(f"Nearest: point {p} ({kind_of(dataset, p)}), ")
    assert float(re.search(r"([\d.e-]+) of the spread", said)[1]) == pytest.approx(far, rel=1e-2)
    assert find(page, "pointname").text == f"Point {p}: {kind_of(dataset, p)}"


@needed
def test_the_slider_and_the_menus_move_the_page(page, dataset):
    from selenium.webdriver.support.ui import Select

    shows(page, dataset, 0, 0, dataset.sizes["time"] - 1)
    before = picture(page, "plane"), picture(page, "near"), picture(page, "spectrum")
    page.execute_script(
        "const s = document.getElementById('slider'); s.value = 3;"
        "s.dispatchEvent(new Event('input', {bubbles: true}));"
    )
    shows(page, dataset, 0, 0, 3)
    Select(find(page, "trial")).select_by_index(5)
    shows(page, dataset, 0, 5, 3)
    Select(find(page, "landscape")).select_by_index(2)
    shows(page, dataset, 2, 5, 3)
    after = picture(page, "plane"), picture(page, "near"), picture(page, "spectrum")
    assert all(one != other for one, other in zip(before, after))
    whole = picture(page, "plane")
    Select(find(page, "planes")).select_by_index(1)
    assert picture(page, "plane") != whole


@needed
def test_a_removal_says_what_became_of_each_point(page, dataset):
    from selenium.webdriver.support.ui import Select

    rows = find(page, "tablebox").find_elements("css selector", "tbody tr")
    assert len(rows) == 27
    Select(find(page, "landscape")).select_by_index(1)
    assert "there are 9 fixed points instead of 27: 9 kept" in find(page, "said").text
    rows = find(page, "tablebox").find_elements("css selector", "tbody tr")
    said = [row.find_elements("tag name", "td")[5].get_attribute("textContent") for row in rows]
    fate = dataset["fate"].values[0]
    assert [one.split(":")[0] for one in said] == [["kept", "moved", "vanished"][k] for k in fate]
    vanished = int(np.flatnonzero(fate == 2)[0])
    page.execute_script("arguments[0].click()", rows[vanished])
    assert "It has vanished" in find(page, "pointsaid").text


@needed
def test_a_point_is_chosen_by_a_click_and_let_go_by_another(page, dataset):
    row = find(page, "tablebox").find_elements("css selector", "tbody tr")[20]
    page.execute_script("arguments[0].click()", row)
    assert find(page, "pointname").text == f"Point 20: {kind_of(dataset, 20)}"
    row = find(page, "tablebox").find_elements("css selector", "tbody tr")[20]
    page.execute_script("arguments[0].click()", row)
    shows(page, dataset, 0, 0, dataset.sizes["time"] - 1)


@needed
def test_a_subject_is_text_and_nothing_is_asked_of_the_network(page):
    assert find(page, "title").text == f"Dynamics of {HOSTILE}"
    assert page.find_elements("id", "harm") == []
    assert page.execute_script("return performance.getEntriesByType('resource').length") == 0


@needed
def test_a_page_of_one_network_without_removals(browser, dataset, tmp_path):
    write_portrait_page(alone(dataset), tmp_path / "report.html")
    browser.get((tmp_path / "report.html").as_uri())
    assert "Nearest: point 0" in find(browser, "now").text
    assert browser.get_log("browser") == []


@needed
def test_a_page_says_that_the_slowest_mode_is_neutral(browser, on_line, tmp_path):
    write_portrait_page(on_line, tmp_path / "report.html")
    browser.get((tmp_path / "report.html").as_uri())
    assert "Its leading mode is neutral." in find(browser, "pointsaid").text
    row = find(browser, "tablebox").find_element("css selector", "tbody tr")
    assert row.find_elements("tag name", "td")[3].text == "neutral"
    assert browser.get_log("browser") == []


def test_settings_are_those_that_the_report_was_made_with(dataset):
    assert dataset.attrs["kept"] == SETTINGS.kept
    assert dataset.attrs["hold"] == "zero"


def test_the_docs_have_the_table_of_names():
    page = Path(__file__).parents[1] / "docs" / "dynamics-command.md"
    assert page.read_text("utf-8").endswith(as_markdown(NAMES))
