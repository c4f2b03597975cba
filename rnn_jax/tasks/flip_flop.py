"""The flip-flop: channels of pulses, each of which the network must hold until the next.

    task = FlipFlop(bits=3)
    trials = task.sample(key, 64)

Sussillo and Barak, Neural Computation 25 (2013), section 3.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray

from ..core.checks import at_least, share
from .contrast import Contrast, epochs_after, one_of_each
from .trials import Trials, check_draw

QUIET = 12
"""Steps after a contrast's pulse without another: until what `hold` reads is over."""


class FlipFlop(eqx.Module):
    """Pulses of +-1 arrive at random; each output is the sign of its channel's last pulse.

    Every channel is set at step 0. Epochs: `switch`, the steps from a pulse that changes a
    bit until `settle` steps after it, and `hold`, all others.

    - `bits`: channels.
    - `steps`: length of a trial.
    - `rate`: probability of a pulse, a channel and step.
    - `settle`: steps a switch lasts.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> trials = rj.tasks.FlipFlop(bits=1, steps=60).sample(key, 4)
        >>> trials.xs.shape, sorted(trials.epochs)
        ((4, 60, 1), ['hold', 'switch'])
        >>> pulsed = trials.xs != 0
        >>> bool((trials.targets == trials.xs)[pulsed].all())  # a pulse sets its bit at once
        True
    """

    bits: int = 3
    steps: int = 60
    rate: float = 0.06
    settle: int = 4

    def __check_init__(self) -> None:
        at_least(1, bits=self.bits, steps=self.steps, settle=self.settle)
        share("rate", self.rate)

    @property
    def inputs(self) -> int:
        """The number of input channels."""
        return self.bits

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return self.bits

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials.

        **Arguments:**

        - `key`: draws pulses.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs and targets `[count, steps, bits]`.
        """
        check_draw(key, count)
        when, sign = jax.random.split(key)
        shape = (count, self.steps, self.bits)
        pulse = jax.random.bernoulli(when, self.rate, shape).at[:, 0].set(True)
        xs = jnp.where(pulse, jax.random.rademacher(sign, shape, jnp.zeros(()).dtype), 0.0)
        targets = jax.vmap(last_pulse)(xs)
        epochs = jax.vmap(lambda y: _switching(y, self.settle))(targets)
        return Trials(xs, targets, {"switch": epochs, "hold": 1 - epochs})

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """For each bit one event a trial: a pulse that flips it, and that the foil leaves out.

        The pulse is drawn among those after which the bit gets no other for `QUIET` steps. Epochs:
        `switch`, the pulse's step and the next; `hold`, two steps from the sixth after it.

        **Arguments:**

        - `key`: draws the pulses.
        - `trials`: of this task.

        **Returns:** contrasts named `bit 0`, `bit 1`, ...; a trial without such a pulse has no
        event.
        """
        xs, ys = np.asarray(trials.xs), np.asarray(trials.targets)
        T = xs.shape[1]
        flips = (ys[:, 1:] != ys[:, :-1]) & (ys[:, :-1] != 0)
        later = np.stack([(xs[:, t + 1 : t + 1 + QUIET] != 0).any(1) for t in range(1, T)], 1)
        ends = np.arange(1, T)[None, :, None] + QUIET < T
        found = {}
        for bit, k in enumerate(jax.random.split(key, xs.shape[2])):
            may = (flips & ~later & ends)[:, :, bit]
            event = one_of_each(k, np.pad(may, ((0, 0), (1, 0))))
            foil = xs.copy()
            foil[event >= 0, event[event >= 0], bit] = 0
            epochs = epochs_after(event, T, switch=(0, 2), hold=(6, 8))
            found[f"bit {bit}"] = Contrast(foil, event, epochs)
        return found


def last_pulse(xs: Float[Array, "T C"]) -> Float[Array, "T C"]:
    """The last pulse of each channel until each step, that step included; 0 before the first.

    **Arguments:**

    - `xs`: `[T, C]`, 0 where there is no pulse.

    **Returns:** `[T, C]`.
    """

    def latch(bit: Array, x: Array) -> tuple[Array, Array]:
        bit = jnp.where(x == 0, bit, x)
        return bit, bit

    return lax.scan(latch, jnp.zeros_like(xs[0]), xs)[1]


def _switching(ys: Float[Array, "T C"], settle: int) -> Float[Array, " T"]:
    """1 from a change of any bit until `settle` steps after it; the first setting counts."""
    before = jnp.concatenate([jnp.zeros_like(ys[:1]), ys[:-1]])
    change = (ys != before).any(-1).astype(ys.dtype)
    kernel = jnp.ones(settle, ys.dtype)
    return (jnp.convolve(change, kernel)[: len(ys)] > 0.5).astype(ys.dtype)
