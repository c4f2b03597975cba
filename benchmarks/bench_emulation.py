"""A training step of emulation, against the same model in PyTorch with geomloss.

    python benchmarks/bench_emulation.py --repeats 11 --json benchmarks/results/emulation.json

A step draws noise, runs 150 ReLU units on 100 channels for 100 steps, takes the Sinkhorn
divergence of the sampled symbols from a batch of sequences, and moves the weights by Adam.
Contenders have the same weights and the same sequences, drawn beforehand, and draw their own
noise. PyTorch runs its own `nn.RNN`, and geomloss's tensorized backend. On given noise both have
the same loss, which is checked. The parts of our own step are timed alone, too, each compiled by
itself.
"""

import equinox as eqx
import jax
import numpy as np
from timing import arguments, paired, save, show, torch_or_none

from rnn_jax.core import Network
from rnn_jax.studies.hmm_emulation.networks import (
    LOSS,
    FirstOf,
    Recipe,
    Sequences,
    optimiser,
    untrained,
)
from rnn_jax.tasks import Trials, linear_chain
from rnn_jax.training import OfBatch, advance, sinkhorn_divergence, start, trainable
from rnn_jax.training.fit import batch_loss

CLIP = 0.9


class Drawn(eqx.Module):
    """A sampler whose sequences are there beforehand, and whose noise is fresh."""

    targets: jax.Array
    noise: int = eqx.field(static=True)

    def __call__(self, key, count):
        of_noise, of_readout = jax.random.split(key)
        shape = *self.targets.shape[:2], self.noise
        noise = jax.random.normal(of_noise, shape)
        gumbel = jax.random.gumbel(of_readout, self.targets.shape)
        return Trials((noise, gumbel), self.targets, {})


def ours(network, targets, noise):
    """One step of `advance`: what the study's training runs."""
    like = Network(FirstOf(network.step), network.readout, network.h0)
    state = start(like, optimiser(CLIP), jax.random.key(0))
    sample, count = Drawn(targets, noise), len(targets)
    return lambda: advance(state, sample, LOSS, optimiser(CLIP), 1, count)[1]


def theirs(torch, network, targets, noise):
    """The same in PyTorch: a step, and the loss on given noise."""
    from geomloss import SamplesLoss

    units = len(network.h0)
    copy = lambda a: torch.from_numpy(np.array(a))
    rnn = torch.nn.RNN(noise, units, nonlinearity="relu", bias=False, batch_first=True)
    read = torch.nn.Linear(units, targets.shape[-1], bias=False)
    with torch.no_grad():
        rnn.weight_hh_l0.copy_(copy(network.step.w))
        rnn.weight_ih_l0.copy_(copy(network.step.u))
        read.weight.copy_(copy(network.readout.c))
    weights = [*rnn.parameters(), *read.parameters()]
    adam = torch.optim.Adam(weights, lr=1e-3, betas=(0.9, 0.9))
    divergence = SamplesLoss("sinkhorn", p=2, blur=0.2, backend="tensorized")
    wanted = copy(targets).reshape(len(targets), -1)

    def loss(x, gumbel):
        soft = torch.softmax(read(rnn(x)[0]) + gumbel, -1)
        hard = torch.nn.functional.one_hot(soft.argmax(-1), soft.shape[-1]).to(soft.dtype)
        said = hard + (soft - soft.detach())
        return divergence(said.reshape(len(said), -1), wanted)

    def step():
        adam.zero_grad()
        uniform = torch.rand(targets.shape).clamp_min(1e-20)
        value = loss(torch.randn(*targets.shape[:2], noise), -torch.log(-torch.log(uniform)))
        value.backward()
        torch.nn.utils.clip_grad_norm_(weights, CLIP)
        adam.step()
        return value.item()

    return step, lambda x, gumbel: loss(copy(x), copy(gumbel)).item()


def agree(network, targets, noise, their_loss):
    """On the same noise, the same loss."""
    trials = Sequences(linear_chain(2), targets.shape[1], noise).sample(
        jax.random.key(1), len(targets)
    )
    ys = jax.vmap(lambda x: _outputs(network, x))(trials.xs[0])
    value = float(LOSS.value(ys, Trials(trials.xs, targets, {})))
    other = their_loss(*trials.xs)
    assert abs(value - other) < 1e-3 * abs(other), (value, other)
    return value, other


def _outputs(network, x):
    def step(h, x):
        h = network.step(h, x)
        return h, network.readout(h)

    return jax.lax.scan(step, network.h0, x)[1]


def parts(network, targets, noise):
    """Our step in its parts, on the same sequences: noise, network forth and back, divergence."""
    like = Network(FirstOf(network.step), network.readout, network.h0)
    draw = jax.jit(lambda key: Drawn(targets, noise)(key, len(targets)))
    trials = draw(jax.random.key(3))
    weights, rest = eqx.partition(like, trainable(like))
    squares = OfBatch(lambda ys, trials: (ys**2).sum())
    back = jax.jit(
        jax.grad(lambda weights: batch_loss(eqx.combine(weights, rest), squares, trials))
    )
    said, wanted = targets[::-1].reshape(len(targets), -1), targets.reshape(len(targets), -1)
    widest = said.shape[1] ** 0.5
    divergence = jax.jit(
        jax.value_and_grad(lambda said: sinkhorn_divergence(said, wanted, diameter=widest))
    )
    return {
        "noise": lambda: draw(jax.random.key(3)),
        "network forth and back": lambda: back(weights),
        "divergence with gradient": lambda: divergence(said),
    }


def compare(torch, recipe, repeats):
    network = untrained(recipe, 0)
    symbols = linear_chain(2).sample(jax.random.key(2), recipe.batch, recipe.length)[1]
    targets = jax.nn.one_hot(symbols, 3)
    contenders = {"rnn_jax": ours(network, targets, recipe.noise)}
    if torch:
        contenders["PyTorch with geomloss"], their_loss = theirs(
            torch, network, targets, recipe.noise
        )
        print("losses on the same noise:", agree(network, targets, recipe.noise, their_loss))
    rows = paired(contenders, repeats)
    show(f"batch {recipe.batch}, {recipe.length} steps, {recipe.units} units", rows)
    alone = paired(parts(network, targets, recipe.noise), repeats)
    show("parts of a step, each compiled alone", alone)
    return {"recipe": recipe._asdict(), "rows": rows, "parts": alone}


if __name__ == "__main__":
    options = arguments(__doc__)
    torch = torch_or_none()
    sizes = [(64, 10)] if options.quick else [(1024, 100), (4096, 100)]
    recipes = [Recipe("linear-2", length, 1, CLIP, batch) for batch, length in sizes]
    save(options.json, [compare(torch, recipe, options.repeats) for recipe in recipes])
