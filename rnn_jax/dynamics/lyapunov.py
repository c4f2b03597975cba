"""Lyapunov spectra: how fast neighbouring states part, along a run.

    found = lyapunov_spectrum(step, h0, xs, burn_in=100)              # driven by xs
    found = lyapunov_spectrum(step, h0, jnp.zeros((T, 0)), count=8)   # no input, the first eight
    found.exponents, found.trace

A few directions are pushed along the run and made orthonormal again by QR. The logarithms of the
factors' diagonals, added up, are the rates at which lengths, areas, volumes, ... grow. Nothing of
the size of the run is kept.
"""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PyTree

from ..core import Identity, Input, State, Step, flatten
from ..core.checks import at_least, function, state
from ..core.rollout import check_step, split_rows
from ..core.settled import settled
from ..core.tree import num_steps
from ..linear.along import push_rows
from .tangents import first_rows, inside_units, orthonormal


class Lyapunov(NamedTuple):
    """Lyapunov exponents of a run.

    - `exponents`: `[K]`, natural logarithms per step, falling; `-inf` where a direction is lost.
    - `trace`: `[R, K]`, what they would have been had the run ended earlier; the last row is
        `exponents`.
    - `times`: `[R]`, the number of steps that each row of the trace is a mean over.
    - `state`: the last state.
    - `basis`: `[N, K]`, orthonormal: the first k columns span the k-dimensional volume that grew
        most. A state of several parts is one vector, leaf by leaf.

    **Example:**

        >>> J = jnp.diag(jnp.array([0.5, 0.25]))
        >>> found = rj.lyapunov_spectrum(lambda h, x: J @ h, jnp.ones(2), jnp.zeros((50, 1)))
        >>> print(np.exp(found.exponents).round(2), np.abs(found.basis[:, 0]).round(2))
        [0.5 0.25] [1. 0.]
    """

    exponents: Float[Array, " K"]
    trace: Float[Array, "R K"]
    times: Int[Array, " R"]
    state: State
    basis: Float[Array, "N K"]


def lyapunov_spectrum(
    step: Step,
    h0: State,
    xs: Input,
    count: int | None = None,
    burn_in: int = 0,
    every: int = 1,
    traces: int = 100,
    units: PyTree = None,
    basis: Float[Array, "N K"] | None = None,
    intervention: Callable[[Step], Step] = Identity(),
) -> Lyapunov:
    """The leading Lyapunov exponents of a run, driven or not.

    With `J_t = d hs[t] / d hs[t-1]` of the step as intervened upon, `J_t Q_{t-1} = Q_t R_t` and
    `exponents[k] = sum_t log|R_t[k, k]| / T`, over the steps after `burn_in`. The sum of all `N`
    is the mean of `log|det J_t|`.

    A step in which some entries depend on nothing, as under a clamp, takes directions for good:
    their exponents are `-inf`, and the others go on without them. An exponent is also `-inf` where
    rounding hides it in more than half of its QRs, as in a network of low rank: `|R[k, k]| <=
    sqrt(N) eps max|(J Q)[:, k]|`, `eps` that of the state's dtype.

    With `units` they are conditional exponents, those of the diagonal block `P J_t P` where `P`
    keeps these units: neighbours differ in these units alone, while all others follow the run.

    One trajectory; `jax.vmap` it over trajectories, parameters and interventions. It is pure, and
    its memory does not grow with `T`. Of a step that is `from_field(..., dt)`, divide by `dt` for
    exponents per unit of time.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `h0`: the state before step 0.
    - `xs`: inputs, arrays that lead with `T`; `jnp.zeros((T, 0))` without inputs.
    - `count`: how many, `K`; `None`: all `N`, or as many as `basis` has columns.
    - `burn_in`: steps that turn the directions, but do not count.
    - `every`: steps from one QR to the next. Directions become parallel in between: the largest
        exponent less the smallest, times `every`, must stay well below `-log(eps)`, 36 in float64
        and 16 in float32; a direction that rounding hides is `-inf`.
    - `traces`: rows of the trace, at even spaces; at most one for each QR.
    - `units`: as in `clamp`, indices, a mask `[N]` of zeros and ones, or a prefix of the state's
        tree of these. Exponents beyond their number are `-inf`.
    - `basis`: directions to start from, as a result has them, to go on with its run;
        `None`: random ones, always the same.
    - `intervention`: what holds during the run; its arrays lead with `T` or with 1.

    **Returns:** `Lyapunov`. Exponents are NaN where the run is not finite.

    **Raises:** `ValueError` where a number is out of range, the step rejects the state or the
    input, `basis` does not fit, the state is not of floats, or units or a mask are
    invalid.

    Benettin et al., Meccanica 15 (1980); Engelken, Wolf and Abbott, Physical Review Research 5
    (2023), for networks; Pecora and Carroll, Physical Review Letters 64 (1990), for conditional
    exponents.

    **Example:**

        >>> found = rj.lyapunov_spectrum(lambda h, x: 0.5 * h, jnp.ones(2), jnp.zeros((50, 1)))
        >>> np.round(found.exponents, 4).tolist()  # log 0.5, twice
        [-0.6931, -0.6931]
    """
    function("the step", step)
    function("the intervention", intervention)
    h0, ends = state("h0", h0), _ends(num_steps(xs), burn_in, every, traces)
    check_step(step, h0, xs)
    like = flatten(step, h0)[1]
    inside = inside_units(units, h0)
    rows = first_rows(like, inside, count, basis)
    timed, constant = split_rows(settled(intervention, h0), num_steps(xs))

    def body(now: _Along, row: PyTree) -> tuple[_Along, None]:
        x, edit = row
        flat = flatten(eqx.combine(edit, constant)(step), h0)[0]
        pushed = push_rows(flat, now.h, x, now.rows)
        if inside is not None:
            pushed = pushed * inside[None]
        now = now._replace(t=now.t + 1, h=flat(now.h, x), rows=pushed)
        if every == 1:
            return _turned(now, ends), None
        due = (now.t == ends[now.stretch]) | ((now.t - burn_in) % every == 0)
        return lax.cond(due, lambda now: _turned(now, ends), lambda now: now, now), None

    last, _ = lax.scan(body, _begun(like, rows, ends), (xs, timed))
    return _found(last, ends, every, flatten(step, h0)[0].unflatten(last.h))


class _Along(NamedTuple):
    """What goes along a run.

    - `t`: how many steps are made.
    - `stretch`: the row of `sums` that is being filled.
    - `h`: the state as a vector.
    - `rows`: `[K, N]` directions, orthonormal after each QR.
    - `labels`: `[K]`, the column of `sums` that belongs to each.
    - `sums`: `[R + 1, K]`, growth; added up by stretches, a float32 keeps more digits.
    - `hidden`: `[R + 1, K]`, at how many QRs it was rounding.
    """

    t: Int[Array, ""]
    stretch: Int[Array, ""]
    h: Float[Array, " N"]
    rows: Float[Array, "K N"]
    labels: Int[Array, " K"]
    sums: Float[Array, "R1 K"]
    hidden: Int[Array, "R1 K"]


def _ends(T: int, burn_in: int, every: int, traces: int) -> Int[Array, " R1"]:
    """The number of steps made at the end of the burn-in, and at each row of the trace."""
    at_least(1, every=every, traces=traces)
    at_least(0, burn_in=burn_in)
    if burn_in >= T:
        raise ValueError(f"burn_in must be below the number of steps, {T}; got {burn_in}")
    turns = -(-(T - burn_in) // every)
    R = min(traces, turns)
    return jnp.asarray(np.minimum(burn_in + np.arange(R + 1) * turns // R * every, T))


def _begun(h: Float[Array, " N"], rows: Float[Array, "K N"], ends: Int[Array, " R1"]) -> _Along:
    shape = len(ends), len(rows)
    none, labels = jnp.zeros((), int), jnp.arange(len(rows))
    # without burn-in nothing is in the stretch that does not count
    first = (ends[0] == 0).astype(int)
    return _Along(none, first, h, rows, labels, jnp.zeros(shape, h.dtype), jnp.zeros(shape, int))


def _turned(now: _Along, ends: Int[Array, " R1"]) -> _Along:
    """Directions made orthonormal, their growth added up."""
    turned = orthonormal(now.rows)
    return now._replace(
        stretch=jnp.where(now.t == ends[now.stretch], now.stretch + 1, now.stretch),
        rows=turned.rows,
        labels=now.labels[turned.order],
        sums=now.sums.at[now.stretch, now.labels].add(turned.growth),
        hidden=now.hidden.at[now.stretch, now.labels].add(turned.hidden.astype(int)),
    )


def _found(last: _Along, ends: Int[Array, " R1"], every: int, h: State) -> Lyapunov:
    times = ends[1:] - ends[0]
    trace = jnp.cumsum(last.sums[1:], 0) / times[:, None].astype(last.sums.dtype)
    turns = (times + every - 1) // every
    hidden = 2 * jnp.cumsum(last.hidden[1:], 0) > turns[:, None]
    trace = jnp.where(hidden, -jnp.inf, trace)
    trace = trace[:, jnp.argsort(-trace[-1])]
    return Lyapunov(trace[-1], trace, times, h, last.rows.T)
