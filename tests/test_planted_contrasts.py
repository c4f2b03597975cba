"""The contrasts of planted networks: every kind has its own, and the truth speaks of its epochs.

Members that take the foil's states inside an epoch move the outputs to the foil's, all others
move nearly nothing: by exact exchanges, for every kind.
"""

import jax
import numpy as np
import pytest
from planted_data import COUNT, asked, built, questions, sampled

from rnn_jax.core import clean_run
from rnn_jax.planted import PLANTED, check_planted
from rnn_jax.studies.recovery.verdicts import DISTRIBUTED
from rnn_jax.tasks import check_trials

KINDS = [name for name in PLANTED if name != "ring-attractor"]
"""The ring's contrasts move a part of the state, and have tests of their own."""

PRECISION = [
    "latch", "comparator", "copies", "hmm-states", "context-flip-flop", "oscillators", "vip-ramp",
]  # fmt: skip
"""One of each file whose contrasts are made in a way of their own."""
WHOLE = {
    "graded-distractors", "tanh-latches", "gated-route", "unequal-outputs", "rotated-code",
    "in-reservoir", "oscillators", "noise-switch", "balanced-memory", "vip-ramp",
}  # fmt: skip
"""Kinds whose foils hold their difference throughout, and in all outputs."""
OF_UNITS = [name for name in KINDS if name not in DISTRIBUTED]


@pytest.mark.parametrize("name", KINDS)
def test_trials_contrasts_and_truth_fit(name):
    planted, trials, contrasts = built(name)
    check_planted(planted, name)
    check_trials(trials)
    T, N = trials.xs.shape[1], len(planted.units)
    assert T <= 60
    assert len(set(planted.units)) == N
    again = sampled(planted, jax.random.key(3), COUNT)
    assert all(map(np.array_equal, jax.tree.leaves(again), jax.tree.leaves(trials)))
    spoken = set(trials.epochs)
    for contrast in contrasts.values():
        assert (np.asarray(contrast.event) >= 0).sum() >= 24
        spoken |= set(contrast.epochs)
    assert spoken == set(planted.truth.nodes)
    for epoch, row in planted.truth.nodes.items():
        member = np.asarray(row) > 0
        if name not in OF_UNITS:
            assert member.all()
            continue
        none = np.zeros((N, N))
        edges = (
            planted.truth.edges[epoch] if name in WHOLE else planted.truth.edges.get(epoch, none)
        )
        edges = np.asarray(edges) > 0
        assert 0 < member.sum() < N
        assert not edges[~member].any()


@pytest.mark.parametrize("name", OF_UNITS)
def test_members_together_are_the_difference_and_all_others_nearly_none(name):
    planted = built(name)[0]
    for cause, case, epoch in questions(name):
        member = np.asarray(planted.truth.nodes[epoch])
        groups = np.stack([member, 1 - member, np.ones_like(member)])
        together, others, reach = case.both(epoch, groups).T
        assert reach.min() > (1 - 1e-6 if name in WHOLE else 0.3), (cause, epoch)
        np.testing.assert_allclose(together, reach, atol=0.1, err_msg=f"{cause} {epoch}")
        np.testing.assert_allclose(others, 0, atol=0.1, err_msg=f"{cause} {epoch}")


LOUD = {"self-repair": {("memory", "watch"), ("primary", "watch")}}
"""Wires that tell nothing while all agree: a cut one raises a false alarm."""
WIRED = [
    "and-pair", "or-pair", "correlated-unread", "high-variance-unread", "dormant-path",
    "self-repair", "local-corruption", "context-flip-flop", "hmm-filter", "delay-line",
    "sequence", "integrator", "latch", "gate", "xor-latch", "comparator", "counter",
]  # fmt: skip
"""All but `copies`, of which no single wire does anything, and `cancelled-pair`."""


@pytest.mark.parametrize("name", WIRED)
def test_each_true_wire_does_something_and_no_other_does(name):
    planted = built(name)[0]
    wired = np.argwhere(np.asarray(planted.network.step.w) != 0)
    for cause, case, epoch in questions(name):
        true = np.asarray(planted.truth.edges[epoch])[wired[:, 0], wired[:, 1]] > 0
        share = case.share(epoch, edges=wired)
        ends = [(planted.units[j], planted.units[i]) for i, j in wired]
        named = dict(zip(ends, share.round(6).tolist()))
        assert share[true].min(initial=1) > 1e-3, (cause, epoch, named)
        known = np.array([end in LOUD.get(name, ()) for end in ends])
        assert share[~true & ~known].max(initial=0) < 1e-6, (cause, epoch, named)


@pytest.mark.parametrize("name", KINDS)
def test_every_trial_with_an_event_counts(name):
    for cause, case in asked(name).items():
        gap = (case.ys[1] - case.ys[0]) / case.scale
        size = (gap**2 * np.asarray(case.contrast.read)[..., None]).sum((1, 2))
        assert size.sum() ** 2 / (size**2).sum() > 22, cause
        assert np.sqrt((gap[size > 0] ** 2).mean()) > (0.3 if name in WHOLE else 0.1), cause


@pytest.mark.parametrize("name", PRECISION)
def test_in_single_precision(name):
    with jax.enable_x64(False):
        planted = PLANTED[name].make()
        trials = sampled(planted, jax.random.key(3), 4)
        contrasts = planted.contrasts(jax.random.key(4), trials)
        hs, ys = clean_run(planted.network, trials.xs)
        leaves = jax.tree.leaves((planted.network, planted.truth, trials, contrasts, hs, ys))
    floats = {leaf.dtype for leaf in leaves if leaf.dtype.kind == "f"}
    assert floats == {np.dtype("float32")}
