# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # How a trained network holds three bits
#
# A network receives pulses on three channels. On three outputs it must tell the sign of the last
# pulse of each. We train a GRU on it, and ask which units hold which bit, and which fixed points
# are left without them.
#
# `QUICK=1` in the environment makes all of it small: 16 units, and no random bases.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj
from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.dynamics import held, starts_from, taken, unique
from rnn_jax.tasks import FlipFlop

QUICK = bool(os.environ.get("QUICK"))
UNITS = 16 if QUICK else 64

# %% [markdown]
# ## Train

# %%
network = train_network("flip-flop", TrainSettings(cell="gru", units=UNITS))
task = FlipFlop()
keys = jax.random.split(jax.random.key(0), 4)
trials = task.sample(keys[0], 96)
ys = jax.vmap(lambda x: rj.outputs(network, rj.run(network, x)))(trials.xs)
print("share of right signs:", float((jnp.sign(ys) == trials.targets).mean()))

# %% [markdown]
# ## "Which units matter?": nearly all
#
# Each unit is held at its mean, over each epoch. What counts is how far the outputs move.

# %%
plain = rj.Settings(contrasts=False, random_sets=19)
single = rj.discover(rj.Subject("flip-flop", network, trials), plain)
print(single)

# %% [markdown]
# With 64 units about half of them are needed, nearly the same ones in both epochs; with 16, all of
# them. This does not answer the question.
#
# ## "Which units hold this bit?"
#
# A contrast compares each trial with the same trial without one pulse, the one that flips the
# bit. Which units must be exchanged, for two steps, to turn one run into the other?

# %%
contrasts = task.contrasts(keys[1], trials)
asked = rj.Trials(trials.xs, trials.targets, trials.epochs, contrasts)
few = {"bases": 0, "splits": 0} if QUICK else {"bases": 30, "splits": 0}
found = rj.discover(rj.Subject("flip-flop", network, asked), rj.Settings(random_sets=19, **few))
print(found)

# %%
answers = {answer.name: answer for answer in found.answers}
holders = {}
for bit in range(3):
    mediator, *_, circuit = answers[f"bit {bit}: hold"].sets
    holders[bit] = mediator.members
    print(f"bit {bit}: mediator {mediator.order}, circuit of {circuit.members.sum()} units")

# %% [markdown]
# ## Exchange them by hand
#
# The mediator of bit 0 gets the foil's states for two steps. Its bit follows, and the others stay.

# %%
contrast = contrasts["bit 0"]
trial = int(np.argmax(np.asarray(contrast.event) > 5))
event = int(contrast.event[trial])
x, x_foil = trials.xs[trial], jnp.asarray(contrast.foil[trial])
foil = rj.run(network, x_foil)
mask = rj.span(len(x), event + 6, event + 8)[:, None] * jnp.asarray(holders[0], float)
changed = rj.outputs(network, rj.run(network, x, rj.Replace(mask, foil.hs)))
clean = rj.outputs(network, rj.run(network, x))

# %% [markdown]
# ## Which fixed points are left
#
# Without pulses the network rests in stable points: one for each pattern of three bits at the
# small size, and for seven of the eight with 64 units. States of the eighth, all bits +1, move so
# slowly that the outputs are still right 5,000 steps later: a memory need not be a fixed point. We
# take out the circuit of bit 0 and search again.

# %%
states = jax.vmap(lambda x: rj.run(network, x).hs)(trials.xs).reshape(-1, UNITS)
starts = starts_from(states, keys[2], 256 if QUICK else 1024)


def stable_points(step):
    """Where the network rests without pulses, and comes back to after a small push."""
    at = rj.fixed_points(step, jnp.zeros(3), starts)
    points = unique(taken(at.points, at.converged), states).points
    return points[rj.stability(step, jnp.zeros(3), points).unstable == 0]


of_bit = answers["bit 0: hold"].sets[-1].members
rest = jnp.mean(states, 0)
without = held(
    network.step, rj.clamp(jnp.asarray(of_bit, float), jnp.ones(1), rest[None]), network.h0
)
landscapes = {
    "whole network": stable_points(network.step),
    "without the circuit of bit 0": stable_points(without),
}
print({name: len(points) for name, points in landscapes.items()})

# %%
figure, axes = plt.subplots(1, 4, figsize=(13, 3.2), width_ratios=[1.6, 1.2, 1, 1])
for bit in range(3):
    axes[0].plot(clean[:, bit] + 3 * bit, color="0.7", lw=3)
    axes[0].plot(changed[:, bit] + 3 * bit, color=f"C{bit}")
axes[0].axvspan(event + 6, event + 8, color="0.9")
axes[0].set(title="bit 0's mediator exchanged", xlabel="time (steps)", yticks=[0, 3, 6])
axes[0].set_yticklabels(["bit 0", "bit 1", "bit 2"])
overlap = [[int((a & b).sum()) for b in holders.values()] for a in holders.values()]
axes[1].imshow(overlap, cmap="Blues", vmin=0, vmax=1.5 * np.max(overlap))
for a in range(3):
    for b in range(3):
        axes[1].text(b, a, overlap[a][b], ha="center", va="center")
axes[1].set(title="units that mediators share", xticks=range(3), yticks=range(3))
mean = np.asarray(states).mean(0)
plane = np.linalg.svd(np.asarray(states)[::7] - mean, full_matrices=False)[2][:2]
for panel, (name, points) in zip(axes[2:], landscapes.items()):
    near = (np.asarray(states)[::11] - mean) @ plane.T
    panel.plot(*near.T, ".", ms=1, color="0.8")
    panel.plot(*((np.asarray(points) - mean) @ plane.T).T, "o", color="C3")
    panel.set(title=f"{name}:\n{len(points)} stable points", xlabel="component 1")
figure.tight_layout()
plt.show()
