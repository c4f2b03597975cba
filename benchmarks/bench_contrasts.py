"""Are trained networks' answers small, and untrained networks' answers none? Seed by seed.

    python benchmarks/bench_contrasts.py --json benchmarks/results/contrasts.json
    python benchmarks/bench_contrasts.py --show benchmarks/results/contrasts.json

Each network holds the bits of the flip-flop. Each bit is asked while it is held: the mediator of
two steps, and the closed circuit, beside 99 random bases. A network is one line of the file as
soon as it is done, so that the command goes on where it was stopped. Networks of lower seeds were
seen while the rule of circuits was made or mended.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from rnn_jax.contrasts import Search, ask
from rnn_jax.core import clean_run
from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.discovery.asked import corrected
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.discovery.performance import performance
from rnn_jax.discovery.trained import untrained

TRIALS = 96
TRAINED = [("gru", 64), ("vanilla", 16), ("vanilla", 32), ("vanilla", 64)]
UNTRAINED = [("gru", 64), ("vanilla", 64)]
FIRST = 31
SMALL, RESIDUAL = 6, 0.05


def run(cell, units, seed, trained):
    """The answers of one network about its three bits."""
    settings = TrainSettings(cell=cell, units=units, seed=seed)
    make = train_network if trained else untrained
    network, begun = make("flip-flop", settings), time.perf_counter()
    trials = drawn("flip-flop", jax.random.fold_in(jax.random.key(seed), 99), TRIALS)
    answers = []
    for k, (name, contrast) in enumerate(trials.contrasts.items()):
        holding = replace(contrast, epochs={"hold": contrast.epochs["hold"]})
        key = jax.random.fold_in(jax.random.key(seed), k)
        answers += ask(network, trials, name, holding, Search(), key)
    q = corrected(answers)
    does = performance(clean_run(network, trials.xs)[1], trials.targets)
    bits = [of_bit(answer, row) for answer, row in zip(answers, q, strict=True)]
    sets = [np.array(bit["circuit"]["units"], int) for bit in bits if "circuit" in bit]
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i]]
    return {
        "cell": cell, "units": units, "seed": seed, "trained": trained,
        "r2": does.get("r2"), "seconds": round(time.perf_counter() - begun, 1), "bits": bits,
        "overlap_of_bits": [len(set(a) & set(b)) / max(1, len(set(a) | set(b))) for a, b in pairs],
    }  # fmt: skip


def of_bit(answer, q):
    """What is kept of one bit's answer."""
    if answer.note:
        return {"note": answer.note, "trials": answer.trials}
    found = {"note": "", "trials": answer.trials, "reach": answer.reach.tolist()}
    for part, value in zip(answer.sets, q, strict=True):
        if part.kind == "carriers":
            continue
        distance = [(1 - part.undone[0]) ** 2, (1 - part.restored[0]) ** 2]
        f = part.frequency
        found[part.kind] = {
            "size": part.size,
            "units": list(part.order),
            "undone": part.undone.tolist(),
            "restored": part.restored.tolist(),
            "off_target": part.off_target.tolist(),
            # the larger of the two directions' off target stands for both: an upper bound
            "residual": [d + part.off_target[0] ** 2 for d in distance],
            "base_sizes": part.base_sizes.tolist(),
            "p_bases": part.p_bases,
            "q_bases": value,
            "p_sets": part.p_sets.tolist(),
            # of two independent halves, by how often each unit is chosen
            "overlap_of_halves": float((f**2).sum() / max(1e-9, (2 * f - f**2).sum())),
        }
    return found


def good(row):
    """Whether every bit has a small mediator, and a circuit that few bases match."""
    bits = [bit for bit in row["bits"] if not bit["note"]]
    return len(bits) == 3 and all(
        bit["mediator"]["size"] <= SMALL
        and max(bit["mediator"]["residual"]) <= RESIDUAL
        and bit["circuit"]["p_bases"] <= 0.05
        for bit in bits
    )


def called(row):
    """Whether any set is called one of units, at 5 % over all that were searched."""
    parts = [
        bit[kind] for bit in row["bits"] if not bit["note"] for kind in ("mediator", "circuit")
    ]
    return any(part["q_bases"] <= 0.05 for part in parts)


def show(rows):
    """One line a network, and how many of each kind are as the targets ask."""
    for row in rows:
        line(row)
    for trained, kinds in ((True, TRAINED), (False, UNTRAINED)):
        for kind in kinds:
            of = [r for r in rows if (r["cell"], r["units"]) == kind and r["trained"] == trained]
            count = sum((good if trained else called)(row) for row in of)
            said = "small and better than bases" if trained else "called a circuit of units"
            what = f"{kind[0]} {kind[1]}, {'trained' if trained else 'untrained'}"
            print(f"{what}: {count} of {len(of)} {said}")


def line(row):
    """One network in a line."""
    cells = [
        bit["note"][:24] if bit["note"] else
        f"{bit['mediator']['size']:.0f} ({max(bit['mediator']['residual']):.3f}), "
        f"{bit['circuit']['size']:.0f} of {np.median(bit['circuit']['base_sizes']):.0f} "
        f"(p {bit['circuit']['p_bases']:.2f})"
        for bit in row["bits"]
    ]  # fmt: skip
    what = f"{row['cell']} {row['units']}" + ("" if row["trained"] else " untrained")
    found, word = (good, "small") if row["trained"] else (called, "called")
    mark = word if found(row) else "-"
    print(
        f"{what:<22} {row['seed']:>3}  R2 {row['r2']:.2f}  {' | '.join(cells)}  {mark}", flush=True
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    if asked.show:
        return show([json.loads(line) for line in asked.show.read_text().splitlines()])
    done = asked.json.read_text().splitlines() if asked.json.exists() else []
    known = {
        tuple(json.loads(line)[k] for k in ("cell", "units", "seed", "trained")) for line in done
    }
    for seed in range(FIRST, FIRST + asked.seeds):
        for trained, kinds in ((True, TRAINED), (False, UNTRAINED)):
            for kind in kinds:
                if (*kind, seed, trained) not in known:
                    row = run(*kind, seed, trained)
                    with asked.json.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                    line(row)


if __name__ == "__main__":
    main()
