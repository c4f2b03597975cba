"""One epoch of training the whole visual cortex: 2,000 sequences of 15 frames, N = 1440.

    python benchmarks/bench_anatomy.py --json benchmarks/results/anatomy.json

An epoch is 10 gradient steps of 200 sequences each, by `advance` and `signed_adam`, as
`fit_anatomical` runs them: before pruning and after it, which is the same program on other arrays.
The sequences are white noise. Pruning and the first call, which compiles, are timed apart.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from timing import arguments, first_call, paired, save, show

from rnn_jax.cells import visual_cortex
from rnn_jax.tasks import Trials
from rnn_jax.training import advance, anatomical, mean_squared_error, pruned, signed_adam, start
from rnn_jax.training.anatomical import with_mask

ASKED = 15.0  # seconds an epoch


class Sequences(eqx.Module):
    """Rows of a data set `[rows, T + 1, P]`, drawn at random."""

    xs: jax.Array

    def __call__(self, key, count):
        rows = self.xs[jax.random.randint(key, (count,), 0, len(self.xs))]
        return Trials(rows[:, :-1], rows[:, 1:], {})


def main():
    options = arguments(__doc__.splitlines()[0])
    scale, rows, batch = (1, 40, 10) if options.quick else (16, 2000, 200)
    anatomy, frames, steps = visual_cortex(scale), 15, rows // batch
    keys = jax.random.split(jax.random.key(0), 4)
    xs = jax.random.normal(keys[0], (rows, frames + 1, len(anatomy.names)))
    sample, optimiser = Sequences(xs), signed_adam(anatomy, 10 * steps)
    network = anatomical(anatomy, keys[1])
    prune = lambda: pruned(network.step.w, anatomy, keys[2])
    pruning = first_call(prune), first_call(prune)
    mask = prune()

    def epoch(network):
        state = start(network, optimiser, keys[3])
        return lambda: advance(state, sample, mean_squared_error, optimiser, steps, batch)

    contenders = {"all to all": epoch(network), "pruned": epoch(with_mask(network, mask))}
    # the first call of the first one compiles for both
    timed = paired(contenders, options.repeats)
    for name, run in contenders.items():
        assert bool(jnp.isfinite(run()[1]).all()), f"{name}: the loss is not finite"
    show(f"one epoch: {steps} steps of {batch} sequences of {frames} frames, "
         f"N = {anatomy.units}, asked {ASKED:.0f} s", timed)  # fmt: skip
    print(f"  pruning: first {pruning[0]:.2f} s, then {pruning[1]:.2f} s")
    found = {"units": anatomy.units, "sequences": rows, "frames": frames, "batch": batch}
    found |= {"asked_s": ASKED, "pruning_s": pruning[1], "epochs": timed}
    save(options.json, [found])


if __name__ == "__main__":
    main()
