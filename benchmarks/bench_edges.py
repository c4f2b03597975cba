"""The circuit unrolled in time: how few edges hold a bit, and are a planted network's wires found?

    python benchmarks/bench_edges.py trained --json benchmarks/results/edges_trained.json
    python benchmarks/bench_edges.py planted --json benchmarks/results/edges_planted.json
    python benchmarks/bench_edges.py show --json benchmarks/results/edges_trained.json

`trained`: flip-flops, each bit while it is held; how many of the N x N connections the edges of
its circuit are, and what they alone keep on held-out trials. `planted`: the edges that are kept
beside the truth's, over all pairs of units that are wired; an edge scores what is lost where it is
cut. Both go on where they were stopped.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from rnn_jax.circuits import average_precision
from rnn_jax.contrasts import Search, ask, elsewhere, other_trials
from rnn_jax.discovery import TrainSettings, find_subject, train_network
from rnn_jax.discovery.find_subject import drawn
from rnn_jax.planted import PLANTED
from rnn_jax.studies.recovery.questions import edge_scores, weights

TRIALS, FIRST, SEEDS = 96, 31, 10
TRAINED = [("vanilla", 32), ("vanilla", 64), ("gru", 64), ("lstm", 64)]
SHARE, KEPT, OFF = 0.04, 0.85, 0.05
SEARCH = Search(bases=0, splits=0, random_sets=19, unrolled=True)


def trained(cell, units, seed):
    """The edges of each bit's circuit in one network."""
    network = train_network("flip-flop", TrainSettings(cell=cell, units=units, seed=seed))
    trials = drawn("flip-flop", jax.random.fold_in(jax.random.key(seed), 99), TRIALS)
    begun, bits = time.perf_counter(), []
    for k, (name, contrast) in enumerate(trials.contrasts.items()):
        holding = replace(contrast, epochs={"hold": contrast.epochs["hold"]})
        key = jax.random.fold_in(jax.random.key(seed), k)
        (answer,) = ask(network, trials, name, holding, SEARCH, key)
        bits.append(of_bit(answer, units))
    seconds = round(time.perf_counter() - begun, 1)
    return {"cell": cell, "units": units, "seed": seed, "seconds": seconds, "bits": bits}


def of_bit(answer, units):
    """How many edges, and what they keep."""
    found = answer.unrolled
    if found is None:
        return {"note": answer.note or "no edges are good enough"}
    kinds = np.array(found.kind)
    inside = kinds == "unit"
    return {
        "note": "",
        "members": int(answer.sets[-1].members.sum()),
        "edges": int(inside.sum()),
        "to themselves": int((inside & (found.to == found.source)).sum()),
        "inputs": int((kinds == "input").sum()),
        "outputs": int((kinds == "output").sum()),
        "candidates": found.count,
        "share": float(inside.sum() / units**2),
        "undone": found.undone.tolist(),
        "restored": found.restored.tolist(),
        "off_target": found.off_target.tolist(),
        "others": elsewhere(found.astray, answer.outputs),
        "timed": found.timed.tolist(),
        "in windows": float(found.acts.mean()),
        "p": found.p.tolist(),
        "searched in others": found.others.tolist(),
        "random": float(np.max(found.random)),
    }


def good(bit):
    """Whether one bit's edges are as few and as sufficient as asked."""
    kept = min(bit["undone"][0], bit["restored"][0]) if not bit["note"] else 0
    return kept >= KEPT and bit["share"] <= SHARE


def planted(name):
    """One row for each question of a planted network whose truth has edges there."""
    subject, truth = find_subject(name), PLANTED[name].make().truth
    trials, begun = subject.trials, time.perf_counter()
    contrasts = trials.contrasts or other_trials(jax.random.key(0), subject.network, trials)
    for k, (contrast_name, contrast) in enumerate(contrasts.items()):
        key, groups = jax.random.fold_in(jax.random.key(1), k), subject.groups
        own = replace(SEARCH, edge_nulls=0)
        for answer in ask(subject.network, trials, contrast_name, contrast, own, key, groups):
            yield {
                "kind": name, "question": answer.name, "own": bool(trials.contrasts),
                **against(subject, answer, truth.edges.get(answer.epoch)),
                "seconds": round(time.perf_counter() - begun, 1),
            }  # fmt: skip


def against(subject, answer, edges):
    """Precision, recall and average precision of the edges between units, over wired pairs."""
    if answer.unrolled is None or edges is None or not np.asarray(edges).any():
        none = "the truth has no edges" if edges is None or not np.asarray(edges).any() else ""
        return {"note": answer.note or none or "no edges are good enough"}
    score = edge_scores(answer, subject.unit_groups, len(subject.unit_names))
    truth = np.asarray(edges) > 0
    wired = (weights(subject.network) > 0) | truth
    kept = (score > 0)[wired]
    hit = int((kept & truth[wired]).sum())
    members = np.asarray(truth.any(0) | truth.any(1))
    return {
        "note": "", "wired": int(wired.sum()), "true": int(truth.sum()), "kept": int(kept.sum()),
        "false among members": int((wired & ~truth & np.outer(members, members)).sum()),
        "precision": hit / max(1, kept.sum()), "recall": hit / int(truth.sum()),
        "average precision": float(average_precision(score[wired], truth[wired])),
        "restored": float(answer.unrolled.restored[0]),
    }  # fmt: skip


def line(row):
    """One network, or one question, in a line."""
    if "kind" in row:
        marks = ("precision", "recall", "average precision")
        said = row["note"] or "  ".join(f"{row[mark]:.2f}" for mark in marks) + (
            f"  {row['kept']} kept of {row['wired']} wired, {row['true']} true, "
            f"{row['false among members']} false among members"
        )
        return f"{row['kind']:<22} {row['question']:<24} {said}"
    bits = [
        bit["note"]
        or f"{bit['members']} units, {bit['edges']} edges ({bit['share']:.1%}) keep "
        f"{min(bit['undone'][0], bit['restored'][0]):.2f}, off {bit['off_target'][0]:.2f}, "
        f"other bits {bit.get('others', np.nan):.2f}"
        for bit in row["bits"]
    ]
    return f"{row['cell']} {row['units']} seed {row['seed']}  " + " | ".join(bits)


def show(rows):
    """Every row, and how many are as the targets ask."""
    for row in rows:
        print(line(row))
    for cell, units in TRAINED:
        of = [r for r in rows if (r.get("cell"), r.get("units")) == (cell, units)]
        if of:
            bits = [bit for row in of for bit in row["bits"] if not bit["note"]]
            share, off, others = (np.nanmedian([pick(bit) for bit in bits]) for pick in PICKS)
            known = [bit["others"] for bit in bits if "others" in bit]
            clean = sum(moved <= OFF for moved in known)
            whole = sum(all(map(good, row["bits"])) for row in of)
            print(f"{cell} {units}: {KEPT} kept by at most {SHARE:.0%} of the connections")
            print(f"  all bits of {whole} of {len(of)} networks, {sum(map(good, bits))} bits")
            print(f"  median share {share:.1%}, off target {off:.2f}, other bits {others:.2f}")
            print(f"  other bits move by at most {OFF} in {clean} of {len(known)} measured")
    known = [row for row in rows if "kind" in row and not row["note"]]
    if known:
        exact = sum(row["precision"] == row["recall"] == 1 for row in known)
        high = sum(row["average precision"] >= 0.95 for row in known)
        print(f"{exact} of {len(known)} exact, {high} with an average precision of at least 0.95")


PICKS = (
    lambda bit: bit["share"],
    lambda bit: bit["off_target"][0],
    lambda bit: bit.get("others", np.nan),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("trained", "planted", "show"))
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--kinds", nargs="*", default=list(PLANTED))
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json.exists() else []
    if asked.what == "trained":
        done = {(row["cell"], row["units"], row["seed"]) for row in rows}
        every = [(*kind, FIRST + s) for kind in TRAINED for s in range(asked.seeds)]
        jobs = [lambda one=one: [trained(*one)] for one in every if one not in done]
    elif asked.what == "planted":
        done = {row["kind"] for row in rows}
        jobs = [lambda k=k: list(planted(k)) for k in asked.kinds if k not in done]
    else:
        jobs = []
        show(rows)
    for job in jobs:
        for row in job():
            rows.append(row)
            print(line(row), flush=True)
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")
        # each compiled program holds memory maps, of which Linux grants a process 65530
        jax.clear_caches()


if __name__ == "__main__":
    main()
