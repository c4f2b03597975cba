"""How inputs drive the modes of a point, and how outputs show them.

    near = stability(step, x, points)
    aligned = alignment(near, readout)          # readout [O, N], [to, from]
    aligned.inputs[0, 0], aligned.outputs[0, 0]  # of the slowest mode of the first point

Near a point a state is `h* + sum_k a_k right_k`. A small input pulse `e` sets
`a_k = left_k^H B e / left_k^H right_k`, `B = dF/dx`; each step multiplies `a_k` by its eigenvalue;
and an output `c` shows `c right_k` of it.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float

from ..core.checks import axes, instance, numbers
from ..core.types import Numbers
from .stability import Stability


class Alignment(NamedTuple):
    """Of every point, mode, and input or output; arrays on the host.

    - `inputs`: `[S, N, I]`, `|left_k^H B e_i| / |B e_i|` in [0, 1]: 1 where input i goes to
        mode k as directly as any push of its length; 0 where an input reaches no unit.
    - `outputs`: `[S, N, O]`, `|c_o right_k| / |c_o|` in [0, 1]: 1 where mode k moves along what
        output o reads; 0 for an output that reads no unit.
    - `drive`: `[S, N, I]`, `left_k^H B e_i / left_k^H right_k`: how far a pulse of size 1 moves
        mode k.
    - `shown`: `[S, N, O]`, `c_o right_k`: what of mode k is seen in output o.

    The first two are cosines, which do not depend on the scale of an input or an output. The last
    two keep it: n steps after a pulse, output o has moved by
    `sum_k shown[k, o] eigenvalue_k^n drive[k, i]`, which is `C J^n B` exactly. Where `J` is not
    normal `drive` is larger than the cosine by the `condition` of the mode, and modes may cancel;
    it is infinite for a defective mode.

    **Example:**

        >>> W, C, B = jnp.diag(jnp.array([0.9, 0.1])), np.array([[2.0, 0.0]]), np.eye(2)
        >>> near = rj.stability(lambda h, x: W @ h, jnp.zeros(1), np.zeros((1, 2)))
        >>> found = rj.dynamics.alignment(near, readout=C, inputs=B)
        >>> print(found.outputs[0, 0].round(3), np.abs(found.shown[0, 0]).round(3))
        [1.] [2.]
    """

    inputs: Float[np.ndarray, "S N I"]
    outputs: Float[np.ndarray, "S N O"]
    drive: Complex[np.ndarray, "S N I"]
    shown: Complex[np.ndarray, "S N O"]


def alignment(near: Stability, readout: Numbers, inputs: Numbers | None = None) -> Alignment:
    """How each input drives each mode of each point, and how each output shows it.

    **Arguments:**

    - `near`: from `stability`, or `stability_along`.
    - `readout`: `C`, `[O, N]`, `[to, from]`, for all entries of the state.
    - `inputs`: `[N, I]`, directions of pushes; `None`: `near.input_jacobian`.

    **Returns:** `Alignment`.

    **Raises:** `ValueError` where `near` is no `Stability`, or sizes do not fit.

    Mante et al., Nature 503 (2013), for left vectors as what selects an input.

    **Example:**

        >>> W, C, B = jnp.diag(jnp.array([0.9, 0.1])), np.eye(2), np.eye(2)  # a mode per unit
        >>> near = rj.stability(lambda h, x: W @ h, jnp.zeros(1), np.zeros((1, 2)))
        >>> found = rj.dynamics.alignment(near, readout=C, inputs=B)
        >>> print(found.inputs[0].round(3))  # [mode, input]: each input drives its own mode
        [[1. 0.]
         [0. 1.]]
    """
    instance("near", near, Stability)
    S, N = near.eigenvalues.shape
    axes(**{"the state": (near.condition[0], "N"), "readout": (readout, "O N")})
    C = np.asarray(numbers("readout", readout), float)
    B = near.input_jacobian
    if inputs is not None:
        axes(**{"the state": (near.condition[0], "N"), "inputs": (inputs, "N I")})
        B = np.broadcast_to(np.asarray(numbers("inputs", inputs), float), (S, *np.shape(inputs)))
    left = near.left.conj().transpose(0, 2, 1)
    heard, shown = left @ B, (C @ near.right).transpose(0, 2, 1)
    overlap = np.einsum("skn,snk->sk", left, near.right)
    with np.errstate(divide="ignore", invalid="ignore"):
        drive = heard / overlap[..., None]
    return Alignment(
        _share(heard, np.linalg.norm(B, axis=1)), _share(shown, np.linalg.norm(C, axis=1)[None]),
        drive, shown,
    )  # fmt: skip


def _share(parts: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """`|parts| / whole`, 0 where there is nothing to share."""
    return np.abs(parts) / np.where(whole == 0, 1, whole)[:, None]
