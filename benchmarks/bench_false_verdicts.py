"""How often does `visual-behavior` find a part for Vip units where made-up sessions have none?

    python benchmarks/bench_false_verdicts.py run --json benchmarks/results/false_verdicts.json
    python benchmarks/bench_false_verdicts.py show --json benchmarks/results/false_verdicts.json

Data sets of the world `none`, five networks each at scale 2. A false verdict is a claim about Vip
units that holds. It goes on where it was stopped.
"""

import argparse
import json
from pathlib import Path

import jax
from scipy.stats import beta

from rnn_jax.studies.visual_behavior.sequences import Counts
from rnn_jax.studies.visual_behavior.study import Size, made_up, visual_behavior
from rnn_jax.studies.visual_behavior.verdicts import CLAIMS, verdicts

SIZE, SETS, SEEDS, WORLD = Size(2, 600, Counts(200, 32), 19), 20, 5, "none"
FIRST = 20  # the sets before were judged by an earlier version of the analysis


def judged(k: int) -> dict:
    """The verdict on every claim for data set k."""
    source = {WORLD: made_up(SIZE.counts, FIRST + k)[WORLD]}
    found = visual_behavior(source, range(SEEDS), SIZE)
    rows = zip(CLAIMS, verdicts(found.isel(source=0)), strict=True)
    return {"set": FIRST + k, **{name: [said.fell, said.found] for name, said in rows}}


def show(rows: list[dict]) -> None:
    """Counts of false verdicts with their exact binomial interval."""
    names = [name for name in CLAIMS if name != "learned"]
    count = lambda fell, names: sum(row[name][0] == fell for row in rows for name in names)
    for name in [*names, "all"]:
        of = names if name == "all" else [name]
        false, n = count("holds", of), len(rows) * len(of)
        low = beta.ppf(0.025, false, n - false + 1) if false else 0.0
        high = beta.ppf(0.975, false + 1, n - false) if false < n else 1.0
        print(
            f"{name:14s} {false:3d} of {n:3d} hold, {100 * false / n:.1f} % "
            f"[{100 * low:.1f}, {100 * high:.1f}]; {count('refuted', of)} refuted"
        )
    print("networks learned in", sum(row["learned"][0] == "holds" for row in rows), "data sets")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("run", "show"))
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--sets", type=int, default=SETS)
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json.exists() else []
    for k in range(len(rows), asked.sets if asked.what == "run" else 0):
        rows.append(judged(k))
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")
        print({name: said[0] for name, said in rows[-1].items() if name != "set"}, flush=True)
        # each study makes an optimiser of its own, and with it a program
        jax.clear_caches()
    show(rows)


if __name__ == "__main__":
    main()
