"""The ring attractor does what it is built to do; the flip-flop asks what it says."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax import outputs, run
from rnn_jax.core import Lesion
from rnn_jax.planted import PLANTED, over_time, ring_attractor
from rnn_jax.planted.ring_attractor import EPOCHS, SPEED, STEPS, UNITS
from rnn_jax.tasks import FlipFlop, Trials, check_trials


def angles(planted, xs, *interventions):
    ys = np.asarray(outputs(planted.network, run(planted.network, xs, *interventions)))
    return np.unwrap(np.arctan2(ys[:, 1], ys[:, 0])), np.linalg.norm(ys, axis=1)


def drive(velocity, cue=1.0, steps=400, start=200):
    xs = np.zeros((steps, 3))
    xs[:30, 1:] = np.cos(cue), np.sin(cue)
    xs[start:, 0] = velocity
    return jnp.asarray(xs)


def test_the_bump_rests():
    angle, length = angles(ring_attractor(), drive(0.0))
    assert abs(angle[-1] - angle[199]) < 3e-4
    assert length[-1] == pytest.approx(1, abs=3e-3)


@pytest.mark.parametrize("velocity", [1.0, -1.0])
def test_the_bump_travels_and_stands_still_without_its_shifter(velocity):
    planted = ring_attractor()
    angle, _ = angles(planted, drive(velocity))
    assert angle[-1] - angle[199] == pytest.approx(200 * SPEED * velocity, rel=2e-3)
    groups = np.array(planted.groups)
    own, other = ("right", "left") if velocity > 0 else ("left", "right")
    without = lambda ring: angles(
        planted, drive(velocity), Lesion(jnp.asarray(groups == ring, float))
    )[0]
    assert abs(without(own)[-1] - without(own)[199]) < 1e-6
    np.testing.assert_allclose(without(other), angle, atol=1e-12)


def test_a_cue_moves_the_bump():
    xs = np.array(drive(0.0, cue=1.0))
    xs[200:280, 1:] = np.cos(2.5), np.sin(2.5)
    angle, _ = angles(ring_attractor(), jnp.asarray(xs))
    assert angle[-1] == pytest.approx(2.5, abs=0.02)


def test_the_rings_jacobian_by_its_parts():
    planted = ring_attractor()
    xs = drive(1.0, steps=220, start=100)
    trajectory = run(planted.network, xs)
    for t in (50, 150):
        h, x = trajectory.previous[t], xs[t]
        parts = planted.network.step.parts(h, x)
        whole = jnp.diag(parts.leak) + parts.gate[:, None] * parts.wire
        np.testing.assert_allclose(whole, jax.jacfwd(planted.network.step)(h, x), atol=1e-14)


def test_trials_and_truth_agree_on_epochs():
    planted = ring_attractor()
    trials = planted.sample(jax.random.key(0), 6)
    check_trials(trials)
    assert trials.xs.shape == (6, STEPS, 3)
    assert set(trials.epochs) == set(planted.truth.nodes) == set(EPOCHS)
    rows = over_time(planted.truth, {name: w[0] for name, w in trials.epochs.items()})
    assert rows.shape == (STEPS, 3 * UNITS)
    assert not np.asarray(rows[:30]).any()
    assert np.asarray(rows[100]).tolist() == [1.0] * (2 * UNITS) + [0.0] * UNITS
    for name, edges in planted.truth.edges.items():
        nodes = np.asarray(planted.truth.nodes[name])
        assert not np.asarray(edges)[nodes == 0].any()
        assert not np.asarray(edges)[:, nodes == 0].any()


def test_the_network_follows_its_targets():
    planted = ring_attractor()
    trials = planted.sample(jax.random.key(0), 6)
    ys = jax.vmap(lambda x: outputs(planted.network, run(planted.network, x)))(trials.xs)
    cosine = (ys * trials.targets).sum(-1) / jnp.linalg.norm(ys, axis=-1)
    settled = np.ones(STEPS, bool)
    settled[:10] = settled[140:165] = False
    assert float(cosine[:, settled].min()) > 0.95


@pytest.mark.slow
def test_every_built_in_network_says_what_it_is():
    for name, entry in PLANTED.items():
        assert entry.about
        planted = entry.make()
        assert len(planted.units) == len(planted.groups) == planted.network.h0.size, name


def test_flip_flop_by_hand():
    task = FlipFlop(bits=2, steps=40, rate=0.2, settle=3)
    trials = task.sample(jax.random.key(0), 5)
    check_trials(trials)
    for xs, ys, switch in zip(trials.xs, trials.targets, trials.epochs["switch"]):
        bits, countdown = np.zeros(2), 0
        for t in range(40):
            fresh = np.where(np.asarray(xs[t]) == 0, bits, np.asarray(xs[t]))
            countdown = task.settle if (fresh != bits).any() else countdown - 1
            bits = fresh
            assert np.asarray(ys[t]).tolist() == bits.tolist()
            assert float(switch[t]) == (countdown > 0)
    np.testing.assert_array_equal(trials.epochs["hold"], 1 - trials.epochs["switch"])


@pytest.mark.parametrize(
    ("trials", "message"),
    [
        (Trials(jnp.zeros((2, 5, 1)).at[1, 3, 0].set(jnp.nan), None, {}), "trial 1, time 3"),
        (
            eqx.tree_at(
                lambda t: t.targets,
                Trials(jnp.zeros((2, 5, 1)), jnp.zeros((2, 5, 1)), {}),
                jnp.zeros((2, 4, 1)),
            ),
            "targets of shape",
        ),
        (Trials(jnp.zeros((2, 5, 1)), None, {"cue": jnp.zeros((2, 5))}), "epoch 'cue' needs"),
        (Trials(jnp.zeros((2, 5, 1)), None, {"cue": jnp.full((2, 5), jnp.inf)}), "epoch 'cue'"),
    ],
)
def test_bad_trials_are_named(trials, message):
    with pytest.raises(ValueError, match=message):
        check_trials(trials)
