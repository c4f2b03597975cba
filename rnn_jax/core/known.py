"""What runs alike in every call, so that one compiled program may serve all calls.

    is_known(cell)     # True of `GRU(3, 64, key=key)`: its arrays are data, all else never changes

JAX traces a function once and then replays it. What a user's function or method reads besides its
arguments may change between two calls, and a replay would not see that.
"""

import dataclasses
import sys
from types import FunctionType
from typing import Any

import equinox as eqx
import jax

LIBRARIES = ("jax", "equinox", "diffrax", "optimistix", "lineax", "rnn_jax")
# exact types: `numpy.float64` is a float, and raises the precision of what it multiplies
PLAIN = (bool, int, float, str, type(None))


def is_known(thing: Any) -> bool:
    """Whether it holds nothing but arrays, plain values, and what libraries define.

    Subclasses and functions of the user's are not known, nor what decorates a library's function,
    nor one that encloses anything, nor an array of NumPy, which can be changed in place, nor any
    array in a static field, which cannot be compared.
    """
    if isinstance(thing, jax.Array):
        return True
    if isinstance(thing, eqx.Module):
        return _of_library(type(thing).__module__) and all(
            is_known(part) and not (fixed and any(map(eqx.is_array, jax.tree.leaves(part))))
            for fixed, part in _parts(thing)
        )
    if type(thing) in (tuple, list):
        return all(map(is_known, thing))
    return type(thing) in PLAIN or _is_library_function(thing)


def _parts(module: eqx.Module) -> list[tuple[bool, Any]]:
    """Each field of a module, and whether it is static."""
    return [
        (field.metadata.get("static", False), getattr(module, field.name))
        for field in dataclasses.fields(module)
    ]


def _is_library_function(thing: Any) -> bool:
    """What a library's module has under its own name, or a bare function that is written there.

    A decorator of the user's may copy the name of what it wraps; it copies neither the place in
    the module nor the globals.
    """
    place, name = (str(getattr(thing, of, "")) for of in ("__module__", "__name__"))
    if _of_library(place) and getattr(sys.modules.get(place), name, None) is thing:
        return True
    bare = isinstance(thing, FunctionType) and not thing.__closure__
    return bare and _of_library(str(thing.__globals__.get("__name__", "")))


def _of_library(place: str) -> bool:
    return place.split(".")[0] in LIBRARIES
