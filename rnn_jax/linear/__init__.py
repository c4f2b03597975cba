"""Local linearisation: Jacobians, propagators, adjoints, effective connectivity, subspaces."""

from .adjoints import adjoints, direct
from .connectivity import Connectivity, effective_connectivity, unit_jacobian
from .groups import group_connectivity, membership
from .jacobians import input_jacobians, jacobians
from .projected import multistep_connectivity, projected_connectivity
from .propagators import propagators, window_propagator
from .subspaces import Components, pca

__all__ = [
    "Components", "Connectivity", "adjoints", "direct", "effective_connectivity",
    "group_connectivity", "input_jacobians", "jacobians", "membership",
    "multistep_connectivity", "pca", "projected_connectivity", "propagators", "unit_jacobian",
    "window_propagator",
]  # fmt: skip
