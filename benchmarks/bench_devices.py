"""One sweep on one CPU, and on two by two processes that share it: what a free device adds.

    python benchmarks/bench_devices.py --json benchmarks/results/devices.json

Each process is bound to one CPU of its own, so that the second is a device that was free, and the
whole is timed within: from the call to all effects on every process. One and two take turns.
"""

import json
import os
import socket
import statistics
import subprocess
import sys

from timing import arguments, save

SHARED = """
import json, os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
import jax
if len(sys.argv) > 3:
    jax.distributed.initialize(sys.argv[3], 2, int(sys.argv[1 + 3]))
import jax.numpy as jnp
from rnn_jax.causal import SCORES, sweep
from rnn_jax.causal.mesh import over_devices
from rnn_jax.cells import GRU, Affine, zero_state
from rnn_jax.core import Network, tiling
units, trials, steps = json.loads(sys.argv[2])
cell = GRU(4, units, key=jax.random.key(0))
network = Network(cell, Affine(units, 2, key=jax.random.key(1)), zero_state(cell))
xs = jax.random.normal(jax.random.key(2), (trials, steps, 4))
asked = (network, xs, xs[..., :2], SCORES["squared-error"], jnp.eye(units), tiling(steps, 8), 0.0)
run = lambda: sweep(*asked, mesh=over_devices(units, trials)).block_until_ready()
run()
taken = []
for _ in range(3):
    start = time.perf_counter()
    run()
    taken.append(time.perf_counter() - start)
if jax.process_index() == 0:
    print(json.dumps(sorted(taken)[1]))
"""


def timed(sizes, cpus):
    """Median seconds of one sweep by as many processes as there are CPUs."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    several = lambda i: [address, str(i)] if len(cpus) > 1 else []
    running = [
        subprocess.Popen(
            [sys.executable, "-c", SHARED, str(cpu), json.dumps(sizes), *several(i)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for i, cpu in enumerate(cpus)
    ]
    said = [process.communicate()[0] for process in running]
    return float(said[0].strip().splitlines()[-1])


def main():
    options = arguments(__doc__.splitlines()[0])
    cpus = sorted(os.sched_getaffinity(0))[:2]
    if len(cpus) < 2:
        raise SystemExit("two CPUs are needed")
    results = []
    for units in [16] if options.quick else options.units:
        sizes = (units, 8, 16) if options.quick else (units, 64, 64)
        pairs = [(timed(sizes, cpus[:1]), timed(sizes, cpus)) for _ in range(3)]
        ratios = [one / two for one, two in pairs]
        one, two, ratio = map(statistics.median, (*zip(*pairs), ratios))
        print(f"gru, N = {units}: one {one:.3f} s, two {two:.3f} s, {ratio:.2f} times as fast")
        row = {"units": units, "one_s": one, "two_s": two, "ratio": ratio, "ratios": ratios}
        results.append(row)
    save(options.json, results)


if __name__ == "__main__":
    main()
