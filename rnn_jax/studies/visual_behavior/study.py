"""Networks of cortical populations on the Visual Behavior data: when do Vip cells matter?

    rnn-jax study visual-behavior --data DIR            # a folder of NWB files
    rnn-jax study visual-behavior --synthetic           # made-up sessions: no finding

Per seed one network of 18 populations learns to predict the next frame of all populations, in all
conditions, and is pruned to the densities of the anatomy. It is then asked what its Vip units do,
in omissions above all. Every source is analysed alike: the data, and the same data with omissions
and regular images exchanged at random; or made-up sessions with the mechanism, with a ramp that
nobody hears, and with none.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

import jax
import numpy as np
import optax

from ...causal.kept import fingerprint
from ...cells import Anatomy, visual_cortex
from ...core import Network
from ...core.progress import Track, in_silence
from ...data.visual_behavior import (
    POPULATIONS,
    World,
    population_windows,
    read_folder,
    synthetic_windows,
)
from ...training import anatomical, fit_anatomical, signed_adam
from ..keeping import Keep, in_memory, keep_networks
from ..study import Study, StudySettings
from .exchanges import CONTRASTS
from .measures import DIMS, NAMES, SETS, WHO, measure
from .sequences import Counts, Sequences, sequences
from .verdicts import CLAIMS, judge, tables

if TYPE_CHECKING:
    import xarray as xr

SEEDS = 5
NOTICE = {
    True: "**Made-up sessions: nothing here is a finding about Vip cells.**",
    False: "Populations come from different mice, joined by condition: pseudo-simultaneous.",
}


class Size(NamedTuple):
    """How large the study is: of networks and their training, and of what is asked."""

    scale: int
    steps: int
    counts: Counts
    draws: int
    rate: float = 1e-2


FULL = Size(4, 600, Counts(400, 64), 39)
QUICK = Size(1, 60, Counts(40, 8), 5)


@dataclass(frozen=True)
class VisualSettings(StudySettings):
    """How much of the study is run, and on what: `data` or `synthetic`."""

    data: Path | None = None
    """A folder of NWB files, with the table of experiments if there is one."""

    synthetic: bool = False
    """Made-up sessions, in which the answer is known: a demonstration."""

    scale: int | None = None
    """Units per smallest population; a network has 90 times as many. By default 4, 1 if quick."""

    @property
    def range(self) -> range:
        """The seeds to run: five by default."""
        count = (2 if self.quick else SEEDS) if self.seeds is None else self.seeds
        return range(self.seed, self.seed + count)


Source = Callable[[], Sequences]


class Trainer(NamedTuple):
    """What all networks of a study share."""

    anatomy: Anatomy
    optimiser: optax.GradientTransformation
    size: Size


def visual_behavior(
    sources: dict[str, Source],
    seeds: Sequence[int],
    size: Size,
    track: Track = in_silence,
    keep: Keep = in_memory,
) -> "xr.Dataset":
    """Train and ask networks on each source of sequences.

    **Arguments:**

    - `sources`: what makes the sequences, by name; all have the same conditions.
    - `seeds`: of the networks.
    - `size`: how large all is.
    - `track`: shows progress.
    - `keep`: keeps each network, and what was found out about it.

    **Returns:** a Dataset with `source`, `seed` and the dimensions of `measures.DIMS`.
    """
    import xarray as xr

    anatomy = visual_cortex(size.scale)
    trainer = Trainer(anatomy, signed_adam(anatomy, size.steps, size.rate), size)
    rows, made = [], {}
    for name, seed in track([(name, seed) for name in sources for seed in seeds], "networks"):
        if name not in made:
            made[name] = sources[name]()
        rows.append(_network_asked(trainer, made[name], name, seed, keep))
    lead = (len(sources), len(seeds))
    values = {name: np.stack([row[name] for row in rows]) for name in DIMS}
    variables = {
        name: (("source", "seed", *DIMS[name]), array.reshape(*lead, *array.shape[1:]))
        for name, array in values.items()
    }
    about = {"scale": size.scale, "steps": size.steps}
    found = xr.Dataset(variables, attrs=about | _described(list(made.values())))
    return found.assign_coords(source=list(sources), seed=list(seeds), **_names(made))


def _names(made: dict[str, Sequences]) -> dict[str, Any]:
    """The names along the dimensions of `DIMS`."""
    first = next(iter(made.values()))
    return {
        "condition": list(first.conditions), "set": list(SETS), "population": list(POPULATIONS),
        "frame": np.arange(first.judged.shape[2] - 1), "contrast": list(CONTRASTS),
        "who": list(WHO), "replaced": list(NAMES), "to": list(POPULATIONS),
        "from": list(POPULATIONS),
    }  # fmt: skip


def _described(made: list[Sequences]) -> dict[str, Any]:
    """The event's frame, and which populations are missing in any source.

    **Raises:** `ValueError` where sources differ in their conditions.
    """
    if len({one.conditions for one in made}) > 1:
        said = " against ".join("; ".join(one.conditions) for one in made)
        raise ValueError(f"the sources of a study must have the same conditions, got {said}")
    known = np.all([one.known for one in made], 0)
    missing = [name for name, on in zip(POPULATIONS, known, strict=True) if not on]
    return {"event": made[0].event, "missing": ", ".join(missing)}


def _network_asked(
    trainer: Trainer, made: Sequences, name: str, seed: int, keep: Keep
) -> dict[str, np.ndarray]:
    """One network's numbers."""
    anatomy, optimiser, size = trainer
    # by what is in the sequences: files may have changed since
    part = f"{name} {seed} {fingerprint(made.train, made.judged, tuple(size))}"
    key = jax.random.fold_in(jax.random.key(3), seed)
    begun = lambda: anatomical(anatomy, key)

    def train() -> Network:
        return fit_anatomical(
            begun(), anatomy, made.sampler(), made.loss(), key,
            optimiser=optimiser, steps=size.steps,
        ).network  # fmt: skip

    network = keep_networks(keep, f"{part} network", begun, train)
    asked = jax.random.fold_in(jax.random.key(4), seed)
    return keep(part, lambda: measure(network, made, anatomy, asked, size.draws))


def made_up(counts: Counts, seed: int = 0) -> dict[str, Source]:
    """Sequences of made-up sessions of each world, by one key: they differ in nothing else."""
    key = jax.random.fold_in(jax.random.key(1), seed)
    return {
        world: lambda world=world: sequences(synthetic_windows(world, key), key, counts)
        for world in get_args(World)
    }


def of_files(folder: Path, counts: Counts, say: Callable[[str], None]) -> dict[str, Source]:
    """Sequences of a folder of files, and of the same with omissions shuffled.

    **Raises:** `ValueError` where no file can be read, naming the first that cannot.
    """
    found = read_folder(folder)
    for line in (*found.errors, *found.left_out):
        say(line)
    if not found.experiments:
        why = next(iter((*found.errors, *found.left_out)), "it holds no .nwb file")
        raise ValueError(f"{folder}: no experiment can be used: {why}")
    windows = population_windows(found.experiments)
    key = jax.random.key(2)
    return {
        "data": lambda: sequences(windows, key, counts),
        "omissions shuffled": lambda: sequences(windows, key, counts, shuffled=True),
    }


def _run(settings: VisualSettings, track: Track, keep: Keep) -> "xr.Dataset":
    if (settings.data is None) != settings.synthetic:
        raise ValueError("say what is analysed: --data DIR, a folder of NWB files, or --synthetic")
    size = QUICK if settings.quick else FULL
    size = size if settings.scale is None else size._replace(scale=settings.scale)
    if settings.data is None:
        sources = made_up(size.counts)
    else:
        sources = of_files(settings.data, size.counts, warn)
    found = visual_behavior(sources, settings.range, size, track, keep)
    return found.assign_attrs(notice=NOTICE[settings.synthetic])


def warn(line: str) -> None:
    """A file that is not used is named, and the others still are."""
    warnings.warn(line, stacklevel=3)


VISUAL_BEHAVIOR = Study(
    "networks of cortical populations on Visual Behavior sessions: what their Vip units do",
    CLAIMS,
    _run,
    judge,
    tables,
    VisualSettings,
)
