"""The example of a contrast: the trial that tells most, run and foil as they are."""

import jax.numpy as jnp
import numpy as np
import pytest
from contrast_data import EVENT, pair_of

from rnn_jax.contrasts import Answer, aligned
from rnn_jax.contrasts.answers import WAYS
from rnn_jax.core import clean_run
from rnn_jax.discovery import Subject
from rnn_jax.discovery.asked import OWN, Answers
from rnn_jax.discovery.examples import example_variables
from rnn_jax.tasks import Contrast, Trials, epochs_after


def answer(N, members):
    ways = np.zeros((len(WAYS), N), bool)
    ways[2, members] = True
    ways[0, members[-1]] = True
    single = np.zeros((2, N))
    single[0, members] = np.arange(1, 1 + len(members))
    return Answer(
        "turned", "asked", "", (10, 10), 10.0, 1.0, False, (0,), np.ones(2), single, (), ways
    )  # fmt: skip


@pytest.fixture(scope="module")
def found():
    network, _, xs, foil = pair_of()
    B, T = xs.shape[:2]
    event = np.full(B, EVENT)
    event[0] = -1
    epochs = epochs_after(event, T, asked=(0, 2))
    # the one without an event differs most
    foil = foil.at[0].set(-9 * xs[0])
    contrast = Contrast(foil, jnp.asarray(event), epochs)
    trials = Trials(xs, None, {"all": jnp.ones((B, T))}, {"turned": contrast})
    subject = Subject("mine", network, trials)
    hs, ys = clean_run(network, xs)
    asked = Answers(OWN, (answer(subject.size, [3, 1, 2]),), ([],), {"turned": contrast})
    variables, coords = example_variables(subject, asked, hs, ys)
    return subject, contrast, {name: value for name, (_, value) in variables.items()}, coords


def test_the_trial_is_valid_and_differs_most(found):
    subject, contrast, data, _ = found
    pair = aligned(subject.network, subject.trials, contrast)
    epoch = pair.epochs["asked"]
    size = (epoch.read * ((pair.ys[1] - pair.ys[0]) / pair.scale) ** 2).sum((1, 2)) * epoch.valid
    assert data["example_trial"].tolist() == [int(size.argmax())]
    assert data["example_event"].tolist() == data["example_start"].tolist() == [EVENT]


def test_both_runs_are_as_the_network_runs(found):
    subject, contrast, data, coords = found
    trial = int(data["example_trial"][0])
    for k, xs in enumerate((subject.trials.xs, contrast.foil)):
        hs, ys = clean_run(subject.network, xs)
        np.testing.assert_allclose(data["example_outputs"][0, k], ys[trial], atol=1e-12)
        units = data["example_unit"][0][:3]
        states = np.asarray(hs)[trial][:, units]
        np.testing.assert_allclose(data["example_states"][0, k][:, :3], states, atol=1e-12)
        np.testing.assert_allclose(data["example_inputs"][0, k], xs[trial], rtol=1e-6)
    assert coords["version"] == ["run", "foil"]


def test_mediators_come_first_and_others_are_left_out(found):
    units = found[2]["example_unit"][0]
    assert units[:3].tolist() == [2, 1, 3]  # the mediator, then by effect
    assert (units[3:] == -1).all()
    assert np.isnan(found[2]["example_states"][..., 3:]).all()


def test_window_and_read_are_in_steps_of_the_trial(found):
    data = found[2]
    assert np.flatnonzero(data["example_window"][0]).tolist() == [EVENT, EVENT + 1]
    read = np.flatnonzero(data["example_read"][0].any(-1))
    assert read.tolist() == list(range(EVENT + 3, EVENT + 7))


def test_nothing_asked_gives_nothing(found):
    subject = found[0]
    hs, ys = clean_run(subject.network, subject.trials.xs)
    assert example_variables(subject, Answers(OWN, (), (), {}), hs, ys) == ({}, {})
