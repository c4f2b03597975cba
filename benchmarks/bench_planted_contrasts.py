"""Precision and recall of what contrasts find, on every planted network and epoch.

    python benchmarks/bench_planted_contrasts.py --json benchmarks/results/planted_contrasts.json

Found are the units of any set (mediator, carriers, circuit) or of large single effect, and by the
rule without contrasts the units of a large and significant effect. Bases and half-splits, which no
mark depends on, are left out.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from rnn_jax.discovery import Settings, discover, find_subject
from rnn_jax.planted import PLANTED

SETTINGS = Settings(bases=0, splits=0, random_sets=19, resamples=99)


def rows_of(name):
    """One row for each question of a network."""
    begun = time.perf_counter()
    data = discover(find_subject(name), SETTINGS).dataset
    notes = json.loads(data.attrs["undecided"])
    seconds = round(time.perf_counter() - begun, 1)
    for question in data["question"].values:
        row = data.sel(question=question)
        epoch = str(row["question_epoch"].values)
        # an epoch that only a contrast has is not asked about without one
        of_trials = epoch in data["epoch"].values
        single = [float(data[m].sel(epoch=epoch)) if of_trials else np.nan for m in MARKS]
        yield {
            "kind": name, "question": str(question), "note": notes.get(str(question), ""),
            "precision": float(row["question_precision"]), "recall": float(row["question_recall"]),
            "precision of single units": single[0], "recall of single units": single[1],
            "seconds": seconds,
        }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--kinds", nargs="*", default=list(PLANTED))
    asked = parser.parse_args()
    rows = []
    for name in asked.kinds:
        for row in rows_of(name):
            rows.append(row)
            both = [row[f"{mark}{of}"] for of in ("", " of single units") for mark in MARKS]
            said = row["note"] or "  ".join(f"{value:.2f}" for value in both)
            print(f"{name:<22} {row['question']:<20} {said}", flush=True)
        if asked.json is not None:
            asked.json.write_text(json.dumps(rows, indent=1) + "\n")
    known = [row for row in rows if not row["note"]]
    exact = sum(row["precision"] == row["recall"] == 1 for row in known)
    worst = min(known, key=lambda row: min(row["precision"], row["recall"]))
    print(f"{exact} of {len(rows)} exact, {len(rows) - len(known)} refused; worst {worst}")
    print("median", np.nanmedian([[row[mark] for mark in MARKS] for row in known], 0))


MARKS = ("precision", "recall")

if __name__ == "__main__":
    main()
