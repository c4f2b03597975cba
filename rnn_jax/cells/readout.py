"""Readouts: what a network says of its state.

    Affine(64, 1, key=key)                                   # y = C h + b
    Affine(64, 1, key=key, excitatory=cell.excitatory, mask=cell.excitatory)

The second reads a `Dale` cell's excitatory units alone, with non-negative weights. Of a
state in several parts, an LSTM's `(h, c)`, the first is read.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..core import State
from .dale import signed
from .shapes import expect, flags


class Affine(eqx.Module):
    """`y = C h + b`, or without `b`; `C = c`, or `|c| * sign * mask` under constraints.

    **Arguments:**

    - `units`, `outputs`: sizes `N` and `O`.
    - `key`: draws `c ~ Normal(0, 1 / N)`; `b = 0`.
    - `excitatory`: `[N]`, true where a unit's weights are to be positive, false where
        negative; `None` leaves signs free.
    - `mask`: `[O, N]` `[to, from]`, or `[N]` for every output, 0 where nothing is read.
    - `use_bias`: whether there is a `b`.

    Its fields are `c [O, N]` `[to, from]`, `b [O]` or `None`, and the booleans `excitatory [N]`
    and `mask [O, N]`, or `None`.

    **Raises:** `ValueError` at masks or states that do not fit.

    Song, Yang & Wang, PLoS Comput Biol (2016), for readouts from excitatory units only.

    **Example:**

        >>> excites, reads = jnp.arange(6) < 4, jnp.arange(6) != 0
        >>> C = rj.cells.Affine(6, 2, key=key, excitatory=excites, mask=reads).wire  # [to, from]
        >>> bool((C[:, 0] == 0).all()), bool((C[:, 1:4] > 0).all()), bool((C[:, 4:] < 0).all())
        (True, True, True)
    """

    c: Float[Array, "O N"]
    b: Float[Array, " O"] | None
    excitatory: Bool[Array, " N"] | None
    mask: Bool[Array, "O N"] | None

    def __init__(
        self,
        units: int,
        outputs: int,
        *,
        key: PRNGKeyArray,
        excitatory: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        use_bias: bool = True,
    ):
        if units < 1 or outputs < 1:
            raise ValueError(f"a readout needs units and outputs >= 1, got {units}, {outputs}")
        self.c = jax.random.normal(key, (outputs, units)) / units**0.5
        self.b = jnp.zeros(outputs) if use_bias else None
        known = lambda name, array, shape: (
            None if array is None else flags(f"the {name} of Affine", array, shape)
        )
        self.excitatory = known("excitatory", excitatory, (units,))
        if mask is not None and jnp.ndim(mask) == 1:
            expect("the mask [from] of Affine", jnp.asarray(mask), (units,))
            mask = jnp.tile(jnp.asarray(mask)[None], (outputs, 1))
        self.mask = known("mask [to, from]", mask, (outputs, units))

    @property
    def wire(self) -> Float[Array, "O N"]:
        """`C`, `[to, from]`: what the readout uses of `c`."""
        return signed(self.c, self.excitatory, self.mask)

    def __call__(self, h: State) -> Float[Array, " O"]:
        h = Units()(h)
        expect("the state of Affine", h, self.c.shape[-1:])
        y = self.wire @ h
        return y if self.b is None else y + self.b


class Units(eqx.Module):
    """`y = h`: the units themselves, of a state in several parts the first.

    **Example:**

        >>> cell = rj.cells.LSTM(2, 6, key=key)
        >>> shown = rj.Network(cell, rj.cells.Units(), rj.cells.zero_state(cell))
        >>> run = rj.run(shown, x)
        >>> bool((rj.outputs(shown, run) == run.hs[0]).all())  # h, not the memory c
        True
    """

    def __call__(self, h: State) -> Float[Array, " N"]:
        return jax.tree.leaves(h)[0]
