# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # How a network infers a hidden state, with few units or with many
#
# A hidden state is +1 or -1 and changes now and then. It is seen through noise. The best that one
# can do is Bayes' filter. We train two networks to report the log-odds of the state: one freely,
# one with a penalty on its activity. Both become the filter. Do they need equally many units?
#
# `QUICK=1` in the environment makes all of it small.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj
from rnn_jax.tasks import HiddenState
from rnn_jax.training import adam, logistic, with_rate_penalty

QUICK = bool(os.environ.get("QUICK"))
UNITS, STEPS = (16, 300) if QUICK else (64, 3000)
task = HiddenState(hazard=0.05, strength=1.0)
keys = jax.random.split(jax.random.key(1), 6)

# %% [markdown]
# ## Train both
#
# `h_t = tanh(W h + U x + b)`, and a linear readout that is trained on the logistic loss. The
# second loss adds 0.1 times the mean square of the states.

# %%
losses = {"free": logistic, "activity costs": with_rate_penalty(logistic, 0.1)}
cell = rj.cells.Vanilla(1, UNITS, key=keys[0])
start = rj.Network(cell, rj.cells.Affine(UNITS, 1, key=keys[1]), rj.cells.zero_state(cell))
networks = {
    name: rj.fit(
        start, task.sample, loss, keys[2], steps=STEPS, optimiser=adam(3e-3, STEPS)
    ).network
    for name, loss in losses.items()
}  # fmt: skip


@jax.jit
def reported(network, xs):
    """Log-odds `[B, T]` that a network reports."""
    return jax.vmap(lambda x: rj.outputs(network, rj.run(network, x))[:, 0])(xs)


test = task.sample(keys[3], 500)
best = jax.vmap(task.log_odds)(test.xs)
truth = test.targets[..., 0]
right = {name: jnp.mean(reported(net, test.xs) * truth > 0) for name, net in networks.items()}
right["Bayes' filter"] = jnp.mean(best * truth > 0)
print({name: round(float(value), 3) for name, value in right.items()})

# %% [markdown]
# ## Which units carry one observation?
#
# The foil turns the sign of one observation. For two steps from then on we exchange the states of
# a set of units between run and foil. The mediator is a small set that makes up for the whole
# difference. It is chosen on half of the trials and judged on the other half, and held against
# axes of random bases: if a random basis needs as few axes, then units are nothing special.

# %%
trials = task.sample(keys[4], 192)
contrasts = task.contrasts(keys[5], trials)
asked = rj.Trials(trials.xs, trials.targets, trials.epochs, contrasts)
few = {"bases": 0, "splits": 0} if QUICK else {"bases": 30, "splits": 20}
settings = rj.Settings(random_sets=19, **few)
mediators = {}
for name, network in networks.items():
    found = rj.discover(rj.Subject(name, network, asked), settings)
    print(found, end="\n\n")
    mediators[name] = next(a for a in found.answers if a.epoch == "seen").sets[0]

# %% [markdown]
# ## By hand, and against correlation
#
# On fresh trials we exchange the first k units of the mediator, in the order in which they joined;
# and the k units that correlate best with the log-odds, which is how one would look for them in a
# recording. The share is `<y - y_run, D> / <D, D>`, `D = y_foil - y_run`, read over the four steps
# after the exchange.

# %%
drawn = task.sample(jax.random.key(7), 64 if QUICK else 300)
contrast = task.contrasts(jax.random.key(8), drawn)["observation"]
has = np.asarray(contrast.event) >= 0
xs, foils, events = (jnp.asarray(a)[has] for a in (drawn.xs, contrast.foil, contrast.event))


@jax.jit
def moved(network, units):
    """How far the exchange of units in the two steps from the event on moves the output."""

    def one(x, x_foil, event):
        run, foil = rj.run(network, x), rj.run(network, x_foil)
        since = jnp.arange(len(x)) - event
        mask = ((since >= 0) & (since < 2))[:, None] * units
        changed = rj.run(network, x, rj.Replace(mask, foil.hs))
        y, y_foil, y_changed = (rj.outputs(network, each) for each in (run, foil, changed))
        away = (y_foil - y) * ((since >= 2) & (since < 6))[:, None]
        return jnp.sum(away * (y_changed - y)), jnp.sum(away**2)

    part, whole = jax.vmap(one)(xs, foils, events)
    return part.sum() / whole.sum()


def states(network):
    """States `[trials x steps, units]` on the test trials."""
    return np.asarray(jax.vmap(lambda x: rj.run(network, x).hs)(test.xs)).reshape(-1, UNITS)


def correlating(network):
    """Units by the size of their correlation with the filter's log-odds."""
    size = np.abs(np.corrcoef(states(network).T, np.asarray(best).ravel())[-1, :-1])
    return np.argsort(-size)


largest = max(len(mediator.order) for mediator in mediators.values()) + 4
curves = {}
for name, network in networks.items():
    orders = {"mediator": mediators[name].order, "correlation": correlating(network)[:largest]}
    for way, order in orders.items():
        sets = [np.isin(np.arange(UNITS), order[:k]) for k in range(len(order) + 1)]
        curves[name, way] = [float(moved(network, jnp.asarray(each, float))) for each in sets]

# %%
figure, axes = plt.subplots(1, 3, figsize=(13, 3.6))
for color, (name, network) in enumerate(networks.items()):
    told = np.asarray(reported(network, test.xs))[:60]
    axes[0].plot(
        np.asarray(best)[:60].ravel(), told.ravel(), ".", ms=1.5, color=f"C{color}", label=name
    )
    axes[1].plot(np.sort((states(network) ** 2).mean(0) ** 0.5)[::-1], color=f"C{color}")
    for way, style in (("mediator", "-"), ("correlation", ":")):
        axes[2].plot(curves[name, way], style, color=f"C{color}", label=f"{name}: {way}")
axes[0].set(title="both become the filter", xlabel="log-odds of Bayes' filter", ylabel="reported")
axes[0].legend(markerscale=6, fontsize=8)
axes[1].set(title="activity", xlabel="unit, by its size", ylabel="root mean square of the state")
axes[2].axhline(1, color="0.8", lw=1)
axes[2].set(
    title="one observation is carried by",
    xlabel="units exchanged",
    ylabel="share of the output moved",
)
axes[2].legend(fontsize=8)
figure.tight_layout()
plt.show()
