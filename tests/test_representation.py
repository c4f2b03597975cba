"""An easy and a hard feature: the task, the interventions by closed forms, the study's judge."""

import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from rnn_jax.cells import GRU
from rnn_jax.circuits.coding import coding_plane, explained, interchanged, needed_units, role
from rnn_jax.core import Network, run
from rnn_jax.report.study_folder import STUDY_FIGURES
from rnn_jax.studies.representation.study import donors, features, reported, representation, said
from rnn_jax.studies.representation.verdicts import CLAIMS, judge, tables
from rnn_jax.tasks import EasyAndXor, check_trials, stimuli
from rnn_jax.training import asked_squared_error

KEY = jax.random.key(2)
REPEATS, N = 2, 6
TASK = EasyAndXor(noise=0.0)
# what units 0 to 3 hold of a, and of -b c; unit 4 hears much of a and is not read; 5 is silent
HOLDS = jnp.asarray([[3.0, 0], [1, 0], [0, 2], [0, 1], [5, 0], [0, 0]])
READS = jnp.asarray([[1.0, 1, 0, 0, 0, 0], [0, 0, 2, 1, 0, 0]])


class Latch:
    """`h + HOLDS (a, -b c) / 2` at each of the two steps of the flash; it forgets nothing."""

    def __call__(self, h, x):
        return h + HOLDS @ jnp.stack([x[0], -x[1] * x[2]]) / 2


NETWORK = Network(Latch(), lambda h: READS @ h, jnp.zeros(N))


@pytest.fixture(scope="module")
def clean():
    trials = TASK.balanced(KEY, REPEATS)
    labels, parts = features(REPEATS)
    return trials, jax.vmap(lambda x: run(NETWORK, x).hs)(trials.xs), labels, parts


# the task


def test_both_outputs_are_what_they_say():
    trials = EasyAndXor(noise=0.0).sample(KEY, 40)
    check_trials(trials)
    bits = trials.xs[:, 0]
    assert_array_equal(jnp.abs(bits), 1)
    assert_array_equal(trials.targets[:, -1, 0], bits[:, 0])
    assert_array_equal(trials.targets[:, -1, 1] > 0, (bits[:, 1] > 0) ^ (bits[:, 2] > 0))
    assert_array_equal(sum(trials.epochs.values()), 1)
    for name, array in (("cue", trials.xs), ("report", trials.targets)):
        assert_array_equal((array != 0).all(-1), trials.epochs[name] > 0)
    noisy = EasyAndXor(noise=0.2).sample(KEY, 400).xs - EasyAndXor(noise=0.0).sample(KEY, 400).xs
    assert_allclose(noisy.std(), 0.2, rtol=0.02)


def test_balanced_features_are_exactly_uncorrelated():
    labels, parts = features(REPEATS)
    rows = jnp.stack(list(parts.values()))
    assert_array_equal(rows @ rows.T, len(labels) * jnp.eye(7))
    assert_array_equal(rows.sum(1), 0)
    trials = EasyAndXor().balanced(KEY, REPEATS)
    assert_array_equal(trials.targets[:, -1], labels)
    assert len(np.unique(np.asarray(stimuli(1)), axis=0)) == 8


@pytest.mark.parametrize("feature", [0, 1])
def test_a_donor_differs_in_one_feature_alone(feature):
    labels, _ = features(REPEATS)
    new = labels[donors(feature, REPEATS)]
    assert_array_equal(new[:, feature], -labels[:, feature])
    assert_array_equal(new[:, 1 - feature], labels[:, 1 - feature])
    bits = stimuli(REPEATS)
    changed = (bits[donors(feature, REPEATS)] != bits).sum(0)
    assert_array_equal(changed, [16, 0, 0] if feature == 0 else [0, 8, 8])


def test_steps_that_ask_for_nothing_are_free():
    targets = jnp.zeros((3, 2)).at[2].set(jnp.asarray([1.0, -1.0]))
    ys = jnp.asarray([[9.0, 9], [9, 9], [0.5, 1]])
    trajectory = run(NETWORK, jnp.zeros((3, 3)))
    assert_allclose(asked_squared_error(NETWORK, trajectory, ys, targets), (0.25 + 4) / 2)
    assert float(asked_squared_error(NETWORK, trajectory, ys, 0 * targets)) == 0


# the interventions


def test_shares_of_variance_are_the_squares_and_those_of_a_regression(clean):
    trials, hs, _, parts = clean
    window = trials.epochs["delay"][0]
    found = explained(hs, parts, window)
    squares = np.asarray((HOLDS**2).sum(0))
    assert_allclose([found["easy"], found["hard"]], squares / squares.sum())
    assert_allclose([found[name] for name in parts if name not in ("easy", "hard")], 0, atol=1e-12)
    # any states, by least squares
    other = jnp.asarray(np.random.default_rng(0).normal(size=hs.shape)) + hs
    flat = np.asarray(other[:, 2:10]).reshape(len(hs), -1)
    flat = flat - flat.mean(0)
    for name, share in explained(other, parts, window).items():
        z = np.asarray(parts[name])[:, None]
        left = flat - z @ np.linalg.lstsq(z, flat, rcond=None)[0]
        assert_allclose(share, 1 - (left**2).sum() / (flat**2).sum())


def test_the_plane_turns_its_own_output_round_and_leaves_the_other(clean):
    trials, hs, labels, _ = clean
    delay = trials.epochs["delay"][0]
    plain = said(jax.vmap(lambda h: h @ READS.T)(hs))
    for f in (0, 1):
        plane = coding_plane(hs, labels[:, f], labels[:, 1 - f])
        ys = interchanged(NETWORK, trials.xs, hs[donors(f, REPEATS)], plane, delay)
        assert_allclose(role(plain, said(ys), labels), np.eye(2)[f], atol=1e-12)
        assert_allclose(said(ys)[:, f], -plain[:, f])


def test_the_plane_follows_a_code_that_depends_on_the_other_feature():
    labels, _ = features(REPEATS)
    a, x = labels.T
    # of x, unit 1 says what unit 0 does where a is 1, and the opposite where it is -1
    hs = jnp.stack([x, a * x, a], -1)[:, None] * jnp.ones((1, 3, 1))
    plane = coding_plane(hs, x, a)
    assert_allclose(plane @ plane.mT, jnp.tile(jnp.diag(jnp.asarray([1.0, 1, 0])), (3, 1, 1)))


def test_an_interchange_is_the_equation_step_by_step():
    cell = GRU(H.I, H.N, key=KEY)
    network = Network(cell, lambda h: h[:2] - h[2:], 0.3 * jnp.ones(H.N))
    xs = jnp.stack([H.inputs(s) for s in range(3)])
    value = jnp.asarray(np.random.default_rng(1).normal(size=(3, H.T, H.N)))
    basis = jnp.linalg.qr(jnp.asarray(np.random.default_rng(2).normal(size=(H.T, H.N, 2))))[0]
    window = jnp.zeros(H.T).at[2:4].set(1.0)
    got = interchanged(network, xs, value, basis, window)
    h = network.h0
    for t in range(H.T):
        h = network.step(h, xs[1, t])
        h = h + window[t] * basis[t] @ basis[t].T @ (value[1, t] - h)
        assert_allclose(got[1, t], network.readout(h), atol=1e-12)


def test_needed_units_are_those_that_are_read_by_their_part(clean):
    trials, hs, labels, _ = clean
    delay, asked = trials.epochs["delay"][0], trials.epochs["report"][0]
    for f, effects in ((0, [3 / 4, 1 / 4, 0, 0, 0, 0]), (1, [0, 0, 4 / 5, 1 / 5, 0, 0])):
        alone = Network(NETWORK.step, lambda h, f=f: (READS @ h)[f : f + 1], NETWORK.h0)
        value = hs[donors(f, REPEATS)]
        found = needed_units(alone, trials.xs, labels[:, f], value, delay, asked, 2)
        assert_allclose(found.effects, effects, atol=1e-12)
        assert_array_equal(found.single, np.asarray(effects) > 0)
        assert_array_equal(found.greedy, np.asarray(effects) > 0)
        assert_allclose(found.path, [max(effects), 1])


def test_a_greedy_set_sees_the_copies_that_single_units_do_not():
    # the better of two copies speaks, and a third unit says a little by itself
    reads = lambda h: (jnp.maximum(h[0], h[1]) + 0.25 * h[2])[None]
    network = Network(lambda h, x: h + x[0] * jnp.asarray([1.0, 1, 1, 0]), reads, jnp.zeros(4))
    xs = jnp.ones((2, 4, 1)).at[:, 1:].set(0.0)
    window, asked = jnp.asarray([0.0, 1, 1, 0]), jnp.asarray([0.0, 0, 0, 1])
    found = needed_units(network, xs, jnp.ones(2), jnp.zeros((2, 4, 4)), window, asked, 3)
    assert_allclose(found.effects, [0, 0, 0.1, 0], atol=1e-12)
    assert_allclose(found.path, [0.1, 0.1, 0.5], atol=1e-12)
    assert_array_equal(found.greedy, [1, 1, 1, 0])


def test_the_margin_and_the_mean_look_at_the_report_alone():
    ys = jnp.zeros((TASK.steps, 1)).at[: TASK.steps - TASK.report].set(7.0).at[-1].set(2.0)
    assert_allclose(reported(ys, -jnp.ones_like(ys)), -2 / TASK.report)
    assert_allclose(said(ys[None]), [[2 / TASK.report]])


# the study


@pytest.fixture(scope="module")
def found():
    return representation(range(2), steps=3, units=8, cells=("vanilla",))


@pytest.mark.slow
def test_the_study_has_all_its_numbers(found):
    assert found["seed"].values.tolist() == [0, 1]
    assert all(np.isfinite(found[name].values).all() for name in found)
    assert_allclose(found["share"].sum("part"), 1)
    assert found["share"].values.min() > -1e-9
    for name in ("accuracy", "patched_accuracy", "precision", "overlap"):
        assert found[name].values.min() >= 0
        assert found[name].values.max() <= 1
    # seeds are networks of their own, and shuffled weights are other ones
    assert abs(found["share"].diff("seed")).max() > 1e-3
    assert abs(found["share"].diff("network")).max() > 1e-3
    for draw in STUDY_FIGURES["representation-vs-role"].values():
        assert draw(found).axes


def test_three_steps_of_training_are_not_enough_to_claim_anything(found):
    verdicts = {v.claim: v.fell for v in judge(found)}
    assert list(verdicts) == list(CLAIMS.values())
    assert verdicts[CLAIMS["learned"]] == "refuted"
    assert "### vanilla" in tables(found)


def told(found, **changes):
    """The study's numbers replaced by constants that differ a little between seeds."""
    out = found if found.sizes["seed"] == 5 else found.isel(seed=[0, 1, 0, 1, 0])
    out = out.copy(deep=True)
    jitter = xr.DataArray(1e-4 * np.arange(5), dims="seed")
    for name, (where, value) in changes.items():
        out[name].loc[where] = (out[name].loc[where] * 0 + value + jitter).transpose(
            *out[name].loc[where].dims
        )
    return out


def set_share(found, easy, hard):
    found = told(found, share=({"network": "trained", "part": "easy"}, easy))
    return told(found, share=({"network": "trained", "part": "hard"}, hard))


@pytest.mark.parametrize(
    ("make", "claim", "fell"),
    [
        (lambda f: told(f, accuracy=({}, 0.995)), "learned", "holds"),
        (lambda f: set_share(f, 0.5, 0.1), "variance", "holds"),
        (lambda f: set_share(f, 0.1, 0.5), "variance", "refuted"),
        (lambda f: told(f, role=({}, 1.0)), "role", "holds"),
        (
            lambda f: told(
                told(f, role=({}, 1.0)), role=({"feature": "hard", "output": "hard"}, 0.2)
            ),
            "role",
            "refuted",
        ),
        (lambda f: told(f, patched_accuracy=({}, 0.5)), "follows", "refuted"),
        (
            lambda f: told(
                told(f, precision=({"output": "easy"}, 0.9)), precision=({"output": "hard"}, 0.5)
            ),
            "by variance",
            "holds",
        ),
        (
            lambda f: told(
                told(f, precision=({"output": "easy"}, 0.5)), precision=({"output": "hard"}, 0.9)
            ),
            "by correlation",
            "refuted",
        ),
        (
            lambda f: told(
                told(f, precision=({"output": "easy"}, 0.9)), precision=({"output": "hard"}, 0.5)
            ),
            "by gradient",
            "refuted",
        ),
    ],
)
def test_the_judge_says_what_the_numbers_say(found, make, claim, fell):
    verdicts = {v.claim: v.fell for v in judge(make(found))}
    assert verdicts[CLAIMS[claim]] == fell


def test_seeds_that_disagree_decide_nothing(found):
    split = found.isel(seed=[0, 1, 0, 1, 0]).assign_coords(seed=range(5)).copy(deep=True)
    split["precision"].loc[{"output": "hard", "seed": [0, 2, 4]}] = 1.0
    split["precision"].loc[{"output": "hard", "seed": [1, 3]}] = 0.0
    split["precision"].loc[{"output": "easy"}] = 0.5
    verdicts = {v.claim: v.fell for v in judge(split)}
    assert verdicts[CLAIMS["by variance"]] == "undecided"
