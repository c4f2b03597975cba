"""A training step (forward, backward through time, Adam), against PyTorch and bare matmuls.

    python benchmarks/bench_training.py --units 64 128 256 --json benchmarks/results/training.json

The library's is `advance`, which `fit` runs. Contenders start from the same weights, and their
first loss and gradient are checked to agree. PyTorch runs its own `nn.RNN` or `nn.GRU` on whole
sequences, and a loop over steps written by hand; JAX also runs the library's cell with trials on
the last axis, and a network that is written for batches, in either layout. Where other work shares
the cores, PyTorch's waiting threads spin: `OMP_WAIT_POLICY=passive`, set before the start, is then
its best.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from timing import arguments, paired, save, show, torch_or_none

from rnn_jax.cells import GRU, Affine, Vanilla, zero_state
from rnn_jax.core import Network, in_order
from rnn_jax.tasks import Trials
from rnn_jax.training import advance, mean_squared_error, start, trainable

CELLS = {"tanh": Vanilla, "gru": GRU}
RATE = 1e-3
UPDATES = 4


class Fixed(eqx.Module):
    """A sampler that gives the same trials each time, so that no contender draws any."""

    trials: Trials

    def __call__(self, key, count):
        return self.trials


def problem(kind, units, trials, steps):
    """A network, and random trials of 4 inputs and 2 targets."""
    keys = jax.random.split(jax.random.key(0), 4)
    cell = CELLS[kind](4, units, key=keys[0])
    network = Network(cell, Affine(units, 2, key=keys[1]), zero_state(cell))
    xs = jax.random.normal(keys[2], (trials, steps, 4))
    targets = jax.random.normal(keys[3], (trials, steps, 2))
    return network, Trials(xs, targets, {})


def weights_of(network):
    """The trained arrays by name, a gate under the other: `w [G N, N]`, `u [G N, I]`."""
    cell, readout = network.step, network.readout
    units, inputs = cell.u.shape[-2:]
    named = {
        "w": cell.w.reshape(-1, units), "u": cell.u.reshape(-1, inputs), "b": cell.b.reshape(-1),
        "out": readout.c, "out_b": readout.b,
    }  # fmt: skip
    return named | ({"c": cell.c} if isinstance(cell, GRU) else {})


def library(state, trials, optimiser, updates):
    """What `fit` runs: the new weights and the losses."""
    count = trials.targets.shape[0]
    state, losses = advance(state, Fixed(trials), mean_squared_error, optimiser, updates, count)
    return weights_of(state.network), losses


def batch_loss(p, trials, last):
    """The same loss, written for batches by hand: states `[B, N]`, or `[N, B]` where `last`."""
    units, count = p["w"].shape[-1], trials.xs.shape[0]
    axis = 0 if last else 1
    row = (lambda a: a[:, None]) if last else (lambda a: a)
    product = (lambda m, h: m @ h) if last else (lambda m, h: h @ m.T)
    # the drive of all steps is one product, outside of the scan
    inputs = jnp.moveaxis(trials.xs, 0, 2 if last else 1)
    drive = jax.vmap(lambda x: product(p["u"], x) + row(p["b"]))(inputs)

    def step(h, ux):
        wh = product(p["w"], h)
        if "c" not in p:
            h = jnp.tanh(wh + ux)
            return h, h
        (wr, wz, wn), (xr, xz, xn) = (jnp.split(a, 3, axis) for a in (wh, ux))
        r, z = jax.nn.sigmoid(wr + xr), jax.nn.sigmoid(wz + xz)
        n = jnp.tanh(r * (wn + row(p["c"])) + xn)
        h = (1 - z) * n + z * h
        return h, h

    shape = (units, count) if last else (count, units)
    hs = lax.scan(step, jnp.zeros(shape), drive)[1]
    ys = jax.vmap(lambda h: product(p["out"], h) + row(p["out_b"]))(hs)
    return jnp.mean((ys - jnp.moveaxis(trials.targets, 0, 2 if last else 1)) ** 2)


def trials_last_loss(network, trials, structure):
    """The same loss of the library's own cell, with trials on the last axis of every array."""
    batched = in_order(eqx.combine(network, structure), "vector last")
    step, readout = (jax.vmap(f, -1, -1) for f in (batched.step, batched.readout))
    h0 = jnp.broadcast_to(batched.h0[:, None], (len(batched.h0), len(trials.xs)))

    def advance(h, x):
        h = step(h, x)
        return h, h

    # one scan of all trials: `vmap` of a scan would move them to the front
    hs = lax.scan(advance, h0, jnp.moveaxis(trials.xs, 0, -1))[1]
    return jnp.mean((jax.vmap(readout)(hs) - jnp.moveaxis(trials.targets, 0, -1)) ** 2)


def trials_last(network, trials, optimiser, updates):
    """What `fit` would run in the other layout: the new weights and the losses."""
    weights, structure = eqx.partition(network, trainable(network))
    found, losses = descend(trials_last_loss, weights, trials, optimiser, updates, structure)
    return weights_of(eqx.combine(found, structure)), losses


def by_hand(weights, trials, optimiser, updates, last):
    return descend(batch_loss, weights, trials, optimiser, updates, last)


@eqx.filter_jit
def descend(loss, weights, trials, optimiser, updates, how):
    """Gradient steps on `loss(weights, trials, how)`, in one program as the library's are."""

    def update(carry, _):
        p, state = carry
        value, slope = jax.value_and_grad(loss)(p, trials, how)
        change, state = optimiser.update(slope, state, p)
        return (optax.apply_updates(p, change), state), value

    carry = (weights, optimiser.init(weights))
    (weights, _), losses = lax.scan(update, carry, None, length=updates)
    return weights, losses


@eqx.filter_jit
def matmuls(w, h, d, count):
    """`count` times a step's three products with `w [G N, N]`: forward, and two backward."""

    def body(_, carry):
        # without the barriers XLA would see that each round is the same
        w, h, d = lax.optimization_barrier(carry[1])
        return lax.optimization_barrier(((h @ w.T, d @ w, d.T @ h), (w, h, d)))

    begin = (h @ w.T, d @ w, d.T @ h)
    return lax.fori_loop(1, count, body, (begin, (w, h, d)))[0]


def torch_models(torch, weights, trials):
    """Two modules `x [T, B, I] -> y [T, B, O]` from our weights; and the data."""
    tensor = lambda a: torch.from_numpy(np.array(a))
    weights = {name: tensor(a) for name, a in weights.items()}
    units, gru = weights["w"].shape[-1], "c" in weights

    class Fused(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = (torch.nn.GRU if gru else torch.nn.RNN)(4, units)
            self.out = torch.nn.Linear(units, 2)
            inside = torch.zeros_like(weights["b"])
            if gru:
                inside[-units:] = weights["c"]
            ours = [weights[name] for name in ("w", "u", "b", "out", "out_b")]
            rnn, out = self.rnn, self.out
            theirs = [rnn.weight_hh_l0, rnn.weight_ih_l0, rnn.bias_ih_l0, out.weight, out.bias]
            with torch.no_grad():
                for a, b in zip([*theirs, rnn.bias_hh_l0], [*ours, inside]):
                    a.copy_(b)

        def forward(self, x):
            return self.out(self.rnn(x)[0])

    class Loop(torch.nn.Module):
        def __init__(self):
            super().__init__()
            for name, value in weights.items():
                self.register_parameter(name, torch.nn.Parameter(value.clone()))

        def forward(self, x):
            h, hs, drive = torch.zeros(x.shape[1], units), [], x @ self.u.T + self.b
            for ux in drive:
                wh = h @ self.w.T
                if gru:
                    gates = torch.sigmoid(wh[:, : 2 * units] + ux[:, : 2 * units])
                    r, z = gates.chunk(2, 1)
                    n = torch.tanh(r * (wh[:, 2 * units :] + self.c) + ux[:, 2 * units :])
                    h = n + z * (h - n)
                else:
                    h = torch.tanh(wh + ux)
                hs.append(h)
            return torch.stack(hs) @ self.out.T + self.out_b

    steps_first = lambda a: tensor(a).transpose(0, 1).contiguous()
    return Fused(), Loop(), steps_first(trials.xs), steps_first(trials.targets)


def torch_train(torch, model, x, y):
    """Gradient steps of a module; the loss of the last."""
    optimiser = torch.optim.Adam(model.parameters(), RATE)

    def run(updates=UPDATES):
        for _ in range(updates):
            optimiser.zero_grad()
            loss = torch.nn.functional.mse_loss(model(x), y)
            loss.backward()
            optimiser.step()
        return loss.item()

    return run


def check(network, trials, models, x, y):
    """The same loss and gradient from the same weights, by whatever route."""
    plain = optax.sgd(1.0)
    before = weights_of(network)
    slope_of = lambda after: {k: np.asarray(before[k] - after[k]) for k in before}
    after, losses = library(start(network, plain, jax.random.key(0)), trials, plain, 1)
    slope = slope_of(after)
    runs = [by_hand(before, trials, plain, 1, last) for last in (False, True)]
    runs.append(trials_last(network, trials, plain, 1))
    others = [(float(other[0]), slope_of(after)) for after, other in runs]
    for model in models:
        loss = ((model(x) - y) ** 2).mean()
        loss.backward()
        names = {"rnn.weight_hh_l0": "w", "rnn.weight_ih_l0": "u", "rnn.bias_ih_l0": "b",
                 "out.weight": "out", "out.bias": "out_b"}  # fmt: skip
        named = {names.get(k, k): a.grad.numpy() for k, a in model.named_parameters()}
        others.append((loss.item(), {k: a for k, a in named.items() if k in slope}))
        model.zero_grad()
    for loss, theirs in others:
        np.testing.assert_allclose(loss, float(losses[0]), rtol=1e-5)
        for name, grad in theirs.items():
            ours = slope[name]
            # differences of weights near 1 are known to float32's rounding of 1
            np.testing.assert_allclose(grad, ours, atol=2e-6 + 1e-3 * np.abs(ours).max())


def compare(kind, units, count, steps, repeats, torch):
    """One cell and size: check that all agree, then time all in turn."""
    network, trials = problem(kind, units, count, steps)
    weights, adam = weights_of(network), optax.adam(RATE)
    state = start(network, adam, jax.random.key(0))
    h, d = jnp.ones((count, units)), jnp.ones((count, len(weights["b"])))
    contenders = {
        "rnn_jax.training.advance": lambda: library(state, trials, adam, UPDATES),
        "the same, trials last": lambda: trials_last(network, trials, adam, UPDATES),
        "JAX by hand, [trials, units]": lambda: by_hand(weights, trials, adam, UPDATES, False),
        "JAX by hand, [units, trials]": lambda: by_hand(weights, trials, adam, UPDATES, True),
        "matmuls of the step alone": lambda: matmuls(weights["w"], h, d, UPDATES * steps),
    }
    models, x, y = (), None, None
    if torch is not None:
        fused, loop, x, y = torch_models(torch, weights, trials)
        models = (fused, loop)
        contenders["PyTorch nn.RNN / nn.GRU"] = torch_train(torch, fused, x, y)
        contenders["PyTorch, cells in a loop"] = torch_train(torch, loop, x, y)
    check(network, trials, models, x, y)
    rows = paired(contenders, repeats)
    show(f"{UPDATES} updates, {kind}, N = {units}, {count} trials x {steps} steps", rows)
    share = rows["matmuls of the step alone"]["ratio"]
    once = rows["rnn_jax.training.advance"]["median_s"] / UPDATES
    print(f"  one update: {once * 1e3:.2f} ms, share of the matmuls: {share:.0%}")
    return {
        "kind": kind, "units": units, "trials": count, "steps": steps, "updates": UPDATES,
        "rows": rows, "matmul_share": share,
    }  # fmt: skip


def main():
    options = arguments(__doc__.splitlines()[0])
    torch = torch_or_none()
    sizes = [(16, 8, 16)] if options.quick else [(units, 128, 64) for units in options.units]
    results = [
        compare(kind, units, count, steps, options.repeats, torch)
        for kind in CELLS
        for units, count, steps in sizes
    ]
    save(options.json, results)


if __name__ == "__main__":
    main()
