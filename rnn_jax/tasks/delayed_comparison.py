"""Two stimuli with a delay between them: which is the larger?

    task = DelayedComparison()
    trials = task.sample(key, 64)          # inputs (stimulus, go)

The first stimulus must be held through a delay of random length, then compared with the second.

Romo, Brody, Hernandez and Lemus, Nature 399 (1999), for the task.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core.checks import at_least
from .contrast import Contrast, epochs_after
from .trials import Trials, check_draw


class DelayedComparison(eqx.Module):
    """Two levels from 0.1 to 0.9, two steps of them apart at least; the answer is +-1.

    Epochs: `first`, the first stimulus; `delay`; `second`; `report`, from the end of the second
    stimulus on, while `go` is on.

    - `lead`, `shown`, `report`: steps before the first stimulus, of each stimulus, and of the
        report.
    - `delays`: the shortest and the longest delay.
    - `levels`: how many levels there are, at least 4.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> task = rj.tasks.DelayedComparison(delays=(8, 16))
        >>> trials = task.trials(jnp.array([[0.7, 0.3], [0.3, 0.7]]), jnp.array([8, 12]))
        >>> trials.epochs["delay"].sum(1).tolist()  # each trial has a delay of its own
        [8.0, 12.0]
        >>> trials.targets[:, -1, 0].tolist()  # 1 where the second is the larger one
        [-1.0, 1.0]
    """

    lead: int = 2
    shown: int = 4
    report: int = 6
    delays: tuple[int, int] = (8, 16)
    levels: int = 9

    def __check_init__(self) -> None:
        at_least(1, lead=self.lead, shown=self.shown, report=self.report)
        at_least(4, levels=self.levels)
        shortest, longest = self.delays
        at_least(4, delays=shortest)
        if longest < shortest:
            raise ValueError(f"delays must be (shortest, longest), got {self.delays}")

    @property
    def inputs(self) -> int:
        """`(stimulus, go)`."""
        return 2

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return 1

    @property
    def steps(self) -> int:
        """Length of a trial."""
        return self.lead + 2 * self.shown + self.delays[1] + self.report

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials: both levels, and the delay.

        **Arguments:**

        - `key`: draws them.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs `[count, steps, 2]` and targets `[count, steps, 1]`, 0
        before the report.
        """
        check_draw(key, count)
        which, when = jax.random.split(key)
        pairs = np.array([(a, b) for a in range(self.levels) for b in range(self.levels)
                          if abs(a - b) >= 2])  # fmt: skip
        dtype = jnp.zeros(()).dtype
        chosen = jnp.asarray(pairs)[jax.random.randint(which, (count,), 0, len(pairs))]
        levels = 0.1 + 0.8 * chosen.astype(dtype) / (self.levels - 1)
        delay = jax.random.randint(when, (count,), self.delays[0], self.delays[1] + 1)
        return self.trials(levels, delay)

    def trials(self, levels: Float[Array, "B 2"], delay: Int[Array, " B"]) -> Trials:
        """Trials of given levels and delays.

        **Arguments:**

        - `levels`: of the first and the second stimulus.
        - `delay`: steps between them.
        """
        start = self.lead + self.shown
        ends = jnp.stack([delay * 0 + self.lead, delay * 0 + start, start + delay], -1)
        ends = jnp.concatenate([ends, ends[:, 2:] + self.shown], -1)
        time = jnp.arange(self.steps)[None]
        until = jnp.concatenate([ends[:, 1:], jnp.full_like(ends[:, :1], self.steps)], -1)
        inside = (time[:, :, None] >= ends[:, None]) & (time[:, :, None] < until[:, None])
        rows = jnp.moveaxis(inside.astype(levels.dtype), -1, 0)
        stimulus = rows[0] * levels[:, :1] + rows[2] * levels[:, 1:]
        answer = jnp.sign(levels[:, 1] - levels[:, 0])[:, None]
        xs, targets = jnp.stack([stimulus, rows[3]], -1), (answer * rows[3])[..., None]
        return Trials(xs, targets, dict(zip(("first", "delay", "second", "report"), rows)))

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """`first`, the first level moved beyond the second; `second`, the second beyond the first.

        A level is moved to the end of the range that turns the answer: 0.1 or 0.9, or beyond it
        by a tenth where the other one is there already. Epochs of `first`: `seen`, the last two
        steps of the stimulus; `kept`, the last two of the shortest delay. Of `second`: `compared`,
        the last two steps of its stimulus. All are read in the report.

        **Arguments:**

        - `key`: not used: nothing is drawn.
        - `trials`: of this task.
        """
        xs, T = np.asarray(trials.xs), self.steps
        rows = {name: np.asarray(trials.epochs[name]) > 0 for name in trials.epochs}
        read = rows["report"].astype(xs.dtype)
        level = {name: xs[..., 0][np.arange(len(xs)), rows[name].argmax(1)] for name in LEVELS}
        shortest = self.shown + self.delays[0]
        spans = {
            "first": {"seen": (self.shown - 2, self.shown), "kept": (shortest - 2, shortest)},
            "second": {"compared": (self.shown - 2, self.shown)},
        }
        spans = {
            name: {epoch: (max(0, a), b) for epoch, (a, b) in own.items()}
            for name, own in spans.items()
        }
        found = {}
        for name, other in (LEVELS, LEVELS[::-1]):
            end = np.where(level[name] < level[other], 0.9, 0.1)
            step = np.where(end > 0.5, 0.1, -0.1)
            there = np.abs(end - level[other]) < 0.05
            foil = xs.copy()
            foil[..., 0] = np.where(rows[name], (end + step * there)[:, None], xs[..., 0])
            event = rows[name].argmax(1)
            found[name] = Contrast(foil, event, epochs_after(event, T, **spans[name]), read)
        return found


LEVELS = ("first", "second")
