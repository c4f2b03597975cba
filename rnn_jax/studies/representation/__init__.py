"""Is what moves the states most what the outputs hang on most?"""

from .study import REPRESENTATION, representation

__all__ = ["REPRESENTATION", "representation"]
