"""Exact ablation of every unit in every window, against PyTorch by hooks and in batches.

    python benchmarks/bench_ablations.py --json benchmarks/results/ablations.json

All contenders return the same effects, which is checked: clamp each unit to zero in each window,
and subtract the clean run's squared error. PyTorch runs `looped` (a hook on the cell, one run
an ablation, trials batched) on a few ablations and is scaled up, and `batched` (all units of
a window at once, from the clean state at the window's start) on all.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from bench_jacobians import torch_step
from timing import arguments, paired, save, show, torch_or_none

from rnn_jax.causal import SCORES, sweep
from rnn_jax.cells import GRU, Affine, Vanilla, zero_state
from rnn_jax.core import Network, tiling

CELLS = {"tanh": Vanilla, "gru": GRU}


@eqx.filter_jit
def matmul(w, runs):
    return w @ runs


def torch_sweeps(torch, kind, network, xs, targets, starts, width):
    """The two PyTorch routes: a loop with hooks, and batches that share the clean prefix."""
    one = torch_step(torch, kind, network.step)
    step = torch.func.vmap(one)
    c = torch.from_numpy(np.array(network.readout.c))
    b = torch.from_numpy(np.array(network.readout.b))
    x = torch.from_numpy(np.array(xs)).transpose(0, 1).contiguous()  # [T, B, I]
    y = torch.from_numpy(np.array(targets)).transpose(0, 1).contiguous()
    T, B, _ = x.shape
    N = c.shape[1]

    def score(hs, upto=None):
        return -((hs @ c.T + b - y[: len(hs)]) ** 2).mean((0, 2))

    class Cell(torch.nn.Module):
        def forward(self, h, x_t):
            return step(h, x_t)

    cell = Cell()

    def run():
        h, hs = torch.zeros(B, N), []
        for t in range(T):
            h = cell(h, x[t])
            hs.append(h)
        return torch.stack(hs)

    def looped(ablations):
        clean, effects = score(run()), []
        for start, unit in ablations:
            clock = [0]

            def hook(module, inputs, h, start=start, unit=unit, clock=clock):
                if start <= clock[0] < start + width:
                    h = h.clone()
                    h[:, unit] = 0
                clock[0] += 1
                return h

            handle = cell.register_forward_hook(hook)
            effects.append(score(run()) - clean)
            handle.remove()
        return torch.stack(effects)

    def batched():
        hs = run()
        errors = ((hs @ c.T + b - y) ** 2).mean(2)
        clean, keep, effects = -errors.mean(0), 1 - torch.eye(N), []
        for start in starts:
            h = (hs[start - 1] if start else torch.zeros(B, N)).expand(N, B, N)
            error = errors[:start].sum(0).expand(N, B)
            for t in range(start, T):
                drive = x[t].expand(N, B, -1).reshape(N * B, -1)
                h = step(h.reshape(N * B, N), drive).reshape(N, B, N)
                if t < start + width:
                    h = h * keep[:, None]
                error = error + ((h @ c.T + b - y[t]) ** 2).mean(2)
            effects.append(-error / T - clean)
        return torch.stack(effects)

    few = [(start, unit) for start in starts[:2] for unit in range(2)]
    return looped, few, batched


def compare(kind, units, trials, steps, repeats, torch):
    """One cell and size: time all in turn, and check that they agree."""
    keys = jax.random.split(jax.random.key(0), 4)
    cell = CELLS[kind](4, units, key=keys[0])
    network = Network(cell, Affine(units, 2, key=keys[1]), zero_state(cell))
    xs = jax.random.normal(keys[2], (trials, steps, 4))
    targets = jax.random.normal(keys[3], (trials, steps, 2))
    width = steps // 8
    windows = tiling(steps, width)
    value, eye = jnp.zeros((trials, steps, units)), jnp.eye(units)
    score = SCORES["squared-error"]
    ours = lambda: sweep(network, xs, targets, score, eye, windows, value)
    runs = units * trials
    w, batch = cell.w.reshape(-1, units), jax.random.normal(keys[3], (units, runs))
    contenders = {
        "rnn_jax.sweep": ours,
        "one matmul of the sweep's shape": lambda: matmul(w, batch),
    }
    if torch is not None:
        with torch.no_grad():
            starts = [k * width for k in range(len(windows))]
            looped, few, batched = torch_sweeps(torch, kind, network, xs, targets, starts, width)
            contenders |= {
                "PyTorch, batched, prefix shared": batched,
                f"PyTorch hooks, {len(few)} of {units * len(windows)}": lambda: looped(few),
            }
    rows = paired(contenders, repeats)
    if torch is not None:
        theirs = contenders["PyTorch, batched, prefix shared"]().numpy()
        np.testing.assert_allclose(ours(), theirs, atol=2e-5)
    show(f"{kind}, N = {units}, {trials} trials x {steps} steps, {len(windows)} windows", rows)
    return report(rows, kind, units, len(windows), steps)


def report(rows, kind, units, windows, steps):
    """Ratios for the whole sweep, and the share of the matmul's rate that it reaches."""
    product = rows["one matmul of the sweep's shape"]["median_s"]
    # windows start after 0, 1/8, ... of the trial: (W + 1) / 2 of W whole runs
    products = steps * (windows + 1) / 2
    rate = products * product / rows["rnn_jax.sweep"]["median_s"]
    print(f"  share of the matmul rate: {rate:.0%}")
    result = {"kind": kind, "units": units, "rows": rows, "matmul_share": rate}
    for name, row in rows.items():
        if name.startswith("PyTorch hooks"):
            result["hooks_ratio"] = row["ratio"] * units * windows / 4
            print(f"  hooks over all ablations: {result['hooks_ratio']:.0f} times ours")
    return result


def main():
    options = arguments(__doc__.splitlines()[0])
    torch = torch_or_none()
    sizes = [(16, 4, 16)] if options.quick else [(units, 64, 64) for units in options.units]
    results = [
        compare(kind, units, trials, steps, options.repeats, torch)
        for kind in CELLS
        for units, trials, steps in sizes
    ]
    save(options.json, results)


if __name__ == "__main__":
    main()
