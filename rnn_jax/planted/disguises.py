"""Disguises: the same function by other units, with the truth carried along.

    disguised = split(planted, "memory", copies=3)
    control = rotate(planted, key)               # no unit is left to be found

A disguise is a pair of matrices, `E [new, old]` and `R [old, new]` with `R E = I`, around any
step whatever: `step' = E step(R h', x)`, `readout' = readout(R h')`, `h0' = E h0`. So the states
are `E hs`, `R` gives the original's back, and outputs are the same. A disguise of a disguise is
one pair again. It shows itself under interventions only: what a new unit does is what its column
of `R` does to the old ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Input, Network, Readout, Step
from ..linear import haar
from .motifs import integrator
from .planted import Planted, Truth


class Disguised(eqx.Module):
    """`step'(h, x) = E step(R h, x)`.

    - `step`: the step within, on `[N]`.
    - `expand`: `E [new, old]`. `reduce`: `R [old, new]`.
    """

    step: Step
    expand: Float[Array, "M N"]
    reduce: Float[Array, "N M"]

    def __call__(self, h: Float[Array, " M"], x: Input) -> Float[Array, " M"]:
        return self.expand @ self.step(self.reduce @ h, x)


class DisguisedReadout(eqx.Module):
    """`readout'(h) = readout(R h)`, with `reduce` as for `Disguised`."""

    readout: Readout
    reduce: Float[Array, "N M"]

    def __call__(self, h: Float[Array, " M"]) -> Float[Array, " O"]:
        return self.readout(self.reduce @ h)


def disguised() -> Planted:
    """An integrator in all the disguises that keep its function.

    Its sum is three units of uneven shares, half of all units say the negative of what they said,
    four more read members, and the order is another.

    **Example:**

        >>> made = rj.planted.disguised()
        >>> np.compress(made.truth.nodes["delay"] > 0, made.units).tolist()  # once `sum`
        ['sum/0', 'sum/2', 'sum/1']
    """
    keys = jax.random.split(jax.random.key(0), 4)
    planted = add_readers(split(integrator(), "sum", 3, keys[0]), 4, keys[1])
    N = len(planted.units)
    signs = np.asarray(jax.random.rademacher(keys[2], (N,)))
    order = np.asarray(jax.random.permutation(keys[3], N))
    return permute(flip_signs(planted, signs), order)


def permute(planted: Planted, order: Sequence[int] | np.ndarray) -> Planted:
    """The units in another order: new unit k is old unit `order[k]`, name, truth and all.

    `permute(permute(planted, order), np.argsort(order))` is the original.

    **Arguments:**

    - `planted`: of a state `[N]`.
    - `order`: each of `0 .. N - 1` once.

    **Returns:** a `Planted`, its truth for the new units.

    **Raises:** `ValueError` where the order is no permutation.

    **Example:**

        >>> made = rj.planted.permute(rj.planted.latch(extra=0), [2, 0, 1])
        >>> made.units, made.truth.nodes["hold"].tolist()
        (('memory', 'set', 'reset'), [1.0, 0.0, 0.0])
    """
    N = len(planted.units)
    order = [int(k) for k in order]
    if sorted(order) != list(range(N)):
        raise ValueError(f"order must hold each of 0 to {N - 1} once, got {order}")
    rows = np.eye(N)[order]
    return _disguise(planted, rows, rows.T, *_named(planted, order))


def flip_signs(planted: Planted, signs: Sequence[int] | np.ndarray) -> Planted:
    """Units that say the negative of what they said: `h'_i = s_i h_i`.

    Where the activation is odd this is the network of the weights `s_i W_ij s_j`; it preserves
    any other's function too. Flipped twice, it is the original.

    **Arguments:**

    - `planted`: of a state `[N]`.
    - `signs`: `N` of 1 or -1.

    **Returns:** a `Planted`, its truth for the new units.

    **Raises:** `ValueError` where they are not.

    **Example:**

        >>> made = rj.planted.latch(extra=0)
        >>> turned = rj.planted.flip_signs(made, [1, 1, -1])
        >>> a, b = (rj.run(one.network, jnp.eye(5, 2)).hs[:, 2] for one in (made, turned))
        >>> bool(jnp.allclose(a, -b)), turned.units[2]
        (True, 'memory')
    """
    N, signs = len(planted.units), [int(s) for s in signs]
    if len(signs) != N or set(signs) - {1, -1}:
        raise ValueError(f"signs must be {N} of 1 or -1, got {signs}")
    flip = np.diag(np.array(signs, float))
    return _disguise(planted, flip, flip, planted.units, planted.groups)


def split(planted: Planted, unit: str, copies: int, key: PRNGKeyArray | None = None) -> Planted:
    """One unit as several, that read what it read and share its outgoing weights.

    Copy k has the share `s_k > 0` of each, `sum_k s_k = 1`, and every copy is a member where
    the unit was one: taking out one has about `s_k` of the effect.

    **Arguments:**

    - `planted`: of a state `[N]`.
    - `unit`: its name. Copies stand in its place, named `NAME/0`, `NAME/1`, ...
    - `copies`: how many.
    - `key`: draws uneven shares; `None` for even ones.

    **Returns:** a `Planted`, its truth for the new units.

    **Raises:** `ValueError` where there is no such unit, or `copies < 1`.

    **Example:**

        >>> made = rj.planted.split(rj.planted.latch(extra=0), "memory", 2)
        >>> made.units, made.truth.nodes["hold"].tolist()
        (('set', 'reset', 'memory/0', 'memory/1'), [0.0, 0.0, 1.0, 1.0])
    """
    if unit not in planted.units:
        raise ValueError(f"no unit {unit!r} among {', '.join(planted.units)}")
    if copies < 1:
        raise ValueError(f"copies must be at least 1, got {copies}")
    at, N = planted.units.index(unit), len(planted.units)
    order = [*range(at), *[at] * copies, *range(at + 1, N)]
    shares = np.ones(len(order))
    # at least a third of the even share, so that every copy can be seen
    sizes = np.ones(copies) if key is None else jax.random.uniform(key, (copies,), minval=0.5)
    shares[at : at + copies] = np.asarray(sizes) / np.asarray(sizes).sum()
    rows = np.eye(N)[order]
    names, groups = _named(planted, order)
    names = (*names[:at], *(f"{unit}/{k}" for k in range(copies)), *names[at + copies :])
    return _disguise(planted, rows, rows.T * shares, names, groups)


def add_readers(planted: Planted, count: int, key: PRNGKeyArray) -> Planted:
    """Units that read members, and are read by nobody.

    Each holds a random weighted mean of all units that are a member in any epoch, at the same
    step, so that it is driven by just what drives the circuit.

    **Arguments:**

    - `planted`: of a state `[N]`.
    - `count`: the number of readers, named `reader 0`, ... and grouped as `reader`.
    - `key`: draws the weights.

    **Returns:** a `Planted`, its truth for the new units.

    **Raises:** `ValueError` where `count < 1`, or there is no member to read.

    **Example:**

        >>> made = rj.planted.add_readers(rj.planted.latch(extra=0), 2, key)
        >>> made.units[-2:], made.truth.nodes["hold"][-2:].tolist()  # driven, and not heard
        (('reader 0', 'reader 1'), [0.0, 0.0])
    """
    members = np.max([np.asarray(row) for row in planted.truth.nodes.values()], 0)
    if count < 1 or not members.any():
        raise ValueError(f"readers must be at least 1 and have members to read, got {count}")
    N, taken = len(members), sum(group == "reader" for group in planted.groups)
    reads = np.asarray(jax.random.exponential(key, (count, N))) * members
    reads = reads / reads.sum(1, keepdims=True)
    expand = np.concatenate([np.eye(N), reads])
    reduce, names = np.eye(N, N + count), [f"reader {taken + k}" for k in range(count)]
    inherit = np.eye(N + count, N)
    units, groups = (*planted.units, *names), (*planted.groups, *["reader"] * count)
    return _disguise(planted, expand, reduce, units, groups, inherit)


def rotate(planted: Planted, key: PRNGKeyArray) -> Planted:
    """A random rotation of the state's basis: `h' = Q h`, `Q` uniform (Haar) over all of them,
    reflections included.

    The negative control. The circuit is as it was, but no unit is it: every new axis has a part
    of every old unit, so that clamping any of them changes the outputs. The truth is therefore
    1 for every axis, and every connection, in an epoch that has a member: with nothing outside
    the circuit, precision is 1 for any guess and an AUROC is undefined. A method that reports a
    small circuit here reports its own bias. What is left to find is a subspace, that of the
    members' columns of `network.step.expand`: `truth.subspaces`.

    **Arguments:**

    - `planted`: of a state `[N]`.
    - `key`: draws the rotation.

    **Returns:** a `Planted`, its truth for the new units.

    **Example:**

        >>> made = rj.planted.rotate(rj.planted.latch(extra=0), key)
        >>> made.truth.nodes["hold"].tolist(), made.truth.subspaces["hold"].shape  # no unit is it
        ([1.0, 1.0, 1.0], (3, 1))
    """
    N = len(planted.units)
    q = np.asarray(haar(key, N))
    names = tuple(f"axis {k}" for k in range(N))
    spans = {
        epoch: jnp.asarray(np.eye(N)[:, np.asarray(nodes) > 0], nodes.dtype)
        for epoch, nodes in planted.truth.nodes.items()
    }
    truth = replace(planted.truth, subspaces=spans | planted.truth.subspaces)
    planted = replace(planted, truth=truth)
    return _disguise(planted, q, q.T, names, ("axis",) * N, np.ones((N, N)))


def _named(planted: Planted, order: Sequence[int]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(planted.units[k] for k in order), tuple(planted.groups[k] for k in order)


def _disguise(
    planted: Planted,
    expand: np.ndarray,
    reduce: np.ndarray,
    units: tuple[str, ...],
    groups: tuple[str, ...],
    inherit: np.ndarray | None = None,
) -> Planted:
    """The planted network seen through `E` and `R`.

    `inherit [new, old]` says whose membership a new unit has: by default whose state it shows.
    """
    step, readout, h0 = planted.network.step, planted.network.readout, planted.network.h0
    if not eqx.is_array(h0) or h0.ndim != 1:
        raise ValueError(
            f"a disguise needs a state that is one vector, got {jax.tree.structure(h0)}"
        )
    E, R = jnp.asarray(expand, h0.dtype), jnp.asarray(reduce, h0.dtype)
    h0 = E @ h0
    if isinstance(step, Disguised) and isinstance(readout, DisguisedReadout):
        step, readout, E, R = step.step, readout.readout, E @ step.expand, step.reduce @ R
    network = Network(Disguised(step, E, R), DisguisedReadout(readout, R), h0)
    truth = _inherited(planted.truth, expand != 0 if inherit is None else inherit, expand)
    return Planted(
        network, planted.sample, truth, units, groups, planted.latents, planted.contrasts
    )


def _inherited(truth: Truth, inherit: np.ndarray, expand: np.ndarray) -> Truth:
    any_of = lambda found, like: jnp.asarray(found > 0, like.dtype)
    rows = inherit.astype(float)
    # an orthonormal basis of what `E` makes of a subspace
    subspaces = {
        name: jnp.asarray(np.linalg.qr(expand @ np.asarray(s))[0], s.dtype)
        for name, s in truth.subspaces.items()
    }
    return Truth(
        {name: any_of(rows @ np.asarray(n), n) for name, n in truth.nodes.items()},
        {name: any_of(rows @ np.asarray(e) @ rows.T, e) for name, e in truth.edges.items()},
        subspaces,
    )
