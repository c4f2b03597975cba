# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Which units, when, and through which connections
#
# A recurrent network is a *step*, any function `(h, x) -> h`. Here is one whose circuit
# is known, a ring attractor: we ask for it back, first by hand and then with `discover`.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj
from rnn_jax.planted import ring_attractor

QUICK = "QUICK" in os.environ  # continuous integration leaves the contrasts out
planted = ring_attractor()
network = planted.network
trials = planted.sample(jax.random.key(0), 24)
print({name: window.shape for name, window in trials.epochs.items()})

# %% [markdown]
# ## One intervention
#
# An intervention is data: a mask and a value, `[time, units]`, that ride in the scan beside the
# input. Here the ring of right shifters is held at zero while the bump travels right.

# %%
xs = trials.xs[0]
right = jnp.asarray([group == "right" for group in planted.groups], xs.dtype)
window = trials.epochs["travel_right"][0]
runs = {
    "clean": rj.run(network, xs),
    "right shifters at 0": rj.run(network, xs, rj.clamp(right, window, 0.0)),
}
for name, trajectory in runs.items():
    y = np.asarray(rj.outputs(network, trajectory))
    plt.plot(np.unwrap(np.arctan2(y[:, 1], y[:, 0])), label=name)
plt.axvspan(80, 140, color="0.9")
plt.xlabel("time (steps)")
plt.ylabel("angle of the bump (rad)")
plt.legend()
plt.show()

# %% [markdown]
# ## Every unit, first order and exact
#
# The gradient with respect to the mask gives all units and times in one reverse pass.
# It screens; exact runs decide. `effect = F(intervened) - F(clean)` throughout.

# %%
clean = rj.outputs(network, runs["clean"])
metric = lambda trajectory: rj.margin(rj.outputs(network, trajectory), clean)
screen = rj.first_order_clamp(network.step, network.h0, xs, metric, 0.0, window[None])[0]
masks = jax.vmap(lambda unit: rj.clamp(unit, window, 0.0).mask)(jnp.eye(144))
exact = rj.finite(
    network.step,
    network.h0,
    xs,
    metric,
    rj.Replace(masks, jnp.zeros((144, 1, 1))),
    batch_size=48,
)
plt.scatter(exact, screen, c=np.repeat([0, 1, 2], 48), cmap="Set2", s=12)
plt.xlabel("exact effect")
plt.ylabel("first-order estimate")
plt.show()

# %% [markdown]
# ## Local linearisation
#
# `J[t] = d hs[t] / d hs[t-1]`, `[to, from]`; what a connection carries is gate x wire x signal.

# %%
windows = jnp.stack([trials.epochs[name][0] for name in trials.epochs])
found = rj.effective_connectivity(network.step, runs["clean"], windows)
groups = jnp.eye(3).repeat(48, axis=1)
between = rj.group_connectivity(found.total, groups)
for name, matrix in zip(trials.epochs, between):
    print(name, np.asarray(matrix, float).round(3).tolist())

# %% [markdown]
# ## All of it
#
# `discover` sweeps every unit through every window and epoch, selects members, adds their
# connections, and holds the sets against random ones. It sees the network and the trials; the
# truth is only used to score what it found.

# %%
truth = planted.truth.nodes
subject = rj.Subject("ring", network, trials, planted.units, planted.groups, truth)
settings = rj.Settings(width=25, random_sets=50, contrasts=not QUICK)
result = rj.discover(subject, settings)
data = result.dataset
for epoch in data["epoch"].values:
    row = data.sel(epoch=epoch)
    rings = sorted({str(group) for group in data["group"].values[row["member"].values]})
    scores = {name: round(float(row[name]), 2) for name in ("precision", "recall")}
    print(f"{epoch:<13} {rings}  {scores}")
assert float(data["recall"].min()) >= 0.95
assert float(data["precision"].min()) >= 0.95
