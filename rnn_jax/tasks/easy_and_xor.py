"""Two features of one stimulus, an easy and a hard one, reported together after a delay.

    task = EasyAndXor()
    trials = task.sample(key, 64)
    trials = task.balanced(key, repeats=16)      # each of the eight stimuli as often

Three bits flash at once. One output reports the first of them, the other the exclusive or of
the other two: both are as frequent, as large and asked for at the same time, and they are
independent. They differ in what they take to compute.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import span
from ..core.checks import at_least, scalar
from .trials import Trials, check_draw


class EasyAndXor(eqx.Module):
    """Bits `a, b, c` of +-1 flash; output 0 is to be `a`, output 1 `-b c`, after a delay.

    Epochs: `cue`, the flash; `delay`; `report`, the steps that ask for an output. Targets are 0
    elsewhere, where nothing is asked.

    - `cue`, `delay`, `report`: steps of each.
    - `noise`: standard deviation of what is added to every input at every step.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> trials = rj.tasks.EasyAndXor(noise=0.0).balanced(key, 1)  # all eight stimuli
        >>> a, b, c = trials.xs[:, 0].T
        >>> asked = trials.targets[:, -1]
        >>> bool((asked == jnp.stack([a, -b * c], 1)).all())
        True
    """

    cue: int = 2
    delay: int = 8
    report: int = 4
    noise: float = 0.1

    def __check_init__(self) -> None:
        at_least(1, cue=self.cue, delay=self.delay, report=self.report)
        if not scalar("noise", self.noise) >= 0:
            raise ValueError(f"noise must be at least 0, got {self.noise}")

    @property
    def inputs(self) -> int:
        """The number of input channels."""
        return 3

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return 2

    @property
    def steps(self) -> int:
        """The length of a trial."""
        return self.cue + self.delay + self.report

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials.

        **Arguments:**

        - `key`: draws bits and noise.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs `[count, T, 3]` and targets `[count, T, 2]`.
        """
        check_draw(key, count)
        bits_key, noise_key = jax.random.split(key)
        bits = jax.random.rademacher(bits_key, (count, 3), jnp.zeros(()).dtype)
        return self._trials(bits, noise_key)

    def balanced(self, key: PRNGKeyArray, repeats: int) -> Trials:
        """Each of the eight stimuli `repeats` times: features are then exactly uncorrelated.

        **Arguments:**

        - `key`: draws the noise.
        - `repeats`: trials of each stimulus, in the order of `stimuli`.

        **Returns:** `Trials` with inputs `[8 repeats, T, 3]` and targets `[8 repeats, T, 2]`.
        """
        check_draw(key, repeats)
        return self._trials(stimuli(repeats), key)

    def _trials(self, bits: Float[Array, "B 3"], key: PRNGKeyArray) -> Trials:
        T, on, asked = self.steps, self.cue, self.cue + self.delay
        epochs = {
            "cue": span(T, 0, on),
            "delay": span(T, on, asked),
            "report": span(T, asked, T),
        }
        a, b, c = bits.T
        labels = jnp.stack([a, -b * c], -1)
        noise = self.noise * jax.random.normal(key, (len(bits), T, 3), bits.dtype)
        xs = bits[:, None] * epochs["cue"][None, :, None] + noise
        targets = labels[:, None] * epochs["report"][None, :, None]
        whole = lambda window: jnp.broadcast_to(window[None], (len(bits), T))
        return Trials(xs, targets, {name: whole(window) for name, window in epochs.items()})


def stimuli(repeats: int) -> Float[Array, "B 3"]:
    """Bits `a, b, c` of +-1 of all eight stimuli, again and again.

    Trial `8 r + s` shows the binary digits of `s`, that of `a` first: the trial whose number
    differs in one binary digit differs in that bit alone.

    **Returns:** `[8 repeats, 3]`.

    **Raises:** `ValueError` where `repeats` is below 1.

    **Example:**

        >>> rj.tasks.stimuli(1)[:3].tolist()
        [[-1.0, -1.0, -1.0], [-1.0, -1.0, 1.0], [-1.0, 1.0, -1.0]]
    """
    at_least(1, repeats=repeats)
    digits = (jnp.arange(8)[:, None] >> jnp.arange(2, -1, -1)[None]) & 1
    return jnp.tile(2 * digits.astype(jnp.zeros(()).dtype) - 1, (repeats, 1))
