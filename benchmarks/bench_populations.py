"""Silence each of 18 populations in each of 15 frames, in 3 conditions of 64 sequences, N = 1440.

    python benchmarks/bench_populations.py --json benchmarks/results/populations.json

51,840 exact runs by `sweep`, of a network of the whole visual cortex before training, on white
noise. What is read are the pyramidal outputs of the last six frames. The first call, which
compiles, is timed apart.
"""

import jax
import jax.numpy as jnp
import numpy as np
from timing import arguments, paired, save, show

from rnn_jax.cells import members, visual_cortex
from rnn_jax.studies.visual_behavior.silencing import Outcome, read_after, silenced
from rnn_jax.training import anatomical, pruned
from rnn_jax.training.anatomical import with_mask

ASKED = 60.0  # seconds


def main():
    options = arguments(__doc__.splitlines()[0])
    scale, sequences = (1, 4) if options.quick else (16, 64)
    anatomy, steps, conditions = visual_cortex(scale), 15, 3
    network = anatomical(anatomy, jax.random.key(0))
    network = with_mask(network, pruned(network.step.w, anatomy, jax.random.key(1)))
    shape = (conditions * sequences, steps + 1, len(anatomy.names))
    frames = 0.2 * np.asarray(jax.random.normal(jax.random.key(2), shape))
    known = np.ones(len(anatomy.names), bool)
    outcome = Outcome(jnp.asarray(read_after(anatomy, known, 9, steps), frames.dtype))
    sets = members(anatomy)
    sweep = lambda: silenced(network, frames, sets, np.eye(steps), outcome)
    timed = paired({"sweep": sweep}, options.repeats)
    assert sweep().shape == (steps, len(sets), len(frames))
    show(f"{len(sets)} populations x {steps} frames x {conditions} conditions x {sequences} "
         f"sequences, N = {anatomy.units}, asked {ASKED:.0f} s", timed)  # fmt: skip
    found = {"units": anatomy.units, "runs": steps * len(sets) * len(frames), "asked_s": ASKED}
    save(options.json, [found | {"sweep": timed}])


if __name__ == "__main__":
    main()
