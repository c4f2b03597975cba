"""Made-up sessions, with a part for Vip cells in omissions and without one.

    windows = synthetic_windows("mechanism", key)      # as population_windows gives them

**Nothing measured on them is a finding about the brain.** They show what an analysis finds where
the answer is known. All constants are our own, and were fixed before anything was analysed.

Each trial runs 18 coupled populations, of which a session keeps those of its mouse's line, as
real files do. With images `I` (0 or 1, larger at a change), `o` the time since an omission, and
`a`, `b`, `c` gains that differ between layers:

    v <- v + 0.5 (0.4 + r o - 0.3 I - v)                  Vip: r = 1.5, or 0 without a ramp
    s <- s + 0.5 (max(1 + 0.3 b I - m (v - 0.4), 0) - s)    Sst: m = 0.8, or 0 if it is not heard
    p <- p + 0.5 (max(0.6 + a I - c (s - 1), 0) - p)      pyramidal

So with the mechanism an omission raises Vip, which lowers Sst, which raises pyramidal cells. A
`bystander` ramps as much and is not heard; with `none` nothing ramps.
"""

from itertools import product
from typing import TYPE_CHECKING, Any, Literal, get_args

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...core.checks import at_least, one_of, random_key
from .metadata import POPULATIONS, TYPES
from .populations import COLUMNS, JOINED
from .windows import CONDITIONS, grid

if TYPE_CHECKING:
    import xarray as xr

World = Literal["mechanism", "bystander", "none"]
EXPERIENCES = ("Familiar", "Novel 1")
CYCLE, SHOWN, BEFORE = 0.75, 0.25, 2
"""Seconds from image to image, seconds shown, and whole cycles before a window begins."""
NOISE, SPREAD = 0.15, 0.3
"""Of each population at each frame, and of the ramp from trial to trial, as a share of it."""
RAMP, HEARD = 1.5, 0.8
GAIN = {"Familiar": 1.0, "Novel 1": 1.4}
"""How strongly images drive, by experience; novel images lift Vip a third as much at omissions."""
NOVEL_RAMP, CHANGE = 1 / 3, 1.6


def synthetic_windows(
    world: World,
    key: PRNGKeyArray,
    mice: int = 3,
    sessions: int = 2,
    trials: int = 40,
) -> "xr.Dataset":
    """Windows around events of made-up mice, three lines of them.

    **Arguments:**

    - `world`: `mechanism`, `bystander` or `none`.
    - `key`: draws gains and noise.
    - `mice`: of each line; `sessions`: of each mouse and experience; `trials`: of each session
        and condition.

    **Returns:** a Dataset as `population_windows` gives it, its attribute `synthetic` the world.

    **Raises:** `ValueError` where a name is unknown or a number is below 1.
    """
    import xarray as xr

    one_of("world", world, get_args(World))
    at_least(1, mice=mice, sessions=sessions, trials=trials)
    random_key(key)
    rng = np.random.default_rng(np.asarray(jax.random.bits(key, (4,))).tolist())
    gains = rng.uniform(0.8, 1.2, (3, len(POPULATIONS)))
    rows, parts = [], []
    for type_ in TYPES.values():
        own = [k for k, name in enumerate(POPULATIONS) if name.endswith(f" {type_}")]
        visits = [(experience, k) for experience in EXPERIENCES for k in range(sessions)]
        for mouse, (visit, (experience, _)) in product(range(mice), enumerate(visits)):
            for k, condition in enumerate(CONDITIONS):
                found = _trials(world, condition, experience, trials, gains, rng)[:, own]
                parts.append(found.transpose(1, 0, 2).reshape(-1, found.shape[-1]))
                who = (condition, experience, f"{type_}-{mouse}", f"{type_}-{mouse}-{visit}")
                images = range(k, len(CONDITIONS) * trials, len(CONDITIONS))
                rows += [
                    (POPULATIONS[p], *who, f"{who[-1]}-{p}", image, 1, CYCLE * image)
                    for p, image in product(own, images)
                ]
    columns = zip(COLUMNS, zip(*rows, strict=True), strict=True)
    coords: dict[str, Any] = {name: ("event", np.array(column)) for name, column in columns}
    about = {"signal": "synthetic", "joined": JOINED, "missing": "[]", "synthetic": world}
    activity = ("event", "time"), np.concatenate(parts)
    return xr.Dataset({"activity": activity}, coords | {"time": grid()}, about)


def _trials(
    world: World,
    condition: str,
    experience: str,
    count: int,
    gains: Float[np.ndarray, "3 P"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "count P time"]:
    """Activity of all populations in trials of one condition."""
    times = grid()
    frames = np.arange(round(-BEFORE * CYCLE / (times[1] - times[0])), len(times))
    seconds = times[0] + frames * (times[1] - times[0])
    since = seconds % CYCLE
    image = (since < SHOWN) * GAIN[experience]
    after = (seconds >= 0) & (seconds < CYCLE)
    omitted = after * (condition == "omission")
    image = np.where(omitted, 0.0, image * np.where(after & (condition == "change"), CHANGE, 1.0))
    slope = RAMP * (world != "none") * (1.0 if experience == "Familiar" else NOVEL_RAMP)
    ramps = slope * np.maximum(1 + SPREAD * rng.standard_normal((count, 1)), 0)
    return _run(image, omitted * since * ramps, world, gains, rng)[..., frames >= 0]


def _run(
    image: Float[np.ndarray, " F"],
    ramps: Float[np.ndarray, "count F"],
    world: World,
    gains: Float[np.ndarray, "3 P"],
    rng: np.random.Generator,
) -> Float[np.ndarray, "count P F"]:
    """The equations of the module, frame by frame; populations in their own order."""
    a, b, c = (row.reshape(-1, 3)[:, k] for k, row in enumerate(gains))
    heard = HEARD * (world == "mechanism")
    p, s, v = (np.full((len(ramps), len(a)), level) for level in (0.6, 1.0, 0.4))
    found = []
    for frame, shown in enumerate(image):
        ramp = ramps[:, frame : frame + 1]
        drive = 0.6 + a * shown - c * (s - 1), 1 + 0.3 * b * shown - heard * (v - 0.4)
        p, s = (x + 0.5 * (np.maximum(d, 0) - x) for x, d in zip((p, s), drive, strict=True))
        v = v + 0.5 * (0.4 + ramp - 0.3 * shown - v)
        found.append(np.stack([p, s, v], -1).reshape(len(ramps), -1))
    clean = np.stack(found, -1)
    return clean + NOISE * rng.standard_normal(clean.shape)
