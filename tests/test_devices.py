"""Two devices of one process, and two processes: the same numbers, and nothing exchanged."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "on_devices.py"
# float32: the order of a sum may differ between a whole and its shares
SWEEPS, JACOBIANS = 4e-6, 2e-7


def check(path):
    found = json.loads(path.read_text())
    assert found["devices"] == 2
    assert max(found["sweep"].values()) < SWEEPS, found["sweep"]
    assert not any(found["collectives"].values()), found["collectives"]
    assert found["connections"] < SWEEPS
    assert found["a gather"]  # what is looked for would be seen
    assert len(found["sweep"]) == 8
    return found


@pytest.mark.slow
def test_two_devices(tmp_path):
    # whole optimisation, as a user has it: a pass of the compiler may exchange or reorder too
    environment = os.environ | {
        "JAX_DISABLE_MOST_OPTIMIZATIONS": "0",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    }
    subprocess.run([sys.executable, SCRIPT, tmp_path / "out"], env=environment, check=True)
    found = check(tmp_path / "out")
    assert found["jacobians"] < JACOBIANS
    assert len(list((tmp_path / "out-trials").iterdir())) == 4


@pytest.mark.slow
def test_two_processes(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    start = lambda i: subprocess.Popen(
        [sys.executable, SCRIPT, tmp_path / "out", address, "2", str(i)]
    )
    assert [process.wait(timeout=300) for process in [start(0), start(1)]] == [0, 0]
    check(tmp_path / "out")
    assert len(list((tmp_path / "out-units").iterdir())) == 4
