# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # Noise in, symbols out: which units start a switch?
#
# A network of 150 ReLU units hears nothing but noise, and was trained to emit what a hidden Markov
# model with two states emits. We look at how well it does that, and at what happens in the steps
# before its output switches. The network is seed 1 of the study `hmm-emulation`, after epoch 304.
# It took 40 minutes to train; here it is read from a file.
#
# arXiv 2510.25674, for the networks and the question.
#
# `QUICK=1` in the environment makes all of it small.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj
from rnn_jax.contrasts import Search, ask
from rnn_jax.linear import pca
from rnn_jax.studies.hmm_emulation.behaviour import Size, behaviours, matched_sets
from rnn_jax.studies.hmm_emulation.kick import unit_features
from rnn_jax.studies.hmm_emulation.runs import noisy_runs, symbols
from rnn_jax.studies.hmm_emulation.switches import pools
from rnn_jax.tasks.symbol_statistics import information

QUICK = bool(os.environ.get("QUICK"))
keys = jax.random.split(jax.random.key(5), 8)
network = rj.data.network_from_torch("linear_2.safetensors", "rnn-relu")  # its biases are 0
model = rj.tasks.linear_chain(2)

# %% [markdown]
# ## Does it emit what the model emits?
#
# The share of steps at which the symbol changes is right to a few percent. But symbols that are
# far apart tell more of each other than they do in the model: the network remembers too long.
# The argmax of the logits switches much more rarely than the symbol changes. The other changes
# are made by the noise of the readout, which draws each symbol from the softmax.

# %%
hs, ys, xs = noisy_runs(network, keys[0], 40 if QUICK else 400, 300)
said, sure = np.asarray(symbols(ys, keys[1])), np.asarray(ys).argmax(-1)
lags = range(1, 21)


def memory(said, lag):
    """Mutual information of symbols `lag` steps apart, in bits."""
    counts = np.zeros((3, 3))
    np.add.at(counts, (said[:, :-lag].ravel(), said[:, lag:].ravel()), 1)
    return information(counts)


of_network = [memory(said, lag) for lag in lags]
of_model = [rj.tasks.mutual_information(model, lag) for lag in lags]
changes = {
    "symbol, model": rj.tasks.change_rate(model),
    "symbol, network": (np.diff(said) != 0).mean(),
    "argmax of the logits, network": (np.diff(sure) != 0).mean(),
}
print({name: round(float(rate), 3) for name, rate in changes.items()})

# %% [markdown]
# ## A switch, and the same run without it
#
# For each run that switches from output 0 to output 2 we look for other noise, in the sixth to
# third step before the switch, that leaves the output as it is. From there on run and foil hear
# the same noise. So what they do differently afterwards lies in their states alone. The *kick
# neurons* are the smallest set found whose states, exchanged in the last two steps before the
# switch, make the one run the other.

# %%
count = 32 if QUICK else 96
trials = pools(network, keys[2], count, most=2 if QUICK else 40)[0]
way = (0, 2)
(name, contrast), *_ = trials[way].contrasts.items()
kick = rj.Contrast(
    contrast.foil, contrast.event, {"kick": contrast.epochs["kick"]}, read=contrast.read
)
few = Search(bases=0, splits=0, random_sets=9) if QUICK else Search(bases=9, splits=5)
(answer,) = ask(network, trials[way], name, kick, few, keys[3])
sets = {found.kind: found for found in answer.sets}
found = sets["mediator"]
members = found.members
print(
    f"{members.sum()} of 150 units: undone {found.undone[0]:.2f}, restored {found.restored[0]:.2f}"
)
print("axes that random bases need:", found.base_sizes)

# %% [markdown]
# We judge the set on other trials than those that chose it.


# %%
@jax.jit
def margins(trials, contrast, units):
    """Logit 2 less logit 0 of each trial, where these units have the foil's states."""

    def one(x, foil, window):
        edit = rj.Replace(window[:, None] * units, rj.run(network, foil).hs)
        y = rj.outputs(network, rj.run(network, x, edit))
        return y[:, way[1]] - y[:, way[0]]

    return jax.vmap(one)(trials.xs, contrast.foil, contrast.epochs["kick"])


fresh = pools(network, keys[4], count, most=2 if QUICK else 40)[0][way]
contrast = fresh.contrasts[name]
event = np.asarray(contrast.event)
rows = np.flatnonzero(event >= 0)
shown = event[rows, None] + 6 + np.arange(-10, 3)
rng = np.random.default_rng(0)
edits = {
    "the run": np.zeros(150),
    "all units exchanged": np.ones(150),
    "kick neurons exchanged": members.astype(float),
    "as many random units": rng.permutation(members).astype(float),
}
courses = {
    label: np.asarray(margins(fresh, contrast, jnp.asarray(units)))[rows[:, None], shown].mean(0)
    for label, units in edits.items()
}

# %% [markdown]
# ## Held at 0
#
# We hold the same units at 0 for whole runs, beside random units that are alike in activity and
# in their weights to the outputs. Switches vanish. But the reason is not that nothing starts
# them. The set also holds units that keep output 0, so that the network says 2 for ever, and a
# network that is never in 0 cannot switch out of it. An exchange of states at one moment and a
# lesion for a whole run answer two different questions.

# %%
features = unit_features(network, keys[5])
groups = matched_sets(keys[6], members, features, 5 if QUICK else 50)
kept = 1.0 - np.concatenate([np.zeros((1, 150)), members[None], groups])
behaviour = behaviours(network, kept, keys[7], Size(16, 100) if QUICK else Size(64, 400))
rates, counts = behaviour.rate.mean(1), behaviour.counts.sum((1, 3))
twos = counts[:, 2] / counts.sum(1)
for k, label in enumerate(("whole network", "kick neurons at 0")):
    print(f"{label}: {rates[k]:.3f} switches a step, output 2 in {twos[k]:.2f} of all steps")

# %%
figure, axes = plt.subplots(1, 4, figsize=(16, 3.8), width_ratios=[1, 1.1, 1.2, 0.8])
axes[0].plot(lags, of_model, "k", label="model")
axes[0].plot(lags, of_network, "C0", label="network")
axes[0].set(title="memory of symbols", xlabel="lag (steps)", ylabel="information (bits)")
axes[0].legend(fontsize=8)
plane = np.asarray(pca(hs.reshape(-1, 150), 2).project(hs))
for k in range(3):
    dots = plane[:40][sure[:40] == k]
    axes[1].plot(*dots.T, ".", ms=1, color=f"C{k}", label=f"output {k}")
axes[1].set(title="states under noise", xlabel="component 1", ylabel="component 2")
axes[1].legend(markerscale=8, fontsize=8)
for label, course in courses.items():
    axes[2].plot(np.arange(-10, 3), course, label=label)
axes[2].axvspan(-2, 0, color="0.9", lw=0)
axes[2].axhline(0, color="0.7", lw=0.8)
axes[2].set(title="exchanged in the shaded steps", xlabel="steps since the switch")
axes[2].set_ylabel("logit 2 less logit 0")
axes[2].legend(fontsize=8)
axes[3].plot(twos[2:], rates[2:], ".", color="0.6", label="matched random units")
axes[3].plot(twos[:1], rates[:1], "ko", label="whole network")
axes[3].plot(twos[1:2], rates[1:2], "C3o", label="kick neurons")
axes[3].set(title="units held at 0", xlabel="share of steps with output 2", xlim=(-0.05, 1.05))
axes[3].set_ylabel("switches a step")
axes[3].legend(fontsize=8)
figure.tight_layout()
plt.show()
