"""The local linearisation of a step, by zone: what grows, what turns, what noise does.

    found = spectra(network, key, 300)
    found["unstable"], found["critical"], found["radius"]      # [zone]

The step out of `h_t` uses `x_{t+1}`: its Jacobian is `diag(1[W h_t + U x_{t+1} > 0]) W`. The
published analysis pairs `h_t` with `x_t`, the noise of the step before, so that gates are those of
no step that was made. Both are computed, and how they correlate over states.

A continuous-time reading of an eigenvalue z is `s = (z - 1) / (z + 1)`, whose real part is
positive where `|z| > 1`.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...core import Network, rollout
from ...dynamics import noise_gain_along
from ...dynamics.jacobians import local
from ...linear import jacobians, propagators
from .determinism import CANDIDATES
from .zones import Samples, by_zone, chosen, shares, zoned

WINDOW = 5
"""Steps of a product of Jacobians, and of the noise that a gain adds up."""

REAL, IMAGINARY = 0.1, 0.05
"""A pair is critical where `|Re s|` is below the first and `Im s` above the second."""


class Spectrum(NamedTuple):
    """Numbers of Jacobians' eigenvalues.

    - `unstable`: `[S]`, how many have `Re (z - 1) / (z + 1) > 0`.
    - `critical`: `[S]`, how many pairs have `|Re| < 0.1` and `Im > 0.05`.
    - `radius`: `[S]`, the largest `|z|`.
    """

    unstable: Int[np.ndarray, " S"]
    critical: Int[np.ndarray, " S"]
    radius: Float[np.ndarray, " S"]


class Linear(NamedTuple):
    """The linearisation about a state.

    - `jacobian`: `[N, N]` of the step out of it, `[to, from]`; `published`: with the noise of the
        step before.
    - `product`: `[N, N]`, of the next `WINDOW` steps.
    - `gain`: the variance of the next state that its noise makes, summed over units.
    - `gain_window`: that of the state after `WINDOW` steps, by the noise of all of them;
        `relative_gain`: over its sum with the squared length of that state.
    """

    jacobian: Float[Array, "N N"]
    published: Float[Array, "N N"]
    product: Float[Array, "N N"]
    gain: Float[Array, ""]
    gain_window: Float[Array, ""]
    relative_gain: Float[Array, ""]


def spectrum(jacobian: Float[np.ndarray, "S N N"]) -> Spectrum:
    """Unstable directions, critical pairs and spectral radius of each Jacobian.

    **Arguments:**

    - `jacobian`: `[S, N, N]`, on the host: accelerators have no routine for matrices that are not
        symmetric.

    **Returns:** `Spectrum`.
    """
    z = np.linalg.eigvals(np.asarray(jacobian, float)).astype(complex)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = (z - 1) / (z + 1)
    critical = (np.abs(s.real) < REAL) & (s.imag > IMAGINARY)
    return Spectrum((np.abs(z) > 1).sum(1), critical.sum(1), np.abs(z).max(1))


def linearised(
    network: Network,
    h: Float[Array, " N"],
    before: Float[Array, " I"],
    after: Float[Array, "T I"],
) -> Linear:
    """The linearisation of the steps out of one state.

    **Arguments:**

    - `network`: its step.
    - `h`: the state.
    - `before`: the input of the step that led to it.
    - `after`: the inputs of the `WINDOW` steps that follow.

    **Returns:** `Linear`.
    """
    trajectory = rollout(network.step, h, after)
    along = jacobians(network.step, trajectory)
    gains = noise_gain_along(network.step, trajectory).sum((1, 2))
    by_noise = local(network.step, h, after[0])[1]
    total = gains.sum()
    whole = total + (trajectory.hs[-1] ** 2).sum()
    return Linear(
        along[0], local(network.step, h, before, False)[0], propagators(along)[-1],
        (by_noise**2).sum(), total, total / jnp.where(whole > 0, whole, 1),
    )  # fmt: skip


@eqx.filter_jit
def _all_linearised(network: Network, states: Samples) -> Linear:
    rows = states.h, states.before, states.after[:, :WINDOW]
    return lax.map(lambda row: linearised(network, *row), rows, batch_size=8)


def spectra(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """Spectra, gains and products of the linearisation, by zone.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws states, noise and intervals.
    - `size`: states, a quarter of each zone as far as there are so many.

    **Returns:** means over states of a zone `[4]` and their bootstrap intervals, `_low` and
    `_high`, of `unstable`, `critical`, `radius`; of the same with the published pairing, by the
    names `unstable_published`, ...; of `gain`, `gain_window`, `relative_gain`; of the product of
    five Jacobians `stretch`, its largest singular value, and `stretched`, how many are above 1.
    `correlation [3]`: of `unstable`, `critical` and `radius` with those of the published pairing,
    over states, weighted as in the runs; NaN where one does not vary. `count [4]`.

    **Raises:** `ValueError` as `zoned`.
    """
    state_key, draw_key = jax.random.split(key)
    found = zoned(network, state_key, CANDIDATES * size)
    index, real = chosen(found.zone, max(1, size // 4))
    states = jax.tree.map(lambda leaf: leaf[index.ravel()], found.states)
    values = _numbers(_all_linearised(network, states))
    count = real.sum(1)
    weights = np.where(real, (shares(found.zone) / np.maximum(count, 1))[:, None], 0).ravel()
    pairs = [(values[name], values[f"{name}_published"]) for name in Spectrum._fields]
    means = {}
    for name, value in values.items():
        means |= by_zone(name, value.reshape(index.shape), real, index, draw_key)
    correlation = np.array([_correlation(*pair, weights) for pair in pairs])
    return {**means, "correlation": correlation, "count": count}


def _numbers(found: Linear) -> dict[str, Float[np.ndarray, " S"]]:
    """What is measured of each state."""
    aligned, published = (
        spectrum(np.asarray(found.jacobian)),
        spectrum(np.asarray(found.published)),
    )
    stretches = np.linalg.svd(np.asarray(found.product, float), compute_uv=False)
    values = {
        **aligned._asdict(),
        **{f"{name}_published": value for name, value in published._asdict().items()},
        **{name: getattr(found, name) for name in ("gain", "gain_window", "relative_gain")},
        "stretch": stretches[:, 0],
        "stretched": (stretches > 1).sum(1),
    }
    return {name: np.asarray(value, float) for name, value in values.items()}


def _correlation(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> float:
    """Pearson's, weighted."""
    counts = weights > 0
    if min(np.ptp(part[counts]) for part in (a, b)) == 0:
        return float("nan")
    table = np.cov(a, b, aweights=weights)
    return float(table[0, 1] / np.sqrt(table[0, 0] * table[1, 1]))
