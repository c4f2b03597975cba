"""Double precision for one computation, whatever JAX is set to elsewhere.

    with double():
        step, h = doubled((step, h))      # every floating array of a module, as float64

JAX's setting is never changed: `double` holds inside the block alone. Arrays of a pytree are
cast. A plain function closes over arrays that nobody can reach; JAX promotes those where they
meet a float64 state, and `stays_double` reads the program to see that nothing is rounded again.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core
from jaxtyping import PyTree

from ..core import Input, State, Step


def double() -> AbstractContextManager:
    """A block in which JAX computes in float64; the setting outside of it stays as it is.

    **Example:**

        >>> with rj.dynamics.double():
        ...     print(jnp.ones(1).dtype)
        float64
    """
    return jax.enable_x64(True)


def doubled(tree: PyTree) -> PyTree:
    """The tree with every floating array as float64; to be called where `double` holds.

    **Example:**

        >>> with rj.dynamics.double():
        ...     print(rj.dynamics.doubled({"h": np.ones(2, np.float32)})["h"].dtype)
        float64
    """

    def one(leaf: Any) -> Any:
        kind = getattr(leaf, "dtype", None)
        if kind is None or not jnp.issubdtype(kind, jnp.floating):
            return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf
        return jnp.asarray(np.asarray(leaf), jnp.float64)

    return jax.tree.map(one, tree)


def stays_double(step: Step, h: State, x: Input) -> bool:
    """Whether a step keeps a float64 state in float64, all the way through.

    To be called where `double` holds, on what is `doubled`.
    """
    try:
        program, out = jax.make_jaxpr(lambda h, x: step(h, x), return_shape=True)(h, x)
    except Exception:
        # whatever it is, the step is asked again in its own precision, and then it is told
        return False
    whole = all(leaf.dtype == jnp.float64 for leaf in jax.tree.leaves(out))
    return whole and not _narrows(program.jaxpr)


def _narrows(program: core.Jaxpr) -> bool:
    """Whether a program rounds a float64 to a smaller float, its loops and calls included."""
    return any(
        _rounds(equation) or any(map(_narrows, _inside(equation.params.values())))
        for equation in program.eqns
    )


def _rounds(equation: core.JaxprEqn) -> bool:
    if equation.primitive.name != "convert_element_type":
        return False
    to = equation.params["new_dtype"]
    wide = getattr(equation.invars[0].aval, "dtype", None) == np.float64
    return wide and jnp.issubdtype(to, jnp.floating) and to != np.float64


def _inside(values: Any) -> Iterator[core.Jaxpr]:
    """The programs among an equation's parameters."""
    for value in values:
        if isinstance(value, core.ClosedJaxpr):
            yield value.jaxpr
        elif isinstance(value, core.Jaxpr):
            yield value
        elif isinstance(value, tuple | list):
            yield from _inside(value)
