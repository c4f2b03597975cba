# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Two streams, one choice: which units say what counts?
#
# A network sees two noisy streams of evidence at once. A cue says which of them counts, and at the
# end the network tells the sign of that stream. We train a GRU, find the units that carry the
# context, put other states into them, and look whether the choice then follows the other stream.
#
# Mante, Sussillo, Shenoy and Newsome, Nature 503 (2013), for the task.
#
# `QUICK=1` in the environment makes all of it small.

# %%
import os
from itertools import pairwise

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj
from rnn_jax.discovery import TrainSettings, train_network
from rnn_jax.tasks import ContextIntegration

QUICK = bool(os.environ.get("QUICK"))
UNITS = 16 if QUICK else 64
network = train_network(
    "context-integration", TrainSettings(units=UNITS, steps=300 if QUICK else 1000)
)
task = ContextIntegration()
keys = jax.random.split(jax.random.key(3), 4)

# %% [markdown]
# ## Two questions
#
# The task brings its contrasts. `evidence`: the stream that counts says the opposite. `context`:
# the cues are exchanged, in trials whose streams disagree, so that the right answer turns.

# %%
trials = task.sample(keys[0], 96 if QUICK else 192)
contrasts = task.contrasts(keys[1], trials)
asked = rj.Trials(trials.xs, trials.targets, trials.epochs, contrasts)
few = {"bases": 0, "splits": 0} if QUICK else {"bases": 30, "splits": 20}
subject = rj.Subject("context-integration", network, asked)
found = rj.discover(subject, rj.Settings(random_sets=19, **few))
print(found)

# %%
answers = {answer.name: answer for answer in found.answers}
sets = {name: answer.sets[0].members for name, answer in answers.items() if answer.sets}
names = list(sets)
shared = np.array([[(sets[a] & sets[b]).sum() for b in names] for a in names])

# %% [markdown]
# ## Do they say what counts, or do they hold the answer?
#
# On fresh trials we put the states that the context's mediator has under the other cue into the
# run, over the whole evidence. The choice follows the other stream. But those states come from a
# run that has seen the same evidence, and they may carry its answer. So we ask a stricter
# question: the other run receives the other cue and *no evidence*. Its states carry only the
# context. If the units say what counts and other units integrate, the choice still follows the
# other stream. If they integrate as well, holding them takes the evidence away.
#
# A choice's weight on a stream is its slope, by least squares on the means of both streams.

# %%
fresh = task.sample(keys[2], 200 if QUICK else 2000)
first, end = task.lead, task.lead + task.shown
window = rj.span(task.steps, first, end)
other_cue = fresh.xs[..., jnp.array([1, 0, 2, 3, 4])]
donors = {"evidence and all": other_cue, "without evidence": other_cue.at[..., 2:4].set(0.0)}


@jax.jit
def choices(units, donor):
    """The mean output in the report, where these units have the donor's states."""

    def one(x, x_donor):
        edit = rj.Replace(window[:, None] * units, rj.run(network, x_donor).hs)
        return rj.outputs(network, rj.run(network, x, edit))[-task.report :, 0].mean()

    return jax.vmap(one)(fresh.xs, donor)


means = np.asarray(fresh.xs[:, first:end, 2:4].mean(1))
named = np.asarray(fresh.xs[:, 0, :2])
counts, ignored = (means * named).sum(1), (means * (1 - named)).sum(1)


def weights(units, donor):
    """Slopes of the choice in the stream that counts and in the other one."""
    table = np.stack([counts, ignored, np.ones(len(counts))], 1)
    told = np.asarray(choices(jnp.asarray(units, float), donors[donor]))
    return np.linalg.lstsq(table, told, rcond=None)[0][:2]


context = sets.get("context: used", np.zeros(UNITS, bool))
rng = np.random.default_rng(0)
random = [rng.permutation(context) for _ in range(20)]
slopes = {"whole network": weights(np.zeros(UNITS), "without evidence")}
slopes |= {f"{context.sum()} units, {name}": weights(context, name) for name in donors}
by_chance = {name: np.array([weights(units, name) for units in random]) for name in donors}
print({name: slope.round(2) for name, slope in slopes.items()})

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), width_ratios=[1.1, 1, 1.1])
axes[0].imshow(shared, cmap="Blues", vmin=0, vmax=max(1, 1.5 * shared.max()))
for a in range(len(names)):
    for b in range(len(names)):
        axes[0].text(b, a, int(shared[a, b]), ha="center", va="center")
axes[0].set(title="units that mediators share", xticks=range(len(names)), yticks=range(len(names)))
axes[0].set_xticklabels([name.replace(": ", "\n") for name in names], fontsize=8)
axes[0].set_yticklabels([name.replace(": ", "\n") for name in names], fontsize=8)
bins = np.linspace(-1.2, 1.2, 9)
middle = (bins[1:] + bins[:-1]) / 2
shown = {"whole network": np.zeros(UNITS), "held without evidence": context}
for k, (name, units) in enumerate(shown.items()):
    right = np.asarray(choices(jnp.asarray(units, float), donors["without evidence"])) > 0
    for stream, style in ((counts, "-"), (ignored, ":")):
        inside = [(stream >= a) & (stream < b) for a, b in pairwise(bins)]
        share = [right[each].mean() if each.any() else np.nan for each in inside]
        label = f"{name}, stream that " + ("counts" if style == "-" else "does not")
        axes[1].plot(middle, share, style, color=f"C{k}", label=label)
axes[1].set(title="choices", xlabel="mean of the stream", ylabel="share of choices of +1")
axes[1].legend(fontsize=7)
for name, style in zip(donors, ("x", ".")):
    label = f"random units, {name}"
    axes[2].plot(*by_chance[name].T, style, ms=4, color="0.6", label=label)
for k, (name, slope) in enumerate(slopes.items()):
    axes[2].plot(*slope, "o", color=f"C{k}", label=name)
axes[2].plot([0, 1], [0, 1], color="0.9", lw=1)
axes[2].set(title="weights on the choice", xlabel="stream that counts", ylabel="other stream")
axes[2].legend(fontsize=7)
figure.tight_layout()
plt.show()
