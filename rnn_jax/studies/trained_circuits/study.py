"""Circuits of trained networks: how small they are, how specific, and who finds them.

    found = trained_circuits(GRID, range(5), FULL)
    found["kept"].sel(selector="exchanges")

Networks of several cells are trained on several tasks, and each is asked the questions of its
task: of at most two contrasts, in each of their epochs. Each question gives its mediator and its
circuit, beside the same searches in random bases and on other half-splits, and sets of the
mediator's size by methods that do not exchange anything. What sets do is judged on trials that
none has seen.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import jax
import numpy as np

from ...contrasts import Search
from ...core import Network, clean_run
from ...core.progress import Track, in_silence
from ...discovery import TrainSettings, train_network
from ...discovery.find_subject import drawn
from ...discovery.performance import performance
from ...discovery.trained import untrained
from ..keeping import Keep, forget_programs, in_memory, keep_networks
from ..question import KINDS, OWN, SELECTORS, all_measured, measures_of
from ..question_numbers import DIMS as OF_QUESTION
from ..study import Study, StudySettings
from .verdicts import CLAIMS, judge, tables

if TYPE_CHECKING:
    import xarray as xr


class Size(NamedTuple):
    """How large the study is: of networks and their training, and of what is asked."""

    units: int
    steps: int
    rate: float
    trials: int
    search: Search


TASKS = (
    "flip-flop", "hidden-state", "context-bit", "context-integration", "delayed-comparison"
)  # fmt: skip
GRID = (
    *((cell, task) for task in TASKS for cell in ("vanilla", "gru", "lstm")),
    *((cell, "flip-flop") for cell in ("leaky", "low-rank", "dale")),
)
"""Cells and tasks."""
FULL = Size(32, 2000, 3e-3, 96, Search(bases=19, splits=6, random_sets=49))
QUICK = Size(16, 120, 1e-2, 48, Search(bases=3, splits=2, random_sets=9))
QUICK_GRID = (("vanilla", "flip-flop"), ("vanilla", "context-integration"))
SEEDS, CONTRASTS = 5, 2
"""Networks of a kind by default, and contrasts of a task that are asked."""


@dataclass(frozen=True)
class TrainedSettings(StudySettings):
    """How much of the study is run."""

    @property
    def range(self) -> range:
        """The seeds to run: five by default."""
        count = (2 if self.quick else SEEDS) if self.seeds is None else self.seeds
        return range(self.seed, self.seed + count)


def questions(task: str) -> list[tuple[str, str]]:
    """Contrasts and epochs that a task's networks are asked about."""
    trials = drawn(task, jax.random.key(0), 8)
    names = list(trials.contrasts)[:CONTRASTS]
    return [(name, epoch) for name in names for epoch in trials.contrasts[name].epochs or ()]


def trained_circuits(
    grid: Sequence[tuple[str, str]],
    seeds: Sequence[int],
    size: Size,
    track: Track = in_silence,
    keep: Keep = in_memory,
) -> "xr.Dataset":
    """Train and ask each network of a grid.

    **Arguments:**

    - `grid`: cells and tasks by name.
    - `seeds`: of the networks.
    - `size`: how large all is.
    - `track`: shows progress.
    - `keep`: keeps each network, and what was found out about it.

    **Returns:** a Dataset with `seed`, `question` (`CELL TASK: CONTRAST: EPOCH`), `set`,
    `selector` and `unit`; `accuracy` is of a question's network.
    """
    import xarray as xr

    rows: list[list[dict[str, np.ndarray]]] = []
    labels: list[tuple[str, str, str, str]] = []
    for cell, task in track(list(grid), "trained circuits"):
        forget_programs()
        of_task = questions(task)
        labels += [(cell, task, contrast, epoch) for contrast, epoch in of_task]
        runs = [_network_asked(cell, task, seed, size, of_task, keep) for seed in seeds]
        rows += [[run[k] for run in runs] for k in range(len(of_task))]
    stack = lambda name: np.stack([np.stack([run[name] for run in row]) for row in rows], 1)
    variables = {name: (("seed", "question", *DIMS[name]), stack(name)) for name in DIMS}
    columns = zip(("cell", "task", "contrast", "epoch"), zip(*labels, strict=True), strict=True)
    coords = {
        "seed": list(seeds),
        "question": [f"{cell} {task}: {name}: {epoch}" for cell, task, name, epoch in labels],
        "set": list(KINDS),
        "selector": [OWN, *SELECTORS],
        **{name: ("question", list(values)) for name, values in columns},
    }
    about = {"units": size.units, "steps": size.steps, "bases": size.search.bases}
    return xr.Dataset(variables, coords, about)


DIMS = {"accuracy": (), **OF_QUESTION, "members": ("set", "unit")}
"""What is measured of each question, and its dimensions."""


def _network_asked(
    cell: str,
    task: str,
    seed: int,
    size: Size,
    of_task: list[tuple[str, str]],
    keep: Keep,
) -> list[dict[str, np.ndarray]]:
    """One network's numbers, a dictionary for each question."""
    settings = TrainSettings(
        cell=cell, units=size.units, steps=size.steps, learning_rate=size.rate, seed=seed
    )
    name = f"{cell} {task} {seed}"
    network = keep_networks(
        keep,
        f"{name} trained",
        lambda: untrained(task, settings),
        lambda: train_network(task, settings),
    )
    found = keep(name, lambda: _asked(network, task, seed, size, of_task))
    does = {"accuracy": found["accuracy"]}
    return [measures_of(found, k) | does for k in range(len(of_task))]


def _asked(
    network: Network, task: str, seed: int, size: Size, of_task: list[tuple[str, str]]
) -> dict[str, np.ndarray]:
    """All questions of one network, in one flat dictionary, and how well it does its task."""
    key = jax.random.fold_in(jax.random.key(seed), 7)
    of_trials, of_fresh, of_search = jax.random.split(key, 3)
    trials, fresh = drawn(task, of_trials, size.trials), drawn(task, of_fresh, size.trials)
    assert fresh.targets is not None
    does = performance(clean_run(network, fresh.xs)[1], fresh.targets)["accuracy"]
    found = all_measured(network, trials, fresh, of_task, size.search, of_search)
    return found | {"accuracy": np.asarray(does)}


def _run(settings: TrainedSettings, track: Track, keep: Keep) -> "xr.Dataset":
    grid, size = (QUICK_GRID, QUICK) if settings.quick else (GRID, FULL)
    found = trained_circuits(grid, settings.range, size, track, keep)
    found.attrs["grid"] = json.dumps([list(pair) for pair in grid])
    return found


TRAINED_CIRCUITS = Study(
    "circuits of trained networks: how small, how specific, and which methods find them",
    CLAIMS,
    _run,
    judge,
    tables,
    TrainedSettings,
)
