"""Baselines: what ranks units without intervening on them, for every table of comparison.

    correlation(hs, targets, windows)                             # [W, N], larger: more important
    baseline_scores(network, xs, targets, windows, value, key)    # all of them, by name

Each looks at states, outputs and targets within a window, over trials and steps together; none
sees a truth. A window's weights `w_bt` count as shares, `p_bt = w_bt / sum w`. A unit that
does not move in a window, or a target that does not, scores 0 where a score needs it to move:
"does not move" is a standard deviation of at most 64 roundings of the root mean square.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..causal import Score, first_order_clamp, margin
from ..core import Network, Readout, State, outputs, run
from ..core.checks import at_least, axes, function, share
from ..core.network import check_network
from .lasso import lasso
from .weighted import dot, inverse, moments, per_trial, roundings, samples, shares, standard


def correlation(
    hs: Float[Array, "B T N"], signals: Float[Array, "B T O"], windows: Float[Array, "W ..."]
) -> Float[Array, "W N"]:
    """`max_o |corr_p(h_i, s_o)|`: what goes with the targets, or with the outputs.

    It is fooled by units that hear the circuit and that nobody hears, by lags, and by members
    whose part is not linear in the signal.

    **Arguments:**

    - `hs`: `[B, T, N]` states.
    - `signals`: `[B, T, O]`, targets or outputs.
    - `windows`: float `[W, T]`, or `[W, B, T]` where trials differ.

    **Returns:** `[W, N]` in [0, 1]; 0 of what does not move, and where a window is empty.

    **Raises:** `ValueError` where windows do not fit.

    **Example:**

        >>> hs = jax.random.normal(key, (8, 20, 3))
        >>> found = rj.circuits.correlation(hs, -2.0 * hs[:, :, :1], jnp.ones((1, 20)))
        >>> print(found[0, 0].round(3))  # unit 0, whatever the signal's sign and scale
        1.0
    """
    axes(hs=(hs, "B T N"), signals=(signals, "B T O"))
    x, y = samples(hs), samples(signals)

    def one(p: Float[Array, " S"]) -> Float[Array, " N"]:
        found = dot((p[:, None] * standard(x, p)).T, standard(y, p))
        return jnp.abs(found).max(-1)

    return lax.map(one, shares(windows, hs))


def variance(hs: Float[Array, "B T N"], windows: Float[Array, "W ..."]) -> Float[Array, "W N"]:
    """`sum_bt p_bt (h_bti - mean_p h_i)^2`: what moves most.

    It is fooled by units that move much and that nobody hears, and by any change of a unit's
    scale that its readers undo.

    **Arguments, raises:** as for `correlation`.

    **Returns:** `[W, N]`, in the state's unit squared.

    **Example:**

        >>> hs = jnp.array([1.0, 3.0])[:, None, None] * jnp.ones((2, 4, 1))
        >>> rj.circuits.variance(hs, jnp.ones((1, 4))).tolist()
        [[1.0]]
    """
    axes(hs=(hs, "B T N"))
    x = samples(hs)
    return lax.map(lambda p: moments(x, p)[1], shares(windows, hs))


def readout_weight(
    readout: Readout, hs: State, windows: Float[Array, "W ..."]
) -> Float[Array, "W N"]:
    """`sqrt(sum_bt p_bt sum_o (dy_o / dh_i)^2)` at the states of the window: who is read out.

    Of an affine readout it is the norm of a unit's column, whatever the window. It is fooled
    by all that works through other units, and by large weights on what does not move.

    **Arguments:**

    - `readout`: `h -> y`, any.
    - `hs`: `[B, T, N]` states, or a tree of them, whose parts add up in the square.
    - `windows`: as for `correlation`.

    **Returns:** `[W, N]`, outputs a unit of state; 0 where a window is empty.

    **Raises:** `ValueError` where windows do not fit.

    **Example:**

        >>> hs, columns = rj.core.clean_run(network, xs)[0], jnp.abs(network.readout.c)
        >>> scores = rj.circuits.readout_weight(network.readout, hs, jnp.ones((1, 20)))
        >>> bool(jnp.allclose(scores, columns))
        True
    """

    function("readout", readout)

    def squares(h: State) -> Float[Array, " N"]:
        slopes = jax.tree.leaves(jax.jacrev(readout)(h))
        return jnp.sum(jnp.concatenate(slopes) ** 2, 0)

    found = lax.map(jax.vmap(squares), hs)
    return jnp.sqrt(dot(shares(windows, found), samples(found)))


def selectivity(
    hs: Float[Array, "B T N"], targets: Float[Array, "B T O"], windows: Float[Array, "W ..."]
) -> Float[Array, "W N"]:
    """The share of a unit's variance over trials that the trial's class explains.

    `eta_i^2 = var_b(mean of m_i over b's class) / var_b(m_bi)`, `m_b` the trial's mean within
    the window; trials are of one class if the targets' means there have the same signs, output
    by output, 0 being a sign. Trials without the window do not count.

    It is fooled as correlation is, and by few trials: `K` classes explain `(K-1) / (B-1)` of
    pure noise. Targets of one sign throughout make one class, which explains nothing.

    **Arguments, raises:** as for `correlation`, with `targets` `[B, T, O]`.

    **Returns:** `[W, N]` in [0, 1].

    Fisher, Statistical Methods for Research Workers (1925), chapter 7.

    **Example:**

        >>> z = jnp.array([1.0, 1.0, -1.0, -1.0])[:, None, None] * jnp.ones((4, 5, 1))
        >>> print(rj.circuits.selectivity(3 * z, z, jnp.ones((1, 5))))  # the class explains all
        [[1.]]
    """

    axes(hs=(hs, "B T N"), targets=(targets, "B T O"))

    def one(window: Float[Array, "B T"]) -> Float[Array, " N"]:
        total = window.sum(1)
        share = (window * inverse(total)[:, None])[:, None]
        means = lambda values: dot(share, values)[:, 0]
        y, size = means(targets), means(jnp.abs(targets))
        signs = jnp.sign(jnp.where(jnp.abs(y) > roundings(y) * size, y, 0.0))
        p = (total > 0).astype(window.dtype)
        return _explained(means(hs), signs, p * inverse(p.sum()))

    return lax.map(one, per_trial(windows, hs))


def _explained(
    m: Float[Array, "B N"], classes: Float[Array, "B O"], p: Float[Array, " B"]
) -> Float[Array, " N"]:
    """The variance between classes over all of it."""
    same = (classes[:, None] == classes[None]).all(-1).astype(m.dtype) * p[None]
    of_class = dot(same, m) * inverse(same.sum(1))[:, None]
    return moments(of_class, p)[1] * inverse(moments(m, p)[1])


def sparse_probe(
    hs: Float[Array, "B T N"],
    targets: Float[Array, "B T O"],
    windows: Float[Array, "W ..."],
    penalty: float = 0.1,
    steps: int = 20_000,
) -> Float[Array, "W N"]:
    """`max_o |beta_io|` of the few units that together tell the target, output by output:

    `beta_o = argmin_b sum p (z_o - Z b)^2 / 2 + penalty max_i |corr_io| sum_i |b_i|`

    with `Z` and `z` the states and targets, standardised. At a penalty of 1 all `beta` are 0.
    Copies share one weight between them.

    It is fooled by whatever tells the target a little better than members do, read or unread;
    members that say the same as others lose their weight to them.

    **Arguments:** as for `correlation`, and

    - `penalty`: a share of the least penalty that leaves nothing, from 0 to 1.
    - `steps`: at most this many of the solver's, until no entry leaves its optimum condition by
        more than a square root of rounding, as a share of the largest correlation.

    **Returns:** `[W, N]`, target's deviations a deviation of the unit.

    **Raises:** `ValueError` where windows do not fit or `penalty` is no such share;
    `RuntimeError` where the solver needs more steps.

    Tibshirani, J. R. Stat. Soc. B 58 (1996); Gurnee et al., Trans. Mach. Learn. Res. (2023),
    for probes of few neurons.

    **Example:**

        >>> hs = jax.random.normal(key, (8, 20, 4))
        >>> found = rj.circuits.sparse_probe(hs, hs[:, :, :1], jnp.ones((1, 20)))
        >>> jnp.flatnonzero(found[0]).tolist()  # one unit tells the target: no other has a weight
        [0]
    """
    share("penalty", penalty, above=0)
    at_least(1, steps=steps)
    axes(hs=(hs, "B T N"), targets=(targets, "B T O"))
    x, y = samples(hs), samples(targets)

    def one(p: Float[Array, " S"]) -> Float[Array, " N"]:
        z = standard(x, p)
        weighted = (p[:, None] * z).T
        gram, cov = dot(weighted, z), dot(weighted, standard(y, p))
        return jnp.abs(lasso(gram, cov, penalty, steps)).max(-1)

    return lax.map(one, shares(windows, hs))


def gradient(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    windows: Float[Array, "W ..."],
    value: PyTree,
    score: Score = margin,
) -> Float[Array, "W N"]:
    """`mean_b |A_bi|`, `A` a clamp's effect to first order; see `first_order_clamp`.

    It is fooled by saturation, by copies that would step in, and by scores at their optimum:
    of a squared error against the network's own outputs it is 0 throughout.

    **Arguments:**

    - `network`: step, readout and first state.
    - `xs`: `[B, T, ...]` inputs.
    - `targets`: `[B, T, O]`.
    - `windows`: as for `correlation`.
    - `value`: `[B, T, N]` replacement, or a tree of them.
    - `score`: `(ys, targets) -> scalar` of one trial.

    **Returns:** `[W, N]`, in the score's unit, over the trials that have the window.

    **Raises:** `ValueError` where windows do not fit.

    **Example:**

        >>> value = jnp.zeros((8, 20, 6))
        >>> scores = rj.circuits.gradient(network, xs, jnp.sign(ys), rj.tiling(20, 10), value)
        >>> scores.shape, bool((scores >= 0).all())
        ((2, 6), True)
    """
    check_network(network)
    function("score", score)
    for part in jax.tree.leaves(value):
        axes(targets=(targets, "B T O"), value=(part, "B T N"))
    rows = per_trial(windows, targets)

    def one(trial: tuple) -> Float[Array, "W N"]:
        x, target, new, within = trial
        metric = lambda trajectory: score(outputs(network, trajectory), target)
        return first_order_clamp(network.step, network.h0, x, metric, new, within)

    found = lax.map(one, (xs, targets, value, jnp.moveaxis(rows, 1, 0)))
    count = (rows.sum(-1) > 0).sum(-1).astype(found.dtype)
    return jnp.abs(found).sum(0) * inverse(count)[:, None]


def random_scores(key: PRNGKeyArray, windows: int, units: int) -> Float[Array, "W N"]:
    """Uniform in [0, 1): chance, which any method must beat. **Returns:** `[W, N]`.

    **Example:**

        >>> rj.circuits.random_scores(key, windows=2, units=6).shape
        (2, 6)
    """
    at_least(1, windows=windows, units=units)
    return jax.random.uniform(key, (windows, units))


class Seen(NamedTuple):
    """What a baseline may look at: a clean run, and what is asked of it.

    - `network`, `xs`, `targets`, `windows`, `value`, `score`: as for `gradient`.
    - `states`: of the clean run, `[B, T, N]` or a tree of them.
    - `hs`: the first part of them, which a unit shows.
    - `ys`: `[B, T, O]` outputs of the clean run.
    - `key`: for what is drawn.
    """

    network: Network
    xs: PyTree
    targets: Array
    windows: Array
    value: PyTree
    score: Score
    states: State
    hs: Array
    ys: Array
    key: PRNGKeyArray


BASELINES: dict[str, Callable[[Seen], Float[Array, "W N"]]] = {
    "correlation with target": lambda a: correlation(a.hs, a.targets, a.windows),
    "correlation with readout": lambda a: correlation(a.hs, a.ys, a.windows),
    "variance": lambda a: variance(a.hs, a.windows),
    "readout weight": lambda a: readout_weight(a.network.readout, a.states, a.windows),
    "selectivity": lambda a: selectivity(a.hs, a.targets, a.windows),
    "sparse probe": lambda a: sparse_probe(a.hs, a.targets, a.windows),
    "gradient": lambda a: gradient(a.network, a.xs, a.targets, a.windows, a.value, a.score),
    "random": lambda a: random_scores(a.key, len(a.windows), a.hs.shape[-1]),
}
"""Every method that ranks units without intervening, by name; all but `random` compete."""


@eqx.filter_jit
def baseline_scores(
    network: Network,
    xs: PyTree,
    targets: Float[Array, "B T O"],
    windows: Float[Array, "W ..."],
    value: PyTree,
    key: PRNGKeyArray,
    score: Score = margin,
) -> dict[str, Float[Array, "W N"]]:
    """All of `BASELINES`, by name; of a state in several parts the first is looked at.

    It compiles itself.

    **Arguments:** as for `gradient`, and

    - `key`: draws the random scores.

    **Returns:** `[W, N]` each.

    **Raises:** as `gradient` and `sparse_probe`.

    **Example:**

        >>> windows, value = jnp.ones((2, 8, 20)), jnp.zeros((8, 20, 6))
        >>> scores = rj.circuits.baseline_scores(network, xs, ys, windows, value, key)
        >>> scores["variance"].shape, scores["gradient"].shape  # [window, unit], of each method
        ((2, 6), (2, 6))
    """
    trajectories = jax.vmap(lambda x: run(network, x))(xs)
    ys = jax.vmap(lambda trajectory: outputs(network, trajectory))(trajectories)
    states = trajectories.hs
    shown = jax.tree.leaves(states)[0]
    seen = Seen(network, xs, targets, windows, value, score, states, shown, ys, key)
    return {name: scores(seen) for name, scores in BASELINES.items()}
