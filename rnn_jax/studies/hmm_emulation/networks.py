"""The networks of the study of emulation: noise in, symbols of a hidden Markov model out.

    run = trained(recipe("linear-2"), seed=0)
    network = run.network(run.best)                 # of the epoch that stands nearest to its model
    network = run.network(40)                       # after epoch 40

`h_t = relu(W h_{t-1} + U x_t)` without biases, `x_t ~ Normal(0, 1)` fresh at each step, `h_0 = 0`;
logits are `C h_t`, and the symbol is their argmax after Gumbel noise. Training lowers the Sinkhorn
divergence between a batch of the network's sequences and one of the model's.

The recipe is that of arXiv 2510.25674 and its public code. Three things differ: each gradient step
sees fresh sequences of the model, where there 10,000 are used again and again; batches are smaller
by default; and training may end early.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...cells import Affine, Vanilla, zero_state
from ...core import Network, clean_run
from ...core.progress import Track, in_silence
from ...tasks import EMITTERS, HiddenMarkov, Trials
from ...training import FitState, OfBatch, advance, sinkhorn_divergence, start, trainable
from ..keeping import Arrays, Keep, in_memory
from .standing import met, standing, strain

STEPS, CHUNK, LOOK = 3, 10, 5
"""Gradient steps an epoch, epochs that are kept in one part, epochs between two looks."""
ROW = 3
"""Looks in a row at which a network must stand at its model for training to end."""
SEQUENCES = 4000
"""Sequences at each look."""


class Recipe(NamedTuple):
    """What is trained, and how; all of it names what is kept.

    - `hmm`: of `EMITTERS`.
    - `length`: steps of a sequence.
    - `epochs`: at most, of three gradient steps each.
    - `clip`: largest norm of a gradient.
    - `batch`: sequences a gradient step.
    - `units`, `noise`: the number of units, and of channels of noise.
    - `cell`: of `CELLS`; the published one has no bias.
    """

    hmm: str
    length: int
    epochs: int
    clip: float
    batch: int
    units: int = 150
    noise: int = 100
    cell: str = "relu"

    @property
    def name(self) -> str:
        """What is kept is called so; the published cell goes without saying."""
        return "-".join(map(str, self[:-1] if self.cell == "relu" else self))


CELLS = {
    "relu": (jax.nn.relu, False),
    "relu-bias": (jax.nn.relu, True),
    "tanh-bias": (jnp.tanh, True),
}
"""Activation of each cell, and whether it has a bias."""

PUBLISHED = {
    "linear-2": (100, 500, 0.9),
    "linear-3": (30, 500, 0.9),
    "linear-4": (30, 500, 0.9),
    "linear-5": (40, 500, 0.9),
    "fully-connected": (30, 1000, 0.3),
    "cyclic": (40, 500, 0.3),
}
"""Length, epochs and clipping of each model; the batch is 4096 there."""


def recipe(hmm: str, batch: int = 1024, **others: Any) -> Recipe:
    """The published recipe of a model, but for the batch and what else is given."""
    return Recipe(hmm, *PUBLISHED[hmm], batch)._replace(**others)


class Sequences(eqx.Module):
    """Trials to train on: two noises as inputs, and the model's sequences as targets.

    - `model`: the hidden Markov model.
    - `length`, `noise`: steps, and channels of noise.
    """

    model: HiddenMarkov
    length: int = eqx.field(static=True)
    noise: int = eqx.field(static=True)

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Inputs: noise `[count, length, noise]`, and the readout's Gumbel noise."""
        drawn, read, told = jax.random.split(key, 3)
        symbols = self.model.sample(told, count, self.length)[1]
        targets = jax.nn.one_hot(symbols, len(self.model.emission))
        noise = jax.random.normal(drawn, (count, self.length, self.noise), targets.dtype)
        gumbel = jax.random.gumbel(read, targets.shape, targets.dtype)
        return Trials((noise, gumbel), targets, {})


class FirstOf(eqx.Module):
    """A cell that hears the first part of its input: the rest is the readout's noise."""

    cell: Vanilla

    def __call__(self, h: Array, x: tuple[Array, Array]) -> Array:
        return self.cell(h, x[0])


def untrained(of: Recipe, seed: int) -> Network:
    """A fresh network, all weights, and a bias, Uniform(+-1 / sqrt(units))."""
    outputs = len(EMITTERS[of.hmm]().emission)
    key = jax.random.key(seed)
    activation, use_bias = CELLS[of.cell]
    cell = Vanilla(of.noise, of.units, key=key, activation=activation, use_bias=use_bias)
    readout = Affine(of.units, outputs, key=key, use_bias=False)
    where = lambda pair: (pair[0].w, pair[0].u, pair[1].c, *([pair[0].b] if use_bias else []))
    keys = [*jax.random.split(key, 3), jax.random.fold_in(key, 3)]
    draw = lambda key, like: jax.random.uniform(key, like.shape, like.dtype, -1, 1)
    new = [draw(*pair) / of.units**0.5 for pair in zip(keys, where((cell, readout)))]
    cell, readout = eqx.tree_at(where, (cell, readout), new)
    return Network(cell, readout, zero_state(cell))


def emission_divergence(ys: Float[Array, "B T O"], trials: Trials) -> Float[Array, ""]:
    """The Sinkhorn divergence of the sampled symbols; their gradient is that of the softmax.

    Bengio, Leonard & Courville, arXiv 1308.3432 (2013), for the straight-through gradient; Jang,
    Gu & Poole, ICLR (2017), for Gumbel noise in it, here at temperature 1.
    """
    heard: Any = trials.xs
    soft = jax.nn.softmax(ys + heard[1], -1)
    hard = jax.nn.one_hot(soft.argmax(-1), ys.shape[-1], dtype=ys.dtype)
    said = hard + (soft - jax.lax.stop_gradient(soft))
    flat = lambda batch: batch.reshape(len(batch), -1)
    # one-hot sequences: the diagonal of the box of all that may be said
    widest = float(np.prod(ys.shape[1:])) ** 0.5
    return sinkhorn_divergence(flat(said), flat(trials.targets), diameter=widest)


LOSS = OfBatch(emission_divergence)


@functools.cache  # another object is another compilation
def optimiser(clip: float) -> optax.GradientTransformation:
    """Adam with equal betas of 0.9, its gradient clipped in norm."""
    return optax.chain(optax.clip_by_global_norm(clip), optax.adam(1e-3, b1=0.9, b2=0.9))


def emitted(network: Network, key: PRNGKeyArray, count: int, length: int) -> Int[Array, "B T"]:
    """Symbols that a network emits, `[count, length - 1]`: without that of the first step."""
    drawn, read = jax.random.split(key)
    inputs = network.step.u.shape[1]
    ys = clean_run(network, jax.random.normal(drawn, (count, length, inputs)))[1][:, 1:]
    return (ys + jax.random.gumbel(read, ys.shape, ys.dtype)).argmax(-1)


class Run(NamedTuple):
    """A training run.

    - `like`: a network of its structure.
    - `weights`: `[E, P]`, all weights after each epoch.
    - `losses`: `[E, 3]`.
    - `looks`: what was measured of it, each `[L, ...]`, at every fifth epoch.
    - `reason`: why it ended.
    """

    like: Network
    weights: Float[np.ndarray, "E P"]
    losses: Float[np.ndarray, "E 3"]
    looks: dict[str, np.ndarray]
    reason: str

    @property
    def best(self) -> int:
        """The epoch whose look stands nearest to the model: the least of the largest share of a
        limit that one of its three numbers takes up. It is chosen by looks, and judged by fresh
        sequences: with Adam's constant rate the change rate varies by a third between epochs."""
        return int(self.looks["epoch"][np.argmin(strain(self.looks))])

    def network(self, epoch: int) -> Network:
        """The network after an epoch, counted from 0."""
        leaves, back = _flat(self.like)
        parts = np.split(self.weights[epoch], np.cumsum([leaf.size for leaf in leaves])[:-1])
        shaped = [jnp.asarray(part.reshape(leaf.shape)) for part, leaf in zip(parts, leaves)]
        return back(shaped)


def trained(of: Recipe, seed: int, keep: Keep = in_memory, track: Track = in_silence) -> Run:
    """Train one network, until it stands at its model or all epochs are taken.

    Training is kept in parts of ten epochs: interrupted, it goes on to the same bytes.

    **Arguments:**

    - `of`: the recipe.
    - `seed`: of weights, noise and the model's sequences.
    - `keep`: keeps the parts.
    - `track`: shows progress.

    **Returns:** `Run`.
    """
    like = untrained(of, seed)
    cell: Any = like.step
    heard = Network(FirstOf(cell), like.readout, like.h0)
    state = start(heard, optimiser(of.clip), _key(seed, 1))
    parts: list[Arrays] = []
    name = f"{of.name}-{STEPS}-{LOOK}-{SEQUENCES}"
    for first in track(range(0, of.epochs, CHUNK), f"training {of.hmm} {seed}"):
        begin = parts[-1] if parts else None
        count = min(CHUNK, of.epochs - first)
        job = lambda begin=begin, first=first, count=count: _epochs(
            of, seed, _state(state, begin), first, count
        )
        parts.append(keep(f"trained {name} seed {seed} epochs {first} to {first + count}", job))
        if _stands(np.concatenate([part["met"] for part in parts])):
            break
    names = [key for key in parts[0] if ":" not in key]
    joined = {key: np.concatenate([part[key] for part in parts]) for key in names}
    reason = "it stands at its model" if _stands(joined["met"]) else "all epochs were taken"
    weights, losses = joined.pop("weights"), joined.pop("losses")
    return Run(like, weights, losses, joined, reason)


def _epochs(of: Recipe, seed: int, state: FitState, first: int, count: int) -> Arrays:
    """Some epochs of training, what was measured meanwhile, and where it stands then."""
    model = EMITTERS[of.hmm]()
    sample = Sequences(model, of.length, of.noise).sample
    weights, losses, looks = [], [], []
    for epoch in range(first, first + count):
        state, lost = advance(state, sample, LOSS, optimiser(of.clip), STEPS, of.batch)
        network = Network(state.network.step.cell, state.network.readout, state.network.h0)
        weights.append(np.concatenate([np.ravel(leaf) for leaf in _flat(network)[0]]))
        losses.append(np.asarray(lost))
        if (epoch + 1) % LOOK == 0 or epoch + 1 == of.epochs:
            key = jax.random.fold_in(_key(seed, 2), epoch)
            look = standing(model, emitted(network, key, SEQUENCES, of.length))
            looks.append({"epoch": np.asarray(epoch), "met": np.asarray(met(look)), **look})
    leaves = jax.tree.leaves(eqx.filter(state, eqx.is_array))
    return {
        "weights": np.stack(weights),
        "losses": np.stack(losses),
        **{key: np.stack([look[key] for look in looks]) for key in looks[0]},
        **{f"state:{k:03d}": np.asarray(leaf) for k, leaf in enumerate(leaves)},
    }


def _state(like: FitState, kept: Arrays | None) -> FitState:
    """Where training stood at the end of a part."""
    if kept is None:
        return like
    arrays, rest = eqx.partition(like, eqx.is_array)
    leaves = [jnp.asarray(kept[key]) for key in sorted(kept) if key.startswith("state:")]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), leaves), rest)


def _stands(met: np.ndarray) -> bool:
    return len(met) >= ROW and bool(met[-ROW:].all())


def _key(seed: int, of: int) -> PRNGKeyArray:
    return jax.random.fold_in(jax.random.key(seed), of)


def _flat(network: Network) -> tuple[list[Array], Callable[[list[Array]], Network]]:
    """The trained leaves of a network, and what puts others in their place."""
    weights, rest = eqx.partition(network, trainable(network))
    leaves, structure = jax.tree.flatten(weights)
    return leaves, lambda new: eqx.combine(jax.tree.unflatten(structure, new), rest)
