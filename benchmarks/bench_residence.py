"""Residence statistics: the time until noise changes a network's output, against NumPy loops.

    python benchmarks/bench_residence.py --units 150 --json benchmarks/results/residence.json

From each state 20 runs start, at most 60 steps long, each with noise of its own. The first loop is
as it is often written: over states, runs and steps. The others draw a state's runs together, or
all runs of all states; both go on until the last of their runs has ended. Every contender draws
its own noise, but for the loop whose noise is there beforehand. On the same noise all find the
same times, which is checked.
"""

import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from timing import arguments, paired, save, show

from rnn_jax.dynamics import escape_times

SAMPLES, LIMIT, LASTING = 20, 60, 2


class Step(eqx.Module):
    w: jax.Array
    u: jax.Array

    def __call__(self, h, x):
        return jax.nn.relu(self.w @ h + self.u @ x)


class Output(eqx.Module):
    c: jax.Array

    def __call__(self, h):
        return jnp.argmax(self.c @ h)


class Noise(eqx.Module):
    width: int = eqx.field(static=True)

    def __call__(self, key):
        return jax.random.normal(key, (self.width,))


def weights(units, width, seed=0):
    """A network slow enough for residence to range from 1 step to 60."""
    rng = np.random.default_rng(seed)
    w = 0.93 * np.eye(units) + 0.05 * rng.normal(size=(units, units)) / units**0.5
    u = rng.normal(size=(units, width)) / width**0.5
    c = rng.normal(size=(3, units)) / units**0.5
    return [part.astype(np.float32) for part in (w, u, c)]


def states_of(w, u, count, seed=1):
    """States of one noisy run, ten steps apart."""
    rng, h, found = np.random.default_rng(seed), np.zeros(len(w), np.float32), []
    for t in range(100 + 10 * count):
        h = np.maximum(w @ h + u @ rng.standard_normal(u.shape[1], np.float32), 0)
        if t >= 100 and t % 10 == 0:
            found.append(h)
    return np.stack(found)


def one_run(w, u, c, h, draw):
    """Steps until the output changes for `LASTING` steps, and how many steps were made."""
    first, away = (c @ h).argmax(), 0
    for t in range(LIMIT + LASTING - 1):
        h = np.maximum(w @ h + u @ draw(t), 0)
        away = away + 1 if (c @ h).argmax() != first else 0
        if away == LASTING:
            return t + 2 - LASTING, t + 1
        if t + 1 - away >= LIMIT:
            break
    return LIMIT, t + 1


def by_loops(w, u, c, states, seed=2):
    """States, runs and steps one after another."""
    rng = np.random.default_rng(seed)
    draw = lambda t: rng.standard_normal(u.shape[1], np.float32)
    return np.array([[one_run(w, u, c, h, draw)[0] for _ in range(SAMPLES)] for h in states])


def by_loops_given(w, u, c, states, noise):
    """The same on noise `[S, R, T, I]` that is there; the number of steps made as well."""
    rows = [
        [one_run(w, u, c, h, noise[s, r].__getitem__) for r in range(SAMPLES)]
        for s, h in enumerate(states)
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def together(w, u, c, h, draw):
    """All runs of `h [K, N]` at once, until the last has ended."""
    K = len(h)
    first = (h @ c.T).argmax(1)
    away, times = np.zeros(K, int), np.full(K, 0)
    for t in range(LIMIT + LASTING - 1):
        h = np.maximum(h @ w.T + draw(t) @ u.T, 0)
        away = np.where((h @ c.T).argmax(1) != first, away + 1, 0)
        left = (times == 0) & (away == LASTING)
        times[left] = t + 2 - LASTING
        times[(times == 0) & (t + 1 - away >= LIMIT)] = LIMIT
        if times.all():
            break
    return times


def by_states(w, u, c, states, seed=2):
    """States one after another, the runs of each at once."""
    rng = np.random.default_rng(seed)
    draw = lambda t: rng.standard_normal((SAMPLES, u.shape[1]), np.float32)
    repeated = [np.repeat(h[None], SAMPLES, 0) for h in states]
    return np.stack([together(w, u, c, h, draw) for h in repeated])


def at_once(w, u, c, states, seed=2):
    """All runs of all states at once."""
    rng, h = np.random.default_rng(seed), np.repeat(states, SAMPLES, 0)
    draw = lambda t: rng.standard_normal((len(h), u.shape[1]), np.float32)
    return together(w, u, c, h, draw).reshape(-1, SAMPLES)


def same_noise(key, count, width):
    """The noise that `escape_times` draws for its first states, `[S, R, T, I]`."""
    keys = jax.random.split(key, (count, SAMPLES))
    row = lambda key: jax.vmap(lambda t: Noise(width)(jax.random.fold_in(key, t)))(
        jnp.arange(LIMIT + LASTING - 1)
    )
    return np.asarray(jax.vmap(jax.vmap(row))(keys))


def speed(units, width, count, repeats):
    """All contenders on the same states."""
    w, u, c = weights(units, width)
    states, key = states_of(w, u, count), jax.random.key(3)
    step, output = Step(jnp.asarray(w), jnp.asarray(u)), Output(jnp.asarray(c))
    ours = lambda states: escape_times(
        step, output, states, Noise(width), key, SAMPLES, LIMIT, LASTING
    )
    noise = same_noise(key, count, width)
    expected, made = by_loops_given(w, u, c, states, noise)
    given = lambda t: noise[:, :, t].reshape(-1, width)
    all_at_once = together(w, u, c, np.repeat(states, SAMPLES, 0), given)
    found = ours(states)
    checks = {
        "runs": expected.size,
        "times that differ from the loop's": int((found.steps != expected).sum()),
        "times of all at once that differ": int((all_at_once != expected.ravel()).sum()),
        "steps made": int(made.sum()),
        "mean time": float(expected.mean()),
        "not seen to end": float(1 - found.ended.mean()),
    }
    contenders = {
        "rnn_jax": lambda: ours(states),
        "loop over states, runs, steps": lambda: by_loops(w, u, c, states),
        "the same, noise given": lambda: by_loops_given(w, u, c, states, noise),
        "loop over states and steps": lambda: by_states(w, u, c, states),
        "NumPy, all runs at once": lambda: at_once(w, u, c, states),
    }
    rows = paired(contenders, repeats)
    show(f"N = {units}, I = {width}, {count} states, {SAMPLES} runs of each", rows)
    cost = {name: 1e6 * row["median_s"] / checks["steps made"] for name, row in rows.items()}
    print("  us per run and step that had to be made:", {k: round(v, 2) for k, v in cost.items()})
    print(" ", checks)
    return {"units": units, "inputs": width, "states": count, "rows": rows, "cost_us": cost,
            "checks": checks}  # fmt: skip


def main():
    options = arguments(__doc__.splitlines()[0])
    if options.quick:
        results = [speed(32, 10, 20, options.repeats)]
    else:
        results = [speed(units, 100, 300, options.repeats) for units in options.units]
    results.append({"load of the machine at the end": os.getloadavg()})
    print("\nload", os.getloadavg())
    save(options.json, results)


if __name__ == "__main__":
    main()
