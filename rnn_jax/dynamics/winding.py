"""Whether a path in a plane goes round, how fast and how regularly, against three nulls.

    plane = (hs - hs.mean(0)) @ axes                # [T, 2], two leading components say
    turned = winding(plane)
    turned.rate, turned.cv                          # turns per step; variation of return times
    tested = winding_test(plane, key)
    tested.order_p, tested.phase_p, tested.cv_p

A noisy path always has some winding, and a spectrum with a peak draws loops. So a number means
little alone, and each null takes one thing away: the order in time, the relation of the two
coordinates, the order of the turning.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int, PRNGKeyArray

from ..core.checks import array, at_least, described, finite_number, on_host, random_key
from ..core.types import Numbers


class Winding(NamedTuple):
    """How a path goes round.

    - `rate`: turns per step, net: positive from the first axis to the second.
    - `angle`: `[T]` in radians, without jumps.
    - `returns`: `[R]` in steps, from one full turn to the next through the half-line.
    - `cv`: their standard deviation over their mean; NaN for fewer than two.

    **Example:**

        >>> angle = 2 * np.pi * np.arange(41) / 10
        >>> path = np.stack([np.cos(angle), np.sin(angle)], 1)
        >>> found = rj.dynamics.winding(path, centre=np.zeros(2))
        >>> round(float(found.angle[-1] - found.angle[0]), 3), round(found.cv, 3)  # 8 pi
        (25.133, 0.0)
    """

    rate: float
    angle: Float[np.ndarray, " T"]
    returns: Float[np.ndarray, " R"]
    cv: float


class WindingTest(NamedTuple):
    """Winding of whitened paths against surrogates; each p one-sided, of a size or a regularity.

    - `rate`: turns per step, the mean over trials; `cv`: of the return times of all trials.
    - `order_p`: how often the rate is as large, in either direction, with the steps of each trial
        in random order. Null: no order in time (white noise). Small for all that keeps turning
        one way for long, by chance too, as noise of a narrow band does.
    - `phase_p`: the same with Fourier phases random, for each coordinate its own. Null: two
        signals of these spectra that have nothing to do with one another. One trial that holds
        one coherent rhythm cannot pass: its two phases are one pair of numbers. It takes trials,
        or a path many times longer than the rhythm stays in phase.
    - `cv_p`: how often the return times vary as little with the turning of each step in random
        order. Null: the angle is a random walk of these increments, drift included. 1 where there
        are fewer than two return times; a surrogate that has fewer counts as as regular.
    - `order_rates`, `phase_rates`, `cvs`: `[K]`, of the surrogates; NaN for a `cv` of fewer than
        two return times.

    **Example:**

        >>> angle = 2 * np.pi * np.arange(60) / 10 + np.arange(4.0)[:, None]  # four trials
        >>> paths = np.stack([np.cos(angle), np.sin(angle)], -1)
        >>> found = rj.dynamics.winding_test(paths, key, draws=19)
        >>> bool((found.order_rates < found.rate).all()), found.order_rates.shape  # surrogates
        (True, (19,))
    """

    rate: float
    cv: float
    order_p: float
    phase_p: float
    cv_p: float
    order_rates: Float[np.ndarray, " K"]
    phase_rates: Float[np.ndarray, " K"]
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

    **Raises:** `ValueError` where there are fewer than 2 steps, the path meets the centre, or
    `direction` is not a finite number.

    **Example:**

        >>> angle = 2 * np.pi * np.arange(21) / 10
        >>> path = np.stack([np.cos(angle), np.sin(angle)], 1)
        >>> found = rj.dynamics.winding(path, centre=np.zeros(2))
        >>> round(found.rate, 3), found.returns.round(3)  # turns per step, steps per turn
        (0.1, array([10.]))
    """
    points = _path(path)
    half_line = finite_number("direction", direction)
    middle = points.mean(0) if centre is None else on_host("centre", centre)
    if middle.shape != (2,):
        raise ValueError(f"centre must be [2], got {described(centre)}")
    around = points - middle[None]
    if (around == 0).all(1).any():
        raise ValueError("path meets the centre: it has no angle there")
    angle = _angles(around)
    returns = _returns(angle, half_line)
    return Winding(float(_rate(angle)), angle, returns, _variation(returns))


def winding_test(
    path: Float[Numbers, "*B T 2"], key: PRNGKeyArray, draws: int = 999
) -> WindingTest:
    """Winding and the variation of return times, each against its own surrogates.

    Paths are whitened first, all trials together (mean 0, the unit matrix as covariance), so that
    a correlation of the coordinates at one time does not pass for turning, nor does its loss in
    the surrogates. `p = (1 + #{as extreme}) / (draws + 1)`.

    **Arguments:**

    - `path`: `[T, 2]`, or `[B, T, 2]` for trials, in whose mean rate chance directions cancel.
    - `key`: draws the surrogates.
    - `draws`: how many of each kind, `K`.

    **Returns:** `WindingTest`.

    **Raises:** `ValueError` as `winding`; where paths lie on a line; where `draws` is below 1.

    Theiler et al., Physica D 58 (1992), for random phases; Phipson and Smyth, Stat. Appl. Genet.
    Mol. Biol. 9 (2010), for the p-value.

    **Example:**

        >>> angle = 2 * np.pi * np.arange(60) / 10 + np.arange(4.0)[:, None]  # four trials
        >>> paths = np.stack([np.cos(angle), np.sin(angle)], -1)
        >>> found = rj.dynamics.winding_test(paths, key, draws=19)
        >>> round(found.rate, 3), found.order_p  # no shuffle of the steps turns as fast
        (0.1, 0.05)
    """
    random_key(key)
    at_least(1, draws=draws)
    trials = _whitened(_trials(path))
    angles = [_angles(trial) for trial in trials]
    keys = [jax.random.split(part, len(trials)) for part in jax.random.split(key, 3)]
    rate = float(np.mean([_rate(angle) for angle in angles]))
    cv = _variation(np.concatenate([_returns(angle, 0.0) for angle in angles]))
    ordered = np.mean([_rate(_angles(_mixed(*p, draws))) for p in zip(trials, keys[0])], 0)
    phased = np.mean([_rate(_angles(_random_phases(*p, draws))) for p in zip(trials, keys[1])], 0)
    walks = [_reordered(*p, draws) for p in zip(angles, keys[2])]
    cvs = np.array(
        [_variation(np.concatenate([_returns(w[k], 0.0) for w in walks])) for k in range(draws)]
    )
    # rounding must not turn a tie into a win, nor a surrogate without a cv lower p
    p = lambda beaten: float((1 + beaten.sum()) / (draws + 1))
    fast = lambda rates: p(np.abs(rates) >= abs(rate) * (1 - 1e-9))
    cv_p = 1.0 if np.isnan(cv) else p(~(cvs > cv * (1 + 1e-9)))
    return WindingTest(rate, cv, fast(ordered), fast(phased), cv_p, ordered, phased, cvs)


def _path(path: Float[Numbers, "T 2"]) -> Float[np.ndarray, "T 2"]:
    known = on_host("path", array("path", path))
    if known.ndim != 2 or known.shape[1] != 2 or len(known) < 2 or not np.isfinite(known).all():
        raise ValueError(f"path must be finite [T, 2], at least 2 steps; got {described(path)}")
    return known


def _trials(path: Float[Numbers, "*B T 2"]) -> Float[np.ndarray, "B T 2"]:
    if np.ndim(path) != 3:
        return _path(path)[None]
    known = on_host("path", array("path", path))
    if len(known) == 0:
        raise ValueError(f"path must hold at least one trial, got {described(path)}")
    return np.stack([_path(trial) for trial in known])


def _angles(path: Float[np.ndarray, "*K T 2"]) -> Float[np.ndarray, "*K T"]:
    return np.unwrap(np.arctan2(path[..., 1], path[..., 0]))


def _rate(angle: Float[np.ndarray, "*K T"]) -> Float[np.ndarray, "*K"]:
    return np.asarray((angle[..., -1] - angle[..., 0]) / (2 * np.pi * (angle.shape[-1] - 1)))


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


def _whitened(trials: Float[np.ndarray, "B T 2"]) -> Float[np.ndarray, "B T 2"]:
    centred = trials - trials.mean((0, 1), keepdims=True)
    rows = centred.reshape(-1, 2)
    values, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    if not values[0] > 1e-12 * values[1]:
        raise ValueError("path lies on a line: nothing winds there")
    # back along the same axes, so that the sense of turning is kept
    return centred @ (vectors / np.sqrt(values)) @ vectors.T


def _orders(key: PRNGKeyArray, draws: int, size: int) -> Int[np.ndarray, "K size"]:
    return np.argsort(np.asarray(jax.random.uniform(key, (draws, size))), axis=1)


def _mixed(
    path: Float[np.ndarray, "T 2"], key: PRNGKeyArray, draws: int
) -> Float[np.ndarray, "K T 2"]:
    return path[_orders(key, draws, len(path))]


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
    moved = np.cumsum(steps[_orders(key, draws, len(steps))], axis=1)
    return angle[0] + np.concatenate([np.zeros((draws, 1)), moved], axis=1)
