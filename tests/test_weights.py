"""PyTorch's weights: our network does what PyTorch did, and a file that is not right is told."""

from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from numpy.testing import assert_allclose

from rnn_jax.cells import GRU, LSTM, Affine, Units, Vanilla
from rnn_jax.core import outputs, run
from rnn_jax.data import READERS
from rnn_jax.data.weights import load_weights, network_from_torch

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = ["rnn_tanh", "rnn_relu", "gru", "lstm"]
KINDS = {"rnn": Vanilla, "gru": GRU, "lstm": LSTM}


def fixture(name):
    """PyTorch's `state_dict`, and what PyTorch made of it."""
    with np.load(FIXTURES / f"torch_{name}.npz") as file:
        arrays = dict(file)
    state = {k.removeprefix("state/"): v for k, v in arrays.items() if k.startswith("state/")}
    return state, arrays


def read(name, weights, **options):
    relu = {"cell": "rnn-relu"} if name == "rnn_relu" else {}
    return network_from_torch(weights, **relu | options)


def started(network, arrays):
    h0 = jnp.asarray(arrays["h0"])
    h0 = (h0, jnp.asarray(arrays["c0"])) if "c0" in arrays else h0
    return eqx.tree_at(lambda n: n.h0, network, h0)


def check_parity(network, arrays):
    network = started(network, arrays)
    trajectory = run(network, jnp.asarray(arrays["inputs"]))
    hs = jax.tree.leaves(trajectory.hs)
    assert hs[0].dtype == jnp.float32
    assert np.abs(arrays["hs"]).max() > 0.3
    assert_allclose(hs[0], arrays["hs"], rtol=1e-6, atol=1e-6)
    if "c" in arrays:
        assert_allclose(hs[1][-1], arrays["c"], rtol=1e-6, atol=1e-6)
    if isinstance(network.readout, Affine):
        assert_allclose(outputs(network, trajectory), arrays["ys"], rtol=1e-6, atol=2e-6)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", NAMES)
def test_our_network_does_what_pytorch_did(name, suffix, tmp_path):
    state, arrays = fixture(name)
    path = tmp_path / f"weights{suffix}"
    if suffix == ".npz":
        np.savez(path, **state)
    else:
        safetensors.numpy.save_file(state, path)
    assert set(load_weights(path)) == set(state)
    cells = ("rnn-relu",) if name == "rnn_relu" else (None, name.partition("_")[0])
    for cell in cells:
        network = read(name, path, cell=cell)
        assert type(network.step) is KINDS[name.partition("_")[0]]
        assert isinstance(network.readout, Affine)
        check_parity(network, arrays)


@pytest.mark.parametrize("name", NAMES)
def test_names_of_single_step_cells_and_any_prefix_serve(name):
    state, arrays = fixture(name)
    bare = {k.removeprefix("rnn.").removesuffix("_l0"): v for k, v in state.items()}
    assert "weight_hh" in bare
    check_parity(read(name, bare), arrays)
    deep = {f"module.model.{k}": v for k, v in state.items()}
    check_parity(read(name, deep), arrays)


@pytest.mark.parametrize("name", NAMES)
def test_every_array_matters(name):
    """So a parity test above cannot pass by an array that is not used."""
    state, arrays = fixture(name)
    for key in state:
        moved = {**state, key: state[key] + np.float32(0.1)}
        with pytest.raises(AssertionError, match="Not equal to tolerance"):
            check_parity(read(name, moved), arrays)


def test_the_two_biases_of_a_gru_are_not_one():
    state, arrays = fixture("gru")
    swapped = dict(state)
    swapped["rnn.bias_ih_l0"] = state["rnn.bias_hh_l0"]
    swapped["rnn.bias_hh_l0"] = state["rnn.bias_ih_l0"]
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_parity(network_from_torch(swapped), arrays)


@pytest.mark.parametrize("name", NAMES)
def test_a_layer_without_biases_has_zeros(name):
    state, arrays = fixture(name)
    zeroed = {k: np.zeros_like(v) if "bias" in k else v for k, v in state.items()}
    without = {k: v for k, v in state.items() if "bias" not in k}
    xs = jnp.asarray(arrays["inputs"])
    results = [run(started(read(name, w), arrays), xs).hs for w in (zeroed, without)]
    for a, b in zip(*map(jax.tree.leaves, results), strict=True):
        assert_allclose(a, b, atol=1e-7)


def test_without_a_readout_the_units_are_read():
    state, arrays = fixture("lstm")
    network = network_from_torch({k: v for k, v in state.items() if "fc" not in k})
    assert isinstance(network.readout, Units)
    check_parity(network, arrays)
    ys = outputs(network, run(started(network, arrays), jnp.asarray(arrays["inputs"])))
    assert_allclose(ys, arrays["hs"], atol=1e-6)


def test_the_first_state_is_zero_in_the_weights_dtype():
    state, _ = fixture("lstm")
    for dtype in ("float32", "float64"):
        network = network_from_torch({k: v.astype(dtype) for k, v in state.items()})
        for leaf in jax.tree.leaves(network.h0):
            assert leaf.dtype == dtype
            assert leaf.shape == (5,)
            assert not leaf.any()


def refused(weights, *parts, **options):
    with pytest.raises(ValueError, match=r".") as caught:
        network_from_torch(weights, **options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize("key", ["weight_ih", "weight_hh", "bias_ih", "bias_hh"])
def test_a_missing_array_is_named(key):
    state, _ = fixture("gru")
    refused({k: v for k, v in state.items() if key not in k}, f"missing {key}", "fc.weight")


def test_weights_of_nothing_recurrent_are_refused():
    refused({}, "missing weight_ih, weight_hh", "nothing")
    refused({"fc.weight": np.ones((2, 5))}, "missing weight_ih, weight_hh", "fc.weight")


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ("rnn.weight_ih_l1", "more than one layer is not supported: got rnn.weight_ih_l1"),
        (
            "rnn.weight_ih_l0_reverse",
            "a bidirectional network is not supported: got rnn.weight_ih",
        ),
        ("rnn.weight_hr_l0", "an LSTM with projections is not supported: got rnn.weight_hr_l0"),
        (
            "decoder.weight_hh_l0",
            "several recurrent layers are not supported: got them at decoder",
        ),
        (
            "encoder.weight",
            "besides the recurrent layer: got fc.weight (2, 5), fc.bias (2,), encoder.weight",
        ),
    ],
)
def test_what_is_not_supported_is_said(extra, message):
    state, _ = fixture("lstm")
    refused({**state, extra: np.ones((5, 3), np.float32)}, message)


def test_nothing_is_passed_over():
    state, _ = fixture("lstm")
    refused({**state, "norm.weight": np.ones(5, np.float32)}, "norm.weight (5,)", "expected one")
    bare = {k: v for k, v in state.items() if "fc" not in k}
    refused({**bare, "scale": np.ones(5, np.float32)}, "scale (5,)", "expected one weight [O, 5]")
    refused({**bare, "weight": np.float32(1)}, "weight ()", "expected one weight [O, 5]")


def test_wrong_shapes_are_told_with_what_was_expected():
    state, _ = fixture("gru")
    cut = lambda key, index: {**state, key: state[key][index]}
    expected = "bias_hh of a gru: got shape (14,), expected (15,)"
    refused(cut("rnn.bias_hh_l0", slice(14)), expected)
    expected = "weight_ih of a gru: got shape (14, 3), expected (15, 3)"
    refused(cut("rnn.weight_ih_l0", slice(14)), expected)
    refused(cut("rnn.weight_ih_l0", 0), "weight_ih of a gru: got shape (3,), expected 2 axes")
    refused(cut("rnn.weight_hh_l0", slice(14)), "weight_hh: got shape (14, 5), expected [N, N]")
    refused(cut("rnn.weight_hh_l0", 0), "weight_hh: got shape (5,)")
    refused(cut("fc.weight", (slice(None), slice(4))), "readout: got fc.weight (2, 4)", "[O, 5]")
    refused(cut("fc.bias", slice(1)), "fc.bias (1,)", "its bias [O]")
    refused(state, "weight_ih of a lstm: got shape (15, 3), expected (20, 3)", cell="lstm")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("key", ["rnn.weight_hh_l0", "rnn.bias_ih_l0", "fc.weight"])
def test_a_number_that_is_none_is_named(key, bad):
    state, _ = fixture("lstm")
    broken = state[key].copy()
    broken[1] = bad
    refused({**state, key: broken}, f"weight {key} is not finite: {bad} at (1")


def test_other_dtypes_are_refused():
    state, _ = fixture("lstm")
    refused({**state, "fc.bias": np.zeros(2)}, "one floating dtype", "fc.bias float64")
    integers = {k: v.astype(int) for k, v in state.items()}
    refused(integers, "one floating dtype", "int64")


def test_unknown_words_are_refused():
    state, _ = fixture("lstm")
    refused(state, "cell must be rnn, gru, lstm or rnn-relu", "'vanilla'", cell="vanilla")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_a_file_that_is_cut_off_or_foreign_is_refused(suffix, tmp_path):
    state, _ = fixture("gru")
    path = tmp_path / f"weights{suffix}"
    if suffix == ".npz":
        np.savez(path, **state)
    else:
        safetensors.numpy.save_file(state, path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], whole[:-7], whole[:5], b"", b"not a weights file"):
        path.write_bytes(content)
        refused(path, path.name)
    path.unlink()
    refused(path, "no such file")


def test_a_file_of_another_suffix_or_kind_is_refused(tmp_path):
    refused(tmp_path / "model.pt", f"weights come as {' or '.join(READERS['weights'])}, got '.pt'")
    path = tmp_path / "weights.npz"
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    refused(path, "one bare array")
