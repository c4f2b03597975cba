"""The ring attractor: a bump of activity that rests, travels and jumps, and what moves it.

    planted = ring_attractor()
    trials = planted.sample(jax.random.key(0), 24)

Three rings of units. The centre ring holds a bump by `W_ij = (J0 + J1 cos(a_i - a_j)) / N`. Each
shifter ring copies it while the velocity has its sign, and feeds it back turned by one unit, so
that the bump moves: a shifter belongs to the circuit only while its direction does.

Zhang, J. Neurosci. 16 (1996), for the mechanism.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from ..cells import Affine, Parts
from ..core import Network, span
from ..tasks import Trials
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


def _rings() -> Rings:
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
    return Rings(*(jnp.asarray(a, jnp.zeros(()).dtype) for a in (leak, gain, w, u, b)))


def _rest(cell: Rings) -> Float[Array, " N"]:
    """The settled bump at angle 0."""
    bump = jnp.concatenate([jax.nn.relu(jnp.cos(jnp.asarray(ANGLES))), jnp.zeros(2 * UNITS)])
    silence = jnp.zeros(3, cell.b.dtype)
    bump = jnp.asarray(bump, cell.b.dtype)
    return jax.lax.fori_loop(0, 500, lambda _, h: cell(h, silence), bump)


def ring_attractor() -> Planted:
    """The ring attractor with its trials and its truth.

    The state is one vector of 144 units: centre, right and left shifters. The readout is the
    centre ring's population vector, of length 1 at rest. The bump starts where a cue sets it.
    """
    cell = _rings()
    dtype = cell.b.dtype
    vector = jnp.asarray(np.stack([np.cos(ANGLES), np.sin(ANGLES)]), dtype)
    length = jnp.linalg.norm(vector @ _rest(cell)[:UNITS])
    weights = jnp.pad(vector / length, ((0, 0), (0, 2 * UNITS)))
    readout = Affine(3 * UNITS, 2, key=jax.random.key(0))
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (weights, jnp.zeros(2, dtype)))
    names = ("centre", "right", "left")
    return Planted(
        Network(cell, readout, jnp.zeros(3 * UNITS, dtype)),
        sample_trials,
        _truth(cell),
        tuple(f"{name} {i}" for name in names for i in range(UNITS)),
        tuple(name for name in names for _ in range(UNITS)),
    )


def _truth(cell: Rings) -> Truth:
    """The centre ring always; a shifter ring, and what links it, while its direction moves."""
    ring = jnp.repeat(jnp.eye(3, dtype=cell.b.dtype), UNITS, axis=1)
    centre, right, left = ring
    nodes = {
        "static": centre,
        "travel_right": centre + right,
        "jump": centre,
        "travel_left": centre + left,
    }
    wired = (cell.w != 0).astype(cell.b.dtype)
    edges = {name: wired * unit[:, None] * unit[None] for name, unit in nodes.items()}
    return Truth(nodes, edges)


def sample_trials(key: PRNGKeyArray, count: int) -> Trials:
    """Trials whose bumps start evenly around the ring: rest, right, a jump, left.

    **Arguments:**

    - `key`: draws a common turn of all starts, and the size and side of each jump.
    - `count`: the number of trials.

    **Returns:** `Trials` with inputs `[count, 250, 3]` and targets `[count, 250, 2]`, the
    cosine and sine of the angle the bump should have.
    """
    turn, size, side = jax.random.split(key, 3)
    dtype = jnp.zeros(()).dtype
    spaced = jnp.asarray(2 * np.pi * np.arange(count) / count, dtype)
    start = spaced + jax.random.uniform(turn, (), dtype, maxval=2 * jnp.pi)
    jump = jax.random.uniform(size, (count,), dtype, minval=0.8, maxval=1.8)
    jump = jump * jax.random.rademacher(side, (count,), dtype)
    windows = {name: span(STEPS, *ends).astype(dtype) for name, ends in EPOCHS.items()}
    velocity = windows["travel_right"] - windows["travel_left"]
    jump_at = EPOCHS["jump"][0]
    after = (jnp.arange(STEPS) >= jump_at).astype(dtype)
    angle = start[:, None] + jnp.cumsum(SPEED * velocity)[None] + jump[:, None] * after[None]
    vector = jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    cued = span(STEPS, 0, CUE_STEPS) + span(STEPS, jump_at, jump_at + CUE_STEPS)
    drive = jnp.broadcast_to(velocity[None, :, None], (count, STEPS, 1))
    xs = jnp.concatenate([drive, vector * cued.astype(dtype)[None, :, None]], -1)
    spread = {name: jnp.broadcast_to(w[None], (count, STEPS)) for name, w in windows.items()}
    return Trials(xs, vector, spread)
