"""Which units, when, and through which connections a recurrent network computes.

A network is a step `(h, x) -> h`; an intervention is a pytree of arrays that maps a step to a
step; a metric turns a trajectory into a number. Every method is an operator on

    F = lambda intervention: metric(rollout(step, h0, xs, intervention))

finite differences of it (`finite`, `sweep`), its gradient (`first_order`), its line integral
(`integrated`), and the Jacobians along its trajectory (`jacobians`, `effective_connectivity`).
Sub-packages hold what is not exported here: `cells`, `planted`, `tasks`, `training`, `report`.
"""

from .causal import (
    Record,
    finite,
    first_order,
    first_order_clamp,
    first_order_edges,
    integrated,
    log_odds,
    margin,
    optimal,
    resumable,
    screen,
    self_repair,
    squared_error,
    sweep,
    sweep_edges,
)
from .circuits import (
    Circuit,
    auroc,
    average_precision,
    completeness,
    drop,
    faithfulness,
    jaccard,
    keep,
    minimality,
    precision_recall,
    random_sets,
    select_edges,
    select_units,
)
from .core import (
    Compose,
    Cut,
    Identity,
    Inside,
    Lesion,
    Network,
    Project,
    Read,
    Replace,
    Shift,
    Trajectory,
    around,
    clamp,
    flatten,
    from_equinox,
    from_field,
    outputs,
    pulse,
    read,
    rollout,
    run,
    sliding,
    span,
    tiling,
)
from .linear import (
    adjoints,
    direct,
    effective_connectivity,
    group_connectivity,
    input_jacobians,
    jacobians,
    multistep_connectivity,
    pca,
    projected_connectivity,
    propagators,
)
from .studies import Settings, Subject, discover
from .tasks import Trials
from .training import fit

__version__ = "0.1.0"

__all__ = [
    "Circuit", "Compose", "Cut", "Identity", "Inside", "Lesion", "Network", "Project", "Read",
    "Record", "Replace", "Settings", "Shift", "Subject", "Trajectory", "Trials", "adjoints",
    "around", "auroc", "average_precision", "clamp", "completeness", "direct", "discover", "drop",
    "effective_connectivity", "faithfulness", "finite", "first_order", "first_order_clamp",
    "first_order_edges", "fit", "flatten", "from_equinox", "from_field", "group_connectivity",
    "input_jacobians", "integrated", "jaccard", "jacobians", "keep", "log_odds", "margin",
    "minimality", "multistep_connectivity", "optimal", "outputs", "pca", "precision_recall",
    "projected_connectivity", "propagators", "pulse", "random_sets", "read", "resumable",
    "rollout", "run", "screen", "select_edges", "select_units", "self_repair", "sliding",
    "span", "squared_error", "sweep", "sweep_edges", "tiling",
]  # fmt: skip
