"""Fixed points of a trained flip-flop: `fixed_points` beside gradient descent in PyTorch.

    python benchmarks/bench_fixed_points_torch.py --json benchmarks/results/fixed_points_torch.json

The recipe is that of fixed-point-finder (Golub and Sussillo, Journal of Open Source Software 3,
2018): Adam on the states of all starts at once, in float32, on the mean of `q`, until every `q` is
below 1e-12, at most 5000 iterations. Two forms of it: `steps` as its PyTorch version is set
(learning rate 0.05, times 0.7 every 500 iterations, nothing clipped), and `plateau` (the gradient
clipped to norm 1, the rate times 0.95 where the mean has not fallen for 20 iterations).

Both contenders have the same weights and the same starts. A point counts as found by a recipe
where a state with `q` below 1e-12 lies within 0.01 of the states' spread of it; the clock stands
while that is looked at. The first repeat runs to the recipe's end, the others until all points
are found. Rows are added to the file as they are done.
"""

import argparse
import json
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from bench_fixed_points import states_of
from timing import machine, torch_or_none

from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.dynamics import VERDICTS, fixed_points, starts_from, taken, unique

STARTS, ITERATIONS, LOOK, TOLERANCE, NEAR = 2048, 5000, 50, 1e-12, 0.01


def torch_step(torch, cell):
    """The cell in PyTorch at input 0, of rows `[S, N]`, with the same weights."""
    w = torch.from_numpy(np.asarray(cell.w).copy())
    if type(cell).__name__ == "Vanilla":
        b = torch.from_numpy(np.asarray(cell.b).copy())
        return lambda h: torch.tanh(torch.addmm(b, h, w.T))
    N = w.shape[1]
    rows, (b, c) = w.reshape(-1, N), (torch.tensor(np.asarray(a)) for a in (cell.b, cell.c))

    def gru(h):
        r, z, n = (h @ rows.T).split(N, 1)
        r, z = torch.sigmoid(r + b[0]), torch.sigmoid(z + b[1])
        return (1 - z) * torch.tanh(r * (n + c) + b[2]) + z * h

    return gru


def descended(torch, step, starts, form, look):
    """States after each `LOOK` iterations go to `look`, which says whether that is enough."""
    h = torch.tensor(starts, requires_grad=True)
    adam = torch.optim.Adam([h], lr=0.05)
    rates = torch.optim.lr_scheduler
    steps = rates.StepLR(adam, 500, 0.7)
    plateau = rates.ReduceLROnPlateau(adam, factor=0.95, patience=20)
    seconds, begun = 0.0, time.perf_counter()
    for iteration in range(1, ITERATIONS + 1):
        adam.zero_grad()
        q = 0.5 * (step(h) - h).square().sum(1)
        mean = q.mean()
        mean.backward()
        if form == "plateau":
            torch.nn.utils.clip_grad_norm_([h], 1.0)
        before = h.detach().clone() if iteration % LOOK == 0 else None
        adam.step()
        steps.step() if form == "steps" else plateau.step(mean.detach())
        done = bool((q < TOLERANCE).all())
        if done or before is not None:
            seconds += time.perf_counter() - begun
            hs = (h.detach() if before is None else before).numpy()
            if look(seconds, iteration, hs) or done:
                return
            begun = time.perf_counter()


def residual(network, hs):
    """`q` of rows in float32, as the recipe has it."""
    moved = jax.vmap(network.step, (0, None))(jnp.asarray(hs), jnp.zeros(3))
    return 0.5 * np.square(np.asarray(moved) - hs).sum(1)


def of_recipe(torch, network, starts, points, spread, form, whole):
    """The recipe's course, to its end if `whole`, else until it has found all of our points.

    A row: seconds, iterations, starts converged, our points found, starts beside all of them.
    """
    course = []

    def look(seconds, iteration, hs):
        good = hs[residual(network, hs) < TOLERANCE]
        away = np.linalg.norm(points[:, None] - good[None], axis=2) if len(good) else None
        found = 0 if away is None else int((away.min(1) <= NEAR * spread).sum())
        beside = 0 if away is None else int((away.min(0) > NEAR * spread).sum())
        course.append([round(seconds, 2), iteration, len(good), found, beside])
        return found == len(points) and not whole

    descended(torch, torch_step(torch, network.step), starts, form, look)
    return course


def of_ours(network, starts):
    """Seconds, and what was found."""
    begun = time.perf_counter()
    found = fixed_points(network.step, jnp.zeros(3), starts)
    return round(time.perf_counter() - begun, 3), found


def measured(torch, name, repeats, forms):
    """One network, the contenders taking turns."""
    cell, units, seed = name.split(":")
    settings = TrainSettings(cell=cell, units=int(units), seed=int(seed))
    network = train_network("flip-flop", settings)
    states = np.asarray(states_of(network, 100))
    starts = np.asarray(starts_from(states, jax.random.key(0), STARTS))
    h = torch.from_numpy(starts[:8].copy())
    theirs = torch_step(torch, network.step)(h).numpy()
    ours = np.asarray(jax.vmap(network.step, (0, None))(jnp.asarray(starts[:8]), jnp.zeros(3)))
    np.testing.assert_allclose(theirs, ours, atol=1e-5)
    first, found = of_ours(network, starts)
    points = unique(taken(found.points, found.converged), states).points
    spread = np.sqrt(states.var(0).sum())
    counts = np.bincount(found.verdict, minlength=len(VERDICTS)).tolist()
    row = {
        "network": name, "starts": STARTS, "repeats": repeats, "points": len(points),
        "verdicts": {name: count for name, count in zip(VERDICTS, counts) if count},
        "first call": first, "seconds": [], **{form: [] for form in forms},
    }  # fmt: skip
    for repeat in range(repeats):
        row["seconds"].append(of_ours(network, starts)[0])
        for form in forms:
            course = of_recipe(torch, network, starts, points, spread, form, repeat == 0)
            row[form].append(course)
    return row


def line(row, forms):
    """One network in lines."""
    ours = float(np.median(row["seconds"]))
    print(f"{row['network']}: {row['points']} points, first call {row['first call']}, {ours} s")
    for form in forms:
        seconds, iterations, good, *_ = row[form][0][-1]
        all_at = [next((s for s, _, _, n, _ in c if n == row["points"]), None) for c in row[form]]
        share = good / row["starts"]
        print(f"  {form}: {iterations} iterations in {seconds} s, {share:.1%} of starts")
        print(f"    all points at {all_at} s")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--networks", nargs="*", default=["vanilla:32:0", "gru:64:0"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--forms", nargs="*", default=["steps", "plateau"])
    asked = parser.parse_args()
    torch = torch_or_none()
    if torch is None:
        return
    kept = json.loads(asked.json.read_text())["results"] if asked.json.exists() else []
    for name in asked.networks:
        kept.append(measured(torch, name, asked.repeats, asked.forms))
        line(kept[-1], asked.forms)
        asked.json.write_text(json.dumps({"machine": machine(), "results": kept}) + "\n")


if __name__ == "__main__":
    main()
