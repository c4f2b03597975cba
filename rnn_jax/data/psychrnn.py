"""Networks of PsychRNN: the `.npz` that its `RNN.save` writes, as a network.

    network = network_from_psychrnn("weights.npz", alpha=0.1)

The file holds weights as they act, after masks and Dale's law, and not `alpha = dt / tau`, which
has to be told. A transfer function is saved as code, which is not read.
"""

from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..cells import RateField
from ..core import Network, State, from_field
from ..core.checks import function, share
from .npz import load_npz

NEEDED = ("W_in", "W_rec", "W_out", "b_rec", "b_out", "init_state")


class RateReadout(eqx.Module):
    """`y = C phi(h) + b`: what a network says of its rates.

    - `c`: `[O, N]`, `[to, from]`; `b`: `[O]`.
    - `activation`: `phi`, elementwise.

    **Example:**

        >>> readout = rj.data.RateReadout(jnp.ones((1, 2)), jnp.zeros(1), jax.nn.relu)
        >>> readout(jnp.array([3.0, -5.0])).tolist()
        [3.0]
    """

    c: Float[Array, "O N"]
    b: Float[Array, " O"]
    activation: Callable[[Array], Array] = eqx.field(static=True)

    def __call__(self, h: State) -> Float[Array, " O"]:
        return self.c @ self.activation(h) + self.b


def network_from_psychrnn(
    path: str | Path, alpha: float, activation: Callable[[Array], Array] = jax.nn.relu
) -> Network:
    """`h_t = (1 - alpha) h_{t-1} + alpha (W phi(h_{t-1}) + U x_t + b)`, `y_t = C phi(h_t) + b'`.

    The recurrent noise of a `Basic` network is left out: give it as an input where it matters.

    **Arguments:**

    - `path`: an `.npz` with `W_in [N, I]`, `W_rec [N, N]`, `W_out [O, N]`, all `[to, from]`,
        `b_rec [N]`, `b_out [O]` and `init_state [1, N]`; other arrays are not read.
    - `alpha`: `dt / tau` of the network, in (0, 1].
    - `activation`: `phi`, its transfer function.

    **Returns:** a `Network`, in the dtype of the weights.

    **Raises:** `ValueError` where the file cannot be read, an array is missing, of another shape
    or not finite, or `alpha` is out of its range.

    Ehrlich, Stone, Brandfonbrener, Atanasov & Murray, eNeuro (2021), for the equations; the names
    are those of its code.

    **Example:**

        >>> weights = dict(W_in=np.ones((4, 2)), W_rec=np.eye(4), W_out=np.ones((1, 4)))
        >>> rest = dict(b_rec=np.zeros(4), b_out=np.zeros(1), init_state=np.ones((1, 4)))
        >>> np.savez(folder / "psychrnn.npz", **weights, **rest)
        >>> made = rj.data.network_from_psychrnn(folder / "psychrnn.npz", alpha=0.1)
        >>> made.step(jnp.ones(4), jnp.zeros(2)).tolist()  # 0.9 + 0.1
        [1.0, 1.0, 1.0, 1.0]
    """
    share("alpha", alpha, above=0)
    function("activation", activation)
    arrays = _arrays(Path(path))
    N, inputs = arrays["W_in"].shape if arrays["W_in"].ndim == 2 else (0, 0)
    outputs = len(arrays["W_out"])
    shapes = {
        "W_in": (N, inputs), "W_rec": (N, N), "W_out": (outputs, N), "b_rec": (N,),
        "b_out": (outputs,), "init_state": (1, N),
    }  # fmt: skip
    for name, array in arrays.items():
        if array.shape != shapes[name] or not np.isfinite(array).all():
            raise ValueError(f"{path}: {name} must be finite, {shapes[name]}, got {array.shape}")
    field = RateField(inputs, N, tau=1 / alpha, key=jax.random.key(0), activation=activation)
    part = {name: jnp.asarray(array) for name, array in arrays.items()}
    weights = part["W_rec"], part["W_in"], part["b_rec"]
    field = eqx.tree_at(lambda f: (f.w, f.u, f.b), field, weights)
    readout = RateReadout(part["W_out"], part["b_out"], activation)
    return Network(from_field(field, 1.0), readout, part["init_state"][0])


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays that are needed, and no other: some of PsychRNN's are pickled code."""
    arrays = load_npz(path, NEEDED)
    if missing := [name for name in NEEDED if name not in arrays]:
        raise ValueError(f"{path} lacks {', '.join(missing)} of a PsychRNN network")
    return arrays
