"""Networks of PsychRNN and trials of neurogym: their equations and rules, by a second route."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.core import clean_run
from rnn_jax.data import network_from_flax, network_from_psychrnn, trials_from_env
from rnn_jax.training import cross_entropy, fit

N, I, O, T, ALPHA = 6, 2, 3, 15, 0.2  # noqa: E741


def arrays():
    rng = np.random.default_rng(0)
    shapes = {"W_in": (N, I), "W_rec": (N, N), "W_out": (O, N), "b_rec": (N,), "b_out": (O,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()} | {
        "init_state": rng.normal(size=(1, N))
    }


def saved(tmp_path, **changed):
    file = tmp_path / "weights.npz"
    np.savez(file, **{k: v for k, v in (arrays() | changed).items() if v is not None})
    return file


@pytest.mark.parametrize("activation", [jax.nn.relu, jnp.tanh])
def test_a_network_of_psychrnn_runs_by_its_equations(tmp_path, activation):
    # PsychRNN saves its transfer function too: pickled code, which is not read
    file = saved(tmp_path, transfer_function=np.array(print, dtype=object))
    network = network_from_psychrnn(file, ALPHA, activation)
    xs = np.random.default_rng(1).normal(size=(1, T, I))
    known, phi = arrays(), lambda h: np.asarray(activation(h))
    h, expected = known["init_state"][0], []
    for x in xs[0]:
        drive = known["W_rec"] @ phi(h) + known["W_in"] @ x + known["b_rec"]
        h = (1 - ALPHA) * h + ALPHA * drive
        expected.append(known["W_out"] @ phi(h) + known["b_out"])
    found = clean_run(network, jnp.asarray(xs))[1][0]
    np.testing.assert_allclose(found, np.array(expected), atol=1e-12)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"W_rec": None}, "lacks W_rec"),
        ({"b_rec": np.zeros(3)}, "b_rec must be finite"),
        ({"W_in": np.zeros(3)}, "W_in must be finite"),
        ({"W_out": np.full((O, N), np.nan)}, "W_out must be finite"),
    ],
)
def test_a_wrong_file_is_refused_in_a_line(tmp_path, changed, words):
    with pytest.raises(ValueError, match=words) as said:
        network_from_psychrnn(saved(tmp_path, **changed), ALPHA)
    assert "\n" not in str(said.value)


def test_what_is_no_file_of_weights_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file"):
        network_from_psychrnn(tmp_path / "none.npz", ALPHA)
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"is not a readable \.npz"):
        network_from_psychrnn(tmp_path / "text.npz", ALPHA)
    whole = saved(tmp_path).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is cut off"):
        network_from_psychrnn(tmp_path / "cut.npz", ALPHA)
    with pytest.raises(ValueError, match="alpha"):
        network_from_psychrnn(saved(tmp_path), 0.0)


class Actions:
    n = 3


class Choice:
    """As an environment of neurogym: fixation, a noisy stimulus of random length, a decision."""

    action_space = Actions()

    def seed(self, seed):
        self.rng = np.random.RandomState(seed)

    def new_trial(self, **given):
        self.trial = {"side": self.rng.choice([0, 1])} | given
        length = self.rng.randint(3, 7)
        ends = np.cumsum([2, length, 3])
        self.start_ind = dict(zip(("fixation", "stimulus", "decision"), [0, *ends[:-1]]))
        self.end_ind = dict(zip(("fixation", "stimulus", "decision"), ends))
        self.ob = np.zeros((ends[-1], 3), np.float32)
        self.ob[: ends[1], 0] = 1
        self.ob[2 : ends[1], 1 + self.trial["side"]] = 1
        self.ob[:, 1:] += 0.1 * self.rng.randn(ends[-1], 2)
        self.gt = np.zeros(ends[-1], int)
        self.gt[ends[1] :] = 1 + self.trial["side"]


def other_side(trial):
    return {"side": 1 - trial["side"]}


def test_trials_are_what_the_environment_draws():
    trials = trials_from_env(Choice(), 20, seed=3)
    again = Choice()
    again.seed(3)
    assert trials.contrasts == {}
    for k in range(20):
        again.new_trial()
        L = len(again.ob)
        np.testing.assert_allclose(trials.xs[k, :L], again.ob, atol=1e-7)
        np.testing.assert_array_equal(trials.targets[k, :L].argmax(-1), again.gt)
        assert not trials.targets[k, L:].any()
        np.testing.assert_array_equal(
            trials.xs[k, L:], np.repeat(trials.xs[k, L - 1 : L], T, 0)[: trials.xs.shape[1] - L]
        )
        for name, window in trials.epochs.items():
            inside = np.flatnonzero(window[k])
            assert inside.tolist() == list(range(again.start_ind[name], again.end_ind[name]))


def test_a_foil_differs_in_what_it_was_asked_to_and_in_nothing_else():
    plain = trials_from_env(Choice(), 12, seed=1)
    trials = trials_from_env(Choice(), 12, seed=1, foils={"side": other_side})
    np.testing.assert_array_equal(trials.xs, plain.xs)
    apart = np.asarray(trials.xs - trials.contrasts["side"].foil)
    stimulus = np.asarray(trials.epochs["stimulus"])[..., None] > 0
    np.testing.assert_allclose(np.abs(apart[..., 1:]), 1.0 * np.repeat(stimulus, 2, -1), atol=1e-6)
    assert not apart[..., 0].any()


def test_a_foil_of_another_length_is_refused():
    class Longer(Choice):
        def new_trial(self, **given):
            super().new_trial(**given)
            if given:
                self.ob, self.gt = self.ob[1:], self.gt[1:]

    with pytest.raises(ValueError, match="foil 'side' of trial 0 has"):
        trials_from_env(Longer(), 3, foils={"side": other_side})


def test_what_is_no_environment_is_refused():
    class Bare:
        rng, trial = None, None

        def seed(self, seed): ...
        def new_trial(self): ...

    with pytest.raises(ValueError, match="lacks ob, gt, start_ind, end_ind"):
        trials_from_env(Bare(), 2)


def test_a_network_trains_on_an_environment():
    from rnn_jax.cells import GRU, Affine, zero_state
    from rnn_jax.core import Network

    drawn = trials_from_env(Choice(), 200)
    keys = jax.random.split(jax.random.key(0), 3)
    cell = GRU(3, 16, key=keys[0])
    network = Network(cell, Affine(16, 3, key=keys[1]), zero_state(cell))

    def sample(key, count):
        pick = jax.random.randint(key, (count,), 0, 200)
        return jax.tree.map(lambda leaf: leaf[pick], drawn)

    found = fit(network, sample, cross_entropy, keys[2], steps=60, batch_size=32, chunk=20)
    assert found.losses[-10:].mean() < 0.8 * found.losses[:10].mean()


FLAX = Path(__file__).parent / "fixtures" / "flax.npz"


def of_flax(name):
    """Parameters as Flax nests them, and what Flax made of the inputs."""
    with np.load(FLAX) as file:
        arrays = {k.removeprefix(f"{name}/"): file[k] for k in file.files if k.startswith(name)}
        inputs = file["inputs"]
    params = {"cell": {}, "read": {}}
    for path, array in arrays.items():
        if path.startswith("cell/"):
            _, layer, part = path.split("/")
            params["cell"].setdefault(layer, {})[part] = array
        elif path.startswith("read/"):
            params["read"][path.removeprefix("read/")] = array
    return params, inputs, arrays["hs"], arrays["ys"]


@pytest.mark.parametrize("name", ["gru", "lstm", "old-lstm", "simple"])
def test_a_network_of_flax_does_what_flax_did(name):
    params, inputs, hs, ys = of_flax(name)
    assert np.abs(hs).max() > 0.3
    network = network_from_flax(params["cell"], params["read"])
    found, said = clean_run(network, jnp.asarray(inputs)[None])
    np.testing.assert_allclose(jax.tree.leaves(found)[0][0], hs, atol=1e-6)
    np.testing.assert_allclose(said[0], ys, atol=2e-6)
    bare = network_from_flax(params["cell"])
    np.testing.assert_allclose(clean_run(bare, jnp.asarray(inputs)[None])[1][0], hs, atol=1e-6)


def test_what_is_no_cell_of_flax_is_refused():
    params = of_flax("gru")[0]
    with pytest.raises(ValueError, match="expected a GRU, LSTM or simple cell of Flax, got"):
        network_from_flax(params["read"])
    with pytest.raises(ValueError, match="ir must have a kernel"):
        network_from_flax(params["cell"] | {"ir": {"bias": np.zeros(5)}})
    with pytest.raises(ValueError, match="the readout"):
        network_from_flax(params["cell"], {"kernel": np.zeros((7, 2), np.float32)})
