"""Bad command lines: one line that says what was got and what was expected, and exit code 2.

All run in one process of their own; what needs one each is in `test_cli.py`.
"""

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

MODEL = """
import jax, jax.numpy as jnp, numpy as np
from rnn_jax import Network
w = np.array([[1.5, 0.0, 0.0], [1.2, 0.0, 0.0], [0.9, 0.0, 0.0]])
u = np.array([[1.0], [0.0], [1.0]])
zeros = np.zeros(3, np.float32)
readout = lambda h: h[1:2]
step = lambda h, x: jnp.tanh(w.astype(h.dtype) @ h + u.astype(h.dtype) @ x)
network = (step, readout, zeros)
two = (step, lambda h: h[:2], zeros)
wrong_size = (step, readout, np.zeros(5, np.float32))
no_step = (3, readout, zeros)
no_readout = (step, None, zeros)
a_pair = (step, readout)
a_string = "network"
nothing = None
of_integers = (step, readout, np.zeros(3, int))
of_a_matrix = (step, readout, np.zeros((3, 3), np.float32))
of_two_lengths = (step, readout, (np.zeros(3, np.float32), np.zeros(4, np.float32)))
of_text = (step, readout, "zeros")
of_float = (lambda h, x: 0.5, readout, zeros)
of_nothing = (lambda h, x: None, readout, zeros)
of_another_type = (lambda h, x: step(h, x).astype(jnp.float16), readout, zeros)
reads_a_float = (step, lambda h: 0.5, zeros)
reads_a_matrix = (step, lambda h: h[:, None], zeros)
reads_nothing = (step, lambda h: None, zeros)
grows = (lambda h, x: h * 1e30 + 1e30, readout, zeros + 1e30)
not_finite = jax.tree_util.Partial(lambda w, h, x: w @ h, np.full((3, 3), np.nan))
sick = Network(not_finite, readout, zeros)

def failing(h, x):
    raise KeyError("a key of mine")

def branching(h, x):
    return h if h[0] > 0 else -h

fails = (failing, readout, zeros)
branches = (branching, readout, zeros)

def with_argument(size):
    return size

def making_nothing():
    return None

def making_trouble():
    return 1 / 0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "my.py").write_text(MODEL)
    (folder / "syntax.py").write_text("x = 1\ndef f(:\n")
    (folder / "raises.py").write_text("import numpy\nnumpy.zeros(-1)\n")
    (folder / "exits.py").write_text("raise SystemExit(3)\n")
    (folder / "imports.py").write_text("import absent_package\n")
    xs = np.zeros((6, 10, 1))
    xs[:, :2, 0] = np.array([1, -1, 1, -1, 1, -1])[:, None]
    good = {"inputs": xs, "epoch_cue": np.array([0, 2])}
    hot = np.repeat(np.eye(2)[[0, 1] * 3][:, None], 10, 1)
    save = lambda name, **changed: np.savez(folder / f"{name}.npz", **(good | changed))
    save("trials")
    save("nan_inputs", inputs=np.where(xs > 0, np.nan, xs))
    save("infinite", inputs=np.where(xs > 0, np.inf, xs))
    save("flat", inputs=xs[0])
    save("no_trial", inputs=xs[:0])
    save("text", inputs=np.full(xs.shape, "a"))
    save("complex", inputs=xs + 1j)
    save("wide", inputs=np.zeros((6, 10, 4)))
    save("extra", wiehgts=xs)
    save("misfit", targets=np.zeros((5, 10, 1)))
    save("nan_targets", targets=np.full((6, 10, 1), np.nan))
    save("too_many", targets=np.zeros((6, 10, 3)))
    save("two_classes", targets=hot)
    save("no_classes", targets=0.3 * hot)
    save("epoch_outside", epoch_late=np.array([5, 11]))
    save("epoch_backwards", epoch_late=np.array([5, 3]))
    save("epoch_negative", epoch_late=np.array([-3, 3]))
    save("epoch_empty", epoch_late=np.zeros(10))
    save("epoch_large", epoch_late=np.full(10, 2.0))
    save("epoch_nan", epoch_late=np.full(10, np.nan))
    save("epoch_short", epoch_late=np.ones(7))
    save("epoch_blank", **{"epoch_": np.ones(10)})
    save("one_trial", inputs=xs[:1])
    np.savez(folder / "no_epoch.npz", inputs=xs)
    np.savez(folder / "no_inputs.npz", epoch_cue=np.array([0, 2]))
    np.savez(folder / "empty.npz")
    np.savez(folder / "objects.npz", inputs=np.array([{}, None], object))
    np.save(folder / "bare.npy", xs)
    (folder / "bare.npz").write_bytes((folder / "bare.npy").read_bytes())
    (folder / "cut.npz").write_bytes((folder / "trials.npz").read_bytes()[:200])
    (folder / "zero.npz").write_bytes(b"")
    (folder / "text.safetensors").write_text("no tensors")
    np.savez(folder / "no_weights.npz", a=np.zeros(3))
    header = lambda name, record: (folder / name).write_text(json.dumps(record) + "\n")
    header("fraction.eqx", {"task": "flip-flop", "units": 8.5})
    header("words.eqx", {"task": "flip-flop", "units": "eight"})
    header("strange.eqx", {"task": "flip-flop", "wings": 2})
    header("no_task.eqx", {"task": "chess"})
    header("gone.eqx", {"file": "gone.py:network"})
    header("list.eqx", [1, 2])
    header("short.eqx", {"task": "flip-flop", "units": 4})
    (folder / "text.eqx").write_text("no header")
    (folder / "weights.pt").write_text("of a torch.save")
    (folder / "zero.eqx").write_text("")
    (folder / "full").mkdir()
    (folder / "full" / "config.json").write_text('{"model_type": "bert"}')
    (folder / "full" / "weights.bin").write_text("weights")
    (folder / "a_file").write_text("mine")
    (folder / "cut.nc").write_text("no numbers")
    return folder


MINE = "discover my.py:network --trials trials.npz"
TRIALS = "discover my.py:network --trials"


def named(name):
    return f"discover my.py:{name} --trials trials.npz"


BAD = [
    # the line itself
    ("", "Missing|subcommand|required"),
    ("bogus", "bogus"),
    ("discover", "Missing from rnn-jax discover"),
    ("discover ring-attractor --bogus 3", "--bogus"),
    ("discover ring-attractor extra", "extra"),
    ("discover ring-attractor --seed x", "--seed"),
    ("discover ring-attractor --seed", "--seed"),
    ("discover ring-attractor --value bogus", "--value"),
    ("discover ring-attractor --kind hold", "--kind"),
    ("discover ring-attractor --score accuracy", "--score"),
    ("study", "Expected one of {recovery"),
    ("study astrology", "must be one of recovery, hmm-inference"),
    ("train", "Missing from rnn-jax train"),
    ("study recovery --alpha 3", "--alpha"),
    # numbers
    ("discover ring-attractor --seed -1", "seed must lie in"),
    ("discover ring-attractor --seed 99999999999999999999", "seed must lie in"),
    ("discover ring-attractor --alpha 2", "alpha must lie in"),
    ("discover ring-attractor --alpha nan", "alpha must lie in"),
    ("discover ring-attractor --floor -0.1", "floor must lie in"),
    ("discover ring-attractor --edge-share 1", "edge_share must lie in"),
    ("discover ring-attractor --width 0", "width must be at least 1"),
    ("discover ring-attractor --random-sets 3", "random_sets must be at least"),
    ("discover ring-attractor --resamples 0", "resamples must be at least"),
    ("discover ring-attractor --flips 1", "flips must be at least"),
    ("discover ring-attractor --count 0", "count must lie in"),
    ("discover ring-attractor --count -4", "count must lie in"),
    ("discover ring-attractor --count 100000000000000000000", "count must lie in"),
    ("discover ring-attractor --processes 0", "processes must be at least 1"),
    ("discover flip-flop --units 0", "units must lie in"),
    ("discover flip-flop --units -3", "units must lie in"),
    ("train flip-flop --units 0", "units must lie in"),
    ("train flip-flop --units 8.5", "--units"),
    ("train flip-flop --steps 0", "steps must lie in"),
    ("train flip-flop --batch-size 0", "batch_size must lie in"),
    ("train flip-flop --learning-rate 0", "learning_rate must lie in"),
    ("train flip-flop --learning-rate nan", "learning_rate must lie in"),
    ("train flip-flop --seed -1", "seed must lie in"),
    ("study recovery --seeds 0", "seeds must lie in"),
    ("study recovery --seed -1", "seed must lie in"),
    ("study recovery --seed 100000000000000000000", "seed must lie in"),
    # names
    ("discover ring-atractor", "perhaps you meant ring-attractor"),
    ("discover nothing-like-it-at-all", "no built-in network or task"),
    ("discover weights.pt", "is of no known kind: weights are read from .safetensors"),
    ("discover my.py", "perhaps you meant my.py:NAME"),
    ("discover flip-flop --cell transformer", "no cell is called 'transformer'"),
    ("discover ring-attractor --cell gru", "has its cell already"),
    ("discover ring-attractor --trials trials.npz", "brings its own trials"),
    ("train flop", "no task is called 'flop'"),
    ("train flip-flop --cell transformer", "no cell is called"),
    ("study recovery --kinds latsch", "perhaps you meant latch"),
    ("study hmm-inference --kinds latch", "--kinds"),
    ("study recovery --kinds my.py:absent", "defines no 'absent'"),
    ("study recovery --kinds my.py:network", "expected a rnn_jax.planted.Planted"),
    ("study recovery --kinds my.py:with_argument", "missing 1 required positional argument"),
    ("study recovery --kinds my.py:making_nothing", "is a NoneType"),
    ("study recovery --kinds my.py:making_trouble", "my.py, line 47"),
    ("study recovery --from absent.nc", "no such file"),
    ("study recovery --from cut.nc", "cut off or no NetCDF file"),
    # a network of one's own
    ("discover my.py:network", "needs trials"),
    ("discover absent.py:network --trials trials.npz", "no such file"),
    (named("absent"), "defines no 'absent'"),
    ("discover syntax.py:network --trials trials.npz", r"SyntaxError.*syntax.py, line 2"),
    ("discover raises.py:network --trials trials.npz", r"raises.py, line 2"),
    ("discover exits.py:network --trials trials.npz", "SystemExit: 3"),
    ("discover imports.py:network --trials trials.npz", "absent_package"),
    (named("wrong_size"), "rejects an input"),
    (named("no_step"), "step must be callable, got int"),
    (named("no_readout"), "readout must be callable, got NoneType"),
    (named("a_pair"), "is a tuple without step"),
    (named("a_string"), "is a str without step"),
    (named("nothing"), "is a NoneType without step"),
    (named("of_integers"), "h0 must be a float vector"),
    (named("of_a_matrix"), "h0 must be a float vector"),
    (named("of_two_lengths"), "h0 must be a float vector"),
    (named("of_text"), "h0 must be arrays"),
    (named("of_float"), "the step returns a float"),
    (named("of_nothing"), "the step returns None"),
    (named("of_another_type"), r"the step returns float16\[3\]"),
    (named("reads_a_float"), "readout must return a vector"),
    (named("reads_a_matrix"), "readout must return a vector"),
    (named("reads_nothing"), "readout must return a vector"),
    (named("grows"), "clean run is not finite"),
    (named("sick"), "is not finite at"),
    (named("fails"), r"a key of mine.*my.py, line 32"),
    (named("branches"), "my.py, line 35"),
    (f"{MINE} --cell gru", "has its cell already"),
    (f"{MINE} --score margin", "score margin needs targets"),
    # trials
    (f"{TRIALS} absent.npz", "no such file"),
    (f"{TRIALS} my.py", "my.py"),
    (f"{TRIALS} full", "full"),
    (f"{TRIALS} cut.npz", "cut off or no .npz"),
    (f"{TRIALS} zero.npz", "zero.npz"),
    (f"{TRIALS} bare.npz", "one bare array"),
    (f"{TRIALS} objects.npz", "not a readable .npz"),
    (f"{TRIALS} empty.npz", "no array 'inputs'"),
    (f"{TRIALS} no_inputs.npz", "no array 'inputs'"),
    (f"{TRIALS} no_epoch.npz", "declare no epoch"),
    (f"{TRIALS} extra.npz", "wiehgts"),
    (f"{TRIALS} nan_inputs.npz", "not finite at trial 0, time 0"),
    (f"{TRIALS} infinite.npz", "not finite at trial 0, time 0"),
    (f"{TRIALS} flat.npz", "inputs must be numbers"),
    (f"{TRIALS} no_trial.npz", "holds no trial"),
    (f"{TRIALS} text.npz", "inputs must be numbers"),
    (f"{TRIALS} complex.npz", "inputs must be numbers"),
    (f"{TRIALS} wide.npz", "rejects an input"),
    (f"{TRIALS} misfit.npz", "targets of shape"),
    (f"{TRIALS} nan_targets.npz", "targets: not finite"),
    (f"{TRIALS} too_many.npz", "the targets have 3"),
    (f"{TRIALS} epoch_outside.npz", "epoch_late"),
    (f"{TRIALS} epoch_backwards.npz", "epoch_late"),
    (f"{TRIALS} epoch_negative.npz", "epoch_late"),
    (f"{TRIALS} epoch_empty.npz", "epoch 'late'"),
    (f"{TRIALS} epoch_large.npz", "epoch 'late'"),
    (f"{TRIALS} epoch_nan.npz", "epoch 'late'"),
    (f"{TRIALS} epoch_short.npz", "epoch_late"),
    (f"{TRIALS} epoch_blank.npz", "a name that can be printed"),
    (f"{TRIALS} one_trial.npz", "trial"),
    ("discover my.py:two --trials no_classes.npz --score log-odds", "needs one-hot targets"),
    # weights and models
    ("discover absent.npz --trials trials.npz", "no such file"),
    ("discover trials.npz --trials trials.npz", "weight_ih"),
    ("discover no_weights.npz --trials trials.npz", "weight_ih"),
    ("discover cut.npz --trials trials.npz", "cut off or no .npz"),
    ("discover text.safetensors --trials trials.npz", "no .safetensors"),
    ("discover trials.npz --trials trials.npz --cell cnn", "cell must be rnn, gru, lstm"),
    ("discover absent.eqx", "no such file"),
    ("discover full.eqx", "no such file"),
    ("discover text.eqx", "no JSON header"),
    ("discover zero.eqx", "no JSON header"),
    ("discover list.eqx", "its header is list"),
    ("discover no_task.eqx", "known task"),
    ("discover gone.eqx --trials trials.npz", "gone.py"),
    ("discover fraction.eqx", "units must be a whole number, got 8.5"),
    ("discover words.eqx", "units must be a whole number, got 'eight'"),
    ("discover strange.eqx", "wings"),
    ("discover short.eqx", "cut off"),
    ("discover short.eqx --cell gru", "has its cell already"),
    # where to
    (f"{MINE} --out .", "a folder of its own"),
    (f"{MINE} --out ..", "a folder of its own"),
    (f"{MINE} --out /", "a folder of its own"),
    (f"{MINE} --out a_file", "is a file"),
    (f"{MINE} --out a_file/ring", "cannot be made"),
    (f"{MINE} --out full", "no run of this program"),
    (f"{MINE} --out full --overwrite", "no run of this program"),
    ("train flip-flop --out full --overwrite", "no run of this program"),
    ("study recovery --out full --overwrite", "no run of this program"),
    (f"{MINE} --out {'x' * 250}", "File name too long"),
    (f"{MINE} --out \udcff", "not UTF-8"),
    ("discover \udcff", "not UTF-8"),
]  # fmt: skip


RUNNER = """
import contextlib, io, json, sys
from rnn_jax.cli import main
from rnn_jax import discovery

def broken(*arguments, **options):
    return [][1]

def greedy(*arguments, **options):
    raise MemoryError("Unable to allocate 1 EiB")

FAULTS = {"broken": broken, "greedy": greedy}

def said(line, fault):
    out, err, discover = io.StringIO(), io.StringIO(), discovery.discover
    discovery.discover = FAULTS.get(fault, discover)
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(line)
            code = 0
        except SystemExit as ending:
            code = ending.code
    discovery.discover = discover
    return code, out.getvalue(), err.getvalue()

json.dump([said(*asked) for asked in json.load(sys.stdin)], sys.stdout)
"""


def answers(place, lines):
    """Exit code, output and error of each line, all run in one process, which checks no types."""
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(place / "compiled")}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(lines), capture_output=True, text=True,
        cwd=place, env=environment, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def words(line):
    return line.split(" ") if line else []


def test_bad_input_is_one_line_and_code_2(place):
    assert len({line for line, _ in BAD}) == len(BAD) >= 100
    before = set(place.rglob("*"))
    wrong = {}
    found = answers(place, [(words(line), "") for line, _ in BAD])
    for (line, message), (code, _, err) in zip(BAD, found, strict=True):
        one_line = len(err.strip().splitlines()) == 1 and err.startswith("rnn-jax: ")
        if not (code == 2 and one_line and re.search(message, err)):
            wrong[line] = (code, err)
    assert wrong == {}
    left = {path.name for path in set(place.rglob("*")) - before}
    assert left <= {"runs", "compiled", "__pycache__"} | {
        path.name for path in (place / "compiled").rglob("*")
    } | {path.name for path in (place / "__pycache__").rglob("*")}


def test_a_fault_of_ours_keeps_its_traceback_and_too_little_memory_is_one_line(place):
    line = words(f"{MINE} --out mine")
    (code, _, err), (short, _, said) = answers(place, [(line, "broken"), (line, "greedy")])
    assert code == 1
    assert len(err.strip().splitlines()) == 1
    assert "IndexError: list index out of range" in err
    log = place / ".mine.rnn-jax" / "log.txt"
    assert str(log) in err
    kept = log.read_text()
    assert "running on" in kept
    assert "in broken" in kept
    assert not (place / "mine").exists()
    assert (short, said) == (2, "rnn-jax: not enough memory: Unable to allocate 1 EiB\n")


def test_a_version_and_help_are_no_errors(place):
    for code, out, err in answers(
        place, [(["--version"], ""), (["--help"], ""), (["discover", "--help"], "")]
    ):
        assert (code, err) == (0, "")
        assert out
