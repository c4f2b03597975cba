"""Change detection: the beat of images, the laws of changes and omissions, and the foils."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import optimised
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rnn_jax.contrasts import aligned
from rnn_jax.core import clean_run
from rnn_jax.discovery import performance, train_network
from rnn_jax.discovery.train_settings import TrainSettings
from rnn_jax.tasks import ChangeDetection, check_trials, first_difference
from rnn_jax.tasks.contrast import check_contrast

TASKS = [
    ChangeDetection(),
    ChangeDetection(dt=0.25, images=3, changes=(2, 5), after=1),
    ChangeDetection(dt=0.05, changes=(1, 3), hazard=0.6, omitted=0.3, catch=0.5, after=2),
]
RARE = 1e-4
"""A law is held to be broken where chance gives such a count once in ten thousand tests."""


def beats(task: ChangeDetection, xs: Any) -> np.ndarray:
    """The image of each beat, -1 where none is shown: read from the first step alone."""
    first = np.asarray(xs)[:, :: task.beat]
    return np.where(first.any(-1), first.argmax(-1), -1)


def change_of(images: np.ndarray) -> int:
    """Where the image differs from the last that was shown; -1 where it never does."""
    last = images[0]
    for k, image in enumerate(images):
        if image >= 0 and image != last:
            return k
    return -1


def changes(images: np.ndarray) -> np.ndarray:
    return np.array([change_of(row) for row in images])


@pytest.fixture(scope="module", params=range(len(TASKS)))
def drawn(request):
    task = TASKS[request.param]
    return task, task.sample(jax.random.key(request.param), 600)


@pytest.fixture(scope="module")
def many():
    task = TASKS[0]
    return task, task.sample(jax.random.key(7), 4000)


def test_images_and_grey_last_as_long_as_they_should(drawn):
    task, trials = drawn
    xs = np.asarray(trials.xs).reshape(600, task.beats, task.beat, task.images)
    shown, grey = round(0.25 / task.dt), round(0.5 / task.dt)
    assert (task.shown, task.beat) == (shown, shown + grey)
    assert set(np.unique(xs)) == {0.0, 1.0}
    assert xs.sum(-1).max() == 1
    assert (xs[:, :, shown:] == 0).all()
    # all steps of an image show the same one
    assert (xs[:, :, :shown] == xs[:, :, :1]).all()


def test_there_are_two_images_at_most_and_no_omission_where_it_matters(drawn):
    task, trials = drawn
    images = beats(task, trials.xs)
    change = changes(images)
    go = change >= 0
    fewest, most = task.changes
    assert change[go].min() >= fewest
    assert change[go].max() <= most
    rows = np.arange(600)[go]
    assert (images[rows, change[go] - 1] >= 0).all()
    assert (images[:, 0] >= 0).all()
    for row, at in zip(images, change, strict=True):
        before, after = (row[:at], row[at:]) if at >= 0 else (row, row[:0])
        assert len(set(before[before >= 0])) == 1
        assert len(set(after[after >= 0])) == (at >= 0)


def test_targets_and_epochs_say_what_is_shown(drawn):
    task, trials = drawn
    check_trials(trials)
    images = beats(task, trials.xs)
    place, change = np.arange(task.beats), changes(images)
    in_steps = lambda rows: np.repeat(rows, task.beat, 1)
    responds = in_steps(place == change[:, None])
    np.testing.assert_array_equal(np.asarray(trials.targets)[..., 0], responds)
    windows = {name: np.asarray(window) for name, window in trials.epochs.items()}
    assert list(windows) == ["image", "grey", "omission", "change"]
    np.testing.assert_array_equal(sum(windows.values()), 1.0)
    np.testing.assert_array_equal(windows["change"], responds)
    np.testing.assert_array_equal(windows["omission"], in_steps(images < 0))
    shown = np.asarray(trials.xs).any(-1)
    np.testing.assert_array_equal(windows["image"] > 0, shown & ~responds)


def test_the_law_of_change_times(many):
    task, trials = many
    change = changes(beats(task, trials.xs))
    change = change[change >= 0]
    counts = np.bincount(change, minlength=13)[4:]
    assert counts.sum() == len(change)
    # geometric, and drawn again where it falls beyond the last: another route to the same law
    geometric = stats.geom(0.3, loc=3)
    law = geometric.pmf(np.arange(4, 13)) / geometric.cdf(12)
    assert stats.chisquare(counts, law * len(change)).pvalue > RARE


def test_shares_of_catch_trials_and_omissions(many):
    task, trials = many
    images = beats(task, trials.xs)
    change, place = changes(images), np.arange(task.beats)
    assert stats.binomtest(int((change < 0).sum()), 4000, 1 / 8).pvalue > RARE
    rows = change >= 0
    near = (place == change[:, None]) | (place == change[:, None] - 1)
    may = (~near & (place > 0))[rows]
    omitted = images[rows] < 0
    assert not omitted[~may].any()
    assert stats.binomtest(int(omitted.sum()), int(may.sum()), 0.05).pvalue > RARE
    # no place is preferred
    pvalues = [
        stats.binomtest(int(omitted[:, k].sum()), int(may[:, k].sum()), 0.05).pvalue
        for k in range(1, task.beats)
    ]
    assert min(pvalues) > RARE


def test_all_pairs_of_images_are_as_frequent(many):
    task, trials = many
    images = beats(task, trials.xs)
    rows = changes(images) >= 0
    last = np.array([row[row >= 0][-1] for row in images])
    pairs = images[rows, 0] * 8 + last[rows]
    counts = np.bincount(pairs, minlength=64).reshape(8, 8)
    assert (np.diag(counts) == 0).all()
    assert stats.chisquare(counts[~np.eye(8, dtype=bool)]).pvalue > RARE


def test_a_catch_trial_spares_its_sham_change():
    task = ChangeDetection()
    omitted = jnp.ones((3, task.beats), bool)
    images = jnp.array([[2, 2], [2, 5], [1, 1]])
    trials = task.trials(images, jnp.array([4, 4, 12]), omitted)
    shown = beats(task, trials.xs) >= 0
    expected = [np.isin(np.arange(15), (0, at - 1, at)) for at in (4, 4, 12)]
    np.testing.assert_array_equal(shown, expected)
    np.testing.assert_array_equal(np.asarray(trials.targets).any((1, 2)), [False, True, False])


@pytest.mark.parametrize("name", ["change", "identity", "omission"])
def test_a_foil_is_a_trial_of_the_task_and_differs_in_what_is_asked(drawn, name):
    task, trials = drawn
    contrasts = task.contrasts(jax.random.key(1), trials)
    assert list(contrasts) == ["change", "identity"]
    contrasts["omission"] = task.omission_foil(jax.random.key(1), trials)
    contrast = contrasts[name]
    check_contrast(name, contrast, trials.xs)
    run, foil = (beats(task, xs) for xs in (trials.xs, contrast.foil))
    event, at, other = np.asarray(contrast.event), changes(run), changes(foil)
    np.testing.assert_array_equal(first_difference(trials.xs, contrast.foil), event)
    asked = event >= 0
    assert asked.sum() > 30
    beat = event // task.beat
    expected = run.copy()
    place = np.arange(task.beats)
    if name == "change":
        np.testing.assert_array_equal(asked, at >= 0)
        np.testing.assert_array_equal(beat[asked], at[asked])
        assert (other == -1).all()
        new = (place >= at[:, None]) & asked[:, None] & (run >= 0)
        expected = np.where(new, run[:, :1], run)
    elif name == "identity":
        assert (at[~asked & (at > task.changes[0])] >= 2).all()
        np.testing.assert_array_equal(beat[asked], at[asked] - 1)
        np.testing.assert_array_equal(other[asked], at[asked] - 1)
        assert other[asked].min() >= task.changes[0]
        expected[asked, beat[asked]] = run[asked, at[asked]]
        # the foil's image before its change is shown as well
        assert (foil[asked, other[asked] - 1] >= 0).all()
    else:
        np.testing.assert_array_equal(asked, (run < 0).any(1))
        np.testing.assert_array_equal(other, at)
        changed = (at >= 0) & (beat > at)
        new = run[np.arange(600), np.maximum(at, 0)]
        due = np.where(changed, new, run[:, 0])
        expected[asked, beat[asked]] = due[asked]
    np.testing.assert_array_equal(foil, expected)
    # nothing but whole images is exchanged
    steps = np.asarray(contrast.foil).reshape(600, task.beats, task.beat, task.images)
    assert (steps[:, :, task.shown :] == 0).all()
    assert (steps[:, :, : task.shown] == steps[:, :, :1]).all()


def test_windows_and_reads_follow_the_event(drawn):
    task, trials = drawn
    n, beat = task.shown, task.beat
    contrasts = task.contrasts(jax.random.key(1), trials)
    contrasts["omission"] = task.omission_foil(jax.random.key(1), trials)
    spans = {
        "change": {"image": (0, n), "grey": (n, 2 * n), "read": (2 * n, beat)},
        "identity": {"seen": (0, n), "kept": (2 * n, beat), "read": (beat, 2 * beat)},
        "omission": {"omission": (0, n), "grey": (n, beat)},
    }
    for name, contrast in contrasts.items():
        event = np.asarray(contrast.event)
        windows = dict(contrast.epochs)
        if contrast.read is not None:
            windows["read"] = contrast.read
        assert set(windows) == set(spans[name])
        since = np.arange(task.steps) - event[:, None]
        for epoch, (start, stop) in spans[name].items():
            inside = (since >= start) & (since < stop) & (event >= 0)[:, None]
            np.testing.assert_array_equal(np.asarray(windows[epoch]), inside)


@pytest.mark.parametrize("name", ["change", "identity"])
def test_the_answer_that_is_read_is_1_in_the_run_and_0_in_the_foil(drawn, name):
    task, trials = drawn
    contrast = task.contrasts(jax.random.key(1), trials)[name]
    read = np.asarray(contrast.read) > 0
    at = changes(beats(task, contrast.foil))
    foil_targets = np.repeat(np.arange(task.beats) == at[:, None], task.beat, 1)
    assert (np.asarray(trials.targets)[..., 0][read] == 1).all()
    assert not foil_targets[read].any()


def test_a_contrast_that_no_trial_can_have_is_left_out():
    always = ChangeDetection(changes=(5, 5))
    trials = always.sample(jax.random.key(0), 20)
    assert list(always.contrasts(jax.random.key(0), trials)) == ["change"]
    never = ChangeDetection(catch=1.0)
    trials = never.sample(jax.random.key(0), 20)
    assert never.contrasts(jax.random.key(0), trials) == {}


@settings(deadline=None, max_examples=60)
@given(st.floats(0.001, 2.0) | st.integers(1, 250).map(lambda k: 0.25 / k))
def test_a_step_that_does_not_divide_an_image_is_refused(dt):
    steps = 0.25 / dt
    if abs(steps - max(1, round(steps))) <= 1e-9:
        task = ChangeDetection(dt=dt)
        assert abs(task.shown * dt - 0.25) < 1e-9
        assert task.beat == 3 * task.shown
        assert task.steps == 15 * task.beat
    else:
        with pytest.raises(ValueError, match="dt must divide"):
            ChangeDetection(dt=dt)


BAD = {
    "images": (1, -8), "dt": (0.0, -0.25, float("nan"), float("inf"), 5e-324, 1e300),
    "changes": ((0, 4), (5, 4)), "hazard": (0.0, 1.0, -0.1, float("nan")), "after": (0, -1),
    "catch": (-0.1, 1.1, float("nan")), "omitted": (-0.1, 1.1, float("nan")),
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, vs in BAD.items() for v in vs])
def test_bad_numbers_are_one_line_that_names_them(name, value):
    with pytest.raises(ValueError, match=name) as error:
        ChangeDetection(**{name: value})
    assert "\n" not in str(error.value)


def test_bad_trials_are_refused():
    task = TASKS[0]
    images, change = jnp.zeros((2, 2), int), jnp.full(2, 4)
    with pytest.raises(
        ValueError, match=r"omitted \[B, 15\], got int64\[2, 2\] and bool\[2, 14\]"
    ):
        task.trials(images, change, jnp.zeros((2, 14), bool))
    trials = TASKS[1].sample(jax.random.key(0), 4)
    for ask in (task.contrasts, task.omission_foil):
        with pytest.raises(ValueError, match="trials must be of this task"):
            ask(jax.random.key(0), trials)


@pytest.mark.slow
def test_a_small_network_learns_it_and_can_be_asked():
    with optimised():
        network = train_network("change-detection", TrainSettings(units=32))
    task = ChangeDetection()
    trials = task.sample(jax.random.key(5), 400)
    does = performance(clean_run(network, trials.xs)[1], trials.targets)
    assert does["accuracy"] > 0.95
    for contrast in task.contrasts(jax.random.key(6), trials).values():
        pair = aligned(network, trials, contrast)
        for epoch in pair.epochs.values():
            gap = (pair.ys[0] - pair.ys[1])[epoch.valid]
            weights = epoch.read[epoch.valid]
            assert epoch.valid.sum() > 150
            # the run answers 1 where its foil answers 0
            assert (gap * weights).sum() / weights.sum() > 0.8
