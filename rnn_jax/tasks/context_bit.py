"""One bit, two channels, and a cue that says which of them may write it.

    task = ContextBit()
    trials = task.sample(key, 64)
    trials = task.trials(context, pulses, onsets)     # the same, with events of one's own

A cue at the start of a trial names a context. Pulses of +-1 then arrive in two channels, one
slot after another; the outputs hold the last pulse of the context's own channel, and those of
the other are to be ignored. It is the problem that `planted.context_flip_flop` is built to
solve, and that network's inputs and outputs fit these trials; built-ins of all kinds share one
list of names, in which `context-flip-flop` is that network, so the task is called after what is
to be held.

Mante, Sussillo, Shenoy and Newsome, Nature 503 (2013), for the question; Sussillo and Barak,
Neural Computation 25 (2013), section 3, for the flip-flop.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core.checks import at_least, axes, bools, described, share
from .contrast import Contrast, epochs_after, one_of_each
from .flip_flop import last_pulse
from .trials import Trials, check_draw


class ContextBit(eqx.Module):
    """A cue, then slots of one pulse each, in either channel or in none.

    In the first slot both channels pulse, each with a sign of its own, so that every trial has
    a bit to hold and nothing but the context says which. Epochs: `context`, until the first
    slot; `switch`, `settle` steps from a relevant pulse that changes the bit, the first setting
    included; `same`, from one that does not; `ignored`, from an irrelevant one alone; `hold`,
    all others.

    - `slots`, `slot`: how many there are, and the steps of each.
    - `cue`, `lead`: steps the cue lasts, and steps until the first slot.
    - `pulse`: steps a pulse lasts.
    - `jitter`: a pulse starts at one of the slot's first `jitter` steps.
    - `settle`: steps a pulse's epoch lasts.
    - `silent`: probability that a slot has no pulse.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> task = rj.tasks.ContextBit()
        >>> trials = jax.jit(lambda key: task.sample(key, 3))(key)
        >>> trials.xs.shape, trials.targets.shape, sorted(trials.epochs)
        ((3, 78, 4), (3, 78, 2), ['context', 'hold', 'ignored', 'same', 'switch'])
        >>> bool((sum(trials.epochs.values()) == 1).all())  # epochs share out all steps
        True
    """

    slots: int = 5
    slot: int = 14
    cue: int = 4
    lead: int = 8
    pulse: int = 4
    jitter: int = 3
    settle: int = 6
    silent: float = 0.2

    def __check_init__(self) -> None:
        lasting = {"pulse": self.pulse, "jitter": self.jitter, "settle": self.settle}
        at_least(1, slots=self.slots, slot=self.slot, **lasting)
        at_least(0, cue=self.cue, lead=self.lead)
        share("silent", self.silent)
        if self.jitter - 1 + max(self.pulse, self.settle) > self.slot:
            raise ValueError(
                f"jitter and what follows a pulse must fit in a slot of {self.slot} steps, got "
                f"jitter {self.jitter}, pulse {self.pulse}, settle {self.settle}"
            )

    @property
    def inputs(self) -> int:
        """`(cue 1, cue 2, pulse 1, pulse 2)`."""
        return 4

    @property
    def outputs(self) -> int:
        """`(up, down)`: the two sides of the bit."""
        return 2

    @property
    def steps(self) -> int:
        """Length of a trial."""
        return self.lead + self.slots * self.slot

    @property
    def starts(self) -> Int[Array, " K"]:
        """The first step of each slot."""
        return self.lead + self.slot * jnp.arange(self.slots)

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials: contexts, channels, signs and times of pulses at random.

        **Arguments:**

        - `key`: draws them.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs `[count, steps, 4]` and targets `[count, steps, 2]`.
        """
        check_draw(key, count)
        which, said, channel_key, sign_key, when = jax.random.split(key, 5)
        shape = (count, self.slots)
        context = jax.random.bernoulli(which, 0.5, (count,))
        pulses_there = jax.random.bernoulli(said, 1 - self.silent, shape)
        second = jax.random.bernoulli(channel_key, 0.5, shape)
        there = jnp.stack([pulses_there & ~second, pulses_there & second], -1).at[:, 0].set(True)
        signs = jax.random.rademacher(sign_key, (*shape, 2), jnp.zeros(()).dtype)
        delays = jax.random.randint(when, shape, 0, self.jitter)
        return self.trials(context, jnp.where(there, signs, 0.0), self.starts[None] + delays)

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """`context`, the cue exchanged; `pulse`, one relevant pulse that turns the bit left out.

        Epochs of `context`: `cue`, its last two steps; `kept`, the two steps before the first
        slot; both are read at the end of the first slot, where the two channels differ. Epochs of
        `pulse`: `switch`, its first two steps; `hold`, two steps from the fifth after its first.

        **Arguments:**

        - `key`: draws the pulses.
        - `trials`: of this task.
        """
        xs = np.asarray(trials.xs)
        B, T = xs.shape[:2]
        exchanged = np.concatenate([xs[..., 1::-1], xs[..., 2:]], -1)
        first, time = np.zeros(B, int), np.arange(T)
        end = self.lead + self.slot
        read = jnp.broadcast_to((time >= end - 4) & (time < end), (B, T)).astype(trials.xs.dtype)
        spans = {"cue": (self.cue - 2, self.cue), "kept": (self.lead - 2, self.lead)}
        spans = {name: span for name, span in spans.items() if span[0] >= 0}
        context = Contrast(
            jnp.asarray(exchanged), epochs=epochs_after(first, T, **spans), read=read
        )
        event, foil = self._left_out(key, xs, np.asarray(trials.targets))
        epochs = epochs_after(event, T, switch=(0, 2), hold=(5, 7))
        return {
            "context": context,
            "pulse": Contrast(foil, event, epochs),
        }

    def _left_out(
        self, key: PRNGKeyArray, xs: np.ndarray, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """First steps of relevant pulses that turn a bit that was set, and inputs without them."""
        T, channel = xs.shape[1], 2 + xs[:, 0, :2].argmax(-1)
        bit = targets[..., 0] - targets[..., 1]
        before = np.pad(bit, ((0, 0), (1, 0)))[:, :-1]
        may = (bit != before) & (before != 0) & (np.arange(T) + self.slot <= T)
        event = one_of_each(key, may)
        since = np.arange(T)[None] - event[:, None]
        inside = (since >= 0) & (since < self.pulse) & (event >= 0)[:, None]
        own = channel[:, None] == np.arange(xs.shape[2])
        return event, np.where(inside[:, :, None] & own[:, None], 0.0, xs).astype(xs.dtype)

    def trials(
        self,
        context: Bool[Array, " B"],
        pulses: Float[Array, "B K 2"],
        onsets: Int[Array, "B K"],
    ) -> Trials:
        """Trials of given events.

        **Arguments:**

        - `context`: true where the second channel is the relevant one.
        - `pulses`: the height of each slot's pulse in each channel, 0 for none.
        - `onsets`: the first step of each slot's pulse.

        **Returns:** `Trials` with inputs `[B, steps, 4]`, targets `[B, steps, 2]`: 1 for the
        side that should be on, and before the first relevant pulse 0 for both.
        """
        axes(context=(context, "B"), pulses=(pulses, "B K C"), onsets=(onsets, "B K"))
        bools(context=context)
        if pulses.shape[1:] != (self.slots, 2):
            raise ValueError(f"pulses must be [B, {self.slots}, 2], got {described(pulses)}")
        dtype, time = pulses.dtype, jnp.arange(self.steps)
        since = time[None, None] - onsets[:, :, None]
        lasting = lambda steps: ((since >= 0) & (since < steps)).astype(dtype)
        said = jnp.einsum("bkt,bkc->btc", lasting(self.pulse), pulses)
        own = jnp.stack([~context, context], -1).astype(dtype)
        cue = (time < self.cue).astype(dtype)[None, :, None] * own[:, None]
        # by slots, not by steps: a pulse longer than one step must not count as a second one
        heard = jnp.einsum("bkc,bc->bk", pulses, own)
        bits = jax.vmap(last_pulse)(heard[..., None])[..., 0]
        before = jnp.pad(bits, ((0, 0), (1, 0)))[:, :-1]
        bit = jax.vmap(last_pulse)(jnp.einsum("btc,bc->bt", said, own)[..., None])[..., 0]
        relevant, changes = heard != 0, bits != before
        kinds = {
            "switch": changes,
            "same": relevant & ~changes,
            "ignored": ~relevant & (pulses != 0).any(-1),
        }
        after = lasting(self.settle)
        epochs = {
            name: jnp.einsum("bk,bkt->bt", kind.astype(dtype), after)
            for name, kind in kinds.items()
        }
        lead = jnp.broadcast_to((time < self.lead).astype(dtype)[None], bit.shape)
        epochs = {"context": lead, **epochs}
        epochs["hold"] = 1 - jnp.stack(list(epochs.values())).sum(0)
        targets = jnp.stack([bit > 0, bit < 0], -1).astype(dtype)
        return Trials(jnp.concatenate([cue, said], -1), targets, epochs)
