"""Training with Optax: a scan of gradient steps inside jit, in chunks that a host can watch.

    found = fit(network, task.sample, mean_squared_error, key, steps=1000)
    found.network, found.losses

The state is a pytree, `advance` a pure function of it: what is saved between two chunks goes
on to the same bits.
"""

import contextlib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from ..causal.kept import fingerprint
from ..core import Network, Trajectory, in_order, outputs, run
from ..core.checks import at_least, described, function, positive, random_key, scalar
from ..core.network import check_network
from ..core.progress import Track, in_silence
from ..tasks import Trials
from .checkpoint import keep_fit, recall_fit
from .losses import Loss, OfBatch

Sample = Callable[[PRNGKeyArray, int], Trials]


class FitState(NamedTuple):
    """Where training stands.

    - `network`: with the weights as they are.
    - `optimiser`: Optax's state.
    - `key`: of the trials to come, as raw key data, so that it can be saved.
    - `step`: gradient steps taken.

    **Example:**

        >>> state = rj.training.start(network, rj.training.adam(1e-3, 10), key)
        >>> int(state.step), state.key.dtype  # no step was taken yet
        (0, dtype('uint32'))
    """

    network: Network
    optimiser: PyTree
    key: Array
    step: Int[Array, ""]


class Fit(NamedTuple):
    """What training leaves.

    - `network`: the trained network.
    - `losses`: `[steps taken]`, of each step's batch.
    - `state`: to go on from.
    - `reason`: why it ended, a sentence.

    **Example:**

        >>> sample, loss = (lambda key, count: trials), rj.training.mean_squared_error
        >>> found = rj.fit(network, sample, loss, key, steps=4, batch_size=8)
        >>> found.reason, int(found.state.step)
        ('all steps were taken', 4)
    """

    network: Network
    losses: Float[Array, " K"]
    state: FitState
    reason: str


def adam(learning_rate: float, steps: int, clip: float = 1.0) -> optax.GradientTransformation:
    """AdamW on a cosine schedule after a short warm-up, its gradient clipped in norm.

    **Raises:** `ValueError` where a rate or norm is not above 0, or there is no step.

    **Example:**

        >>> optimiser, W = rj.training.adam(1e-2, steps=100), jnp.zeros(2)
        >>> with jax.numpy_dtype_promotion("standard"):  # JAX's default, which Optax needs
        ...     change, _ = optimiser.update(jnp.array([3.0, -4.0]), optimiser.init(W), W)
        >>> print(change.round(4))  # at the first step a tenth of the rate, and downhill
        [-0.001 0.001]
    """
    positive("learning_rate", learning_rate)
    positive("clip", clip)
    at_least(1, steps=steps)
    schedule = optax.warmup_cosine_decay_schedule(
        0.1 * learning_rate,
        learning_rate,
        max(1, steps // 50),
        max(2, steps),
        0.01 * learning_rate,
    )
    return optax.chain(optax.clip_by_global_norm(clip), optax.adamw(schedule, weight_decay=1e-5))


def trainable(network: Network) -> PyTree:
    """Which leaves are trained: all floating weights but the first state.

    **Example:**

        >>> kinds = rj.training.trainable(network)
        >>> kinds.readout.c, kinds.h0  # the first state is not trained
        (True, False)
    """
    check_network(network)
    spec = jax.tree.map(eqx.is_inexact_array, network)
    frozen = jax.tree.map(lambda _: False, network.h0)
    return eqx.tree_at(lambda n: n.h0, spec, frozen)


def start(
    network: Network, optimiser: optax.GradientTransformation, key: PRNGKeyArray
) -> FitState:
    """The state before the first step.

    It warns where the step holds no array, or a readout encloses arrays: these are not trained.

    **Raises:** `ValueError` where it is no network, holds no array to train, or there is no Optax
    transformation or no key.

    **Example:**

        >>> state = rj.training.start(network, rj.training.adam(1e-3, 10), key)
        >>> int(state.step), state.network is network
        (0, True)
    """
    random_key(key)
    if not hasattr(optimiser, "init") or not hasattr(optimiser, "update"):
        raise ValueError(f"optimiser must be an Optax transformation, got {described(optimiser)}")
    weights = eqx.filter(network, trainable(network))
    constant = (
        "an array that a function encloses is a constant; make the weights fields of a Module"
    )
    if not jax.tree.leaves(weights):
        raise ValueError(f"there is nothing to train: the network holds no array; {constant}")
    if not jax.tree.leaves(weights.step):
        warnings.warn(
            f"only the readout is trained: the step holds no array; {constant}", stacklevel=2
        )
    if not jax.tree.leaves(weights.readout) and _encloses_arrays(network.readout):
        warnings.warn(f"no weight of the readout is trained: {constant}", stacklevel=2)
    return FitState(network, optimiser.init(weights), jax.random.key_data(key), jnp.array(0))


def _encloses_arrays(function: Any) -> bool:
    """Whether a function of Python holds arrays: in its closure, in what it wraps, or as a
    partial's arguments."""
    held: list[Any] = []
    while function is not None:
        held += [getattr(function, "args", ()), getattr(function, "keywords", {})]
        for cell in getattr(function, "__closure__", None) or ():
            with contextlib.suppress(ValueError):  # a name that has no value yet
                held.append(cell.cell_contents)
        function = getattr(function, "func", getattr(function, "__wrapped__", None))
    leaves = []
    for one in held:
        with contextlib.suppress(ValueError):  # a dictionary whose keys have no order
            leaves += jax.tree.leaves(one)
    return any(map(eqx.is_inexact_array, leaves))


@eqx.filter_jit
def advance(
    state: FitState,
    sample: Sample,
    loss: Loss | OfBatch,
    optimiser: optax.GradientTransformation,
    steps: int,
    batch_size: int,
) -> tuple[FitState, Float[Array, " K"]]:
    """Take gradient steps: a pure function of the state, compiled once for each `steps`.

    Step k draws its batch from the key folded with k, so that it does not matter how the
    steps are cut into chunks.

    **Arguments:**

    - `state`: from `start`, `advance` or a checkpoint.
    - `sample`: `(key, count) -> Trials`; arrays in it are data, a new lambda compiles anew.
    - `loss`: of one trial, or of a batch: `OfBatch`.
    - `optimiser`: an Optax transformation.
    - `steps`, `batch_size`: how many, of how many trials.

    **Returns:** the state after them, and each step's loss.

    **Raises:** `ValueError` where a number or an argument is invalid, where `sample` gives no
    `Trials` or they have no targets, or where the loss is no scalar.

    **Example:**

        >>> optimiser, loss = rj.training.adam(1e-2, steps=4), rj.training.mean_squared_error
        >>> state, sample = rj.training.start(network, optimiser, key), (lambda key, count: trials)
        >>> state, losses = rj.training.advance(state, sample, loss, optimiser, 4, 8)
        >>> int(state.step), losses.shape, state.network.step.w.shape == network.step.w.shape
        (4, (4,), True)
    """
    check_call(sample, loss, steps, batch_size)
    arrays, static = eqx.partition(state.network, trainable(state.network))

    def value_of(weights: PyTree, trials: Trials) -> Array:
        return batch_loss(eqx.combine(weights, static), loss, trials)

    def update(carry: tuple, _: None) -> tuple[tuple, Array]:
        weights, optimiser_state, step = carry
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), step)
        value, slope = jax.value_and_grad(value_of)(weights, sample(key, batch_size))
        # Optax's schedules multiply counts by floats, which a strict setting would refuse
        with jax.numpy_dtype_promotion("standard"):
            change, optimiser_state = optimiser.update(slope, optimiser_state, weights)
        return (optax.apply_updates(weights, change), optimiser_state, step + 1), value

    carry = (arrays, state.optimiser, state.step)
    (arrays, optimiser_state, step), losses = lax.scan(update, carry, None, length=steps)
    network = eqx.combine(arrays, static)
    return FitState(network, optimiser_state, state.key, step), losses


def batch_loss(network: Network, loss: Loss | OfBatch, trials: Trials) -> Float[Array, ""]:
    """The mean of a loss over trials, or the value of an `OfBatch`.

    **Raises:** `ValueError` where `trials` are no `Trials`, have no targets for a loss of one
    trial, or where the loss is no scalar.
    """
    if not isinstance(trials, Trials):
        raise ValueError(f"sample must return Trials, got {described(trials)}")
    # trials lead: the other order transposes every product of every step
    batched = in_order(network, "vector first")

    def said(x: PyTree) -> tuple[Trajectory, Array]:
        trajectory = run(batched, x)
        return trajectory, outputs(batched, trajectory)

    if isinstance(loss, OfBatch):
        return scalar("loss", loss.value(jax.vmap(lambda x: said(x)[1])(trials.xs), trials))

    def one(x: PyTree, targets: Array) -> Array:
        return scalar("loss", loss(network, *said(x), targets))

    if trials.targets is None:
        raise ValueError("training needs trials with targets, the sampler gives none")
    return jnp.mean(jax.vmap(one)(trials.xs, trials.targets))


def fit(
    network: Network,
    sample: Sample,
    loss: Loss | OfBatch,
    key: PRNGKeyArray,
    *,
    steps: int,
    batch_size: int = 64,
    optimiser: optax.GradientTransformation | None = None,
    chunk: int = 50,
    patience: int | None = None,
    goal: float | None = None,
    state: FitState | None = None,
    kept: str | Path | None = None,
    track: Track = in_silence,
) -> Fit:
    """Train a network on trials drawn afresh at each step. It compiles itself.

    **Arguments:**

    - `network`: all but its first state is trained.
    - `sample`, `loss`: as for `advance`.
    - `key`: of the trials.
    - `steps`: at most, in whole chunks.
    - `batch_size`: trials a step.
    - `optimiser`: by default `adam(3e-3, steps)`.
    - `chunk`: steps between two looks.
    - `patience`: chunks without a lower mean loss before it ends early.
    - `goal`: mean loss of a chunk at which it ends early.
    - `state`: to go on from, in the place of `network` and `key`.
    - `kept`: a folder that keeps the state after each chunk, so that the same training,
        interrupted and called again, goes on to the same bits.
    - `track`: a wrapper of the loop that shows progress.

    **Returns:** a `Fit`.

    **Raises:** `ValueError` where the loss is not finite, naming the step; and, before anything
    compiles, where a number or an argument is invalid.

    **Example:**

        >>> task = rj.tasks.FlipFlop(bits=1, steps=20)
        >>> cell = rj.cells.Vanilla(1, 4, key=key)
        >>> blank = rj.Network(cell, rj.cells.Affine(4, 1, key=key), jnp.zeros(4))
        >>> loss = rj.training.mean_squared_error
        >>> found = rj.fit(blank, task.sample, loss, key, steps=4, batch_size=8)
        >>> found.losses.shape
        (4,)
    """
    check_call(sample, loss, steps, batch_size)
    _check_ends(chunk, patience, goal, state, track)
    optimiser = adam(3e-3, max(steps, 1)) if optimiser is None else optimiser
    state = start(network, optimiser, key) if state is None else state
    left = max(0, steps - int(state.step))
    sizes = [chunk] * (left // chunk) + [left % chunk] * (left % chunk > 0)
    file, taken = None, []
    if kept is not None and sizes:
        asked = (state, sample, loss, optimiser, sizes[0], batch_size)
        file = Path(kept) / f"{_fingerprint(asked, steps, goal, patience)}-fit.eqx"
        state, taken = recall_fit(file, state)
    reason = _ended(taken, goal, patience)
    for size in track(sizes[len(taken) :] if reason is None else [], "training"):
        state, losses = advance(state, sample, loss, optimiser, size, batch_size)
        taken.append(np.asarray(losses))
        _check_losses(taken[-1], int(state.step) - size)
        if file is not None:
            keep_fit(file, state, taken)
        if reason := _ended(taken, goal, patience):
            break
    if not bool(finite(state.network)):
        raise ValueError(f"training diverged: weights are not finite after step {int(state.step)}")
    losses = jnp.asarray(np.concatenate(taken)) if taken else jnp.zeros(0)
    return Fit(state.network, losses, state, reason or "all steps were taken")


def _check_losses(losses: np.ndarray, before: int) -> None:
    """**Raises:** `ValueError` that names the first step whose loss is not finite."""
    bad = ~np.isfinite(losses)
    if bad.any():
        at = before + int(bad.argmax())
        raise ValueError(f"training diverged: the loss is not finite at step {at}")


def _fingerprint(asked: tuple, *ending: Any) -> str:
    """What `advance` is asked: its program, and the arrays that go into it."""
    arrays = jax.tree.leaves(eqx.filter(asked, eqx.is_array))
    return fingerprint(advance.lower(*asked).as_text(), arrays, ending)


def _ended(taken: list[np.ndarray], goal: float | None, patience: int | None) -> str | None:
    """Why training ends after these chunks' losses; `None` where it goes on."""
    means = [losses.mean() for losses in taken]
    if means and goal is not None and means[-1] <= goal:
        return f"the loss reached {goal}"
    stale = len(means) - 1 - int(np.argmin(means)) if means else 0
    if patience is not None and stale >= patience:
        return f"the loss has not fallen for {patience * len(taken[0])} steps"
    return None


def check_call(sample: Sample, loss: Any, steps: int, batch_size: int) -> None:
    """**Raises:** `ValueError` where what training is asked for makes no sense."""
    function("sample", sample)
    function("loss", loss.value if isinstance(loss, OfBatch) else loss)
    at_least(0, steps=steps)
    at_least(1, batch_size=batch_size)


def _check_ends(chunk: Any, patience: Any, goal: Any, state: Any, track: Any) -> None:
    """**Raises:** `ValueError` where training could not start, stop or be looked at."""
    at_least(1, chunk=chunk, patience=1 if patience is None else patience)
    function("track", track)
    if goal is not None and not np.isfinite(scalar("goal", goal)):
        raise ValueError(f"goal must be finite, got {goal}")
    if not isinstance(state, FitState | None):
        raise ValueError(f"state must be a FitState to go on from, got {described(state)}")


def finite(network: Network) -> Bool[Array, ""]:
    """Whether all weights are finite: the last update may break them after the last loss."""
    leaves = jax.tree.leaves(eqx.filter(network, eqx.is_inexact_array))
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()
