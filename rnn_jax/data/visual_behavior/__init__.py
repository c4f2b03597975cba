"""The Allen Institute's Visual Behavior two-photon data, from its NWB 2 files, by h5py alone.

    found = read_folder("visual-behavior")
    windows = population_windows(found.experiments)              # [event, time], labelled
    draws = bootstrap(windows, "omission", "Familiar", key)      # [sample, population, time]

Never run on a real file: docs/visual-behavior.md says what is tested and what is not.
"""

from .bootstrap import bootstrap
from .cells import SIGNALS, Traces
from .experiment import Experiment, read_experiment
from .folder import Folder, experience_levels, read_folder
from .metadata import POPULATIONS, Metadata, layer
from .populations import condition_means, population_windows
from .stimuli import Images
from .synthetic import World, synthetic_windows
from .windows import CONDITIONS, Events, cell_windows, find_events, grid, mean_windows

__all__ = [
    "CONDITIONS", "POPULATIONS", "SIGNALS", "Events", "Experiment", "Folder", "Images", "Metadata",
    "Traces", "World", "bootstrap", "cell_windows", "condition_means", "experience_levels",
    "find_events", "grid", "layer", "mean_windows", "population_windows", "read_experiment",
    "read_folder", "synthetic_windows",
]  # fmt: skip
