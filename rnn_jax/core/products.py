"""Products of a matrix and a vector, in the order that suits how many runs lie in memory.

    step = ordered(step, "vector first")     # W h computed as h W^T, the same numbers
    network = in_order(network, "vector last")

Under `vmap` the axes of a product's first factor lead its result. A cell says `W @ h`: over runs
`[R, N]` that leaves the runs last, and the sum with a bias, which `vmap` makes with the runs
first, then transposes every product of every step. The vector as first factor leaves the runs
first, where they were. Where runs lie last, `[N, R]`, it is the other way round.
"""

from collections.abc import Callable
from typing import Any, Literal, cast, get_args

import jax
from jax.core import ShapedArray
from jax.extend import core
from jax.extend.core.primitives import dot_general_p

from .checks import function as check_function
from .checks import one_of
from .network import Network, check_network

Order = Literal["vector first", "vector last"]


def ordered(function: Callable, order: Order) -> Callable:
    """A function whose products of a matrix and a vector have their factors in one order.

    Meant to be called under `vmap`: `vector first` for runs on a leading axis, `vector last`
    for runs on the last one. Values and derivatives are the same to rounding.

    **Arguments:**

    - `function`: a step or readout of one run; any function of arrays.
    - `order`: which factor the vector is to be. Other products stay as they are.

    **Returns:** a function of the same arguments.

    **Example:**

        >>> W, h = jax.random.normal(key, (4, 3)), jnp.ones(3)
        >>> turned = rj.core.ordered(lambda h: W @ h, "vector first")  # h W^T
        >>> bool(jnp.allclose(turned(h), W @ h))
        True
    """
    one_of("order", order, get_args(Order))
    check_function("function", function)

    def run(*arguments: Any) -> Any:
        # traced at every call: under `vmap` the shapes are those of one run, so that a vector is
        # known as one; weights that the function closes over become constants of the program
        program, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        try:
            other = core.jaxpr_as_fun(_rewritten(program, order))
        except (AttributeError, TypeError, ValueError):
            # programs as data are a part of JAX that may change: slower, and the same numbers
            return function(*arguments)
        return jax.tree.unflatten(jax.tree.structure(shape), other(*jax.tree.leaves(arguments)))

    return run


def in_order(network: Network, order: Order) -> Network:
    """The network with its step's and readout's products `ordered`.

    **Example:**

        >>> turned = rj.core.in_order(network, "vector first")
        >>> batch = jax.vmap(lambda x: rj.run(turned, x).hs)(xs)
        >>> bool(jnp.allclose(batch, jax.vmap(lambda x: rj.run(network, x).hs)(xs), atol=1e-5))
        True
    """
    check_network(network)
    return Network(ordered(network.step, order), ordered(network.readout, order), network.h0)


def _rewritten(program: core.ClosedJaxpr, order: Order) -> core.ClosedJaxpr:
    """The same program, product by product in the order asked for, in its loops and calls too."""
    equations = []
    for equation in program.jaxpr.eqns:
        if equation.primitive is dot_general_p:
            equation = _product(equation, order)
        # a cond's branches are a tuple, not a program, and stay as they are: the same numbers
        inner = {
            name: _rewritten(value, order)
            for name, value in equation.params.items()
            if isinstance(value, core.ClosedJaxpr)
        }
        equations.append(equation.replace(params=equation.params | inner))
    return program.replace(jaxpr=program.jaxpr.replace(eqns=equations))


def _product(equation: core.JaxprEqn, order: Order) -> core.JaxprEqn:
    """`dot_general` with its factors exchanged where the vector is the wrong one.

    The result has what axes are left of the first factor, then those of the second. Here only one
    factor has any left, so that the exchange moves none.
    """
    a, b = equation.invars
    (of_a, of_b), batch = equation.params["dimension_numbers"]
    rank = lambda atom: cast(ShapedArray, atom.aval).ndim
    # of a vector no axis is left: all are summed over
    is_vector = [rank(a) == len(of_a), rank(b) == len(of_b)]
    if is_vector != ([False, True] if order == "vector first" else [True, False]):
        return equation
    precision = equation.params["precision"]
    changed = {
        "dimension_numbers": ((of_b, of_a), batch[::-1]),
        "precision": precision[::-1] if isinstance(precision, tuple) else precision,
    }
    return equation.replace(invars=[b, a], params=equation.params | changed)
