"""What every cell asks of its arguments, said in one manner: what was got, what was expected.

    expect("the mask [to, from]", mask, (units, units))
    check_step(cell, h, x)

Shapes are known while tracing, so these cost nothing in a compiled program.
"""

from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool

from ..core import Input
from ..core.checks import finite_number


def expect(name: str, array: Any, shape: tuple[int, ...]) -> None:
    """Refuse an array of another shape.

    **Raises:** `ValueError` with the shape that was got and the one expected.
    """
    got = getattr(array, "shape", type(array).__name__)
    if got != shape:
        raise ValueError(f"{name}: got shape {got}, expected {shape}")


def flags(name: str, array: ArrayLike, shape: tuple[int, ...]) -> Bool[Array, "..."]:
    """An array as booleans of one shape.

    **Raises:** as `expect`.
    """
    found = jnp.asarray(array).astype(bool)
    expect(name, found, shape)
    return found


def check_sizes(inputs: int, units: int) -> None:
    """Refuse sizes that make no cell; an autonomous cell has 0 inputs."""
    if inputs < 0 or units < 1:
        raise ValueError(f"a cell needs inputs >= 0 and units >= 1, got {inputs} and {units}")


def check_step(cell: Any, h: Any, x: Any) -> None:
    """Refuse a state or an input that does not fit a cell's `u [..., N, I]`."""
    name = type(cell).__name__
    expect(f"the state of {name}", h, cell.u.shape[-2:-1])
    expect(f"the input of {name}", x, cell.u.shape[-1:])


def check_tau(tau: float | int, dt: float | int) -> tuple[float, float]:
    """`(tau, dt)` as Python's numbers, which are constants of a program.

    **Raises:** `ValueError` where `dt` is not in `(0, tau]`, where Euler's rule overshoots.
    """
    tau, dt = finite_number("tau", tau), finite_number("dt", dt)
    if not 0 < dt <= tau:
        raise ValueError(f"a leaky cell needs 0 < dt <= tau, got dt = {dt:g} and tau = {tau:g}")
    return tau, dt


def check_noise(noise: float | int) -> float:
    """The size of a cell's noise. **Raises:** `ValueError` where it is not finite, or below 0."""
    size = finite_number("noise", noise)
    if size < 0:
        raise ValueError(f"noise must be at least 0, got {size:g}")
    return size


def split_noise(noise: float | int, x: Input) -> tuple[Input, Array | None]:
    """The stimulus and the noise of an input: `x` alone of a silent cell, else `(x, xi)`.

    **Raises:** `ValueError` where a noisy cell gets no noise, or a silent one gets some.
    """
    paired = isinstance(x, tuple) and len(x) == 2
    if paired != (noise > 0):
        got, expected = type(x).__name__, "a pair (x, xi)" if noise > 0 else "x alone"
        raise ValueError(
            f"the input of a cell with noise = {noise}: got {got}, expected {expected}"
        )
    return x if paired else (x, None)
