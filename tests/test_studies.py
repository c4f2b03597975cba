"""The main job end to end, in small: what is planted is found, and the truth is never seen."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, First, network

from rnn_jax.causal import squared_error
from rnn_jax.causal.ranking import rank_agreement
from rnn_jax.causal.sweep.codes import over_counted
from rnn_jax.core import Network, outputs, run
from rnn_jax.discovery import Settings, Subject, discover, find_subject
from rnn_jax.discovery.plan import Plan
from rnn_jax.report import epoch_table
from rnn_jax.report.view import carried
from rnn_jax.tasks import Trials

QUICK = Settings(random_sets=19, resamples=99, flips=199, contrasts=False)


class Relay(eqx.Module):
    """Unit 0 holds its input, unit 1 shows it; units 2 and 3 hear unit 0 and nobody hears them."""

    w: jax.Array

    def __call__(self, h, x):
        return jnp.tanh(self.w @ h + jnp.array([[1.5], [0.0], [0.7], [0.0]]) @ x)


def relay(count=12, steps=12):
    w = jnp.array(
        [[1.5, 0.0, 0.0, 0.0], [1.2, 0.0, 0.0, 0.0], [0.9, 0.0, 0.0, 0.0], [1.1, 0.0, 0.0, 0.0]]
    )
    sign = jnp.asarray(np.random.default_rng(0).choice([-1.0, 1.0], count))
    xs = jnp.zeros((count, steps, 1)).at[:, :2, 0].set(sign[:, None])
    targets = jnp.broadcast_to(sign[:, None, None], (count, steps, 1))
    late = jnp.zeros((count, steps)).at[:, 6:].set(1.0)
    trials = Trials(xs, targets, {"early": 1 - late, "late": late})
    net = Network(Relay(w), First(jnp.array([[0.0, 1.0, 0.0, 0.0]])), jnp.zeros(4))
    truth = {name: jnp.array([1.0, 1.0, 0.0, 0.0]) for name in trials.epochs}
    return Subject("relay", net, trials, truth=truth)


@pytest.mark.parametrize("value", ["zero", "mean", "resample", "noise"])
@pytest.mark.parametrize("score", ["fidelity", "squared-error"])
def test_a_planted_relay_is_found(value, score):
    settings = dataclasses.replace(QUICK, value=value, score=score)
    found = discover(relay(), settings)
    expected = np.array([[True, True, False, False]] * 2)
    np.testing.assert_array_equal(found.circuit.nodes, expected)
    data = found.dataset
    assert data["precision"].values.tolist() == [1.0, 1.0]
    assert data["recall"].values.tolist() == [1.0, 1.0]
    # an unread unit has no effect at all, however well it correlates
    assert float(abs(data["epoch_effect"].isel(unit=[2, 3])).max()) < 1e-12
    edges = np.asarray(found.circuit.edges)
    assert edges[:, 1, 0].all()
    assert not edges[:, :, 2:].any()
    assert not edges[:, 2:, :].any()


def test_keeping_the_circuit_keeps_the_work():
    data = discover(relay(), QUICK).dataset
    np.testing.assert_allclose(data["faithfulness"], 1.0, atol=1e-6)
    np.testing.assert_allclose(data["necessity"], 1.0, atol=1e-6)


def test_hiding_the_truth_changes_nothing():
    open_, hidden = relay(), dataclasses.replace(relay(), truth=None)
    a, b = discover(open_, QUICK).dataset, discover(hidden, QUICK).dataset
    assert set(a) - set(b) == {"truth", "precision", "recall", "auroc", "average_precision"}
    for name in b:
        np.testing.assert_array_equal(a[name].values, b[name].values)


def test_every_sweep_is_on_record():
    rows = json.loads(discover(relay(), QUICK).dataset.attrs["records"])
    assert [(r["value"], r["direction"], r["window"]) for r in rows] == [
        (value, direction, window)
        for value, direction in (
            ("mean", "necessity"), ("zero", "necessity"), ("patch", "sufficiency")
        )
        for window in ("early", "late")
    ]  # fmt: skip
    assert all(r["changed"] == 12 * 6 for r in rows)
    assert len({r["digest"] for r in rows}) == 6
    other = discover(relay(), dataclasses.replace(QUICK, kind="pulse")).dataset
    fresh = json.loads(other.attrs["records"])
    assert all(r["changed"] == 12 for r in fresh)
    assert not {r["digest"] for r in rows} & {r["digest"] for r in fresh}


def test_the_same_seed_gives_the_same_bytes():
    a, b = discover(relay(), QUICK).dataset, discover(relay(), QUICK).dataset
    assert a.identical(b)


@pytest.mark.parametrize("cell", SOME)
def test_every_cell_can_be_discovered(cell):
    net = network(cell)
    xs = jax.random.normal(jax.random.key(3), (8, 6, 3))
    late = jnp.zeros((8, 6)).at[:, 3:].set(1.0)
    subject = Subject(cell, net, Trials(xs, None, {"early": 1 - late, "late": late}))
    data = discover(subject, QUICK).dataset
    ys = jax.vmap(lambda x: outputs(net, run(net, x)))(xs)
    np.testing.assert_allclose(data["outputs"], ys, atol=1e-6)
    assert data["connectivity"].dims == ("window", "to", "from")
    assert ("wire" in data) == hasattr(net.step, "parts")
    assert bool(np.isfinite(data["effect"]).all())


def test_epochs_that_are_empty_in_some_trials():
    subject = relay()
    window = subject.trials.epochs["late"].at[::2].set(0.0)
    trials = Trials(subject.trials.xs, subject.trials.targets, {"odd": window})
    data = discover(dataclasses.replace(subject, trials=trials, truth=None), QUICK).dataset
    assert bool(np.isfinite(data["epoch_connectivity"]).all())
    assert float(abs(data["epoch_effect"]).max()) > 1e-3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: {"trials": Trials(s.trials.xs, None, {})}, "no epoch"),
        (lambda s: {"units": ("a", "b")}, "2 unit names for 4 units"),
        (
            lambda s: {"trials": eqx.tree_at(lambda t: t.xs, s.trials, s.trials.xs[..., [0, 0]])},
            "rejects an input",
        ),
        (
            lambda s: {
                "trials": eqx.tree_at(
                    lambda t: t.xs, s.trials, s.trials.xs.at[3, 2, 0].set(jnp.nan)
                )
            },
            "trial 3, time 2, channel 0",
        ),
        (
            lambda s: {
                "network": eqx.tree_at(
                    lambda n: n.step.w, s.network, s.network.step.w.at[1, 2].set(jnp.nan)
                )
            },
            r"step.w is not finite at \[1, 2\]",
        ),
    ],
)
def test_bad_subjects_are_refused_before_anything_compiles(change, message):
    subject = relay()
    with pytest.raises(ValueError, match=message):
        discover(dataclasses.replace(subject, **change(subject)), QUICK)


def test_too_few_trials_for_any_p_value():
    with pytest.raises(ValueError, match="trials"):
        discover(relay(count=3), QUICK)


def test_settings_refuse_what_makes_no_sense():
    with pytest.raises(ValueError, match="alpha"):
        Settings(alpha=1.5)
    with pytest.raises(ValueError, match="width"):
        Settings(width=0)


def test_an_unknown_subject_names_the_nearest():
    with pytest.raises(ValueError, match="perhaps you meant ring-attractor"):
        find_subject("ring-atractor")


def test_rounding_is_no_effect_and_empty_trials_do_not_count():
    effects = np.array([[[-1e-9, -1e-9], [-0.5, 0.0]]])
    null = np.array([[[1e-9, 0.0], [0.0, -2e-9]]])
    windows = jnp.zeros((1, 2, 3)).at[0, 0].set(1.0)
    subject = relay()
    plan = Plan(subject.network, subject.trials.xs, subject.trials.targets, squared_error)
    assert plan.with_noise(null).noise == pytest.approx(2e-8)
    got = over_counted(np.where(np.abs(effects) <= 2e-8, 0.0, effects), windows)
    np.testing.assert_allclose(got, [[[0.0, 0.0], [-1.0, 0.0]]])
    np.testing.assert_allclose(got.mean(-1), [[0.0, -0.5]])


def test_a_run_that_failed_does_not_count():
    effects = jnp.array([[[1.0, jnp.inf, 3.0], [jnp.nan, jnp.nan, -jnp.inf]]])
    got = over_counted(effects, jnp.ones((1, 3, 4)))
    np.testing.assert_allclose(got, [[[1.5, 0.0, 4.5], [0.0, 0.0, 0.0]]])
    np.testing.assert_allclose(got.mean(-1), [[2.0, 0.0]])


def test_connections_are_found_where_trials_cancel():
    """As many trials of either sign: the mean flow is nothing but rounding."""
    subject = relay()
    xs = jnp.concatenate([subject.trials.xs, -subject.trials.xs])
    epochs = {name: jnp.concatenate([w, w]) for name, w in subject.trials.epochs.items()}
    balanced = dataclasses.replace(subject, trials=Trials(xs, None, epochs))
    whole = discover(balanced, QUICK)
    found = whole.dataset.sel(epoch="late")
    assert np.abs(found["epoch_connectivity"]).max() < 1e-9
    flow = found["edge_member"].sel({"from": "0", "to": ["0", "1"]})
    assert flow.all()
    assert found["edge_member"].sum() == 2
    # what is drawn and handed on is what edges were chosen by
    drawn = carried(found.expand_dims("epoch"), "epoch_connectivity", "epoch")[0]
    assert np.abs(drawn[:2, 0]).min() > 0.1
    _, late = whole.circuit.weight
    np.testing.assert_allclose(np.abs(late), np.abs(drawn), rtol=1e-6)


class Guarded(eqx.Module):
    """A relay in which unit 2 at zero makes unit 3 huge, on trials where unit 0 is positive."""

    relay: Relay

    def __call__(self, h, x):
        calm = self.relay(h, x).at[3].set(0.5)
        explodes = (h[2] == 0) & (calm[0] > 0) & (h[0] != 0)
        return jnp.where(explodes, calm.at[3].set(1e200), calm)


def test_runs_that_fail_are_counted_and_the_rest_goes_on():
    subject = relay()
    net = Network(
        Guarded(subject.network.step), First(jnp.array([[0.0, 1.0, 0.0, 1.0]])), jnp.zeros(4)
    )
    settings = dataclasses.replace(QUICK, value="zero")
    found = discover(dataclasses.replace(subject, network=net, truth=None), settings).dataset
    up = np.asarray(subject.trials.targets[:, 0, 0] > 0)
    np.testing.assert_array_equal(found["epoch_code"].sel(epoch="late", unit="2") == 1, up)
    assert not found["epoch_code"].sel(unit=["0", "1", "3"]).any()
    assert json.loads(found.attrs["failures"])["units x epochs"]["overflow"] >= up.sum()
    for name in ("epoch_effect", "epoch_effect_low", "p_value", "faithfulness", "circuit_p"):
        assert np.isfinite(found[name]).all(), name
    # on the other trials nobody hears unit 2
    assert float(found["epoch_effect"].sel(epoch="late", unit="2")) == 0.0
    said = epoch_table(found)
    assert "overflowed" in said
    assert "those of 2" in said


def test_rank_agreement():
    a = jnp.array([[1.0, -2.0, 3.0]])
    assert float(rank_agreement(a, 10 * a)[0]) == pytest.approx(1)
    assert float(rank_agreement(a, 1 / a)[0]) == pytest.approx(-1)
    one, other = jnp.eye(9)[:1], jnp.eye(9)[1:2]
    assert float(rank_agreement(one, other)[0]) == pytest.approx(-1 / 8)
    assert np.isnan(float(rank_agreement(one, 0 * one)[0]))


def test_an_epoch_in_which_nothing_happens_has_no_circuit():
    subject = relay(steps=16)
    still = Trials(
        jnp.roll(subject.trials.xs, 8, axis=1),
        None,
        {"before": jnp.zeros((12, 16)).at[:, :5].set(1.0)},
    )
    quiet = dataclasses.replace(subject, trials=still, truth=None)
    data = discover(quiet, QUICK).dataset
    assert not data["member"].values.any()
    assert not data["epoch_effect"].values.any()
    assert np.isnan(data["faithfulness"].values).all()


def test_a_run_that_overflows_is_said_before_the_sweeps():
    subject = relay()
    wild = Network(lambda h, x: h * 1e200 + x[0], subject.network.readout, jnp.ones(4))
    with pytest.raises(ValueError, match="not finite at trial 0, time 1"):
        discover(dataclasses.replace(subject, network=wild), QUICK)
    with pytest.raises(ValueError, match="at least 2 classes"):
        discover(subject, dataclasses.replace(QUICK, score="log-odds"))
