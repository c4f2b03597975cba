"""What `import rnn_jax` offers; loaded when the first of its names is asked for."""

from pathlib import Path

from .causal import (
    finite,
    first_order,
    first_order_clamp,
    integrated,
    log_odds,
    margin,
    resumable,
    screen,
    squared_error,
    sweep_edges,
)
from .causal.sweep import sweep
from .circuits import (
    Circuit,
    auroc,
    drop,
    faithfulness,
    keep,
    keeping,
)
from .core import (
    Compose,
    Identity,
    Inside,
    Network,
    Read,
    Replace,
    Shift,
    Trajectory,
    around,
    clamp,
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
from .dynamics import fixed_points, lyapunov_spectrum, stability
from .linear import (
    adjoints,
    effective_connectivity,
    group_connectivity,
    jacobians,
    propagators,
)
from .tasks import Contrast, Trials
from .training import fit


def save(found: Discovery, folder: str | Path, overwrite: bool = False) -> None:
    """Write a discovery into a folder, as the command line does; `load` opens it again.

    **Arguments, raises:** as `rnn_jax.report.save`.
    """
    # here, since figures need matplotlib, which nothing else at the top does
    from .report import save as write

    write(found, folder, overwrite)


__all__ = [
    "Circuit", "Compose", "Contrast", "Discovery", "Identity", "Inside", "Network", "Read",
    "Replace", "Settings", "Shift", "Subject", "Trajectory", "Trials", "adjoints", "around",
    "auroc", "clamp", "discover", "drop", "effective_connectivity", "faithfulness", "finite",
    "first_order", "first_order_clamp", "fit", "fixed_points", "from_equinox", "from_field",
    "group_connectivity", "integrated", "jacobians", "keep", "keeping", "label", "load",
    "log_odds", "lyapunov_spectrum", "margin", "outputs", "propagators", "pulse", "read",
    "resumable", "rollout", "run", "save", "screen", "sliding", "span", "squared_error",
    "stability", "sweep", "sweep_edges", "tiling",
]  # fmt: skip
