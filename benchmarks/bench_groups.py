"""Group connectivity `P^T J Q` of every step: a thin basis of tangents against whole Jacobians.

    python benchmarks/bench_groups.py --json benchmarks/results/groups.json

All contenders compute the same `[B, T, G, G]`, which is checked. `linear.group_jacobians` takes
trials one after another; the materialised routes write every Jacobian and reduce it, in two
programs (faster here than in one) or as one would write it bare. Temporary memory is the
compiler's own account. A second table grows the trials over two decades.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from bench_jacobians import CELLS, all_jacobians, torch_step
from timing import arguments, memset, paired, save, show, torch_or_none

from rnn_jax.cells import zero_state
from rnn_jax.core import rollout
from rnn_jax.linear import group_jacobians

GROUPS = 8
STEPS = 64
WHOLE = "rnn_jax.jacobians, then reduced"
THIN = "torch.func vmap(jvp), thin"


@eqx.filter_jit
def streamed(cell, runs, groups):
    return jax.lax.map(lambda run: group_jacobians(cell, run, groups, groups), runs)


def between(blocks, groups):
    """The reduction, the sources first: one product with each whole row."""
    reduce = lambda block: jnp.einsum("ai,btic->btac", groups, block @ groups.T)
    return jax.tree.map(reduce, blocks)


between_jit = jax.jit(between)


@eqx.filter_jit
def bare(cell, runs, groups):
    before = jax.vmap(lambda run: run.previous)(runs)
    return between(jax.vmap(jax.vmap(jax.jacfwd(cell)))(before, runs.xs), groups)


@eqx.filter_jit
def forward(cell, runs):
    """The products that no route is spared: every step's preactivations."""
    states = jax.tree.leaves(jax.vmap(lambda run: run.previous)(runs))[0]
    return jnp.einsum("ki,bti->btk", cell.w.reshape(-1, states.shape[-1]), states)


def torch_thin(torch, kind, cell, before, xs, groups):
    """The same thin basis in PyTorch: `func.jvp` under two `vmap`s."""
    step = torch_step(torch, kind, cell)
    h, x, P = (torch.from_numpy(np.array(a)) for a in (before, xs, groups))

    def one(h, x):
        push = lambda row: torch.func.jvp(lambda h: step(h, x), (h,), (row,))[1]
        return P @ torch.func.vmap(push)(P).T

    every = torch.func.vmap(torch.func.vmap(one))
    return lambda: every(h, x)


def problem(kind, units, trials):
    """A cell, its runs, and groups of equal size."""
    keys = jax.random.split(jax.random.key(0))
    cell = CELLS[kind](8, units, key=keys[0])
    xs = jax.random.normal(keys[1], (trials, STEPS, 8))
    runs = jax.vmap(lambda x: rollout(cell, zero_state(cell), x))(xs)
    return cell, runs, jnp.repeat(jnp.eye(GROUPS), units // GROUPS, axis=1)


def temporary(function, *args):
    """Bytes beyond input and output."""
    return function.lower(*args).compile().compiled.memory_analysis().temp_size_in_bytes


def compare(kind, units, megabytes, repeats, torch):
    """One cell and size: time all in turn, and check that they agree."""
    entries = units * units * (4 if kind == "lstm" else 1)
    trials = max(1, round(megabytes * 2**20 / 4 / entries / STEPS))
    cell, runs, groups = problem(kind, units, trials)
    ours = lambda: streamed(cell, runs, groups)
    contenders = {
        "rnn_jax.group_jacobians": ours,
        WHOLE: lambda: between_jit(all_jacobians(cell, runs), groups),
        "bare vmap(jacfwd), then reduced": lambda: bare(cell, runs, groups),
        "the forward matmul alone": lambda: forward(cell, runs),
        "memset of the Jacobians' bytes": memset(4 * trials * STEPS * entries),
    }
    if torch is not None and kind != "lstm":
        before = jax.vmap(lambda run: run.previous)(runs)
        contenders[THIN] = torch_thin(torch, kind, cell, before, runs.xs, groups)
    rows = paired(contenders, repeats)
    theirs = [contenders[WHOLE]()]
    if THIN in contenders:
        theirs.append(contenders[THIN]().numpy())
    for other in theirs:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-4), ours(), other)
    show(f"{kind}, N = {units}, {trials} trials x {STEPS} steps, {GROUPS} groups", rows)
    memory = {
        "streamed": temporary(streamed, cell, runs, groups),
        "materialised": temporary(bare, cell, runs, groups),
    }
    print(", ".join(f"{name}: {size / 2**20:.1f} MB" for name, size in memory.items()))
    return {"kind": kind, "units": units, "trials": trials, "temporary": memory, "rows": rows}


def growth(kind, units, counts, repeats):
    """Time and temporary memory of ours, over the number of trials."""
    problems = {trials: problem(kind, units, trials) for trials in counts}
    contenders = {
        f"{trials} trials": lambda one=one: streamed(*one) for trials, one in problems.items()
    }
    rows = paired(contenders, repeats)
    show(f"{kind}, N = {units}: growth with trials", rows)
    for trials, one in problems.items():
        row = rows[f"{trials} trials"]
        row["temporary"] = temporary(streamed, *one)
        print(
            f"  {trials} trials: {row['median_s'] / trials * 1e6:.0f} us a trial, "
            f"{row['temporary'] / 2**20:.2f} MB"
        )
    return {"kind": kind, "units": units, "growth": rows}


def main():
    options = arguments(__doc__.splitlines()[0])
    torch = torch_or_none()
    megabytes, sizes = (4, [64]) if options.quick else (128, options.units)
    counts = (1, 10) if options.quick else (4, 40, 400)
    results = [
        compare(kind, units, megabytes, options.repeats, torch)
        for kind in CELLS
        for units in sizes
    ]
    results.append(growth("gru", min(sizes), counts, options.repeats))
    save(options.json, results)


if __name__ == "__main__":
    main()
