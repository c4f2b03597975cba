"""Fixed points of a trained 3-bit flip-flop at zero input: how many, from which starts, how fast?

    python benchmarks/bench_fixed_points.py --json benchmarks/results/fixed_points.json
    python benchmarks/bench_fixed_points.py --one --networks gru:64:0 gru:64:1 gru:64:2 gru:64:3 \\
        gru:64:4 --json benchmarks/results/fixed_points_gru.json

Two sets of starts, drawn by different keys from different trials, and one of states of the runs
alone. A stable point is wanted for each of the 8 patterns, and the same points from both sets.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from rnn_jax.core import clean_run
from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.dynamics import (
    VERDICTS,
    coverage,
    fixed_points,
    stability,
    starts_from,
    taken,
    unique,
)

TRIALS, STARTS = 64, 2048


def states_of(network, seed):
    """States of runs on fresh trials, `[M, N]`."""
    trials = drawn("flip-flop", jax.random.key(seed), TRIALS)
    hs, _ = clean_run(network, trials.xs)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), hs)


def of_starts(network, x, states, starts):
    """What one set of starts finds, and the points."""
    begun = time.perf_counter()
    found = fixed_points(network.step, x, starts)
    seconds = time.perf_counter() - begun
    same = unique(taken(found.points, found.converged), states)
    labels = np.full(len(found.verdict), -1)
    labels[found.converged] = same.labels
    seen = coverage(labels)
    counts = np.bincount(found.verdict, minlength=len(VERDICTS)).tolist()
    return same.points, {
        "points": len(same.counts),
        "verdicts": {name: count for name, count in zip(VERDICTS, counts) if count},
        "largest q": float(found.residual[found.converged].max()),
        "fewest starts of a point": int(same.counts.min()),
        "unseen": seen.unseen,
        "found after": {str(k): float(seen.found[k - 1]) for k in (64, 256, 1024, STARTS)},
        "iterations": [float(np.median(found.iterations)), int(found.iterations.max())],
        "seconds": round(seconds, 2),
    }


def patterns(network, x, points):
    """How many modes grow at each point, and the patterns of bits that the stable ones show."""
    near = stability(network.step, x, points)
    ys = jax.vmap(network.readout)(jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), points))
    stable = near.unstable == 0
    signs = np.asarray(ys)[stable]
    return {
        "modes that grow": np.bincount(near.unstable).tolist(),
        "stable": int(stable.sum()),
        "patterns": len(np.unique(np.sign(signs), axis=0)),
        "smallest stable output": float(np.abs(signs).min()),
    }


def of_one_set(cell, units, seed):
    """One network, by the first set of starts alone."""
    network = train_network("flip-flop", TrainSettings(cell=cell, units=units, seed=seed))
    x, states = jnp.zeros(3), states_of(network, 100)
    starts = starts_from(states, jax.random.key(0), STARTS)
    points, found = of_starts(network, x, states, starts)
    row = {"cell": cell, "units": units, "seed": seed, "set 0": found}
    return row | patterns(network, x, points)


def measured(cell, units, seed):
    """One network."""
    network = train_network("flip-flop", TrainSettings(cell=cell, units=units, seed=seed))
    x = jnp.zeros(drawn("flip-flop", jax.random.key(0), 1).xs.shape[-1])
    row, sets = {"cell": cell, "units": units, "seed": seed}, []
    for k in range(2):
        states = states_of(network, 100 + k)
        starts = starts_from(states, jax.random.key(k), STARTS)
        points, row[f"set {k}"] = of_starts(network, x, states, starts)
        sets.append(points)
    both = jax.tree.map(lambda a, b: np.concatenate([a, b]), *sets)
    row["points of both"] = len(unique(both, states).counts)
    alone = jax.tree.map(lambda leaf: leaf[:: len(leaf) // STARTS][:STARTS], states)
    _, row["states alone"] = of_starts(network, x, states, alone)
    return row | patterns(network, x, unique(both, states).points)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=["vanilla:32:0"])
    parser.add_argument("--one", action="store_true", help="the first set of starts alone")
    asked = parser.parse_args()
    row_of = of_one_set if asked.one else measured
    rows = json.loads(asked.json.read_text()) if asked.json.exists() else []
    for name in asked.networks:
        cell, units, seed = name.split(":")
        rows.append(row_of(cell, int(units), int(seed)))
        print(json.dumps(rows[-1], indent=1), flush=True)
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
