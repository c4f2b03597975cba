"""The mechanism of networks that noise drives: planted networks whose numbers are known."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import normal, told_in_one_line

from rnn_jax import Network, rollout
from rnn_jax.cells import Affine, Vanilla
from rnn_jax.circuits import bootstrap_mean
from rnn_jax.studies.hmm_emulation import determinism as det
from rnn_jax.studies.hmm_emulation import late, runs, silence, spectra, zones
from rnn_jax.studies.hmm_emulation import orbits as orb
from rnn_jax.tasks import change_rate, linear_chain

KEY = jax.random.key(0)


def linear(h):
    return h


def net(w, u, c, activation=jax.nn.relu):
    """A network without bias of these weights."""
    w, u, c = (jnp.asarray(part, float) for part in (w, u, c))
    cell = Vanilla(u.shape[1], len(w), key=KEY, activation=activation)
    cell = eqx.tree_at(lambda cell: (cell.w, cell.u), cell, (w, u))
    read = Affine(len(w), len(c), key=KEY)
    read = eqx.tree_at(lambda read: (read.c, read.b), read, (c, jnp.zeros(len(c))))
    return Network(cell, read, jnp.zeros(len(w)))


def random_net(seed=0, N=12, I=5, gain=0.8, activation=jax.nn.relu):  # noqa: E741
    parts = gain * normal(seed, N, N) / N**0.5, normal(seed + 1, N, I) / I**0.5
    return net(*parts, normal(seed + 2, 3, N), activation)


def biased(network, size=0.3):
    return eqx.tree_at(lambda n: n.step.b, network, size + 0 * network.step.b)


def turning(angle, size=0.98):
    w = size * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return net(w, np.eye(2), [[1, 0], [-1, 0]], linear)


def test_samples_are_states_of_runs_with_the_noise_about_them():
    network = random_net()
    taken = runs.samples(network, KEY, 30)
    assert taken.h.shape == (40, 12)
    assert taken.after.shape == (40, runs.GAP, 5)
    for k in (0, 7, 18, 20):
        on = rollout(network.step, taken.h[k], taken.after[k]).hs
        np.testing.assert_allclose(on[-1], taken.h[k + 1], atol=1e-12)
        np.testing.assert_array_equal(taken.before[k + 1], taken.after[k, -1])
    # the next run has nothing to do with it
    on = rollout(network.step, taken.h[19], taken.after[19]).hs
    assert np.abs(on[-1] - taken.h[20]).max() > 0.1


def test_the_noise_is_normal_and_scaled_and_of_one_draw():
    network = random_net()
    _, _, xs = runs.noisy_runs(network, KEY, 20, 100)
    np.testing.assert_allclose([xs.mean(), xs.std()], [0, 1], atol=0.03)
    hs, ys, twice = runs.noisy_runs(network, KEY, 20, 100, 2.0)
    np.testing.assert_array_equal(twice, 2 * xs)
    np.testing.assert_allclose(ys, hs @ network.readout.c.T, atol=1e-12)


def test_switches_and_changes_by_hand():
    outputs = np.array([[0, 0, 1, 0, 0, 2, 2, 2, 1, 1], [0] * 10])
    np.testing.assert_allclose(runs.switch_rates(outputs), [2 / 9, 0])
    np.testing.assert_allclose(runs.change_rates(outputs), [4 / 9, 0])


def test_symbols_are_drawn_from_the_softmax():
    logits = jnp.array([0.5, -1.0, 1.0])
    drawn = runs.symbols(jnp.broadcast_to(logits, (100, 400, 3)), KEY)
    share = np.bincount(np.asarray(drawn).ravel()) / drawn.size
    np.testing.assert_allclose(share, jax.nn.softmax(logits), atol=0.01)


def test_every_state_has_a_zone():
    lasts = np.array([1.0, 1.99, 2.0, 8.0, 8.01, 8.01, 60.0, 60.0])
    known = np.array([0.9, 0.4, 0.9, 0.4, 0.8, 0.81, 0.5, 1.0])
    assert zones.zones(lasts, known).tolist() == [0, 0, 1, 1, 3, 2, 3, 2]
    assert zones.zones(lasts, known, zones.Thresholds(1.5, 10, 0.3)).tolist() == [
        0, 1, 1, 1, 1, 1, 2, 2,
    ]  # fmt: skip
    np.testing.assert_allclose(zones.shares(zones.zones(lasts, known)), [0.25] * 4)


def test_shares_move_with_their_thresholds():
    rng = np.random.default_rng(0)
    lasts, known = rng.uniform(1, 60, 500), rng.uniform(1 / 3, 1, 500)
    found = zones.shares_over(lasts, known)
    np.testing.assert_allclose(found.sum(1), 1)
    for row, share in zip(zones.VARIED, found):
        exact = [
            lasts < row.short,
            (lasts >= row.short) & (lasts <= row.long),
            (lasts > row.long) & (known > row.sure),
            (lasts > row.long) & (known <= row.sure),
        ]
        np.testing.assert_allclose(share, np.mean(exact, 1))


def test_residence_of_outputs_that_are_drawn_anew():
    # three units that copy their noise: each output is as likely at every step
    found = zones.zoned(net(np.zeros((3, 3)), np.eye(3), np.eye(3), linear), KEY, 2000)
    # a = E time: with 4/9 the switch begins now, with 2/9 two steps later it is as at first
    mean = (1 * 4 / 9 + 2 / 9 * 2 + 1 / 3 * 1) / (1 - 2 / 9 - 1 / 3)
    np.testing.assert_allclose(found.residence.mean(), mean, rtol=0.02)
    assert (found.cut == 0).all()
    share = jax.nn.softmax(found.states.h, -1).max(-1)
    np.testing.assert_allclose(found.confidence, share)


def test_chosen_states_are_of_their_zone():
    zone = np.array([0, 1, 1, 1, 2, 1, 1, 1, 0])
    index, real = zones.chosen(zone, 3)
    assert real.sum(1).tolist() == [2, 3, 1, 0]
    assert (zone[index] == np.arange(4)[:, None])[real].all()
    assert all(len(set(row[known])) == known.sum() for row, known in zip(index, real))
    assert index[1].tolist() == [1, 3, 7]


def test_means_of_zones_leave_out_what_does_not_count():
    values = np.array([[1.0, 3, 99], [5, 99, 99], [2, 2, 2], [0, 0, 3]])
    real = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1]], bool)
    index = runs.PER_RUN * np.array([[0, 1, 2], [0, 1, 2], [0, 1, 2], [0, 0, 0]])
    found = zones.by_zone("a", np.stack([values, 2 * values]), real, index, KEY)
    # all of the last zone's states are of one run: it tells nothing of another
    np.testing.assert_allclose(found["a"][0], [2, np.nan, 2, np.nan])
    np.testing.assert_allclose(found["a"][1], [4, np.nan, 4, np.nan])
    np.testing.assert_allclose([found["a_low"][0, 0], found["a_high"][0, 0]], [1, 3])
    assert found["a_low"][0, 2] == found["a_high"][0, 2] == 2


def test_states_of_one_run_are_drawn_together():
    # ten runs of ten states that are all alike: the interval is that of ten numbers
    each = np.random.default_rng(0).normal(size=10)
    values = np.broadcast_to(np.repeat(each, 10), (4, 100))
    index = np.broadcast_to(np.arange(100) // 10 * runs.PER_RUN, (4, 100))
    found = zones.by_zone("a", values, np.ones((4, 100), bool), index, KEY)
    alone = bootstrap_mean(each, KEY)
    np.testing.assert_allclose(found["a"], each.mean())
    np.testing.assert_allclose(found["a_low"], alone.low)
    np.testing.assert_allclose(found["a_high"], alone.high)


def test_late_steps_are_measured_as_those_of_training(monkeypatch):
    monkeypatch.setattr(late, "STEPS", 60)
    model, network = linear_chain(2), random_net()
    found = late.late(network, model, KEY, 6)
    assert found["changes"][0] == pytest.approx(found["change_rate"] / change_rate(model))
    assert found["switch_rate_low"] <= found["switch_rate"] <= found["switch_rate_high"]
    logits = runs.noisy_runs(network, jax.random.split(KEY, 4)[0], 6, 60)[1]
    switched = runs.switch_rates(np.asarray(logits).argmax(-1))
    assert found["switch_rate"] == pytest.approx(switched.mean())


def test_scale_is_a_law_of_networks_without_bias():
    network, xs = random_net(), normal(7, 60, 5)
    error = silence.scale_error(network, xs, (0.5, 2.0, 4.0, 0.1, 3.0))
    assert (error[:3] == 0).all()
    assert (error[3:] < 1e-13).all()
    assert silence.scale_error(biased(network), xs).min() > 0.01
    assert silence.scale_error(random_net(activation=jnp.tanh), xs).min() > 0.01
    # |h(2x) - 2 h(x)| / |2 h(x)| of a step that squares what it gets
    square = net(np.zeros((1, 1)), [[1.0]], [[1.0]], jnp.square)
    np.testing.assert_allclose(silence.scale_error(square, jnp.ones((3, 1)), (2.0, 0.5)), [1, 0.5])


@pytest.mark.slow
def test_a_network_that_falls_silent():
    v = np.array([1.0, 2, 2])
    found = silence.silence(net(0.9 * np.outer(v, v) / 9, np.eye(3), np.eye(3)), KEY, 16)
    assert found["origin"] == 1
    assert found["rays"] == 0
    assert found["verdicts"].tolist() == [16, 0, 0, 0, 0, 0]
    assert found["basin"].tolist() == [1, 1]
    # 0.9^n = 1e-3 of a typical length, ten times that for the others
    assert found["steps"][1] - found["steps"][0] == pytest.approx(np.log(10) / -np.log(0.9), abs=3)
    assert found["growth_largest"] == pytest.approx(np.log(0.9))
    assert found["growth_mean"] == pytest.approx(np.log(0.9))
    assert found["growth_dead"] == pytest.approx(0.5, abs=0.1)
    assert found["peak"] == 1
    assert found["scale_error"].max() < 1e-13


def test_a_ray_of_fixed_points_counts_once():
    v = np.array([1.0, 2, 2])
    network = net(np.outer(v, v) / 9, np.eye(3), np.eye(3))
    found = silence.silence(network, KEY, 16)
    assert found["rays"] == 1
    assert found["origin"] < 0.2
    assert found["basin"].max() == 0
    assert found["growth_largest"] == pytest.approx(0, abs=1e-12)


def test_a_network_that_does_not_fall_silent():
    found = silence.silence(net(np.diag([1.2, 0.5, 0]), np.eye(3), np.eye(3)), KEY, 16)
    assert found["growth_largest"] == pytest.approx(np.log(1.2))
    assert found["growth_dead"] == pytest.approx(0.25, abs=0.05)
    assert found["basin"].max() < 1


@pytest.fixture
def few_draws(monkeypatch):
    monkeypatch.setattr(orb, "DRAWS", 199)


@pytest.mark.usefixtures("few_draws")
def test_a_turning_network_turns():
    found = orb.orbits(turning(0.5), KEY, 300)
    assert abs(found["rate"]) == pytest.approx(0.5 / (2 * np.pi), rel=0.1)
    assert max(found["order_p"], found["phase_p"]) < 0.01
    assert found["order_rate"] < abs(found["rate"])
    assert found["phase_rate"] < abs(found["rate"])
    np.testing.assert_allclose(found["rates"].mean(), found["rate"], rtol=0.1)
    assert found["returns"] == pytest.approx(16 * 300 * 0.5 / (2 * np.pi), rel=0.15)
    assert found["plane_share"] == pytest.approx(1)


@pytest.mark.usefixtures("few_draws")
def test_a_network_that_does_not_turn_is_not_said_to():
    slow = net(np.diag([0.9, 0.8, 0.1]), np.eye(3), np.eye(3), linear)
    found = orb.orbits(slow, KEY, 300)
    assert abs(found["rate"]) < 0.005
    assert min(found["order_p"], found["phase_p"]) > 0.05


def test_the_scale_of_noise_changes_symbols_and_not_switches():
    found = orb.noise_scales(random_net(), KEY, 100)
    assert (found["switch_rate"] == found["switch_rate"][0]).all()
    assert found["switch_rate"][0] > 0.05
    assert (np.diff(found["change_rate"]) < 0).all()
    assert (found["change_rate_low"] <= found["change_rate"]).all()
    with_bias = orb.noise_scales(biased(random_net(), 1.0), KEY, 100)
    assert np.ptp(with_bias["switch_rate"]) > 0.05
    # with no scale left every symbol is as likely
    none = net(np.zeros((3, 3)), 1e-9 * np.eye(3), np.eye(3))
    symbols = orb.noise_scales(none, KEY, 200)["change_rate"]
    np.testing.assert_allclose(symbols, 2 / 3, atol=0.03)


def test_mixed_noise_keeps_its_variance():
    nominal, fresh = normal(0, 20_000), normal(1, 20_000)
    for g in det.FRESH:
        made = det.mixed(nominal, fresh, g)
        np.testing.assert_allclose(made.var(), 1, atol=0.03)
        np.testing.assert_allclose((made * nominal).mean(), (1 - g**2) ** 0.5, atol=0.03)


def test_outcomes_by_hand():
    told = lambda *outputs: int(det.outcome(jnp.array(outputs), jnp.array(0)))
    assert told(0, 0, 1, 1, 2, 2) == 1
    assert told(0, 1, 0, 0, 0, 2) == 0
    assert told(0, 0, 0, 0, 2, 2) == 2
    assert told(1, 2, 2, 0, 0, 0) == 2


def test_the_spread_of_a_linear_network_in_closed_form():
    network = random_net(gain=0.7, activation=linear)
    w, u = np.asarray(network.step.w), np.asarray(network.step.u)
    taken = runs.samples(network, KEY, 60)
    found = det._all_repeats(network, taken, KEY)
    made = [(np.linalg.matrix_power(w, k) @ u) ** 2 for k in range(det.STEPS)]
    exact = np.cumsum([part.sum() for part in made])
    spread = np.asarray(found.spread)
    assert spread[:, 0].max() < 1e-25
    np.testing.assert_allclose(spread[:, 2].mean(0), exact, rtol=0.05)
    np.testing.assert_allclose(spread[:, 1], spread[:, 2] / 2, rtol=1e-9)
    assert (np.asarray(found.agreement)[:, 0] == 1).all()
    h = taken.h[3]
    # the mean squared length of all-fresh runs: mean and spread
    silent = rollout(network.step, h, 0 * taken.after[3, : det.STEPS]).hs
    size = (np.asarray(silent) ** 2).sum(1) + exact
    np.testing.assert_allclose(found.relative[3, 2], exact / size, rtol=0.4)
    output = runs.Output(network.readout)
    outputs = jax.vmap(output)(rollout(network.step, h, taken.after[3, : det.STEPS + 1]).hs)
    assert found.switched[3] == (det.outcome(outputs, output(h)) != output(h))


def test_what_noise_cannot_change_is_determined():
    # a unit that grows passes another that the noise moves a little: the output must switch
    w, u = [[1.5, 0], [0, 1.0]], [[0.0], [0.01]]
    network = net(w, u, np.eye(2), linear)
    states = runs.Samples(
        jnp.array([[0.5, 1.0], [0.1, 1.0], [0.9, 1.0]]), jnp.zeros((3, 1)), normal(0, 3, 20, 1)
    )
    found = det._all_repeats(network, states, KEY)
    assert found.switched.tolist() == [True, False, True]
    np.testing.assert_array_equal(found.agreement, 1)
    assert (np.asarray(found.spread)[:, 1:] > 0).all()


def test_spectra_by_hand():
    turn = np.array([[0, -1.0], [1, 0]])
    J = np.zeros((2, 4, 4))
    # (z - 1) / (z + 1) of i is i; of 1.5, 0.2; of 0.9, -0.05, and no pair
    J[0, :2, :2], J[0, 2, 2], J[0, 3, 3] = turn, 1.5, 0.9
    J[1, :2, :2], J[1, 2:, 2:] = 1.3 * turn, 0.95 * turn
    found = spectra.spectrum(J)
    assert found.unstable.tolist() == [1, 2]
    # of 1.3 i the real part is 0.26, of 0.95 i it is -0.05
    assert found.critical.tolist() == [1, 1]
    np.testing.assert_allclose(found.radius, [1.5, 1.3])


def test_the_linearisation_of_a_step_is_that_of_the_step_that_is_made():
    network = random_net()
    taken = runs.samples(network, KEY, 20)
    h, before, after = taken.h[5], taken.before[5], taken.after[5, : spectra.WINDOW]
    found = eqx.filter_jit(spectra.linearised)(network, h, before, after)
    eps = 1e-7
    slope = lambda f, at: np.stack(
        [(f(at + eps * e) - f(at - eps * e)) / (2 * eps) for e in np.eye(at.size)], 1
    )
    step = jax.jit(lambda h, x: network.step(h, x))
    J = slope(lambda h: np.asarray(step(h, after[0])), h)
    np.testing.assert_allclose(found.jacobian, J, atol=1e-6)
    w, u = np.asarray(network.step.w), np.asarray(network.step.u)
    gates = np.asarray(w @ h + u @ after[0] > 0)[:, None]
    np.testing.assert_array_equal(found.jacobian, gates * w)
    other = slope(lambda h: np.asarray(step(h, before)), h)
    np.testing.assert_allclose(found.published, other, atol=1e-6)
    assert not np.allclose(found.published, found.jacobian)
    last = jax.jit(lambda h, xs: rollout(network.step, h, xs).hs[-1])
    product = slope(lambda h: np.asarray(last(h, after)), h)
    np.testing.assert_allclose(found.product, product, atol=1e-5)
    by_noise = slope(lambda x: np.asarray(last(h, x.reshape(after.shape))), after.reshape(-1))
    np.testing.assert_allclose(found.gain_window, (by_noise**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(found.gain, ((gates * u) ** 2).sum())
    length = (np.asarray(last(h, after)) ** 2).sum()
    np.testing.assert_allclose(
        found.relative_gain, found.gain_window / (length + found.gain_window)
    )


def test_all_states_of_a_linear_network_are_alike():
    network = random_net(gain=1.1, activation=linear)
    w, u = np.asarray(network.step.w), np.asarray(network.step.u)
    found = spectra.spectra(network, KEY, 24)
    seen = found["count"] > 1
    assert seen.any()
    size = np.abs(np.linalg.eigvals(w))
    stretch = np.linalg.svd(np.linalg.matrix_power(w, 5), compute_uv=False)
    exact = {
        "unstable": (size > 1).sum(), "unstable_published": (size > 1).sum(),
        "radius": size.max(), "gain": (u**2).sum(),
        "stretch": stretch[0], "stretched": (stretch > 1).sum(),
    }  # fmt: skip
    for name, value in exact.items():
        np.testing.assert_allclose(found[name][seen], value, rtol=1e-8)
        np.testing.assert_allclose(found[f"{name}_low"][seen], value, rtol=1e-8)
        assert np.isnan(found[name][~seen]).all()
    assert np.isnan(found["correlation"][[0, 1]]).all()


SLOW = pytest.mark.slow
ENTRIES = {
    "silence": (silence.silence, 16),
    "residence": (zones.residence, 40),
    "orbits": (orb.orbits, 40),
    "scales": (orb.noise_scales, 40),
    "determinism": (det.determinism, 16),
    "spectra": (spectra.spectra, 16),
}


@pytest.mark.usefixtures("few_draws")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=SLOW if name in ("silence", "spectra") else ()) for name in ENTRIES],
)
def test_runs_of_one_study_have_one_shape(name):
    entry, size = ENTRIES[name]
    first, second = (entry(random_net(seed, 3, 3), jax.random.key(seed), size) for seed in (0, 10))
    assert first.keys() == second.keys()
    for key, value in first.items():
        assert isinstance(value, np.ndarray), key
        assert value.shape == second[key].shape, key
        assert value.dtype == second[key].dtype, key
    again = entry(random_net(0, 3, 3), jax.random.key(0), size)
    for key, value in first.items():
        np.testing.assert_array_equal(again[key], value)


BAD = {
    "no network": (lambda: runs.noise_of(3), "expected a Network"),
    "no weights": (
        lambda: runs.noise_of(Network(lambda h, x: h, linear, jnp.zeros(2))), "input weights u",
    ),
    "trials": (lambda: runs.noisy_runs(random_net(), KEY, 0, 5), "trials"),
    "size": (lambda: runs.samples(random_net(), KEY, 0), "size"),
    "sizes": (lambda: zones.zones(np.ones(3), np.ones(4)), "must be [S]"),
    "NaN": (lambda: zones.zones(np.array([np.nan]), np.ones(1)), "NaN"),
    "order": (
        lambda: zones.zones(np.ones(1), np.ones(1), zones.Thresholds(9, 8)), "short must be",
    ),
    "sure": (
        lambda: zones.zones(np.ones(1), np.ones(1), zones.Thresholds(sure=2)), "sure must lie",
    ),
    "count": (lambda: zones.chosen(np.zeros(3, int), 0), "count"),
    "scale": (lambda: silence.scale_error(random_net(), jnp.ones((3, 5)), (0.0,)), "scales"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
