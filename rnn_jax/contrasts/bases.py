"""The same network in another basis: are units better than random axes?

    network, question = turned(network, question, bases)

In the coordinates `z = Q^T h` the network is as good a network, and its axes are mixtures of
units. A search that needs as few axes as units says that units are nothing special.
"""

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import Input, Network, Readout, State, Step
from ..core.types import Numbers
from ..linear import haar
from .exchange import Question


class Turned(eqx.Module):
    """`z -> Q^T f(Q z, x)`; each part of a state has its own `Q`."""

    step: Step
    bases: PyTree[Float[Numbers, "N N"]]

    def __call__(self, z: State, x: Input) -> State:
        return into(self.bases, self.step(out_of(self.bases, z), x))


class TurnedReadout(eqx.Module):
    """`z -> g(Q z)`."""

    readout: Readout
    bases: PyTree[Float[Numbers, "N N"]]

    def __call__(self, z: State) -> Float[Array, " O"]:
        return self.readout(out_of(self.bases, z))


def into(bases: PyTree, h: State) -> State:
    """`Q^T h`, part by part."""
    return jax.tree.map(lambda q, leaf: q.T @ leaf, bases, h)


def out_of(bases: PyTree, z: State) -> State:
    """`Q z`, part by part."""
    return jax.tree.map(lambda q, leaf: q @ leaf, bases, z)


def random_bases(key: PRNGKeyArray, h0: State) -> PyTree[Float[Numbers, "N N"]]:
    """A Haar-random basis for each part of a state.

    **Example:**

        >>> h, c = rj.contrasts.random_bases(key, (jnp.zeros(3), jnp.zeros(3)))
        >>> bool(jnp.allclose(h @ h.T, jnp.eye(3), atol=1e-5)), bool(jnp.allclose(h, c))
        (True, False)
    """
    leaves, treedef = jax.tree.flatten(h0)
    keys = jax.random.split(key, len(leaves))
    return treedef.unflatten(
        [haar(k, leaf.shape[-1]).astype(leaf.dtype) for k, leaf in zip(keys, leaves)]
    )


def own_bases(h0: State) -> PyTree[Float[Numbers, "N N"]]:
    """The units themselves, as a basis of each part."""
    return jax.tree.map(lambda leaf: np.eye(leaf.shape[-1], dtype=leaf.dtype), h0)


def turned(network: Network, question: Question, bases: PyTree) -> tuple[Network, Question]:
    """Network and question in other coordinates: the same inputs, outputs and reads.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> asked = rj.contrasts.choose(pair, pair.epochs["event"], np.arange(8), np.ones(8))
        >>> bases = rj.contrasts.random_bases(key, network.h0)
        >>> other, question = rj.contrasts.turned(network, asked, bases)
        >>> a, b = (rj.run(one, x) for one in (network, other))
        >>> bool(jnp.allclose(a.hs @ bases, b.hs, atol=1e-5)), bool(jnp.allclose(a.hs, b.hs))
        (True, False)
        >>> bool(jnp.allclose(rj.outputs(network, a), rj.outputs(other, b), atol=1e-5))
        True
    """
    state = lambda tree, lead: _over(lambda h: into(bases, h), lead)(tree)
    step, readout = Turned(network.step, bases), TurnedReadout(network.readout, bases)
    question = eqx.tree_at(
        lambda q: (q.h0, q.value),
        question,
        (state(question.h0, 2), state(question.value, 3)),
    )
    return Network(step, readout, into(bases, network.h0)), question


def _over(function, axes: int):
    for _ in range(axes):
        function = jax.vmap(function)
    return function
