"""What a user may choose about training, in one frozen record that is also the command line.

    train_network("flip-flop", TrainSettings(cell="gru", units=64))
    rnn-jax train flip-flop --cell gru --units 64

It is also the header of a saved model, from which the network is built again.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

from ..cells import CELLS


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained on a task.

    **Example:**

        >>> rj.discovery.TrainSettings(cell="grue")
        Traceback (most recent call last):
            ...
        ValueError: no cell is called 'grue'; known are gru, lstm, vanilla, ...
    """

    cell: str = "gru"
    """The kind of cell, as gru or lstm; `rnn-jax list` has all."""

    units: int = 64
    """The number of units."""

    steps: int = 1000
    """Gradient steps at most; training stops early once the loss no longer falls."""

    batch_size: int = 64
    """Trials a step."""

    learning_rate: float = 1e-2
    """Peak of the cosine schedule of AdamW."""

    goal: float = 0.005
    """Mean squared error at which training ends early."""

    seed: int = 0
    """Seed of weights and trials."""

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"no cell is called {self.cell!r}; known are {', '.join(CELLS)}")
        for name in ("units", "steps", "batch_size", "seed"):
            if type(getattr(self, name)) is not int:
                raise ValueError(f"{name} must be a whole number, got {getattr(self, name)!r}")
        for name in ("learning_rate", "goal"):
            if type(getattr(self, name)) not in (int, float):
                raise ValueError(f"{name} must be a number, got {getattr(self, name)!r}")
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed must lie in [0, 2**31), got {self.seed}")
        if not math.isfinite(self.goal):
            raise ValueError(f"goal must be finite, got {self.goal}")
        for name in ("units", "steps", "batch_size", "learning_rate"):
            if not 0 < getattr(self, name) < 2**31:
                raise ValueError(f"{name} must lie in (0, 2**31), got {getattr(self, name)}")

    def origin(self, task: str) -> dict[str, Any]:
        """The record from which a saved network is made again."""
        return {"task": task, **asdict(self)}

    @classmethod
    def from_origin(cls, origin: dict[str, Any]) -> "TrainSettings":
        """The settings that a record was made from.

        **Raises:** `ValueError` where the record is of another kind.
        """
        try:
            return cls(**{name: origin[name] for name in origin if name not in ("task", "trials")})
        except TypeError as error:
            raise ValueError(f"the model's header is of another kind: {error}") from None
