# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     name: python3
# ---

# %% [markdown]
# # A network trained in PyTorch: who holds the first number?
#
# A GRU of 64 units was trained in PyTorch by `examples/train_in_pytorch.py`. It sees a level,
# waits, sees a second level, and says which is the larger. Between the two it must hold the
# first. We read its weights, write the trials in NumPy, and ask which units hold the level, from
# when on, and through which connections.
#
# `QUICK=1` in the environment makes all of it small.

# %%
import os

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import rnn_jax as rj

QUICK = bool(os.environ.get("QUICK"))

# %% [markdown]
# ## Trials, and a foil
#
# Inputs are stimulus and go. The foil of a trial is the same trial with another first level, on
# the other side of the second. So the answer turns, and whatever differs between the two runs
# during the delay is the memory of the first level. We exchange states in four windows of two
# steps: at the end of the first stimulus, twice in the delay, and while the second is compared.
# What is read is the report.

# %%
time, start = np.arange(32), 20  # every delay lasts 14 steps
WINDOWS = {"seen": (4, 6), "early": (8, 10), "late": (17, 19), "compared": (22, 24)}


def draw(seed, count):
    """Inputs `[count, 32, 2]` of run and foil, and which answer is right in the run."""
    rng = np.random.default_rng(seed)
    first, second = rng.uniform(0.1, 0.9, (2, count, 1))
    other = np.where(first < second, second + 0.3, second - 0.3)
    shown = [(time >= 2) & (time < 6), (time >= start) & (time < start + 4)]
    go = np.broadcast_to((time >= start + 4) & (time < start + 10), (count, 32))
    inputs = lambda level: np.stack([shown[0] * level + shown[1] * second, go], -1)
    return inputs(first).astype("f4"), inputs(other).astype("f4"), np.sign(second - first)


xs, foils, answer = draw(0, 32 if QUICK else 96)
report = xs[:, :, 1:]
np.savez(
    "comparison_trials.npz",
    inputs=xs,
    targets=answer[:, :, None].astype("f4") * report,
    epoch_first=np.array([2, 6]),
    epoch_delay=np.array([6, start]),
    epoch_report=np.array([start + 4, start + 10]),
    foil_first=foils,
    read_first=report[..., 0],
    **{f"epoch_first.{name}": np.array(span) for name, span in WINDOWS.items()},
)
subject = rj.load("comparison.safetensors", "comparison_trials.npz")
network, trials = subject.network, subject.trials
ys = jax.vmap(lambda x: rj.outputs(network, rj.run(network, x)))(trials.xs)
asked = trials.targets != 0
print("right in the report:", float((jnp.sign(ys) == trials.targets)[asked].mean()))

# %% [markdown]
# ## Which units carry the difference?
#
# In each window we look for the mediator: a small set of units whose states, exchanged between run
# and foil, turn the answer. It is chosen on half of the trials and judged on the other half.

# %%
few = {"bases": 0, "splits": 0, "random_sets": 19} if QUICK else {"bases": 30, "splits": 0}
found = rj.discover(subject, rj.Settings(**few))
print(found)

# %% [markdown]
# ## Is it one memory?
#
# The mediators of the four windows have few units in common. That alone says little: where many
# units hold the same thing, a search may take these or those. So we try each window's units in
# each other window, on fresh trials. The share by which the answer moves from the run's to the
# foil's is `<y - y_run, D> / <D, D>` with `D = y_foil - y_run`, read in the report.

# %%
mediators = {answer.epoch: answer.sets[0].members for answer in found.answers}
fresh, others, _ = draw(1, 32 if QUICK else 200)


@jax.jit
@jax.vmap
def exchanged(x, x_foil, mask):
    """Outputs of run and foil, and of the run with the foil's states where the mask is 1."""
    run, foil = rj.run(network, x), rj.run(network, x_foil)
    changed = rj.run(network, x, rj.Replace(mask, foil.hs))
    return [rj.outputs(network, each) for each in (run, foil, changed)]


def shares(units, window):
    """How far this exchange moves the answer: of all trials, and of each."""
    mask = rj.span(32, *WINDOWS[window])[:, None] * jnp.asarray(units, float)
    run, foil, changed = exchanged(
        fresh, others, jnp.broadcast_to(mask, (len(fresh), *mask.shape))
    )
    away = (foil - run) * fresh[:, :, 1:]
    moved, whole = ((away * to).sum((1, 2)) for to in (changed - run, away))
    return float(moved.sum() / whole.sum()), moved / whole


across = np.array(
    [[shares(units, window)[0] for window in WINDOWS] for units in mediators.values()]
)
shared = np.array([[(a & b).sum() for b in mediators.values()] for a in mediators.values()])
print(across.round(2))

# %%
figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), width_ratios=[1.4, 1, 1.15])
trial = int(np.argsort(shares(mediators["late"], "late")[1])[len(fresh) // 2])  # a median one
mask = rj.span(32, *WINDOWS["late"])[:, None] * jnp.asarray(mediators["late"], float)
lines = exchanged(fresh[trial, None], others[trial, None], mask[None])
for line, name, style in zip(
    lines, ("run", "foil", "run, late units exchanged"), ("-", "--", "-")
):
    axes[0].plot(line[0, :, 0], style, label=name)
axes[0].axvspan(*WINDOWS["late"], color="0.92")
axes[0].axvspan(start + 4, start + 10, color="C0", alpha=0.08)
axes[0].set(title="one trial", xlabel="time (steps)", ylabel="output")
axes[0].legend(fontsize=8, loc="upper left")
for panel, table, title, form in [
    (axes[1], shared, "units in common", "{:d}"),
    (axes[2], across, "share of the answer moved", "{:.2f}"),
]:
    panel.imshow(table, cmap="Blues", vmin=0, vmax=1.5 * table.max())
    for a in range(4):
        for b in range(4):
            panel.text(b, a, form.format(table[a, b]), ha="center", va="center")
    panel.set(title=title, xticks=range(4), yticks=range(4))
    panel.set_xticklabels(list(WINDOWS))
    panel.set_yticklabels(list(WINDOWS))
axes[2].set(xlabel="exchanged in", ylabel="units of")
figure.tight_layout()
plt.show()

# %% [markdown]
# Each window's units turn the answer in their own window, and turn it much less in the others. So
# the level is not held in one place: other units carry it during the delay. One pair is the
# exception. The units that carry the first level when it is seen also carry it when the second one
# is compared.
#
# The last column of the table asks one more thing: do random axes of the state space do as well as
# these units? Here they mostly do. The memory is spread over directions, and single units have no
# special role. It is still true that the memory moves, since the exchanges show this directly.
