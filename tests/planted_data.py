"""What a planted network does, for tests: its trials, states, and effects of interventions."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from rnn_jax import Replace, outputs, run, squared_error, sweep, sweep_edges
from rnn_jax.causal import mean, resample, zero

KEY = jax.random.key(5)
VALUES = {"zero": zero, "mean": mean, "resample": lambda hs: resample(hs, jax.random.key(7))}
ROUNDING = 1e-12
close = functools.partial(np.testing.assert_allclose, rtol=0, atol=ROUNDING)
NONE = 1e-24
"""A squared error of rounded outputs."""


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
        self.trials = planted.sample(KEY, trials)
        self.xs = self.trials.xs
        self.hs, self.ys = states(self.network, self.xs)
        self.epochs = list(planted.truth.nodes)
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
