"""Visual Behavior networks: sessions that are made up, and the sequences made of sessions."""

import jax
import numpy as np
import pytest
from helpers import told_in_one_line
from visual_behavior_files import Session, write
from visual_study_cases import (
    COUNTS,
    EVENT,
    KEY,
    chosen,
    made,
    network,
    sessions,
)

from rnn_jax.core import outputs, run
from rnn_jax.data.visual_behavior import (
    CONDITIONS,
    POPULATIONS,
    population_windows,
    read_experiment,
    synthetic_windows,
)
from rnn_jax.studies.visual_behavior import sequences as module
from rnn_jax.studies.visual_behavior.sequences import (
    AMPLITUDE,
    conditions_of,
    halves_of,
    sequences,
)

STEPS = 15


# sessions that are made up


def test_made_up_windows_are_laid_out_as_those_of_files(tmp_path):
    write(path := tmp_path / "one.nwb", Session())
    real, fake = population_windows([read_experiment(path)]), sessions()
    assert set(fake.coords) == set(real.coords)
    assert {name: fake[name].dims for name in fake.variables} == {
        name: real[name].dims for name in real.variables
    }
    assert {name: fake[name].dtype.kind for name in fake.variables} == {
        name: real[name].dtype.kind for name in real.variables
    }
    np.testing.assert_array_equal(fake["time"], real["time"])
    assert set(fake.attrs) - {"synthetic"} <= set(real.attrs)
    assert set(fake["population"].values) == set(POPULATIONS)


def test_worlds_differ_only_where_they_are_said_to():
    worlds = {name: sessions(name) for name in ("mechanism", "bystander", "none")}
    first = worlds["none"]
    for one in worlds.values():
        for name in first.coords:
            np.testing.assert_array_equal(one[name], first[name])
    of = lambda name, keep: chosen(worlds[name], keep)["activity"].values
    # without an omission nothing ramps, so that a bystander is no different
    shown = lambda p, c, e: c != "omission"
    np.testing.assert_array_equal(of("bystander", shown), of("none", shown))
    # a ramp that nobody hears is that of Vip alone
    unheard = lambda p, c, e: not p.endswith("Vip")
    np.testing.assert_array_equal(of("bystander", unheard), of("none", unheard))
    vip = lambda p, c, e: p.endswith("Vip")
    np.testing.assert_array_equal(of("mechanism", vip), of("bystander", vip))
    # before the image is due all conditions of the two worlds are alike, and later they are not
    heard = lambda p, c, e: c == "omission" and not p.endswith("Vip")
    gap = of("mechanism", heard) - of("bystander", heard)
    assert abs(gap[:, -1]).min() > 0.01
    vip_gap = of("bystander", lambda p, c, e: vip(p, c, e) and c == "omission")
    vip_gap = vip_gap - of("none", lambda p, c, e: vip(p, c, e) and c == "omission")
    assert not vip_gap[:, :EVENT].any()
    assert vip_gap[:, -1].mean() > 0.1


def test_made_up_windows_follow_their_key_alone():
    again = synthetic_windows("mechanism", jax.random.key(0), 2, 1, 4)
    assert again.identical(sessions())
    other = sessions(key=1)
    assert not np.isclose(other["activity"], again["activity"]).any(1).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mechanisms", jax.random.key(0)), "mechanism"),
        (("none", jax.random.key(0), 0), "mice"),
        (("none", jax.random.key(0), 1, 0), "sessions"),
        (("none", jax.random.key(0), 1, 1, 0), "trials"),
        (("none", 3), "key"),
    ],
)
def test_bad_worlds_are_refused_in_a_line(arguments, said, as_users_have_it):
    told_in_one_line(lambda: synthetic_windows(*arguments), said)


# sequences


def test_halves_share_no_frame_and_planes_stay_together():
    windows = sessions(trials=8)
    half = halves_of(windows)
    assert {0, 1} <= set(half) <= {-1, 0, 1}
    columns = (windows[name].values for name in ("session", "image", "condition"))
    sides = {}
    for side, session, image, condition in zip(half, *columns):
        sides.setdefault(session, {}).setdefault(condition, {}).setdefault(image, set()).add(side)
    for of_session in sides.values():
        assert set(of_session) == set(CONDITIONS)
        each = {image: side for of in of_session.values() for image, side in of.items()}
        assert all(len(found) == 1 for found in each.values())
        early, late = (np.array([i for i, s in each.items() if s == {k}]) for k in (0, 1))
        # windows reach from the image before to the image after
        assert np.abs(late[:, None] - early).min() >= 2
        for of in of_session.values():
            order = [next(iter(of[image])) for image in sorted(of)]
            # the earlier half, what is too close to it, the later half
            assert order[:4] == [0] * 4
            assert order[4:] == sorted(order[4:])
            assert 1 in order[4:]


def test_a_rare_condition_is_left_out_with_a_warning_and_populations_stay():
    windows = sessions(trials=8)
    novel = windows["experience"].values != "Familiar"
    stray = windows["population"].values == "V1 L4 Vip"
    few = windows.isel(event=np.flatnonzero(~novel | stray))
    with pytest.warns(UserWarning, match="few populations have events of .*Novel"):
        pairs = conditions_of(few)
    assert pairs == [(condition, "Familiar") for condition in CONDITIONS]
    with pytest.warns(UserWarning, match="few populations"):
        assert sequences(few, KEY, COUNTS).known.all()


def test_sequences_that_judge_do_not_depend_on_trials_that_train():
    windows = sessions(trials=5)
    mine = halves_of(windows)
    before = sequences(windows, KEY, COUNTS)
    for half, name in enumerate(("train", "judged")):
        changed = windows.copy(deep=True)
        changed["activity"][mine != half] += 1.0
        after = sequences(changed, KEY, COUNTS)
        gap = getattr(after, name) - getattr(before, name)
        # the mean is that of training, so that moving it moves what judges by a constant
        assert np.ptp(gap, (0, 1, 2)).max() < 1e-12


def test_each_known_population_has_mean_0_and_one_spread():
    one = made()
    assert one.known.all()
    np.testing.assert_allclose(one.train.mean((0, 1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(one.train.std((0, 1, 2)), AMPLITUDE, rtol=1e-12)
    assert one.train.shape == (6, COUNTS.train, STEPS + 1, len(POPULATIONS))
    assert one.judged.shape == (6, COUNTS.judged, STEPS + 1, len(POPULATIONS))
    assert one.event == EVENT == np.argmax(sessions()["time"].values >= 0)
    assert one.conditions == tuple(
        f"{c}, {e}" for e in ("Familiar", "Novel 1") for c in CONDITIONS
    )
    again = sequences(sessions(), KEY, COUNTS)
    np.testing.assert_array_equal(again.judged, one.judged)
    assert not np.array_equal(sequences(sessions(), jax.random.key(1), COUNTS).train, one.train)


@pytest.fixture(scope="module")
def partial():
    """Sequences of sessions in which one population was never seen in novel omissions."""
    lost = POPULATIONS[4]
    keep = lambda p, c, e: p != lost or c != "omission" or e == "Familiar"
    return sequences(chosen(sessions(), keep), KEY, COUNTS), 4


def test_a_population_that_lacks_a_condition_is_0_and_has_no_part_in_the_loss(partial):
    one, lost = partial
    assert np.flatnonzero(~one.known).tolist() == [lost]
    assert not one.train[..., lost].any()
    assert not one.judged[..., lost].any()
    # the others are as they were
    np.testing.assert_allclose(one.train[..., one.known], made().train[..., one.known], atol=1e-12)
    trials = one.sampler()(KEY, 3)
    np.testing.assert_array_equal(trials.xs[:, 1:], trials.targets[:, :-1])
    trajectory = run(network(), trials.xs[0])
    ys = outputs(network(), trajectory)
    target, loss = trials.targets[0], one.loss()
    said = lambda ys, target: loss(network(), trajectory, ys, target)
    assert said(ys, target) == said(ys, target.at[:, lost].set(7.0))
    slope = jax.grad(said)(ys, target)
    assert not np.asarray(slope[:, lost]).any()
    truth = np.mean(np.asarray(ys - target)[:, one.known] ** 2)
    assert float(said(ys, target)) == pytest.approx(truth, rel=1e-12)


def test_sequences_are_drawn_from_all_conditions_alike():
    one = made()
    drawn = np.asarray(one.sampler()(KEY, 600).xs)
    flat = one.train[:, :, :-1]
    of = [(drawn[:, None] == own[None]).all((2, 3)).any(1) for own in flat]
    np.testing.assert_array_equal(np.sum(of, 0), 1)
    # five standard deviations of a count of 600 in six
    assert np.abs(np.sum(of, 1) - 100).max() < 5 * (600 * 5 / 36) ** 0.5


def test_shuffling_permutes_names_of_omissions_and_regular_images_within_sessions():
    windows = sessions(trials=6)
    mixed = module.with_shuffled_omissions(windows, KEY)
    assert mixed.drop_vars("condition").identical(windows.drop_vars("condition"))
    before, after = windows["condition"].values, mixed["condition"].values
    np.testing.assert_array_equal(before == "change", after == "change")
    moved = 0
    for session in set(windows["session"].values):
        own = windows["session"].values == session
        assert sorted(before[own]) == sorted(after[own])
        named = {}
        for image, name in zip(windows["image"].values[own], after[own], strict=True):
            named.setdefault(image, set()).add(name)
        # one image has one name in all planes
        assert all(len(names) == 1 for names in named.values())
        moved += (before[own] != after[own]).any()
    assert moved > 3
    assert module.with_shuffled_omissions(windows, KEY).identical(mixed)
    other = module.with_shuffled_omissions(windows, jax.random.key(5))
    assert (other["condition"].values != after).any()
    # which is what `shuffled` asks for, by a key of its own
    said = sequences(windows, KEY, COUNTS, shuffled=True)
    true = sequences(
        module.with_shuffled_omissions(windows, jax.random.split(KEY)[0]), KEY, COUNTS
    )
    np.testing.assert_array_equal(said.train, true.train)


def test_without_any_population_in_all_conditions_sequences_are_refused():
    halves = {"Familiar": POPULATIONS[:9], "Novel 1": POPULATIONS[9:]}
    apart = chosen(sessions(), lambda p, c, e: p in halves[e])
    with pytest.raises(ValueError, match="no population has events in every condition") as refused:
        sequences(apart, KEY, COUNTS)
    assert "\n" not in str(refused.value)
