"""Training: it learns, it resumes to the same bits, it marks what diverged."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from helpers import CELLS, I, N, O, T, network, same

from rnn_jax import Network, cells, fit, outputs, run
from rnn_jax.cells import GRU, Affine, Dale, Leaky, Vanilla, zero_state
from rnn_jax.discovery import TrainSettings, train_network, untrained
from rnn_jax.tasks import FlipFlop, Trials
from rnn_jax.training import (
    OfBatch,
    adam,
    advance,
    cross_entropy,
    fit_seeds,
    keep_mask,
    keep_signs,
    load_header,
    load_model,
    mean_squared_error,
    save_model,
    start,
    trainable,
    with_rate_penalty,
)

TASK = FlipFlop(bits=1, steps=12)
KEY = jax.random.key(0)


def make(key=KEY):
    cell_key, readout_key = jax.random.split(key)
    cell = GRU(1, 6, key=cell_key)
    return Network(cell, Affine(6, 1, key=readout_key), zero_state(cell))


def train(network, **options):
    options = {"steps": 20, "batch_size": 4, "chunk": 5} | options
    return fit(network, TASK.sample, mean_squared_error, jax.random.key(1), **options)


def test_the_loss_falls():
    losses = train(make(), steps=150, chunk=50, optimiser=adam(1e-2, 150)).losses
    assert losses.shape == (150,)
    assert float(losses[-20:].mean()) < 0.5 * float(losses[:20].mean())


def test_a_resumed_run_is_the_same_to_the_bit(tmp_path):
    optimiser = adam(1e-2, 20)
    whole = train(make(), optimiser=optimiser)
    half = train(make(), steps=10, optimiser=optimiser)
    save_model(tmp_path / "state.eqx", half.state, {"what": "state"})
    like = start(make(jax.random.key(7)), optimiser, jax.random.key(3))
    state = load_model(tmp_path / "state.eqx", like)
    rest = train(make(), optimiser=optimiser, state=state)
    assert same(rest.network, whole.network)
    np.testing.assert_array_equal(jnp.concatenate([half.losses, rest.losses]), whole.losses)


class Stopped(Exception):
    pass


def stopping(after):
    def track(items, label):
        for k, item in enumerate(items):
            if k == after:
                raise Stopped
            yield item

    return track


@pytest.mark.parametrize("ending", [{}, {"goal": 10.0}, {"patience": 1, "goal": None}])
def test_training_that_was_stopped_goes_on_to_the_same_bits(ending, tmp_path):
    """Also where it had ended by a rule, which must end it again."""
    optimiser = adam(1e-2, 20)
    whole = train(make(), optimiser=optimiser, **ending)
    for after in (1, 1, 0):
        with contextlib.suppress(Stopped):
            train(make(), optimiser=optimiser, kept=tmp_path, track=stopping(after), **ending)
    again = train(make(), optimiser=optimiser, kept=tmp_path, **ending)
    assert same(again.network, whole.network)
    np.testing.assert_array_equal(again.losses, whole.losses)
    assert again.reason == whole.reason
    assert len(list(tmp_path.iterdir())) == 1


def test_another_training_reads_nothing_of_the_first(tmp_path):
    train(make(), kept=tmp_path)
    for other in ({"steps": 25}, {"batch_size": 3}, {"optimiser": adam(1e-3, 20)}):
        np.testing.assert_array_equal(
            train(make(), kept=tmp_path, **other).losses, train(make(), **other).losses
        )
    train(make(jax.random.key(5)), kept=tmp_path)
    assert len(list(tmp_path.iterdir())) == 5


class Gained(eqx.Module):
    gain: jax.Array

    def __call__(self, key, count):
        trials = TASK.sample(key, count)
        return Trials(self.gain * trials.xs, trials.targets, trials.epochs)


def test_arrays_of_a_sampler_are_part_of_what_is_kept(tmp_path):
    with_gain = lambda gain, **kept: fit(
        make(), Gained(jnp.array(gain)), mean_squared_error, KEY, steps=5, batch_size=4, **kept
    )
    one, five = (with_gain(gain, kept=tmp_path) for gain in (1.0, 5.0))
    assert not np.array_equal(one.losses, five.losses)
    np.testing.assert_array_equal(five.losses, with_gain(5.0).losses)


def test_a_float32_training_goes_on_in_a_session_of_float64(tmp_path):
    """Weights in float32 have losses in float32."""
    narrow = lambda tree: jax.tree.map(
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree
    )
    sample = lambda key, count: narrow(TASK.sample(key, count))
    one, two = (
        fit(narrow(make()), sample, mean_squared_error, KEY, steps=5, batch_size=4, kept=tmp_path)
        for _ in range(2)
    )
    np.testing.assert_array_equal(one.losses, two.losses)


def test_a_kept_state_that_is_not_whole_is_named(tmp_path):
    whole = train(make(), kept=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:300])
    with pytest.warns(UserWarning, match=path.name):
        again = train(make(), kept=tmp_path)
    np.testing.assert_array_equal(again.losses, whole.losses)


def test_a_float32_model_is_read_in_float64(tmp_path):
    narrow = jax.tree.map(lambda a: a.astype(jnp.float32) if eqx.is_array(a) else a, make())
    save_model(tmp_path / "narrow.eqx", narrow, {})
    wide = load_model(tmp_path / "narrow.eqx", make(jax.random.key(9)))
    for a, b in zip(jax.tree.leaves(narrow), jax.tree.leaves(wide), strict=True):
        if eqx.is_array(a):
            assert b.dtype == jnp.float64
            np.testing.assert_array_equal(a, b)
    # the other way round bits would be lost
    save_model(tmp_path / "wide.eqx", make(), {})
    with pytest.raises(ValueError, match="float64"):
        load_model(tmp_path / "wide.eqx", narrow)


def test_chunks_do_not_matter():
    optimiser = adam(1e-2, 20)
    a, b = (train(make(), chunk=chunk, optimiser=optimiser) for chunk in (20, 5))
    for x, y in zip(jax.tree.leaves(a.network), jax.tree.leaves(b.network), strict=True):
        np.testing.assert_allclose(x, y, atol=1e-12)


def noisy(cell):
    """A network of a noisy cell, whose input is a pair."""
    cell = cell(I, N, tau=2.0, dt=1.0, noise=0.3, key=KEY)
    return Network(cell, Affine(N, O, key=KEY), zero_state(cell))


PROBLEMS = {name: lambda name=name: network(name) for name in CELLS}
PROBLEMS |= {"noisy-leaky": lambda: noisy(Leaky), "noisy-dale": lambda: noisy(Dale)}


@pytest.mark.filterwarnings("ignore:only the readout is trained")
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_batch_is_the_mean_of_its_trials(name):
    """One step of plain descent moves by the mean of slopes taken trial by trial, unbatched."""
    net, count = PROBLEMS[name](), 3
    x_key, xi_key, y_key = jax.random.split(KEY, 3)
    xs = jax.random.normal(x_key, (count, T, I))
    if name.startswith("noisy"):
        xs = (xs, jax.random.normal(xi_key, (count, T, N)))
    trials = Trials(xs, jax.random.normal(y_key, (count, T, O)), {})
    weights, rest = eqx.partition(net, trainable(net))

    @jax.jit
    @jax.value_and_grad
    def one(weights, x, y):
        whole = eqx.combine(weights, rest)
        trajectory = run(whole, x)
        return mean_squared_error(whole, trajectory, outputs(whole, trajectory), y)

    rows = [jax.tree.map(lambda leaf, b=b: leaf[b], (xs, trials.targets)) for b in range(count)]
    found = [one(weights, *row) for row in rows]
    value, slope = jax.tree.map(lambda *leaves: sum(leaves) / count, *found)

    state = start(net, optax.sgd(1.0), KEY)
    after, losses = advance(
        state, lambda key, n: trials, mean_squared_error, optax.sgd(1.0), 1, count
    )
    np.testing.assert_allclose(losses, value[None], rtol=0, atol=1e-10)
    moved = jax.tree.map(jnp.subtract, weights, eqx.filter(after.network, trainable(net)))
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(slope)) > 1e-3
    for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(slope), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-10)


def test_the_first_state_and_the_anatomy_stay():
    cell = Dale(1, 5, key=KEY)
    before = Network(cell, Affine(5, 1, key=KEY), zero_state(cell) + 0.1)
    assert not trainable(before).h0
    after = train(before).network
    np.testing.assert_array_equal(after.h0, before.h0)
    np.testing.assert_array_equal(after.step.mask, cell.mask)
    assert not same(after.step.w, cell.w)
    assert (np.asarray(after.step.wire[:, 4]) <= 0).all()
    assert (np.asarray(after.step.wire[:, :4]) >= 0).all()


def constrained(link, steps=10):
    """A vanilla network trained under one constraint on its wire."""
    cell = Vanilla(1, 6, key=KEY)
    net = Network(cell, Affine(6, 1, key=KEY), zero_state(cell))
    return net, train(net, steps=steps, optimiser=optax.chain(optax.sgd(0.1), link)).network


def wire(network):
    return network.step.w


RULE = jax.random.randint(jax.random.key(5), (6, 6), -1, 2).astype(float)


def test_a_mask_is_held_exactly_and_the_rest_learns():
    before, after = constrained(keep_mask(wire, RULE))
    assert (np.asarray(wire(before))[RULE == 0] != 0).any()
    assert (np.asarray(wire(after))[RULE == 0] == 0).all()
    assert (np.asarray(wire(after) != wire(before))[RULE != 0]).all()


def test_signs_are_held_from_the_first_step():
    before, after = constrained(keep_signs(wire, RULE), steps=1)
    assert (np.asarray(RULE * wire(before)) < 0).any()
    assert (np.asarray(RULE * wire(after)) >= 0).all()
    assert (np.asarray(wire(after))[RULE == 0] != 0).all()


def test_a_weight_at_its_bound_grows_again_on_its_own_side():
    link, weights = keep_signs(lambda w: w, jnp.array([1, -1, 1, 0])), jnp.zeros(4)
    updates, _ = link.update(jnp.array([0.5, -0.5, -0.5, -0.5]), link.init(weights), weights)
    np.testing.assert_array_equal(updates, [0.5, -0.5, 0.0, -0.5])


def test_a_rule_that_forbids_nothing_changes_nothing():
    ones = jnp.ones((6, 6))
    links = [optax.identity(), keep_mask(wire, ones), keep_signs(wire, 0 * ones)]
    plain, masked, signed = (constrained(link)[1] for link in links)
    for other in (masked, signed):
        np.testing.assert_allclose(wire(other), wire(plain), rtol=0, atol=1e-12)


def test_a_constraint_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"shape \(6,\) does not fit weights of \(6, 6\)"):
        constrained(keep_mask(wire, jnp.ones(6)))
    with pytest.raises(ValueError, match="signs must be"):
        keep_signs(wire, 2 * RULE)
    with pytest.raises(ValueError, match="must be finite"):
        keep_mask(wire, RULE * jnp.nan)
    link = keep_mask(lambda w: w, jnp.ones(2))
    with pytest.raises(ValueError, match="needs the weights"):
        link.update(jnp.ones(2), link.init(jnp.ones(2)))


def test_gradients_are_clipped():
    huge = lambda network, trajectory, ys, targets: 1e9 * jnp.sum(ys)
    state = start(make(), optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0)), KEY)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(1.0))
    after, _ = advance(state, TASK.sample, huge, optimiser, 1, 4)
    change = jax.tree.map(
        jnp.subtract, *(eqx.filter(n, trainable(n)) for n in (after.network, make()))
    )
    assert float(optax.tree.norm(change)) == pytest.approx(1, rel=1e-5)


def test_it_stops_early():
    assert "reached" in train(make(), steps=100, goal=10.0).reason
    flat = lambda network, trajectory, ys, targets: 0.0 * jnp.sum(ys)
    found = fit(make(), TASK.sample, flat, KEY, steps=100, batch_size=2, chunk=5, patience=2)
    assert "not fallen for 10 steps" in found.reason
    assert len(found.losses) == 15


def test_a_diverging_run_says_where():
    with pytest.raises(ValueError, match=r"not finite at step \d"):
        train(make(), optimiser=optax.sgd(1e200))


def test_a_last_update_that_breaks_the_weights_is_said():
    with pytest.raises(ValueError, match=r"weights are not finite after step 1"):
        train(make(), steps=1, optimiser=optax.sgd(float("inf")))
    broken = fit_seeds(make, TASK.sample, mean_squared_error, jax.random.split(KEY, 2),
                       steps=1, batch_size=2, optimiser=optax.sgd(float("inf")))  # fmt: skip
    assert broken.converged.tolist() == [False, False]


def test_diverged_seeds_are_marked():
    wild = lambda key: eqx.tree_at(
        lambda n: n.readout.c, make(key), replace_fn=lambda c: c * jnp.inf
    )
    keys = jax.random.split(KEY, 3)
    kinds = [fit_seeds(m, TASK.sample, mean_squared_error, keys, steps=4, batch_size=2)
             for m in (make, wild)]  # fmt: skip
    assert kinds[0].converged.tolist() == [True] * 3
    assert kinds[0].losses.shape == (3, 4)
    assert kinds[1].converged.tolist() == [False] * 3
    one = jax.tree.map(lambda leaf: leaf[0] if eqx.is_array(leaf) else leaf, kinds[0].networks)
    assert outputs(one, run(one, jnp.zeros((5, 1)))).shape == (5, 1)


def test_losses_by_hand():
    ys, hot = jnp.array([[2.0, 0.0], [0.0, 0.0]]), jnp.array([[1.0, 0.0], [0.0, 0.0]])
    trajectory = run(make(), jnp.ones((2, 1)))
    plain = mean_squared_error(make(), trajectory, ys, hot)
    assert float(plain) == pytest.approx(0.25)
    expected = -float(jax.nn.log_softmax(ys[0])[0])
    assert float(cross_entropy(make(), trajectory, ys, hot)) == pytest.approx(expected)
    penalised = with_rate_penalty(mean_squared_error, 0.5)(make(), trajectory, ys, hot)
    assert float(penalised - plain) == pytest.approx(0.5 * float((trajectory.hs**2).mean()))


def test_models_come_back_and_bad_files_are_named(tmp_path):
    path = tmp_path / "model.eqx"
    save_model(path, make(), {"task": "flip-flop"})
    assert load_header(path) == {"task": "flip-flop"}
    assert same(load_model(path, make(jax.random.key(5))), make())
    data = path.read_bytes()
    (tmp_path / "cut.eqx").write_bytes(data[:-10])
    (tmp_path / "foreign.eqx").write_bytes(b"\x93NUMPY\x01\x00")
    (tmp_path / "longer.eqx").write_bytes(data + b"more")
    for name in ("cut", "longer"):
        with pytest.raises(ValueError, match="another"):
            load_model(tmp_path / f"{name}.eqx", make())
    (tmp_path / "deep.eqx").write_bytes(b"[" * 200_000)
    (tmp_path / "folder.eqx").mkdir()
    bad = {"foreign": "no saved model", "deep": "no saved model", "absent": "no such file"}
    for name, message in (bad | {"folder": "cannot be read"}).items():
        with pytest.raises(ValueError, match=message):
            load_header(tmp_path / f"{name}.eqx")


@pytest.mark.parametrize("cell", cells.CELLS)
def test_every_cell_trains_on_the_flip_flop(cell):
    settings = TrainSettings(cell=cell, units=8, steps=2, batch_size=2)
    network = train_network("flip-flop", settings)
    assert not same(network, untrained("flip-flop", settings))
    assert TrainSettings.from_origin(settings.origin("flip-flop")) == settings


def test_training_refuses_unknown_things():
    with pytest.raises(ValueError, match="no cell"):
        TrainSettings(cell="transformer")
    with pytest.raises(ValueError, match="no task"):
        train_network("flop-flip")


def test_a_loss_of_a_batch_may_be_the_mean_over_trials():
    whole = OfBatch(lambda ys, trials: jnp.mean((ys - trials.targets) ** 2))
    run_of = lambda loss: fit(make(), TASK.sample, loss, KEY, steps=3, batch_size=4)
    found, known = run_of(whole), run_of(mean_squared_error)
    np.testing.assert_allclose(found.losses, known.losses, rtol=1e-12)
    np.testing.assert_allclose(found.network.step.w, known.network.step.w, rtol=1e-9)


def test_a_loss_of_a_batch_needs_no_targets():
    def sample(key, count):
        return Trials(TASK.sample(key, count).xs, None, {})

    run_of = lambda loss: fit(make(), sample, loss, KEY, steps=2, batch_size=4)
    assert np.isfinite(run_of(OfBatch(lambda ys, trials: jnp.mean(ys**2))).losses).all()
    with pytest.raises(ValueError, match="scalar"):
        run_of(OfBatch(lambda ys, trials: ys))
    with pytest.raises(ValueError, match="loss"):
        run_of(OfBatch(3))
