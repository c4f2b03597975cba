"""What `import rnn_jax` offers; loaded when the first of its names is asked for."""

from pathlib import Path

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
    sweep_edges,
)
from .causal.sweep import sweep
from .circuits import (
    Circuit,
    auroc,
    average_precision,
    completeness,
    drop,
    faithfulness,
    jaccard,
    keep,
    keeping,
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
from .data import label
from .discovery import Discovery, Settings, Subject, discover, load
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
from .tasks import Trials
from .training import fit


def save(found: Discovery, folder: str | Path, overwrite: bool = False) -> None:
    """Write a discovery into a folder, as the command line does; `load` opens it again.

    **Arguments, raises:** as `rnn_jax.report.save`.
    """
    # here, since figures need matplotlib, which nothing else at the top does
    from .report import save as write

    write(found, folder, overwrite)


__all__ = [
    "Circuit", "Compose", "Cut", "Discovery", "Identity", "Inside", "Lesion", "Network", "Project",
    "Read", "Record", "Replace", "Settings", "Shift", "Subject", "Trajectory", "Trials",
    "adjoints", "around", "auroc", "average_precision", "clamp", "completeness", "direct",
    "discover", "drop", "effective_connectivity", "faithfulness", "finite", "first_order",
    "first_order_clamp", "first_order_edges", "fit", "flatten", "from_equinox", "from_field",
    "group_connectivity", "input_jacobians", "integrated", "jaccard", "jacobians", "keep",
    "keeping", "label", "load", "log_odds", "margin", "minimality", "multistep_connectivity",
    "optimal", "outputs", "pca", "precision_recall", "projected_connectivity", "propagators",
    "pulse", "random_sets", "read", "resumable", "rollout", "run", "save", "screen",
    "select_edges", "select_units", "self_repair", "sliding", "span", "squared_error", "sweep",
    "sweep_edges", "tiling",
]  # fmt: skip
