"""Trials that ask the same of every context, and the exact effect of each unit in their windows.

    trials = probe_trials(key, 64)                      # 64 of each pulse in each context
    effects = unit_effects(network, trials, value, ys)  # [E, N, 64, 2]

All trials have one timetable: the bit is set; a pulse switches it, confirms it, or comes in the
other channel with the sign that would switch it; a slot is silent; the other channel pulses
against the bit; a slot is silent. So windows are alike in length and time, and the ignored pulse
drives the network as the switching one does.

A unit is clamped to its states in another trial for six steps, and what is scored are the
outputs from four to twelve steps **after**: a unit that is merely read out has its effect within
the window, while a bit that was lost or not written stays so.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ...causal import resample, sweep
from ...core import Network, State, clean_run, span
from ...tasks import ContextBit, Trials

TASK = ContextBit()
KINDS = ("switch", "same", "ignored")
EPOCHS = ("context", *KINDS, "early hold", "late hold")
ROWS = (
    ("context", 0), ("pulse", 0), ("pulse", 1), ("pulse", 2), ("early hold", 0), ("late hold", 0),
)  # fmt: skip
"""Of each epoch, its window and the kind of pulse that its trials had."""
WIDTH = TASK.settle
LAG, SPAN = 4, 8
"""Steps from a window's end until the outputs are scored, and for how many."""


def probe_trials(key: PRNGKeyArray, count: int, varied: bool = False) -> Trials:
    """Trials of one timetable, their contexts and pulses in equal numbers.

    **Arguments:**

    - `key`: draws the signs of the first pulses.
    - `count`: trials of each pulse in each context.
    - `varied`: whether onsets are drawn as the task draws them, but for the second slot's, and
        the other channel may pulse in slots that are silent else. Of one timetable there are no
        more than 24 different trials: some cannot be held out from others.

    **Returns:** `Trials` of `6 count`; `[6 count]` reshaped to `[count, 3, 2]` has the kinds of
    `KINDS`, then the contexts.
    """
    at = jnp.arange(6 * count)
    context, kind = at % 2 == 1, (at // 2) % 3
    first = jax.random.rademacher(key, (len(at), 2), jnp.zeros(()).dtype)
    own = jnp.stack([~context, context], -1).astype(first.dtype)
    bit = jnp.sum(own * first, -1, keepdims=True)
    other = 1 - own
    is_kind = lambda k: (kind == k)[:, None]
    event = jnp.where(is_kind(0), -own * bit, jnp.where(is_kind(1), own * bit, -other * bit))
    after = jnp.where(is_kind(0), -bit, bit)
    nothing = jnp.zeros_like(first)
    pulses = jnp.stack([first, event, nothing, -other * after, nothing], 1)
    onsets = jnp.broadcast_to(TASK.starts[None], pulses.shape[:2])
    if varied:
        of_onsets, of_pulses = jax.random.split(jax.random.fold_in(key, 1))
        onsets = onsets + jax.random.randint(of_onsets, onsets.shape, 0, TASK.jitter).at[:, 1].set(
            0
        )
        drawn = jax.random.randint(of_pulses, (len(at), 2, 1), -1, 2).astype(first.dtype)
        pulses = pulses.at[:, jnp.array([2, 4])].set(drawn * other[:, None])
    return TASK.trials(context, pulses, onsets)


def window_starts() -> dict[str, int]:
    """The first step of each window of `WIDTH` steps: three kinds of pulse share one."""
    starts = [int(start) for start in TASK.starts]
    return {
        "context": 0,
        "pulse": starts[1],
        "early hold": starts[1] + WIDTH,
        "late hold": starts[3] + WIDTH,
    }


def after_window(ys: Float[Array, "T O"], targets: Float[Array, "T P"]) -> Float[Array, ""]:
    """`-mean_{t scored, o} (y - clean)^2`: clean outputs, and last which steps are scored."""
    clean, scored = targets[:, :-1], targets[:, -1:]
    return -jnp.sum(scored * (ys - clean) ** 2) / (scored.sum() * ys.shape[-1])


def effects_after(
    network: Network,
    trials: Trials,
    units: Float[Array, "G N"],
    start: int,
    value: State,
    ys: Float[Array, "B T O"],
) -> Float[Array, "G B"]:
    """What clamping each group for the `WIDTH` steps from `start` does to later outputs.

    **Arguments:**

    - `network`, `trials`: of `probe_trials`.
    - `units`: groups.
    - `start`: the window's first step.
    - `value`: the replacement `[B, T, N]`.
    - `ys`: the clean outputs.

    **Returns:** `[G, B]`, 0 at best.
    """
    B, T = ys.shape[:2]
    until = start + WIDTH + LAG + SPAN
    scored = jnp.broadcast_to(span(T, until - SPAN, until)[None, :, None], (B, T, 1))
    targets = jnp.concatenate([ys, scored.astype(ys.dtype)], -1)
    window = span(T, start, start + WIDTH)[None]
    found = sweep(network, trials.xs, targets, after_window, units, window, value, last=until - 1)
    return found[0]


def unit_effects(
    network: Network, trials: Trials, value: State, ys: Float[Array, "B T O"]
) -> Float[Array, "E N K 2"]:
    """The effect of each unit in each of `EPOCHS`; holds and contexts of the switching trials.

    **Arguments:** as for `effects_after`.

    **Returns:** `[E, N, count, 2]`, per trial and context.
    """
    N = network.h0.shape[0]
    eye = jnp.eye(N, dtype=ys.dtype)
    by_kind = {
        name: effects_after(network, trials, eye, start, value, ys).reshape(N, -1, 3, 2)
        for name, start in window_starts().items()
    }
    return jnp.stack([by_kind[name][:, :, kind] for name, kind in ROWS])


def epoch_windows(count: int) -> Float[Array, "E B T"]:
    """The windows of `unit_effects`, each in the trials that it speaks of."""
    starts = window_starts()
    kind = (jnp.arange(6 * count) // 2) % 3

    def one(name: str, k: int) -> Float[Array, "B T"]:
        window = span(TASK.steps, starts[name], starts[name] + WIDTH)
        return jnp.where((kind == k)[:, None], window[None], 0.0)

    return jnp.stack([one(name, k) for name, k in ROWS])


def course(
    network: Network, trials: Trials, key: PRNGKeyArray, stride: int
) -> tuple[Float[Array, "W N"], list[int]]:
    """Each unit's mean effect in windows all along the switching trials, and where these start.

    **Arguments:**

    - `network`, `trials`: of `probe_trials`.
    - `key`: draws the trials that replace.
    - `stride`: steps between windows.
    """
    hs, ys = clean_run(network, trials.xs)
    value = resample(hs, key)
    starts = list(range(0, TASK.steps - WIDTH - LAG - SPAN + 1, stride))
    eye = jnp.eye(hs.shape[-1], dtype=ys.dtype)
    # of all trials, though a third is kept: the program is there already
    rows = [effects_after(network, trials, eye, start, value, ys) for start in starts]
    switching = jnp.stack(rows).reshape(len(rows), len(eye), -1, 3, 2)[:, :, :, 0]
    return switching.mean((2, 3)), starts
