"""A phase portrait of a trained network: its landscape, and the landscapes without sets of units.

    found = portrait(Subject("mine", network, trials), sets={"bit 0": [3, 7, 12]})
    found.dataset["point_unstable"]          # how many modes grow at each point
    found.dataset["fate"]                    # kept, moved or vanished, by removal and point

The points are those of the step at one input, which is held. A set is taken out by a clamp of its
units at every step, in the trials and in the search alike.
"""

from typing import TYPE_CHECKING, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from ...core import Identity
from ...core.checks import one_of
from ...core.progress import Track, in_silence
from ...core.types import Numbers
from ...dynamics import starts_from, taken
from ...dynamics.trees import rows_of
from ...dynamics.unique import spread_of
from ..subject import Subject, check_run, check_subject
from .dataset import to_dataset
from .exponents import driven_exponents
from .fates import Fates, fates
from .landscape import Ground, Landscape, families_of, landscape, once, runs
from .plane import axes_of, spans_of
from .removal import Removal, removal
from .settings import ZERO, DynamicsSettings
from .view import Drawn, as_it_is, view_of

if TYPE_CHECKING:
    import xarray as xr


class Portrait(NamedTuple):
    """What was found.

    - `dataset`: labelled results, see `docs/dynamics-command.md`.
    - `intact`: the landscape of the network as it is.
    - `without`: the landscape without each set, in the order of `outs`.
    - `outs`: what was taken out.
    - `subject`, `settings`: what was asked, and how.

    **Example:**

        >>> seen.intact.points.shape  # of a `portrait`: three points of a network of one unit
        (3, 1)
    """

    dataset: "xr.Dataset"
    intact: Landscape
    without: tuple[Landscape, ...]
    outs: tuple[Removal, ...]
    subject: Subject
    settings: DynamicsSettings


def portrait(
    subject: Subject,
    settings: DynamicsSettings = DynamicsSettings(),
    sets: dict[str, list[int]] | None = None,
    track: Track = in_silence,
) -> Portrait:
    """Fixed and slow points of a network, how it moves near them, and what sets of units are for.

    **Arguments:**

    - `subject`: the network and its trials.
    - `settings`: starts, the input held, tolerances, seed.
    - `sets`: units by name; the points are found again without each set.
    - `track`: a wrapper of loops that shows progress.

    **Returns:** a `Portrait`.

    **Raises:** `ValueError` where network and trials do not fit, a state of the trials is not
    finite, the epoch that is to be held is not there, no start lies inside the box, or a set
    leaves no unit.

    **Example:**

        >>> double = rj.Network(lambda h, x: jnp.tanh(2 * h + x), rj.cells.Units(), jnp.zeros(1))
        >>> runs = rj.Trials(xs[:, :, :1], None, trials.epochs)
        >>> few = rj.discovery.DynamicsSettings(starts=16, exponents=0)
        >>> seen = rj.discovery.portrait(rj.Subject("mine", double, runs), few)
        >>> sorted(seen.dataset["point_state"].values.ravel().round(3).tolist())
        [-0.958, 0.0, 0.958]
    """
    if not isinstance(settings, DynamicsSettings):
        raise ValueError(f"settings must be DynamicsSettings, got {type(settings).__name__}")
    check_subject(subject)
    ground = _ground(subject, settings)
    outs = [removal(*one, ground.states, settings.value) for one in (sets or {}).items()]
    intact = landscape(subject.network, ground, None, track)
    lines = families_of(intact, ground, track)
    without = [landscape(subject.network, ground, out, track, more=intact.fixed) for out in outs]
    rows = rows_of("states", ground.states).astype(float)
    became = [
        _became(rows, intact, other, out, settings)
        for out, other in zip(outs, without, strict=True)
    ]
    axes, spread = axes_of(rows), spread_of(rows, False)
    spans = spans_of(axes.project(rows), axes.project(intact.fixed))
    views = [
        view_of(each, ground, axes, spans, spread, put)
        for each, put in zip([intact, *without], [as_it_is, *(out.put for out in outs)])
    ]
    exponents = None
    if settings.exponents:
        driven = lambda: driven_exponents(subject.network, ground.xs, settings.exponents)
        exponents = once(driven, track, "exponents")
    drawn = Drawn(axes, spans, spread, views)
    dataset = to_dataset(
        subject, ground, [intact, *without], lines, outs, became, drawn, exponents
    )
    return Portrait(dataset, intact, tuple(without), tuple(outs), subject, settings)


def _ground(subject: Subject, settings: DynamicsSettings) -> Ground:
    """What all landscapes share, once the trials are known to run."""
    trials = subject.trials
    hs, ys = runs(subject.network, trials.xs, Identity())
    check_run(hs, ys)
    states = jax.tree.map(lambda leaf: np.asarray(leaf).reshape(-1, leaf.shape[-1]), hs)
    key = jax.random.key(settings.seed)
    starts = starts_from(jax.tree.map(jnp.asarray, states), key, settings.starts, settings.noise)
    return Ground(
        trials.xs, _held_input(subject, settings.hold), _boxed(starts, settings.box), states,
        settings,
    )  # fmt: skip


def _held_input(subject: Subject, hold: str) -> PyTree:
    """Zero, or the mean input of an epoch over its steps and all trials."""
    xs, epochs = subject.trials.xs, subject.trials.epochs
    if hold == ZERO:
        return jax.tree.map(lambda leaf: np.zeros_like(np.asarray(leaf)[0, 0]), xs)
    one_of("hold", hold, (ZERO, *epochs))
    weight = np.asarray(epochs[hold], float)

    def mean(leaf: Numbers) -> np.ndarray:
        known = np.asarray(leaf)
        if known.dtype.kind != "f":
            raise ValueError(
                f"hold={hold!r} takes a mean: inputs must be floats, got {known.dtype}"
            )
        return (np.tensordot(weight, known, 2) / weight.sum()).astype(known.dtype)

    return jax.tree.map(mean, xs)


def _boxed(starts: PyTree, box: tuple[float, float] | None) -> PyTree:
    """The starts inside a box.

    **Raises:** `ValueError` where no start lies inside.
    """
    if box is None:
        return jax.tree.map(np.asarray, starts)
    rows = rows_of("starts", starts)
    inside = ((rows >= box[0]) & (rows <= box[1])).all(1)
    if not inside.any():
        raise ValueError(
            f"box {box[0]:g} to {box[1]:g} holds none of {len(rows)} starts: states lie from "
            f"{rows.min():.3g} to {rows.max():.3g}"
        )
    return taken(starts, inside)


def _became(
    rows: np.ndarray, intact: Landscape, other: Landscape, out: Removal, settings: DynamicsSettings
) -> Fates:
    """What became of the intact points, over the entries that are left."""
    left = ~out.mask
    spread = spread_of(rows[:, left], False)
    points = intact.fixed[:, left], other.fixed[:, left]
    return fates(*points, spread, settings.kept, settings.moved)
