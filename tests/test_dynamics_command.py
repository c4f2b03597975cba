"""`rnn-jax dynamics`: the folder it writes, circuits of a folder, and one line for bad input.

The network is that of `commands.py`: one latch, and two units that follow it.
"""

import json
import re
import shutil

import numpy as np
import pytest
import xarray as xr
from commands import command, furnish
from scipy.optimize import brentq
from test_bad_lines import answers, words

S = brentq(lambda s: np.tanh(1.5 * s) - s, 0.5, 1)
ASKED = ["--trials", "trials.npz", "--starts", "64", "--exponents", "2"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    furnish(folder)
    (folder / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def circuits(discovered, place):
    """The run of all workers, under a name of this file's."""
    return shutil.copytree(discovered.out, place / "circuits")


@pytest.fixture(scope="module")
def finished(place, circuits):
    line = ["dynamics", "my_model.py:network", "--out", "out", "--circuits", "circuits"]
    done = command(*line, "--without", "1", "2", *ASKED, cwd=place)
    assert done.returncode == 0, done.stderr
    return place / "out", done.stdout


def test_a_run_leaves_everything(finished):
    out, said = finished
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert files >= {
        "config.json", "model.eqx", "results.nc", "report.html", "log.txt",
        "figures/landscape.png", "figures/spectra.png", "figures/removals.png",
    }  # fmt: skip
    assert "3 fixed points, 2 stable, 1 unstable" in said
    assert "written to out in" in said
    assert "3 fixed points, 2 stable" in (out / "log.txt").read_text()
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["starts"] == 64
    assert config["command"].startswith("rnn-jax dynamics my_model.py:network")


def test_the_latch_is_what_makes_the_points(finished):
    """Held at its mean it leaves one point; without the two that follow it all are kept."""
    out, _ = finished
    data = xr.load_dataset(out / "results.nc", engine="h5netcdf")
    own = data["point_landscape"].values == 0
    first = data["point_state"].values[own, 0]
    np.testing.assert_allclose(np.sort(first), [-S, 0, S], atol=1e-6)
    names = [str(name) for name in data["removal"].values]
    removed = data["removed"].values
    circuit = next(r for r, units in enumerate(removed) if units[0])
    followers = names.index("units 1, 2")
    assert removed[followers].tolist() == [False, True, True]
    assert (data["point_landscape"].values == circuit + 1).sum() == 1
    assert (data["fate"].values[circuit] == 2).sum() >= 2
    assert data["fate"].values[followers].tolist() == [0, 0, 0]


MINE = "dynamics my_model.py:network --trials trials.npz"
BAD = [
    (f"{MINE} --starts 0", "starts must be at least 1, got 0"),
    (f"{MINE} --starts many", "--starts"),
    (f"{MINE} --box 5 6", "box 5 to 6 holds none of 256 starts"),
    (f"{MINE} --box 1 1", "box must be its lowest and its highest value"),
    (f"{MINE} --hold nowhere", "hold must be one of zero, \u00e9poque, delay"),
    (f"{MINE} --without 7", "no unit is called '7'; units are 0 to 2"),
    (f"{MINE} --circuits nowhere", "nowhere is no run of discover"),
    (f"{MINE} --circuits empty", "empty is no run of discover"),
    ("dynamics my_model.py:other --trials trials.npz --circuits circuits", "of another network"),
    ("dynamics ring-attractor --circuits circuits", "their units differ"),
    ("dynamics my_model.py:grows --trials trials.npz", "the clean run is not finite at trial 0"),
    ("dynamics my_model.py:network --trials wide.npz", "the step rejects|rejects"),
    ("dynamics my_model.py:network --trials bare.npz", "the trials declare no epoch"),
    ("dynamics my_model.py:network", "needs trials"),
    ("dynamics ring-atractor", "perhaps you meant ring-attractor"),
    (f"{MINE} --sets carriers", "--sets"),
]


AGAIN = "dynamics my_model.py:network --trials trials.npz --out out"
WRONG = "dynamics flip-flop --circuits out"
HELP = "--help", "dynamics --help"


@pytest.fixture(scope="module")
def answered(place, finished):
    """What each line is answered: of all in one process, since to load JAX takes seconds."""
    lines = [*(line for line, _ in BAD), AGAIN, WRONG, *HELP]
    before = set(place.glob("runs/dynamics*"))
    found = answers(place, [(words(line), "") for line in lines])
    # what is refused leaves no folder
    assert set(place.glob("runs/dynamics*")) == before
    return dict(zip(lines, found, strict=True))


def test_bad_input_is_one_line_and_code_2(answered):
    wrong = {}
    for line, message in BAD:
        code, _, err = answered[line]
        one_line = len(err.strip().splitlines()) == 1 and err.startswith("rnn-jax: ")
        if not (code == 2 and one_line and re.search(message, err)):
            wrong[line] = (code, err)
    assert wrong == {}


def test_a_finished_run_is_not_overwritten_unless_asked(answered):
    code, _, err = answered[AGAIN]
    assert code == 2
    assert "--overwrite" in err


def test_a_wrong_folder_is_refused_before_a_network_is_trained(answered):
    code, said, err = answered[WRONG]
    assert code == 2
    assert "out is no run of discover: it holds no circuits" in err
    assert "trained" not in said


def test_help_says_what_it_does(answered):
    help_, own = (answered[line] for line in HELP)
    assert (help_[0], own[0]) == (0, 0)
    assert re.search(r"dynamics\s.*Find fixed points", help_[1])
    for option in ("--starts", "--hold", "--circuits", "--without", "--exponents"):
        assert option in own[1]


@pytest.mark.slow
def test_a_task_is_trained_on_the_spot(place):
    line = ["dynamics", "flip-flop", "--cell", "vanilla", "--units", "8", "--starts", "16"]
    done = command(*line, "--count", "8", cwd=place)
    assert done.returncode == 0, done.stderr
    assert "written to runs/dynamics-flip-flop in" in done.stdout
    assert (place / "runs" / "dynamics-flip-flop" / "report.html").exists()
