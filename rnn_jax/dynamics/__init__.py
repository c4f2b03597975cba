"""What a step does by itself: where it rests, how it moves near there, and how sure that is."""

from .alignment import Alignment, alignment
from .branch import Branch, End
from .continuation import continuation
from .coverage import Coverage, coverage
from .cycles import Cycle, limit_cycle, part_of_field
from .escape import Escapes, escape_times
from .families import Families, families
from .fixed_points import FixedPoints, fixed_points
from .floquet import Floquet, floquet
from .growth import Growth, growth
from .held import held
from .lanes import refine
from .lyapunov import Lyapunov, lyapunov_spectrum
from .noise_gain import NoiseGain, noise_gain, noise_gain_along
from .orbits import Orbit, Orbits, periodic_orbit, periodic_orbits
from .outliers import outliers
from .passage import Passage, Survival, first_passage, speed, survival
from .precision import double, doubled
from .residence import (
    Geometric,
    Visits,
    geometric,
    labels_near,
    residence_times,
    transitions,
    visits_survival,
    without_blips,
)
from .spectrum import MeanExponents, entropy_rate, kaplan_yorke, mean_exponents
from .stability import Stability, stability, stability_along
from .starts import starts_from
from .trees import taken
from .unique import Unique, unique
from .verdicts import VERDICTS, Verdict
from .winding import Winding, WindingTest, winding, winding_test

__all__ = [
    "VERDICTS", "Alignment", "Branch", "Coverage", "Cycle", "End", "Escapes", "Families",
    "FixedPoints", "Floquet", "Geometric", "Growth", "Lyapunov", "MeanExponents", "NoiseGain",
    "Orbit", "Orbits", "Passage", "Stability", "Survival", "Unique", "Verdict", "Visits",
    "Winding", "WindingTest", "alignment", "continuation", "coverage", "double", "doubled",
    "entropy_rate", "escape_times", "families", "first_passage", "fixed_points", "floquet",
    "geometric", "growth", "held", "kaplan_yorke", "labels_near", "limit_cycle",
    "lyapunov_spectrum", "mean_exponents", "noise_gain", "noise_gain_along", "outliers",
    "part_of_field", "periodic_orbit", "periodic_orbits", "refine", "residence_times", "speed",
    "stability", "stability_along", "starts_from", "survival", "taken", "transitions",
    "unique", "visits_survival", "winding", "winding_test", "without_blips",
]  # fmt: skip
