"""The main job: from a network and its trials to its circuit in each epoch."""

from .connections import find_connections
from .discover import discover
from .discovery import Discovery
from .find_subject import find_subject, load, names
from .performance import performance
from .portrait import DynamicsSettings, Portrait, portrait
from .saved import read_results
from .settings import Settings
from .subject import Subject, check_subject
from .train_settings import TrainSettings
from .trained import train_network, untrained

__all__ = [
    "Discovery", "DynamicsSettings", "Portrait", "Settings", "Subject", "TrainSettings",
    "check_subject", "discover", "find_connections", "find_subject", "load", "names",
    "performance", "portrait", "read_results", "train_network", "untrained",
]  # fmt: skip
