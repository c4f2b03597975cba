"""An image is shown again and again, until another one is: say when.

    task = ChangeDetection()
    trials = task.sample(key, 64)          # inputs: a channel for each image
    trials = task.trials(images, change, omitted)     # the same, with events of one's own
    pair = task.omission_foil(key, trials)            # for states, not for outputs

It is the task of the Allen Institute's Visual Behavior data. An image lasts 250 ms, and 500 ms of
grey follow, so that an image must be held through the grey to be compared with the next. A few
images are omitted, which is no change and asks for nothing.

The documentation of AllenSDK 2.16.2 and the Allen Institute's "Visual Behavior Task Overview", for
durations, times of changes, omissions, catch trials and the response window; Garrett et al., eLife
9 (2020), for the task.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from ..core.checks import at_least, axes, bools, described, positive, share
from .contrast import Contrast, epochs_after, one_of_each
from .trials import Trials, check_draw

IMAGE, GREY = 0.25, 0.5
"""Seconds that an image is shown, and of the grey after it."""


class ChangeDetection(eqx.Module):
    """Images at a steady beat; the output is 1 from a change until the next image, else 0.

    `c` images come before the change, by a geometric law cut at both ends and divided by what is
    left: `P(c) = p (1 - p)^(c - a) / (1 - (1 - p)^(z - a + 1))` for `a <= c <= z`. They count from
    a trial's first image; in the experiment, which has no breaks, from the last change or lick. On
    a catch trial a change is drawn and the image stays. Their share is our choice: of the sources'
    64 transitions between 8 images, 8 are of an image to itself. Each image is omitted with the
    same probability, but the one at a change, real or sham, and the one before it never are. Nor
    is a trial's first, by our choice: nothing would tell that it is missing.

    Epochs, which share out all steps: `change`, from a change until the next image; `omission`,
    from where an omitted image was due until the next; `image` and `grey`, all others.

    - `images`: how many there are, each with a channel that is 1 while it is shown.
    - `dt`: seconds a step, of which 0.25 s is a whole number.
    - `changes`: `(a, z)`, the fewest and the most images before the change.
    - `hazard`: p, in (0, 1).
    - `after`: images from the latest change on; a trial has `z + after` images.
    - `catch`: share of catch trials. `omitted`: probability that an image is omitted.

    **Raises:** `ValueError` where a number is out of its range.

    **Example:**

        >>> task = rj.tasks.ChangeDetection(images=4, catch=0.0)
        >>> trials = jax.jit(lambda key: task.sample(key, 3))(key)
        >>> trials.xs.shape, task.beat, task.beat * task.dt  # steps and seconds between images
        ((3, 90, 4), 6, 0.75)
        >>> trials.targets.sum((1, 2)).tolist()  # 1 from the change until the next image
        [6.0, 6.0, 6.0]
    """

    images: int = 8
    dt: float = 0.125
    changes: tuple[int, int] = (4, 12)
    hazard: float = 0.3
    after: int = 3
    catch: float = 0.125
    omitted: float = 0.05

    def __check_init__(self) -> None:
        at_least(2, images=self.images)
        at_least(1, after=self.after)
        positive("dt", self.dt)
        whole = self.dt >= 1e-6 and round(IMAGE / self.dt) >= 1
        if not whole or abs(IMAGE / self.dt - round(IMAGE / self.dt)) > 1e-9:
            raise ValueError(f"dt must divide {IMAGE} s into whole steps, got {self.dt}")
        if not isinstance(self.changes, tuple | list) or len(self.changes) != 2:
            raise ValueError(f"changes must be (fewest, most), got {self.changes!r}")
        fewest, most = self.changes
        at_least(1, changes=fewest)
        at_least(fewest, changes=most)
        share("hazard", self.hazard, above=0, below=1)
        share("catch", self.catch)
        share("omitted", self.omitted)

    @property
    def inputs(self) -> int:
        """One channel for each image."""
        return self.images

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return 1

    @property
    def shown(self) -> int:
        """Steps that an image lasts."""
        return round(IMAGE / self.dt)

    @property
    def beat(self) -> int:
        """Steps from an image to the next."""
        return self.shown + round(GREY / self.dt)

    @property
    def beats(self) -> int:
        """Images in a trial, omitted ones included."""
        return self.changes[1] + self.after

    @property
    def steps(self) -> int:
        """Length of a trial."""
        return self.beats * self.beat

    def sample(self, key: PRNGKeyArray, count: int) -> Trials:
        """Draw trials: both images, the time of the change, and omissions.

        **Arguments:**

        - `key`: draws them.
        - `count`: the number of trials.

        **Returns:** `Trials` with inputs `[count, steps, images]` and targets `[count, steps, 1]`.
        """
        check_draw(key, count)
        old, new, same, when, which = jax.random.split(key, 5)
        first = jax.random.randint(old, (count,), 0, self.images)
        further = jax.random.randint(new, (count,), 1, self.images)
        further = jnp.where(jax.random.bernoulli(same, self.catch, (count,)), 0, further)
        images = jnp.stack([first, (first + further) % self.images], -1)
        fewest, most = self.changes
        logits = np.arange(most - fewest + 1) * np.log1p(-float(self.hazard))
        change = jax.random.categorical(when, jnp.asarray(logits), shape=(count,)) + fewest
        omitted = jax.random.bernoulli(which, self.omitted, (count, self.beats))
        return self.trials(images, change, omitted)

    def trials(
        self, images: Int[Array, "B 2"], change: Int[Array, " B"], omitted: Bool[Array, "B K"]
    ) -> Trials:
        """Trials of given events.

        **Arguments:**

        - `images`: the image before the change and the one from it on; a catch trial's are equal.
        - `change`: images before the change.
        - `omitted`: which images are omitted. A trial's first, the one at the change and the one
            before it are shown whatever it says.
        """
        axes(images=(images, "B P"), change=(change, "B"), omitted=(omitted, "B K"))
        bools(omitted=omitted)
        if images.shape[1] != 2 or omitted.shape[1] != self.beats:
            got = f"{described(images)} and {described(omitted)}"
            raise ValueError(f"images must be [B, 2], omitted [B, {self.beats}], got {got}")
        place, change = jnp.arange(self.beats)[None], change.astype(int)[:, None]
        omitted = omitted & (place > 0) & (place != change) & (place != change - 1)
        changed = (place == change) & (images[:, :1] != images[:, 1:])
        which = jnp.where(place < change, images[:, :1], images[:, 1:])
        # of no image, the one-hot row is 0
        seen = jax.nn.one_hot(
            jnp.where(omitted, -1, which), self.images, dtype=jnp.zeros(()).dtype
        )
        shown = (jnp.arange(self.beat) < self.shown).astype(seen.dtype)
        in_steps = lambda marks, row: jnp.kron(marks.astype(seen.dtype), row[None])
        plain, whole = ~changed & ~omitted, jnp.ones_like(shown)
        epochs = {"image": in_steps(plain, shown), "grey": in_steps(plain, 1 - shown)}
        epochs |= {"omission": in_steps(omitted, whole), "change": in_steps(changed, whole)}
        xs = jnp.kron(seen, shown[None, :, None])
        return Trials(xs, epochs["change"][..., None], epochs)

    def contrasts(self, key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        """`change`, against the old image going on; `identity`, against a change one image sooner.

        Each foil is a trial of this task. That of `change` is a catch trial: epochs `image`, while
        the new image is shown, and `grey`, the grey's first half; its second half is read. In the
        foil of `identity` the image before the change is the new one already, so that the response
        comes a beat sooner: epochs `seen`, while that image is shown, and `kept`, the second half
        of the grey after it; the run's response is read. It is asked where the foil's change is
        neither sooner than any of `changes` nor right after an omission.

        **Arguments:**

        - `key`: not used: nothing is drawn.
        - `trials`: of this task.
        """
        seen, shown, change = self._seen(trials)
        rows, place, n = np.arange(len(seen)), np.arange(self.beats), self.shown
        before = lambda k: np.maximum(change - k, 0)
        may = (change > self.changes[0]) & shown[rows, before(2)]
        sooner = np.where(may, change - 1, -1)
        after = (place >= change[:, None]) & (change >= 0)[:, None]
        other = self._with(seen, after & shown, seen[rows, before(1)])
        spans = {"image": (0, n), "grey": (n, 2 * n)}
        found = {"change": self._asked(other, change, spans, (2 * n, self.beat))}
        other = self._with(seen, place == sooner[:, None], seen[rows, before(0)])
        spans = {"seen": (0, n), "kept": (self.beat - n, self.beat)}
        found["identity"] = self._asked(other, sooner, spans, (self.beat, 2 * self.beat))
        return {name: one for name, one in found.items() if (np.asarray(one.event) >= 0).any()}

    def omission_foil(self, key: PRNGKeyArray, trials: Trials) -> Contrast:
        """One omission a trial, against the image that was due: a trial of this task as well.

        It is not among `contrasts`: the output is to be 0 with the image and without it. Where
        a trained network's outputs differ all the same, that is its error. What may well differ
        are states: `clean_run(network, contrast.foil)[0]`, or a readout that shows units. Epochs:
        `omission`, the steps of the image that was due; `grey`, those until the next.

        **Arguments:**

        - `key`: draws the omission.
        - `trials`: of this task.

        **Returns:** a `Contrast` without `read`; a trial without an omission has no event.
        """
        seen, shown, _ = self._seen(trials)
        place = np.arange(self.beats)
        event = one_of_each(key, ~shown)
        earlier = shown & (place < event[:, None])
        last = self.beats - 1 - earlier[:, ::-1].argmax(1)
        other = self._with(seen, place == event[:, None], seen[np.arange(len(seen)), last])
        spans = {"omission": (0, self.shown), "grey": (self.shown, self.beat)}
        return self._asked(other, event, spans)

    def _seen(
        self, trials: Trials
    ) -> tuple[Float[np.ndarray, "B K I"], Bool[np.ndarray, "B K"], Int[np.ndarray, " B"]]:
        """Images by beat, whether one is shown, and at which beat one changes; -1 for none."""
        xs = np.asarray(trials.xs)
        if xs.ndim != 3 or xs.shape[1:] != (self.steps, self.images):
            size = f"{self.steps}, {self.images}"
            raise ValueError(f"trials must be of this task, [B, {size}], got {described(xs)}")
        marks = np.asarray(trials.epochs["change"])[:, :: self.beat] > 0
        seen = xs[:, :: self.beat]
        return seen, np.asarray(seen.any(-1)), np.where(marks.any(1), marks.argmax(1), -1)

    def _with(
        self,
        seen: Float[np.ndarray, "B K I"],
        where: Bool[np.ndarray, "B K"],
        image: Float[np.ndarray, "B I"],
    ) -> Float[np.ndarray, "B T I"]:
        """Inputs with another image at some beats."""
        rows = np.where(where[..., None], image[:, None], seen)
        shown = (np.arange(self.beat) < self.shown).astype(seen.dtype)
        return np.kron(rows, shown[None, :, None])

    def _asked(
        self,
        foil: Float[np.ndarray, "B T I"],
        event: Int[np.ndarray, " B"],
        spans: dict[str, tuple[int, int]],
        read: tuple[int, int] | None = None,
    ) -> Contrast:
        """A contrast whose events are counted in beats, and its windows in steps from there."""
        event = np.where(event >= 0, event * self.beat, -1)
        weights = None if read is None else epochs_after(event, self.steps, read=read)["read"]
        return Contrast(foil, event, epochs_after(event, self.steps, **spans), weights)
