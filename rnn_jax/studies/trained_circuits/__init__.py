"""The study of circuits in trained networks: how small, how specific, and how they are found."""

from .study import TRAINED_CIRCUITS

__all__ = ["TRAINED_CIRCUITS"]
