"""Noise in continuous time: one path of a Brownian motion, given to a step as an input.

    field = noisy(lambda t, h, x: -h + x, 0.1)        # dh = (-h + x) dt + 0.1 dW
    xi = white_noise(key, T, dt, N)                   # [T, N], the mean slope of W in each step
    rollout(from_field(field, dt), h0, (xs, xi))

An ablated run gets the same path as its clean run. At half the step the same key gives the same
path, finer: the mean of two neighbours is the number of the longer step.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .checks import all_finite, at_least, described, function, positive, random_key, scalar
from .types import Input

FINEST = 2.0**-20
"""The share of the whole duration below which the path is not resolved."""


class _Noisy(eqx.Module):
    field: Callable
    diffusion: Any

    def __call__(self, t: Any, h: Float[Array, " N"], x: Input) -> Float[Array, " N"]:
        if not isinstance(x, tuple) or len(x) != 2:
            raise ValueError(f"the input of a noisy field is a pair (x, xi), got {described(x)}")
        stimulus, xi = x
        g: Any = self.diffusion
        spread: Any = g(t, h, stimulus) if callable(g) else g
        noise = spread @ xi if jnp.ndim(spread) == 2 else spread * xi
        if jnp.shape(noise) != jnp.shape(h):
            raise ValueError(f"noise of shape {jnp.shape(noise)} does not fit a state {h.shape}")
        return self.field(t, h, stimulus) + noise


def noisy(field: Callable, diffusion: Any) -> Callable:
    """A field with noise, `dh = f(t, h, x) dt + g(t, h, x) dW`, that takes the pair `(x, xi)`.

    `xi` is the mean slope of `W` in a step, so that the noise is an input that is held, as all
    are. By Euler's rule, one substep a step, this is Euler-Maruyama, and the equation is meant in
    the sense of Ito. By any Runge-Kutta method of higher order it is meant in that of
    Stratonovich; for a `g` that does not depend on `h` the two are one.

    **Arguments:**

    - `field`: `f`, `(t, h, x) -> dh/dt`, of a state `[N]`.
    - `diffusion`: `g`, in the state's unit over the root of time's. It is a finite number, or a
        JAX scalar to be trained. Or it is a function `(t, h, x)` that returns `[N]`, one source
        for each unit, or `[N, M]`, `[to, from]`, for M sources that they share.

    **Returns:** a field for `from_field`.

    **Raises:** `ValueError` where `diffusion` is neither; when it is called, where the input is no
    pair or the noise does not fit the state.

    Kloeden & Platen, "Numerical Solution of Stochastic Differential Equations" (1992), for the
    two senses; Wong & Zakai, Ann Math Stat (1965), for a path of straight pieces.

    **Example:**

        >>> field = rj.core.noisy(lambda t, h, x: x - h, 0.1)
        >>> xi = jnp.array([2.0])
        >>> print(field(0.0, jnp.ones(1), (jnp.zeros(1), xi)).round(2))  # 0 - 1 + 0.1 * 2
        [-0.8]
    """
    function("field", field)
    return _Noisy(field, diffusion if callable(diffusion) else _strength(diffusion))


def _strength(diffusion: Any) -> Any:
    """A finite number: a plain one as it is, so that it takes the precision of the state."""
    if isinstance(diffusion, bool | str | None):
        raise ValueError(f"diffusion must be a number or a function, got {described(diffusion)}")
    known = all_finite("diffusion", scalar("diffusion", diffusion))
    return known if isinstance(diffusion, jax.Array) else diffusion


def white_noise(key: PRNGKeyArray, T: int, dt: float, sources: int) -> Float[Array, "T M"]:
    """The mean slope of a Brownian path in each step: `xi_t = (W((t + 1) dt) - W(t dt)) / dt`.

    Each number is normal with variance `1 / dt`. The path depends on the key, the number of
    sources and the duration `T dt`, and not on `dt`.

    **Arguments:**

    - `key`: draws the path.
    - `T`, `dt`: the number of steps, and the length of one in the field's unit of time.
    - `sources`: `M`, the number of independent paths.

    **Returns:** `[T, M]`, in the root of the inverse of time's unit.

    **Raises:** `ValueError` where a number is out of range, or the key is invalid.

    Li et al., AISTATS (2020), for the tree of bridges that holds a path; diffrax's is used.

    **Example:**

        >>> rj.core.white_noise(key, T=20, dt=0.1, sources=2).shape  # beside inputs, for `noisy`
        (20, 2)
    """
    random_key(key)
    at_least(1, T=T, sources=sources)
    positive("dt", dt)
    if T > 0.5 / FINEST:
        raise ValueError(f"T must be at most {int(0.5 / FINEST)}, got {T}")
    import diffrax

    # time counts in durations: the two ends are then exact in any precision
    path = diffrax.VirtualBrownianTree(0.0, 1.0, FINEST, (sources,), key)
    W: Any = jax.vmap(path.evaluate)(jnp.arange(T + 1) / T)
    # a path of duration D is sqrt(D) times one of duration 1
    return (W[1:] - W[:-1]) * ((T * dt) ** 0.5 / dt)
