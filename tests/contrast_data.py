"""Runs and foils for the tests of contrasts."""

import jax
import jax.numpy as jnp
import numpy as np
from helpers import I, keys, network
from test_studies import relay

from rnn_jax.contrasts import (
    Search,
    aligned,
    choose,
    exchanged,
    other_trials,
    shares,
)
from rnn_jax.discovery import Settings
from rnn_jax.tasks import Contrast, Trials, epochs_after

B, STEPS = 6, 12
ALL = (np.arange(B), np.ones(B))
EVENT = 3
QUICK = Settings(random_sets=19, resamples=99, flips=199, bases=19, splits=4, width=6)
SEARCH = Search(bases=0, splits=0, random_sets=19)


def pair_of(name="gru", window=(0, 2), network_=None, event=EVENT):
    """Trials whose foils differ at two steps from the event; exchanged in a window after it."""
    net = network(name) if network_ is None else network_
    a, b = keys(2, 7)
    xs = jax.random.normal(a, (B, STEPS, I))
    foil = xs.at[:, event : event + 2].set(jax.random.normal(b, (B, 2, I)))
    epochs = epochs_after(np.full(B, event), STEPS, asked=window)
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    return net, aligned(net, trials, Contrast(foil, epochs=epochs)), xs, foil


def question_of(pair, which=ALL, window=None):
    return choose(pair, pair.epochs["asked"], *which, window)


def share_of(net, question, sets):
    sums = exchanged(net, question, jnp.asarray(sets, float))
    return shares(np.asarray(sums), np.asarray(question.norms))


def relay_question():
    subject = relay(count=24)
    contrast = other_trials(jax.random.key(0), subject.network, subject.trials)["late"]
    pair = aligned(subject.network, subject.trials, contrast)
    return subject, choose(pair, pair.epochs["late"], np.arange(24), np.ones(24))
