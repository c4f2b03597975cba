"""Resampled means of populations: by mouse, then session, then trial.

    draws = bootstrap(windows, "omission", "Familiar", key)     # [sample, population, time]
    draws.attrs["missing"]           # populations without an event in this condition

A sample draws mice with replacement, of each mouse its sessions, of each session its trials, and
averages in the reverse order, every mouse and every session alike. Its expectation is
`condition_means`, exactly. Populations that were recorded in the same sessions get the same draws,
so that planes of one session stay together; populations of different lines are independent.
"""

import json
from typing import TYPE_CHECKING

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...core.checks import at_least, random_key
from .metadata import POPULATIONS, TYPES

if TYPE_CHECKING:
    import xarray as xr

Mice = list[list[Float[np.ndarray, "_ time"]]]
"""Trials of each session of each mouse."""


def nested(windows: "xr.Dataset", condition: str, experience: str) -> dict[str, Mice]:
    """Activity by population, mouse and session.

    Planes of one session and one population are averaged, each by its number of cells. Of a
    session, only those trials are kept that all its planes cover.
    """
    chosen = windows["condition"].values == condition
    chosen &= windows["experience"].values == experience
    columns = {
        name: windows[name].values[chosen]
        for name in ("population", "mouse", "session", "experiment", "image", "cells")
    }
    activity = windows["activity"].values[chosen]
    found: dict[str, dict[str, list]] = {}
    for session in np.unique(columns["session"]):
        own = columns["session"] == session
        of_session = {name: values[own] for name, values in columns.items()}
        mouse = str(of_session["mouse"][0])
        for population, trials in _session(of_session, activity[own]).items():
            found.setdefault(population, {}).setdefault(mouse, []).append(trials)
    return {name: list(mice.values()) for name, mice in found.items()}


def _session(
    columns: dict[str, np.ndarray], activity: Float[np.ndarray, "event time"]
) -> dict[str, np.ndarray]:
    """Trials `[trial, time]` of each population of one session, the same trials in all."""
    planes = {}
    for name in np.unique(columns["experiment"]):
        own = columns["experiment"] == name
        order = np.argsort(columns["image"][own])
        cells, population = int(columns["cells"][own][0]), str(columns["population"][own][0])
        planes[name] = population, cells, columns["image"][own][order], activity[own][order]
    common = set.intersection(*(set(images) for _, _, images, _ in planes.values()))
    found: dict[str, list] = {}
    for population, cells, images, trials in planes.values():
        kept = np.isin(images, sorted(common))
        found.setdefault(population, []).append((cells, trials[kept]))
    if not common:
        return {}
    return {
        name: np.average([trials for _, trials in own], 0, [cells for cells, _ in own])
        for name, own in found.items()
    }


def nested_mean(mice: Mice) -> Float[np.ndarray, " time"]:
    """The mean over trials, then over sessions, then over mice."""
    means = [np.mean([trials.mean(0) for trials in sessions], 0) for sessions in mice]
    return np.mean(means, 0)


def bootstrap(
    windows: "xr.Dataset",
    condition: str,
    experience: str,
    key: PRNGKeyArray,
    samples: int = 2000,
    trials: int | None = None,
) -> "xr.DataArray":
    """Means of all populations in one condition, resampled by mouse, then session, then trial.

    **Arguments:**

    - `windows`: of `population_windows`.
    - `condition`, `experience`: of which events, as its coordinates name them.
    - `samples`: how many means; `trials`: how many trials are drawn of each session, by default
        as many as it has.

    **Returns:** `[sample, population, time]`, for the populations that have an event; the others
    are named in its attribute `missing`, as JSON.

    **Raises:** `ValueError` where no population has one, or a number is below 1.
    """
    import xarray as xr

    at_least(1, samples=samples, trials=1 if trials is None else trials)
    random_key(key)
    mice = nested(windows, condition, experience)
    present = [name for name in POPULATIONS if name in mice]
    if not present:
        raise ValueError(f"no population has an event of {condition!r} and {experience!r}")
    seed = np.asarray(jax.random.bits(key, (4,))).tolist()
    found = np.empty((samples, len(present), windows.sizes["time"]))
    for line, type_ in enumerate(TYPES.values()):
        own = [k for k, name in enumerate(present) if name.endswith(f" {type_}")]
        if own:
            rng = np.random.default_rng([*seed, line])
            draws = _draws([mice[present[k]] for k in own], rng, samples, trials)
            found[:, own] = draws
    attributes = {
        "missing": json.dumps([name for name in POPULATIONS if name not in mice]),
        "condition": condition, "experience": experience, "joined": windows.attrs["joined"],
    }  # fmt: skip
    coords = {"population": present, "time": windows["time"].values}
    return xr.DataArray(found, coords, ("sample", "population", "time"), "activity", attributes)


def _draws(
    populations: list[Mice], rng: np.random.Generator, samples: int, trials: int | None
) -> Float[np.ndarray, "sample population time"]:
    """Samples of populations of one line, by the same random numbers in [0, 1).

    A number is turned into a position of a list: lists of one length give one position.
    """
    most = max(len(mice) for mice in populations)
    sessions = max(len(own) for mice in populations for own in mice)
    longest = trials or max(len(t) for mice in populations for own in mice for t in own)
    means = []
    for _ in range(samples):
        of_mouse, of_session = rng.random(most), rng.random((most, sessions))
        of_trial = rng.random((most, sessions, longest))
        means.append([_one(mice, of_mouse, of_session, of_trial, trials) for mice in populations])
    return np.array(means)


def _one(
    mice: Mice,
    of_mouse: Float[np.ndarray, " m"],
    of_session: Float[np.ndarray, "m s"],
    of_trial: Float[np.ndarray, "m s t"],
    trials: int | None,
) -> Float[np.ndarray, " time"]:
    """One sample of one population."""
    means = []
    for i in range(len(mice)):
        own = mice[int(of_mouse[i] * len(mice))]
        parts = []
        for j in range(len(own)):
            chosen = own[int(of_session[i, j] * len(own))]
            drawn = of_trial[i, j, : trials or len(chosen)]
            # summing by how often a trial is drawn is a product, and takes no copies of trials
            counts = np.bincount((drawn * len(chosen)).astype(int), minlength=len(chosen))
            parts.append(counts @ chosen / len(drawn))
        means.append(np.mean(parts, 0))
    return np.mean(means, 0)
