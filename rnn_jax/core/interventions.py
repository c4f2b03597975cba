"""Interventions: pytrees of arrays that map a step to a step.

An intervention is *data*. Each of its arrays leads with a time axis, `T` long, or 1 long
for "at every step"; `rollout` hands row t to step t beside the input, so that thousands of
interventions of one kind share one compiled program, ride in `vmap`, and have gradients.
Row t of a mask speaks of `hs[t]`, the state *after* step t:

    Replace(mask, value)                      # hs[t] <- (1 - mask[t]) hs[t] + mask[t] value[t]
    Compose(Replace(mask, 0.0), Shift(push))  # the one, then the other on top

Any callable `step -> step` serves as one. Where the readout is to see another state than the
units carry, it has a method `shown(h)`, as `Read` does.
"""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, PyTree

from .checks import array, described, function, in_unit, refused
from .shown import shown
from .tree import add, blend
from .types import Input, State, Step
from .units import Indices, over


def _rows(value: PyTree) -> PyTree:
    """Arrays with a leading time axis; a scalar holds for every step and unit."""

    def row(leaf: Any) -> Any:
        if isinstance(leaf, Indices):
            return leaf
        leaf = array("a mask or value", leaf)
        return leaf if leaf.ndim else leaf.reshape(1, 1)

    return jax.tree.map(row, value, is_leaf=lambda leaf: isinstance(leaf, Indices))


def _check_masks(masks: PyTree) -> None:
    """Masks that are known are looked at where they are made; `rollout` looks at all of them."""
    if not jax.tree.leaves(masks):
        raise ValueError("a mask is None in every part: it edits nothing")
    for mask in jax.tree.leaves(masks, is_leaf=lambda leaf: isinstance(leaf, Indices)):
        if eqx.is_array(mask):
            in_unit("a mask", mask, traced=False)


def _check_rows(name: str, rows: PyTree) -> None:
    """One number for all units is a `[T]` array given where `[T, N]` was meant."""
    if any(leaf.ndim == 0 for leaf in jax.tree.leaves(rows)):
        raise ValueError(f"{name} needs arrays [T, N]; got one with a time axis alone")


class AbstractIntervention(eqx.Module):
    """A map from steps to steps whose arrays lead with a time axis of `T`, or of 1.

    **Example:**

        >>> class Halve(rj.core.AbstractIntervention):
        ...     window: jax.Array
        ...     def __call__(self, step):
        ...         return lambda h, x: step(h, x) * (1 - 0.5 * self.window)
        >>> edit = Halve(rj.span(20, 5, 10))
        >>> halved, clean = rj.run(network, x, edit).hs, rj.run(network, x).hs
        >>> bool(jnp.allclose(halved[5], 0.5 * clean[5]))
        True
    """

    @abc.abstractmethod
    def __call__(self, step: Step) -> Step:
        """The intervened step of one time, where `self` holds that time's rows."""


class Identity(AbstractIntervention):
    """No intervention: `step`, unchanged.

    **Example:**

        >>> bool((rj.run(network, x, rj.Identity()).hs == rj.run(network, x).hs).all())
        True
    """

    def __call__(self, step: Step) -> Step:
        return step


class Compose(AbstractIntervention):
    """Several interventions, the later ones on top of the earlier: `c(b(a(step)))`.

    **Example:**

        >>> window = rj.span(20, 5, 10)
        >>> both = rj.Compose(rj.clamp(0, window, 0.0), rj.clamp(1, window, 1.0))
        >>> rj.run(network, x, both).hs[7, :2].tolist()
        [0.0, 1.0]
    """

    interventions: tuple[Callable[[Step], Step], ...]

    def __init__(self, *interventions: Callable[[Step], Step]):
        for intervention in interventions:
            function("an intervention", intervention)
        self.interventions = interventions

    def __call__(self, step: Step) -> Step:
        for intervention in self.interventions:
            step = intervention(step)
        return step

    def shown(self, h: State) -> State:
        """What the readout sees after all parts, in their order."""
        for intervention in self.interventions:
            h = shown(intervention, h)
        return h


class Replace(AbstractIntervention):
    """Put values in the place of states: `h_t <- (1 - m_t) * h_t + m_t * v_t`.

    **Arguments:**

    - `mask`: float `[T, N]` in [0, 1], or a prefix of the state's tree of such arrays.
    - `value`: float `[T, N]`, or `[1, N]` for every step, or a scalar; likewise a prefix.

    **Example:**

        >>> mask = jnp.zeros((20, 6)).at[5:10, 0].set(1.0)
        >>> other = rj.run(network, xs[1]).hs  # another trial's states
        >>> patched = rj.run(network, x, rj.Replace(mask, other)).hs
        >>> bool((patched[5:10, 0] == other[5:10, 0]).all())
        True
    """

    mask: PyTree = eqx.field(converter=_rows)
    value: PyTree = eqx.field(converter=_rows)

    def __check_init__(self) -> None:
        _check_masks(self.mask)
        if not jax.tree.leaves(self.value):
            raise ValueError("a value is None in every part: it replaces nothing")

    def __call__(self, step: Step) -> Step:
        return lambda h, x: self.edit(step(h, x))

    def edit(self, h: State) -> State:
        """The state with this row's values put in."""
        _check_rows("Replace", (self.mask, self.value))
        return blend(h, self.value, self.mask)


class Shift(AbstractIntervention):
    """Steer: `h_t <- h_t + d_t`.

    **Arguments:**

    - `delta`: float `[T, N]` in the state's units, or a prefix of the state's tree.

    **Example:**

        >>> push = jnp.zeros((20, 6)).at[5].set(0.1)
        >>> moved = rj.run(network, x, rj.Shift(push)).hs - rj.run(network, x).hs
        >>> bool(jnp.allclose(moved[5], 0.1)), bool((moved[:5] == 0).all())
        (True, True)
    """

    delta: PyTree = eqx.field(converter=_rows)

    def __call__(self, step: Step) -> Step:
        _check_rows("Shift", self.delta)
        return lambda h, x: add(step(h, x), self.delta)


class Project(AbstractIntervention):
    """Interchange along a subspace: `h_t <- h_t + Q_t Q_t^T (v_t - h_t)`.

    **Arguments:**

    - `basis`: float `[T, N, K]` or `[1, N, K]`, orthonormal columns. Of a state with
        several parts, `N` counts the entries of all.
    - `value`: float `[T, N]`, `[1, N]` or a scalar: the state it comes from.

    **Raises:** `ValueError` where it has other axes, or the columns are not orthonormal
    (`RuntimeError` if these are traced); where it meets a state, if shapes do not fit.

    **Example:**

        >>> other = rj.run(network, xs[1]).hs
        >>> hs = rj.run(network, x, rj.core.Project(jnp.ones((1, 6, 1)) / 6**0.5, other)).hs
        >>> bool(jnp.allclose(hs.sum(1), other.sum(1), atol=1e-5)), bool(jnp.allclose(hs, other))
        (True, False)
    """

    basis: Float[Array, "T N K"]
    value: Array

    def __init__(self, basis: Array, value: Any):
        basis = array("basis", basis)
        if basis.ndim != 3:
            raise ValueError(f"basis must be [T, N, K] or [1, N, K], got {described(basis)}")
        gram = jnp.einsum("tnk,tnl->tkl", basis, basis)
        off = jnp.abs(gram - jnp.eye(basis.shape[-1], dtype=basis.dtype)[None]).max()
        message = "Project needs orthonormal columns: Q^T Q = 1"
        self.basis = refused(message, off > 1e-3, basis)
        self.value = _rows(value)

    def __call__(self, step: Step) -> Step:
        def projected(h: State, x: Input) -> State:
            flat, unravel = ravel_pytree(step(h, x))
            if len(self.basis) != flat.size or self.value.size not in (1, flat.size):
                raise ValueError(
                    f"a basis of {len(self.basis)} and a value of {self.value.size} entries do "
                    f"not fit a state of {flat.size}"
                )
            q = jnp.asarray(self.basis, flat.dtype)
            toward = jnp.asarray(self.value, flat.dtype) - flat
            return unravel(flat + q @ (q.T @ toward))

        return projected


class Cut(AbstractIntervention):
    """Edit edges: at step t, receiver i reads `(1 - M_t[i, j]) h_{t-1}[j] + M_t[i, j] v_t[j]`.

    Everyone else goes on reading `h_{t-1}[j]`. It holds for any step, by one copy of the
    step a receiver: N times the work of a step.

    **Arguments:**

    - `mask`: float `[T, N, N]` or `[1, N, N]`, `[to, from]`; row t is the edge from j at
        t-1 to i at t. Of a state with several parts, `N` counts the entries of all.
    - `value`: float `[T, N]`, `[1, N]` or a scalar; row t stands in for the state
        *before* step t.

    **Example:**

        >>> mask = jnp.zeros((20, 6, 6)).at[5, 3, 0].set(1.0)  # [time, to, from]
        >>> hs = rj.run(network, x, rj.core.Cut(mask, 0.0)).hs
        >>> changed = jnp.abs(hs - rj.run(network, x).hs) > 1e-6
        >>> jnp.flatnonzero(changed[:6].any(0)).tolist()  # up to step 5, the receiver alone
        [3]
    """

    mask: Float[Array, "T N N"] = eqx.field(converter=_rows)
    value: Array = eqx.field(converter=_rows)

    def __check_init__(self) -> None:
        _check_masks(self.mask)

    def __call__(self, step: Step) -> Step:
        def cut(h: State, x: Input) -> State:
            flat, unravel = ravel_pytree(h)
            if self.mask.shape != (flat.size, flat.size):
                raise ValueError(
                    f"an edge mask of {self.mask.shape} [to, from] does not fit a state of "
                    f"{flat.size} entries"
                )

            def receive(i: Array, edges: Array) -> Array:
                seen = unravel(blend(flat, self.value, edges))
                return ravel_pytree(step(seen, x))[0][i]

            return unravel(jax.vmap(receive)(jnp.arange(flat.size), self.mask))

        return cut


class Lesion(AbstractIntervention):
    """Take units out for the whole run: held at `value` where written *and* where read.

    Unlike a clamp over all steps it also hides the initial state.

    **Arguments:**

    - `units`: float `[N]` in [0, 1], or a prefix of the state's tree.
    - `value`: a scalar, or float `[1, N]`.

    **Example:**

        >>> run = rj.run(network, x, rj.core.Lesion(jnp.zeros(6).at[2].set(1.0)))
        >>> bool((run.hs[:, 2] == 0).all())
        True
    """

    mask: PyTree
    value: PyTree

    def __init__(self, units: PyTree, value: Any = 0.0):
        self.mask = over(units, jnp.ones(1))
        self.value = _rows(value)

    def __call__(self, step: Step) -> Step:
        def edit(h: State) -> State:
            return blend(h, self.value, self.mask)

        return lambda h, x: edit(step(edit(h), x))


class Inside(AbstractIntervention):
    """Any intervention, inside a window only: `(1 - w_t) step(h, x) + w_t step'(h, x)`.

    **Arguments:**

    - `intervention`: what holds inside. A `Read` carries its own window already.
    - `window`: float `[T]`.

    **Example:**

        >>> steered = rj.Shift(jnp.full((1, 6), 0.1))  # at every step ...
        >>> edit = rj.Inside(steered, rj.span(20, 5, 10))  # ... of a window
        >>> moved = rj.run(network, x, edit).hs - rj.run(network, x).hs
        >>> bool((moved[:5] == 0).all())
        True
    """

    intervention: Callable[[Step], Step]
    window: Float[Array, " T"] = eqx.field(converter=_rows)

    def __check_init__(self) -> None:
        function("the intervention", self.intervention)
        if self.window.ndim != 1:
            raise ValueError(f"Inside needs a window [T], got {described(self.window)}")
        _check_masks(self.window)

    def __call__(self, step: Step) -> Step:
        inner = self.intervention(step)
        return lambda h, x: blend(step(h, x), inner(h, x), self.window)

    def shown(self, h: State) -> State:
        """What the readout sees: inside the window, what the intervention within says."""
        inner = shown(self.intervention, h)
        return h if inner is h else blend(h, inner, self.window)


class Read(AbstractIntervention):
    """Units evolve on, while their readers are shown replacements.

    Everybody outside the mask computes from the edited state; the units of the mask
    compute from the true one, so their own memory is untouched. `hs` of the trajectory is
    what the readout is shown, `carried` what the units truly carry.

    **Arguments:**

    - `units`: what the other units are shown; row t speaks of the state *before* step t.
    - `readout`: what the readout is shown; row t speaks of `hs[t]`. Either may be
        `None`: that reader then sees the truth. `read` builds both from a window.

    **Example:**

        >>> mask = jnp.zeros((20, 6)).at[5:10, 0].set(1.0)
        >>> hidden = rj.Read(rj.Replace(mask, 0.0), None)  # from the other units, not the readout
        >>> rj.run(network, x, hidden).hs.shape
        (20, 6)
    """

    units: Replace | None
    readout: Replace | None

    def __call__(self, step: Step) -> Step:
        if self.units is None:
            return step
        given = self.units

        def reading(h: State, x: Input) -> State:
            return blend(step(given.edit(h), x), step(h, x), given.mask)

        return reading

    def shown(self, h: State) -> State:
        """What the readout sees: the state with its replacements."""
        return h if self.readout is None else self.readout.edit(h)
