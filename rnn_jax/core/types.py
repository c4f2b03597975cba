"""The words every signature uses: a step, its readout, its state.

A recurrent network is a **step**, any pure function of a state and an input. A state is
any pytree of floating arrays, so `eqx.nn.LSTMCell`'s pair `(h, c)` is one, and so is the
vector of a hand-written cell:

    step = lambda h, x: jnp.tanh(W @ h + U @ x)
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from jaxtyping import Array, Float, PyTree

Numbers: TypeAlias = Array | np.ndarray
"""An array on a device or on the host."""

State: TypeAlias = PyTree[Float[Array, "..."]]
"""One trial's hidden state at one time."""

Input: TypeAlias = PyTree[Array]
"""What drives a step: stimulus, and noise where the cell has any."""

Step: TypeAlias = Callable[[State, Input], State]
"""`(h[t-1], x[t]) -> h[t]`."""

Readout: TypeAlias = Callable[[State], Float[Array, " O"]]
"""`h[t] -> y[t]`."""
