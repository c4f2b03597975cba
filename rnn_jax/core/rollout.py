"""Run a step through time, under an intervention: the one function all else stands on.

    trajectory = rollout(step, h0, xs)
    ablated = rollout(step, h0, xs, Replace(mask, 0.0))

One trial; `jax.vmap` it over trials, interventions, parameters.
"""

import functools
from collections.abc import Callable

import equinox as eqx
import jax
from jax import lax
from jaxtyping import PyTree

from .checks import first_line, function, state
from .interventions import Identity
from .known import is_known
from .settled import settled
from .shown import shown
from .trajectory import Trajectory
from .tree import num_steps
from .types import Input, State, Step


def rollout(
    step: Step,
    h0: State,
    xs: Input,
    intervention: Callable[[Step], Step] = Identity(),
) -> Trajectory:
    """Iterate `h_t = intervention_t(step)(h_{t-1}, x_t)` for `t = 0 .. T-1`.

    **Arguments:**

    - `step`: `(h, x) -> h`.
    - `h0`: the state before step 0.
    - `xs`: inputs, a pytree whose arrays lead with `T`. Noise is an input too, so that an
        ablated run is paired with its clean one.
    - `intervention`: a map from steps to steps; its arrays lead with `T` or with 1.

    **Returns:** a `Trajectory`.

    A cell of this package or of Equinox is compiled once for all arrays of the same shapes, as
    long as its weights are JAX's arrays and its functions the libraries' own. A step of your own
    is compiled in each call, since what it reads besides its arguments may have changed: call
    `rollout` inside `jax.jit` if it does not. What replaces a method of a cell's class after the
    first run is not seen.

    **Raises:** `ValueError` where time axes disagree, where the step returns another structure,
    shape or dtype than it takes, or where a mask leaves [0, 1] or an index is no unit's
    (`RuntimeError` if these are traced).

    **Example:**

        >>> rj.rollout(network.step, network.h0, x).hs.shape
        (20, 6)
    """
    function("the step", step)
    function("the intervention", intervention)
    h0 = state("h0", h0)
    edit = settled(intervention, h0)
    if not is_known((step, edit)):
        return unroll(step, h0, xs, edit)
    num_steps(xs)  # what is no array is refused here, in one line
    arrays, rest = eqx.partition((step, edit), eqx.is_array)
    return Trajectory(h0, xs, *_compiled(rest, arrays, h0, xs))


def unroll(step: Step, h0: State, xs: Input, intervention: Callable[[Step], Step]) -> Trajectory:
    """`rollout` under an intervention that is `settled`: nothing is asked of its values."""
    return Trajectory(h0, xs, *_states(step, h0, xs, intervention))


@functools.partial(jax.jit, static_argnums=0)
def _compiled(rest: PyTree, arrays: PyTree, h0: State, xs: Input) -> tuple[State, State | None]:
    step, intervention = eqx.combine(arrays, rest)
    return _states(step, h0, xs, intervention)


def _states(
    step: Step, h0: State, xs: Input, intervention: Callable[[Step], Step]
) -> tuple[State, State | None]:
    """The states as read out, and as carried where these differ."""
    T = num_steps(xs)
    timed, constant = split_rows(intervention, T)

    def body(h: State, row: PyTree) -> tuple[State, tuple[State, State | None]]:
        x, rows = row
        now = eqx.combine(rows, constant)
        h = now(step)(h, x)
        seen = shown(now, h)
        # the same object where nothing is replaced: one copy is then enough
        return h, (seen, None if seen is h else h)

    check_step(step, h0, xs)
    return lax.scan(body, h0, (xs, timed))[1]


def split_rows(intervention: PyTree, T: int) -> tuple[PyTree, PyTree]:
    """The rows of an intervention that ride in the scan, and those that hold at every step.

    `equinox.combine(row t of the first, the second)` is the intervention at step t.

    **Raises:** `ValueError` where an array leads with neither `T` nor 1.
    """
    for leaf in filter(eqx.is_array, jax.tree.leaves(intervention)):
        if leaf.ndim == 0 or leaf.shape[0] not in (1, T):
            raise ValueError(
                f"an intervention's arrays lead with time: T = {T}, or 1 for every step; got "
                f"one of shape {leaf.shape} in {type(intervention).__name__}"
            )
    timed, constant = eqx.partition(
        intervention, lambda leaf: eqx.is_array(leaf) and leaf.shape[0] == T
    )
    return timed, jax.tree.map(lambda leaf: leaf[0] if eqx.is_array(leaf) else leaf, constant)


def check_step(step: Step, h0: State, xs: Input) -> None:
    """A step must take an input and return what it takes; JAX's own messages name no cause."""
    x = jax.eval_shape(lambda xs: jax.tree.map(lambda leaf: leaf[0], xs), xs)
    shapes = jax.tree.map(lambda leaf: leaf.shape, x)
    batch = any(leaf.ndim > 1 for leaf in jax.tree.leaves(x))
    hint = "; a batch of trials goes through jax.vmap, one trial at a time" if batch else ""
    try:
        got = eqx.filter_eval_shape(step, h0, x)
    except Exception as error:
        why = f"an input of shape {shapes}: {first_line(error)}"
        raise ValueError(f"the step rejects {why}{hint}; it is called as step(h, x)") from error
    describe = lambda tree: jax.tree.map(lambda a: f"{a.dtype}{list(a.shape)}", tree)
    if describe(got) != describe(h0):
        raise ValueError(
            f"a step must return a state like the one it takes: got {describe(got)}, expected "
            f"{describe(h0)}{hint}"
        )
