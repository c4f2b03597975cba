"""Whole analyses, each a short script of the pieces below it."""

from .discover import Discovery, discover
from .settings import Settings
from .subject import Subject, check_subject
from .subjects import find_subject, names
from .train_settings import TrainSettings
from .trained import train_network, untrained

__all__ = [
    "Discovery", "Settings", "Subject", "TrainSettings", "check_subject", "discover",
    "find_subject", "names", "train_network", "untrained",
]  # fmt: skip
