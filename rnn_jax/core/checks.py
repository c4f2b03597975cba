"""Checks at the entry points: what is known raises at the call, what is traced once it runs.

    mask = in_unit("a mask", mask)              # in [0, 1], or an error that says what it holds
    xs = all_finite("inputs", xs)
    window = vector("a window [T]", window)

Each returns what it was given, so that a traced check is part of the program. None of them
belongs inside a loop over time: an entry point asks once.
"""

import operator
from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, PyTree

from .types import Numbers


def array(name: str, thing: Any) -> Array:
    """A float array of numbers: integers and bools become floats.

    **Raises:** `ValueError` where it is no array of numbers.
    """
    known = numbers(name, thing)
    kind = known.dtype if jnp.issubdtype(known.dtype, jnp.floating) else None
    return floats(known, kind)


def floats(values: Any, dtype: Any = None) -> Array:
    """Numbers as an array of a dtype, by default the float of JAX's setting.

    What lies on the host is cast there: JAX would compile a program for each shape.
    """
    dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
    if isinstance(values, jax.Array):
        return values.astype(dtype)
    return jnp.asarray(np.asarray(values, dtype))


def numbers(name: str, thing: Any) -> Any:
    """An array of floats, integers or bools; a list of numbers becomes one.

    **Raises:** `ValueError` where the thing is not an array of numbers.
    """
    try:
        found = thing if isinstance(thing, jax.Array | np.ndarray) else np.asarray(thing)
        kinds = (jnp.floating, jnp.integer, jnp.bool_)
        known = any(jnp.issubdtype(found.dtype, kind) for kind in kinds)
    except (TypeError, ValueError):
        known = False
    if not known:
        raise ValueError(f"{name} must be an array of numbers, got {described(thing)}")
    return found


def on_host(name: str, values: Any) -> np.ndarray:
    """Floats in double precision on the host, for statistics on small arrays.

    **Raises:** `ValueError` where it is not an array of numbers, an entry is NaN, or it is traced.
    """
    if isinstance(values, Tracer):
        raise ValueError(f"{name}: statistics run on the host, not under jit, vmap or grad")
    return np.asarray(no_nan(name, np.asarray(numbers(name, values), float)))


def state(name: str, tree: PyTree) -> PyTree:
    """A state's parts as arrays. **Raises:** `ValueError` where one is not an array of numbers."""
    return jax.tree.map(lambda leaf: jnp.asarray(numbers(name, leaf)), tree)


def described(thing: Any) -> str:
    """A word or two on what was got: dtype and shape of an array, else its type."""
    if isinstance(thing, jax.Array | np.ndarray):
        return f"{thing.dtype}{list(thing.shape)}"
    if isinstance(thing, str | int | float | None):
        return repr(thing)
    return f"a {type(thing).__name__}"


def vector(name: str, thing: Any) -> Array:
    """A float array of one axis. **Raises:** `ValueError` where the number of axes differs."""
    found = array(name, thing)
    if found.ndim != 1:
        raise ValueError(f"{name} must have one axis, got {described(found)}")
    return found


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def refused(message: str, bad: Array, values: Any) -> Any:
    """The values, where `bad` is false.

    **Raises:** `ValueError` where it is known to be true, `RuntimeError` where it comes to be.
    """
    if isinstance(bad, Tracer):
        return eqx.error_if(values, bad, message)
    if bad:
        raise ValueError(message)
    return values


def in_unit(name: str, mask: Any, traced: bool = True) -> Any:
    """A mask that lies in [0, 1]; `traced` says whether one that is traced is asked too.

    **Raises:** `ValueError` where a known one leaves it, `RuntimeError` where a traced one does.
    """
    message = f"{name} must lie in [0, 1]"
    if isinstance(mask, Tracer):
        bad = ~((mask >= 0) & (mask <= 1)).all()
        return eqx.error_if(mask, bad, message) if traced else mask
    known = np.asarray(mask)
    # NaN compares as false, and so is refused
    if known.size and not (known.min() >= 0 and known.max() <= 1):
        raise ValueError(f"{message}, got {known.min():.9g} to {known.max():.9g}")
    return mask


def all_finite(name: str, tree: PyTree) -> PyTree:
    """A tree whose floating arrays hold no NaN and no infinity.

    **Raises:** `ValueError` where a known one does, `RuntimeError` where a traced one does.
    """

    def one(leaf: Any) -> Any:
        if not jnp.issubdtype(getattr(leaf, "dtype", bool), jnp.floating):
            return leaf
        if isinstance(leaf, Tracer):
            return eqx.error_if(leaf, ~jnp.isfinite(leaf).all(), f"{name}: not finite")
        bad = ~np.isfinite(np.asarray(leaf))
        if bad.any():
            raise ValueError(f"{name}: not finite at {[int(i) for i in np.argwhere(bad)[0]]}")
        return leaf

    return jax.tree.map(one, tree)


def finite_trials(name: str, values: Numbers) -> None:
    """**Raises:** `ValueError` with trial, time and channel of a number of `[B, T, ...]` that is
    not finite; 0 is the first of each."""
    bad = ~np.isfinite(np.asarray(values))
    if bad.any():
        where = zip(("trial", "time", "channel"), np.argwhere(bad)[0].tolist())
        raise ValueError(f"{name}: not finite at {', '.join(f'{axis} {i}' for axis, i in where)}")


def no_nan(name: str, values: Numbers) -> Any:
    """The array itself, once it is known to hold no NaN; also under `jit` and `vmap`.

    NaN has a name here because a comparison with it is false, so it would pass for a verdict:
    a NaN effect beats every random sign, and a NaN score ranks above all others.

    **Raises:** `ValueError` where an entry is NaN, `RuntimeError` where one that is traced is.
    """
    message = f"{name}: an entry is NaN"
    if isinstance(values, Tracer):
        return eqx.error_if(values, jnp.isnan(values).any(), message)
    bad = np.isnan(np.asarray(values))
    if bad.any():
        raise ValueError(f"{message}, at {[int(i) for i in np.argwhere(bad)[0]]}")
    return values


def at_least(low: int, **counts: Any) -> None:
    """**Raises:** `ValueError` where a count is not a whole number, or is below `low`."""
    for name, count in counts.items():
        whole = whole_number(name, count)
        if whole < low:
            raise ValueError(f"{name} must be at least {low}, got {whole}")


def whole_number(name: str, value: Any) -> int:
    """**Raises:** `ValueError` where the value is not a whole number; the float 2.0 is not one."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name} must be a whole number, got {described(value)}") from None


def one_of(name: str, word: Any, known: Iterable[str]) -> None:
    """**Raises:** `ValueError` where a name is not among the known."""
    known = tuple(known)
    if not isinstance(word, str) or word not in known:
        raise ValueError(f"{name} must be one of {', '.join(known)}, got {described(word)}")


def positive(name: str, value: Any) -> float:
    """The value as a number of Python's.

    **Raises:** `ValueError` where it is not a finite number above 0.
    """
    known = isinstance(value, int | float | np.number) or jnp.shape(value) == ()
    if not known or isinstance(value, str | None) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a number above 0, got {described(value)}")
    return float(value)


def random_key(key: Any) -> None:
    """**Raises:** `ValueError` where it is not a key of `jax.random`; a seed is not a key."""
    kind = getattr(key, "dtype", None)
    if kind is None or not (jnp.issubdtype(kind, jax.dtypes.prng_key) or kind == jnp.uint32):
        raise ValueError(f"key must be as jax.random.key(seed) makes it, got {described(key)}")


def scalar(name: str, value: Any) -> Any:
    """A number as an array of no axes, on the host where it was a plain number.

    **Raises:** `ValueError` where it has axes, or is no number.
    """
    found = numbers(name, value)
    if found.ndim:
        raise ValueError(f"{name} must be a scalar, got {described(found)}")
    return found


def finite_number(name: str, value: Any) -> float:
    """A finite number on the host. **Raises:** `ValueError` where it is not finite, or traced."""
    return float(all_finite(name, on_host(name, scalar(name, value))))


def instance(name: str, thing: Any, kind: type) -> None:
    """**Raises:** `ValueError` where it is of another type."""
    if not isinstance(thing, kind):
        raise ValueError(f"{name} must be a {kind.__name__}, got {described(thing)}")


def same_shape(**arrays: Any) -> None:
    """**Raises:** `ValueError` where shapes differ: arrays that broadcast would pass for equal."""
    shapes = {name: jnp.shape(thing) for name, thing in arrays.items()}
    if len(set(shapes.values())) > 1:
        got = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
        raise ValueError(f"shapes must agree, got {got}")


def function(name: str, thing: Any) -> None:
    """**Raises:** `ValueError` where it cannot be called."""
    if not callable(thing):
        raise ValueError(f"{name} must be a function, got {described(thing)}")


def share(name: str, value: Any, **ends: int) -> None:
    """A number from 0 to 1; `above=0` and `below=1` leave an end out.

    **Raises:** `ValueError` where the value is not such a number.
    """
    low, high = "(" if "above" in ends else "[", ")" if "below" in ends else "]"
    known = isinstance(value, int | float | np.number | np.ndarray | jax.Array)
    inside = known and np.ndim(value) == 0 and 0 <= value <= 1
    if not inside or value in ends.values():
        raise ValueError(f"{name} must lie in {low}0, 1{high}, got {described(value)}")


def axes(**arrays: tuple[Any, str]) -> dict[str, int]:
    """The sizes of the axes that arrays share: `axes(scores=(scores, "N"), truth=(truth, "N"))`.

    A name and a pair of the array and its axes, one letter each; `...` first stands for any.

    **Raises:** `ValueError` where an array lacks an axis, or two of one letter differ.
    """
    sizes: dict[str, int] = {}
    for name, (thing, spec) in arrays.items():
        shape, letters = jnp.shape(numbers(name, thing)), spec.split()
        wanted = f"{name} must be [{', '.join(letters)}]"
        named = letters[1:] if letters[0] == "..." else letters
        if len(shape) < len(named) or (named is letters and len(shape) > len(named)):
            raise ValueError(f"{wanted}, got {described(thing)}")
        for letter, size in zip(reversed(named), reversed(shape)):
            if sizes.setdefault(letter, size) != size:
                raise ValueError(f"{wanted}, {letter} = {sizes[letter]}; got {described(thing)}")
    return sizes


def bools(**arrays: Any) -> None:
    """**Raises:** `ValueError` where an array is not bool: indices would pass for members."""
    for name, thing in arrays.items():
        if not jnp.issubdtype(numbers(name, thing).dtype, jnp.bool_):
            raise ValueError(f"{name} must be bool, as {name} > 0 is; got {described(thing)}")


def members(name: str, thing: Any) -> Array:
    """A set of units, bool or of zeros and ones, as an array.

    **Raises:** `ValueError` where it is no vector, or a known entry is another number.
    """
    found = numbers(name, thing)
    if found.ndim != 1 or found.size == 0:
        raise ValueError(f"{name} must be [N], bool or 0 / 1; got {described(thing)}")
    if not isinstance(found, Tracer) and not np.isin(np.asarray(found), (0, 1)).all():
        raise ValueError(f"{name} must be bool or 0 / 1, one entry per unit; got others")
    return jnp.asarray(found)
