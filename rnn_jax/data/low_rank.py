"""Low-rank networks `W = m n' / N`: trained weights by their usual names, as a network.

    arrays = load_weights("rank_one.safetensors")    # of a PyTorch state_dict
    network = network_from_low_rank(arrays, alpha=0.2)

Mastrogiuseppe & Ostojic, Neuron (2018), for such networks; Dubreuil, Valente, Beiran,
Mastrogiuseppe & Ostojic, Nature Neuroscience (2022), for trained ones, whose public code names
the arrays so.
"""

from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike

from ..cells import RateField
from ..core import Network, from_field
from ..core.checks import described, function, numbers, share
from .psychrnn import RateReadout

NEEDED = ("m", "n", "wi", "wo")
FURTHER = ("si", "so", "h0", "b")


def network_from_low_rank(
    arrays: Mapping[str, ArrayLike],
    alpha: float,
    activation: Callable[[Array], Array] = jnp.tanh,
) -> Network:
    """`h_t = (1 - alpha) h_{t-1} + alpha (m n' phi(h_{t-1}) / N + U x_t)`, `y_t = C phi(h_t) / N`.

    The network holds the matrix `W = m n' / N` as it acts, so that all that is asked of units and
    connections is asked of it as of any other. Recurrent noise is left out: give it as an input
    where it matters.

    **Arguments:**

    - `arrays`: `m` and `n [N, R]`, `wi [I, N]`, `wo [N, O]`; and where they are there the gains
        of inputs and outputs `si [I]` and `so [O]`, and the first state `h0 [N]`. So
        `U = (si wi)'` and `C = (wo so)'`. Others are not read.
    - `alpha`: `dt / tau` of the network, in (0, 1].
    - `activation`: `phi`, of units and of outputs.

    **Returns:** a `Network`, in the dtype of the weights.

    **Raises:** `ValueError` where an array is missing, of another shape or not finite, where there
    is a bias `b` other than 0, which acts within `phi` and has no place here, or where `alpha` is
    out of its range.

    **Example:**

        >>> arrays = dict(m=np.ones((4, 1)), n=np.ones((4, 1)), wi=np.zeros((2, 4)))
        >>> made = rj.data.network_from_low_rank(arrays | dict(wo=np.ones((4, 1))), alpha=0.5)
        >>> print(made.step(jnp.ones(4), jnp.zeros(2)).round(3))  # 0.5 + 0.5 tanh(1)
        [0.881 0.881 0.881 0.881]
    """
    share("alpha", alpha, above=0)
    function("activation", activation)
    part = _checked(arrays)
    (N, _), inputs = part["m"].shape, len(part["wi"])
    w = part["m"] @ part["n"].T / N
    u, c = (part["wi"] * part["si"][:, None]).T, (part["wo"] * part["so"]).T / N
    field = RateField(inputs, N, tau=1 / alpha, key=jax.random.key(0), activation=activation)
    weights = tuple(map(jnp.asarray, (w, u, np.zeros_like(part["h0"]))))
    field = eqx.tree_at(lambda f: (f.w, f.u, f.b), field, weights)
    c = jnp.asarray(c)
    readout = RateReadout(c, jnp.zeros_like(c[:, 0]), activation)
    return Network(from_field(field, 1.0), readout, jnp.asarray(part["h0"]))


def _checked(arrays: Mapping[str, ArrayLike]) -> dict[str, np.ndarray]:
    """The arrays that are read, those that may be missing filled in."""
    if not isinstance(arrays, Mapping):
        raise ValueError(f"arrays must be a mapping of names to arrays, got {described(arrays)}")
    if missing := [name for name in NEEDED if name not in arrays]:
        raise ValueError(f"arrays lack {', '.join(missing)} of a low-rank network")
    read = {name: arrays[name] for name in (*NEEDED, *FURTHER) if name in arrays}
    known = {name: np.asarray(numbers(name, value)) for name, value in read.items()}
    m, wi, wo = known["m"], known["wi"], known["wo"]
    N, R = m.shape if m.ndim == 2 else (0, 0)
    ends = len(wi) if wi.ndim else 0, wo.shape[-1] if wo.ndim else 0
    shapes = {
        "m": (N, R), "n": (N, R), "wi": (ends[0], N), "wo": (N, ends[1]), "si": ends[:1],
        "so": ends[1:], "h0": (N,), "b": (N,),
    }  # fmt: skip
    blank = {"si": np.ones(ends[:1]), "so": np.ones(ends[1:]), "h0": np.zeros(N), "b": np.zeros(N)}
    part = {name: (blank | known)[name] for name in shapes}
    for name, array in part.items():
        if array.shape != shapes[name] or not np.isfinite(array).all():
            raise ValueError(
                f"{name} must be finite, {list(shapes[name])}, got {described(array)}"
            )
    if part["b"].any():
        raise ValueError("b must be 0: a bias within the activation has no place here")
    # not integers, which would cut what other arrays hold
    dtype = np.result_type(np.float32, *(known[name] for name in NEEDED))
    return {name: np.asarray(array, dtype) for name, array in part.items()}
