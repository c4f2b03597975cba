"""Low-rank networks: their equations by a second route, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.core import clean_run
from rnn_jax.data import network_from_low_rank

N, R, I, O, T, ALPHA = 7, 2, 3, 2, 15, 0.2  # noqa: E741


def arrays(**changed):
    rng = np.random.default_rng(0)
    shapes = {"m": (N, R), "n": (N, R), "wi": (I, N), "wo": (N, O), "si": (I,), "so": (O,)}
    drawn = {name: rng.normal(size=shape) for name, shape in (shapes | {"h0": (N,)}).items()}
    whole = drawn | {"b": np.zeros(N)} | changed
    return {name: array for name, array in whole.items() if array is not None}


@pytest.mark.parametrize("phi", [jnp.tanh, jnp.abs])
@pytest.mark.parametrize("without", [(), ("si", "so", "h0", "b")])
def test_a_low_rank_network_runs_by_its_equations(phi, without):
    known = arrays(**dict.fromkeys(without))
    network = network_from_low_rank(known, ALPHA, phi)
    xs = np.random.default_rng(1).normal(size=(1, T, I))
    h, hs, ys = known.get("h0", np.zeros(N)), [], []
    for x in xs[0]:
        # two projections, never the matrix
        drive = known["m"] @ (known["n"].T @ np.asarray(phi(h))) / N
        drive = drive + (x * known.get("si", 1)) @ known["wi"]
        h = h + ALPHA * (drive - h)
        hs.append(h)
        ys.append((np.asarray(phi(h)) @ known["wo"]) * known.get("so", 1) / N)
    found = clean_run(network, jnp.asarray(xs))
    np.testing.assert_allclose(found[0][0], hs, atol=1e-12)
    np.testing.assert_allclose(found[1][0], ys, atol=1e-12)


def test_whole_numbers_and_other_arrays_do_no_harm():
    whole = {"m": np.ones((N, R), int), "n": np.ones((N, R), int)}
    network = network_from_low_rank(arrays(**whole) | {"note": np.array("a text")}, ALPHA)
    known = arrays(**whole)
    expected = ALPHA * (known["si"] @ known["wi"])
    found = network.step(jnp.zeros(N), jnp.ones(I))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


BAD = {
    "none": ({"n": None}, ALPHA, "lack n"),
    "shape": ({"n": np.zeros((N, 3))}, ALPHA, "n must be finite, [7, 2]"),
    "vector": ({"m": np.zeros(N)}, ALPHA, "m must be finite"),
    "number": ({"wi": np.float64(3)}, ALPHA, "wi must be finite"),
    "NaN": ({"wo": np.full((N, O), np.nan)}, ALPHA, "wo must be finite"),
    "bias": ({"b": np.ones(N)}, ALPHA, "b must be 0"),
    "text": ({"m": np.array("a")}, ALPHA, "m must"),
    "alpha": ({}, 0.0, "alpha"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_such_network_is_refused_in_a_line(name):
    changed, alpha, words = BAD[name]
    with pytest.raises(ValueError, match=r"^[^\n]*$") as said:
        network_from_low_rank(arrays(**changed), alpha)
    assert words in str(said.value)
