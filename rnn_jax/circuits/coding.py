"""Where a feature of +-1 lies in the states, and what hangs on it there.

    shares = explained(hs, {"a": a, "b": b}, window)         # of the variance over trials
    basis = coding_plane(hs, a, b)                           # [T, N, 2]
    ys = interchanged(network, xs, hs[donors], basis, window)
    found = needed_units(network, xs, signs, hs[donors], window, count)

How much a feature moves the states and how much an output hangs on it are two questions: the
first is asked of clean runs, the other by putting in the feature of another trial.
"""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float

from ..core import Inside, Network, Project, outputs, run
from .keep_drop import drop


class Needed(NamedTuple):
    """Which units an output hangs on.

    - `effects`: `[N]`, of each unit alone.
    - `single`: bool `[N]`, the units of largest effect, whatever its sign.
    - `greedy`: bool `[N]`, as many, each the one that with those before it does most harm.
    - `path`: `[count]`, the effect of the greedy set as it grows.

    **Example:**

        >>> one = rj.Network(lambda h, x: x, lambda h: h[:1], jnp.zeros(3))  # of unit 0
        >>> signs = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> inputs, every = signs[:, None, None] * jnp.ones((4, 2, 3)), jnp.ones(2)
        >>> found = rj.circuits.needed_units(one, inputs, signs, -inputs, every, every, 1)
        >>> print(found.greedy, found.path.round(3))  # one unit is enough to turn the output round
        [ True False False] [1.]
    """

    effects: Float[Array, " N"]
    single: Bool[Array, " N"]
    greedy: Bool[Array, " N"]
    path: Float[Array, " K"]


def explained(
    hs: Float[Array, "B T N"],
    features: Mapping[str, Float[Array, " B"]],
    window: Float[Array, " T"],
) -> dict[str, Float[Array, ""]]:
    """The share of the states' variance over trials that each feature explains.

    `sum_{t,i} w_t (mean_b z_b h_bti)^2 / sum_{t,i} w_t var_b(h_bti)`, which is the `R^2` of a
    regression on `z`; shares of features that are uncorrelated over trials add up.

    **Arguments:**

    - `hs`: `[B, T, N]` states.
    - `features`: by name `[B]` of +-1, each with the mean 0 over trials.
    - `window`: float `[T]`.

    **Returns:** by name, in [0, 1].

    Hermann and Lampinen, NeurIPS (2020), for variance explained as a measure of a feature.

    **Example:**

        >>> z, k = jnp.array([1.0, 1.0, -1.0, -1.0]), jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> hs = (2 * z + k)[:, None, None]
        >>> found = rj.circuits.explained(hs, {"z": z, "k": k}, jnp.ones(1))
        >>> round(found["z"].item(), 3), round(found["k"].item(), 3)  # 4 to 1
        (0.8, 0.2)
    """
    moved = (hs - hs.mean(0, keepdims=True)) * jnp.sqrt(window)[None, :, None]
    whole = jnp.mean(moved**2, 0).sum()
    return {name: jnp.sum(contrast(moved, z) ** 2) / whole for name, z in features.items()}


def contrast(hs: Float[Array, "B T N"], z: Float[Array, " B"]) -> Float[Array, "T N"]:
    """`mean_b z_b h_bt`: half the distance between a feature's two class means.

    **Example:**

        >>> z = jnp.array([1.0, -1.0])
        >>> rj.circuits.contrast(jnp.array([5.0, 1.0])[:, None, None], z).item()  # half of 5 - 1
        2.0
    """
    return jnp.mean(z[:, None, None] * hs, 0)


def coding_plane(
    hs: Float[Array, "B T N"], z: Float[Array, " B"], context: Float[Array, " B"]
) -> Float[Array, "T N 2"]:
    """The plane in which a feature's classes differ, at each time, in either context.

    It is the span of `mean_b z_b h_bt` and `mean_b z_b k_b h_bt`: of the differences between
    the classes of `z` at `k = 1`, and at `k = -1`, which need not be parallel.

    **Arguments:**

    - `hs`: `[B, T, N]` states.
    - `z`: `[B]` of +-1, the feature.
    - `context`: `[B]` of +-1, another one, uncorrelated with it.

    **Returns:** `[T, N, 2]`, orthonormal columns.

    **Example:**

        >>> z, k = jnp.array([1.0, 1.0, -1.0, -1.0]), jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> hs = jnp.stack([z, z * k, k], -1)[:, None]  # three units, one step
        >>> plane = rj.circuits.coding_plane(hs, z, k)
        >>> print(jnp.abs(plane[0] @ plane[0].T).round(3))  # what k alone moves is out
        [[1. 0. 0.]
         [0. 1. 0.]
         [0. 0. 0.]]
    """
    return jnp.linalg.qr(jnp.stack([contrast(hs, z), contrast(hs, z * context)], -1))[0]


def interchanged(
    network: Network,
    xs: Float[Array, "B T I"],
    value: Float[Array, "B T N"],
    basis: Float[Array, "T N K"],
    window: Float[Array, " T"],
) -> Float[Array, "B T O"]:
    """Outputs with the part of the state along a basis taken from other runs.

    `h_bt <- h_bt + Q_t Q_t^T (v_bt - h_bt)` at every step of the window.

    **Arguments:**

    - `network`, `xs`: `[B, T, I]` inputs.
    - `value`: `[B, T, N]`, the states of each trial's donor.
    - `basis`: `[T, N, K]`, orthonormal columns.
    - `window`: float `[T]`.

    **Returns:** `[B, T, O]`.

    Geiger et al., "Finding alignments between interpretable causal variables and distributed
    neural representations", CLeaR (2024), for interchange along subspaces.

    **Example:**

        >>> hs = rj.core.clean_run(network, xs)[0]
        >>> whole = jnp.broadcast_to(jnp.eye(6), (20, 6, 6))  # all of the state
        >>> donors = jnp.roll(hs, 1, 0)
        >>> patched = rj.circuits.interchanged(network, xs, donors, whole, jnp.ones(20))
        >>> bool(jnp.allclose(patched, jnp.roll(ys, 1, 0), atol=1e-5))  # the donors' outputs
        True
    """

    def one(x: Array, v: Array) -> Array:
        return outputs(network, run(network, x, Inside(Project(basis, v), window)))

    return jax.vmap(one)(xs, value)


def role(
    clean: Float[Array, "B O"], patched: Float[Array, "B O"], signs: Float[Array, "B O"]
) -> Float[Array, " O"]:
    """How far an intervention turns each output round, in units of the output itself.

    `mean_b s_b (y_b - y'_b) / (2 mean_b s_b y_b)`: 0 where nothing changes, 1 where each
    output becomes its opposite.

    **Arguments:**

    - `clean`, `patched`: `[B, O]` outputs without and with the intervention.
    - `signs`: `[B, O]`, what they are to say.

    **Returns:** `[O]`.

    **Example:**

        >>> signs = jnp.array([[1.0], [-1.0]])
        >>> clean = 2 * signs
        >>> [rj.circuits.role(clean, ys, signs).item() for ys in (clean, 0 * clean, -clean)]
        [0.0, 0.5, 1.0]
    """
    return jnp.mean(signs * (clean - patched), 0) / (2 * jnp.mean(signs * clean, 0))


@eqx.filter_jit
def needed_units(
    network: Network,
    xs: Float[Array, "B T I"],
    signs: Float[Array, " B"],
    value: Float[Array, "B T N"],
    window: Float[Array, " T"],
    asked: Float[Array, " T"],
    count: int,
) -> Needed:
    """The units that an output hangs on, by exact runs: alone, and as a set that is grown.

    A set is clamped to its donors' states within the window. Its effect is the `role` of that,
    in which the output is its mean over the steps that are asked for.

    It compiles itself.

    **Arguments:**

    - `network`: of one output.
    - `xs`: `[B, T, I]` inputs.
    - `signs`: `[B]`, what the output is to say.
    - `value`: `[B, T, N]`, the states of each trial's donor.
    - `window`, `asked`: float `[T]`.
    - `count`: units in a set.

    **Returns:** a `Needed`.

    **Example:**

        >>> both = rj.Network(lambda h, x: x, lambda h: h[:1] + 0.1 * h[1:2], jnp.zeros(3))
        >>> signs = jnp.array([1.0, -1.0, 1.0, -1.0])
        >>> inputs = signs[:, None, None] * jnp.ones((4, 2, 3))
        >>> every = jnp.ones(2)
        >>> found = rj.circuits.needed_units(both, inputs, signs, -inputs, every, every, 1)
        >>> print(found.effects.round(3), found.single)
        [0.909 0.091 0.   ] [ True False False]
    """
    share = asked / asked.sum()

    def said(mask: Float[Array, " N"], x: Array, v: Array) -> Array:
        ys = outputs(network, run(network, x, drop(mask, window, v)))
        return jnp.sum(share * ys[:, 0])

    def effects(masks: Float[Array, "S N"]) -> Float[Array, " S"]:
        each = jax.vmap(jax.vmap(said, (None, 0, 0)), (0, None, None))
        ys, clean = each(masks, xs, value), each(jnp.zeros_like(masks[:1]), xs, value)
        return role(jnp.broadcast_to(clean, ys.shape).T, ys.T, jnp.tile(signs[:, None], len(ys)))

    eye = jnp.eye(value.shape[-1], dtype=value.dtype)

    def grow(members: Array, _: None) -> tuple[Array, tuple[Array, Array]]:
        found = effects(jnp.maximum(members[None], eye))
        best = jnp.where(members > 0, -jnp.inf, found).argmax()
        return jnp.maximum(members, eye[best]), (found, found[best])

    members, (found, path) = lax.scan(grow, jnp.zeros_like(eye[0]), None, length=count)
    _, top = lax.top_k(jnp.abs(found[0]), count)
    return Needed(found[0], eye[top].sum(0) > 0, members > 0, path)
