"""Evidence that is held and not used yet: do eight units by cause undo more than by correlation?

    python benchmarks/bench_evidence.py --json benchmarks/results/evidence.json

Two streams of evidence come at once. A cue names the one that is reported first; the other is
reported later. The contrast turns the first one's evidence, exchanges states in the last two steps
before the first report, and reads that report. Sets of eight units are chosen on half of 192
trials and judged on the other half: by greedy exchanges, by single effects, by their correlation
with the evidence asked for within each context, and pooled over both.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from rnn_jax.cells import CELLS, Affine, zero_state
from rnn_jax.contrasts import aligned, choose, exchanged, share_intervals, shares
from rnn_jax.contrasts.bases import own_bases
from rnn_jax.contrasts.sets import _grown
from rnn_jax.core import Network, clean_run
from rnn_jax.tasks import Contrast, Trials, epochs_after
from rnn_jax.training import adam, fit, mean_squared_error

CUE, SHOWN, GAP, REPORT = 2, 10, 4, 4
FIRST = CUE + SHOWN + GAP
STEPS = FIRST + REPORT + GAP + REPORT
SIZE, TRIALS = 8, 192


def sample(key, count):
    """Inputs `(cue a, cue b, stream a, stream b, go)`; targets: the sign of the stream asked."""
    which, sign, noise = jax.random.split(key, 3)
    context = jax.random.bernoulli(which, 0.5, (count,)).astype(int)
    signs = jax.random.rademacher(sign, (count, 2), float)
    time_ = jnp.arange(STEPS)
    shown = ((time_ >= CUE) & (time_ < CUE + SHOWN)).astype(float)
    clutter = jax.random.normal(noise, (count, STEPS, 2))
    streams = (0.5 * signs[:, None] + clutter) * shown[None, :, None]
    cue = jax.nn.one_hot(context, 2)[:, None] * (time_ < CUE).astype(float)[None, :, None]
    go = ((time_ >= FIRST) & (time_ < FIRST + REPORT)) | (time_ >= STEPS - REPORT)
    go = jnp.broadcast_to(go.astype(float)[None, :, None], (count, STEPS, 1))
    asked = jnp.take_along_axis(signs, jnp.stack([context, 1 - context], 1), 1)
    early = ((time_ >= FIRST) & (time_ < FIRST + REPORT)).astype(float)
    late = (time_ >= STEPS - REPORT).astype(float)
    targets = asked[:, :1] * early[None] + asked[:, 1:] * late[None]
    xs = jnp.concatenate([cue, streams, go], -1)
    whole = jnp.ones((count, STEPS))
    return Trials(xs, targets[..., None], {"all": whole})


def contrast_of(trials):
    """The evidence of the stream reported first turned, and the first report read."""
    xs = np.asarray(trials.xs)
    context = xs[:, 0, 1].astype(int)
    foil = xs.copy()
    rows = np.arange(len(xs))
    foil[rows, :, 2 + context] *= -1
    event = np.full(len(xs), CUE)
    epochs = epochs_after(event, STEPS, held=(FIRST - 2 - CUE, FIRST - CUE))
    read = np.zeros((len(xs), STEPS))
    read[:, FIRST + 1 : FIRST + REPORT] = 1
    return Contrast(foil, event, epochs, read), context


def correlations(states, evidence, context):
    """Of each unit with the evidence asked for: within contexts, and pooled."""

    def of(rows):
        h, e = states[rows] - states[rows].mean(0), evidence[rows] - evidence[rows].mean()
        return np.abs((h * e[:, None]).sum(0)) / np.maximum(
            1e-12, np.sqrt((h**2).sum(0) * (e**2).sum())
        )

    within = np.mean([of(context == c) for c in (0, 1)], 0)
    return within, of(np.ones(len(states), bool))


def run(cell, units, seed):
    """One network: trained, asked, and its sets judged."""
    cell_key, out_key, fit_key, draw_key = jax.random.split(jax.random.key(seed), 4)
    made = CELLS[cell](5, units, key=cell_key)
    network = Network(made, Affine(units, 1, key=out_key), zero_state(made))
    found = fit(
        network, sample, mean_squared_error, fit_key, steps=3000, batch_size=64,
        optimiser=adam(3e-3, 3000),
    )  # fmt: skip
    network, trials = found.network, sample(draw_key, TRIALS)
    contrast, context = contrast_of(trials)
    pair = aligned(network, trials, contrast)
    asked = pair.epochs["held"]
    half = TRIALS // 2
    first, second = (choose(pair, asked, np.arange(a, a + half), np.ones(half)) for a in (0, half))
    eye, ones = jnp.eye(units), jnp.ones(2)
    most = jnp.asarray(SIZE)
    path = _grown(network, first, eye, own_bases(network.h0), SIZE, most, jnp.asarray(0.0), ones)
    single = shares(
        np.asarray(exchanged(network, first, eye), float), np.asarray(first.norms, float)
    )
    states = np.asarray(jax.tree.leaves(clean_run(network, trials.xs)[0])[0])[:half, FIRST - 1]
    xs = np.asarray(trials.xs)
    evidence = xs[np.arange(TRIALS), CUE : CUE + SHOWN, 2 + context].sum(1)[:half]
    within, pooled = correlations(states, evidence, context[:half])
    top = lambda score: np.argsort(-score)[:SIZE]
    sets = {
        "greedy": np.asarray(path.order), "single effects": top((1 - single.residual).sum(0)),
        "correlation within context": top(within), "pooled correlation": top(pooled),
        "variance": top(states.var(0)),
    }  # fmt: skip
    masks = np.zeros((len(sets) + 1, units))
    for row, members in zip(masks, sets.values()):
        row[members] = 1
    masks[-1] = 1
    sums = np.asarray(exchanged(network, second, jnp.asarray(masks, first.ys.dtype)), float)
    judged = share_intervals(sums, np.asarray(second.norms, float)).effect[0]
    # the same trials judge both sets: the interval of the difference, trial by trial
    change = sums[:, :1] - sums[:, 2:3]
    gain = share_intervals(change, np.asarray(second.norms, float)).effect[0, 0]
    return {
        "cell": cell, "units": units, "seed": seed, "loss": float(found.losses[-20:].mean()),
        "undone": dict(zip([*sets, "all units"], judged.tolist(), strict=True)),
        "gain over correlation": gain.tolist(),
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--units", type=int, default=64)
    asked = parser.parse_args()
    rows = []
    for cell in ("gru", "vanilla"):
        for seed in range(3):
            begun = time.perf_counter()
            rows.append(run(cell, asked.units, seed))
            cells = [f"{name} {value[0]:.2f}" for name, value in rows[-1]["undone"].items()]
            gain = "{:.2f} [{:.2f}, {:.2f}]".format(*rows[-1]["gain over correlation"])
            loss, took = rows[-1]["loss"], time.perf_counter() - begun
            print(
                f"{cell} {seed}: loss {loss:.3f}; {', '.join(cells)}; gain {gain}; {took:.0f} s",
                flush=True,
            )
            if asked.json is not None:
                asked.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
