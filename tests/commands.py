"""Command lines as a shell runs them, and the network that they are given.

It is one latch, and two units that follow it.
"""

import functools
import os
import subprocess
import sys

import numpy as np

QUICK = ["--no-contrasts", "--random-sets", "19", "--resamples", "99", "--flips", "199"]
LINE = [sys.executable, "-c", "from rnn_jax.cli import main; main()"]
MODEL = """
import jax.numpy as jnp, numpy as np
w = np.array([[1.5, 0.0, 0.0], [1.2, 0.0, 0.0], [0.9, 0.0, 0.0]])
u = np.array([[1.0], [0.0], [1.0]])
step = lambda h, x: jnp.tanh(w.astype(h.dtype) @ h + u.astype(h.dtype) @ x)
network = (step, lambda h: h[1:2], np.zeros(3, np.float32))
broken = (step, lambda h: h[1:2], np.zeros(5, np.float32))
grows = (lambda h, x: 1e30 * (h + u.astype(h.dtype) @ x) ** 3, lambda h: h[1:2],
         np.zeros(3, np.float32))
other = (lambda h, x: jnp.tanh(0.5 * h + u.astype(h.dtype) @ x), lambda h: h[1:2],
         np.zeros(3, np.float32))
"""
MINE = ["discover", "my_model.py:network", "--trials", "trials.npz", *QUICK]
BARE = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
"""The environment of a terminal that has the letters of ASCII alone."""

run = functools.partial(subprocess.run, capture_output=True, text=True, check=False)


def command(*arguments, cwd, **environment):
    return run([*LINE, *map(str, arguments)], cwd=cwd, env=os.environ | environment)


def furnish(folder):
    """Put the network and its trials there; an epoch has a letter that ASCII lacks."""
    (folder / "my_model.py").write_text(MODEL)
    sign = np.random.default_rng(0).choice([-1.0, 1.0], 12)
    xs = np.zeros((12, 10, 1))
    xs[:, :2, 0] = sign[:, None]
    epochs = {"\u00e9poque": [0, 2], "delay": [2, 10]}
    epochs = {f"epoch_{name}": np.array(ends) for name, ends in epochs.items()}
    arrays = {"inputs": xs, **epochs}
    np.savez(folder / "trials.npz", **arrays)
    np.savez(folder / "bare.npz", inputs=xs)
    np.savez(folder / "wide.npz", **{**arrays, "inputs": np.zeros((12, 10, 4))})
