"""Reports: figures, the table, the explorer, and the folder that holds them all."""

from .circuit_drawing import circuit_figure
from .compare import compared, write_comparison
from .connectivity import connectivity_figure
from .dynamics_table import dynamics_table
from .explorer import write_explorer
from .heatmap import effects_figure, ranking_figure
from .panels import heat_map, matrix, ranking
from .portrait_explorer import write_portrait_page
from .portrait_figures import PORTRAIT_FIGURES
from .portrait_folder import write_portrait
from .run_folder import save, save_figures, write_json, write_run
from .sets import sets_figure
from .study_folder import STUDY_FIGURES, read_study, write_study
from .table import epoch_table
from .trajectories import trajectories_figure

__all__ = [
    "PORTRAIT_FIGURES", "STUDY_FIGURES", "circuit_figure", "compared", "connectivity_figure",
    "dynamics_table", "effects_figure", "epoch_table", "heat_map", "matrix", "ranking",
    "ranking_figure", "read_study", "save", "save_figures", "sets_figure", "trajectories_figure",
    "write_comparison", "write_explorer", "write_json", "write_portrait", "write_portrait_page",
    "write_run", "write_study",
]  # fmt: skip
