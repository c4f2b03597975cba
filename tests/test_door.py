"""The door in Python: load, save, label, what shows itself, and panels on axes of one's own."""

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from helpers import N, T, inputs, network, same
from matplotlib.colors import Normalize

import rnn_jax as rj
from rnn_jax.discovery import performance
from rnn_jax.report import heat_map, matrix, ranking
from rnn_jax.tasks import Trials

QUICK = rj.Settings(random_sets=19, resamples=99, flips=199, contrasts=False)
B = 8


def subject(targets=None):
    xs = jax.random.normal(jax.random.key(1), (B, T, 3))
    late = jnp.zeros((B, T)).at[:, 3:].set(1.0)
    trials = Trials(xs, targets, {"early": 1 - late, "late": late})
    return rj.Subject("mine", network("gru"), trials, units=tuple("abcd"))


@pytest.fixture(scope="module")
def found():
    return rj.discover(subject(), QUICK)


def test_a_discovery_shows_itself(found):
    said = repr(found)
    assert said.splitlines()[0] == f"Discovery of 'mine': {N} units, {B} trials"
    assert [line.split()[0] for line in said.splitlines()[2:]] == ["early", "late"]
    assert len(said) < 400
    page = found._repr_html_()
    assert page.count("<tr>") == 3
    assert "&#x27;mine&#x27;" in page


def test_a_score_of_ones_own_is_named_and_a_constant_one_told():
    with pytest.warns(UserWarning, match="the score may be a constant"):
        found = rj.discover(subject(), QUICK, score=lambda ys, targets: 0 * ys.sum())
    assert ", score <lambda> " in repr(found).splitlines()[0]
    assert ", score &lt;lambda&gt; " in found._repr_html_()


def test_what_is_saved_is_loaded(found, tmp_path):
    folder = tmp_path / "deep" / "run"
    rj.save(found, folder)
    assert {"results.nc", "report.html", "model.eqx"} <= {p.name for p in folder.iterdir()}
    with pytest.raises(ValueError, match="overwrite"):
        rj.save(found, folder)
    rj.save(found, folder, overwrite=True)
    # nothing says how a network made in Python is built
    with pytest.raises(ValueError, match="made in Python"):
        rj.load(folder)
    again = rj.load(folder, like=network("gru", seed=5))
    assert same(again.network, found.subject.network)
    assert again.units == tuple("abcd")
    assert again.trials.targets is None
    for name, window in found.subject.trials.epochs.items():
        np.testing.assert_array_equal(again.trials.epochs[name], window)
    np.testing.assert_allclose(again.trials.xs, found.subject.trials.xs, rtol=1e-6)
    with pytest.raises(ValueError, match="no run of discover"):
        rj.load(tmp_path)
    with pytest.raises(ValueError, match="cell is for files of weights"):
        rj.load(folder, cell="gru", like=again.network)
    with pytest.raises(ValueError, match="no such file"):
        rj.load(folder, trials=tmp_path / "absent.npz", like=again.network)
    np.savez(tmp_path / "t.npz", inputs=np.zeros((2, T, 3)), epoch_all=np.array([0, T]))
    other = rj.load(folder / "model.eqx", trials=tmp_path / "t.npz", like=network("gru", seed=5))
    assert same(other.network, again.network)
    assert set(other.trials.epochs) == {"all"}


def test_weights_in_a_closure_are_not_lost_without_a_word(tmp_path):
    def made(scale):
        w = scale * jnp.eye(N)
        return rj.Network(lambda h, x: jnp.tanh(w @ h + x[0]), lambda h: h[:1], jnp.zeros(N))

    whole = rj.Subject("closed", made(0.9), subject().trials)
    rj.save(rj.discover(whole, QUICK), tmp_path / "run")
    assert rj.load(tmp_path / "run", like=made(0.9)).name == "closed"
    with pytest.raises(ValueError, match="gives other outputs than the run has kept"):
        rj.load(tmp_path / "run", like=made(0.5))


def test_integer_inputs_stay_integers(tmp_path):
    table = jax.random.normal(jax.random.key(0), (5, N))
    net = rj.Network(lambda h, x: jnp.tanh(h + table[x[0]]), lambda h: h[:1], jnp.zeros(N))
    tokens = jax.random.randint(jax.random.key(2), (B, T, 1), 0, 5)
    trials = Trials(tokens, None, subject().trials.epochs)
    rj.save(rj.discover(rj.Subject("tokens", net, trials), QUICK), tmp_path / "run")
    again = rj.load(tmp_path / "run", like=net).trials.xs
    assert jnp.issubdtype(again.dtype, jnp.integer)
    np.testing.assert_array_equal(again, tokens)


def test_a_built_in_network_comes_back_with_its_truth(tmp_path):
    whole = rj.load("latch")
    rj.save(rj.discover(whole, QUICK), tmp_path / "run")
    again = rj.load(tmp_path / "run")
    assert same(again.network, whole.network)
    np.testing.assert_array_equal(again.trials.xs, whole.trials.xs)
    assert set(again.truth) == set(whole.truth)
    assert (again.units, again.groups) == (whole.units, whole.groups)
    # the model alone draws the task's trials
    assert rj.load(tmp_path / "run" / "model.eqx").name == "latch"


def last_square(ys, targets):
    return -((ys[-1] - targets[-1]) ** 2).sum()


def test_any_function_is_a_score():
    one = rj.discover(subject(), QUICK, score=last_square).dataset
    assert one.attrs["metric"].startswith("last_square ")
    # two lambdas have one name, and are two metrics
    names = [
        rj.discover(subject(), QUICK, score=score).dataset.attrs["metric"]
        for score in (lambda ys, targets: ys[-1, 0], lambda ys, targets: ys.mean())
    ]
    assert names[0] != names[1]
    for bad, message in (
        (lambda ys: ys.sum(), "the score rejects"),
        (lambda ys, targets: ys[-1], "must return a scalar"),
        (lambda ys, targets: ys.sum() > 0, "must return a float"),
    ):
        with pytest.raises(ValueError, match=message):
            rj.discover(subject(), QUICK, score=bad)
    by_hand = rj.sweep(
        (net := network("gru")), (xs := subject().trials.xs), (ys := outputs_of(net, xs)),
        last_square, jnp.eye(N), jnp.stack(list(subject().trials.epochs.values())),
        jnp.broadcast_to(states_of(net, xs).mean(0, keepdims=True), (B, T, N)),
    )  # fmt: skip
    assert ys.shape == (B, T, 2)
    np.testing.assert_allclose(one["epoch_effect"], by_hand.mean(-1), rtol=1e-4, atol=1e-7)


def states_of(net, xs):
    return jax.vmap(lambda x: rj.run(net, x).hs)(xs)


def outputs_of(net, xs):
    return jax.vmap(lambda x: rj.outputs(net, rj.run(net, x)))(xs)


def test_labels_name_the_axes():
    windows = rj.tiling(T, 2)
    effects = jnp.arange(3.0 * N * B).reshape(3, N, B)
    named = rj.label(effects, windows=windows, units="abcd")
    assert named.dims == ("window", "unit", "trial")
    assert float(named.sel(unit="c").isel(window=1, trial=2)) == effects[1, 2, 2]
    assert named["window_start"].values.tolist() == [0, 2, 4]
    assert named["window_stop"].values.tolist() == [2, 4, 6]
    epochs = rj.label(effects, windows=["cue", "delay", "go"])
    assert epochs.sel(window="go").shape == (N, B)
    J = rj.jacobians(network("gru").step, rj.run(network("gru"), inputs()))
    named = rj.label(J, "time to from", units=list("abcd"), name="J")
    assert float(named.sel({"to": "a", "from": "b"})[2]) == float(J[2, 0, 1])
    for bad, message in (
        ({"dims": "window unit"}, "2 axes"),
        ({"units": "abc"}, "must be 4 names"),
        ({"windows": rj.tiling(T, 3)}, "must be 3 names"),
        ({"windows": ["cue"]}, "must be 3 names"),
        ({"windows": jnp.zeros((3, T)).at[:2].set(1.0)}, "window 2 is empty"),
        ({"dims": "window window trial"}, "different names"),
        ({"dims": "time unit trial", "windows": windows}, "lack"),
        ({"dims": "window time trial", "units": "abcd"}, "lack"),
    ):
        with pytest.raises(ValueError, match=message):
            rj.label(effects, **bad)


def test_how_well_a_task_is_done():
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 0.0, 1.0], (4, 5, 2))
    assert performance(signs, signs) == {"r2": 1.0, "accuracy": 1.0}
    assert performance(-signs, signs)["accuracy"] == 0
    hot = np.eye(3)[rng.integers(0, 3, (4, 5))]
    wrong = np.roll(hot, 1, -1)
    mixed = np.where(np.arange(5)[None, :, None] < 2, wrong, hot)
    assert performance(mixed, hot)["accuracy"] == pytest.approx(0.6)
    rare = np.zeros((4, 5, 1))
    rare[0, 0] = 1
    # an answer that is rarely asked for: never giving it is worth no more than chance
    assert performance(0 * rare, rare)["accuracy"] == 0.5
    assert performance(0.9 * rare + 0.1, rare)["accuracy"] == 1
    assert performance(0.7 + 0.3 * rare, rare)["accuracy"] == 0.5
    assert performance(rare, np.ones_like(rare)) == {}
    assert performance(hot + 0.1, hot)["r2"] == pytest.approx(1 - 0.01 / hot.var())
    assert set(performance(signs, rng.normal(size=signs.shape))) == {"r2"}
    assert performance(signs, np.full(signs.shape, 0.5)) == {}
    targets = jnp.asarray(rng.normal(size=(B, T, 2)))
    data = rj.discover(subject(targets), QUICK).dataset
    ys = outputs_of(subject().network, subject().trials.xs)
    assert data.attrs["r2"] == pytest.approx(performance(ys, targets)["r2"], rel=1e-5)


def test_panels_draw_where_they_are_told(found):
    figure, grid = plt.subplots(1, 3)
    data = found.dataset
    assert heat_map(data["effect"], ax=grid[0]) is grid[0]
    drawn = grid[0].collections[0].get_array().reshape(N, -1)
    np.testing.assert_allclose(drawn, data["effect"].transpose("unit", "window").values)
    assert grid[0].get_xlim() == (0, T)
    carried = data["epoch_connectivity"].isel(epoch=0).transpose("to", "from").values
    matrix(carried, ax=grid[1], units=list("abcd"))
    np.testing.assert_array_equal(grid[1].images[0].get_array(), carried)
    effect = data["epoch_effect"].isel(epoch=0).values
    ranking(effect, ax=grid[2], units=list("abcd"), count=2)
    strongest = [list("abcd")[i] for i in np.argsort(-np.abs(effect))[:2]]
    assert [text.get_text() for text in grid[2].get_yticklabels()] == strongest
    plt.close(figure)
    # windows that overlap or part are drawn by their numbers
    values = np.random.default_rng(2).normal(size=(3, N))
    apart = rj.label(values, "window unit", windows=rj.around(T, [0, 3, 5], 0, 1))
    assert heat_map(apart).get_xlabel() == "window"
    aside = rj.label(values, "window unit", windows=rj.tiling(T, 2))
    assert heat_map(aside).get_xlabel() == "time (steps)"
    alone = heat_map(np.random.default_rng(1).normal(size=(5, 7)))
    assert alone.figure._repr_png_().startswith(b"\x89PNG")
    for call in (
        lambda: heat_map(np.ones(3)),
        lambda: heat_map(data["epoch_effect"]),
        lambda: matrix(np.ones((2, 3))),
        lambda: ranking(np.ones((2, 3))),
        lambda: ranking(np.ones(3), members=np.array([0, 1, 2])),
        lambda: ranking(np.ones(3), units=["a"]),
        lambda: ranking(np.ones(3), count=0),
        lambda: heat_map(np.ones((2, 3)), edges=np.arange(2)),
        lambda: matrix(np.eye(3), units=["a"]),
    ):
        with pytest.raises(ValueError, match="must"):
            call()


def test_a_heat_map_of_its_own_has_a_bar_that_says_what_lies_beyond():
    effects = np.linspace(-1.0, 1.0, 600).reshape(30, 20)
    _, bar = heat_map(effects, norm=Normalize(-1, 1)).figure.axes
    assert bar.get_ylabel() == "effect"
    within, beyond = (
        heat_map(effects, norm=Normalize(-1, top)).figure.axes[1]._colorbar.extend
        for top in (1, 0.5)
    )
    assert (within, beyond) == ("neither", "max")
    # each unit is named at its own row
    assert heat_map(effects).get_yticks().tolist() == [row + 0.5 for row in range(20)]
