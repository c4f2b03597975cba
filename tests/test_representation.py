"""Representation and role: shares, planes and roles by closed forms; every verdict can fall."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.cells import Affine, Vanilla
from rnn_jax.core import Network
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import write_up
from rnn_jax.studies.coding import coding_plane, explained, interchanged, needed_units, role
from rnn_jax.studies.representation import REPRESENTATION, donors, features, representation, said
from rnn_jax.studies.representation_claims import CLAIMS, judge
from rnn_jax.tasks import EasyAndXor, check_trials, stimuli

KEY = jax.random.key(2)
REPEATS = 4
TASK = EasyAndXor()


def test_the_task_asks_for_two_uncorrelated_features():
    trials = TASK.balanced(KEY, REPEATS)
    check_trials(trials)
    labels, parts = features(REPEATS)
    rows = np.stack(list(parts.values()))
    # seven functions of three bits, and no two alike
    np.testing.assert_allclose(rows @ rows.T / rows.shape[1], np.eye(7), atol=1e-12)
    asked = np.asarray(trials.epochs["report"][0]) > 0
    np.testing.assert_array_equal(
        trials.targets[:, asked], np.broadcast_to(labels[:, None], (32, TASK.report, 2))
    )
    assert not np.asarray(trials.targets[:, ~asked]).any()
    bits = np.asarray(stimuli(REPEATS))
    np.testing.assert_array_equal(labels[:, 1] > 0, (bits[:, 1] > 0) ^ (bits[:, 2] > 0))


def test_donors_differ_in_one_feature_and_not_in_the_other():
    labels, _ = features(REPEATS)
    for f in (0, 1):
        given = labels[donors(f, REPEATS)]
        np.testing.assert_array_equal(given[:, f], -labels[:, f])
        np.testing.assert_array_equal(given[:, 1 - f], labels[:, 1 - f])


def planted(noise=0.0):
    """States `[B, 5, 4]`: the easy feature on axis 0, thrice as large as the hard one on 1."""
    labels, parts = features(REPEATS)
    hs = jnp.zeros((32, 5, 4)).at[:, :, 0].set(3.0 * labels[:, :1]).at[:, :, 1].set(labels[:, 1:])
    return hs + noise * jax.random.normal(KEY, hs.shape), labels, parts


def test_shares_of_variance_by_hand():
    hs, _, parts = planted()
    window = jnp.array([0.0, 1, 1, 0.5, 0])
    found = explained(hs, parts, window)
    np.testing.assert_allclose(found["easy"], 0.9, atol=1e-12)
    np.testing.assert_allclose(found["hard"], 0.1, atol=1e-12)
    np.testing.assert_allclose(sum(found.values()), 1.0, atol=1e-12)
    # what is no feature is left over
    noisy, _, _ = planted(noise=1.0)
    assert 0.5 < float(sum(explained(noisy, parts, window).values())) < 0.95


def test_the_plane_of_a_feature_holds_its_axis_alone():
    hs, labels, _ = planted()
    # in the other context the classes differ along axis 2 as well
    hs = hs.at[:, :, 2].set(0.5 * labels.prod(1)[:, None])
    plane = coding_plane(hs, labels[:, 0], labels[:, 1])
    np.testing.assert_allclose(jnp.abs(plane[:, 0, 0]), 1.0, atol=1e-12)
    np.testing.assert_allclose(jnp.abs(plane[:, 2, 1]), 1.0, atol=1e-12)
    np.testing.assert_allclose(plane[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(
        jnp.swapaxes(plane, 1, 2) @ plane, np.broadcast_to(np.eye(2), (5, 2, 2)), atol=1e-12
    )


def holds():
    """A network that holds `a` on unit 0 and `b` on unit 1, and tells both; two units are idle."""
    cell = Vanilla(3, 4, key=KEY, activation=_same)
    w, u = jnp.diag(jnp.array([1.0, 1, 0, 0])), jnp.zeros((4, 3)).at[0, 0].set(1).at[1, 1].set(1)
    cell = eqx.tree_at(lambda c: (c.w, c.u), cell, (w, u))
    readout = Affine(4, 2, key=KEY)
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (jnp.eye(2, 4), jnp.zeros(2)))
    return Network(cell, readout, jnp.zeros(4))


def _same(a):
    return a


def test_an_interchange_turns_its_own_output_and_no_other():
    network = holds()
    xs = TASK.balanced(KEY, REPEATS).xs
    hs = jnp.cumsum(xs, 1)[:, :, [0, 1, 0, 0]] * jnp.array([[[1.0, 1, 0, 0]]])
    bits = stimuli(REPEATS)[:, :2]
    clean = said(hs[:, :, :2])
    trial = jnp.arange(32)
    plane = jnp.broadcast_to(jnp.eye(4)[None, :, :1], (TASK.steps, 4, 1))
    window = jnp.zeros(TASK.steps).at[4:8].set(1.0)
    ys = said(interchanged(network, xs, hs[trial ^ 4], plane, window))
    found = role(clean, ys, bits)
    # noise after the window is the trial's own
    np.testing.assert_allclose(found, [1.0, 0.0], atol=0.1)
    np.testing.assert_allclose(role(clean, clean, bits), 0.0)
    np.testing.assert_allclose(role(clean, -clean, bits), 1.0)


def test_needed_units_are_the_one_that_is_told():
    network = holds()
    told = Network(network.step, lambda h: h[1:2], network.h0)
    trials = TASK.balanced(KEY, REPEATS)
    hs = jnp.cumsum(trials.xs, 1)[:, :, [0, 1, 0, 0]] * jnp.array([[[1.0, 1, 0, 0]]])
    z = stimuli(REPEATS)[:, 1]
    value = hs[jnp.arange(32) ^ 2]
    delay, asked = trials.epochs["delay"][0], trials.epochs["report"][0]
    found = needed_units(told, trials.xs, z, value, delay, asked, 1)
    np.testing.assert_array_equal(found.single, [False, True, False, False])
    np.testing.assert_array_equal(found.greedy, found.single)
    np.testing.assert_allclose(found.effects[jnp.array([0, 2, 3])], 0.0, atol=1e-12)
    np.testing.assert_allclose(found.effects[1], found.path[0])
    assert 0.8 < float(found.effects[1]) < 1.2


@pytest.fixture(scope="module")
def found():
    return representation(range(2), steps=30, units=12, cells=("vanilla",))


def test_a_run_says_all_there_is(found):
    assert found.sizes["selector"] == 9
    shares = found["share"].sum("part")
    np.testing.assert_allclose(shares, 1.0, atol=1e-6)
    assert (found["precision"] >= 0).all()
    assert (found["precision"] <= 1).all()
    said = write_up("representation-vs-role", REPRESENTATION, found)
    assert all(claim.refuted_by in said for claim in CLAIMS.values())
    for draw in STUDY_FIGURES["representation-vs-role"].values():
        assert draw(found).axes


def test_untrained_networks_do_not_pass_for_trained(found):
    fell = dict(zip(CLAIMS, (verdict.fell for verdict in judge(found)), strict=True))
    assert fell["learned"] == "refuted"


def test_every_claim_falls_as_its_numbers_do(found):
    def fell(**changed):
        one = found.copy(deep=True)
        one["accuracy"][:] = 1.0
        for name, value in changed.items():
            one[name].loc[value[0]] = value[1]
        return dict(zip(CLAIMS, (verdict.fell for verdict in judge(one)), strict=True))

    assert fell()["learned"] == "holds"
    trained = {"network": "trained"}
    little = {"share": ({**trained, "part": "hard"}, 0.01)}
    assert fell(**little)["variance"] == "holds"
    assert fell(share=({**trained, "part": "hard"}, 5.0))["variance"] == "refuted"
    assert fell(role=({"plane": "coding"}, 1.0))["role"] == "holds"
    weak = ({"plane": "coding", "feature": "hard", "output": "hard"}, 0.0)
    assert fell(role=weak)["role"] == "refuted"
    assert fell(patched_accuracy=({"plane": "coding"}, 1.0))["follows"] == "refuted"
    for claim, selector in (("by variance", "variance"), ("by gradient", "gradient")):
        other = {"truth": "single", "selector": selector}
        one = found.copy(deep=True)
        one["precision"].loc[{**other, "output": "easy"}] = 0.9
        one["precision"].loc[{**other, "output": "hard"}] = 0.1
        fallen = dict(zip(CLAIMS, (verdict.fell for verdict in judge(one)), strict=True))
        assert fallen[claim] == ("holds" if selector == "variance" else "refuted")
