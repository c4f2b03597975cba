"""What a user may choose about a discovery, in one frozen record that is also the command line.

    discover(subject, Settings(value="resample", width=5))
    rnn-jax discover ring-attractor --value resample --width 5

Every field is written to `config.json`.
"""

from dataclasses import dataclass
from typing import Literal, get_args, get_type_hints

from ..core.checks import at_least, one_of, share, whole_number

Value = Literal["zero", "mean", "resample", "noise"]


@dataclass(frozen=True)
class Settings:
    """How `discover` searches for a circuit.

    **Example:**

        >>> rj.Settings(value="zero", width=5).second
        'mean'
    """

    value: Value = "mean"
    """What a unit is replaced with: zero, its mean over trials at each time, its value in
    another trial, or noise of its mean and spread."""

    second_value: Value | None = None
    """A second replacement, to show how far the ranking depends on the first; by default zero,
    or the mean where the first is zero."""

    kind: Literal["clamp", "pulse", "read"] = "clamp"
    """How a unit is replaced: held over the window, set once at its start, or only in what
    others read."""

    score: Literal["fidelity", "margin", "squared-error", "log-odds"] = "fidelity"
    """What is measured: minus the squared change of the outputs, which needs no targets and
    does not saturate at a trained optimum; or, against targets, the mean of output x target,
    the negative squared error, or the log-odds of the right class."""

    width: int | None = None
    """Steps per window of the heat map; by default a twenty-fourth of the trial."""

    alpha: float = 0.05
    """False-discovery rate of the test of each unit's effect. All effects on fidelity have one
    sign, so there it only says on how many trials there is an effect beyond rounding; `floor`
    says how large the effect must be."""

    floor: float = 0.01
    """Share of the epoch's largest effect below which an effect counts as small."""

    edge_share: float = 0.05
    """Share of a receiver's largest connection below which a connection counts as small."""

    random_sets: int = 200
    """The number of random sets of a circuit's size that it is compared with, at least 19."""

    contrasts: bool = True
    """Search each contrast for mediators, carriers and circuits, which takes most of the time;
    `--no-contrasts` leaves it out."""

    tolerance: float = 0.05
    """The largest residual of a mediator: the squared distance of the edited run from the foil,
    over the squared difference between run and foil. On the choosing half, half of it is
    allowed."""

    keep: float = 0.9
    """The share of the difference that a circuit must keep by itself."""

    unrolled: bool = False
    """Whether each circuit is unrolled in time: its connections are searched, which takes
    minutes."""

    bases: int = 99
    """Random bases in which the same search is made; 0 for none. Above 128 units at most 20."""

    splits: int = 20
    """Random halves of the trials, to count how often each unit is chosen; 0 for none. Above 128
    units at most 5."""

    resamples: int = 2000
    """Bootstrap samples for each interval."""

    flips: int = 9999
    """Draws of random signs for each p-value."""

    seed: int = 0
    """Seed of every draw."""

    @property
    def second(self) -> Value:
        """The second replacement value."""
        return self.second_value or ("mean" if self.value == "zero" else "zero")

    def __post_init__(self) -> None:
        if callable(self.score):
            raise ValueError("score is a name here; give a function to discover(..., score=...)")
        for name, known in get_type_hints(Settings).items():
            words = [word for part in (known, *get_args(known)) for word in get_args(part)]
            words = [word for word in words if isinstance(word, str)]
            if words and not (getattr(self, name) is None and name == "second_value"):
                one_of(name, getattr(self, name), words)
        if self.second_value == self.value:
            raise ValueError(f"second_value must differ from value, got {self.value} twice")
        if self.width is not None:
            at_least(1, width=self.width)
        at_least(19, random_sets=self.random_sets)
        at_least(0, bases=self.bases, splits=self.splits)
        at_least(99, resamples=self.resamples, flips=self.flips)
        if not 0 <= whole_number("seed", self.seed) < 2**31:
            raise ValueError(f"seed must lie in [0, 2**31), got {self.seed}")
        for name in ("alpha", "floor", "edge_share", "tolerance", "keep"):
            share(name, getattr(self, name), below=1)
