"""A synthetic dataset of results with the shape of a real one: a ring of three groups."""

import json
from itertools import pairwise

import numpy as np
import xarray as xr

EPOCHS = ("cue", "delay", "turn", "report")
GROUPS = ("compass", "shift left", "shift right")
_DRIVE = np.array([[1.0, 0.1, 0.1], [0.9, 0.25, 0.25], [0.6, 1.0, 0.2], [0.8, 0.0, 0.0]])


def _bumps(theta, angle):
    return np.exp(2.0 * (np.cos(theta - angle[..., None]) - 1.0))


def _masks(rng, trials, steps):
    """Borders that jitter from trial to trial, so that the epochs' edges are soft."""
    borders = np.array([0.05, 0.2, 0.5, 0.75, 0.97]) * steps
    jitter = rng.integers(-(steps // 40), steps // 40 + 1, size=(trials, 5))
    borders = np.clip(borders.round().astype(int) + jitter, 0, steps)
    time = np.arange(steps)
    inside = [(time >= borders[:, [e]]) & (time < borders[:, [e + 1]]) for e in range(4)]
    return np.stack(inside).astype(np.float32)


def _wire(theta, group):
    """A ring attractor: local excitation in the compass, shifted copies between groups."""
    shift = np.array([0.0, 0.6, -0.6])[group]
    delta = theta[:, None] - theta[None, :] - shift[None, :]
    within = 1.0 * (group[:, None] == group[None, :]) * (group[:, None] == 0)
    across = 0.8 * ((group[:, None] == 0) ^ (group[None, :] == 0))
    return (within + across) * (1.6 * np.exp(2.0 * (np.cos(delta) - 1.0)) - 0.5)


def _interval(rng, mean, width):
    spread = width * (0.6 + 0.8 * rng.random(mean.shape))
    return mean - spread, mean + spread


def _pca(states):
    flat = states.reshape(-1, states.shape[-1])
    flat = flat - flat.mean(0)
    _, s, rows = np.linalg.svd(flat, full_matrices=False)
    return (flat @ rows[:3].T).reshape(*states.shape[:2], 3), (s**2 / np.sum(s**2))[:3]


def _ring(units):
    group = np.arange(units) * 3 // units
    rank = np.concatenate([np.arange(n) for n in np.bincount(group)])
    theta = 2 * np.pi * rank / np.bincount(group)[group]
    names = [f"{'clr'[g]}{r:02d}" for g, r in zip(group, rank)]
    return group, theta, names


def _windows(windows, steps):
    edges = np.linspace(0, steps, windows + 1).round().astype(int)
    mask = (np.arange(steps) >= edges[:-1, None]) & (np.arange(steps) < edges[1:, None])
    return edges, mask.astype(np.float32)


def results(units=8, windows=6, trials=4, steps=24, truth=True, seed=0, subject="planted ring"):
    """A Dataset with every variable that a study may write; `truth=False` drops the truth."""
    rng = np.random.default_rng(seed)
    group, theta, names = _ring(units)
    edges, window_mask = _windows(windows, steps)
    epoch_mask = _masks(rng, trials, steps)
    angle = rng.uniform(0, 2 * np.pi, (trials, 1)) + np.linspace(0, 2.5, steps)
    angle += 0.05 * rng.standard_normal((trials, steps)).cumsum(1)
    drive = np.einsum("ebt,eg->btg", epoch_mask, _DRIVE)[:, :, group]
    states = _bumps(theta, angle) * (0.1 + drive)
    states += 0.02 * rng.standard_normal(states.shape)
    share = np.einsum("wt,ebt->we", window_mask, epoch_mask)
    share = share / (window_mask.sum(1)[:, None] * trials)
    tuning = 0.55 + 0.45 * np.cos(theta - 1.2)
    epoch_effect = -0.3 * _DRIVE[:, group] ** 2 * tuning + 0.006 * rng.standard_normal((4, units))
    epoch_effect[1] += 0.08 * (group == 2) * tuning
    effect = share @ epoch_effect + 0.006 * rng.standard_normal((windows, units))
    signal = np.einsum("wt,btn->wn", window_mask, states) / (window_mask.sum(1)[:, None] * trials)
    gate = 0.3 + 0.7 * np.exp(-signal)
    wire = _wire(theta, group) / np.sqrt(units)
    connectivity = gate[:, :, None] * wire[None] * signal[:, None, :]
    mixing = share / np.maximum(share.sum(0), 1e-9)
    known = (_DRIVE[:, group] > 0.5) & (tuning > 0.3)
    member = np.abs(epoch_effect) > 0.03
    epoch_connectivity = np.einsum("we,wij->eij", mixing, connectivity)
    both = member[:, :, None] & member[:, None, :]
    strong = np.abs(epoch_connectivity) > np.quantile(np.abs(epoch_connectivity), 0.9)
    scores, variance = _pca(states)
    low, high = _interval(rng, effect, 0.012)
    epoch_low, epoch_high = _interval(rng, epoch_effect, 0.015)
    faith = np.array([0.93, 0.88, 0.81, 1.04])
    need = np.array([0.95, 0.91, 0.7, 0.98])
    hit = (member & known).sum(1)
    p = np.clip(np.exp(-np.abs(epoch_effect) * 120), 1 / 1001, 1)
    variables = {
        "states": (("trial", "time", "unit"), states),
        "outputs": (("trial", "time", "output"), np.stack([np.cos(angle), np.sin(angle)], -1)),
        "targets": (("trial", "time", "output"), np.stack([np.cos(angle), np.sin(angle)], -1)),
        "inputs": (("trial", "time", "input"), rng.standard_normal((trials, steps, 3))),
        "epoch_mask": (("epoch", "trial", "time"), epoch_mask),
        "window_mask": (("window", "time"), window_mask),
        "remaining": (("window",), 1 - window_mask.argmax(1) / steps),
        "effect": (("window", "unit"), effect),
        "effect_low": (("window", "unit"), low),
        "effect_high": (("window", "unit"), high),
        "epoch_effect": (("epoch", "unit"), epoch_effect),
        "epoch_effect_low": (("epoch", "unit"), epoch_low),
        "epoch_effect_high": (("epoch", "unit"), epoch_high),
        "p_value": (("epoch", "unit"), p),
        "q_value": (("epoch", "unit"), np.clip(2 * p, 0, 1)),
        "restoring_effect": (("epoch", "unit"), -0.8 * epoch_effect),
        "connectivity": (("window", "to", "from"), connectivity),
        "connectivity_size": (("window", "to", "from"), np.abs(connectivity)),
        "epoch_connectivity": (("epoch", "to", "from"), epoch_connectivity),
        "epoch_connectivity_size": (("epoch", "to", "from"), np.abs(epoch_connectivity)),
        "gate": (("window", "unit"), gate),
        "signal": (("window", "unit"), signal),
        "wire": (("to", "from"), wire),
        "faithfulness": (("epoch",), faith),
        "faithfulness_low": (("epoch",), faith - 0.05),
        "faithfulness_high": (("epoch",), faith + 0.04),
        "necessity": (("epoch",), need),
        "necessity_low": (("epoch",), need - 0.08),
        "necessity_high": (("epoch",), need + 0.06),
        "circuit_p": (("epoch",), np.array([0.0099, 0.0099, 0.02, 0.0099])),
        "random_faithfulness": (
            ("epoch", "random_set"),
            np.clip(faith[:, None] - rng.exponential(0.4, (4, 50)), -3, 1),
        ),
        "pca": (("trial", "time", "pc"), scores),
        "pca_variance": (("pc",), variance),
        "precision": (("epoch",), hit / np.maximum(member.sum(1), 1)),
        "recall": (("epoch",), hit / np.maximum(known.sum(1), 1)),
        "auroc": (("epoch",), np.array([0.99, 0.97, 0.93, 0.98])),
        "average_precision": (("epoch",), np.array([0.98, 0.95, 0.9, 0.97])),
    }
    variables = {name: (dims, a.astype(np.float32)) for name, (dims, a) in variables.items()}
    variables |= {
        "member": (("epoch", "unit"), member),
        "edge_member": (("epoch", "to", "from"), both & strong),
        "truth": (("epoch", "unit"), known),
    }
    dataset = xr.Dataset(
        variables,
        coords={
            "epoch": list(EPOCHS),
            "unit": names,
            "to": names,
            "from": names,
            "window_start": ("window", edges[:-1]),
            "window_stop": ("window", edges[1:]),
            "group": ("unit", [GROUPS[g] for g in group]),
        },
        attrs={
            "subject": subject,
            "metric": "margin",
            "value": "mean",
            "kind": "clamp",
            "direction": "noising",
            "seed": seed,
            "device": "cpu",
            "versions": "{}",
            "command": "rnn-jax discover ring",
            "seconds": 12.5,
        },
    )
    truths = ["truth", "precision", "recall", "auroc", "average_precision"]
    return dataset if truth else dataset.drop_vars(truths)


WAYS = ("mediator", "carriers", "circuit", "single")
SINCE = 12


def with_contrasts(
    dataset, contrasts=("bit 0", "bit 1"), size=6, refused=True, unrolled=True, examples=True
):
    """The dataset with two questions per contrast: its own units each, the last one refused."""
    rng = np.random.default_rng(1)
    N = dataset.sizes["unit"]
    names = [(name, epoch) for name in contrasts for epoch in ("switch", "hold")]
    sets = {k: [(size * (k // 2) + i) % N for i in range(size)] for k in range(len(names))}
    asked = [k for k in sets if not (refused and k == len(names) - 1)]
    question = [f"{name}: {epoch}" for name, epoch in names]
    records, ways = [], np.zeros((len(names), 4, N), bool)
    for k in asked:
        units = sets[k]
        records += _records(dataset, question[k], names[k], units, unrolled and k % 2 == 0)
        ways[k, 0, units[:2]] = ways[k, 1, units[1:3]] = ways[k, 2, units] = True
    variables = _answered(rng, ways)
    coords = {
        "question": question,
        "question_contrast": ("question", [name for name, _ in names]),
        "question_epoch": ("question", [epoch for _, epoch in names]),
        "way": list(WAYS),
    }
    notes = {} if len(asked) == len(names) else {question[-1]: "refused: too few trials"}
    said = {"contrasts": "the trials' own", "circuits": json.dumps(records)}
    if examples:
        variables |= _examples(dataset, rng, [sets[2 * k] for k in range(len(contrasts))])
        coords |= {"contrast": list(contrasts), "version": ["run", "foil"]}
    found = dataset.assign(variables).assign_coords(coords)
    return found.assign_attrs(said | {"undecided": json.dumps(notes)})


def _answered(rng, ways):
    """Effects of units alone and by window, where they are in a set."""
    Q, _, N = ways.shape
    count, held = SINCE // 2, ways.any(1)[:, None]
    later = np.triu(np.ones((count, count)))
    shape = (Q, 2, count)
    by_unit = np.where(held[:, None], rng.uniform(0, 0.6, (*shape, N)), np.nan)
    windows = np.repeat(np.eye(count), 2, axis=1)
    return {
        "reach": (("question", "direction"), np.full((Q, 2), 0.95)),
        "single": (
            ("question", "direction", "unit"),
            np.where(held, 0.4, 0.02 * rng.standard_normal((Q, 2, N))),
        ),
        "in_circuit": (("question", "unit"), ways.any(1)),
        "came_in": (("question", "way", "unit"), ways),
        "acts": (("question", "unit"), np.zeros((Q, N), int)),
        "exchange_mask": (
            ("question", "exchange", "since"), np.broadcast_to(windows, (Q, *windows.shape))
        ),
        "by_read": (
            ("question", "direction", "exchange", "read_window"),
            later * rng.uniform(0.5, 1, (*shape, 1)),
        ),
        "by_unit": (("question", "direction", "exchange", "unit"), by_unit),
    }  # fmt: skip


def _records(dataset, question, names, units, unrolled):
    """Mediator, carriers of two steps, and circuit, as `circuit.json` has them."""
    told = [str(dataset["unit"].values[i]) for i in units]

    def one(kind, step, some):
        return {
            "question": question, "contrast": names[0], "epoch": names[1], "kind": kind,
            "step": step, "units": some, "names": [told[units.index(i)] for i in some],
            "groups": [], "undone": [0.97, 0.94, 1.0], "restored": [0.96, 0.93, 0.99],
            "off_target": [0.02, 0.01, 0.03], "astray": [0.01] * dataset.sizes["output"],
            "outputs": [0], "direct": False, "holds": kind != "mediator",
            "frequency": {name: 0.95 for name in told}, "size": len(some),
            "base_sizes": [14, 18, 22], "q_bases": 0.01,
            "distributed": kind == "circuit" and names[1] == "hold",
            "unrolled": _unrolled(told) if unrolled and kind == "circuit" else None,
        }  # fmt: skip

    return [
        one("mediator", None, units[:2]), one("carriers", 0, units[1:3]),
        one("carriers", 3, []), one("circuit", None, units),
    ]  # fmt: skip


def _unrolled(names):
    """A chain of units, each to itself; an input writes the first, the last drives an output."""
    pairs = [("unit", b, a) for a, b in pairwise(names)]
    pairs += [("unit", name, name) for name in names]
    pairs += [("input", names[0], 1), ("output", 0, names[-1])]
    interval = [0.3, 0.2, 0.4]
    edges = [
        {
            "kind": kind, "to": to, "from": source, "undone": interval, "restored": interval,
            "windows": sorted({k % 4, 3}), "by_window": [0.2, None, 0.1, 0.3],
        }
        for k, (kind, to, source) in enumerate(pairs)
    ]  # fmt: skip
    return {
        "candidates": 3 * len(edges), "undone": interval, "restored": [0.9, 0.8, 1.0],
        "off_target": [0.1, 0.0, 0.2], "edges": edges,
        "windows": [[a, a + 3] for a in range(0, SINCE, 3)],
    }  # fmt: skip


def _examples(dataset, rng, sets):
    T, event, count = dataset.sizes["time"], 5, len(sets)
    shown = 8
    units = np.full((count, shown), -1)
    for row, members in zip(units, sets, strict=True):
        row[: min(shown, len(members))] = members[:shown]
    window, read = np.zeros((2 * count, T)), np.zeros((2 * count, T, dataset.sizes["output"]))
    window[:, event : event + 4] = read[:, event + 6 : event + 10, :1] = 1
    each = ("contrast", "version", "time")
    draw = lambda n: rng.standard_normal((count, 2, T, n)).astype(np.float32)
    return {
        "example_trial": (("contrast",), np.arange(count)),
        "example_event": (("contrast",), np.full(count, event)),
        "example_start": (("contrast",), np.full(count, event)),
        "example_inputs": ((*each, "input"), draw(dataset.sizes["input"])),
        "example_outputs": ((*each, "output"), draw(dataset.sizes["output"])),
        "example_states": ((*each, "shown"), draw(shown)),
        "example_unit": (("contrast", "shown"), units),
        "example_window": (("question", "time"), window),
        "example_read": (("question", "time", "output"), read),
    }
