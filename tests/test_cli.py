"""The command line: what it writes, what it says, and one line with exit code 2 for bad input."""

import json
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
import xarray as xr

from rnn_jax.studies import STUDIES, names

QUICK = ["--random-sets", "19", "--resamples", "99", "--flips", "199"]
LINE = [sys.executable, "-c", "from rnn_jax.cli import main; main()"]
MODEL = """
import jax.numpy as jnp, numpy as np
w = np.array([[1.5, 0.0, 0.0], [1.2, 0.0, 0.0], [0.9, 0.0, 0.0]])
u = np.array([[1.0], [0.0], [1.0]])
step = lambda h, x: jnp.tanh(w.astype(h.dtype) @ h + u.astype(h.dtype) @ x)
network = (step, lambda h: h[1:2], np.zeros(3, np.float32))
broken = (step, lambda h: h[1:2], np.zeros(5, np.float32))
"""


def command(*arguments, cwd):
    line = [*LINE, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    (folder / "my_model.py").write_text(MODEL)
    sign = np.random.default_rng(0).choice([-1.0, 1.0], 12)
    xs = np.zeros((12, 10, 1))
    xs[:, :2, 0] = sign[:, None]
    arrays = {"inputs": xs, "epoch_cue": np.array([0, 2]), "epoch_delay": np.array([2, 10])}
    np.savez(folder / "trials.npz", **arrays)
    np.savez(folder / "sick.npz", **{**arrays, "inputs": np.where(xs > 0, np.nan, xs)})
    (folder / "cut.npz").write_bytes((folder / "trials.npz").read_bytes()[:200])
    return folder


@pytest.fixture(scope="module")
def finished(place):
    done = command(
        "discover",
        "my_model.py:network",
        "--trials",
        "trials.npz",
        "--out",
        "out",
        *QUICK,
        cwd=place,
    )
    assert done.returncode == 0, done.stderr
    return place / "out", done.stdout


def test_a_run_leaves_everything(finished):
    out, said = finished
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert files >= {
        "config.json", "model.eqx", "results.nc", "circuit.json", "circuit.graphml",
        "report.html", "log.txt", "figures/effects.png",
    }  # fmt: skip
    data = xr.load_dataset(out / "results.nc", engine="h5netcdf")
    assert {"window", "unit", "to", "from", "time", "trial", "epoch"} <= set(data.dims)
    assert data["member"].sel(epoch="delay").values.tolist() == [True, True, False]
    circuit = json.loads((out / "circuit.json").read_text())
    assert {row["unit"] for row in circuit["windows"]["delay"]["units"]} == {"0", "1"}
    assert set(nx.read_graphml(out / "circuit.graphml")) == {"0", "1"}
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["flips"] == 199
    assert config["origin"] == {"file": "my_model.py:network"}
    assert "running on" in said
    assert "delay" in said
    assert "sufficiency" in (out / "log.txt").read_text()


def test_two_processes_find_the_same(finished, place):
    asked = ["my_model.py:network", "--trials", "trials.npz", "--out", "shared"]
    done = command("discover", *asked, "--processes", 2, *QUICK, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "in 2 processes" in done.stdout
    assert done.stdout.count("written to shared") == 1
    alone, shared = (
        xr.load_dataset(place / out / "results.nc", engine="h5netcdf") for out in ("out", "shared")
    )
    xr.testing.assert_allclose(alone, shared, rtol=1e-4, atol=1e-5)
    refused = command("discover", *asked, "--processes", 2, *QUICK, cwd=place)
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_run_goes_on_where_it_was_killed(finished, place):
    asked = ["discover", "my_model.py:network", "--trials", "trials.npz", "--out", "again", *QUICK]
    running = subprocess.Popen([*LINE, *asked], stdout=subprocess.PIPE, text=True, cwd=place)
    while "units x windows" not in running.stdout.readline():
        assert running.poll() is None
    running.kill()
    running.communicate()
    store = place / ".again.sweeps"
    assert len(list(store.glob("*.npy"))) >= 2
    assert not (place / "again").exists()
    done = command(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "finished windows" in done.stdout
    assert not store.exists()
    one, other = (
        xr.load_dataset(place / out / "results.nc", engine="h5netcdf") for out in ("out", "again")
    )
    xr.testing.assert_equal(one, other)


def test_a_finished_run_is_not_overwritten_unless_asked(finished, place):
    again = ["discover", "my_model.py:network", "--trials", "trials.npz", "--out", "out", *QUICK]
    before = (finished[0] / "config.json").stat().st_mtime_ns
    refused = command(*again, cwd=place)
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert (finished[0] / "config.json").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["discover", "ring-atractor"], "perhaps you meant ring-attractor"),
        (["discover", "my_model.py:network"], "needs trials"),
        (["discover", "my_model.py:absent", "--trials", "trials.npz"], "defines no 'absent'"),
        (["discover", "my_model.py:broken", "--trials", "trials.npz"], "rejects an input"),
        (["discover", "my_model.py:network", "--trials", "sick.npz"], "not finite at trial"),
        (["discover", "my_model.py:network", "--trials", "cut.npz"], "cut.npz"),
        (["discover", "my_model.py:network", "--trials", "absent.npz"], "no such file"),
        (["discover", "trials.npz", "--trials", "trials.npz", "--cell", "gru"], "weight_ih"),
        (["discover", "ring-attractor", "--alpha", "2"], "alpha"),
        (["discover", "flip-flop", "--cell", "transformer"], "no cell is called"),
        (["train", "flop"], "no task is called"),
        (["study", "recovery", "--kinds", "latsch"], "perhaps you meant latch"),
        (["study", "hmm-inference", "--kinds", "latch"], "--kinds is for recovery"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, message, place):
    done = command(*arguments, "--out", "refused", cwd=place)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (place / "refused").exists()


def test_a_launcher_at_odds_with_itself_is_one_line(place, monkeypatch):
    monkeypatch.setenv("JAX_NUM_PROCESSES", "two")
    done = command("list", cwd=place)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1


def test_list_names_what_is_built_in(place):
    done = command("list", cwd=place)
    listed = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, *_ in listed] == [*names(), *STUDIES]
    assert {name for name, kind, *_ in listed if kind == "study:"} == set(STUDIES)
    assert all(len(words) > 3 for words in listed)


def test_train_then_discover_what_was_saved(place):
    trained = command(
        "train",
        "flip-flop",
        "--units",
        8,
        "--steps",
        20,
        "--batch-size",
        4,
        "--out",
        "net",
        cwd=place,
    )
    assert trained.returncode == 0, trained.stderr
    found = command("discover", "net/model.eqx", "--count", 8, "--out", "found", *QUICK, cwd=place)
    assert found.returncode == 0, found.stderr
    assert json.loads((place / "found" / "config.json").read_text())["origin"]["units"] == 8
