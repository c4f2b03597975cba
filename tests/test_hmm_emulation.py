"""Kick neurons, populations, onset and reuse, on a network whose motif is known."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.cells import Affine, Vanilla, zero_state
from rnn_jax.contrasts import Search
from rnn_jax.core import Network, clean_run
from rnn_jax.studies.hmm_emulation import kick, onset, study
from rnn_jax.studies.hmm_emulation.behaviour import (
    Size,
    _outputs,
    behaviours,
    behaviours_of,
    matched_sets,
)
from rnn_jax.studies.hmm_emulation.early import early
from rnn_jax.studies.hmm_emulation.networks import Recipe, Run, strain, trained, untrained
from rnn_jax.studies.hmm_emulation.own_noise import SILENT, _apart, own_noise
from rnn_jax.studies.hmm_emulation.populations import integrating, populations, scaled
from rnn_jax.studies.hmm_emulation.reuse import reuse
from rnn_jax.studies.hmm_emulation.switches import (
    BURN_IN,
    GATHER,
    KICK,
    LENGTH,
    NOISE,
    READ,
    Span,
    directions,
    pools,
    switches,
)

KEY = jax.random.key(0)
READ_UNITS, UNITS = 2, 8


def duel(units=UNITS, hold=0.9):
    """Two units that each add up noise of their own, and whose larger one is the output.

    The others add up the same noise and nobody reads them: they tell of switches, and do nothing.
    """
    cell = Vanilla(2, units, key=KEY, activation=jax.nn.relu, use_bias=False)
    noise = jnp.eye(2)[jnp.arange(units) % 2] * jnp.linspace(1, 1.2, units)[:, None]
    cell = eqx.tree_at(lambda c: (c.w, c.u), cell, (hold * jnp.eye(units), noise))
    readout = Affine(units, 2, key=KEY, use_bias=False)
    readout = eqx.tree_at(lambda r: r.c, readout, jnp.eye(2, units))
    return Network(cell, readout, zero_state(cell))


NETWORK = duel()
ONLY_READ = np.arange(UNITS) < READ_UNITS


def test_a_switch_lasts_and_comes_after_rest():
    said = np.zeros((5, LENGTH), int)
    at = BURN_IN + 8
    said[0, at:] = 1  # a switch
    said[1, at] = 1  # too short
    said[2, at - 3 : at - 1] = said[2, at:] = 1  # no rest before the later one
    said[3, BURN_IN - 9 :] = 1  # too early
    found = switches(said)
    assert found.at.tolist() == [at, -1, at - 3, -1, -1]
    assert (found.old[0], found.new[0]) == (0, 1)


def test_foils_hear_other_noise_in_four_steps_and_stay():
    found, shares = pools(NETWORK, KEY, 12, most=1)
    trials = found[0, 1]
    assert 0 < shares[0, 1] <= 1
    (contrast,) = trials.contrasts.values()
    event, rows = np.asarray(contrast.event), np.arange(12)
    at = event - NOISE[0]
    assert (event > 0).all()
    other = np.argwhere((np.asarray(trials.xs) != np.asarray(contrast.foil)).any(-1))
    since = np.unique(other[:, 1] - at[other[:, 0]])
    assert since.tolist() == list(range(*NOISE))
    said = [np.asarray(clean_run(NETWORK, xs)[1]).argmax(-1) for xs in (trials.xs, contrast.foil)]
    assert (said[0][rows, at] == 1).all()
    for k in range(NOISE[0], READ[1]):
        assert (said[1][rows, at + k] == 0).all()
    spans = {"gather": GATHER, "kick": KICK}
    for name, span in spans.items():
        assert np.unique(np.argwhere(contrast.epochs[name])[:, 1] - at.repeat(2)).tolist() == list(
            range(*span)
        )


def test_switches_are_sought_where_they_are_asked_for():
    found, _ = pools(NETWORK, KEY, 6, most=1, span=Span(10, 24))
    for trials in found.values():
        (contrast,) = trials.contrasts.values()
        at = np.asarray(contrast.event) - NOISE[0]
        at = at[np.asarray(contrast.event) >= 0]
        assert trials.xs.shape[1] == 24
        assert (at >= 10).all()
        assert (at < 24 - READ[1]).all()


SMALL = kick.Asked(48, Search(bases=2, splits=1, random_sets=9), 19, Size(16, 150))


@pytest.fixture(scope="module")
def kicked():
    return kick.kick_neurons(NETWORK, KEY, SMALL)


@pytest.mark.slow
def test_kick_neurons_are_the_units_that_are_read(kicked):
    members = kicked["members"][:, 1, 0].astype(bool)
    assert members.any(1).all()
    assert not members[:, READ_UNITS:].any()
    own, rival = kicked["kept"][:, 1, 0], kicked["kept"][:, 1, 1]
    assert (own > 0.9).all()
    assert (own >= rival - 1e-6).all()


@pytest.mark.slow
def test_kick_neurons_held_at_0_stop_what_matched_units_do_not(kicked):
    sets = dict(zip(kick.SETS, kicked["leaving"].T, strict=True))
    np.testing.assert_allclose(sets["matched"], sets["whole"], rtol=1e-6)
    assert sets["kick"][0] == 0 < sets["whole"][0]
    # the second output is never said again
    assert np.isnan(sets["kick"][1])
    assert np.isnan(kicked["p"][1])
    assert kicked["transition"].shape == (2, 5, 2, 2)


@pytest.mark.slow
def test_kick_neurons_of_early_steps_are_the_same_units_here():
    found = early(NETWORK, np.stack([ONLY_READ, ~ONLY_READ]), 60, KEY, SMALL)
    assert (found["members"][:, 1, 0].sum(1) > 0).all()
    assert not found["members"][:, 1, 0, READ_UNITS:].any()
    assert found["alike"][0] > 0.5 > 0 > found["alike"][1]
    whole, kicks, *_, matched = found["silent_leaving"].T
    np.testing.assert_allclose(matched, whole)
    assert not (kicks > 0).any()  # nobody pushes either output
    with pytest.raises(ValueError, match="length"):
        early(NETWORK, np.stack([ONLY_READ] * 2), 10, KEY, SMALL)


def test_runs_after_a_shorter_burn_in_are_the_same_runs():
    asked = [Size(4, 60), Size(4, 100, 10)]
    late, whole = (_outputs(NETWORK, jnp.ones(UNITS), KEY, size) for size in asked)
    np.testing.assert_array_equal(whole[:, 40:], late)


def test_behaviour_counts_what_runs_do():
    found = behaviours(NETWORK, np.stack([np.ones(UNITS), 1.0 - ONLY_READ]), KEY, Size(4, 60))
    assert found.counts.shape == (2, 4, 2, 2)
    np.testing.assert_array_equal(found.counts.sum((-1, -2)), 59)
    # both outputs are 0: the first is said for ever
    assert found.rate[1].max() == 0
    # who is never in the second output does not leave it rarely
    assert found.leaving((0, 1))[1] == 0
    assert np.isnan(found.leaving((1, 0))[1])
    whole = found.counts[0].sum(0)
    assert found.rate[0].mean() == pytest.approx(1 - np.trace(whole) / whole.sum())
    assert found.leaving((0, 1))[0] == pytest.approx(whole[0, 1] / whole[0].sum())
    assert found.residence[0] == pytest.approx(whole.sum() / (whole[0, 1] + whole[1, 0]))
    np.testing.assert_allclose(found.transition[0].sum(0), 1)
    again = behaviours_of([NETWORK], KEY, Size(4, 60))
    np.testing.assert_array_equal(again.counts[0], found.counts[0])


def test_matched_sets_are_as_large_alike_and_without_members():
    rng = np.random.default_rng(0)
    features, members = rng.normal(size=(60, 2)), np.arange(60) < 5
    features[:, 0] += 50 * (np.arange(60) % 2)
    sets = matched_sets(KEY, members, features, 40)
    assert sets.shape == (40, 60)
    assert (sets.sum(1) == 5).all()
    assert not sets[:, members].any()
    odd = np.arange(60) % 2 == 1
    assert (sets[:, odd].sum(1) == members[odd].sum()).all()
    assert len(np.unique(sets, axis=0)) > 20
    everyone = matched_sets(KEY, members, features, 40, np.ones(60, bool))
    assert (everyone.sum(1) == 5).all()
    assert everyone[:, members].any()
    assert not everyone[:, members].all()


def test_integrating_units_push_one_way_and_hold_the_other():
    towards, back = np.eye(8, dtype=bool)[:2]
    w = np.zeros((8, 8))
    w[0, 2:5], w[1, 2:5] = 1.0, -1.0
    w[0, 5:7], w[1, 5:7] = -0.5, 0.5
    w[0, 7] = w[1, 7] = 1.0
    network = eqx.tree_at(lambda n: n.step.w, NETWORK, jnp.asarray(w))
    pushing, holding = integrating(network, towards, back)
    assert np.flatnonzero(pushing).tolist() == [2, 3, 4]
    assert set(np.flatnonzero(holding)) <= {5, 6}
    edited = scaled(network, pushing, "noise", 0.5)
    np.testing.assert_allclose(edited.step.u[2:5], 0.5 * network.step.u[2:5])
    np.testing.assert_array_equal(edited.step.u[5:], network.step.u[5:])
    np.testing.assert_array_equal(scaled(network, pushing, "recurrent", 0.0).step.w[2:5], 0)


def test_populations_are_measured_at_every_scale():
    w = 0.9 * np.eye(8)
    w[0, 2:4], w[1, 2:4] = 0.02, -0.02
    network = eqx.tree_at(lambda n: n.step.w, NETWORK, jnp.asarray(w))
    sets = np.eye(8, dtype=bool)[:2]
    features = np.random.default_rng(0).normal(size=(8, 2))
    found = populations(network, (0, 1), *sets, features, KEY, 5, Size(8, 100))
    assert found["rate"].shape == (4, 2, 5)
    whole = found["rate"][:, :, 2]
    np.testing.assert_array_equal(whole, whole[0, 0])
    assert 0 < found["p"] <= 1
    assert found["control_low"] <= found["control_high"]
    # without its noise the unit that is read hears less, and wins less often
    assert found["rate"][0, 0, 0] != whole[0, 0]


def run_of(networks):
    """A training run that is told rather than trained."""
    flat = lambda n: np.concatenate(
        [np.ravel(n.step.w), np.ravel(n.step.u), np.ravel(n.readout.c)]
    )
    count = len(networks)
    losses = np.where(np.arange(count) < count // 2, 5.0, 1.0)[:, None] * np.ones((1, 3))
    looks = {"epoch": np.array([1, 3]), "transition": np.array([0.1, 0.01])}
    looks |= {"changes": np.array([1.0, 1.01]), "nats": np.array([0.0, 0.02])}
    return Run(networks[0], np.stack([flat(n) for n in networks]), losses, looks, "told")


def test_weights_of_an_epoch_come_back():
    networks = [duel(hold=hold) for hold in (0.5, 0.8)]
    found = run_of(networks).network(1)
    np.testing.assert_array_equal(found.step.w, networks[1].step.w)
    np.testing.assert_array_equal(found.readout.c, networks[1].readout.c)
    assert run_of(networks).best == 3
    np.testing.assert_allclose(strain(run_of(networks).looks), [5.0, 2.0])


def test_onset_is_where_the_network_changes():
    silent = eqx.tree_at(lambda n: n.readout.c, NETWORK, NETWORK.readout.c.at[1].set(0))
    grown = eqx.tree_at(lambda n: n.step.w, NETWORK, 1.01 * jnp.eye(UNITS))
    mixed = eqx.tree_at(lambda n: n.step.w, NETWORK, 0.5 * NETWORK.step.w)
    run = run_of([silent] * 4 + [mixed] * 4)
    found = onset.onset(run, {}, KEY, onset.Asked(1, 4, 8))
    assert found["rate"][:4].max() == 0 < found["rate"][4:].min()
    np.testing.assert_array_equal(found["rate_onset"][:3], 4)
    np.testing.assert_array_equal(found["loss_onset"][:3], 4)
    assert np.isnan(found["kick_effect"]).all()
    later = onset.onset(run_of([NETWORK] * 3 + [grown] * 5), {}, KEY, onset.Asked(1, 4, 8))
    np.testing.assert_array_equal(later["unstable_onset"][:3], 3)
    assert later["unstable"][0] == 0 < later["unstable"][-1] <= UNITS


def test_reuse_of_one_motif_is_whole():
    kicks = np.stack([ONLY_READ, ONLY_READ])
    features = np.arange(UNITS * 2.0).reshape(UNITS, 2)
    found = reuse(NETWORK, kicks, features, KEY, Size(8, 100))
    np.testing.assert_allclose(found["alike"], 1.0)
    # a set drawn from all units near its own shares them by chance
    own = found["alike_matched"][:, 0, 1]
    assert -0.5 < own.mean() < 0.5 < own.max() <= 1
    np.testing.assert_allclose(found["angle"], 0.0, atol=1e-3)
    assert found["chance"] >= 0
    # without both read units the first output stays
    np.testing.assert_array_equal(found["removed"][0], [0, np.nan])
    nobody = reuse(NETWORK, np.zeros_like(kicks), features, KEY, Size(8, 100))
    assert np.isnan(nobody["removed"]).all()
    assert np.isnan(nobody["alike"]).all()


TINY = Recipe("linear-2", 12, 20, 0.9, 8, 10, 4)


class Kept(dict):
    """Keeps parts by name, and stops when it has as many as are allowed."""

    allowed = 99

    def __call__(self, name, compute):
        if name not in self:
            if len(self) >= self.allowed:
                raise InterruptedError
            self[name] = compute()
        return self[name]


@pytest.mark.slow
def test_training_goes_on_to_the_same_bytes():
    whole = trained(TINY, 3)
    kept = Kept()
    kept.allowed = 1
    with pytest.raises(InterruptedError):
        trained(TINY, 3, kept)
    kept.allowed = 99
    again = trained(TINY, 3, kept)
    assert whole.weights.shape == (20, 10 * 10 + 10 * 4 + 3 * 10)
    np.testing.assert_array_equal(again.weights, whole.weights)
    np.testing.assert_array_equal(again.losses, whole.losses)
    assert whole.looks["epoch"].tolist() == [4, 9, 14, 19]
    assert np.abs(untrained(TINY, 3).step.w).max() <= 10**-0.5
    assert not np.allclose(whole.network(0).step.w, whole.network(19).step.w)


def test_without_the_noise_of_the_units_that_are_read_nothing_switches():
    network = duel(12)
    sets = np.arange(12)[None] == np.array([[0], [1]])
    features = np.random.default_rng(0).normal(size=(12, 2))
    features[1] = 100.0  # so that it stands in for nobody
    found = own_noise(network, sets, features, KEY, 9, Size(8, 150))
    whole, kick, *_, matched = found["leaving"][0]
    # the others hear the same noise, and nobody reads them
    assert matched == pytest.approx(whole)
    assert kick != whole
    assert found["leaving"].shape == (2, len(SILENT))
    assert found["returning"][0][0] == found["leaving"][1][0]
    np.testing.assert_allclose(found["share"][0][0] + found["share"][1][0], 1)
    nobody = own_noise(network, np.zeros_like(sets), features, KEY, 3, Size(4, 60))
    assert all(np.isnan(value).all() for value in nobody.values())
    assert {name: value.shape for name, value in nobody.items()} == {
        name: value.shape for name, value in found.items()
    }


def test_groups_are_said_to_be_apart_in_deviations():
    features = np.stack([np.arange(8.0), np.ones(8)], 1)
    members, random = np.arange(8) >= 6, np.arange(8)[None] < 2
    far = _apart(features, members, random)
    np.testing.assert_allclose(far, [6 / np.arange(8).std(), 0])


def test_nobody_held_has_no_behaviour():
    nobody, features = np.zeros(UNITS, bool), np.zeros((UNITS, 2))
    asked = SMALL._replace(matched=2, behaviour=Size(2, 40))
    found = kick.held(NETWORK, (0, 1), [nobody] * 3, features, asked, KEY)
    assert np.isfinite(found["leaving"][0])
    for name in ("leaving", "rate", "other", "residence", "transition"):
        assert np.isnan(found[name][1:]).all()
    assert np.isnan([found[name] for name in ("p", "matched_low", "matched_high")]).all()


def test_settings_say_what_is_trained():
    asked = study.EmulationSettings(hmm="cyclic", units=20, noise=5)
    assert asked.recipe == Recipe("cyclic", 40, 500, 0.3, 1024, 20, 5)
    quick = dataclasses.replace(asked, quick=True, epochs=10)
    assert quick.recipe == Recipe("cyclic", 30, 10, 0.3, 512, 20, 5)
    assert (list(asked.range), list(quick.range)) == ([0, 1, 2], [0])
    for bad in ({"units": 3}, {"epochs": 0}, {"batch_size": 0}, {"noise": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            study.EmulationSettings(**bad)


def test_what_is_shorter_in_one_network_is_filled_up():
    dims, values = study._together("onset_rate", [np.ones(3), np.ones(5), None])
    assert dims == ("seed", "onset_rate_0")
    np.testing.assert_array_equal(np.isnan(values).sum(1), [2, 0, 5])


def test_directions_are_ordered_pairs():
    assert directions(2) == [(0, 1), (1, 0)]
    assert len(directions(3)) == 6
