"""What a step does by itself: where it rests, how it moves near there, and how sure that is."""

from .alignment import Alignment, alignment
from .continuation import Branch, End, continuation
from .coverage import Coverage, coverage
from .families import Families, families
from .fixed_points import FixedPoints, fixed_points
from .held import held
from .lanes import refine
from .outliers import outliers
from .precision import double
from .stability import Stability, stability, stability_along
from .starts import starts_from
from .trees import taken
from .unique import Unique, unique
from .verdicts import VERDICTS, Verdict

__all__ = [
    "VERDICTS", "Alignment", "Branch", "Coverage", "End", "Families", "FixedPoints", "Stability",
    "Unique", "Verdict", "alignment", "continuation", "coverage", "double", "families",
    "fixed_points", "held", "outliers", "refine", "stability", "stability_along", "starts_from",
    "taken", "unique",
]  # fmt: skip
