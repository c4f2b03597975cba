"""Local linearisation: Jacobians, propagators, adjoints, effective connectivity, subspaces."""

from .adjoints import adjoints, direct
from .connectivity import Connectivity, effective_connectivity, unit_jacobian
from .flow_map import flow_map
from .groups import group_connectivity, membership
from .jacobians import input_jacobians, jacobians
from .projected import multistep_connectivity, projected_connectivity
from .propagators import propagators, window_propagator
from .spectral import spectral_radii
from .streamed import frobenius_norms, group_jacobians, window_jacobians, window_products
from .subspaces import Components, haar, pca

__all__ = [
    "Components", "Connectivity", "adjoints", "direct", "effective_connectivity", "flow_map",
    "frobenius_norms", "group_connectivity", "group_jacobians", "haar", "input_jacobians",
    "jacobians", "membership", "multistep_connectivity", "pca", "projected_connectivity",
    "propagators", "spectral_radii", "unit_jacobian", "window_jacobians", "window_products",
    "window_propagator",
]  # fmt: skip
