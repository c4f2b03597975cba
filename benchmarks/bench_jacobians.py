"""Jacobians of every step of every trial, against a memset of their bytes and PyTorch.

    python benchmarks/bench_jacobians.py --json benchmarks/results/jacobians.json

All contenders compute the same array, which is checked. The ratio is each one's time over the
library's, pair by pair; the first call, with compiling, stands apart.
"""

import equinox as eqx
import jax
import numpy as np
from timing import arguments, memset, paired, save, show, torch_or_none

from rnn_jax.cells import GRU, LSTM, Vanilla, zero_state
from rnn_jax.core import rollout
from rnn_jax.linear import jacobians

CELLS = {"tanh": Vanilla, "gru": GRU, "lstm": LSTM}


@eqx.filter_jit
def all_jacobians(cell, trajectories):
    return jax.vmap(lambda trajectory: jacobians(cell, trajectory))(trajectories)


@eqx.filter_jit
def bare(cell, hs, xs):
    return jax.vmap(jax.vmap(jax.jacfwd(cell)))(hs, xs)


@eqx.filter_jit
def reverse(cell, hs, xs):
    return jax.vmap(jax.vmap(jax.jacrev(cell)))(hs, xs)


def torch_step(torch, kind, cell):
    """The same cell in PyTorch. Its own `GRUCell` and `LSTMCell` have no forward-mode rule."""
    tensors = {name: torch.from_numpy(np.array(leaf)) for name, leaf in vars(cell).items()
               if eqx.is_array(leaf)}  # fmt: skip
    w, u, b = tensors["w"], tensors["u"], tensors["b"]

    def tanh(h, x):
        return torch.tanh(w @ h + u @ x + b)

    def gru(h, x):
        wh, ux = w @ h, u @ x + b
        r, z = torch.sigmoid(wh[0] + ux[0]), torch.sigmoid(wh[1] + ux[1])
        return (1 - z) * torch.tanh(r * (wh[2] + tensors["c"]) + ux[2]) + z * h

    return {"tanh": tanh, "gru": gru}[kind]


def torch_contenders(torch, kind, cell, hs, xs):
    """`torch.func` in both modes over all steps, and `autograd.functional` on the first few."""
    step = torch_step(torch, kind, cell)
    h = torch.from_numpy(np.array(hs)).reshape(-1, hs.shape[-1])
    x = torch.from_numpy(np.array(xs)).reshape(-1, xs.shape[-1])
    few = range(min(len(h), 16))
    jacobian = torch.autograd.functional.jacobian
    forward, backward = (
        torch.func.vmap(mode(step)) for mode in (torch.func.jacfwd, torch.func.jacrev)
    )
    return {
        "torch.func vmap(jacfwd)": lambda: forward(h, x),
        "torch.func vmap(jacrev)": lambda: backward(h, x),
        f"functional.jacobian, {len(few)} of {len(h)} steps": lambda: [
            jacobian(lambda state, k=k: step(state, x[k]), h[k]) for k in few
        ],
    }


def compare(kind, units, megabytes, repeats, torch):
    """One cell and size: time all in turn, and check that they agree."""
    entries = units * units * (4 if kind == "lstm" else 1)
    steps = 64
    trials = max(1, round(megabytes * 2**20 / 4 / entries / steps))
    keys = jax.random.split(jax.random.key(0))
    cell = CELLS[kind](8, units, key=keys[0])
    xs = jax.random.normal(keys[1], (trials, steps, 8))
    trajectories = jax.vmap(lambda x: rollout(cell, zero_state(cell), x))(xs)
    before = jax.vmap(lambda trajectory: trajectory.previous)(trajectories)
    ours = lambda: all_jacobians(cell, trajectories)
    size = 4 * trials * steps * entries
    contenders = {
        "rnn_jax.jacobians": ours,
        "bare vmap(jacfwd)": lambda: bare(cell, before, xs),
        "bare vmap(jacrev)": lambda: reverse(cell, before, xs),
        "first-touch memset of the bytes": memset(size),
    }
    if torch is not None and kind != "lstm":
        others = torch_contenders(torch, kind, cell, before, xs)
        contenders |= others
    rows = paired(contenders, repeats)
    if "torch.func vmap(jacfwd)" in contenders:
        theirs = contenders["torch.func vmap(jacfwd)"]().reshape(ours().shape)
        np.testing.assert_allclose(ours(), theirs.numpy(), atol=2e-5)
    for name, row in rows.items():
        if name.startswith("functional"):
            row["ratio_per_step"] = row["ratio"] * trials * steps / min(trials * steps, 16)
            print(f"  {name}: {row['ratio_per_step']:.0f} times ours for each step")
    show(f"{kind}, N = {units}, {trials} trials x {steps} steps, {size / 2**20:.0f} MB", rows)
    return {"kind": kind, "units": units, "trials": trials, "bytes": size, "rows": rows}


def main():
    options = arguments(__doc__.splitlines()[0])
    torch = torch_or_none()
    megabytes, sizes = (4, [64]) if options.quick else (128, options.units)
    results = [
        compare(kind, units, megabytes, options.repeats, torch)
        for kind in CELLS
        for units in sizes
    ]
    save(options.json, results)


if __name__ == "__main__":
    main()
