"""Several processes: who is who, by whatever launcher, and what is at odds is said."""

import pytest

from rnn_jax.launch import LAUNCHERS, Place, first_alone, place

NAMES = [name for names in LAUNCHERS for name in names]


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def told(monkeypatch, **names):
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    return place()


def test_a_process_by_itself():
    assert place() == Place(0, 1, told=False)
    assert place().is_first


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "1"}, Place(1, 2, told=True)),
        ({"SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "3"}, Place(3, 8, told=False)),
        # a Slurm job's script is process 0 of nothing
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, Place(0, 1, told=False)),
        # mpirun within a Slurm job: the rank goes with its own count
        (
            {"SLURM_PROCID": "0", "OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_RANK": "3"},
            Place(3, 8, told=False),
        ),
        ({"JAX_NUM_PROCESSES": "1"}, Place(0, 1, told=False)),
    ],
)
def test_launchers_say_who_is_who(names, expected, monkeypatch):
    assert told(monkeypatch, **names) == expected
    assert place().is_first == (expected.index == 0)


@pytest.mark.parametrize(
    "names",
    [
        {"JAX_NUM_PROCESSES": "2"},
        {"JAX_NUM_PROCESSES": "two", "JAX_PROCESS_ID": "0"},
        {"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": "2"},
        {"OMPI_COMM_WORLD_SIZE": "8"},
    ],
)
def test_what_is_at_odds_is_refused(names, monkeypatch):
    with pytest.raises(ValueError, match="name no process"):
        told(monkeypatch, **names)


def test_alone_the_first_simply_acts():
    done = []
    first_alone(lambda: done.append(1))
    assert done == [1]
    with pytest.raises(ValueError, match="no"):
        first_alone(lambda: (_ for _ in ()).throw(ValueError("no")))
