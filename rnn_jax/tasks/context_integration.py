"""Two noisy streams of evidence, and a cue that says which of them is to be told.

    task = ContextIntegration()
    trials = task.sample(key, 64)          # inputs (cue 1, cue 2, stream 1, stream 2, go)

Both streams are there in all trials and the cue lasts as long as they do. At the end, while `go`
is on, the output is the sign of the mean of the stream that the cue names. The other stream's
evidence may be in the state, and is not used.

Mante, Sussillo, Shenoy and Newsome, Nature 503 (2013), for the task.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ..core.checks import at_least, positive
from .contrast import Contrast, epochs_after
from .trials import Trials, check_draw


class ContextIntegration(eqx.Module):
    """Evidence `x = c + noise` of variance 1 in each stream; c is one of +-`coherences`.

    Epochs: `cue`, the steps before the evidence; `evidence`; `delay`, between evidence and report;
    `report`, while `go` is on.

    - `lead`, `shown`, `gap`, `report`: steps before the evidence, of it, between it and the
        report, and of the report.
    - `coherences`: sizes of a stream's mean, all equally probable, with either sign.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> task = rj.tasks.ContextIntegration()
        >>> trials = jax.jit(lambda key: task.sample(key, 3))(key)
        >>> trials.xs.shape, trials.targets.shape
        ((3, 35, 5), (3, 35, 1))
        >>> trials.epochs["delay"][0].sum().item()  # steps between evidence and report
        6.0
    """

    lead: int = 3
    shown: int = 20
    gap: int = 6
    report: int = 6
    coherences: tuple[float, ...] = (0.2, 0.4, 0.8)

    def __check_init__(self) -> None:
        at_least(1, lead=self.lead, shown=self.shown, gap=self.gap, report=self.report)
        if not self.coherences:
            raise ValueError("coherences must hold at least one size")
        for size in self.coherences:
            positive("coherences", size)

    @property
    def inputs(self) -> int:
        """`(cue 1, cue 2, stream 1, stream 2, go)`."""
        return 5

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return 1

    @property
    def steps(self) -> int:
        """Length of a trial."""
        return self.lead + self.shown + self.gap + self.report

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials: contexts, means of both streams, and noise.

        **Arguments:**

        - `key`: draws them.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs `[count, steps, 5]` and targets `[count, steps, 1]`, 0
        before the report.
        """
        check_draw(key, count)
        which, size, sign, noise = jax.random.split(key, 4)
        dtype = jnp.zeros(()).dtype
        sizes = jnp.asarray(self.coherences, dtype)
        means = jax.random.choice(size, sizes, (count, 2))
        means = means * jax.random.rademacher(sign, (count, 2), dtype)
        clutter = jax.random.normal(noise, (count, self.steps, 2), dtype)
        own = jax.nn.one_hot(
            jax.random.bernoulli(which, 0.5, (count,)).astype(int), 2, dtype=dtype
        )
        rows = {name: jnp.asarray(row, dtype) for name, row in self._spans().items()}
        on = (rows["cue"] + rows["evidence"])[None, :, None]
        streams = (means[:, None] + clutter) * rows["evidence"][None, :, None]
        go = jnp.broadcast_to(rows["report"][None, :, None], (count, self.steps, 1))
        xs = jnp.concatenate([own[:, None] * on, streams, go], -1)
        asked = jnp.sign((own * means).sum(-1))
        targets = asked[:, None, None] * rows["report"][None, :, None]
        epochs = {name: jnp.broadcast_to(row, (count, self.steps)) for name, row in rows.items()}
        return Trials(xs, targets, epochs)

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """`evidence`, the relevant stream's signal turned; `context`, the cues exchanged.

        A stream is turned by taking twice the mean of its own evidence away: what it says is the
        opposite, its noise stays. Epochs of `evidence`: `seen`, its last two steps; `kept`, the
        last two before the report. `context` is asked where the two streams disagree, in the
        epoch `used`, the last two steps of the evidence. All read the report.

        **Arguments:**

        - `key`: not used: nothing is drawn.
        - `trials`: of this task.
        """
        xs = np.asarray(trials.xs)
        B, T = xs.shape[:2]
        first, end = self.lead, self.lead + self.shown
        shown = self._spans()["evidence"][None, :, None]
        means = xs[:, first:end, 2:4].mean(1)
        own = xs[:, 0, :2]
        turned = xs.copy()
        turned[..., 2:4] -= 2 * (means * own)[:, None] * shown
        disagree = means[:, 0] * means[:, 1] < 0
        exchanged = np.where(disagree[:, None, None], xs[..., [1, 0, 2, 3, 4]], xs)
        read = np.broadcast_to(self._spans()["report"], (B, T)).astype(xs.dtype)
        at = lambda who, step: np.where(who, step, -1)
        evidence, context = at(np.ones(B, bool), first), at(disagree, 0)
        over = self.shown + self.gap
        last = {"seen": (max(0, self.shown - 2), self.shown), "kept": (over - 2, over)}
        used = epochs_after(context, T, used=(max(first, end - 2), end))
        return {
            "evidence": Contrast(turned, evidence, epochs_after(evidence, T, **last), read),
            "context": Contrast(exchanged, context, used, read),
        }

    def _spans(self) -> dict[str, Float[np.ndarray, " T"]]:
        """The steps of each epoch."""
        lengths = {"cue": self.lead, "evidence": self.shown, "delay": self.gap}
        ends = np.cumsum([0, *lengths.values(), self.report])
        time = np.arange(self.steps)
        return {
            name: ((time >= a) & (time < b)).astype(float)
            for name, a, b in zip([*lengths, "report"], ends[:-1], ends[1:], strict=True)
        }
