"""Exchange: what putting the foil's states of a set of units into the run does, and the reverse.

    question = choose(pair, pair.epochs["hold"], picks, weights)
    sums = exchanged(network, question, sets)                  # [2, G, n, 3]
    share = shares(sums, question.norms)                       # effect and off target, [2, G]

With `D = y_foil - y` (for the foil: `y - y_foil`), `dy` what an exchange changes, `r` the weights
of the read and `1` where anything is read, the effect is `e = <r dy, D> / <r D, D>` and off target
`|dy - e D|^2 / |D|^2`: sums over trials, outputs and times. An exchange that makes the run its
foil has `e = 1` and nothing off target. Three sums of each trial say all of it, so that an exact
sweep returns these three.
"""

from functools import partial
from typing import Any, NamedTuple, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int, PyTree

from ..causal.sweep.budget import default_memory, fit_budget
from ..causal.sweep.engine import CLAMP, Batch, compute
from ..core import Network
from ..core.types import Numbers
from .aligned import Epoch, Pair

States: TypeAlias = PyTree[Float[Numbers, "..."]]
"""States of many trials and steps, on a device or on the host."""


class Question(eqx.Module):
    """Some trials of a pair, and what is exchanged and read in them; axis 0 is `(run, foil)`.

    - `h0`, `xs`: as in `Pair`; `value`: the other run's states, `[2, n, L, N]`.
    - `ys`, `gap`: own outputs, and the other's less them, `[2, n, L, O]`.
    - `read`, `times`: weights `[2, n, L, O]` of the read and of all outputs at its times, over
        the outputs' variances.
    - `window`: `[2, n, L]`.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> asked = rj.contrasts.choose(pair, pair.epochs["event"], np.arange(8), np.ones(8))
        >>> asked.norms.shape  # of run and foil, of each trial: what is read, and all
        (2, 8, 2)
    """

    h0: States
    xs: PyTree
    value: States
    ys: Float[Numbers, "2 n L O"]
    gap: Float[Numbers, "2 n L O"]
    read: Float[Numbers, "2 n L O"]
    times: Float[Numbers, "2 n L O"]
    window: Float[Numbers, "2 n L"]

    @property
    def norms(self) -> Float[Numbers, "2 n 2"]:
        """`<r D, D>` and `<D, D>` of each trial; on the host unless it is traced."""
        return self.norms_by_output.sum(2)

    @property
    def norms_by_output(self) -> Float[Numbers, "2 n O 2"]:
        """The part of each output in `norms`."""
        stack = jnp.stack if isinstance(self.gap, Tracer) else np.stack
        return stack([(w * self.gap**2).sum(2) for w in (self.read, self.times)], -1)


class Share(NamedTuple):
    """The effect and what is off target, as shares; axis 0 is `(undone, restored)`.

    - `effect`: `e`, 1 where the run has become its foil.
    - `off`: `|dy - e D|^2 / |D|^2`, its root the amplitude.

    **Example:**

        >>> run, foil = np.array([0.9, 0.02]), np.array([0.8, 0.05])
        >>> found = rj.contrasts.Share(*np.stack([run, foil], 1))
        >>> found.residual.round(3)  # (1 - e)^2 + off
        array([0.03, 0.09])
    """

    effect: Any
    off: Any

    @property
    def residual(self) -> Any:
        """`(1 - e)^2 + off`."""
        return (1 - self.effect) ** 2 + self.off


def choose(
    pair: Pair,
    epoch: Epoch,
    picks: Int[np.ndarray, " n"],
    weights: Float[np.ndarray, " n"],
    window: Float[np.ndarray, "B L"] | None = None,
) -> Question:
    """The question on some trials of a pair.

    **Arguments:**

    - `pair`: all trials.
    - `epoch`: what is asked.
    - `picks`, `weights`: which trials, and 1 or 0 for those that only fill up.
    - `window`: where states are exchanged; that of the epoch unless given. Outputs before its
        first step are not read.

    **Returns:** a `Question` of arrays on the host.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> asked = rj.contrasts.choose(pair, pair.epochs["event"], np.arange(4), np.ones(4))
        >>> asked.ys.shape  # [run or foil, trial, step, output]
        (2, 4, 16, 1)
        >>> np.allclose(asked.ys[0] + asked.gap[0], asked.ys[1])  # the gap is that to the foil
        True
    """
    # arrays of the host: each eager operation of a new shape would be a program to compile
    dtype = jax.tree.leaves(pair.h0)[0].dtype
    take = lambda tree: jax.tree.map(lambda leaf: leaf[:, picks], tree)
    other = lambda tree: jax.tree.map(lambda leaf: leaf[::-1][:, picks], tree)
    twice = lambda rows: np.stack([rows] * 2).astype(dtype)
    scale = (1 / pair.scale**2) * weights[:, None, None]
    window = epoch.window if window is None else window
    # what is read before the exchange begins cannot move, and would count as missed
    begun = np.cumsum(window[picks] > 0, 1)[:, :, None] > 0
    weights_of = epoch.read[picks] * begun
    read, times = weights_of * scale, (weights_of > 0).any(-1, keepdims=True) * scale
    ys = take(pair.ys)
    return Question(
        take(pair.h0), take(pair.xs), other(pair.hs), ys, other(pair.ys) - ys,
        twice(read), twice(times), twice(window[picks]),
    )  # fmt: skip


def flat(tree: PyTree) -> PyTree:
    """Both runs of all trials as one axis: `[2, n, ...]` to `[2 n, ...]`."""
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), tree)


def sums_of_run(ys: Float[Array, "L O"], target: Any) -> Float[Array, "O 3"]:
    """Each output's three sums in one run, whose target is `(own outputs, gap, read, times)`."""
    own, gap, read, times = target
    change = ys - own
    terms = read * change * gap, times * change * gap, times * change**2
    return jnp.stack([term.sum(0) for term in terms], -1)


def sums_of(
    network: Network, question: Question, sets: Float[Numbers, "G N"], by_output: bool = False
) -> Float[Array, "2 G n *O 3"]:
    """`<r dy, D>`, `<1 dy, D>` and `<1 dy, dy>` of each exchange and trial, by exact runs.

    It is one part of a program: call it inside `jit`, or `exchanged` outside. `by_output` leaves
    the sums of each output apart.
    """
    q = flat(question)
    batch = Batch(q.xs, (q.ys, q.gap, q.read, q.times), q.window[:, None], q.value, q.h0)
    rows, L = q.ys.shape[:2]
    size = fit_budget(network, L, len(sets), rows, default_memory())
    used = (q.times > 0).any((0, 2))
    last = L - 1 - jnp.argmax(used[::-1])
    found = compute(network, sums_of_run, batch, sets[None], last, CLAMP, "exact", size)[0]
    return by_run(found, by_output)


def by_run(found: Float[Array, "G *R O 3"], by_output: bool) -> Float[Array, "2 G n *O 3"]:
    """Sums with the two runs as axis 0; of all outputs together unless they are left apart."""
    found = found if by_output else found.sum(-2)
    parts = found.shape[-2:] if by_output else found.shape[-1:]
    return jnp.moveaxis(found.reshape(len(found), 2, -1, *parts), 1, 0)


exchanged_by_output = eqx.filter_jit(partial(sums_of, by_output=True))
"""`sums_of` as a program of its own, `[2, G, n, O, 3]`."""


def exchanged(
    network: Network, question: Question, sets: Float[Numbers, "G N"]
) -> Float[np.ndarray, "2 G n 3"]:
    """`sums_of` by the same program, on the host.

    **Example:**

        >>> pair = rj.contrasts.aligned(network, trials, contrast)
        >>> asked = rj.contrasts.choose(pair, pair.epochs["event"], np.arange(8), np.ones(8))
        >>> sums = rj.contrasts.exchanged(network, asked, np.ones((1, 6)))  # all units
        >>> found = rj.contrasts.shares(sums, asked.norms)
        >>> print(found.effect.round(3).ravel())  # the whole is undone, and restored
        [1. 1.]
    """
    return np.asarray(exchanged_by_output(network, question, sets)).sum(-2)


def shares(sums: Any, norms: Any) -> Share:
    """Effect and off target from sums over trials: ratios of sums, which weigh trials by `D`.

    **Arguments:**

    - `sums`: `[2, ..., n, 3]`, of NumPy or JAX.
    - `norms`: `[2, n, 2]`.

    **Returns:** a `Share` of `[2, ...]`.

    **Example:**

        >>> norms = np.full((2, 3, 2), 4.0)  # of three trials, |D|^2 = 4
        >>> sums = np.array([2.0, 2.0, 1.0]) * np.ones((2, 3, 3))  # outputs went half of the way
        >>> found = rj.contrasts.shares(sums, norms)
        >>> found.effect, found.off  # and nowhere else
        (array([0.5, 0.5]), array([0., 0.]))
    """
    along, straight, size = (sums[..., k].sum(-1) for k in range(3))
    lift = lambda total: total.reshape(2, *(1 for _ in along.shape[1:]))
    read, whole = (lift(norms[..., k].sum(-1)) for k in range(2))
    effect = along / read
    return Share(effect, (size - 2 * effect * straight) / whole + effect**2)


def astray(
    sums: Float[np.ndarray, "2 *G n O 3"], norms: Float[np.ndarray, "2 n O 2"]
) -> Float[np.ndarray, "2 *G O"]:
    """Each output's part of what is off target, `|dy_o - e D_o| / |D|`: squared they sum to it.

    **Arguments:**

    - `sums`: by output, of NumPy.
    - `norms`: `Question.norms_by_output`.
    """
    effect = shares(sums.sum(-2), norms.sum(-2)).effect[..., None]
    own = norms[..., 1].sum(1).reshape(2, *(1 for _ in effect.shape[1:-1]), -1)
    straight, size = (sums[..., k].sum(-2) for k in (1, 2))
    off = (size - 2 * effect * straight + effect**2 * own) / own.sum(-1, keepdims=True)
    # rounding may leave less than nothing
    return np.sqrt(np.maximum(off, 0))
