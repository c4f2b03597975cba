"""Reports: figures, the table, the explorer, and the folder that holds them all."""

from .course import sets_figure, trajectories_figure
from .explorer import write_explorer
from .folder import save_figures, write_json, write_run
from .heatmap import effects_figure, ranking_figure
from .study import STUDY_FIGURES, read_study, write_study
from .table import epoch_table
from .wiring import circuit_figure, connectivity_figure

__all__ = [
    "STUDY_FIGURES", "circuit_figure", "connectivity_figure", "effects_figure", "epoch_table",
    "ranking_figure", "read_study", "save_figures", "sets_figure", "trajectories_figure",
    "write_explorer", "write_json", "write_run", "write_study",
]  # fmt: skip
