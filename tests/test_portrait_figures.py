"""What the figures of a portrait draw: the numbers of its dataset, each in its colour."""

import numpy as np
import pytest
from matplotlib.colors import to_hex
from portrait_data import SETS, drawn

from rnn_jax.report import PORTRAIT_FIGURES
from rnn_jax.report.portrait_panels import NEW, longest
from rnn_jax.report.style import FOUND, MISSED


@pytest.fixture(scope="module")
def dataset():
    return drawn().dataset


def ringed(axes, colour):
    """Where points are ringed in a colour."""
    rings = [
        ring.get_offsets()
        for ring in axes.collections
        if len(ring.get_edgecolor()) and not len(ring.get_facecolor())
        if to_hex(ring.get_edgecolor()[0]) == colour.lower()
    ]
    return np.concatenate([np.zeros((0, 2)), *rings])


def in_order(points):
    return points[np.lexsort(np.round(points, 9).T)]


def test_modes_that_grow_are_those_outside_the_circle(dataset):
    closer = dataset.assign(eigenvalue_real=0.6 * dataset["eigenvalue_real"])
    panels = PORTRAIT_FIGURES["spectra"](closer).axes
    titles = [axes.get_title("left").replace("\n", " ") for axes in panels]
    modes = ("no mode grows", "1 mode grows", "2 modes grow", "more than 2 modes grow")
    counts = ("8 points", "12 points", "6 points", "1 point")
    assert titles == [f"{n}, {said}" for n, said in zip(counts, modes)]
    for k, axes in enumerate(panels):
        (dots,) = axes.collections
        size = np.hypot(*dots.get_offsets().T)
        grows = np.array([to_hex(colour) == MISSED.lower() for colour in dots.get_facecolor()])
        np.testing.assert_array_equal(grows, size > 1)
        assert grows.mean() == pytest.approx(k / 3)


def test_what_moved_vanished_or_is_new_is_ringed(dataset):
    """Of the first removal, one kept point is said to have moved, and one is left unpaired."""
    fate, partner = dataset["fate"].values.copy(), dataset["partner"].values.copy()
    moved, other = np.flatnonzero(fate[0] == 0)[:2]
    fate[0, moved], fate[0, other] = 1, 2
    new, partner[0, other] = partner[0, other], -1
    own = dataset["fate"].dims
    panels = PORTRAIT_FIGURES["removals"](dataset.assign(fate=(own, fate), partner=(own, partner)))
    before, after, *rest = panels.axes
    at = dataset["point_pca"].values[:, :2]
    np.testing.assert_allclose(ringed(before, FOUND), at[[moved]])
    vanished = at[:27][fate[0] == 2]
    np.testing.assert_allclose(in_order(ringed(before, MISSED)), in_order(vanished))
    np.testing.assert_allclose(ringed(after, NEW), at[[new]])
    assert not len(ringed(after, MISSED)) + len(ringed(rest[1], NEW))
    assert [axes.get_title("left") for axes in panels.axes[1::2]] == [
        f"without {name}" for name in SETS
    ]


def test_starts_and_points_are_counted(dataset):
    left, right = PORTRAIT_FIGURES["completeness"](dataset).axes
    for line, row, count in zip(left.get_lines(), dataset["coverage"].values, (27, 9, 3)):
        np.testing.assert_array_equal(line.get_ydata(), row)
        assert line.get_xdata()[[0, -1]].tolist() == [1, 512]
        assert line.get_ydata()[-1] == pytest.approx(count)
    (bar,) = right.patches
    assert bar.get_width() == 512
    assert [text.get_text() for text in right.get_yticklabels()] == ["converged"]


def test_the_share_of_trials_near_each_point_and_how_near(dataset):
    _, middle, bottom, *_ = PORTRAIT_FIGURES["nearest"](dataset).axes
    near, far = dataset["nearest"].values[0], dataset["distance"].values[0]
    shown = np.asarray(middle.get_images()[0].get_array())
    names = [int(text.get_text().split()[0]) for text in middle.get_yticklabels()]
    assert names == sorted(set(near.ravel().tolist()))
    np.testing.assert_allclose(shown, [(near == p).mean(0) for p in names])
    (line,) = bottom.get_lines()
    np.testing.assert_allclose(line.get_ydata(), np.median(far, 0), rtol=1e-6)


def test_exponents_converge_to_their_last_and_a_lost_one_is_not_drawn(dataset):
    trace = dataset["exponent_trace"].values.copy()
    trace[0, :, 2] = -np.inf
    lost = dataset.assign(
        exponent_trace=(dataset["exponent_trace"].dims, trace),
        exponent_high=dataset["exponent_high"] + 0.1,
    )
    left, right = PORTRAIT_FIGURES["exponents"](lost).axes
    times, mean = dataset["exponent_time"].values, trace.mean(0)
    curves = [line for line in left.get_lines() if len(line.get_xdata()) == len(times)]
    assert len(curves) == 3
    for k in (0, 1):
        np.testing.assert_array_equal(curves[k].get_xdata(), times)
        np.testing.assert_allclose(curves[k].get_ydata(), mean[:, k])
    assert np.isnan(curves[2].get_ydata()).all()
    for k, bar in enumerate(right.containers):
        ((_, low), (_, high)) = bar.lines[2][0].get_segments()[0]
        ends = lost["exponent_low"].values[k], lost["exponent_high"].values[k]
        np.testing.assert_allclose((low, high), ends)


def test_the_caption_says_what_is_not_drawn(dataset):
    said = PORTRAIT_FIGURES["landscape"](dataset).get_supxlabel()
    assert "outside" not in said
    assert f"the longest is {longest(dataset):.2g}" in said.replace("\n", " ")
    flow = dataset["flow"].values[0]
    assert longest(dataset) == pytest.approx(np.sqrt((flow**2).sum(-1)).max())
    at = dataset["point_pca"].values.copy()
    for count, words in ((1, "1 point lies outside"), (2, "2 points lie outside")):
        at[count - 1, 1] = 99.0
        away = dataset.assign(point_pca=(dataset["point_pca"].dims, at))
        assert words in PORTRAIT_FIGURES["landscape"](away).get_supxlabel()
