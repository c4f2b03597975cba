"""Fixed points of a flip-flop without the circuit of one bit: do that bit's points vanish?

    python benchmarks/bench_landscape.py --json benchmarks/results/landscape.json

Each bit's circuit is the one that `discover` reports while the bit is held. Its units are held at
their mean over trials and time, or at their values at the fixed point in the middle of all
(outputs near 0). Of 27 points, 3 x 3 x 3, a third is to remain, spread over the other two bits.
A point's place is the sign of each output, 0 where it is within 0.5.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from bench_fixed_points import STARTS, states_of

from rnn_jax.contrasts import Search, ask
from rnn_jax.core import clamp
from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.dynamics import fixed_points, held, stability, starts_from, taken, unique

TRIALS = 96
SEARCH = Search(bases=0, splits=0, random_sets=19)


def circuits(network, seed):
    """The units of each bit's mediator and circuit while the bit is held."""
    trials = drawn("flip-flop", jax.random.fold_in(jax.random.key(seed), 99), TRIALS)
    sets = {}
    for k, (name, contrast) in enumerate(trials.contrasts.items()):
        holding = replace(contrast, epochs={"hold": contrast.epochs["hold"]})
        key = jax.random.fold_in(jax.random.key(seed), k)
        (answer,) = ask(network, trials, name, holding, SEARCH, key)
        sets[k] = {s.kind: np.flatnonzero(s.members) for s in answer.sets if s.members.any()}
    return sets


def landscape(network, step, starts, states):
    """The points of a step: states, places `[U, 3]`, and which are stable."""
    x = jnp.zeros(3)
    found = fixed_points(step, x, starts)
    if not found.converged.any():
        return np.zeros((0, states.shape[1])), np.zeros((0, 3), int), np.zeros(0, bool)
    points = unique(taken(found.points, found.converged), states).points
    ys = np.asarray(jax.vmap(network.readout)(jnp.asarray(points, jnp.float32)))
    places = np.where(np.abs(ys) > 0.5, np.sign(ys), 0).astype(int)
    return points, places, stability(step, x, points).unstable == 0


def counted(bit, places, stable):
    """How many points, stable ones, values of this bit, and places of the other two."""
    others = np.delete(places, bit, axis=1)
    return {
        "points": len(places),
        "stable": int(stable.sum()),
        "values of this bit": sorted(set(places[:, bit].tolist())),
        "places of the others": len({tuple(row) for row in others.tolist()}),
        "stable places of the others": len({tuple(row) for row in others[stable].tolist()}),
    }


def measured(cell, units, seed):
    """One network: its landscape, and those without each bit's mediator, circuit, random units."""
    network = train_network("flip-flop", TrainSettings(cell=cell, units=units, seed=seed))
    states = np.asarray(states_of(network, 100))
    starts = np.asarray(starts_from(states, jax.random.key(0), STARTS))
    points, places, stable = landscape(network, network.step, starts, states)
    whole = {"points": len(points), "stable": int(stable.sum())}
    middle = points[np.linalg.norm(points, axis=1).argmin()]
    bits = []
    for bit, sets in circuits(network, seed).items():
        row = {"bit": bit}
        for kind in ("mediator", "circuit"):
            if kind not in sets:
                continue
            members = sets[kind]
            row[kind] = {"units": members.tolist()}
            for name, value in (("mean", states.mean(0)), ("middle", middle)):
                now = without(network, starts, states, members, value)
                row[kind][name] = counted(bit, *now[1:])
        if "circuit" in sets:
            apart = np.random.default_rng(bit).permutation(
                np.setdiff1d(np.arange(units), sets["circuit"])
            )[: len(sets["circuit"])]
            now = without(network, starts, states, apart, middle)
            row["random, none of the circuit"] = counted(bit, *now[1:])
        bits.append(row)
        print(json.dumps(row), flush=True)
    return {"cell": cell, "units": units, "seed": seed, "whole": whole, "bits": bits}


def without(network, starts, states, members, value):
    """The landscape with some units held at their values of a state."""
    edit = clamp(members.tolist(), jnp.ones(1), jnp.asarray(value, jnp.float32)[None])
    return landscape(network, held(network.step, edit, jnp.zeros(states.shape[1])), starts, states)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=["vanilla:32:0", "vanilla:16:0"])
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json.exists() else []
    for name in asked.networks:
        cell, units, seed = name.split(":")
        rows.append(measured(cell, int(units), int(seed)))
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
