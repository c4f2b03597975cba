"""Lyapunov spectra of tanh networks, against a NumPy loop, and what QR costs.

    python benchmarks/bench_lyapunov.py --units 256 --json benchmarks/results/lyapunov.json

The NumPy loop is as it is often written: a Jacobian by its formula, a product with the directions,
`numpy.linalg.qr`, one trajectory after another. All contenders start from the same directions and
the exponents that they find are checked. In float32, as a trained network is.
"""

import os
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from timing import arguments, paired, save, show

from rnn_jax.cells import Vanilla, zero_state
from rnn_jax.dynamics import lyapunov_spectrum
from rnn_jax.linear.along import push_rows


@partial(jax.jit, static_argnames=("every",))
def ours(cell, xs, basis, every=1):
    """The exponents of each trajectory."""
    one = lambda xs: lyapunov_spectrum(cell, zero_state(cell), xs, basis=basis, every=every)
    return jax.vmap(one)(xs).exponents


@jax.jit
def ours_alone(cell, xs, basis):
    return lyapunov_spectrum(cell, zero_state(cell), xs, basis=basis).exponents


@jax.jit
def by_cholesky(cell, xs, basis):
    """The same scan with Cholesky QR, twice, and nothing that knows of lost directions."""

    def turned(rows):
        low = jnp.linalg.cholesky(rows @ rows.T, symmetrize_input=False)
        return solve_triangular(low, rows, lower=True), jnp.log(jnp.diagonal(low))

    def body(now, x):
        h, rows, total = now
        rows, first = turned(push_rows(cell, h, x, rows))
        rows, second = turned(rows)
        return (cell(h, x), rows, total + first + second), None

    def one(xs):
        start = zero_state(cell), basis.T, jnp.zeros(basis.shape[1], basis.dtype)
        return jax.lax.scan(body, start, xs)[0][2] / len(xs)

    return jax.vmap(one)(xs)


@jax.jit
def pushed_alone(cell, xs, basis):
    """What no QR could be faster than: the directions pushed, and nothing else."""

    def body(now, x):
        h, rows = now
        return (cell(h, x), push_rows(cell, h, x, rows)), None

    one = lambda xs: jax.lax.scan(body, (zero_state(cell), basis.T), xs)[0]
    return jax.vmap(one)(xs)


def by_numpy(cell, xs, basis):
    """A loop over time for each trajectory."""
    w, u, b = (np.asarray(part) for part in (cell.w, cell.u, cell.b))
    found = []
    for inputs in xs:
        h, q, total = np.zeros(len(w), w.dtype), basis, np.zeros(basis.shape[1])
        for x in inputs:
            h = np.tanh(w @ h + u @ x + b)
            q, r = np.linalg.qr(((1 - h**2)[:, None] * w) @ q)
            total += np.log(np.abs(np.diagonal(r)))
        found.append(total / len(inputs))
    return np.stack(found)


def network(units, gain=2.0):
    """A random network of which some exponents are positive."""
    cell = Vanilla(8, units, key=jax.random.key(0))
    w = gain / units**0.5 * jax.random.normal(jax.random.key(1), (units, units))
    return eqx.tree_at(lambda cell: cell.w, cell, w)


def speed(units, count, trials, steps, repeats):
    """All contenders on the same runs."""
    cell = network(units)
    xs = 0.1 * jax.random.normal(jax.random.key(2), (trials, steps, 8))
    basis = jnp.linalg.qr(jax.random.normal(jax.random.key(3), (units, count)))[0]
    host = np.asarray(xs), np.asarray(basis)
    contenders = {
        "rnn_jax": lambda: ours(cell, xs, basis),
        "NumPy loop": lambda: by_numpy(cell, *host),
        "rnn_jax, QR every 5 steps": lambda: ours(cell, xs, basis, every=5),
        "Cholesky QR, twice": lambda: by_cholesky(cell, xs, basis),
    }
    leading = lambda run: np.sort(np.asarray(run()).reshape(trials, -1))[:, -8:]
    wanted = leading(contenders["NumPy loop"])
    off = {name: float(np.abs(leading(run) - wanted).max()) for name, run in contenders.items()}
    contenders["pushing alone, no QR"] = lambda: pushed_alone(cell, xs, basis)
    rows = paired(contenders, repeats)
    show(f"N = {units}, K = {count}, {trials} trajectories x {steps} steps", rows)
    print("  farthest from the loop, of the leading eight:", off)
    return {"units": units, "count": count, "trials": trials, "steps": steps,
            "rows": rows, "apart": off}  # fmt: skip


def memory(units, count, lengths):
    """What the compiler sets aside beside inputs and outputs, over the length of a run."""
    cell = network(units)
    basis = jnp.eye(units)[:, :count]
    sizes = {}
    for T in lengths:
        program = ours_alone.lower(cell, jnp.zeros((T, 8)), basis).compile()
        sizes[str(T)] = program.memory_analysis().temp_size_in_bytes
    print(f"\nset aside, N = {units}, K = {count}, by T:", sizes)
    return {"units": units, "count": count, "temporary bytes by T": sizes}


def precision(units, steps):
    """How far float32 is from float64."""
    weights, static = eqx.partition(network(units), eqx.is_array)
    rng, found = np.random.default_rng(0), {}
    xs, basis = 0.1 * rng.normal(size=(steps, 8)), np.linalg.qr(rng.normal(size=(units, units)))[0]
    given = jax.tree.map(np.asarray, (weights, xs, basis))
    for dtype in ("float32", "float64"):
        with jax.enable_x64(dtype == "float64"):
            own, *rest = jax.tree.map(partial(jnp.asarray, dtype=dtype), given)
            found[dtype] = np.asarray(ours_alone(eqx.combine(own, static), *rest), float)
    apart = np.abs(found["float32"] - found["float64"])
    row = {
        "units": units, "steps": steps, "leading": float(found["float64"][0]),
        "last": float(found["float64"][-1]),
        "leading eight apart": float(apart[:8].max()), "all apart": float(apart.max()),
        "lost in float32": int(np.isneginf(found["float32"]).sum()),
    }  # fmt: skip
    print("\nfloat32 and float64:", row)
    return row


def main():
    options = arguments(__doc__.splitlines()[0])
    quick = options.quick
    results = []
    for units in [32] if quick else options.units:
        steps = 10 if quick else 40
        results += [
            speed(units, units, 1, steps, options.repeats),
            speed(units, 8, 16, steps, options.repeats),
            speed(units, 8, 1, steps, options.repeats),
            memory(units, units, (100, 100_000)),
            precision(units, 50 if quick else 500),
        ]
    results.append({"load of the machine at the end": os.getloadavg()})
    print("\nload", os.getloadavg())
    save(options.json, results)


if __name__ == "__main__":
    main()
