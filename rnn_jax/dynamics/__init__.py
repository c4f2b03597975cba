"""What a step does by itself: where it rests, how it moves near there, and how sure that is."""

from .coverage import Coverage, coverage
from .fixed_points import FixedPoints, fixed_points
from .held import held
from .lanes import refine
from .lyapunov import Lyapunov, lyapunov_spectrum
from .precision import double
from .spectrum import MeanExponents, entropy_rate, kaplan_yorke, mean_exponents
from .stability import Stability, stability
from .starts import starts_from
from .trees import taken
from .unique import Unique, unique
from .verdicts import VERDICTS, Verdict

__all__ = [
    "VERDICTS", "Coverage", "FixedPoints", "Lyapunov", "MeanExponents", "Stability", "Unique",
    "Verdict", "coverage", "double", "entropy_rate", "fixed_points", "held", "kaplan_yorke",
    "lyapunov_spectrum", "mean_exponents", "refine", "stability", "starts_from", "taken", "unique",
]  # fmt: skip
