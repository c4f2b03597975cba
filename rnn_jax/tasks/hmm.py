"""A hidden state to be told from noisy observations, and the filter that tells it best.

    task = HiddenState(hazard=0.05)
    trials = task.sample(key, 64)                   # targets [64, 60, 1]: the state, +1 or -1
    best = jax.vmap(task.log_odds)(trials.xs)       # what an ideal observer would answer

An output trained on the logistic loss has the filter's log-odds as its optimum; one trained on
the squared error has the posterior mean, `tanh(L / 2)`.

Glaze, Kable & Gold, eLife 4 (2015), for the task; Rabiner, Proc. IEEE 77 (1989), for the filter.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core.checks import array, at_least, described, positive, share
from .contrast import Contrast, epochs_after, one_of_each
from .trials import Trials, check_draw


class HiddenState(eqx.Module):
    """Two hidden states, +1 and -1, that change at random; the answer is the one that holds.

    It starts with either, changes with probability H a step, and shows as `x = state + noise`
    of variance `2 / w`, so that `w x` is an observation's log-likelihood ratio. Epochs:
    `switch`, the steps from a change until `settle` steps after it, and `stable`, all others.

    - `hazard`: H, in (0, 1). `strength`: w, above 0.
    - `steps`: length of a trial.
    - `settle`: steps a switch lasts.

    **Raises:** `ValueError` where an argument is out of its range.

    **Example:**

        >>> task = rj.tasks.HiddenState(hazard=0.05)
        >>> trials = jax.jit(lambda key: task.sample(key, 4))(key)
        >>> trials.xs.shape, sorted(trials.epochs)
        ((4, 60, 1), ['stable', 'switch'])
        >>> print(task.transition.round(2))  # [to, from]
        [[0.95 0.05]
         [0.05 0.95]]
    """

    hazard: float = 0.05
    strength: float = 1.0
    steps: int = 60
    settle: int = 5

    def __check_init__(self) -> None:
        share("hazard", self.hazard, above=0, below=1)
        positive("strength", self.strength)
        at_least(1, steps=self.steps, settle=self.settle)

    @property
    def inputs(self) -> int:
        """The number of input channels."""
        return 1

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return 1

    @property
    def transition(self) -> Float[Array, "2 2"]:
        """Probabilities `[to, from]`; the first state is +1."""
        stay, change = 1 - self.hazard, self.hazard
        return jnp.asarray([[stay, change], [change, stay]])

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials.

        **Arguments:**

        - `key`: draws states and noise.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs and targets `[count, steps, 1]`.
        """

        check_draw(key, count)

        def draw(key: PRNGKeyArray) -> tuple[Array, Array]:
            path_key, noise_key = jax.random.split(key)
            path = hidden_path(path_key, self.transition, self.steps)
            noise = jax.random.normal(noise_key, (self.steps,))
            return path, (2 / self.strength) ** 0.5 * noise

        paths, noise = jax.vmap(draw)(jax.random.split(key, count))
        state = 1 - 2 * paths.astype(noise.dtype)
        switch = jax.vmap(lambda path: recent_change(path, self.settle))(paths)
        switch = switch.astype(noise.dtype)
        epochs = {"stable": 1 - switch, "switch": switch}
        return Trials((state + noise)[..., None], state[..., None], epochs)

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """`observation`: one observation of size at least 1 a trial, whose sign the foil turns.

        Epochs: `seen`, the observation's step and the next; `kept`, two steps from the fourth
        after it. An observation is forgotten as later ones come, so that `kept` may be refused.

        **Arguments:**

        - `key`: draws the observations, between a sixth of the trial and 12 steps before its end.
        - `trials`: of this task.
        """
        xs = np.asarray(trials.xs)
        T = xs.shape[1]
        may = (np.abs(xs[:, :, 0]) >= 1) & (np.arange(T) >= T // 6) & (np.arange(T) < T - 12)
        event = one_of_each(key, may)
        rows, at = np.arange(len(xs)), np.maximum(event, 0)
        foil = xs.copy()
        foil[rows, at] *= np.where(event >= 0, -1, 1)[:, None]
        epochs = epochs_after(event, T, seen=(0, 2), kept=(4, 6))
        return {"observation": Contrast(foil, event, epochs)}

    def posterior(self, xs: Float[Array, "T 1"]) -> Float[Array, "T 2"]:
        """`p(state_t | x_1 .. x_t)` of +1 and of -1."""
        xs = array("xs", xs)
        if xs.ndim != 2 or xs.shape[1] != 1:
            raise ValueError(f"xs must be one trial's [T, 1], got {described(xs)}")
        distance = xs - jnp.asarray([[1.0, -1.0]], xs.dtype)
        return forward(self.transition.astype(xs.dtype), -self.strength / 4 * distance**2)

    def log_odds(self, xs: Float[Array, "T 1"]) -> Float[Array, " T"]:
        """`L_t = log p(+1 | x_1 .. x_t) - log p(-1 | x_1 .. x_t)`: the Bayes filter."""
        posterior = jnp.log(self.posterior(xs))
        return posterior[:, 0] - posterior[:, 1]


def forward(
    transition: Float[Array, "K K"],
    log_likelihood: Float[Array, "T K"],
    initial: Float[Array, " K"] | None = None,
) -> Float[Array, "T K"]:
    """The posterior of hidden states given all observations so far.

    `p_t[i] ~ exp(log_likelihood_t[i]) sum_j transition[i, j] p_{t-1}[j]`, normalised.

    **Arguments:**

    - `transition`: `[to, from]`, columns that sum to 1.
    - `log_likelihood`: of each observation in each state.
    - `initial`: probabilities of the first state; even without it.

    Rabiner, Proceedings of the IEEE 77 (1989), section III.
    """

    def step(expected: Array, seen: Array) -> tuple[Array, Array]:
        found = jnp.exp(seen - seen.max()) * expected
        found = found / found.sum()
        return jnp.matmul(transition, found, precision="highest"), found

    if initial is None:
        initial = jnp.full(len(transition), 1 / len(transition), log_likelihood.dtype)
    return lax.scan(step, initial, log_likelihood)[1]


def hidden_path(
    key: PRNGKeyArray,
    transition: Float[Array, "K K"],
    steps: int,
    initial: Float[Array, " K"] | None = None,
) -> Int[Array, " T"]:
    """A path of hidden states, from an even start without `initial`; `transition` `[to, from]`."""

    def step(logits: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        state = jax.random.categorical(key, logits)
        return jnp.log(transition)[:, state], state

    start = jnp.zeros(len(transition)) if initial is None else jnp.log(initial)
    return lax.scan(step, start, jax.random.split(key, steps))[1]


def recent_change(path: Int[Array, " T"], settle: int) -> Array:
    """Where the hidden state has changed within `settle` steps."""
    changed = jnp.concatenate([jnp.zeros(1, bool), path[1:] != path[:-1]])
    return jnp.convolve(changed.astype(int), jnp.ones(settle, int))[: len(path)] > 0
