"""Fixed points of trained 3-bit flip-flops by two sets of starts and two solvers.

    python benchmarks/bench_fixed_points_solvers.py \\
        --json benchmarks/results/fixed_points_solvers.json

The second solver is MINPACK's `hybrj` (Powell's hybrid method, `scipy.optimize.root`) with the
exact Jacobian in float64: another method in other code. It takes one start after another, the
first `--others` of each set; ours takes all. A solver's points are those with `q` below 1e-24.
Rows are added as they are done; a call goes on where the last one ended.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from bench_fixed_points import patterns, states_of
from scipy.optimize import root

from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.dynamics import Verdict, fixed_points, starts_from, taken, unique

STARTS, TOLERANCE = 2048, 1e-24


def by_minpack(network, starts):
    """Where MINPACK ends, and `q` there: NumPy alone, a tanh network at input 0."""
    w, b = (np.asarray(a, np.float64) for a in (network.step.w, network.step.b))
    eye = np.eye(len(b))

    def both(h):
        moved = np.tanh(w @ h + b)
        return moved - h, (1 - moved**2)[:, None] * w - eye

    ends = []
    for h in np.asarray(starts, np.float64):
        h = root(both, h, jac=True, method="hybr", options={"xtol": 1e-15}).x
        for _ in range(2):  # MINPACK stops by the size of its moves, a step short of rounding
            r, A = both(h)
            h = h - np.linalg.solve(A, r) if r @ r < 1e-12 else h
        ends.append(h)
    ends = np.array(ends)
    return ends, 0.5 * np.square(np.tanh(ends @ w.T + b) - ends).sum(1)


def matched(a, b, states):
    """How many points of either set are in both."""
    both = len(unique(np.concatenate([a, b]), states).counts)
    return len(a) + len(b) - both


def measured(units, seed, others):
    """One network."""
    network = train_network("flip-flop", TrainSettings(cell="vanilla", units=units, seed=seed))
    row, found = {"units": units, "seed": seed, "starts": STARTS, "others": others}, {}
    for k in range(2):
        states = np.asarray(states_of(network, 100 + k))
        starts = np.asarray(starts_from(states, jax.random.key(k), STARTS))
        begun = time.perf_counter()
        ours = fixed_points(network.step, jnp.zeros(3), starts, TOLERANCE)
        seconds = time.perf_counter() - begun
        good = ours.verdict == Verdict.CONVERGED
        found["ours", k] = unique(taken(ours.points, good), states).points
        begun = time.perf_counter()
        ends, q = by_minpack(network, starts[:: STARTS // others])
        found["minpack", k] = unique(ends[q < TOLERANCE], states).points
        row[f"set {k}"] = {
            "ours": len(found["ours", k]), "converged": int(good.sum()),
            "largest q": float(ours.residual[good].max()), "seconds": round(seconds, 2),
            "minpack": len(found["minpack", k]), "its converged": int((q < TOLERANCE).sum()),
            "its seconds": round(time.perf_counter() - begun, 2),
            "in both": matched(found["ours", k], found["minpack", k], states),
        }  # fmt: skip
    row["in both sets"] = matched(found["ours", 0], found["ours", 1], states)
    everything = unique(np.concatenate([*found.values()]), states).points
    row["points of all four"] = len(everything)
    return row | patterns(network, jnp.zeros(3), everything)


def line(row):
    """One network in a line."""
    counts = [row[f"set {k}"][name] for name in ("ours", "minpack") for k in range(2)]
    return f"tanh {row['units']}, seed {row['seed']}: {counts}, patterns {row['patterns']}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--units", type=int, nargs="*", default=[16, 32, 64])
    parser.add_argument("--seeds", type=int, nargs="*", default=[0, 1, 2, 3, 4])
    parser.add_argument("--others", type=int, default=1024, help="starts of the second solver")
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json.exists() else []
    for seed in asked.seeds:
        for units in asked.units:
            if any((row["units"], row["seed"]) == (units, seed) for row in rows):
                continue
            rows.append(measured(units, seed, asked.others))
            print(line(rows[-1]), flush=True)
            asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
