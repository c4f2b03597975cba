"""Two runs side by side: what they share, and that one report follows the other."""

import json
from itertools import combinations

import numpy as np
import pytest
from page import HOSTILE, needed
from report_data import results, with_contrasts

from rnn_jax.cli.commands import run
from rnn_jax.report import compared, write_comparison
from rnn_jax.report.compare import by_chance, name_runs


def asked(units=24, names=("bit 0", "bit 1"), subject="ring"):
    dataset = results(units=units, windows=12, trials=16, steps=48, subject=subject)
    return with_contrasts(dataset, names)


def test_a_run_shares_all_sets_with_itself():
    for question, kind, first, does, second, same, both, jaccard, *_ in compared(asked(), asked()):
        assert (first, does) == (second, same), (question, kind)
        assert (jaccard == "1.00" and both == first.split()[0]) or (both, jaccard) == ("-", "-")
        verbs = {"mediator": "undoes", "circuit": "keeps"}
        assert does.startswith(verbs[kind]) == (first != "-")


@pytest.mark.parametrize(("a", "b", "shared", "units"), [(3, 2, 1, 6), (5, 5, 5, 6), (1, 4, 0, 5)])
def test_chance_is_counted_over_all_pairs_of_sets(a, b, shared, units):
    one = set(range(a))
    counts = [len(one & set(other)) for other in combinations(range(units), b)]
    mean, p = by_chance(a, b, shared, units)
    assert mean == pytest.approx(np.mean([k / (a + b - k) for k in counts]))
    assert p == pytest.approx(np.mean([k >= shared for k in counts]))


def test_chance_is_not_told_of_whole_groups():
    grouped = asked()
    sets = json.loads(grouped.attrs["circuits"])
    for one in sets:
        one["groups"], one["undone"] = ["a"], None
    grouped = grouped.assign_attrs(circuits=json.dumps(sets))
    rows = [row for row in compared(grouped, asked()) if row[7] != "-"]
    assert rows
    assert {tuple(row[8:]) for row in rows} == {("-", "-")}
    assert all("undoes -, restores" in row[3] for row in rows if row[1] == "mediator")


@pytest.mark.parametrize("lacking", ["seed", "kind", "value", "metric"])
def test_older_runs_are_compared(lacking, tmp_path):
    older = asked()
    del older.attrs[lacking]
    write_comparison({"one": older, "two": asked()}, tmp_path / "both.html")
    assert "24 units" in (tmp_path / "both.html").read_text("utf-8")


def test_units_are_matched_by_name_and_questions_too():
    first, second = asked(), asked(names=("bit 1", "bit 2"))
    rows = compared(first, second)
    assert rows
    assert {row[0].split(":")[0] for row in rows} == {"bit 1"}
    a, b = (json.loads(each.attrs["circuits"]) for each in (first, second))
    for question, kind, *_, both, _, _, _ in rows:
        one, other = (
            {i for s in sets if (s["question"], s["kind"]) == (question, kind) for i in s["units"]}
            for sets in (a, b)
        )
        assert both == (str(len(one & other)) if one and other else "-")
    refused = first.assign_attrs(circuits="[]")
    assert [row[:3] for row in compared(refused, first)] == [
        [*row[:2], "-"] for row in compared(first, first)
    ]
    other = second.assign_coords(unit=[f"other {k}" for k in range(24)])
    assert {tuple(row[6:]) for row in compared(first, other)} == {("-",) * 4}


def test_runs_are_named_apart(tmp_path):
    names = [name_runs((tmp_path / a, tmp_path / b)) for a, b in (("a", "b"), ("a/x", "b/x"))]
    assert names == [["a", "b"], ["a/x", "b/x"]]
    assert len(set(name_runs((tmp_path / "a", tmp_path / "a")))) == 2


@pytest.fixture
def folders(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        asked(subject=name).to_netcdf(tmp_path / name / "results.nc", engine="h5netcdf")
    return tmp_path / "one", tmp_path / "two"


def test_the_command_writes_beside_the_first_run_and_replaces_only_its_own(folders):
    command = ["compare", *map(str, folders)]
    run(command)
    page = folders[0].parent / "one-and-two.html"
    assert page.stat().st_size > 50_000
    with pytest.raises(ValueError, match="--overwrite replaces it"):
        run(command)
    run([*command, "--overwrite"])
    page.write_text("a diary")
    with pytest.raises(ValueError, match="no page of two runs"):
        run([*command, "--overwrite"])
    assert page.read_text() == "a diary"


def test_what_is_no_run_is_refused(folders, tmp_path):
    with pytest.raises(ValueError, match="no run of discover"):
        run(["compare", str(folders[0]), str(tmp_path)])
    with pytest.raises(ValueError, match=r"must end in \.html"):
        run(["compare", *map(str, folders), "--out", str(tmp_path / "page")])
    with pytest.raises(ValueError, match="two runs"):
        write_comparison({"one": asked()}, tmp_path / "x.html")


def test_runs_without_a_common_question_say_so(tmp_path):
    path = tmp_path / "both.html"
    for names, apart in ((("bit 2", "bit 3"), True), (("bit 1", "bit 2"), False)):
        write_comparison({"one": asked(), "two": asked(names=names)}, path)
        assert ("no question in common" in path.read_text("utf-8")) == apart


STATE = "const s = frames[arguments[0]].contentWindow.rnn.state; return [s.tab, s.w, s.u]"
TELL = "frames[0].contentWindow.rnn.openTab(arguments[0])"
NAMES = "return frames[arguments[0]].contentWindow.rnn.data.asked.questions.map(q => q.name)"


@pytest.fixture
def both(browser, tmp_path):
    """The page of two runs, their questions, and the number of rows that its table should have."""
    one, two = asked(subject=HOSTILE), asked(names=("bit 1", "bit 2"))
    path = tmp_path / "both.html"
    write_comparison({HOSTILE: one, "two": two}, path)
    browser.get(path.as_uri())
    wait = "const done = arguments[0]; const look = () => document.body.dataset.ready"
    browser.execute_async_script(f"{wait} ? done() : setTimeout(look, 30); look()")
    first, second = (browser.execute_script(NAMES, k) for k in range(2))
    yield first, second, len(compared(one, two))
    assert not browser.find_elements("id", "harm")
    assert browser.get_log("browser") == []


@needed
def test_one_report_follows_the_other(browser, both):
    first, second, _ = both
    common = next(name for name in first if name in second)
    browser.execute_script(TELL, first.index(common))
    assert browser.execute_script(STATE, 1)[0] == second.index(common)
    browser.execute_script("frames[1].contentWindow.rnn.choose(7, 5)")
    assert browser.execute_script(STATE, 0)[:2] == [first.index(common), 7]
    browser.execute_script("document.getElementById('units').checked = true")
    browser.execute_script("frames[1].contentWindow.rnn.choose(8, 6)")
    assert browser.execute_script(STATE, 0)[1:] == [8, 6]
    browser.execute_script("document.getElementById('together').checked = false")
    browser.execute_script("frames[1].contentWindow.rnn.choose(2, 3)")
    assert browser.execute_script(STATE, 0)[1:] == [8, 6]
    browser.execute_script("document.getElementById('together').checked = true")
    browser.execute_script(TELL, next(k for k, name in enumerate(first) if name not in second))
    assert browser.execute_script(STATE, 1)[0] == second.index(common)


@needed
def test_a_row_of_the_table_opens_its_question_in_both(browser, both):
    first, second, count = both
    common = next(name for name in first if name in second)
    browser.execute_script("frames[0].contentWindow.rnn.openTab(0)")
    browser.execute_script("frames[1].contentWindow.rnn.openTab(-1)")
    row = "[...document.querySelectorAll('#table tbody tr')].find(r => r.cells[0].textContent"
    browser.execute_script(f"{row} === arguments[0]).click()", common)
    script = "return frames[0].contentWindow.ownWindow(arguments[0])"
    own = browser.execute_script(script, first.index(common))
    assert browser.execute_script(STATE, 0)[:2] == [first.index(common), own]
    assert browser.execute_script(STATE, 1)[0] == second.index(common)
    assert len(browser.find_elements("css selector", "#table tbody tr")) == count
    head = "return frames[1].contentWindow.document.getElementById('title').textContent"
    assert browser.execute_script(head) == "two: ring"
