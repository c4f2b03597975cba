"""Run by `test_devices.py` on two devices or in two processes: sweeps shared and alone.

python on_devices.py OUT [COORDINATOR PROCESSES PROCESS]
"""

import json
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np

from rnn_jax import Network, jacobians, margin, resumable, run, sweep, sweep_edges, tiling
from rnn_jax.causal.sweep.asked import per_trial
from rnn_jax.causal.sweep.budget import Size
from rnn_jax.causal.sweep.engine import CLAMP
from rnn_jax.causal.sweep.mesh import spread
from rnn_jax.causal.sweep.sweep import program
from rnn_jax.cells import GRU, Vanilla, zero_state
from rnn_jax.discovery.connections import find_connections

out, *processes = sys.argv[1:]
if processes:
    address, count, index = processes
    jax.distributed.initialize(address, int(count), int(index))

B, T, N = 6, 16, 9  # odd, so that shares must be filled up
COLLECTIVE = re.compile(r" (?:all-\w+|collective-\w+|reduce-scatter)(?:-start)?\(")


def largest(a, b):
    """The largest difference, in shares of the largest of b; of zeros the difference itself."""
    a, b = np.asarray(a), np.asarray(b)
    return float(np.abs(a - b).max() / (np.abs(b).max() or 1.0))


def collectives(mesh, estimator):
    trials = per_trial(network, xs, targets, windows, value)
    parts = spread(mesh, (network, margin, jnp.array(T - 1)), trials, jnp.eye(N)[None])
    asked = (*parts, CLAMP, estimator, Size(4, 4), True, mesh)
    return COLLECTIVE.findall(program.lower(*asked).compile().compiled.as_text())


# of the small cell, programs that are fully optimised compile in half the time
cell = (GRU if processes else Vanilla)(2, N, key=jax.random.key(0))
weights = jax.random.normal(jax.random.key(1), (2, N))
network = Network(cell, lambda h: weights @ h, zero_state(cell))
xs = jax.random.normal(jax.random.key(2), (B - 1, T, 2))
targets = jax.random.normal(jax.random.key(3), (B - 1, T, 2))
windows, value = tiling(T, 4), jax.random.normal(jax.random.key(4), (B - 1, T, N))
asked = (network, xs, targets, margin, jnp.eye(N), windows, value)
edges = (*asked[:4], jnp.array([[0, 1], [2, 3], [4, 4]]), windows, value)


def of(axis):
    """A mesh of explicit axes as `make_mesh` gives it, and one of automatic axes."""
    if axis == "trials":
        return jax.make_mesh((2,), (axis,))
    return jax.sharding.Mesh(jax.devices(), (axis,))


found = {"devices": len(jax.devices()), "sweep": {}, "collectives": {}}
for axis in ("trials", "units"):
    mesh = of(axis)
    for estimator in ("exact", "window", "first-order")[: 3 if axis == "trials" else 1]:
        shared = sweep(*asked, estimator=estimator, mesh=mesh)
        found["sweep"][f"{axis} {estimator}"] = largest(shared, sweep(*asked, estimator=estimator))
        found["collectives"][f"{axis} {estimator}"] = collectives(mesh, estimator)
    shared = sweep_edges(*edges, mesh=mesh)
    found["sweep"][f"{axis} edges"] = largest(shared, sweep_edges(*edges))
    kept = resumable(sweep, f"{out}-{axis}")(*asked, mesh=mesh)
    again = resumable(sweep, f"{out}-{axis}")(*asked, mesh=mesh)
    found["sweep"][f"{axis} kept"] = largest(again, kept) + largest(again, sweep(*asked))

mesh = of("trials")
inside = jnp.zeros((2, B - 1, T)).at[0, :, :8].set(1.0).at[1, 1:, 5:].set(1.0)
shared, alone = (find_connections(network, xs, inside, mesh=m) for m in (mesh, None))
found["connections"] = max(map(largest, jax.tree.leaves(shared), jax.tree.leaves(alone)))

mesh = of("units")
whole = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())
shared = jax.device_put(jnp.ones(2), jax.sharding.NamedSharding(mesh, jax.P("units")))
gathered = jax.jit(lambda a: a, out_shardings=whole).lower(shared).compile()
found["a gather"] = COLLECTIVE.findall(gathered.as_text())

if not processes:
    # Jacobians need nothing of ours: trials placed on the devices stay there
    of_trials = jax.jit(jax.vmap(lambda x: jacobians(network.step, run(network, x))))
    split = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("units"))
    even = jnp.concatenate([xs, xs[:1]])
    placed = jax.device_put(even, split)
    found["jacobians"] = largest(of_trials(placed), of_trials(even))
    found["collectives"]["jacobians"] = COLLECTIVE.findall(
        of_trials.lower(placed).compile().as_text()
    )
if jax.process_index() == 0:
    with open(out, "w") as file:
        json.dump(found, file)
