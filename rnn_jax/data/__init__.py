"""Readers and writers: trials, weights of other frameworks, a user's module, a run's folder."""

from .folder import check_free, new_folder
from .graph import to_graph, write_graphml
from .npz import load_npz
from .trials import epoch_window, load_trials
from .user import as_network, check_network, check_weights, load_network, load_object
from .weights import load_weights, network_from_torch

__all__ = [
    "as_network", "check_free", "check_network", "check_weights", "epoch_window", "load_network",
    "load_npz", "load_object", "load_trials", "load_weights", "network_from_torch", "new_folder",
    "to_graph", "write_graphml",
]  # fmt: skip
