"""Ten questions of a large network: how long a whole discovery takes, and how large its folder is.

    python benchmarks/bench_large.py --json benchmarks/results/large.json

A tanh network is trained to hold five bits, each asked about as it switches and while it is held.
`questions` are the seconds from the first question to the last answer, programs compiled on the
way; `whole` adds single units, connections, sets, figures and the report.
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

import rnn_jax as rj
from rnn_jax.cells import Affine, Vanilla, zero_state
from rnn_jax.discovery import Settings, Subject
from rnn_jax.discovery.asked import ask_contrasts
from rnn_jax.tasks import FlipFlop
from rnn_jax.training import adam, fit, mean_squared_error

BITS, TRIALS, STEPS = 5, 96, 900


def subject_of(units):
    """A trained network with its trials and ten questions."""
    task = FlipFlop(bits=BITS)
    of_cell, of_readout, key = jax.random.split(jax.random.key(0), 3)
    cell = Vanilla(BITS, units, key=of_cell)
    network = rj.Network(cell, Affine(units, BITS, key=of_readout), zero_state(cell))
    network = fit(
        network, task.sample, mean_squared_error, key, steps=STEPS, batch_size=64,
        optimiser=adam(1e-3, STEPS), goal=0.01,
    ).network  # fmt: skip
    trials = task.sample(jax.random.key(5), TRIALS)
    contrasts = task.contrasts(jax.random.key(6), trials)
    return Subject("five bits", network, replace(trials, contrasts=contrasts))


def size_of(folder):
    """Megabytes of all files."""
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, 1)


def said(set_):
    """One kind of set: how many units, what axes need, and what fresh trials say."""
    return {
        "units": int(set_.members.sum()), "bases": set_.base_sizes.tolist(),
        "holds": set_.holds, "undone": set_.undone.tolist(), "restored": set_.restored.tolist(),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--questions", action="store_true", help="only the questions")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    subject, settings = subject_of(asked.units), Settings()
    row = {"units": asked.units, "trials": TRIALS}
    begun = time.perf_counter()
    if asked.questions:
        answers = ask_contrasts(subject, settings, jax.random.key(0), _each, None).answers
    else:
        found = rj.discover(subject, settings, _each)
        answers = found.answers
        with tempfile.TemporaryDirectory() as folder:
            rj.save(found, Path(folder) / "run")
            row["megabytes"] = size_of(Path(folder) / "run")
    row["questions" if asked.questions else "whole"] = round(time.perf_counter() - begun, 1)
    row["answers"] = {
        answer.name: answer.note
        or {found.kind: said(found) for found in answer.sets if found.kind != "carriers"}
        for answer in answers
    }
    largest = [max(len(s.base_sizes) for s in answer.sets) for answer in answers if answer.sets]
    row["bases"] = int(np.max(largest))
    print(json.dumps(row, indent=1))
    if asked.json is not None:
        asked.json.write_text(json.dumps(row, indent=1) + "\n")


def _each(items, name):
    """Say how long each stage took."""
    for item in items:
        begun = time.perf_counter()
        yield item
        print(f"{name:<20} {time.perf_counter() - begun:7.1f} s", flush=True)


if __name__ == "__main__":
    main()
