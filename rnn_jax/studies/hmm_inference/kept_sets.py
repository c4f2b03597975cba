"""Sets of units that are left to themselves while all others are held, in noise and without.

    scores = rankings(network, trials, key)                    # by name [N], larger first
    masks = largest(scores["circuit"], sizes, key)             # [K, N], the best k of each size
    curve = kept_faithfulness(network, trials.xs, masks)       # [K]
    right = accuracies(network, fit, test, masks, value, scales)   # [2, K, L]

State noise is an input of each trial, `h_t = step(h_{t-1}, x_t) + scale * xi_t` and then the
hold, so that all sets and all levels of noise meet the same draws. What is held is held at its
mean over noiseless trials at each time, which takes away its noise too.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ...causal import mean, resample, squared_error, sweep
from ...circuits import correlation, keep, keeping, share_kept, variance, without_rounding
from ...core import Compose, Network, Shift, clean_run, in_order, run
from ...core.checks import floats
from ...tasks import Trials

RIDGE = 1e-4
"""Of a linear decoder, as a share of the mean variance of what it reads."""


class Noisy(NamedTuple):
    """Trials, and the noise that their runs meet.

    - `xs`: `[B, T, I]`. `state`: `[B, T]`, +1 or -1, to be told. `xi`: `[B, T, N]`, standard.
    """

    xs: Float[Array, "B T I"]
    state: Float[Array, "B T"]
    xi: Float[Array, "B T N"]


def rankings(network: Network, trials: Trials, key: PRNGKeyArray) -> dict[str, np.ndarray]:
    """Scores of units over whole trials: what each is worth by ablation, and by being watched.

    `circuit` and `resampled`: the mean squared change of the outputs when the unit is clamped to
    its mean over trials, or to its states on another trial. Then the size of its correlation with
    the targets and with the outputs, its variance, and chance.

    **Arguments:**

    - `network`, `trials`: noiseless, with targets.
    - `key`: draws who serves whom, and the random scores.

    **Returns:** by name `[N]`, larger first.

    **Raises:** `ValueError` where the trials have no targets.
    """
    if trials.targets is None:
        raise ValueError("units cannot be correlated with targets that the trials lack")
    value_key, chance_key = jax.random.split(key)
    hs, ys = clean_run(network, trials.xs)
    units = jnp.eye(hs.shape[-1], dtype=hs.dtype)
    whole = jnp.ones((1, hs.shape[1]), hs.dtype)
    ablated = lambda value: without_rounding(
        np.abs(
            np.asarray(sweep(network, trials.xs, ys, squared_error, units, whole, value)).mean(-1)
        )
    )
    scores = {
        "circuit": ablated(mean(hs))[0],
        "resampled": ablated(resample(hs, value_key))[0],
        "correlation": correlation(hs, trials.targets, whole)[0],
        "correlation with readout": correlation(hs, ys, whole)[0],
        "variance": variance(hs, whole)[0],
        "random": jax.random.uniform(chance_key, (hs.shape[-1],), hs.dtype),
    }
    return {name: np.asarray(score) for name, score in scores.items()}


def kept_faithfulness(
    network: Network, xs: Float[Array, "B T I"], masks: Bool[np.ndarray, "K N"]
) -> Float[np.ndarray, " K"]:
    """`1 - MSE(C) / MSE(nothing)` of the outputs with only C left, all others at their mean.

    It is `(m(C) - m(0)) / (m(all) - m(0))` of minus the mean squared change of the outputs, the
    ratio of means over trials. It is not clipped: a set may do worse than none.

    **Arguments:**

    - `network`, `xs`: noiseless trials; the mean is over these.
    - `masks`: what is kept.
    """
    hs, ys = clean_run(network, xs)
    evaluate = keeping(network, xs, ys, squared_error, np.ones(hs.shape[1]), mean(hs))
    found = np.asarray(evaluate(floats(np.concatenate([masks, np.zeros_like(masks[:1])]))))
    return share_kept(found[:-1], found[-1])


@eqx.filter_jit
def accuracies(
    network: Network,
    fit: Noisy,
    test: Noisy,
    sets: Float[Array, "S N"],
    value: Float[Array, "T N"],
    scales: Float[Array, " L"],
) -> Float[Array, "2 S L"]:
    """How often the state is told with only a set left, at each size of state noise.

    It is told by the sign of the network's own output; and by a least-squares decoder of the
    set's units, fitted on other trials of the same set in noise of the same size. It compiles
    itself.

    **Arguments:**

    - `network`: of a state `[N]` and one output.
    - `fit`, `test`: trials for the decoder, and those on which both are counted.
    - `sets`: 1 for units that are kept.
    - `value`: what all others are held at.
    - `scales`: standard deviations of the noise, in the state's unit.

    **Returns:** `[2, S, L]`: by the readout, by the decoder; shares of all steps.
    """
    batched = in_order(network, "vector first")

    def states(trials: Noisy, members: Array, scale: Array) -> Float[Array, "B T N"]:
        window = jnp.ones(value.shape[0], value.dtype)
        hold = keep(members, window, value)
        one = lambda x, xi: run(batched, x, Compose(Shift(scale * xi), hold)).hs
        return jax.vmap(one)(trials.xs, trials.xi)

    def once(members: Array, scale: Array) -> Float[Array, "2"]:
        seen, fresh = (states(trials, members, scale) for trials in (fit, test))
        told = jax.vmap(jax.vmap(batched.readout))(fresh)[..., 0]
        kept = members[None, None]
        decoded = decode(seen * kept, fit.state, fresh * kept)
        return jnp.stack([share_right(told, test.state), share_right(decoded, test.state)])

    found = lax.map(lambda members: lax.map(lambda scale: once(members, scale), scales), sets)
    return jnp.moveaxis(found, -1, 0)


def decode(
    seen: Float[Array, "B T N"], state: Float[Array, "B T"], fresh: Float[Array, "C T N"]
) -> Float[Array, "C T"]:
    """What least squares on some trials says of the state on others.

    `w = argmin mean (state - mean state - w (h - mean h))^2 + r |w|^2`, `r` a ten-thousandth of
    the mean variance of the units that move.
    """
    h, s = seen.reshape(-1, seen.shape[-1]), state.reshape(-1)
    centre, middle = h.mean(0), s.mean()
    z = h - centre[None]
    product = lambda a, b: jnp.matmul(a, b, precision="highest") / len(h)
    gram = product(z.T, z)
    moving = jnp.maximum((jnp.diag(gram) > 0).sum(), 1).astype(gram.dtype)
    ridge = RIDGE * jnp.trace(gram) / moving + jnp.finfo(gram.dtype).tiny
    weights = jnp.linalg.solve(gram + ridge * jnp.eye(len(gram)), product(z.T, s - middle))
    return middle + (fresh - centre[None, None]) @ weights


def share_right(told: Float[Array, "B T"], state: Float[Array, "B T"]) -> Float[Array, ""]:
    """How often the sign is right; what says nothing, 0, is wrong."""
    return jnp.mean((told * state > 0).astype(state.dtype))
