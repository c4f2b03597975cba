"""How fast small deviations from a point grow, told by iteration rather than by a derivative.

    found = growth(step, jnp.zeros(I), point, key)
    found.rates.max() < 0                       # every direction that was tried comes back
    np.exp(found.rates.max())                   # the factor per step of the slowest

Where a step has a kink at a fixed point, as a ReLU without bias at 0, there is no Jacobian: what
automatic differentiation returns there is a convention, and its eigenvalues say nothing. The map
still takes each small deviation to another, and these can be followed.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..core import State, Step, flatten
from ..core.checks import all_finite, at_least, function, positive, random_key, state
from ..core.rollout import check_step


class Growth(NamedTuple):
    """Growth of deviations in random directions.

    - `rates`: `[K]`, natural logarithms per step of `|d|`; `-inf` where nothing is left of it.
    - `peaks`: `[K]`, `max_t |d_t| / |d_0|` over all steps, the start included: at least 1. A
        network that is not normal may amplify before it decays.

    **Example:**

        >>> W = jnp.array([[0.0, 0.0], [9.0, 0.0]])  # unit 0 drives unit 1, which drives none
        >>> asked = (lambda h, x: W @ h), jnp.zeros(1), jnp.zeros(2), key
        >>> found = rj.dynamics.growth(*asked, directions=2)
        >>> bool((found.rates == -jnp.inf).all()), bool((found.peaks >= 1).all())
        (True, True)
    """

    rates: Float[Array, " K"]
    peaks: Float[Array, " K"]


def growth(
    step: Step,
    x: PyTree,
    point: State,
    key: PRNGKeyArray,
    directions: int = 1000,
    steps: int = 200,
    burn_in: int = 100,
    size: float = 1e-3,
) -> Growth:
    """The rate at which a deviation `d` from a point grows, in random directions.

    `d_{t+1} = F(p + d_t, x) - p`, and after each step `d` is brought to the length `size`.

    `rates[k] = sum_t log(|d_{t+1}| / size) / (steps - burn_in)`, over the steps after `burn_in`.
    For a step that is homogeneous of degree 1 about `p`, as a ReLU network without bias about 0,
    bringing `d` to a size changes nothing: rates and peaks are those of the map itself. For a
    smooth step and a small size the largest rate is the logarithm of the spectral radius.

    Random directions show what is typical. A direction of growth that attracts none of them, as a
    thin cone may, is not seen. It is pure: `jit`, `vmap` over points.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `x`: the input, held.
    - `point`: a fixed point `p = F(p, x)`.
    - `key`: draws the directions, uniform on the sphere.
    - `directions`: how many, `K`.
    - `steps`, `burn_in`: how many are made, and how many of them do not count.
    - `size`: the length of a deviation, in the unit of the state.

    **Returns:** `Growth`.

    **Raises:** `ValueError` where a number is out of range, the point is not finite, or the step
    rejects it.

    **Example:**

        >>> halve = lambda h, x: 0.5 * h
        >>> found = rj.dynamics.growth(halve, jnp.zeros(1), jnp.zeros(3), key, directions=4)
        >>> print(found.rates.round(2), found.peaks.round(2))  # log(1/2); longest at the start
        [-0.69 -0.69 -0.69 -0.69] [1. 1. 1. 1.]
    """
    function("the step", step)
    random_key(key)
    at_least(1, directions=directions)
    at_least(0, burn_in=burn_in)
    at_least(burn_in + 1, steps=steps)
    positive("size", size)
    point = all_finite("point", state("point", point))
    check_step(step, point, jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], x))
    flat, p = flatten(step, point)
    pushes = jax.random.normal(key, (directions, p.size), p.dtype)

    def one(push: Float[Array, " N"]) -> Growth:
        def body(d: Array, _: None) -> tuple[Array, Array]:
            moved = flat(p + d, x) - p
            length = jnp.linalg.norm(moved)
            return moved * (size / jnp.where(length > 0, length, 1)), jnp.log(length / size)

        logs = lax.scan(body, push * (size / jnp.linalg.norm(push)), length=steps)[1]
        peak = jnp.maximum(jnp.cumsum(logs).max(), 0)
        return Growth(logs[burn_in:].mean(), jnp.exp(peak))

    return jax.vmap(one)(pushes)
