"""The static figures as pictures: nothing cut off, and what is drawn is what is said."""

import io
import json
from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from report_data import results, with_contrasts

from rnn_jax.report.run_folder import FIGURES
from rnn_jax.report.style import FOUND, MISSED, fitting, short
from rnn_jax.report.wiring import bends, heads, loops, spread, strongest_in

HOSTILE = "</script> $x_$ WWWWWWWW"


def of_epochs(dataset, count, name="epoch {}"):
    """A dataset with any number of epochs, those of the four in turn."""
    turns = np.arange(count) % dataset.sizes["epoch"]
    return dataset.isel(epoch=turns).assign_coords(epoch=[name.format(e) for e in range(count)])


def hostile(dataset):
    """The dataset with long names full of signs that mean something elsewhere."""
    named = lambda values: [f"{HOSTILE * 3} {value}" for value in values]
    return dataset.assign_coords(
        {name: named(dataset[name].values) for name in ("unit", "epoch", "question")}
        | {"group": ("unit", named(dataset["group"].values))}
    ).assign_attrs(subject=HOSTILE * 5)


def written(figure):
    """Each text that is drawn into a file, its box there, and whether it is slanted."""
    found, draw = {}, Text.draw

    def drawn(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            slanted = self.get_rotation() % 90 != 0
            found[id(self)] = self.get_text(), self.get_window_extent(renderer), slanted
        draw(self, renderer, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Text, "draw", drawn)
        figure.savefig(io.BytesIO(), dpi=150)
    return list(found.values())


def ill(figure):
    """Texts that lie in part outside of the figure, and pairs that overlap."""
    texts = written(figure)
    wide, high = 150 * figure.get_size_inches()
    inside = lambda box: box.x0 >= 0 and box.y0 >= 0 and box.x1 <= wide and box.y1 <= high
    cut = [said for said, box, _ in texts if not inside(box)]
    # a box holds room for descenders; the box of a slanted text is mostly empty
    tight = [(said, box.padded(-2)) for said, box, slanted in texts if not slanted]
    both = [(a, b) for (a, box), (b, other) in combinations(tight, 2) if box.overlaps(other)]
    return cut + both


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize(("epochs", "grouped"), [(1, False), (3, False), (8, True)])
def test_no_text_is_cut_off_or_overlaps(name, epochs, grouped):
    dataset = of_epochs(with_contrasts(results(units=24)), epochs)
    dataset = dataset if grouped else dataset.drop_vars("group")
    assert ill(FIGURES[name](dataset)) == []


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("units", [4, 60])
def test_no_text_is_cut_off_or_overlaps_whatever_its_letters(name, units):
    dataset = hostile(with_contrasts(results(units=units), size=3))
    assert ill(FIGURES[name](dataset)) == []
    assert ill(FIGURES[name](of_epochs(dataset, 1, HOSTILE * 2))) == []


def test_few_units_and_two_components_fit_too():
    small = with_contrasts(results(units=4), contrasts=("one",), size=2).isel(pc=[0, 1])
    assert [ill(draw(of_epochs(small, 1))) for draw in FIGURES.values()] == [[]] * len(FIGURES)


def test_names_are_cut_to_their_room_and_keep_their_ends():
    assert short("hidden layer 2, unit 17", 14) == "hidden la…t 17"
    assert short("unit 17", 7) == "unit 17"
    assert fitting("unit 17", 2, 8) == "unit 17"
    cut = fitting("hidden layer 2,\n unit 17", 0.8, 8)
    assert cut.startswith("hidd")
    assert cut.endswith("17")
    assert len(fitting("WWWWWWWWWWWW", 0.5, 8)) < len(fitting("iiiiiiiiiiii", 0.5, 8))
    assert fitting("W", 0.01, 8) == ""
    assert fitting("$x_$", 1, 8) == r"\$x_\$"


def test_edges_drawn_are_the_strongest_of_each_receiver():
    weight = np.random.default_rng(0).standard_normal((9, 9))
    weight[2] = 0.0
    weight[3, 3:] = 0.0
    np.fill_diagonal(weight, 99.0)
    kept = strongest_in(weight, 4)
    assert weight[0, 0] == 99.0
    assert not kept.diagonal().any()
    assert list(kept.sum(1)) == [4, 4, 0, 3, 4, 4, 4, 4, 4]
    for i in (0, 1, 5):
        others = np.delete(np.arange(9), i)
        size, chosen = np.abs(weight[i, others]), kept[i, others]
        assert size[chosen].min() > size[~chosen].max()


def test_an_edge_and_its_reverse_lie_apart_and_point_at_their_receivers():
    a, b = np.array([[0.0, 1.0]]), np.array([[0.8, 0.6]])
    there, back = bends(a, b, 0.05, 0.06)[0], bends(b, a, 0.05, 0.06)[0]
    np.testing.assert_allclose([there[0], back[0]], [a[0], b[0]])
    assert np.linalg.norm(there[-1] - b) == pytest.approx(0.05, abs=0.02)
    assert np.linalg.norm(there[10] - back[::-1][10]) > 0.05
    tip, left, right = heads(np.array([there]))[0]
    assert np.linalg.norm(tip - b) < np.linalg.norm((left + right) / 2 - b)


def test_a_loop_starts_and_ends_at_its_unit_and_lies_outside():
    place = np.array([[0.6, 0.8]])
    path = loops(place, 0.07, 0.05, 0.04)[0]
    away = np.linalg.norm(path - place, axis=1)
    np.testing.assert_allclose(away[[0, -1]], 0.05)
    assert away.max() == pytest.approx(0.14, abs=0.01)
    assert (np.linalg.norm(path, axis=1) > 1).all()


def test_heights_keep_apart_and_near():
    heights = spread(np.array([-1.2, 0.0, 0.01, 0.02, 1.0]), 0.2, 1.2)
    np.testing.assert_allclose(heights, [-1.2, -0.19, 0.01, 0.21, 1.0])
    crowded = spread(np.full(6, 1.1), 0.2, 1.2)
    np.testing.assert_allclose(crowded, [0.2, 0.4, 0.6, 0.8, 1.0, 1.2])
    assert spread(np.zeros(0), 0.2, 1.0).shape == (0,)


def few(flow, member):
    """Four units of one epoch, with the flows and members given."""
    dataset = of_epochs(results(units=4, truth=False), 1).drop_vars("group")
    flow, square = np.asarray(flow, float)[None], ("epoch", "to", "from")
    return dataset.assign(
        epoch_connectivity=(square, flow),
        epoch_connectivity_size=(square, np.abs(flow)),
        edge_member=(square, flow != 0),
        member=(("epoch", "unit"), np.array([member])),
    )


def drawn_in(axes):
    """The lines of edges, and their arrowheads."""
    tips = next((c for c in axes.collections if isinstance(c, PolyCollection)), None)
    lines = next((c for c in axes.collections if isinstance(c, LineCollection)), None)
    return lines, tips


def test_the_circuit_shows_edges_loops_signs_and_members():
    flow = np.zeros((4, 4))
    flow[1, 0], flow[0, 1], flow[1, 1] = 0.5, -0.2, 0.1
    dataset = few(flow, [True, True, False, False])
    figure = FIGURES["circuit"](dataset)
    lines, tips = drawn_in(figure.axes[0])
    assert len(tips.get_paths()) == len(lines.get_paths()) == 3
    # the weakest first: the loop, the edge that lowers, the edge that raises
    inks = [tuple(colour[:3]) for colour in tips.get_facecolors()]
    assert inks == [to_rgba(ink)[:3] for ink in (MISSED, FOUND, MISSED)]
    assert (np.diff(lines.get_linewidths()) > 0).all()
    texts = [text.get_text() for text in figure.axes[0].texts]
    names = [str(name) for name in dataset["unit"].values]
    assert set(names) & set(texts) == set(names[:2])
    (caption,) = (text for text in texts if "thickest" in text)
    assert "2 of 4 units, 1 of them with a loop" in caption
    assert "all 2 edges between units" in caption
    assert "|J h| = 0.5" in caption
    legend = " ".join(text.get_text() for text in figure.legends[0].get_texts())
    assert "raises" in legend
    assert "lowers" in legend


def test_a_circuit_without_a_loop_is_drawn():
    flow = np.zeros((4, 4))
    flow[1, 0] = 0.5
    figure = FIGURES["circuit"](few(flow, [True, True, False, False]))
    assert len(drawn_in(figure.axes[0])[0].get_paths()) == 1
    (caption,) = (t.get_text() for t in figure.axes[0].texts if "thickest" in t.get_text())
    assert "0 of them with a loop" in caption


def test_a_circuit_of_no_unit_says_so():
    figure = FIGURES["circuit"](few(np.zeros((4, 4)), [False] * 4))
    assert ill(figure) == []
    assert "no unit" in [text.get_text() for text in figure.axes[0].texts]
    assert drawn_in(figure.axes[0]) == (None, None)


def test_a_large_circuit_names_few_members_and_counts_its_edges():
    dataset = of_epochs(results(units=200), 1).drop_vars("group")
    axes = FIGURES["circuit"](dataset).axes[0]
    names = [str(name) for name in dataset["unit"].values]
    said = [text.get_text() for text in axes.texts]
    shown = [names.index(text) for text in said if text in names]
    member = dataset["member"].values[0]
    size = np.abs(dataset["epoch_effect"].values[0])
    assert len(shown) == 12
    assert member[shown].all()
    assert size[shown].min() >= np.sort(size[member])[-12]
    edges = dataset["edge_member"].values[0]
    own = int(edges.diagonal().sum())
    drawn = len(drawn_in(axes)[1].get_paths()) - own
    (caption,) = (text for text in said if "thickest" in text)
    assert f"{drawn:,} of {edges.sum() - own:,} edges" in caption
    assert f"{member.sum()} of 200 units, {own} of them with a loop" in caption
    assert member.sum() / 2 < drawn <= 2 * member.sum()


def test_sets_show_the_random_sets_and_p():
    dataset = results()
    dataset["circuit_p"][1] = np.nan
    axes = FIGURES["sets"](dataset).axes[0]
    labels = {str(c.get_label()): c for c in axes.collections}
    (dots,) = (c for said, c in labels.items() if "random sets" in said)
    random = dataset["random_faithfulness"].values[[0, 2, 3]]
    inside = random[random >= -1]
    np.testing.assert_allclose(np.sort(dots.get_offsets()[:, 1]), np.sort(inside), rtol=1e-6)
    (below,) = (c for said, c in labels.items() if "below" in said)
    assert len(below.get_offsets()) == random.size - inside.size > 0
    said = [text.get_text() for text in axes.texts]
    assert said[0] == "p = 0.0099"
    assert said[1].startswith("no p")
    ticks = [label.get_text() for label in axes.get_xticklabels()]
    assert ticks[0] == f"cue\n{int(dataset['member'][0].sum())} of 8 units"


def test_sets_of_an_older_file_have_no_dots():
    older = results().drop_vars("random_faithfulness")
    labels = [str(c.get_label()) for c in FIGURES["sets"](older).axes[0].collections]
    assert not any("random" in label for label in labels)


def test_unrolled_lines_are_the_strongest_into_each_end():
    names = [f"u{i}" for i in range(12)]
    edges = [
        {"kind": "unit", "to": to, "from": source, "windows": [0, 1], "by_window": [i / 40, 0.2]}
        for to in names[:2]
        for i, source in enumerate(names[2:])
    ]
    edges.append({"kind": "input", "to": "u0", "from": 0, "windows": [1], "by_window": [0, 0.1]})
    unrolled = {"edges": edges, "windows": [[0, 3], [3, 6]]}
    records = [{"question": "bit 0: hold", "contrast": "bit 0", "unrolled": unrolled}]
    panel = FIGURES["unrolled"](xr.Dataset(attrs={"circuits": json.dumps(records)})).axes[0]
    ends = [tuple(map(tuple, line)) for line in panel.collections[0].get_segments()]
    assert len(ends) == 2 * 2 * 3 + 1
    lanes = {label.get_text(): y for y, label in zip(panel.get_yticks(), panel.get_yticklabels())}
    first = {start[1] for start, _ in ends if start[0] == 0}
    assert first == {lanes[name] for name in ("u9", "u10", "u11")}
    assert lanes["u9"] < lanes["u10"], "by number, not by letter"
    assert panel.get_xlabel().endswith("13 of 41 edges x windows")
