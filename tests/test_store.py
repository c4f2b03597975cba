"""Sweeps that go on: the same bytes whenever killed, at most one window twice, no mix-ups."""

import itertools
import random
import subprocess
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, N, T, inputs, keys, network

from rnn_jax import margin, resumable, squared_error, sweep, sweep_edges, tiling
from rnn_jax.causal import kept
from rnn_jax.causal.kept import fingerprint
from rnn_jax.causal.store import programs

B = 3


def problem(cell="gru", seed=0):
    net = network(cell)
    xs = jnp.stack([inputs(seed + b) for b in range(B)])
    targets = jax.random.normal(keys(1, 5)[0], (B, T, 2))
    return net, xs, targets, margin, jnp.eye(N), tiling(T, 2), 0.0


@pytest.mark.parametrize("cell", ["gru", "lstm", "lambda"])
def test_a_second_time_everything_is_read(cell, tmp_path):
    seen = []

    def counted(*arguments, **options):
        seen.append(arguments[5])
        return sweep(*arguments, **options)

    counted.__name__ = "sweep"
    arguments = problem(cell)
    first = resumable(counted, tmp_path)(*arguments, kind="read")
    assert len(seen) == 3
    second = resumable(counted, tmp_path)(*arguments, kind="read")
    assert len(seen) == 3
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, sweep(*arguments, kind="read"), atol=1e-13)
    sorted(tmp_path.iterdir())[1].unlink()
    np.testing.assert_array_equal(first, resumable(counted, tmp_path)(*arguments, kind="read"))
    np.testing.assert_array_equal(seen[3:], [tiling(T, 2)[1:2]])


def test_nothing_is_kept_without_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    looped = []
    got = resumable(sweep, None, lambda w: looped.append(len(w)) or w)(*problem())
    np.testing.assert_allclose(got, sweep(*problem()), atol=1e-13)
    assert looped == [3]
    assert list(tmp_path.iterdir()) == []


def test_groups_of_each_window_and_edges(tmp_path):
    arguments = list(problem())
    arguments[4] = jnp.stack([jnp.eye(N)[:2], jnp.eye(N)[1:3], jnp.eye(N)[2:]])
    got = resumable(sweep, tmp_path)(*arguments)
    np.testing.assert_allclose(got, sweep(*arguments), atol=1e-13)
    arguments[4] = jnp.array([[0, 1], [2, 3]])
    got = resumable(sweep_edges, tmp_path)(*arguments)
    np.testing.assert_allclose(got, sweep_edges(*arguments), atol=1e-13)


def test_what_does_not_fit_is_refused_before_anything_runs(tmp_path):
    arguments = list(problem())
    arguments[4] = jnp.stack([jnp.eye(N)] * 2)
    with pytest.raises(ValueError, match="units of 2 windows do not fit 3 windows"):
        resumable(sweep, tmp_path)(*arguments)
    arguments[4] = jnp.eye(N)[None]
    got = resumable(sweep, None)(*arguments)
    np.testing.assert_allclose(got, sweep(*arguments), atol=1e-13)
    arguments[5] = tiling(T, 2).at[2].set(0.0)
    with pytest.raises(ValueError, match="window 2 is empty"):
        resumable(sweep, tmp_path)(*arguments)
    with pytest.raises(ValueError, match="takes sweep or sweep_edges"):
        resumable(lambda *arguments: sweep(*arguments), tmp_path)
    assert list(tmp_path.iterdir()) == []


def changed(name):
    network_, xs, targets, score, units, windows, value = problem()
    return {
        "weights": (network("gru", seed=1), xs, targets, score, units, windows, value),
        "inputs": (network_, xs + 1e-9, targets, score, units, windows, value),
        "score": (network_, xs, targets, squared_error, units, windows, value),
        "units": (network_, xs, targets, score, units[::-1], windows, value),
        "windows": (network_, xs, targets, score, units, windows[::-1], value),
        "value": (network_, xs, targets, score, units, windows, 1e-9),
    }[name]


@pytest.mark.parametrize("name", ["weights", "inputs", "score", "units", "windows", "value"])
def test_whatever_is_changed_is_another_sweep(name, tmp_path):
    resumable(sweep, tmp_path)(*problem())
    got = resumable(sweep, tmp_path)(*changed(name))
    assert len(list(tmp_path.iterdir())) == 6
    np.testing.assert_allclose(got, sweep(*changed(name)), atol=1e-13)


def test_an_option_is_part_of_the_name(tmp_path):
    for kind in ("clamp", "read"):
        resumable(sweep, tmp_path)(*problem(), kind=kind)
    assert len(list(tmp_path.iterdir())) == 6
    resumable(sweep, tmp_path)(*problem(), kind="read", allow_noop=True)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("cell", SOME)
def test_the_weights_are_part_of_the_programs(cell):
    one = [programs(network(cell, seed), *problem()[1:4]) for seed in (0, 0, 1)]
    assert one[0] == one[1]
    assert one[0] != one[2]


def test_fingerprints_tell_shapes_and_types_apart():
    parts = (
        jax.random.key(0),
        jax.random.key(1),
        np.zeros(4),
        np.zeros((2, 2)),
        np.zeros(4, np.int64),
        0.0,
        "0.0",
        (0.0,),
        None,
    )
    assert len({fingerprint(part) for part in parts}) == len(parts)


def test_one_process_asks_no_other(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(kept, "_as_the_first", lambda found: asked.append(found) or found)
    recall = lambda: kept.recall(tmp_path / "part.npy", lambda: np.arange(3.0))
    np.testing.assert_array_equal(recall(), recall())
    assert not asked
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    recall()
    assert asked == [(tmp_path / "part.npy").read_bytes()]


LONG = """
import sys, jax.numpy as jnp, jax, numpy as np
from rnn_jax import Network, margin, resumable, sweep, tiling
from rnn_jax.cells import GRU, zero_state
folder, out = sys.argv[1:]
jax.config.update("jax_compilation_cache_dir", folder + "-compiled")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
cell = GRU(2, 32, key=jax.random.key(0))
weights = jax.random.normal(jax.random.key(1), (2, 32))
net = Network(cell, lambda h: weights @ h, zero_state(cell))
xs = jax.random.normal(jax.random.key(2), (8, 40, 2))
def counted(*arguments, **options):
    with open(folder + "-begun", "a") as file:
        file.write(f"{int(arguments[5][0].argmax())}\\n")
    return sweep(*arguments, **options)
counted.__name__ = "sweep"
effects = resumable(counted, folder)(net, xs, xs, margin, jnp.eye(32), tiling(40, 1), 0.0)
np.save(out, effects)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path):
    def start(folder, out):
        return subprocess.Popen([sys.executable, "-c", LONG, str(folder), str(out)])

    assert start(tmp_path / "whole", tmp_path / "whole.npy").wait() == 0
    folder, out = tmp_path / "killed", tmp_path / "killed.npy"
    begun = tmp_path / "killed-begun"
    draw, killed = random.Random(0), 0
    for _ in range(3):
        running = start(folder, out)
        count = len(begun.read_text()) if begun.exists() else 0
        while not (begun.exists() and len(begun.read_text()) > count):
            assert running.poll() is None
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.03))
        running.kill()
        killed += running.wait() == -9
        assert not out.exists()
    assert start(folder, out).wait() == 0
    assert killed == 3
    assert out.read_bytes() == (tmp_path / "whole.npy").read_bytes()
    windows = [int(line) for line in begun.read_text().split()]
    assert sorted(set(windows)) == list(range(40))
    assert len(windows) <= 40 + killed
    assert all(b in (a, a + 1) for a, b in itertools.pairwise(windows))
