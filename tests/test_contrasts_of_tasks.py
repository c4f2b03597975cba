"""What each task's contrasts leave out, turn or exchange, and nothing else."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from contrast_data import QUICK
from test_studies import relay

import rnn_jax as rj
from rnn_jax.contrasts import aligned
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.planted import ring_attractor
from rnn_jax.planted.ring_attractor import EPOCHS
from rnn_jax.tasks import TASKS, Contrast, check_trials, epochs_after, first_difference
from rnn_jax.tasks.flip_flop import QUIET, last_pulse


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_contrasts_that_fit(name):
    trials = drawn(name, jax.random.key(0), 40)
    check_trials(trials)
    assert trials.contrasts
    xs = np.asarray(trials.xs)
    for contrast in trials.contrasts.values():
        first = first_difference(xs, contrast.foil)
        event = first if contrast.event is None else np.asarray(contrast.event)
        assert (event >= 0).sum() > 15
        # nothing differs before the event, and nothing at all in a trial without one
        np.testing.assert_array_equal(first[event >= 0], event[event >= 0])
        assert (first[event < 0] == -1).all()
        for window in contrast.epochs.values():
            assert (np.asarray(window)[event < 0] == 0).all()


def test_the_flip_flops_foil_holds_the_bit_that_the_pulse_turned():
    trials = drawn("flip-flop", jax.random.key(1), 60)
    targets = np.asarray(trials.targets)
    for bit in range(3):
        contrast = trials.contrasts[f"bit {bit}"]
        event = np.asarray(contrast.event)
        with_event = event >= 0
        other = np.asarray(jax.vmap(last_pulse)(contrast.foil))
        rest = np.delete(np.arange(3), bit)
        np.testing.assert_array_equal(other[..., rest], targets[..., rest])
        time = np.arange(targets.shape[1])[None] - event[:, None]
        quiet = with_event[:, None] & (time >= 0) & (time <= QUIET)
        assert (other[..., bit] == -targets[..., bit])[quiet].all()
        assert (other[..., bit] == targets[..., bit])[~with_event].all()


def test_the_bits_context_is_exchanged_and_its_pulse_left_out():
    trials = drawn("context-bit", jax.random.key(2), 60)
    xs = np.asarray(trials.xs)
    context, pulse = trials.contrasts["context"], trials.contrasts["pulse"]
    np.testing.assert_array_equal(np.asarray(context.foil)[..., [1, 0, 2, 3]], xs)
    event, foil = np.asarray(pulse.event), np.asarray(pulse.foil)
    differ = (xs != foil).any(-1).sum(1)
    assert set(differ[event >= 0]) == {TASKS["context-bit"].make().pulse}
    own = 2 + xs[:, 0, :2].argmax(-1)
    assert ((xs != foil).sum((1, 2)) == differ).all()
    channels = (xs != foil).any(1)
    assert channels[np.arange(60), own][event >= 0].all()


def test_one_observation_is_turned():
    trials = drawn("hidden-state", jax.random.key(3), 60)
    contrast = trials.contrasts["observation"]
    xs, foil = np.asarray(trials.xs), np.asarray(contrast.foil)
    event = np.asarray(contrast.event)
    rows = event >= 0
    assert (np.abs(xs[rows, event[rows]]) >= 1).all()
    np.testing.assert_array_equal(xs[rows, event[rows]], -foil[rows, event[rows]])
    assert ((xs != foil).sum((1, 2)) == rows).all()


def test_the_stream_that_is_asked_for_is_turned_and_its_noise_stays():
    task = TASKS["context-integration"].make()
    trials = drawn("context-integration", jax.random.key(4), 60)
    xs, targets = np.asarray(trials.xs), np.asarray(trials.targets)
    rows, own = np.arange(60), 2 + xs[:, 0, :2].argmax(-1)
    shown = np.asarray(trials.epochs["evidence"])[0] > 0
    means = xs[:, shown].mean(1)[rows, own]
    assert (np.sign(means) == targets[:, -1, 0]).mean() > 0.8
    assert set(targets[:, -1, 0]) == {-1.0, 1.0}
    evidence, context = trials.contrasts["evidence"], trials.contrasts["context"]
    foil = np.asarray(evidence.foil)
    np.testing.assert_allclose(foil[:, shown].mean(1)[rows, own], -means, atol=1e-12)
    noise = lambda x: x[:, shown][rows, :, own] - x[:, shown].mean(1)[rows, own][:, None]
    np.testing.assert_allclose(noise(foil), noise(xs), atol=1e-12)
    others = [k for k in range(task.inputs) if k not in (2, 3)]
    np.testing.assert_array_equal(foil[..., others], xs[..., others])
    np.testing.assert_array_equal(foil[rows, :, 5 - own], xs[rows, :, 5 - own])
    event = np.asarray(context.event) >= 0
    np.testing.assert_array_equal(np.asarray(context.foil)[event][..., [1, 0, 2, 3, 4]], xs[event])
    both = xs[:, shown].mean(1)
    assert (both[event, 2] * both[event, 3] < 0).all()
    # what is read is the report, in which nothing differs any more
    for contrast in (evidence, context):
        read = np.asarray(contrast.read) > 0
        np.testing.assert_array_equal(read, np.asarray(trials.epochs["report"]) > 0)
        assert (xs == np.asarray(contrast.foil)).all(-1)[read].all()


@pytest.mark.parametrize("name", ["first", "second"])
def test_the_other_answer_is_right_for_a_foil_of_the_comparison(name):
    trials = drawn("delayed-comparison", jax.random.key(5), 60)
    xs, epochs = np.asarray(trials.xs), trials.epochs
    rows = {k: np.asarray(epochs[k]) > 0 for k in epochs}
    level = lambda x, k: x[np.arange(60), rows[k].argmax(1), 0]
    answer = np.asarray(trials.targets)[:, -1, 0]
    np.testing.assert_array_equal(np.sign(level(xs, "second") - level(xs, "first")), answer)
    foil = np.asarray(trials.contrasts[name].foil)
    np.testing.assert_array_equal(np.sign(level(foil, "second") - level(foil, "first")), -answer)
    assert np.abs(level(foil, "second") - level(foil, "first")).min() > 0.05
    assert (xs == foil)[~rows[name]].all()
    assert (foil >= 0).all()
    assert (foil <= 1 + 1e-12).all()
    delays = rows["delay"].sum(1)
    assert delays.min() >= 8
    assert delays.max() <= 16
    total = sum(np.asarray(epochs[k]) for k in epochs)
    assert set(np.unique(total)) == {0.0, 1.0}


def test_each_epoch_of_the_ring_leaves_out_what_moves_it():
    planted = ring_attractor()
    trials = planted.sample(jax.random.key(0), 12)
    found = planted.contrasts(jax.random.key(1), trials)
    assert set(found) == set(EPOCHS)
    for name, contrast in found.items():
        pair = aligned(planted.network, trials, contrast)
        asked = pair.epochs[name]
        assert asked.valid.all()
        assert asked.closed.sum() >= asked.window.sum()
        # the two runs differ where they are read: the foil's bump lies elsewhere
        gap = pair.ys[1] - pair.ys[0]
        assert (np.abs(gap).max((1, 2)) > 0.05).all()


@pytest.mark.slow
def test_a_run_asks_the_same_again(tmp_path):
    subject = relay(count=24)
    xs = np.asarray(subject.trials.xs)
    epochs = epochs_after(np.zeros(24, int), 12, held=(3, 5))
    read = np.zeros((24, 12))
    read[:, 8:] = 1
    contrasts = {
        "turned": Contrast(-subject.trials.xs, epochs=epochs),
        "read": Contrast(-subject.trials.xs, np.zeros(24, int), epochs, read, "epoch"),
    }
    trials = replace(subject.trials, contrasts=contrasts)
    settings = replace(QUICK, bases=0, splits=0)
    # an epoch that only contrasts have keeps its truth as well
    truth = {**subject.truth, "held": np.array([1.0, 0.0, 0.0, 0.0])}
    found = rj.discover(replace(subject, trials=trials, truth=truth), settings)
    rj.save(found, tmp_path / "run")
    loaded = rj.load(tmp_path / "run", like=subject.network)
    assert {name: row.tolist() for name, row in loaded.truth.items()} == {
        name: np.asarray(row).tolist() for name, row in truth.items()
    }
    again = loaded.trials
    assert list(again.contrasts) == ["turned", "read"]
    for name, contrast in contrasts.items():
        other = again.contrasts[name]
        np.testing.assert_allclose(other.foil, contrast.foil, rtol=1e-6)
        np.testing.assert_array_equal(other.epochs["held"], contrast.epochs["held"])
        assert other.circuit == contrast.circuit
    assert again.contrasts["turned"].event is None
    assert again.contrasts["turned"].read is None
    assert again.contrasts["read"].event.tolist() == [0] * 24
    np.testing.assert_array_equal(again.contrasts["read"].read[..., 0], read)
    assert xs.shape == again.xs.shape
