"""Readers and writers: trials, weights, anatomies, a user's module, a run's folder."""

from .connectome import Connectome, read_connectome
from .flax import network_from_flax
from .folder import Workplace, filled, reserved, workplace
from .graph import to_graph, write_graphml
from .label import label
from .low_rank import network_from_low_rank
from .neurogym import trials_from_env
from .npz import load_npz
from .points_file import Points, points_dataset, points_from
from .psychrnn import RateReadout, network_from_psychrnn
from .readers import READERS, reader
from .trials_file import epoch_window, load_trials
from .user import as_network, check_network, check_weights, load_network, load_object, said_in_file
from .weights import load_weights, network_from_torch

__all__ = [
    "READERS", "Connectome", "Points", "RateReadout", "Workplace", "as_network", "check_network",
    "check_weights", "epoch_window", "filled", "label", "load_network", "load_npz", "load_object",
    "load_trials", "load_weights", "network_from_flax", "network_from_low_rank",
    "network_from_psychrnn", "network_from_torch", "points_dataset", "points_from",
    "read_connectome", "reader", "reserved", "said_in_file", "to_graph", "trials_from_env",
    "workplace", "write_graphml",
]  # fmt: skip
