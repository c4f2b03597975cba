"""A network's phase portrait: where it rests, what is stable, and what a set of units is for."""

from .portrait import Portrait, portrait
from .sets_of import read_sets, sets_of, units_named
from .settings import DynamicsSettings

__all__ = ["DynamicsSettings", "Portrait", "portrait", "read_sets", "sets_of", "units_named"]
