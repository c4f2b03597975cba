"""Whether a path in a plane goes round, how fast and how regularly, against two nulls.

    plane = (hs - hs.mean(0)) @ axes                # [T, 2], two leading components say
    turned = winding(plane)
    turned.rate, turned.cv                          # turns per step; variation of return times
    tested = winding_test(plane, key)
    tested.rate_p, tested.cv_p

A noisy path always has some winding, and a spectrum with a peak draws loops. So each number has
its own null, and each null takes one thing away: the relation of the two coordinates for the rate,
the order of the turning for the return times.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..core.checks import array, at_least, described, on_host, random_key
from ..core.types import Numbers


class Winding(NamedTuple):
    """How a path goes round.

    - `rate`: turns per step, net: positive from the first axis to the second.
    - `angle`: `[T]` in radians, without jumps.
    - `returns`: `[R]` in steps, from one full turn to the next through the half-line.
    - `cv`: their standard deviation over their mean; NaN for fewer than two.
    """

    rate: float
    angle: Float[np.ndarray, " T"]
    returns: Float[np.ndarray, " R"]
    cv: float


class WindingTest(NamedTuple):
    """Winding of the whitened path against surrogates.

    - `rate`, `cv`: of the path.
    - `rate_p`: how often surrogates with random phases wind as fast, in whichever direction. Null:
        two signals with these spectra that have nothing to do with one another.
    - `cv_p`: how often surrogates with the turning of each step in random order return as
        regularly. Null: the angle is a random walk of these increments, drift included. 1 where
        there are fewer than two return times.
    - `rates`, `cvs`: `[K]`, of the surrogates.
    """

    rate: float
    cv: float
    rate_p: float
    cv_p: float
    rates: Float[np.ndarray, " K"]
    cvs: Float[np.ndarray, " K"]


def winding(
    path: Float[Numbers, "T 2"],
    centre: Float[Numbers, " 2"] | None = None,
    direction: float = 0.0,
) -> Winding:
    """Winding rate `(angle[T-1] - angle[0]) / (2 pi (T - 1))`, and return times.

    The angle between two steps is the one below half a turn: a path sampled less than twice a turn
    seems to go the other way. A return is the first time that one more full turn past the
    half-line is complete, in the direction of the net rate, between steps by interpolation; going
    back and forth through the half-line is no return.

    **Arguments:**

    - `path`: `[T, 2]`, the state in a plane.
    - `centre`: around what; `None`: the mean of the path.
    - `direction`: the angle of the half-line, in radians.

    **Returns:** `Winding`.

    **Raises:** `ValueError` where there are fewer than 2 steps, or the path meets the centre.
    """
    points = _path(path)
    middle = points.mean(0) if centre is None else on_host("centre", centre)
    if middle.shape != (2,):
        raise ValueError(f"centre must be [2], got {described(centre)}")
    around = points - middle[None]
    if (around == 0).all(1).any():
        raise ValueError("path meets the centre: it has no angle there")
    angle = _angles(around)
    rate = float(angle[-1] - angle[0]) / (2 * np.pi * (len(angle) - 1))
    returns = _returns(angle, direction)
    return Winding(rate, angle, returns, _variation(returns))


def winding_test(path: Float[Numbers, "T 2"], key: PRNGKeyArray, draws: int = 999) -> WindingTest:
    """Winding and the variation of return times, each against its own surrogates.

    The path is whitened first (mean 0, the unit matrix as covariance), so that a correlation of
    the coordinates at one time does not pass for turning, nor does its loss in the surrogates.
    Surrogates of the rate: Fourier phases random, for each coordinate its own, so that each keeps
    its spectrum. Surrogates of the variation: increments of the angle in random order, so that
    the net rate is the path's own. `p = (1 + #{as extreme}) / (draws + 1)`.

    A path that passes the first is a rotation, not always a regular one: two coordinates of a
    damped, noise-driven spiral pass too. One that passes the second returns more regularly than
    chance turning would, and means little where the first is not passed.

    **Arguments:**

    - `path`: `[T, 2]`.
    - `key`: draws the surrogates.
    - `draws`: how many of each kind, `K`.

    **Returns:** `WindingTest`.

    **Raises:** `ValueError` as `winding`; where the path lies on a line; where `draws` is below 1.

    Theiler et al., Physica D 58 (1992), for random phases.
    """
    random_key(key)
    at_least(1, draws=draws)
    white = _whitened(_path(path))
    own = winding(white, np.zeros(2))
    phases, order = jax.random.split(key)
    rates = np.array([_rate(part) for part in _random_phases(white, phases, draws)])
    cvs = np.array([_variation(_returns(a, 0.0)) for a in _reordered(own.angle, order, draws)])
    # rounding must not turn a tie into a win
    fast = np.abs(rates) >= abs(own.rate) * (1 - 1e-9)
    regular = cvs <= own.cv * (1 + 1e-9)
    p = lambda beaten: float((1 + beaten.sum()) / (draws + 1))
    cv_p = 1.0 if np.isnan(own.cv) else p(regular)
    return WindingTest(own.rate, own.cv, p(fast), cv_p, rates, cvs)


def _path(path: Float[Numbers, "T 2"]) -> Float[np.ndarray, "T 2"]:
    known = on_host("path", array("path", path))
    if known.ndim != 2 or known.shape[1] != 2 or len(known) < 2 or not np.isfinite(known).all():
        raise ValueError(f"path must be finite [T, 2], at least 2 steps; got {described(path)}")
    return known


def _angles(path: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, " T"]:
    return np.unwrap(np.arctan2(path[:, 1], path[:, 0]))


def _rate(path: Float[np.ndarray, "T 2"]) -> float:
    angle = _angles(path)
    return float(angle[-1] - angle[0]) / (2 * np.pi * (len(angle) - 1))


def _returns(angle: Float[np.ndarray, " T"], direction: float) -> Float[np.ndarray, " R"]:
    """Times from one more full turn to the next."""
    sign = 1.0 if angle[-1] >= angle[0] else -1.0
    turns = sign * (angle - direction) / (2 * np.pi)
    record = np.maximum.accumulate(turns)
    levels = np.arange(np.floor(record[0]) + 1, np.floor(record[-1]) + 1)
    after = np.searchsorted(record, levels, side="left")
    before = turns[after - 1]
    return np.diff(after - 1 + (levels - before) / (turns[after] - before))


def _variation(returns: Float[np.ndarray, " R"]) -> float:
    return float(returns.std(ddof=1) / returns.mean()) if len(returns) > 1 else float("nan")


def _whitened(path: Float[np.ndarray, "T 2"]) -> Float[np.ndarray, "T 2"]:
    centred = path - path.mean(0, keepdims=True)
    values, vectors = np.linalg.eigh(centred.T @ centred / len(path))
    if not values[0] > 1e-12 * values[1]:
        raise ValueError("path lies on a line: nothing winds there")
    # back along the same axes, so that the sense of turning is kept
    return centred @ (vectors / np.sqrt(values)) @ vectors.T


def _random_phases(
    path: Float[np.ndarray, "T 2"], key: PRNGKeyArray, draws: int
) -> Float[np.ndarray, "K T 2"]:
    T = len(path)
    spectrum = np.fft.rfft(path, axis=0)
    turn = np.exp(2j * np.pi * np.asarray(jax.random.uniform(key, (draws, *spectrum.shape))))
    turn[:, 0] = 1
    if T % 2 == 0:
        turn[:, -1] = 1
    return np.fft.irfft(spectrum[None] * turn, T, axis=1)


def _reordered(
    angle: Float[np.ndarray, " T"], key: PRNGKeyArray, draws: int
) -> Float[np.ndarray, "K T"]:
    steps = np.diff(angle)
    order = np.argsort(np.asarray(jax.random.uniform(key, (draws, len(steps)))), axis=1)
    moved = np.cumsum(steps[order], axis=1)
    return angle[0] + np.concatenate([np.zeros((draws, 1)), moved], axis=1)
