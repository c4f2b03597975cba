"""The command line: what it writes, what it says, and one line with exit code 2 for bad input."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import networkx as nx
import pytest
import xarray as xr
from commands import LINE, MINE, QUICK, command, furnish, run

from rnn_jax.cells import CELLS
from rnn_jax.cli import commands as main
from rnn_jax.discovery import names
from rnn_jax.studies import STUDIES


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    furnish(folder)
    return folder


@pytest.fixture(scope="module")
def finished(discovered, place):
    """The run of all workers, copied to where commands may go on from it."""
    shutil.copytree(discovered.out, place / "out")
    return place / "out", discovered.said


def test_a_run_leaves_everything(discovered):
    out, said = discovered.out, discovered.said
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert files >= {
        "config.json", "model.eqx", "results.nc", "circuit.json", "circuit.graphml",
        "report.html", "log.txt", "figures/effects.png",
    }  # fmt: skip
    data = xr.load_dataset(out / "results.nc", engine="h5netcdf")
    assert {"window", "unit", "to", "from", "time", "trial", "epoch"} <= set(data.dims)
    assert data["member"].sel(epoch="delay").values.tolist() == [True, True, False]
    circuit = json.loads((out / "circuit.json").read_text())
    assert {row["unit"] for row in circuit["single units"]["windows"]["delay"]["units"]} == {
        "0",
        "1",
    }
    assert set(nx.read_graphml(out / "circuit.graphml")) == {"0", "1"}
    config = json.loads((out / "config.json").read_text())
    assert config["settings"]["flips"] == 199
    paths = {"file": "my_model.py:network", "trials": "trials.npz"}
    assert config["origin"] == {name: str(out.parent / path) for name, path in paths.items()}
    assert "running on" in said
    assert "delay" in said
    assert "faithfulness" in (out / "log.txt").read_text()


@pytest.mark.slow
def test_two_processes_find_the_same(finished, place):
    asked = [*MINE, "--out", "shared", "--processes", 2]
    done = command(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "in 2 processes" in done.stdout
    assert done.stdout.count("written to shared") == 1
    alone, shared = (
        xr.load_dataset(place / out / "results.nc", engine="h5netcdf") for out in ("out", "shared")
    )
    xr.testing.assert_allclose(alone, shared, rtol=1e-4, atol=1e-5)
    refused = command(*asked, cwd=place)
    assert refused.returncode == 2
    assert len(refused.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_a_run_goes_on_where_it_was_killed(finished, place):
    asked = [*MINE, "--out", "again"]
    running = subprocess.Popen([*LINE, *asked], stdout=subprocess.PIPE, text=True, cwd=place)
    while "units x windows" not in running.stdout.readline():
        assert running.poll() is None
    running.kill()
    running.communicate()
    store = place / ".again.rnn-jax" / "kept"
    assert len(list(store.glob("*.npy"))) >= 2
    assert not (place / "again").exists()
    done = command(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    assert "finished parts in" in done.stdout
    assert not store.parent.exists()
    one, other = (
        xr.load_dataset(place / out / "results.nc", engine="h5netcdf") for out in ("out", "again")
    )
    xr.testing.assert_equal(one, other)


def test_a_finished_run_is_not_overwritten_unless_asked(finished, place):
    before = (finished[0] / "config.json").stat().st_mtime_ns
    refused = command(*MINE, "--out", "out", cwd=place)
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    assert (finished[0] / "config.json").stat().st_mtime_ns == before


def test_more_processes_than_cpus_are_told(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("rnn_jax.cli.commands.start", lambda count, arguments: 0)
    with pytest.raises(SystemExit):
        main.run(["discover", "latch", "--processes", "9999", "--out", str(tmp_path / "out")])
    assert capsys.readouterr().err.startswith("9999 processes share ")


def test_list_names_what_is_built_in(place):
    done = command("list", cwd=place)
    listed = [line.split() for line in done.stdout.splitlines()]
    assert [name for name, *_ in listed] == [*names(), *STUDIES, "cells"]
    assert [name.strip(",") for name in listed.pop()[1:]] == list(CELLS)
    assert {name for name, kind, *_ in listed if kind == "study:"} == set(STUDIES)
    assert all(len(words) > 3 for words in listed)


@pytest.mark.slow
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


def test_a_second_command_on_one_folder_is_told_at_once(place):
    asked = ["train", "flip-flop", "--units", "4", "--steps", "100000", "--out", "busy"]
    first = subprocess.Popen([*LINE, *asked], stdout=subprocess.PIPE, text=True, cwd=place)
    assert "running on" in first.stdout.readline()
    # it holds the folder asleep, too, and takes no time from the second
    first.send_signal(signal.SIGSTOP)
    second = command(*asked, cwd=place)
    assert (second.returncode, second.stdout) == (2, "")
    assert second.stderr == "rnn-jax: another command is writing to busy; wait for it to end\n"
    assert first.poll() is None
    first.kill()
    first.communicate()


@pytest.mark.parametrize("waits_for", ["", "running on"])
def test_ctrl_c_is_one_line_and_code_130(waits_for, place):
    """While modules are imported, and during the work; a second one changes nothing."""
    line = [*LINE, "discover", "ring-attractor", "--out", "interrupted"]
    pipe = subprocess.PIPE
    running = subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, cwd=place)
    if waits_for:
        assert waits_for in running.stdout.readline()
    else:
        time.sleep(0.5)
    for _ in range(2):
        running.send_signal(signal.SIGINT)
    said = running.communicate()[1]
    assert running.returncode == 130, said
    assert said == "\nrnn-jax: interrupted; the same command goes on from here\n"


def test_a_network_of_ones_own_opens_again_from_its_run(finished, place):
    asked = ["discover", "out/model.eqx", *QUICK]
    done = command(*asked, cwd=place)
    assert done.returncode == 0, done.stderr
    # named by whose model it is: all are called model.eqx
    assert "written to runs/out-model in" in done.stdout
    one, other = (
        xr.load_dataset(place / out / "results.nc", engine="h5netcdf")
        for out in ("out", "runs/out-model")
    )
    xr.testing.assert_equal(one, other)


def test_a_terminal_without_the_letters_of_a_name_loses_nothing(discovered):
    assert "\\xe9poque" in discovered.said
    assert "\u00e9poque" in (discovered.out / "log.txt").read_text("utf-8")


FULL_DISK = """
import resource, sys
from rnn_jax.cli import main
from rnn_jax.report import run_folder
late = sys.argv.pop(1) == "late"
fill = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))
draw = run_folder.save_figures
def full(*arguments):
    fill()
    draw(*arguments)
if late:
    run_folder.save_figures = full
else:
    fill()
main()
"""


@pytest.mark.slow
def test_on_a_full_disk_the_line_names_what_was_written(place):
    """In the midst of the numbers, then, with more room, of a figure; then there is enough."""
    line = [*MINE, "--out", "full"]
    for when, left in (("early", "full.unfinished"), ("late", "full.unfinished-1")):
        done = run([sys.executable, "-c", FULL_DISK, when, *line], cwd=place)
        assert done.returncode == 2, done.stderr
        said = done.stderr.strip().splitlines()
        assert len(said) == 1, said
        assert said[0].endswith(f"what was written is in {(place / left).resolve()}"), said
        assert ("finished parts in" in done.stdout) == (when == "late")
    assert "File too large" in said[0]
    assert (
        xr.load_dataset(place / left / "results.nc", engine="h5netcdf")["effect"].notnull().all()
    )
    again = command(*line, cwd=place)
    assert again.returncode == 0, again.stderr
    assert "finished parts in" in again.stdout


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"JAX_PLATFORMS": "cuda"}, "no device to run on (JAX_PLATFORMS='cuda')"),
        ({"JAX_PLATFORMS": "banana"}, "no device to run on (JAX_PLATFORMS='banana')"),
        ({"JAX_ENABLE_X64": "banana"}, "JAX cannot be loaded"),
        ({"JAX_NUM_PROCESSES": "two"}, "name no process"),
        ({"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "0"}, "train runs in one process, got 2"),
    ],
)
def test_an_environment_at_odds_is_one_line(names, message, place):
    done = command("train", "flip-flop", "--out", "nowhere", cwd=place, **names)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.slow
def test_the_compile_cache_is_where_the_environment_says(place):
    line = [*LINE, "train", "flip-flop", "--units", "2", "--steps", "1", "--out"]
    cases = {
        "told": {"JAX_COMPILATION_CACHE_DIR": str(place / "told")},
        "home/.cache/rnn-jax": {"XDG_CACHE_HOME": "", "HOME": str(place / "home")},
        "xdg/rnn-jax": {"XDG_CACHE_HOME": str(place / "xdg")},
    }
    bare = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    # compiled fast, a program may be too small to be kept
    bare |= {"JAX_DISABLE_MOST_OPTIMIZATIONS": "0"}
    for where, told in cases.items():
        kept = lambda where=where: list((place / where).glob("*"))
        running = subprocess.Popen(
            [*line, f"of-{where}"], cwd=place, env=bare | told,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        # the first program that is kept tells all
        while running.poll() is None and not kept():
            time.sleep(0.01)
        running.kill()
        running.wait()
        assert kept(), where
    assert not (place / "rnn-jax").exists()
