"""Hidden Markov models that emit symbols, and six published ones to be emulated.

    model = linear_chain(2)                                # or HiddenMarkov(transition, emission)
    states, symbols = model.sample(key, 64, 100)           # each [64, 100]
    jax.vmap(model.log_likelihood)(symbols)                # [64], in nats

A hidden state moves by chance at each step, and emits one of `O` symbols that depends on the state
alone. `symbol_statistics` has the exact statistics of the symbols.

Rabiner, Proc. IEEE 77 (1989), for the recursions; arXiv 2510.25674 for the six models.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core.checks import at_least, axes, described, floats, numbers, on_host, refused
from ..core.types import Numbers
from .hmm import forward, hidden_path
from .trials import check_draw


class HiddenMarkov(eqx.Module):
    """A hidden Markov model of `K` states and `O` symbols.

    `p(s_1) = initial`, `p(s_t | s_{t-1}) = transition[s_t, s_{t-1}]`,
    `p(y_t | s_t) = emission[y_t, s_t]`.

    - `transition`: `[to, from]`, columns that sum to 1.
    - `emission`: `[symbol, state]`, columns that sum to 1.
    - `initial`: probabilities of the first state.

    **Example:**

        >>> sticky = rj.tasks.HiddenMarkov(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
        >>> symbols = np.array([0, 0, 1])
        >>> print(sticky.predicted(symbols).round(2))  # [step, symbol], before each step
        [[0.5 0.5]
         [0.9 0.1]
         [0.9 0.1]]
        >>> print(np.exp(sticky.log_likelihood(symbols)).round(3))  # 0.5 * 0.9 * 0.1
        0.045
    """

    transition: Float[Array, "K K"]
    emission: Float[Array, "O K"]
    initial: Float[Array, " K"]

    def __init__(
        self,
        transition: Float[Numbers, "K K"],
        emission: Float[Numbers, "O K"],
        initial: Float[Numbers, " K"] | None = None,
    ):
        """**Arguments:** as the fields; without `initial`, all states are equally likely at first.

        **Raises:** `ValueError` where shapes disagree, or a column does not hold probabilities.
        """
        sizes = axes(transition=(transition, "K K"), emission=(emission, "O K"))
        at_least(1, states=sizes["K"], symbols=sizes["O"])
        initial = np.full(sizes["K"], 1 / sizes["K"]) if initial is None else initial
        axes(transition=(transition, "K K"), initial=(initial, "K"))
        self.transition = _probabilities("transition", transition)
        self.emission = _probabilities("emission", emission)
        self.initial = _probabilities("initial", initial)

    def sample(
        self, key: PRNGKeyArray, count: int, steps: int
    ) -> tuple[Int[Array, "B T"], Int[Array, "B T"]]:
        """Draw sequences.

        **Arguments:**

        - `key`: draws states and symbols.
        - `count`, `steps`: the number of sequences, and their length.

        **Returns:** hidden states and symbols, each `[count, steps]`.

        **Raises:** `ValueError` without a key, a sequence or a step.
        """
        check_draw(key, count)
        at_least(1, steps=steps)

        def draw(key: PRNGKeyArray) -> tuple[Array, Array]:
            of_states, of_symbols = jax.random.split(key)
            states = hidden_path(of_states, self.transition, steps, self.initial)
            return states, jax.random.categorical(of_symbols, jnp.log(self.emission.T)[states])

        return jax.vmap(draw)(jax.random.split(key, count))

    def filtered(self, symbols: Int[Numbers, " T"]) -> Float[Array, "T K"]:
        """`p(s_t | y_1 .. y_t)`: the exact posterior of the hidden state.

        It is NaN from the first symbol on that cannot follow.

        **Arguments:**

        - `symbols`: one sequence.

        **Returns:** `[T, K]`.

        **Raises:** `ValueError` where symbols are not whole numbers from 0 to `O - 1`.
        """
        return forward(self.transition, self._seen(symbols), self.initial)

    def predicted(self, symbols: Int[Numbers, " T"]) -> Float[Array, "T O"]:
        """`p(y_t | y_1 .. y_{t-1})` of every symbol: what is expected before each step.

        **Arguments, raises:** as `filtered`.

        **Returns:** `[T, O]`.
        """
        product = partial(jnp.matmul, precision="highest")
        expected = product(self.filtered(symbols)[:-1], self.transition.T)
        return product(jnp.concatenate([self.initial[None], expected]), self.emission.T)

    def log_likelihood(self, symbols: Int[Numbers, " T"]) -> Float[Array, ""]:
        """`log p(y_1 .. y_T) = sum_t log p(y_t | y_1 .. y_{t-1})`, in nats.

        **Arguments, raises:** as `filtered`.

        **Returns:** a scalar; minus infinity where the model cannot emit the sequence.
        """
        chance = jnp.take_along_axis(self.predicted(symbols), jnp.asarray(symbols)[:, None], 1)
        # after a symbol that cannot follow, nothing is known
        return jnp.log(jnp.where(jnp.isnan(chance), 0, chance)).sum()

    def viterbi(self, symbols: Int[Numbers, " T"]) -> Int[Array, " T"]:
        """`argmax_s p(s_1 .. s_T | y_1 .. y_T)`: the most likely path of hidden states.

        Of paths that are equally likely, it is one; of a sequence that the model cannot emit, it
        means nothing.

        **Arguments, raises:** as `filtered`.

        **Returns:** `[T]`.

        Viterbi, IEEE Trans. Inf. Theory 13 (1967).
        """
        seen, moves = self._seen(symbols), jnp.log(self.transition)

        def step(best: Array, row: Array) -> tuple[Array, Array]:
            through = moves + best[None]
            return row + through.max(1), through.argmax(1)

        back = lambda state, came_from: (came_from[state], state)
        best, came_from = lax.scan(step, jnp.log(self.initial) + seen[0], seen[1:])
        first, rest = lax.scan(back, best.argmax(), came_from, reverse=True)
        return jnp.concatenate([first[None], rest])

    def _seen(self, symbols: Int[Numbers, " T"]) -> Float[Array, "T K"]:
        """The log-likelihood of each symbol in each state."""
        known, count = jnp.asarray(numbers("symbols", symbols)), len(self.emission)
        if known.ndim != 1 or not known.size or not jnp.issubdtype(known.dtype, jnp.integer):
            raise ValueError(f"symbols must be whole numbers [T], got {described(known)}")
        message = f"symbols must lie in 0 to {count - 1}"
        known = refused(message, ((known < 0) | (known >= count)).any(), known)
        return jnp.log(self.emission)[known]


def _probabilities(name: str, values: Any) -> Array:
    """Columns of probabilities, or one."""
    known = on_host(name, values)
    low, total = known.min(0), known.sum(0)
    bad = np.flatnonzero((low < 0) | (np.abs(total - 1) > 1e-5))
    if bad.size:
        worst = bad[0]
        low, total = np.atleast_1d(low)[worst], np.atleast_1d(total)[worst]
        raise ValueError(
            f"{name} must hold probabilities that sum to 1 in each column, got column {worst} "
            f"with smallest {low:.6g} and sum {total:.6g}"
        )
    return floats(known)


def linear_chain(states: int) -> HiddenMarkov:
    """A chain whose ends emit symbols 0 and 2, and whose inner states mix the two.

    Neighbours are exchanged with probability `q = 0.05^(1 / (K - 1))`, and state `i` emits
    `[0.99 (1 - a), 0.01, 0.99 a]` with `a = i / (K - 1)`.

    **Arguments:**

    - `states`: `K`, 2 to 5; beyond, an inner state would leave with a probability above 1.

    **Returns:** a `HiddenMarkov` of `states` states and 3 symbols.

    **Raises:** `ValueError` where it is another number.

    arXiv 2510.25674.

    **Example:**

        >>> model = rj.tasks.linear_chain(3)
        >>> print(model.emission.round(3))  # [symbol, state]
        [[0.99  0.495 0.   ]
         [0.01  0.01  0.01 ]
         [0.    0.495 0.99 ]]
    """
    at_least(2, states=states)
    if states > 5:
        raise ValueError(f"states must be at most 5, got {states}")
    q = 0.05 ** (1 / (states - 1))
    beside = np.eye(states, k=1) + np.eye(states, k=-1)
    a = np.arange(states) / (states - 1)
    emission = np.stack([0.99 * (1 - a), np.full(states, 0.01), 0.99 * a])
    return HiddenMarkov(_moving(q * beside), emission)


def fully_connected() -> HiddenMarkov:
    """Three states, each with its own symbol; each leaves for either other with 0.025.

    A state emits its own symbol with 0.98 and either other with 0.01. arXiv 2510.25674.

    **Example:**

        >>> model = rj.tasks.fully_connected()
        >>> print(model.emission.round(2))  # [symbol, state]
        [[0.98 0.01 0.01]
         [0.01 0.98 0.01]
         [0.01 0.01 0.98]]
    """
    others = 1 - np.eye(3)
    return HiddenMarkov(_moving(0.025 * others), 0.98 * np.eye(3) + 0.01 * others)


def cyclic() -> HiddenMarkov:
    """Four states in a ring, which leave for either neighbour with 0.025.

    They emit `[0.9, 0.1, 0]`, `[0.1, 0.9, 0]`, `[0, 0.1, 0.9]`, `[0, 0.9, 0.1]`.
    arXiv 2510.25674.

    **Example:**

        >>> model = rj.tasks.cyclic()
        >>> model.transition.shape, model.emission.shape
        ((4, 4), (3, 4))
        >>> print(rj.tasks.stationary(model).round(3))
        [0.25 0.25 0.25 0.25]
    """
    beside = np.roll(np.eye(4), 1, 0) + np.roll(np.eye(4), -1, 0)
    emission = np.array([[0.9, 0.1, 0], [0.1, 0.9, 0], [0, 0.1, 0.9], [0, 0.9, 0.1]]).T
    return HiddenMarkov(_moving(0.025 * beside), emission)


def _moving(leaving: Float[np.ndarray, "K K"]) -> Float[np.ndarray, "K K"]:
    """Transitions `[to, from]` of which those between states are given."""
    return leaving + np.diag(1 - leaving.sum(0))


EMITTERS: dict[str, Callable[[], HiddenMarkov]] = {
    **{f"linear-{states}": partial(linear_chain, states) for states in (2, 3, 4, 5)},
    "fully-connected": fully_connected,
    "cyclic": cyclic,
}
"""The six published models by name, and what makes each."""
