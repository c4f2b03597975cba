# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Eighteen populations of visual cortex: does a network that predicts them use its Vip cells?
#
# We make up sessions of the Visual Behavior experiment in two worlds. In both an omitted image
# raises the activity of Vip cells. In the world `mechanism` Vip cells lower Sst cells, which
# raises pyramidal cells; in the world `bystander` nobody hears the Vip cells. On each we train a
# network with the anatomy of the cortex to predict the next frame, and ask what its Vip units do.
#
# **The sessions are made up: nothing here is a finding about the brain.** With files of the Allen
# Institute, `read_folder` and `population_windows` take the place of `synthetic_windows`.
#
# `QUICK=1` in the environment makes all of it small.

# %%
import os

import jax
import matplotlib.pyplot as plt
import numpy as np

from rnn_jax.cells import visual_cortex
from rnn_jax.data.visual_behavior import POPULATIONS, condition_means, synthetic_windows
from rnn_jax.studies.visual_behavior.exchanges import CONTRASTS
from rnn_jax.studies.visual_behavior.measures import SETS, measure
from rnn_jax.studies.visual_behavior.sequences import Counts, sequences
from rnn_jax.training import anatomical, fit_anatomical, signed_adam

QUICK = bool(os.environ.get("QUICK"))
STEPS = 60 if QUICK else 600
key = jax.random.key(1)
WORLDS = ("mechanism", "bystander")

# %% [markdown]
# ## Sessions
#
# Windows of 1.5 s around events, one activity for each population and frame. Populations come
# from different mice, and are joined by condition.

# %%
windows = {world: synthetic_windows(world, key) for world in WORLDS}
means = {world: condition_means(one) for world, one in windows.items()}
print(means["mechanism"].sizes)

# %% [markdown]
# ## Networks
#
# 18 populations in two areas and three layers, with the signs of Dale's law and the densities of
# connections that the anatomy gives. Units of a population have frozen weights onto its readout.
# Training moves the connections alone.

# %%
anatomy = visual_cortex(1 if QUICK else 4)
optimiser = signed_adam(anatomy, STEPS, 1e-2)
counts = Counts(40, 8) if QUICK else Counts(400, 64)
made = {world: sequences(one, key, counts) for world, one in windows.items()}
networks = {
    world: fit_anatomical(
        anatomical(anatomy, key),
        anatomy,
        one.sampler(),
        one.loss(),
        key,
        optimiser=optimiser,
        steps=STEPS,
    ).network
    for world, one in made.items()
}

# %% [markdown]
# ## Questions
#
# `error` is that of the next frame, and `persistence` that of repeating the last frame. `restored`
# exchanges states from the event on: in the sequence with a regular image, the units of a set get
# the states that they have in the omission. If the network used its Vip units to tell an omission,
# this would make much of the difference between the two.
#
# First look at the errors. In omissions the networks predict no better than repeating the last
# frame (ratio 1.0 to 7.2). At full size, the exchange of all Vip units restores 0.106 of the
# difference in the one network of the world `mechanism`, and 0.007 in that of `bystander`. In the
# five networks of the study for `mechanism` it restores 0.007 on average. None of the seven
# claims about Vip units holds.

# %%
draws = 5 if QUICK else 39
found = {world: measure(networks[world], made[world], anatomy, key, draws) for world in WORLDS}
omission = list(CONTRASTS).index("omission")
for world, one in found.items():
    restored = dict(zip(SETS, one["restored"][omission].round(3).tolist(), strict=True))
    ratio = (one["error"] / one["persistence"]).round(2).tolist()
    print(world, dict(zip(made[world].conditions, ratio, strict=True)), restored, sep="\n")

# %%
shown = [name for name in POPULATIONS if name.startswith(POPULATIONS[0].rsplit(" ", 1)[0])]
colours = dict(zip(shown, ("C2", "C0", "C3"), strict=True))
figure, axes = plt.subplots(1, 4, figsize=(16, 3.8))
for panel, world in zip(axes, WORLDS):
    course = means[world].sel(condition="omission", experience="Familiar")
    for name in shown:
        panel.plot(course["time"], course.sel(population=name), color=colours[name], label=name)
    panel.axvline(0, color="0.8", lw=1)
    panel.set(title=f"sessions with an omission: {world}", xlabel="seconds since it was due")
axes[0].set_ylabel("activity")
axes[0].legend(fontsize=8)
places = np.arange(len(made["mechanism"].conditions))
for k, (world, one) in enumerate(found.items()):
    axes[2].bar(places + 0.4 * k, one["error"] / one["persistence"], 0.38, label=world)
    axes[3].bar(np.arange(len(SETS)) + 0.4 * k, one["restored"][omission], 0.38, label=world)
axes[2].set_xticks(places + 0.2, made["mechanism"].conditions, rotation=30, ha="right", fontsize=7)
axes[2].axhline(1, color="0.7", lw=0.8)
axes[2].set(title="error over that of repeating the last frame", yscale="log", ylabel="ratio")
axes[3].set_xticks(np.arange(len(SETS)) + 0.2, SETS)
axes[3].axhline(0, color="0.7", lw=0.8)
axes[3].set(title="what exchanging a set restores", ylabel="share of the omission's effect")
axes[3].legend(fontsize=8)
figure.tight_layout()
plt.show()
