"""What a user may choose about a phase portrait, in one frozen record, as the command line has it.

    portrait(subject, DynamicsSettings(starts=1024, hold="delay"))
    rnn-jax dynamics flip-flop --starts 1024 --hold delay

Every field is written to `config.json`.
"""

from dataclasses import dataclass
from typing import Literal

from ...core.checks import at_least, one_of, positive, whole_number

ZERO = "zero"


@dataclass(frozen=True)
class DynamicsSettings:
    """How fixed points, exponents and removals are computed.

    **Example:**

        >>> rj.discovery.DynamicsSettings(starts=0)
        Traceback (most recent call last):
            ...
        ValueError: starts must be at least 1, got 0
    """

    starts: int = 256
    """Starts of the search: a quarter each are states of the trials, such states with noise,
    mixtures of three, and midpoints of two."""

    hold: str = ZERO
    """The input that is held: zero, or the mean input of a named epoch over its steps and all
    trials."""

    noise: float = 0.5
    """Noise of the starts with noise, in standard deviations of each unit."""

    tolerance: float = 1e-24
    """A start has converged where |F(h) - h|^2 / 2 is at most this."""

    iterations: int = 200
    """Iterations at most, in each phase of the search."""

    same: float = 1e-6
    """Two ends of the search are one point where they are this near, as a share of the spread of
    the states, their root mean square distance from their mean."""

    box: tuple[float, float] | None = None
    """The lowest and the highest value of a state's entries: starts outside are left out, and
    what ends outside is not a point."""

    near: float = 0.2
    """A state is at its nearest fixed point where it lies within this share of the spread."""

    exponents: int = 8
    """Lyapunov exponents, the largest first; 0 for none."""

    sets: Literal["circuit", "mediator"] = "circuit"
    """Which sets of a folder of circuits are taken out."""

    value: Literal["mean", "zero"] = "mean"
    """What the units of a set are held at: their mean over trials and steps, or zero."""

    kept: float = 0.1
    """A point is kept where its partner without the set lies at most this far from it, as a share
    of the spread, both over the units that are left."""

    moved: float = 0.5
    """A point has moved where its partner lies farther than `kept` and at most this far. Without
    a partner it has vanished."""

    seed: int = 0
    """Seed of every draw."""

    def __post_init__(self) -> None:
        at_least(1, starts=self.starts, iterations=self.iterations)
        at_least(0, exponents=self.exponents)
        if not isinstance(self.hold, str):
            raise ValueError(f"hold must be zero or the name of an epoch, got {self.hold!r}")
        for name in ("noise", "tolerance", "same", "near", "kept", "moved"):
            positive(name, getattr(self, name))
        if not self.kept <= self.moved:
            raise ValueError(f"kept must be at most moved, got {self.kept} and {self.moved}")
        if self.box is not None and not self.box[0] < self.box[1]:
            raise ValueError(f"box must be its lowest and its highest value, got {self.box}")
        one_of("sets", self.sets, ("circuit", "mediator"))
        one_of("value", self.value, ("mean", "zero"))
        if not 0 <= whole_number("seed", self.seed) < 2**31:
            raise ValueError(f"seed must lie in [0, 2**31), got {self.seed}")
