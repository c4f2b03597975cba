"""What a step does by itself: where it rests, how it moves near there, and how sure that is."""

from .coverage import Coverage, coverage
from .fixed_points import FixedPoints, fixed_points
from .held import held
from .lanes import refine
from .precision import double
from .stability import Stability, stability
from .starts import starts_from
from .trees import taken
from .unique import Unique, unique
from .verdicts import VERDICTS, Verdict

__all__ = [
    "VERDICTS", "Coverage", "FixedPoints", "Stability", "Unique", "Verdict", "coverage", "double",
    "fixed_points", "held", "refine", "stability", "starts_from", "taken", "unique",
]  # fmt: skip
