"""Inference in hidden Markov models, exact: networks whose units are the forward filter.

    planted = hmm_filter(hazard=0.1, strength=1.0)      # two states: log-odds, softplus units
    planted = hmm_states(states=4)                      # K states: a log posterior a unit

A filter never rests: each observation passes through every unit of it, and the truth is the same
in all epochs. What changes with time is the evidence; `switch` holds the steps after a change of
the hidden state, `stable` all others.

Glaze, Kable & Gold, eLife 4 (2015), equations 1 and 2, for the log-odds filter.
"""

import math
from collections.abc import Callable
from types import MappingProxyType

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..cells import Affine
from ..core import Network
from ..tasks import Contrast, HiddenState, Trials
from ..tasks.contrast import epochs_after
from ..tasks.hmm import forward, hidden_path, recent_change
from .causes import inside_epochs
from .planted import Planted, Truth
from .wiring import Unit, spread_copies, truth_of, wire, with_unread

STEPS = 60
SETTLE = 5
"""Steps that a switch lasts."""
EPOCHS: tuple[str, ...] = ("stable", "switch")
SEEN = MappingProxyType({"seen": (0, 1), "kept": (1, 3)})
"""Steps from the observation that a contrast changes."""


def hmm_filter(hazard: float = 0.1, strength: float = 1.0, extra: int = 4) -> Planted:
    """Two hidden states, +1 and -1, and the log-odds of the first, by four softplus units.

    The state changes with probability H a step and shows as `x = state + noise` of variance
    `2 / w`, so that `w x` is an observation's log-likelihood ratio and the filter reads

        L_t = psi(L_{t-1}) + w x_t,  psi(L) = L + log(e^k + e^-L) - log(e^k + e^L),

    `e^k = (1 - H) / H`. With `s` for softplus, `psi(L) = s(L + k) - s(L - k) - k`: two units

        u_t = s([[1, -1], [1, -1]] u_{t-1} + w x_t + [0, -2k])

    hold `s(L_t + k)` and `s(L_t - k)`, hence L, and two more, that nothing else reads, hold
    `s(L_t)` and `s(-L_t)`, whose difference is `L_t`: the readout.

    **Arguments:**

    - `hazard`: H, in (0, 1). `strength`: w, above 0.
    - `extra`: distractors, copies of these units that nothing reads.

    **Returns:** a `Planted` of inputs `[B, 60, 1]`, targets `[B, 60, 1]`, the log-odds.
    Latents: `log-odds`, and the `posterior` of +1. Contrast: one `observation` of size at least 1
    has the other sign; asked about as it is `seen` and while it is `kept`.

    **Raises:** `ValueError` where an argument is out of its range.

    **Example:**

        >>> made = rj.planted.hmm_filter(extra=0)
        >>> made.units, sorted(made.latents(jnp.ones((60, 1))))
        (('above', 'below', 'for', 'against'), ['log-odds', 'posterior'])
    """
    task = HiddenState(hazard, strength, STEPS, SETTLE)
    units = _filter_units(math.log(1 / hazard - 1), strength)
    members = dict.fromkeys((*EPOCHS, *SEEN), tuple(units))
    units = with_unread(units, extra)
    network = wire(units, ("x",), {"log-odds": {"for": 1.0, "against": -1.0}}, jax.nn.softplus)

    def latents(xs: Array) -> dict[str, Array]:
        return {"log-odds": task.log_odds(xs), "posterior": task.posterior(xs)[:, 0]}

    def sample(key: PRNGKeyArray, count: int) -> Trials:
        trials = task.sample(key, count)
        return Trials(trials.xs, jax.vmap(task.log_odds)(trials.xs)[..., None], trials.epochs)

    def contrasts(key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        asked = task.contrasts(key, trials)["observation"]
        return {"observation": _observation(np.asarray(asked.foil), np.asarray(asked.event))}

    groups = tuple(unit.group for unit in units.values())
    truth = _without_past(truth_of(units, members))
    return Planted(network, sample, truth, tuple(units), groups, latents, contrasts)


def hmm_states(
    states: int = 4, hazard: float = 0.1, clarity: float = 0.6, extra: int = 4
) -> Planted:
    """K hidden states and the log of their posterior, a unit a state.

    A state is left with probability H, half of the times for the next one around a ring and else
    for any, itself included. It shows as one of K symbols: its own with probability `clarity`
    above chance, else any. See `LogForward` for the step; the readout is its first K units.

    **Arguments:**

    - `states`: K, at least 2.
    - `hazard`, `clarity`: in (0, 1).
    - `extra`: distractors, copies of these units that nothing reads.

    **Returns:** a `Planted` of inputs `[B, 60, K]`, one-hot symbols, and targets `[B, 60, K]`,
    the log posterior. Latents: the posterior of `state 0`, ... Contrast: one `observation` is the
    next symbol; asked about as it is `seen` and while it is `kept`.

    **Raises:** `ValueError` where an argument is out of its range.

    **Example:**

        >>> made = rj.planted.hmm_states(states=3, extra=0)
        >>> np.compress(made.truth.nodes["kept"] > 0, made.units).tolist()
        ['state 0', 'state 1', 'state 2']
    """
    if states < 2 or extra < 0 or not (0 < hazard < 1 and 0 < clarity < 1):
        raise ValueError(
            "hmm_states needs states >= 2, extra >= 0, hazard and clarity in (0, 1); got "
            f"{states}, {extra}, {hazard}, {clarity}"
        )
    eye, chance = np.eye(states), np.full((states, states), 1 / states)
    transition = jnp.asarray((1 - hazard) * eye + hazard / 2 * (np.roll(eye, 1, axis=0) + chance))
    emission = jnp.asarray(clarity * eye + (1 - clarity) * chance)
    cell = LogForward(jnp.log(transition), jnp.log(emission.T), extra)

    def latents(xs: Array) -> dict[str, Array]:
        posterior = forward(transition, xs @ jnp.log(emission))
        return {f"state {k}": posterior[:, k] for k in range(states)}

    def draw(key: PRNGKeyArray) -> tuple[Array, Array]:
        path_key, symbol_key = jax.random.split(key)
        path = hidden_path(path_key, transition, STEPS)
        symbols = jax.random.categorical(symbol_key, jnp.log(emission.T)[path])
        return path, jax.nn.one_hot(symbols, states)

    sample = _sampler(draw, lambda xs: jnp.log(jnp.stack(list(latents(xs).values()), -1)))
    groups = ("circuit",) * states + ("unread",) * extra
    names = [f"state {k}" for k in range(states)] + [f"unread {i}" for i in range(extra)]
    return Planted(
        _first_units(cell), sample, _truth(states, extra), tuple(names), groups, latents,
        _other_symbol,
    )  # fmt: skip


class LogForward(eqx.Module):
    """The forward algorithm of K states in logarithms, `a_t = l_t - logsumexp(l_t)`,

        l_t[i] = logsumexp_j(log_transition[i, j] + a_{t-1}[j]) + sum_m log_emission[i, m] x_t[m],

    followed by `extra` units which copy the first K, evenly spread, and which nothing reads.

    - `log_transition`: `[K, K]`, `[to, from]`.
    - `log_emission`: `[K, M]`, `[to, from]`: of each symbol in each state.
    """

    log_transition: Float[Array, "K K"]
    log_emission: Float[Array, "K M"]
    extra: int = eqx.field(static=True)

    def __call__(self, h: Float[Array, " N"], x: Float[Array, " M"]) -> Float[Array, " N"]:
        K = len(self.log_transition)
        before = jax.nn.logsumexp(self.log_transition + h[None, :K], axis=1)
        posterior = jax.nn.log_softmax(before + self.log_emission @ x)
        return jnp.concatenate([posterior, posterior[spread_copies(K, self.extra)]])


def _other_symbol(key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
    """One symbol of each trial, not a late one, is the next."""
    xs = np.asarray(trials.xs)
    B, T = xs.shape[:2]
    event = np.asarray(jax.random.randint(key, (B,), T // 6, T - 12))
    foil = xs.copy()
    foil[np.arange(B), event] = np.roll(foil[np.arange(B), event], 1, axis=-1)
    return {"observation": _observation(foil, event)}


def _observation(foil: Float[np.ndarray, "B T I"], event: Int[np.ndarray, " B"]) -> Contrast:
    """A contrast of one observation: all outputs from then on are read."""
    return inside_epochs(foil, event, epochs_after(event, foil.shape[1], **SEEN))


def _sampler(
    draw: Callable[[PRNGKeyArray], tuple[Array, Array]], follow: Callable[[Array], Array]
) -> Callable[[PRNGKeyArray, int], Trials]:
    """Trials from what draws one's hidden path and inputs, and from its targets."""

    def sample(key: PRNGKeyArray, count: int) -> Trials:
        paths, xs = jax.vmap(draw)(jax.random.split(key, count))
        switch = jax.vmap(lambda path: recent_change(path, SETTLE))(paths).astype(xs.dtype)
        return Trials(xs, jax.vmap(follow)(xs), dict(zip(EPOCHS, (1 - switch, switch))))

    return sample


def _first_units(cell: LogForward) -> Network:
    """The network that reads out the states' units.

    It starts from an even posterior, which transitions leave even: the first step's prior.
    """
    K, extra = len(cell.log_transition), cell.extra
    dtype = cell.log_transition.dtype
    readout = eqx.filter_eval_shape(Affine, K + extra, K, key=jax.random.key(0))
    weights = (jnp.asarray(np.eye(K, K + extra), dtype), jnp.asarray(np.zeros(K), dtype))
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, weights)
    return Network(cell, readout, jnp.full(K + extra, -math.log(K), dtype))


def _truth(states: int, extra: int) -> Truth:
    """Every state's unit, each of which hears all."""
    row = np.repeat([1.0, 0.0], [states, extra])
    nodes, edges = (jnp.asarray(a, jnp.zeros(()).dtype) for a in (row, np.outer(row, row)))
    epochs = (*EPOCHS, *SEEN)
    return _without_past(Truth(dict.fromkeys(epochs, nodes), dict.fromkeys(epochs, edges)))


def _without_past(truth: Truth) -> Truth:
    """As an observation is `seen`, units hear it and nothing of one another that differs yet."""
    edges = {**truth.edges, "seen": truth.edges["seen"] * 0}
    return Truth(truth.nodes, edges)


def _filter_units(k: float, w: float) -> dict[str, Unit]:
    """The filter's two units, which start at L = 0, and the two that report it."""
    memory, seen = {"above": 1.0, "below": -1.0}, {"x": w}
    return {
        "above": Unit(memory, seen, 0.0, start=_softplus(k)),
        "below": Unit(memory, seen, -2 * k, start=_softplus(-k)),
        "for": Unit(memory, seen, -k, group="report"),
        "against": Unit({"above": -1.0, "below": 1.0}, {"x": -w}, k, group="report"),
    }


def _softplus(a: float) -> float:
    return math.log1p(math.exp(-abs(a))) + max(a, 0.0)
