"""Several processes: who is who, by whatever launcher; all end together, and it is said why."""

import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from rnn_jax.launch import LAUNCHERS, Place, first_alone, join, leave, parent, place, start

NAMES = [name for names in LAUNCHERS for name in names] + ["JAX_COORDINATOR_ADDRESS"]
# which process this is, and the start of every small program below
WHO = """
import ctypes, os, signal, subprocess, sys, time
first = os.environ["JAX_PROCESS_ID"] == "0"
say = lambda text: os.write(2, text.encode() + bytes([10]))
die = lambda number: os.kill(os.getpid(), number)
"""


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


def test_where_the_first_fails_in_any_way_all_end(monkeypatch):
    told(monkeypatch, JAX_NUM_PROCESSES="2", JAX_PROCESS_ID="0")
    sent = []
    monkeypatch.setattr(
        multihost_utils, "broadcast_one_to_all", lambda x: sent.append(bool(x)) or x
    )
    with pytest.raises(KeyError):
        first_alone(lambda: {}["absent"])
    first_alone(lambda: None)
    assert sent == [True, False]
    told(monkeypatch, JAX_PROCESS_ID="1")
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", lambda _: True)
    with pytest.raises(SystemExit, match="2"):
        first_alone(lambda: pytest.fail("not the first"))


# the meeting of the processes


@pytest.fixture
def two(monkeypatch):
    """This is the first of two, and JAX must not be asked."""
    monkeypatch.setattr(jax.distributed, "initialize", lambda **_: pytest.fail("too late"))
    told(monkeypatch, JAX_NUM_PROCESSES="2", JAX_PROCESS_ID="0")
    return lambda address: monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", address)


@pytest.mark.parametrize("address", ["", "localhost", "localhost:", ":12", "host:http", "a:99999"])
def test_an_address_is_a_host_and_a_port(address, two):
    two(address)
    with pytest.raises(ValueError, match="host:port"):
        join()


def test_an_unknown_host_is_said(two):
    two("nowhere.invalid:1234")
    with pytest.raises(ValueError, match=r"'nowhere.invalid:1234': the host is not known"):
        join()


def test_a_machine_that_does_not_know_its_name_is_said(two, monkeypatch):
    two("localhost:1234")
    monkeypatch.setattr(socket, "gethostname", lambda: "myself.invalid")
    with pytest.raises(ValueError, match=r"own name, 'myself.invalid'.*/etc/hosts"):
        join()


def test_sigterm_still_ends_a_process_that_has_joined(two, monkeypatch):
    two("localhost:1234")
    before, asked = signal.getsignal(signal.SIGTERM), []
    monkeypatch.setattr(jax.distributed, "initialize", lambda **named: asked.append(named))
    monkeypatch.setattr(signal, "signal", lambda *now: asked.append(now))
    join()
    assert asked[0]["process_id"] == 0
    assert asked[1] == (signal.SIGTERM, before)


@pytest.mark.parametrize(("index", "seconds"), [("0", 2), ("1", 1)])
def test_processes_that_do_not_meet_are_an_error_in_bounded_time(index, seconds):
    script = "from rnn_jax.launch import members, join; members.WAIT = members.LATER = 1; join()"
    told = {"JAX_NUM_PROCESSES": "2", "JAX_PROCESS_ID": index}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | told | {"JAX_COORDINATOR_ADDRESS": free_address()},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("TimeoutError: the 2 processes have not met at localhost:")
    assert f"within {seconds} s" in last


def free_address():
    with socket.socket() as free:
        free.bind(("localhost", 0))
        return f"localhost:{free.getsockname()[1]}"


def test_alone_leaving_is_an_ordinary_exit():
    with pytest.raises(SystemExit, match="3"):
        leave(3)


# the end of one is the end of all


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Writes a small program, for `start(2, [], "program")`."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    monkeypatch.chdir(tmp_path)
    return lambda text: (tmp_path / "program.py").write_text(WHO + text)


def run(*arguments):
    """The exit code, and the seconds taken."""
    began = time.monotonic()
    return start(2, arguments, "program"), time.monotonic() - began


def test_processes_run_a_module_with_its_arguments(program, capfd):
    program(
        "line = '|'.join([os.environ['JAX_PROCESS_ID'], *sys.argv[1:]])\n"
        "os.write(1, f'{line}\\n'.encode()); say('heard')"
    )
    assert run("a", "b c")[0] == 0
    said = capfd.readouterr()
    assert sorted(said.out.splitlines()) == ["0|a|b c", "1|a|b c"]
    # a line may come in two writes, between which the other process writes
    assert (said.err.count("heard"), said.err.count("\n"), len(said.err)) == (2, 2, 12)


def test_where_nobody_reads_what_is_said_all_end_without_a_word(program, capfd):
    # as `rnn_jax.cli` leaves a process whose reader has gone, behind `| head`
    program("sys.stdout = None\nsys.exit(141) if first else time.sleep(60)")
    assert run()[0] == 141
    assert capfd.readouterr().err == ""


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="no system call for it")
def test_processes_share_the_cpus(program, capfd):
    program("os.write(1, (' '.join(map(str, os.sched_getaffinity(0))) + '\\n').encode())")
    assert run()[0] == 0
    shares = [set(line.split()) for line in capfd.readouterr().out.splitlines()]
    cpus = {str(cpu) for cpu in os.sched_getaffinity(0)}
    assert shares[0] | shares[1] == cpus
    assert len(cpus) == 1 or not shares[0] & shares[1]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_process_that_dies_ends_the_run_by_one_line(name, program, capfd):
    program(f"""
if first:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)
die(signal.{name})
""")
    code, seconds = run()
    assert code == 128 + signal.Signals[name]
    assert seconds < 5
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"rnn-jax: process 1 (the first is 0) was ended by {name}")


def test_the_stack_dump_of_a_process_whose_peer_died_is_not_shown(program, capfd):
    # sooner even than the end of the peer is known
    program("""
if first:
    say("F1121 client.h:80] the JAX distributed service detected fatal errors\\n  @ 0x7f")
    die(signal.SIGABRT)
time.sleep(1)
die(signal.SIGKILL)
""")
    assert run()[0] == 137
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("rnn-jax: process 1 (the first is 0) was ended by SIGKILL")


@pytest.mark.parametrize("all_speak", [True, False])
def test_an_error_that_is_said_is_said_once(all_speak, program, capfd):
    program(f"""
if first or {all_speak}:
    say("rnn-jax: no such file: x.npz")
    sys.exit(2)
time.sleep(60)
""")
    code, seconds = run()
    assert (code, capfd.readouterr().err) == (2, "rnn-jax: no such file: x.npz\n")
    assert seconds < 5


def test_a_lost_connection_is_said_where_no_process_died(program, capfd):
    program("""
if first:
    time.sleep(60)
say("rnn-jax: UNKNOWN: Gloo all-reduce failed")
sys.exit(2)
""")
    assert run()[0] == 2
    assert capfd.readouterr().err == "rnn-jax: UNKNOWN: Gloo all-reduce failed\n"


@pytest.mark.parametrize(
    ("failure", "code", "first"),
    [
        ("raise SystemExit(2)", 2, "rnn-jax: process 1"),
        ("raise SystemExit('full')", 1, "full"),
        ("open('/absent')", 1, "Traceback"),
        ("os._exit(7)", 7, "rnn-jax: process 1"),
    ],
)
def test_other_failures_name_the_process(failure, code, first, program, capfd):
    # JAX's own farewell would wait for the other process
    program(f"""
import atexit
atexit.register(time.sleep, 60)
if first:
    time.sleep(60)
{failure}
""")
    found, seconds = run()
    assert (found, seconds < 5) == (code, True)
    lines = capfd.readouterr().err.splitlines()
    assert lines[0].startswith(first)
    assert lines[-1] == f"rnn-jax: process 1 (the first is 0) ended with exit code {code}"


def in_parent(program_text, program):
    """A process that starts two: its output closes once it and all its offspring are gone."""
    program(program_text)
    # under `nohup` a closed terminal is ignored, and in the background of a shell Ctrl-C, by all
    # that is started there
    script = "import runpy, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
    script += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    script += f"start = runpy.run_path({parent.__file__!r})['start']\n"
    script += "print('begun', flush=True); sys.exit(start(2, [], 'program'))"
    line = [sys.executable, "-c", script]
    pipe = subprocess.PIPE
    running = subprocess.Popen(line, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert running.stdout.readline() == "begun\n"
    return running


def test_what_a_process_says_is_passed_on_at_once(program):
    running = in_parent("say('here') if first else None; time.sleep(60)", program)
    assert running.stderr.readline() == "here\n"
    assert running.poll() is None
    running.kill()
    running.communicate(timeout=5)


# no signal ends it but SIGKILL, no thread of it runs, and it has a process of its own
STUBBORN = """
for name in ("SIGTERM", "SIGHUP", "SIGINT"):
    signal.signal(getattr(signal, name), signal.SIG_IGN)
subprocess.Popen(["sleep", "60"])
os.write(1, b"busy" + bytes([10]))
ctypes.PyDLL(None).sleep(60)
"""


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGKILL", "SIGHUP", "SIGINT"])
def test_no_process_outlives_its_parent(name, early, program):
    running = in_parent(STUBBORN, program)
    if not early:
        assert [running.stdout.readline() for _ in range(2)] == ["busy\n"] * 2
    began = time.monotonic()
    running.send_signal(signal.Signals[name])
    said = running.communicate(timeout=10)[1]
    assert time.monotonic() - began < 2
    assert running.returncode == -signal.Signals[name]  # to a shell: 128 and the number
    assert said == "" or (name == "SIGINT" and said.endswith("KeyboardInterrupt\n"))


MODEL = """
import jax.numpy as jnp, numpy as np
step = lambda h, x: jnp.tanh(h + jnp.array([1, 0.5], h.dtype) * x)
network = (step, lambda h: h[:1], np.zeros(2, np.float32))
"""


@pytest.mark.slow
def test_a_process_killed_in_the_middle_of_a_sweep(program, tmp_path, capfd):
    (tmp_path / "my_model.py").write_text(MODEL)
    xs = np.random.default_rng(0).normal(size=(8, 10, 1))
    np.savez("trials.npz", inputs=xs, epoch_cue=np.array([0, 2]), epoch_delay=np.array([2, 10]))
    program("""
import glob, runpy, threading
def watch():
    while not glob.glob(".found.rnn-jax/kept/*.npy"):
        time.sleep(0.01)
    open("when", "w").write(str(time.monotonic()))
    die(signal.SIGKILL)
if not first:
    threading.Thread(target=watch, daemon=True).start()
runpy.run_module("rnn_jax.cli", run_name="__main__")
""")
    code, _ = run("discover", "my_model.py:network", "--trials", "trials.npz", "--out", "found")
    now = time.monotonic()
    assert code == 137
    assert now - float((tmp_path / "when").read_text()) < 5
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("rnn-jax: process 1 (the first is 0) was ended by SIGKILL")
