"""Subspaces of the state: principal components, and random axes to hold them against.

    components = pca(states.reshape(-1, N), 3)
    components.project(states)                   # [..., 3]
    haar(key, N)[:, :3]                          # any three axes

Samples are `[M, N]`, one state a row.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core.checks import all_finite, array, at_least, axes, random_key, whole_number


class Components(eqx.Module):
    """Principal components.

    - `mean`: `[N]`.
    - `basis`: `[N, K]`, orthonormal columns, by falling variance.
    - `variance`: `[K]`, along each.
    - `share`: `[K]`, of the whole variance.

    **Example:**

        >>> line = jnp.arange(5.0)[:, None] * jnp.array([[3.0, 4.0]])
        >>> found = rj.linear.pca(line, 2)
        >>> print(found.project(line)[:, 0].round(3))  # about the mean, 5 apart
        [-10.  -5.   0.   5.  10.]
    """

    mean: Float[Array, " N"]
    basis: Float[Array, "N K"]
    variance: Float[Array, " K"]
    share: Float[Array, " K"]

    def project(self, states: Float[Array, "*M N"]) -> Float[Array, "*M K"]:
        """Coordinates `(h - mean) Q` of states."""
        axes(basis=(self.basis, "N K"), states=(states, "... N"))
        mean = self.mean.reshape((1,) * (states.ndim - 1) + self.mean.shape)
        return (states - mean) @ self.basis


def pca(states: Float[Array, "M N"], count: int) -> Components:
    """The `count` directions of largest variance: `cov(h) = Q diag(variance) Q^T`.

    Signs are fixed so that each direction's largest entry is positive. Variances divide by
    `M`.

    **Arguments:**

    - `states`: `[M, N]` samples.
    - `count`: at most `min(M, N)`.

    **Returns:** `Components`.

    **Raises:** `ValueError` where there are fewer directions than asked for, or a state is not
    finite (`RuntimeError` if traced).

    **Example:**

        >>> line = jnp.arange(5.0)[:, None] * jnp.array([[3.0, 4.0]])
        >>> found = rj.linear.pca(line, 2)
        >>> print(found.basis[:, 0].round(3), found.share.round(3))
        [0.6 0.8] [1. 0.]
    """
    sizes = axes(states=(states, "M N"))
    M, N, states = sizes["M"], sizes["N"], all_finite("states", array("states", states))
    if not 1 <= whole_number("count", count) <= min(M, N):
        raise ValueError(f"count must lie in [1, {min(M, N)}], got {count}")
    mean = states.mean(0)
    _, scale, rows = jnp.linalg.svd(states - mean[None], full_matrices=False)
    basis = rows[:count].T
    largest = jnp.take_along_axis(basis, jnp.abs(basis).argmax(0)[None], 0)
    variance = scale**2 / M
    tiny = jnp.finfo(states.dtype).tiny
    share = variance / jnp.maximum(variance.sum(), tiny)
    return Components(
        mean, basis * jnp.where(largest < 0, -1.0, 1.0).astype(basis.dtype),
        variance[:count], share[:count],
    )  # fmt: skip


def haar(key: PRNGKeyArray, count: int) -> Float[Array, "N N"]:
    """A random orthogonal matrix, uniform over all of them, reflections included.

    `Q diag(sign R_ii)` of the factors `Q R` of a normal matrix: the factors alone are not
    uniform, since a routine's choice of signs leaves a trace.

    **Arguments:**

    - `key`: draws it.
    - `count`: its size `N`.

    **Returns:** `[N, N]`.

    **Raises:** `ValueError` where `count` is below 1.

    Mezzadri, Notices of the AMS 54 (2007), section 5.

    **Example:**

        >>> Q = rj.linear.haar(key, 4)
        >>> bool(jnp.allclose(Q.T @ Q, jnp.eye(4), atol=1e-5))
        True
    """
    at_least(1, count=count)
    random_key(key)
    q, r = jnp.linalg.qr(jax.random.normal(key, (count, count)))
    return q * jnp.where(jnp.diagonal(r) < 0, -1.0, 1.0).astype(q.dtype)[None]
