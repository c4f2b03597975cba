"""Do intervals of a share cover what they say? The jackknife's beside the percentile bootstrap's.

    python benchmarks/bench_intervals.py --json benchmarks/results/intervals.json

Shares of trials are drawn around a known value; weights are alike, or lognormal of spread 0.5 or
1, and either independent of the shares or larger where the share is larger. The true share is the
ratio of expectations. 4000 draws for each row: a coverage of 0.95 has a standard error of 0.003.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from rnn_jax.contrasts import effective, share_intervals

DRAWS, RESAMPLES = 4000, 1000
SPREADS = {"like": 0.0, "lognormal 0.5": 0.5, "lognormal 1": 1.0}


def draw(rng, n, spread, tied):
    """Weights and shares of `n` trials, and the true share."""
    z, own = rng.normal(size=(2, DRAWS, n))
    weight = np.exp(spread * z)
    share = 0.8 + 0.2 * (z if tied and spread else own)
    # E[w e] / E[w] of a lognormal weight and a normal share tied to it
    return weight, share, 0.8 + (0.2 * spread if tied else 0.0)


def bootstrap(rng, weight, share):
    """The percentile interval of one draw."""
    picks = rng.integers(0, len(weight), (RESAMPLES, len(weight)))
    ratios = (weight * share)[picks].sum(1) / weight[picks].sum(1)
    return np.quantile(ratios, [0.025, 0.975])


def row(rng, n, spread, tied):
    """Coverage of both, and the mean effective number of trials."""
    weight, share, truth = draw(rng, n, SPREADS[spread], tied)
    inside = np.zeros(2)
    for w, e in zip(weight, share, strict=True):
        sums = np.stack([e * w, e * w, e**2 * w], -1)[None, None].repeat(2, 0)
        norms = np.stack([w, w], -1)[None].repeat(2, 0)
        _, low, high = share_intervals(sums, norms).effect[0, 0]
        inside[0] += low <= truth <= high
        low, high = bootstrap(rng, w, e)
        inside[1] += low <= truth <= high
    jackknife, percentile = inside / DRAWS
    return {
        "trials": n, "weights": spread, "tied": tied, "effective": float(effective(weight).mean()),
        "jackknife": jackknife, "bootstrap": percentile,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    rows = []
    print("trials  weights        tied   effective  jackknife  bootstrap")
    for n in (12, 24, 48):
        for spread in SPREADS:
            for tied in (False, True) if SPREADS[spread] else (False,):
                rows.append(row(rng, n, spread, tied))
                r = rows[-1]
                said = f"{r['effective']:>9.1f}  {r['jackknife']:>9.3f}  {r['bootstrap']:>9.3f}"
                print(f"{n:>6}  {spread:<13}  {tied!s:<5}  {said}", flush=True)
    if asked.json is not None:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
