"""Exact ablation of every unit in every window, against PyTorch by hooks and in batches.

    python benchmarks/bench_ablations.py --json benchmarks/results/ablations.json

All contenders return the same effects, which is checked: clamp each unit to zero in each window,
and subtract the clean run's squared error. PyTorch runs `batched` (all units of a window at once,
from the clean state at the window's start, its own cells) on all ablations, and two loops with a
hook on the cell, over whole runs, on a few that are scaled up: `hooks` has all trials in a run,
`hooks, one trial` one, as analyses are often written. Then the cost's growth in trials and
windows, with the memory that the compiler sets aside, and what keeping windows and a bar cost.
"""

import tempfile
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from timing import arguments, paired, save, show, torch_or_none
from tqdm import tqdm

from rnn_jax.causal import SCORES, resumable
from rnn_jax.causal.sweep import sweep
from rnn_jax.causal.sweep.budget import default_memory, fit_budget
from rnn_jax.causal.sweep.engine import CLAMP
from rnn_jax.causal.sweep.sweep import per_trial, program
from rnn_jax.cells import GRU, Affine, Vanilla, zero_state
from rnn_jax.core import Network, tiling

CELLS = {"tanh": Vanilla, "gru": GRU}
SCORE = SCORES["squared-error"]
FEW = 8


@eqx.filter_jit
def matmuls(w, runs):
    """`FEW` products of the sweep's shape: one alone is little more than its call."""

    def body(_, carry):
        # without the barriers XLA would see that each round is the same
        w, runs = lax.optimization_barrier(carry[1])
        return lax.optimization_barrier((w @ runs, (w, runs)))

    return lax.fori_loop(1, FEW, body, (w @ runs, (w, runs)))[0]


def problem(kind, units, trials, steps):
    """A network, inputs and targets."""
    keys = jax.random.split(jax.random.key(0), 4)
    cell = CELLS[kind](4, units, key=keys[0])
    network = Network(cell, Affine(units, 2, key=keys[1]), zero_state(cell))
    xs = jax.random.normal(keys[2], (trials, steps, 4))
    return network, xs, jax.random.normal(keys[3], (trials, steps, 2))


def torch_cell(torch, kind, cell):
    """PyTorch's own cell with our weights, `(x [B, I], h [B, N]) -> h`."""
    units = cell.u.shape[-2]
    made = (torch.nn.RNNCell if kind == "tanh" else torch.nn.GRUCell)(cell.u.shape[-1], units)
    inside = np.zeros(made.bias_hh.shape, np.float32)
    if kind == "gru":
        inside[-units:] = cell.c
    ours = (cell.w, cell.u, cell.b, inside)
    theirs = (made.weight_hh, made.weight_ih, made.bias_ih, made.bias_hh)
    for there, here in zip(theirs, ours, strict=True):
        there.copy_(torch.from_numpy(np.array(here).reshape(there.shape)))
    return made


def torch_sweeps(torch, kind, network, xs, targets, starts, width):
    """PyTorch's routes: hooks on a few ablations, with all trials or one; batches on all."""
    cell = torch_cell(torch, kind, network.step)
    c, b = (torch.from_numpy(np.array(a)) for a in (network.readout.c, network.readout.b))
    x, y = (torch.from_numpy(np.array(a)).transpose(0, 1).contiguous() for a in (xs, targets))
    T, B, _ = x.shape
    N = c.shape[1]
    errors = lambda hs, y: ((hs @ c.T + b - y) ** 2).mean((0, 2))

    def run(x):
        h, hs = torch.zeros(x.shape[1], N), []
        for x_t in x:
            h = cell(x_t, h)
            hs.append(h)
        return torch.stack(hs)

    def hooked(ablations, x, y):
        clean, effects = errors(run(x), y), []
        for start, unit in ablations:
            clock = [0]

            def hook(module, inputs, h, start=start, unit=unit, clock=clock):
                if start <= clock[0] < start + width:
                    h = h.clone()
                    h[:, unit] = 0
                clock[0] += 1
                return h

            handle = cell.register_forward_hook(hook)
            effects.append(clean - errors(run(x), y))
            handle.remove()
        return torch.stack(effects)

    def batched():
        hs = run(x)
        each = ((hs @ c.T + b - y) ** 2).mean(2)
        clean, keep, effects = each.mean(0), 1 - torch.eye(N), []
        for start in starts:
            h = (hs[start - 1] if start else torch.zeros(B, N)).expand(N, B, N)
            error = each[:start].sum(0).expand(N, B)
            for t in range(start, T):
                drive = x[t].expand(N, B, -1).reshape(N * B, -1)
                h = cell(drive, h.reshape(N * B, N)).reshape(N, B, N)
                if t < start + width:
                    h = h * keep[:, None]
                error = error + ((h @ c.T + b - y[t]) ** 2).mean(2)
            effects.append(clean - error / T)
        return torch.stack(effects)

    few = [(start, unit) for start in starts[: FEW // 2] for unit in range(2)]
    return (lambda: hooked(few, x, y)), (lambda: hooked(few, x[:, :1], y[:, :1])), batched


def compare(kind, units, trials, steps, repeats, torch):
    """One cell and size: time all in turn, and check that they agree."""
    network, xs, targets = problem(kind, units, trials, steps)
    width = max(1, steps // 8)
    windows, eye = tiling(steps, width), jnp.eye(units)
    ours = lambda: sweep(network, xs, targets, SCORE, eye, windows, 0.0)
    w = network.step.w.reshape(-1, units)
    runs = jax.random.normal(jax.random.key(5), (units, units * trials))
    contenders = {"rnn_jax.sweep": ours, f"{FEW} matmuls of its shape": lambda: matmuls(w, runs)}
    if torch is not None:
        with torch.no_grad():
            starts = list(range(0, steps, width))
            hooks, alone, batched = torch_sweeps(torch, kind, network, xs, targets, starts, width)
        quiet = lambda run: lambda: torch.no_grad()(run)()
        contenders["PyTorch, batched, prefix shared"] = quiet(batched)
        contenders[f"PyTorch hooks, {FEW} ablations"] = quiet(hooks)
        contenders[f"PyTorch hooks, {FEW}, one trial"] = quiet(alone)
        found = np.asarray(ours())
        np.testing.assert_allclose(found, quiet(batched)().numpy(), atol=2e-5)
        few = found[: FEW // 2, :2].reshape(FEW, trials)
        np.testing.assert_allclose(few, quiet(hooks)().numpy(), atol=2e-5)
        np.testing.assert_allclose(few[:, :1], quiet(alone)().numpy(), atol=2e-5)
    rows = paired(contenders, repeats)
    show(f"{kind}, N = {units}, {trials} trials x {steps} steps, {len(windows)} windows", rows)
    return report(rows, kind, units, trials, len(windows), steps)


def report(rows, kind, units, trials, windows, steps):
    """Ratios for the whole sweep, and the share of the matmul's rate that it reaches."""
    ours = rows["rnn_jax.sweep"]["median_s"]
    # windows start after 0, 1/W, ... of the trial: (W + 1) / 2 of W whole runs
    products = steps * (windows + 1) / 2
    result = {"kind": kind, "units": units, "trials": trials, "steps": steps, "rows": rows}
    result["matmul_share"] = (
        products / FEW * rows[f"{FEW} matmuls of its shape"]["median_s"] / ours
    )
    print(f"  share of the matmul rate: {result['matmul_share']:.0%}")
    for name, row in rows.items():
        if "hooks" in name:
            times = units * windows / FEW * (trials if "one trial" in name else 1)
            kept = "hooks_one_trial_ratio" if "one trial" in name else "hooks_ratio"
            result[kept] = row["ratio"] * times
            print(f"  {name}, over all: {result[kept]:.0f} times ours")
    return result


def growth(units, repeats, quick):
    """Time over two decades of trials and of windows, beside the memory set aside."""
    steps, counts = (20, (1, 10)) if quick else (100, (4, 40, 400))
    whole = tiling(steps, 1)
    asked = {f"{count} trials": (count, whole[:: steps // 4]) for count in counts}
    for count in counts[:-1] if quick else (1, 10, 100):
        # spread over the trial, so that windows cost the same on the average
        picked = np.linspace(0, steps - 1, count + 2)[1:-1].round().astype(int)
        asked[f"{count} windows"] = (8, whole[picked])
    contenders, taken = {}, {}
    for name, (trials, windows) in asked.items():
        network, xs, targets = problem("gru", units, trials, steps)
        contenders[name] = lambda n=network, x=xs, y=targets, w=windows: sweep(
            n, x, y, SCORE, jnp.eye(units), w, 0.0
        )
        taken[name] = set_aside(network, xs, targets, windows)
    rows = paired(contenders, repeats)
    show(f"growth, gru, N = {units}, {steps} steps", rows)
    for name, row in rows.items():
        row["each_s"] = row["median_s"] / int(name.split()[0])
        row["set_aside_bytes"] = taken[name]
        print(f"  {name:<12} {row['each_s'] * 1e3:9.2f} ms each, {taken[name] / 2**20:7.1f} MiB")
    return {"kind": "gru", "units": units, "steps": steps, "growth": rows}


def set_aside(network, xs, targets, windows):
    """Bytes that the compiled sweep needs beyond arguments and result."""
    units = jax.tree.leaves(network.h0)[0].shape[0]
    trials = per_trial(network, xs, targets, windows, 0.0)
    size = fit_budget(network, xs.shape[1], units, len(xs), default_memory(), "exact")
    parts = (network, SCORE, jnp.array(xs.shape[1] - 1))
    asked = (parts, trials, jnp.eye(units)[None], CLAMP, "exact", size, True, None)
    return program.lower(*asked).compile().compiled.memory_analysis().temp_size_in_bytes


def keeping(units, repeats, quick):
    """A sweep at once, window by window, and with every window kept and shown by a bar."""
    trials, steps = (4, 20) if quick else (64, 64)
    asked = (*problem("gru", units, trials, steps), SCORE, jnp.eye(units), tiling(steps, 4), 0.0)

    def kept():
        with tempfile.TemporaryDirectory() as folder:
            return resumable(sweep, Path(folder), lambda w: tqdm(w, leave=False))(*asked)

    contenders = {
        "window by window": lambda: resumable(sweep, None)(*asked),
        "with a bar": lambda: resumable(sweep, None, lambda w: tqdm(w, leave=False))(*asked),
        "kept and with a bar": kept,
        "all in one program": lambda: sweep(*asked),
    }
    rows = paired(contenders, repeats)
    show(f"keeping {len(asked[5])} windows, gru, N = {units}", rows)
    return {"kind": "gru", "units": units, "keeping": rows}


def main():
    options = arguments(__doc__.splitlines()[0])
    torch = torch_or_none()
    sizes = [(16, 4, 16)] if options.quick else [(units, 64, 64) for units in options.units]
    results = [
        compare(kind, units, trials, steps, options.repeats, torch)
        for kind in CELLS
        for units, trials, steps in sizes
    ]
    units = min(options.units) if not options.quick else 16
    results.append(growth(units, min(options.repeats, 3), options.quick))
    units = max(options.units) if not options.quick else 16
    results.append(keeping(units, min(options.repeats, 3), options.quick))
    save(options.json, results)


if __name__ == "__main__":
    main()
