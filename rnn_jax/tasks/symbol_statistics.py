"""Exact statistics of the symbols that a hidden Markov model emits once it is stationary.

    change_rate(linear_chain(2))                    # 0.0688: how often neighbours differ
    ngrams(model, 3)[0, 0, 1]                       # p(0, 0, 1), [O, O, O]
    mutual_information(model, lag=4)                # in bits

All are finite sums over hidden states, computed on the host in double precision. `information` is
also for tables that were counted.
"""

import numpy as np
from jaxtyping import Float, Num

from ..core.checks import at_least, instance, on_host
from ..core.types import Numbers
from .hidden_markov import HiddenMarkov


def stationary(model: HiddenMarkov) -> Float[np.ndarray, " K"]:
    """The probabilities of hidden states that a step leaves as they are, `p = A p`.

    **Arguments:**

    - `model`: of `K` states.

    **Returns:** `[K]`, which add up to 1.

    **Raises:** `ValueError` where there is more than one such distribution.

    **Example:**

        >>> model = rj.tasks.HiddenMarkov(np.array([[0.9, 0.3], [0.1, 0.7]]), np.eye(2))
        >>> rj.tasks.stationary(model).round(3)  # 0.1 leave the one, 0.3 the other
        array([0.75, 0.25])
    """
    transition, _ = _known(model)
    K = len(transition)
    rows = np.vstack([transition - np.eye(K), np.ones(K)])
    found, _, rank, _ = np.linalg.lstsq(rows, np.eye(K + 1)[K], rcond=1e-7)
    if rank < K:
        raise ValueError("model must have one stationary distribution, got more: states part")
    # rounding leaves negative zeros
    found = np.maximum(found, 0)
    return found / found.sum()


def ngrams(model: HiddenMarkov, n: int) -> Float[np.ndarray, "..."]:
    """`p(y_t, y_{t+1}, .., y_{t+n-1})` in the stationary regime.

    **Arguments:**

    - `model`: of `O` symbols.
    - `n`: how many neighbours; the table has `O^n` entries.

    **Returns:** `[O] * n`, in the order of time, which sums to 1.

    **Raises:** `ValueError` where `n` is below 1, or as `stationary`.

    **Example:**

        >>> chain = rj.tasks.HiddenMarkov(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
        >>> print(rj.tasks.ngrams(chain, 2).round(3))
        [[0.45 0.05]
         [0.05 0.45]]
    """
    at_least(1, n=n)
    transition, emission = _known(model)
    # [..., symbol, state]: of the symbols so far and the state that emitted the last
    joint = emission * stationary(model)
    for _ in range(n - 1):
        joint = (joint @ transition.T)[..., None, :] * emission
    return joint.sum(-1)


def pairs(model: HiddenMarkov, lag: int = 1) -> Float[np.ndarray, "O O"]:
    """`p(y_t, y_{t+lag})` in the stationary regime, `E diag(p) (A^lag)' E'`.

    **Arguments:**

    - `model`: of `O` symbols.
    - `lag`: steps from the first to the second.

    **Returns:** `[first, second]`, which sums to 1.

    **Raises:** `ValueError` where `lag` is below 1, or as `stationary`.
    """
    at_least(1, lag=lag)
    transition, emission = _known(model)
    moved = np.linalg.matrix_power(transition, lag)
    first, second = emission * stationary(model), emission @ moved
    return first @ second.T


def change_rate(model: HiddenMarkov) -> float:
    """`p(y_{t+1} != y_t)`, per step.

    **Arguments, raises:** as `stationary`.

    **Example:**

        >>> chain = rj.tasks.HiddenMarkov(np.array([[0.9, 0.1], [0.1, 0.9]]), np.eye(2))
        >>> round(rj.tasks.change_rate(chain), 3)  # each state shows as its own symbol
        0.1
    """
    return float(1 - np.trace(pairs(model)))


def symbol_transition(model: HiddenMarkov) -> Float[np.ndarray, "O O"]:
    """`p(y_{t+1} | y_t)`, `[to, from]`; a column is NaN where its symbol is never emitted.

    **Arguments, raises:** as `stationary`.

    **Example:**

        >>> print(rj.tasks.symbol_transition(rj.tasks.fully_connected()).round(3))  # [to, from]
        [[0.914 0.043 0.043]
         [0.043 0.914 0.043]
         [0.043 0.043 0.914]]
    """
    return conditional(pairs(model))


def mutual_information(model: HiddenMarkov, lag: int = 1) -> float:
    """`I(y_t; y_{t+lag})` in bits.

    **Arguments, raises:** as `pairs`.

    **Example:**

        >>> turns = rj.tasks.HiddenMarkov(np.array([[0.0, 1.0], [1.0, 0.0]]), np.eye(2))
        >>> round(rj.tasks.mutual_information(turns, lag=5), 3)  # strict turns: 1 bit at any lag
        1.0
    """
    return float(information(pairs(model, lag)))


def conditional(joint: Num[Numbers, "*K O O"]) -> Float[np.ndarray, "*K O O"]:
    """`p(second | first)`, `[to, from]`, of joint probabilities or counts `[first, second]`.

    **Returns:** columns that sum to 1; a column is NaN where its first symbol has no counts.
    """
    joint = np.swapaxes(on_host("joint", joint), -1, -2)
    total = joint.sum(-2, keepdims=True)
    return np.where(total > 0, joint / np.where(total > 0, total, 1), np.nan)


def information(joint: Num[Numbers, "*K O P"]) -> Float[np.ndarray, "*K"]:
    """`sum_ij p_ij log2(p_ij / (p_i p_j))` of joint probabilities or counts, in bits.

    **Arguments:**

    - `joint`: `[..., O, P]`, at least 0, not all of it 0.

    Cover and Thomas, Elements of Information Theory (2006), section 2.3.
    """
    joint = on_host("joint", joint)
    joint = joint / joint.sum((-2, -1), keepdims=True)
    apart = joint.sum(-1, keepdims=True) * joint.sum(-2, keepdims=True)
    there = joint > 0
    ratio = np.where(there, joint, 1) / np.where(there, apart, 1)
    return np.asarray(np.sum(joint * np.log2(ratio), (-2, -1)))


def _known(model: HiddenMarkov) -> tuple[np.ndarray, np.ndarray]:
    """Transition `[to, from]` and emission `[symbol, state]` in double precision."""
    instance("model", model, HiddenMarkov)
    return on_host("transition", model.transition), on_host("emission", model.emission)
