"""Planted networks: circuits that are known because they were built."""

from ..tasks import Entry
from .planted import Planted, Truth, over_time
from .ring_attractor import ring_attractor

PLANTED = {
    "ring-attractor": Entry(
        "built: a bump that rests, travels and jumps, moved by two shifter rings", ring_attractor
    ),
}

__all__ = ["PLANTED", "Planted", "Truth", "over_time", "ring_attractor"]
