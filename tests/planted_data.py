"""What a planted network does, for tests: its trials, states, and effects of interventions."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rnn_jax import Replace, outputs, run, squared_error, sweep, sweep_edges
from rnn_jax.causal import mean, resample, zero
from rnn_jax.core import clean_run
from rnn_jax.planted import PLANTED

KEY = jax.random.key(5)
VALUES = {
    "zero": jax.jit(zero),
    "mean": jax.jit(mean),
    "resample": jax.jit(lambda hs: resample(hs, jax.random.key(7))),
}
ROUNDING = 1e-12
close = functools.partial(np.testing.assert_allclose, rtol=0, atol=ROUNDING)
COUNT = 48
NONE = 1e-24
"""A squared error of rounded outputs."""


@eqx.filter_jit
def sampled(planted, key, count):
    """Its trials, drawn in one program."""
    return planted.sample(key, count)


@eqx.filter_jit
def responses(network, xs, interventions):
    """Outputs `[B, T, O]` of trials `[B, T, I]`, each under its own intervention."""
    one = lambda x, intervention: outputs(network, run(network, x, intervention))
    return jax.vmap(one)(xs, interventions)


@eqx.filter_jit
def states(network, xs):
    hs = jax.vmap(lambda x: run(network, x).hs)(xs)
    return hs, jax.vmap(jax.vmap(network.readout))(hs)


class Data:
    """A planted network's trials, states and outputs, and effects on its own outputs."""

    def __init__(self, planted, trials=16):
        self.planted, self.network = planted, planted.network
        self.trials = sampled(planted, KEY, trials)
        self.xs = self.trials.xs
        self.hs, self.ys = states(self.network, self.xs)
        self.epochs = list(self.trials.epochs)
        self.windows = jnp.stack([self.trials.epochs[name][0] for name in self.epochs])
        self.N, self.steps = self.hs.shape[2], self.hs.shape[1]

    def group(self, *names):
        return jnp.asarray([float(name in names) for name in self.planted.units])

    def where(self, *names):
        return [self.planted.units.index(name) for name in names]

    def truth(self, epoch):
        return np.asarray(self.planted.truth.nodes[epoch]) > 0

    def effects(self, value, groups=None, windows=None, **options):
        """Mean size of the effect on the network's own outputs, `[W, G]`."""
        groups = jnp.eye(self.N) if groups is None else jnp.stack(groups)
        windows = self.windows if windows is None else windows
        found = sweep(
            self.network, self.xs, self.ys, squared_error, groups, windows,
            VALUES[value](self.hs), **options,
        )  # fmt: skip
        return np.abs(np.asarray(found)).mean(-1)

    def edge_effects(self, value):
        """The same of every connection, `[W, to, from]`."""
        pairs = np.stack(np.meshgrid(*2 * [np.arange(self.N)], indexing="ij"), -1).reshape(-1, 2)
        found = sweep_edges(
            self.network, self.xs, self.ys, squared_error, jnp.asarray(pairs), self.windows,
            VALUES[value](self.hs),
        )  # fmt: skip
        return np.abs(np.asarray(found)).mean(-1).reshape(-1, self.N, self.N)

    def held(self, units, window, value):
        """Outputs with units held, each trial's at its own row of `value [B, T, N]`."""
        mask = jnp.outer(window, units)
        masks = jnp.broadcast_to(mask[None], value.shape)
        return np.asarray(responses(self.network, self.xs, jax.vmap(Replace)(masks, value)))

    def kept(self, units, window):
        """Outputs with all but some units at another trial's states."""
        return self.held(1.0 - units.astype(float), window, VALUES["resample"](self.hs))

    def correlation(self, at=-1):
        """Of each unit with the output over trials, at one time; 0 for a unit that is still."""
        h, y = np.asarray(self.hs[:, at]), np.asarray(self.ys[:, at, 0])
        h, y = h - h.mean(0), y - y.mean()
        scale = np.sqrt((h**2).sum(0) * (y**2).sum())
        return np.abs(h.T @ y) / np.where(scale < ROUNDING, np.inf, scale)


def linear(ys, target):
    """The outputs along a target."""
    return (ys * target).sum()


class Asked:
    """One contrast of a kind: runs, foils, and shares of exchanges in each epoch."""

    def __init__(self, planted, trials, contrast):
        self.network = planted.network
        self.contrast = contrast
        self.xs = (np.asarray(trials.xs), np.asarray(contrast.foil))
        runs = [clean_run(self.network, jnp.asarray(x)) for x in self.xs]
        self.hs, self.ys = (
            [np.asarray(run[part]) for run in runs] for part in (0, 1)
        )  # fmt: skip
        self.scale = self.ys[0].std((0, 1))
        self.N = self.hs[0].shape[-1]

    def share(self, epoch, groups=None, edges=None):
        """`[G]` or `[E]`, the larger of undone and restored by size."""
        return np.abs(self.both(epoch, groups, edges)).max(0)

    def both(self, epoch, groups=None, edges=None):
        window = np.asarray(self.contrast.epochs[epoch])
        begun = np.cumsum(window, 1)[..., None] > 0
        read = np.asarray(self.contrast.read)[..., None] * begun / self.scale**2
        found = []
        for own, other in ((0, 1), (1, 0)):
            gap = self.ys[other] - self.ys[own]
            target = jnp.asarray(read * gap / (read * gap**2).sum())
            rest = (jnp.asarray(window)[None], jnp.asarray(self.hs[other]))
            xs = jnp.asarray(self.xs[own])
            if edges is None:
                rows = np.eye(self.N) if groups is None else groups
                some = sweep(self.network, xs, target, linear, jnp.asarray(rows), *rest)
            else:
                some = sweep_edges(self.network, xs, target, linear, jnp.asarray(edges), *rest)
            found.append(np.asarray(some)[0].sum(-1))
        return np.stack(found)


@functools.cache
def built(name):
    planted = PLANTED[name].make()
    trials = sampled(planted, jax.random.key(3), COUNT)
    contrasts = planted.contrasts(jax.random.key(4), trials)
    return planted, trials, contrasts


@functools.cache
def asked(name):
    planted, trials, contrasts = built(name)
    return {cause: Asked(planted, trials, contrast) for cause, contrast in contrasts.items()}


def questions(name):
    for cause, case in asked(name).items():
        for epoch in case.contrast.epochs:
            yield cause, case, epoch
