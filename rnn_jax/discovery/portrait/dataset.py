"""A portrait with names: one xarray Dataset, in which points of all landscapes stand in one row.

    dataset = to_dataset(subject, ground, landscapes, None, outs, became, drawn, None)
    dataset.isel(point=dataset["point_landscape"] == 0)      # the points of the intact network

Fixed points stand before slow ones, stable ones before unstable ones.
"""

import json
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from ...dynamics import VERDICTS, Families, residence_times
from ..performance import performance
from ..records import versions
from ..schema import described
from ..subject import Subject
from .exponents import Exponents
from .fates import FATES, Fates
from .landscape import Ground, Landscape
from .removal import Removal
from .schema import NAMES
from .view import Drawn, View

if TYPE_CHECKING:
    import xarray as xr

Variables = dict[str, tuple[tuple[str, ...], Any]]


def to_dataset(
    subject: Subject,
    ground: Ground,
    landscapes: list[Landscape],
    lines: Families | None,
    outs: list[Removal],
    became: list[Fates],
    drawn: Drawn,
    exponents: Exponents | None,
) -> "xr.Dataset":
    """All numbers of a portrait with their dims; `schema` says what each is.

    **Arguments:**

    - `subject`: for its trials and names.
    - `ground`: for settings and the input held.
    - `landscapes`: the intact one first, then one for each of `outs`.
    - `lines`: the families of the intact one's fixed points, where they were asked for.
    - `outs`, `became`: what was taken out, and what became of the intact points.
    - `drawn`: what is seen.
    - `exponents`: of the trials, if they were asked for.

    **Returns:** a Dataset.
    """
    import xarray as xr

    variables = _trials(subject, landscapes[0]) | _seen(drawn, landscapes)
    variables |= _visits(drawn.views[0], ground.settings.near)
    variables |= _search(landscapes) | _points(landscapes, drawn)
    variables |= _families(lines, sum(len(each.points) for each in landscapes))
    if exponents is not None:
        variables |= _exponents(exponents)
    if outs:
        variables |= _removals(subject, landscapes, outs, became)
    names = list(subject.unit_names)
    parts = len(drawn.axes.mean) // len(names)
    coords = {
        "epoch": list(subject.trials.epochs),
        "unit": names,
        "group": ("unit", list(subject.unit_groups)),
        "landscape": [each.name for each in landscapes],
        "verdict_name": list(VERDICTS),
        "entry": names if parts == 1 else [f"{k}: {n}" for k in range(parts) for n in names],
    }
    if outs:
        coords["removal"] = [out.name for out in outs]
    plain = {name: (dims, np.asarray(values)) for name, (dims, values) in variables.items()}
    attributes = _attributes(subject, ground, landscapes, drawn)
    return described(xr.Dataset(plain, coords, attributes), NAMES)


def _attributes(
    subject: Subject, ground: Ground, landscapes: list[Landscape], drawn: Drawn
) -> dict[str, Any]:
    targets = subject.trials.targets
    does = {} if targets is None else performance(np.asarray(landscapes[0].ys), targets)
    held = [np.ravel(leaf).tolist() for leaf in jax.tree.leaves(ground.x)]
    return does | {
        "subject": subject.name,
        "hold": ground.settings.hold,
        "held_input": json.dumps([value for leaf in held for value in leaf]),
        "precision": landscapes[0].found.precision,
        "spread": drawn.spread,
        "near": ground.settings.near,
        "kept": ground.settings.kept,
        "moved": ground.settings.moved,
        "value": ground.settings.value,
        "seed": ground.settings.seed,
        "verdicts": ", ".join(VERDICTS),
        "fates": ", ".join(FATES),
        "device": str(jax.devices()[0]),
        "versions": json.dumps(versions()),
    }


def _trials(subject: Subject, intact: Landscape) -> Variables:
    trials = subject.trials
    xs = np.asarray(jax.tree.leaves(trials.xs)[0])
    asked = {} if trials.targets is None else {"targets": trials.targets}
    masks = [np.asarray(mask) for mask in trials.epochs.values()]
    found = {
        "inputs": (("trial", "time", "input"), xs.reshape(*xs.shape[:2], -1)),
        "states": (("trial", "time", "unit"), jax.tree.leaves(intact.hs)[0]),
        "outputs": (("trial", "time", "output"), intact.ys),
        "epoch_mask": (("epoch", "trial", "time"), np.reshape(masks, (-1, *xs.shape[:2]))),
    }
    return found | {name: (("trial", "time", "output"), y) for name, y in asked.items()}


def _seen(drawn: Drawn, landscapes: list[Landscape]) -> Variables:
    stack = lambda part: np.stack([getattr(view, part) for view in drawn.views])
    nearest = stack("nearest")
    first = _offsets(landscapes)[:, None, None]
    half = lambda values: values.astype(np.float32)
    return {
        "pca": (("landscape", "trial", "time", "pc"), half(stack("paths"))),
        "pca_variance": (("pc",), drawn.axes.share),
        "span": (("pc", "end"), drawn.spans),
        "flow_at": (("landscape", "plane", "node", "axis"), half(stack("at"))),
        "flow": (("landscape", "plane", "node", "axis"), half(stack("arrows"))),
        "nearest": (("landscape", "trial", "time"), np.where(nearest < 0, -1, nearest + first)),
        "distance": (("landscape", "trial", "time"), half(stack("distance"))),
    }


def _visits(view: View, near: float) -> Variables:
    """How long the trials of the intact network stay at a fixed point."""
    close = np.nan_to_num(view.distance, nan=np.inf) <= near
    found = residence_times(np.where(close, view.nearest, -1))
    at = found.state >= 0
    parts = {"visit_point": found.state, "visit_length": found.length, "visit_trial": found.trial}
    parts |= {"visit_start": found.start, "visit_began": found.began, "visit_ended": found.ended}
    return {name: (("visit",), values[at]) for name, values in parts.items()}


def _offsets(landscapes: list[Landscape]) -> np.ndarray:
    """The number of each landscape's first point."""
    return np.cumsum([0, *(len(each.points) for each in landscapes[:-1])])


def _search(landscapes: list[Landscape]) -> Variables:
    """What became of the starts of the intact landscape, and how many points there may be."""
    intact = landscapes[0]
    counts = [np.bincount(each.found.verdict, minlength=len(VERDICTS)) for each in landscapes]
    return {
        "verdict": (("start",), intact.found.verdict),
        "residual": (("start",), intact.found.residual),
        "iterations": (("start",), intact.found.iterations),
        "start_point": (("start",), intact.labels),
        "verdict_count": (("landscape", "verdict_name"), counts),
        "coverage": (("landscape", "start"), [each.seen.found for each in landscapes]),
        "unseen": (("landscape",), [each.seen.unseen for each in landscapes]),
    }


def _points(landscapes: list[Landscape], drawn: Drawn) -> Variables:
    join = lambda parts: np.concatenate(list(parts))
    E = len(drawn.axes.mean)
    nears = [each.near for each in landscapes]
    of = lambda part, *rest: join(
        np.zeros((0, *rest)) if near is None else getattr(near, part) for near in nears
    )
    values = of("eigenvalues", E)
    index = [np.full(len(each.points), k) for k, each in enumerate(landscapes)]
    return {
        "point_landscape": (("point",), join(index)),
        "point_slow": (("point",), join(each.slow for each in landscapes)),
        "point_state": (("point", "entry"), join(each.points for each in landscapes)),
        "point_output": (("point", "output"), join(each.outputs for each in landscapes)),
        "point_pca": (("point", "pc"), join(view.points for view in drawn.views)),
        "point_count": (("point",), join(each.count for each in landscapes)),
        "point_residual": (("point",), join(each.residual for each in landscapes)),
        "point_unstable": (("point",), of("unstable").astype(int)),
        "point_neutral": (("point",), of("neutral").astype(int)),
        "eigenvalue_real": (("point", "mode"), np.real(values)),
        "eigenvalue_imag": (("point", "mode"), np.imag(values)),
        "time_constant": (("point", "mode"), of("time_constants", E)),
    }


def _families(found: Families | None, points: int) -> Variables:
    """The fixed points of the intact network, which stand first, by their families."""
    own, dimension = ([], []) if found is None else (found.labels, found.dimension)
    labels = np.full(points, -1)
    labels[: len(own)] = own
    return {
        "point_family": (("point",), labels),
        "family_dimension": (("family",), np.asarray(dimension, int)),
    }


def _exponents(found: Exponents) -> Variables:
    return {
        "exponent": (("exponent_number",), found.mean.mean),
        "exponent_low": (("exponent_number",), found.mean.low),
        "exponent_high": (("exponent_number",), found.mean.high),
        "exponent_trial": (("trial", "exponent_number"), found.trials),
        "exponent_trace": (("trial", "trace", "exponent_number"), found.trace),
        "exponent_time": (("trace",), found.times),
    }


def _removals(
    subject: Subject, landscapes: list[Landscape], outs: list[Removal], became: list[Fates]
) -> Variables:
    first = _offsets(landscapes)
    intact, others = landscapes[0], landscapes[1:]
    partner = np.stack([each.partner for each in became])
    changes = [
        _change(intact, other, each.partner) for other, each in zip(others, became, strict=True)
    ]
    removed = [np.isin(np.arange(subject.size), out.units) for out in outs]
    stack = lambda part: np.stack([getattr(each, part) for each in became])
    own = ("removal", "intact")
    return {
        "removed": (("removal", "unit"), removed),
        "held_at": (("removal", "entry"), [np.where(o.mask, o.value, np.nan) for o in outs]),
        "fate": (own, stack("fate")),
        "partner": (own, np.where(partner < 0, -1, partner + first[1:, None])),
        "fate_distance": (own, stack("distance")),
        "fate_unstable": (own, np.stack(changes)),
    }


def _change(intact: Landscape, other: Landscape, partner: np.ndarray) -> np.ndarray:
    """How many more modes grow at what each point became; NaN where one is not known."""
    change = np.full(len(partner), np.nan)
    there = partner >= 0
    if there.any() and intact.near is not None and other.near is not None:
        growing = lambda near: np.where(near.unstable < 0, np.nan, near.unstable)
        before = growing(intact.near)[: len(partner)][there]
        change[there] = growing(other.near)[partner[there]] - before
    return change
