"""Floquet multipliers: how small deviations from an orbit grow or shrink in one turn.

    orbit = periodic_orbit(step, x, start, 4)
    around = floquet(step, x, orbit)
    np.abs(around.multipliers) < 1                 # directions along which the orbit attracts
    around.exponents                               # the same, per step

A deviation d from the orbit's first state becomes `J_{p-1} ... J_0 d` after one turn. The product
itself is never formed from whole matrices: its largest multiplier would bury all those 1e-16
times as large. QR steps go round the orbit instead, until every factor is block triangular and
each block holds multipliers of like size: the periodic QR algorithm without shifts.

Bojanczyk, Golub and Van Dooren, Proc. SPIE 1770 (1992); Lust, Int. J. Bifurcation and Chaos 11
(2001), for Floquet multipliers.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Float, PyTree
from scipy.optimize import linear_sum_assignment

from ..core import Step
from .cycles import Cycle, Part, closing
from .jacobians import jacobians_at
from .orbits import Orbit
from .problem import posed
from .trees import taken

TURNS = 40
"""Turns of QR steps; a gap of `exp(-1)` between two multipliers is resolved to `exp(-40)`."""


LEAST = -1e9
"""A log size in the place of that of a multiplier of 0."""


class Floquet(NamedTuple):
    """Modes of one turn, by falling `|multiplier|`; arrays on the host.

    - `multipliers`: `[N]`, eigenvalues of `J_{p-1} ... J_0`. A limit cycle has one that is 1,
        along its motion.
    - `exponents`: `[N]`, `log|multiplier| / period`, per step; finite also where the multiplier
        is too small or too large for a float, -inf where it is 0.
    - `right`: `[N, N]`, column k the direction of mode k at the first state, of length 1.
    - `left`: `[N, N]`, column k what sets mode k going there: `left_k^H M = multiplier_k
        left_k^H`, of length 1. That of the multiplier 1 is the phase response.

    **Example:**

        >>> turn = 0.5 * jnp.array([[0.0, -1.0], [1.0, 0.0]])
        >>> found = rj.dynamics.floquet(lambda h, x: turn @ h, jnp.zeros(1), np.zeros((4, 2)))
        >>> found.exponents.round(3)  # log(1/2) per step
        array([-0.693, -0.693])
    """

    multipliers: Complex[np.ndarray, " N"]
    exponents: Float[np.ndarray, " N"]
    right: Complex[np.ndarray, "N N"]
    left: Complex[np.ndarray, "N N"]


def floquet(
    step: Step, x: PyTree, orbit: Orbit | Cycle | PyTree, driven: bool = False, part: Any = None
) -> Floquet:
    """Multipliers, exponents and directions of `J_{p-1} ... J_0` round an orbit.

    A state of several parts is one vector, leaf by leaf. Jacobians are computed on the device in
    float64 as `fixed_points`, the rest by LAPACK on the host, in `O(80 p N^3)` operations. Not
    under `jit` or `vmap`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held; `[p, ...]` with `driven`.
    - `orbit`: an `Orbit`, a `Cycle`, or a tree of `[p, ...]` states before each step.
    - `driven`: whether `x` leads with p.
    - `part`: for a `Cycle`, the one with which it was found.

    **Returns:** `Floquet`.

    **Raises:** `ValueError` as `fixed_points`; where the orbit was not found; where a Jacobian is
    not finite.

    **Example:**

        >>> turn = 0.5 * jnp.array([[0.0, -1.0], [1.0, 0.0]])
        >>> found = rj.dynamics.floquet(lambda h, x: turn @ h, jnp.zeros(1), np.zeros((4, 2)))
        >>> found.multipliers.real.round(4)  # four quarter turns, each of which halves
        array([0.0625, 0.0625])
    """
    if isinstance(orbit, Orbit | Cycle) and not orbit.period > 0:
        raise ValueError(f"orbit must be one that was found, got period {orbit.period}")
    if isinstance(orbit, Cycle):
        maps, period = _of_cycle(step, x, orbit, driven, part), orbit.period
    else:
        points = orbit.points if isinstance(orbit, Orbit) else orbit
        maps = jacobians_at(posed("orbit", step, x, points, driven), None, False)[0]
        period = len(maps)
    if not np.isfinite(maps).all():
        raise ValueError("orbit: a Jacobian of the step is not finite there")
    return _modes(maps, float(period))


class _Last(eqx.Module):
    """The last part of a step as a step of its own."""

    part: Part
    share: float

    def __call__(self, h: PyTree, x: PyTree) -> PyTree:
        dtype = jax.tree.leaves(h)[0].dtype
        return self.part(h, x, jnp.asarray(self.share, dtype))


def _of_cycle(
    step: Step, x: PyTree, cycle: Cycle, driven: bool, part: Any
) -> Float[np.ndarray, "p N N"]:
    """Jacobians of the whole steps, and of what closes the curve."""
    if driven:
        raise ValueError("driven must be False for a Cycle: its input is held")
    last, lead = closing(step, part)
    whole = int(cycle.period)
    before = taken(cycle.points, slice(0, whole - lead))
    end = taken(cycle.points, slice(whole - lead, whole - lead + 1))
    share = _Last(last, cycle.period - whole)
    return np.concatenate(
        [
            jacobians_at(posed("orbit", now, x, hs, False), None, False)[0]
            for now, hs in ((step, before), (share, end))
        ]
    )


def _modes(maps: Float[np.ndarray, "p N N"], period: float) -> Floquet:
    forth, back = _turned(maps), _turned(maps[::-1].transpose(0, 2, 1))
    values, logs, right = _ordered(forth, back[0])
    others, logs_too, left = _ordered(back, forth[0])
    # the same numbers twice, each up to rounding: pairs of the nearest in size and phase
    sizes = [np.maximum(part, LEAST) for part in (logs, logs_too)]
    phases = [np.exp(1j * np.angle(part)) for part in (values, others)]
    away = np.abs(sizes[0][:, None] - sizes[1]) + np.abs(phases[0][:, None] - phases[1])
    left = left[:, linear_sum_assignment(away)[1]]
    return Floquet(values, logs / period, right, left.conj())


def _turned(
    maps: Float[np.ndarray, "p N N"],
) -> tuple[np.ndarray, Float[np.ndarray, "p N N"], Float[np.ndarray, " N"]]:
    """A basis at the first state, the maps as block triangles, and log sizes a turn."""
    N = maps.shape[1]
    # from a general basis: one of the axes never meets the others in a diagonal network
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(N, N)))[0]
    logs = np.zeros(N)
    for turn in range(TURNS):
        for J in maps:
            basis, r = np.linalg.qr(J @ basis)
            if 2 * turn >= TURNS:
                logs += np.log(np.maximum(np.abs(np.diag(r)), np.finfo(float).tiny))
    first, triangles = basis, []
    for J in maps:
        basis, r = np.linalg.qr(J @ basis)
        triangles.append(r)
    triangles[-1] = first.T @ basis @ triangles[-1]
    return first, np.stack(triangles), logs / (TURNS - TURNS // 2)


def _ordered(
    turned: tuple[np.ndarray, np.ndarray, np.ndarray], across: Float[np.ndarray, "N N"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multipliers, their log sizes and right vectors, block by block.

    The first e columns of `first` span the largest e modes; what is at a right angle to the first
    s of `across`, the same of the transposed product, holds all but the largest s.
    """
    first, triangles, logs = turned
    cuts = (np.flatnonzero(logs[:-1] - logs[1:] >= 40 / TURNS) + 1).tolist()
    found = []
    for s, e in zip([0, *cuts], [*cuts, len(logs)]):
        values, sizes, w = _block(triangles[:, s:e, s:e])
        within = np.linalg.svd(across[:, :s].T @ first[:, :e])[2][s:].T if s else np.eye(e)
        # pinv, since blocks of multipliers 0 may have no basis of their own
        vectors = first[:, :e] @ within @ np.linalg.pinv(within[s:]) @ w
        order = np.lexsort((-np.imag(values), -np.real(values), -np.round(sizes, 10)))
        length = np.linalg.norm(vectors, axis=0)
        vectors = vectors / np.where(length > 0, length, 1)
        found.append((values[order], sizes[order], vectors[:, order]))
    values, sizes, vectors = zip(*found)
    return np.concatenate(values), np.concatenate(sizes), np.concatenate(vectors, 1)


def _block(maps: Float[np.ndarray, "p K K"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Eigenvalues of a product of like sizes, their log sizes, and eigenvectors."""
    product, log = np.eye(maps.shape[1]), 0.0
    for J in maps:
        product = J @ product
        size = np.linalg.norm(product)
        if size > 0:
            product, log = product / size, log + np.log(size)
    values, vectors = np.linalg.eig(product)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        return (values * np.exp(log)).astype(complex), np.log(np.abs(values)) + log, vectors
