"""The report of one dataset: figures, table, the page's data, and what they refuse."""

import base64
import json
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from report_data import EPOCHS, results, with_contrasts

from rnn_jax.report import epoch_table, save_figures, write_explorer
from rnn_jax.report.circuit_drawing import LINES
from rnn_jax.report.packing import halves, unpacked
from rnn_jax.report.run_folder import FIGURES
from rnn_jax.report.style import centred
from rnn_jax.report.view import (
    array,
    by_group,
    circle,
    epoch_of,
    epoch_share,
    group_spans,
    stretches,
    top_units,
    unit_groups,
    window_edges,
    window_share,
)

HOSTILE = "</script><b>$x_{</b><!--<script>"


@pytest.fixture(scope="module")
def small():
    return results()


@pytest.fixture(scope="module")
def large():
    return results(units=128, windows=24, trials=16, steps=100)


def shuffled(dataset, seed=0):
    order = np.random.default_rng(seed).permutation(dataset.sizes["unit"])
    return dataset.isel({dim: order for dim in ("unit", "to", "from")})


def page_data(dataset, path):
    write_explorer(dataset, path)
    html = path.read_text("utf-8")
    blocks = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.S)
    assert len(blocks) == 1
    return html, json.loads(blocks[0])


def unpack(text, dtype):
    return np.frombuffer(base64.b64decode(text), dtype)


def test_array_is_in_the_order_asked(small):
    turned = small.transpose(*reversed(list(small.sizes)))
    for dims in [("window", "to", "from"), ("from", "to", "window")]:
        expected = small["connectivity"].transpose(*dims).values
        np.testing.assert_array_equal(array(turned, "connectivity", *dims), expected)
    assert array(small, "member", "epoch", "unit").dtype == bool


def test_array_names_what_is_wrong(small):
    with pytest.raises(ValueError, match=r"lacks.*effect"):
        array(small.drop_vars("effect"), "effect", "window", "unit")
    with pytest.raises(ValueError, match="dimensions"):
        array(small, "effect", "epoch", "unit")


def test_groups_lie_side_by_side(small):
    mixed = shuffled(small)
    names = np.asarray(unit_groups(mixed))[by_group(mixed)]
    spans = group_spans(mixed)
    assert [b for _, _, b in spans[:-1]] == [a for _, a, _ in spans[1:]]
    assert len(spans) == len(set(names)) == 3
    for name, start, stop in spans:
        assert set(names[start:stop]) == {name}
    assert group_spans(small.drop_vars("group")) == [("units", 0, 8)]


def test_circle_follows_names_not_positions(small):
    mixed = small.isel(unit=[1, 0, *range(2, 8)])
    places = circle(mixed)
    np.testing.assert_allclose(np.hypot(*places.T), 1)
    near = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(8)
    assert near.min() > 0.3
    np.testing.assert_allclose(places, circle(small), atol=1e-12)


def test_shares_count_trials(small):
    mask = small["epoch_mask"].values
    np.testing.assert_allclose(epoch_share(small), mask.mean(1))
    share = window_share(small)
    start, stop = int(small["window_start"][2]), int(small["window_stop"][2])
    np.testing.assert_allclose(share[2], mask[:, :, start:stop].mean((1, 2)), rtol=1e-6)
    edges = window_edges(small)
    assert edges[0] == 0
    assert edges[-1] == 24
    assert np.all(np.diff(edges) > 0)


def test_epochs_of_steps(small):
    epoch = epoch_of(small)
    mask = small["epoch_mask"].values
    inside = mask.max(0) > 0
    assert 0 < inside.sum() < inside.size
    assert np.all(epoch[~inside] == -1)
    np.testing.assert_array_equal(epoch[inside], mask.argmax(0)[inside])


def test_stretches_of_flags():
    assert stretches(np.array([0, 1, 1, 0, 1], bool)) == [(1, 3), (4, 5)]
    assert stretches(np.zeros(3, bool)) == []


def test_truth_is_outlined(small):
    def outlines(dataset):
        return len(FIGURES["effects"](dataset).axes[1].patches)

    assert outlines(small) >= 4
    assert outlines(small.drop_vars("truth")) == 0


def test_top_units_by_size_without_nan(small):
    effect = small["epoch_effect"].copy()
    effect[0] = [0.1, -0.9, np.nan, 0.3, 0, 0, 0, 0.2]
    changed = small.assign(epoch_effect=effect)
    assert list(top_units(changed, 0, 3)) == [1, 3, 7]
    assert len(top_units(changed, 0, 99)) == 7


def test_scale_is_centred_and_never_empty():
    for values in ([-3.0, 1.0], [0.0, 0.0], [np.nan, np.nan], []):
        norm = centred(np.array(values))
        assert norm(0.0) == pytest.approx(0.5)
        assert norm.vmax > 0
        assert norm.vmin == -norm.vmax


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("truth", [True, False])
def test_each_figure_draws(name, truth):
    dataset = shuffled(results(truth=truth, subject=HOSTILE))
    dataset = dataset.assign_coords(unit=[f"$u_{{{i}" for i in range(8)])
    if (figure := FIGURES[name](dataset)) is None:
        assert name == "unrolled"  # a run without circuits
        return
    figure.canvas.draw()
    assert all(np.prod(axes.get_position().size) > 0 for axes in figure.axes)


@pytest.mark.parametrize("missing", ["faithfulness", "necessity"])
def test_refused_sets_still_draw(small, missing):
    refused = small.copy(deep=True)
    for end in ("", "_low", "_high"):
        refused[missing + end][1] = np.nan
    FIGURES["sets"](refused).canvas.draw()


def test_save_figures_writes_pictures(large, tmp_path):
    folder = tmp_path / "figures"
    save_figures(large, folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    # without a circuit unrolled there is no picture of one
    assert set(files) == {f"{name}.png" for name in FIGURES if name != "unrolled"}
    for name, content in files.items():
        assert content.startswith(b"\x89PNG"), name
        width, height = (int.from_bytes(content[i : i + 4], "big") for i in (16, 20))
        assert 600 <= width <= 3000
        assert 300 <= height <= 3000


def test_the_figures_settings_stay_inside(small):
    import matplotlib

    before = dict(matplotlib.rcParams)
    FIGURES["effects"](small)
    assert dict(matplotlib.rcParams) == before


def test_table_says_who_and_how_well(small):
    text = epoch_table(small)
    lines = text.splitlines()
    for e, name in enumerate(EPOCHS):
        row = next(i for i, line in enumerate(lines) if line.startswith(f"{name} "))
        assert f"{float(small['faithfulness'][e]):.2f} [" in lines[row]
        assert f"{float(small['necessity'][e]):.2f} [" in lines[row]
        assert f"{float(small['recall'][e]):.2f}" in lines[row]
        best = str(small["unit"].values[top_units(small, e, 1)[0]])
        assert best in lines[row + 1].split()
    assert "F(intervened) - F(clean)" in text
    assert "margin" in text
    assert "recall" not in epoch_table(results(truth=False))


def test_table_fits_and_lines_up():
    dataset = results()
    dataset = dataset.assign_coords(
        unit=[f"a unit of a long name {i}" for i in range(8)],
        epoch=[f"an epoch of a long name {i}" for i in range(4)],
    )
    dataset.attrs["metric"] = "margin"
    lines = epoch_table(dataset).splitlines()
    assert max(map(len, lines)) <= 100
    rows = [line for line in lines if line.startswith("an epoch")]
    assert len(rows) == 4
    assert len({line.index("[") for line in rows}) == 1
    assert len({len(line) for line in rows}) == 1


def test_table_says_refused(small):
    refused = small.copy(deep=True)
    refused["faithfulness"][2] = np.nan
    rows = epoch_table(refused).splitlines()
    assert ["refused" in line for line in rows if line.startswith(EPOCHS)] == [
        False, False, True, False,
    ]  # fmt: skip


def test_page_is_one_small_file_without_network(large, tmp_path):
    html, _ = page_data(large, tmp_path / "report.html")
    assert len(html.encode()) < 1_000_000
    html = html.replace('xmlns="http://www.w3.org/2000/svg"', "")  # a name, which nobody fetches
    assert not re.search(r"https?:|<link[^>]+href=\"(?!data:)|\bsrc=|@import|fetch\(", html)


def test_a_sign_that_differs_between_trials_is_none(small):
    drawn = lambda dataset: {
        tuple(ink[:3])
        for axes in FIGURES["circuit"](dataset).axes
        for ink in axes.collections[0].get_edgecolors()
    }
    both, either = (tuple(to_rgb(LINES[s][0]) for s in signs) for signs in ((1, -1), (0,)))
    assert drawn(small) == set(both)
    assert drawn(small.assign(epoch_connectivity=0.4 * small["epoch_connectivity"])) == set(either)


def test_page_carries_the_numbers(large, tmp_path):
    _, data = page_data(large, tmp_path / "report.html")
    effect = unpacked(data["effects"]["mean"]).reshape(24, 128)
    per_step = (large["effect"] / large["remaining"]).transpose("window", "unit")
    np.testing.assert_allclose(effect, per_step.values, rtol=1e-3)
    edges, carried = data["edges"], large["connectivity"].values
    to, source = (unpack(edges[k], "<u2").reshape(24, -1) for k in ("to", "from"))
    weight = unpacked(edges["weight"]).reshape(24, -1)
    for w in (0, 11, 23):
        real = weight[w] != 0
        np.testing.assert_allclose(weight[w], carried[w, to[w], source[w]] * real, rtol=1e-3)
        left = np.abs(carried[w]).copy()
        left[to[w, : edges["drawn"]], source[w, : edges["drawn"]]] = 0
        assert np.abs(weight[w, : edges["drawn"]]).min() >= left.max() * (1 - 1e-3)
        for unit in (0, 50, 127):
            assert np.abs(carried[w, unit]).argmax() in source[w][to[w] == unit]
            assert np.abs(carried[w, :, unit]).argmax() in to[w][source[w] == unit]
        assert np.all(np.diff(np.abs(weight[w])) <= 0)
    member = unpack(data["epochs"]["member"], "u1").reshape(4, 128)
    np.testing.assert_array_equal(member, large["member"].values)
    assert data["about"]["convention"] == "effect = F(intervened) - F(clean)"


def test_page_keeps_paths_to_a_thousandth(small, tmp_path):
    _, data = page_data(small, tmp_path / "report.html")
    points = unpack(data["paths"]["points"], "<i2").reshape(4, 24, 2).astype(float)
    truth = small["pca"].values[..., :2]
    scale = np.abs(truth).max() / np.abs(points).max()
    np.testing.assert_allclose(points * scale, truth, atol=1e-3 * np.abs(truth).max())


def test_users_strings_stay_strings(tmp_path):
    dataset = results(subject=HOSTILE)
    dataset = dataset.assign_coords(unit=[f"{HOSTILE}{i}" for i in range(8)])
    html, data = page_data(dataset, tmp_path / "report.html")
    assert HOSTILE not in html
    assert data["about"]["subject"] == HOSTILE
    assert data["units"][3] == f"{HOSTILE}3"


def test_page_takes_missing_numbers(tmp_path):
    dataset = results(truth=False)
    dataset["faithfulness"][0] = np.nan
    dataset["effect"][0, 0] = np.nan
    _, data = page_data(dataset, tmp_path / "report.html")
    assert data["epochs"]["rows"][0]["faithfulness"] is None
    assert data["epochs"]["rows"][0]["recall"] is None


def test_table_and_page_agree_on_a_circuit_without_a_p_value(tmp_path):
    dataset = results()
    dataset["circuit_p"][1] = np.nan
    rows = [line for line in epoch_table(dataset).splitlines() if line.startswith(EPOCHS)]
    _, data = page_data(dataset, tmp_path / "report.html")
    said = [row["circuit_p"] for row in data["epochs"]["rows"]]
    assert [p is None for p in said] == [False, True, False, False]
    assert [" - " in f"{row} " for row in rows] == [p is None for p in said]


def test_half_precision_keeps_three_digits():
    values = np.array([[1.0, -1e-3, 3.3e-7], [0.0, np.nan, 2.5e4]])
    np.testing.assert_allclose(unpacked(halves(values)), values.ravel(), rtol=1e-3, atol=2.5e-3)
    small = np.array([4e-9, -1.234e-12])
    np.testing.assert_allclose(unpacked(halves(small)), small, rtol=1e-3)
    assert np.all(unpacked(halves(np.zeros(3))) == 0)


@pytest.mark.slow
def test_page_of_a_thousand_units_and_ten_questions_is_small(tmp_path):
    dataset = results(units=1024, windows=24, trials=16, steps=100)
    dataset = with_contrasts(dataset, [f"bit {k}" for k in range(5)], size=40)
    html, data = page_data(dataset, tmp_path / "report.html")
    assert len(data["asked"]["questions"]) == 10
    assert len(html.encode()) < 1_000_000


def test_connections_of_members_are_kept_per_receiver(large, tmp_path):
    """Into each member the three strongest from other members, and its own, however weak."""
    dataset = with_contrasts(large)
    carried = dataset["connectivity"].values.copy()
    carried[:, :6] *= 1e-4  # weaker than all others: one cut for all would lose them
    dataset["connectivity"][:] = carried
    dataset["connectivity_size"][:] = np.abs(carried)
    _, data = page_data(dataset, tmp_path / "report.html")
    edges = data["edges"]
    to, source = (unpack(edges[k], "<u2").reshape(24, -1) for k in ("to", "from"))
    members = np.arange(6)
    for w in (0, 23):
        kept = {pair for pair in zip(to[w].tolist(), source[w].tolist(), strict=True)}
        for i in members:
            inside = np.abs(carried[w, i, :6])
            others = [j for j in np.argsort(-inside, kind="stable") if j != i][:3]
            assert {(int(i), int(j)) for j in (*others, i)} <= kept


@pytest.mark.parametrize("part", ["examples", "unrolled"])
def test_older_results_still_make_a_page(small, tmp_path, part):
    dataset = with_contrasts(small, size=4, **{part: False})
    _, data = page_data(dataset, tmp_path / "report.html")
    assert data["asked"]["examples"] == [None, None] or part == "unrolled"
    assert data["asked"]["questions"][0]["unrolled"] is None or part == "examples"


def test_results_without_an_answer_make_a_page(small, tmp_path):
    for said in ({}, {"circuits": "[]", "undecided": "{}"}, {"circuits": ""}):
        _, data = page_data(small.assign_attrs(said), tmp_path / "report.html")
        assert data["asked"]["questions"] == []
