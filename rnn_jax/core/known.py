"""What runs alike in every call, so that one compiled program may serve all calls.

    is_known(cell)     # True of `GRU(3, 64, key=key)`: its arrays are data, all else never changes

JAX traces a function once and then replays it. What a user's function or method reads besides its
arguments may change between two calls, and a replay would not see that.
"""

import dataclasses
import inspect
from types import FunctionType
from typing import Any

import equinox as eqx
import jax

LIBRARIES = ("jax", "equinox", "diffrax", "optimistix", "lineax", "rnn_jax")
PLAIN = (jax.Array, bool, int, float, str, type(None))


def is_known(thing: Any) -> bool:
    """Whether it holds nothing but arrays, plain values, and what libraries define.

    Subclasses and functions of the user's are not known, nor is a function that encloses anything,
    whoever defined it, nor an array of NumPy, which can be changed in place.
    """
    if isinstance(thing, PLAIN):
        return True
    if type(thing) in (tuple, list):
        return all(map(is_known, thing))
    if isinstance(thing, eqx.Module):
        parts = (getattr(thing, field.name) for field in dataclasses.fields(thing))
        return _of_library(type(thing)) and all(map(is_known, parts))
    if isinstance(thing, FunctionType) or hasattr(thing, "__wrapped__"):  # bare, or jitted
        function = inspect.unwrap(thing)
        bare = isinstance(function, FunctionType) and not function.__closure__
        return bare and _of_library(function)
    return False


def _of_library(thing: Any) -> bool:
    return str(getattr(thing, "__module__", "")).split(".")[0] in LIBRARIES
