"""All figures of a report, and the folder they go to.

    save_figures(dataset, "results")               # results/effect_map.png, ...
    FIGURES["trajectories"](dataset)                # one of them, as a matplotlib Figure

Figures are made without pyplot, so nothing global changes and nothing has to be closed.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import xarray as xr
from matplotlib.figure import Figure

from .curves import epoch_ranking, evaluation_bars, trajectories
from .drawing import circuit_graph
from .maps import connectivity_matrices, effect_map

FIGURES: Mapping[str, Callable[[xr.Dataset], Figure]] = MappingProxyType(
    {
        "effect_map": effect_map,
        "connectivity": connectivity_matrices,
        "circuit": circuit_graph,
        "trajectories": trajectories,
        "ranking": epoch_ranking,
        "evaluation": evaluation_bars,
    }
)
"""The name of each figure's file, and the function that draws it."""

_NEEDS = {
    "effect_map": ("effect", "epoch_mask", "member"),
    "connectivity": ("epoch_connectivity",),
    "circuit": ("epoch_effect", "member", "epoch_connectivity"),
    "trajectories": ("pca", "epoch_mask"),
    "ranking": ("epoch_effect", "member"),
    "evaluation": ("faithfulness", "necessity"),
}


def save_figures(dataset: xr.Dataset, folder: str | Path, dpi: int = 150) -> list[Path]:
    """Write every figure whose variables the dataset has, as PNG.

    **Arguments:**

    - `dataset`: the results.
    - `folder`: where to; made where it is missing.
    - `dpi`: dots per inch.

    **Returns:** the files written.

    **Raises:** `ValueError` where the dataset has the variables of no figure.
    """
    ready = [name for name in FIGURES if all(v in dataset for v in _NEEDS[name])]
    if not ready:
        raise ValueError(f"no figure can be drawn from {sorted(map(str, dataset))}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name in ready:
        paths.append(folder / f"{name}.png")
        FIGURES[name](dataset).savefig(paths[-1], dpi=dpi)
    return paths
