"""The ring attractor: a bump of activity that rests, travels and jumps, and what moves it.

    planted = ring_attractor()
    trials = planted.sample(jax.random.key(0), 24)

Three rings of units. The centre ring holds a bump by `W_ij = (J0 + J1 cos(a_i - a_j)) / N`. Each
shifter ring copies it while the velocity has its sign, and feeds it back turned by one unit, so
that the bump moves: a shifter belongs to the circuit only while its direction does.

Zhang, J. Neurosci. 16 (1996), for the mechanism.
"""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..cells import Affine, Parts
from ..core import Network, span
from ..tasks import Contrast, Trials
from ..tasks.contrast import READ
from .planted import Planted, Truth

UNITS = 48
J0, J1 = -8.0, 4.0
SHIFT = 3.0
RATE = 0.1
DRIVE = 1.0
CUE = 1.0
SPEED = 0.008715
"""Radians a step at velocity 1, measured (`tests/test_planted.py` holds it to the network)."""

EPOCHS = {
    "static": (30, 80),
    "travel_right": (80, 140),
    "jump": (140, 190),
    "travel_left": (190, 250),
}
STEPS = 250
CUE_STEPS = 30
ANGLES = 2 * np.pi * np.arange(UNITS) / UNITS


class Rings(eqx.Module):
    """Centre and shifter rings as one additive cell, `h <- leak h + gain relu(W h + U x + b)`.

    The input is `(velocity, cue cos, cue sin)`. For the centre ring leak = 0.9 and gain = 0.1;
    shifters have no leak: `r <- relu(c + 2 (v - 1))`, `l <- relu(c + 2 (-v - 1))`.

    - `leak`, `gain`, `b`: `[N]`.
    - `w`: `[N, N]`, `[to, from]`. `u`: `[N, 3]`, `[to, from]`.
    """

    leak: Float[Array, " N"]
    gain: Float[Array, " N"]
    w: Float[Array, "N N"]
    u: Float[Array, "N 3"]
    b: Float[Array, " N"]

    def __call__(self, h: Float[Array, " N"], x: Float[Array, " 3"]) -> Float[Array, " N"]:
        drive = self.w @ h + self.u @ x + self.b
        return self.leak * h + self.gain * jax.nn.relu(drive)

    def parts(self, h: Float[Array, " N"], x: Float[Array, " 3"]) -> Parts:
        """Leak, gate and wire of the Jacobian."""
        open_ = (self.w @ h + self.u @ x + self.b > 0).astype(h.dtype)
        return Parts(self.leak, self.gain * open_, self.w)


def _rings() -> dict[str, np.ndarray]:
    """The cell's arrays, on the host."""
    N, zeros, ones = UNITS, np.zeros(UNITS), np.ones(UNITS)
    ring = (J0 + J1 * np.cos(ANGLES[:, None] - ANGLES[None])) / N
    eye, none = np.eye(N), np.zeros((N, N))
    right, left = SHIFT * np.roll(ring, 1, axis=0), SHIFT * np.roll(ring, -1, axis=0)
    w = np.block([[ring, right, left], [eye, none, none], [eye, none, none]])
    u = np.concatenate(
        [
            CUE * np.stack([zeros, np.cos(ANGLES), np.sin(ANGLES)], 1),
            2 * np.stack([ones, zeros, zeros], 1),
            -2 * np.stack([ones, zeros, zeros], 1),
        ]
    )
    leak = np.concatenate([(1 - RATE) * ones, zeros, zeros])
    gain = np.concatenate([RATE * ones, ones, ones])
    b = np.concatenate([DRIVE * ones, -2 * ones, -2 * ones])
    return {"leak": leak, "gain": gain, "w": w, "u": u, "b": b}


def _rest(rings: dict[str, np.ndarray]) -> np.ndarray:
    """The settled bump at angle 0."""
    h = np.concatenate([np.maximum(np.cos(ANGLES), 0), np.zeros(2 * UNITS)])
    for _ in range(500):
        drive = np.maximum(rings["w"] @ h + rings["b"], 0)
        h = rings["leak"] * h + rings["gain"] * drive
    return h


def ring_attractor() -> Planted:
    """The ring attractor with its trials and its truth.

    The state is one vector of 144 units: centre, right and left shifters. The readout is the
    centre ring's population vector, of length 1 at rest. The bump starts where a cue sets it.

    **Example:**

        >>> made = rj.planted.ring_attractor()
        >>> {epoch: int(now.sum()) for epoch, now in made.truth.nodes.items()}  # of 144 units
        {'static': 48, 'travel_right': 96, 'jump': 48, 'travel_left': 96}
    """
    rings = _rings()
    cast = lambda a: jnp.asarray(a, jnp.zeros(()).dtype)
    vector = np.stack([np.cos(ANGLES), np.sin(ANGLES)])
    length = np.linalg.norm(vector @ _rest(rings)[:UNITS])
    weights = np.pad(vector / length, ((0, 0), (0, 2 * UNITS)))
    # shapes alone: to draw weights that are replaced would cost a compilation a shape
    blank = eqx.filter_eval_shape(Affine, 3 * UNITS, 2, key=jax.random.key(0))
    readout = eqx.tree_at(lambda r: (r.c, r.b), blank, (cast(weights), cast(np.zeros(2))))
    names = ("centre", "right", "left")
    return Planted(
        Network(Rings(**jax.tree.map(cast, rings)), readout, cast(np.zeros(3 * UNITS))),
        sample_trials,
        _truth(rings["w"] != 0),
        tuple(f"{name} {i}" for name in names for i in range(UNITS)),
        tuple(name for name in names for _ in range(UNITS)),
        contrasts=ring_contrasts,
    )


def _truth(wired: np.ndarray) -> Truth:
    """The centre ring always; a shifter ring, and what links it, while its direction moves."""
    centre, right, left = np.repeat(np.eye(3), UNITS, axis=1)
    nodes = {
        "static": centre,
        "travel_right": centre + right,
        "jump": centre,
        "travel_left": centre + left,
    }
    cast = lambda a: jnp.asarray(a, jnp.zeros(()).dtype)
    edges = {name: cast(wired * np.outer(unit, unit)) for name, unit in nodes.items()}
    return Truth({name: cast(unit) for name, unit in nodes.items()}, edges)


def sample_trials(key: PRNGKeyArray, count: int) -> Trials:
    """Trials whose bumps start evenly around the ring: rest, right, a jump, left.

    **Arguments:**

    - `key`: draws a common turn of all starts, and the size and side of each jump.
    - `count`: the number of trials.

    **Returns:** `Trials` with inputs `[count, 250, 3]` and targets `[count, 250, 2]`, the
    cosine and sine of the angle the bump should have.
    """
    turn, jump = (np.asarray(part, float) for part in _draws(key, count))
    start = 2 * np.pi * np.arange(count) / count + turn
    windows = {name: np.asarray(span(STEPS, *ends)) for name, ends in EPOCHS.items()}
    velocity = windows["travel_right"] - windows["travel_left"]
    jump_at = EPOCHS["jump"][0]
    after = np.arange(STEPS) >= jump_at
    angle = start[:, None] + np.cumsum(SPEED * velocity) + np.outer(jump, after)
    vector = np.stack([np.cos(angle), np.sin(angle)], -1)
    cued = np.asarray(span(STEPS, 0, CUE_STEPS) + span(STEPS, jump_at, jump_at + CUE_STEPS))
    drive = np.broadcast_to(velocity[None, :, None], (count, STEPS, 1))
    xs = np.concatenate([drive, vector * cued[None, :, None]], -1)
    cast = lambda a: jnp.asarray(a, jnp.zeros(()).dtype)
    spread = {name: cast(np.broadcast_to(w, (count, STEPS))) for name, w in windows.items()}
    return Trials(cast(xs), cast(vector), spread)


def ring_contrasts(key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
    """What each epoch changes is left out: the start turned by a right angle, either velocity set
    to 0, the cue of the jump taken away.

    The epochs are those of the trials, the last one shorter by six steps; each is read from 2 to 5
    steps after its end.

    **Arguments:**

    - `key`: not used; trials say all.
    - `trials`: of this network.
    """
    xs, jump = np.asarray(trials.xs), EPOCHS["jump"][0]
    foils = {name: xs.copy() for name in EPOCHS}
    foils["static"][:, :CUE_STEPS, 1:] = xs[:, :CUE_STEPS, [2, 1]] * np.array([-1.0, 1.0])
    foils["jump"][:, jump : jump + CUE_STEPS, 1:] = 0
    # the last epoch ends with the trial: what is read of it must come after its window
    epochs = {name: np.array(window) for name, window in trials.epochs.items()}
    epochs["travel_left"][:, -READ[1] :] = 0
    for name in ("travel_right", "travel_left"):
        foils[name][..., 0] = np.where(epochs[name] > 0, 0, xs[..., 0])
    return {
        name: Contrast(foil.astype(xs.dtype), epochs={name: epochs[name]})
        for name, foil in foils.items()
    }


@functools.partial(jax.jit, static_argnums=1)
def _draws(key: PRNGKeyArray, count: int) -> tuple[Array, Array]:
    """A common turn of all starts, and each jump, in one program."""
    turn, size, side = jax.random.split(key, 3)
    dtype = jnp.zeros(()).dtype
    jump = jax.random.uniform(size, (count,), dtype, minval=0.8, maxval=1.8)
    return (
        jax.random.uniform(turn, (), dtype, maxval=2 * jnp.pi),
        jump * jax.random.rademacher(side, (count,), dtype),
    )
