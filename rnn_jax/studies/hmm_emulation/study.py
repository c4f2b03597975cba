"""Emulation: networks that emit what a hidden Markov model emits, and how they do it.

    settings = EmulationSettings(hmm="linear-2", seeds=3)
    found = STUDIES["hmm-emulation"].run(settings, track, keep)
    found["kick_members"].sel(epoch="kick", set="mediator")

It trains the networks of arXiv 2510.25674, asks whether they emulate, and takes their mechanism
apart: what is left in silence, orbits and zones, determinism and the local linearisation, kick
neurons and the populations that gather noise for them, their onset in training, and their reuse.
Rules were fixed before a trained network was asked; some were changed after the first one, which
docs/hmm-emulation.md lists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ...core import Network
from ...core.progress import Track
from ...tasks import EMITTERS
from ..keeping import Arrays, Keep, by_name, in_memory
from ..question import KINDS, OWN, SELECTORS
from ..question_numbers import DIMS as OF_QUESTION
from ..study import Study, StudySettings
from . import kick as kicks
from . import onset as onsets
from .behaviour import Size
from .determinism import FRESH, determinism
from .early import early
from .kick import EPOCHS, SETS, kick_neurons, mediators, unit_features
from .late import late
from .measures import measured
from .networks import Recipe, Run, emitted, recipe, trained
from .orbits import SCALES, noise_scales, orbits
from .own_noise import SILENT, own_noise
from .populations import GROUPS, PARTS, populations
from .populations import SCALES as SCALED
from .reuse import reuse
from .silence import silence
from .spectra import spectra
from .switches import directions, name_of
from .tables import tables
from .verdicts import CLAIMS, judge
from .zones import ZONES, residence

if TYPE_CHECKING:
    import xarray as xr

Model = Literal["linear-2", "linear-3", "linear-4", "linear-5", "fully-connected", "cyclic"]


@dataclass(frozen=True)
class EmulationSettings(StudySettings):
    """Which networks are trained, and how many."""

    hmm: Model = "linear-2"
    """The hidden Markov model to emulate."""

    seeds: int | None = None
    """Seeds; by default three, or one of the quick version."""

    batch_size: int | None = None
    """Sequences a gradient step; by default 1024, or 512 of the quick version."""

    epochs: int | None = None
    """Epochs of three gradient steps, at most; by default as published, or 100 if quick."""

    units: int = 150
    """Units of each network."""

    noise: int = 100
    """Channels of noise that drive it."""

    networks: Path | None = None
    """A folder that keeps training for good, every epoch of it; read where it is there."""

    def __post_init__(self) -> None:
        super().__post_init__()
        sizes = {"batch_size": self.batch_size, "epochs": self.epochs, "units": self.units}
        for name, value in (sizes | {"noise": self.noise}).items():
            least = 10 if name in ("units", "epochs") else 1
            if value is not None and not least <= value <= 10**6:
                raise ValueError(f"{name} must lie in [{least}, 1000000], got {value}")

    @property
    def range(self) -> range:
        """The seeds to run: three by default, one of the quick version."""
        count = (1 if self.quick else 3) if self.seeds is None else self.seeds
        return range(self.seed, self.seed + count)

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        batch = self.batch_size or (512 if self.quick else 1024)
        asked = recipe(self.hmm, batch, units=self.units, noise=self.noise)
        if self.quick:
            asked = asked._replace(length=30, epochs=100)
        return asked if self.epochs is None else asked._replace(epochs=self.epochs)


class Scale(NamedTuple):
    """How much is asked of each network.

    - `sequences`: that measures look at. `states`: whose zone is found, and `linear` those that
        are linearised. `steps`: of the runs whose orbits are looked at.
    - `kick`, `onset`: see there. `matched`, `behaviour`: random groups, and runs of each edit.
    - `late`: runs that are measured after the steps of training.
    """

    sequences: int
    states: int
    linear: int
    steps: int
    kick: kicks.Asked
    onset: onsets.Asked
    matched: int
    behaviour: Size
    late: int


FULL = Scale(5000, 2000, 300, 1000, kicks.FULL, onsets.FULL, 100, Size(64, 400), 500)
QUICK = Scale(1000, 200, 40, 200, kicks.QUICK, onsets.QUICK, 19, Size(16, 120), 50)

PARTS_OF = (
    "measured", "silence", "residence", "orbits", "scales", "determinism", "spectra", "kick",
    "populations", "onset", "reuse", "late",
    "silent", "early",
)  # fmt: skip
"""What is found out of each network, in this order; names of variables begin so."""


def emulation(
    of: Recipe, seeds: range, scale: Scale, track: Track, keep: Keep = in_memory,
    networks: Keep | None = None,
) -> "xr.Dataset":  # fmt: skip
    """Train the networks, and analyse each one.

    **Arguments:**

    - `of`: the recipe.
    - `seeds`: of the networks.
    - `scale`: how much is asked.
    - `track`: shows progress.
    - `keep`: keeps what was found; `networks`: keeps training, by default the same.

    **Returns:** a Dataset with dimension `seed`; variables begin with a name of `PARTS_OF`.
    What is shorter in one network than in another is filled up with NaN.
    """
    import xarray as xr

    rows = []
    for seed in track(list(seeds), "networks"):
        run = trained(of, seed, networks or keep, track)
        rows.append(_training(run) | everything(run, of, seed, scale, track, keep))
    symbols = len(EMITTERS[of.hmm]().emission)
    coords = {
        "seed": list(seeds), "zone": list(ZONES), "fresh": list(FRESH), "noise": list(SCALES),
        "way": [name_of(way) for way in directions(symbols)], "epoch": list(EPOCHS),
        "set": list(KINDS), "selector": [OWN, *SELECTORS], "held": list(SETS),
        "group": list(GROUPS), "part": list(PARTS), "mu": list(SCALED), "silent": list(SILENT),
    }  # fmt: skip
    names = dict.fromkeys(name for row in rows for name in row)
    found = {name: _together(name, [row.get(name) for row in rows]) for name in names}
    return xr.Dataset(found, coords, {"hmm": of.hmm, "recipe": str(of._asdict())})


def _training(run: Run) -> Arrays:
    """What training left, without its weights."""
    looks = {f"training_{name}": value for name, value in run.looks.items() if name != "met"}
    return looks | {
        "training_losses": run.losses.mean(1),
        "training_epochs": np.asarray(len(run.losses)),
        "training_best": np.asarray(run.best),
    }


def everything(run: Run, of: Recipe, seed: int, scale: Scale, track: Track, keep: Keep) -> Arrays:
    """All parts of one network, each kept as soon as it is found."""
    key = jax.random.fold_in(jax.random.key(seed), 3)
    found: dict[str, Arrays] = {}
    jobs = _jobs(run, of, scale, found, track)
    for k, part in enumerate(track(PARTS_OF, f"network {seed}")):
        job = lambda k=k, part=part: jobs[part](jax.random.fold_in(key, k))
        found[part] = keep(f"{of.name} seed {seed} {part}", job)
    return {f"{part}_{key}": value for part in PARTS_OF for key, value in found[part].items()}


def _jobs(
    run: Run, of: Recipe, scale: Scale, found: dict[str, Arrays], track: Track
) -> dict[str, Callable[[PRNGKeyArray], Arrays]]:
    """What finds each part; `found` holds those before it when it is called."""
    network, model = run.network(run.best), EMITTERS[of.hmm]()
    kick = lambda: mediators(found["kick"])
    return {
        "measured": lambda key: _emits(network, of, scale.sequences, key),
        "silence": lambda key: silence(network, key, scale.states // 10),
        "residence": lambda key: residence(network, key, scale.states),
        "orbits": lambda key: orbits(network, key, scale.steps),
        "scales": lambda key: noise_scales(network, key, scale.steps),
        "determinism": lambda key: determinism(network, key, scale.linear),
        "spectra": lambda key: spectra(network, key, scale.linear),
        "kick": lambda key: kick_neurons(network, key, scale.kick),
        "populations": lambda key: _of_directions(network, kick(), scale, key),
        "onset": lambda key: onsets.onset(run, _by_way(kick()), key, scale.onset, track),
        "reuse": lambda key: _reuse(network, kick(), scale, key),
        "late": lambda key: late(network, model, key, scale.late),
        "silent": lambda key: _unheard(network, kick(), scale, key),
        "early": lambda key: early(network, kick(), of.length, key, scale.kick),
    }


def _emits(network: Network, of: Recipe, count: int, key: PRNGKeyArray) -> Arrays:
    """How the symbols of the steps of training stand to the model's."""
    drawn, judged = jax.random.split(key)
    symbols = emitted(network, drawn, count, of.length)
    return measured(EMITTERS[of.hmm](), np.asarray(symbols), judged)


def _reuse(network: Network, kick: np.ndarray, scale: Scale, key: PRNGKeyArray) -> Arrays:
    features = unit_features(network, jax.random.fold_in(key, 0))
    return reuse(network, kick, features, key, scale.behaviour)


def _unheard(network: Network, kick: np.ndarray, scale: Scale, key: PRNGKeyArray) -> Arrays:
    of_features, rest = jax.random.split(key)
    features = unit_features(network, of_features)
    return own_noise(network, kick, features, rest, scale.matched, scale.behaviour)


def _by_way(kick: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Directions that have kick neurons, and these."""
    symbols = round((1 + (1 + 4 * len(kick)) ** 0.5) / 2)
    return {way: row for way, row in zip(directions(symbols), kick) if row.any()}


def _of_directions(network: Network, kick: np.ndarray, scale: Scale, key: PRNGKeyArray) -> Arrays:
    """Populations of each direction whose reverse has kick neurons too; NaN of the others."""
    sets = _by_way(kick)
    features = unit_features(network, key)
    rows: list[Arrays | None] = []
    for way in directions(len(network.readout(network.h0))):
        back = (way[1], way[0])
        if way not in sets or back not in sets:
            rows.append(None)
            continue
        pair = sets[way], sets[back]
        told = populations(network, way, *pair, features, key, scale.matched, scale.behaviour)
        rows.append(told)
    return kicks.stacked(rows)


def _named() -> dict[str, tuple[str, ...]]:
    """Dimensions of the variables that have names for them."""
    ends = ("", "_low", "_high")
    of_zone = ("unstable", "critical", "radius")
    of_zone += tuple(f"{name}_published" for name in of_zone)
    of_zone += ("gain", "gain_window", "relative_gain", "stretch", "stretched")
    agreement = ("agreement", "agreement_switched", "agreement_stayed")
    scaled = ("leaving", "returning", "rate")
    controls = ("control_low", "control_high", "p")
    every = lambda names, dims: {f"{name}{end}": dims for name in names for end in ends}
    return {
        **every(["residence_share"], ("zone",)),
        **every([f"spectra_{name}" for name in of_zone], ("zone",)),
        **every(["determinism_spread", "determinism_relative"], ("fresh", "step", "zone")),
        **every([f"determinism_{name}" for name in agreement], ("fresh", "zone")),
        **every(["scales_switch_rate", "scales_change_rate"], ("noise",)),
        **_of_kick("kick"),
        **_of_kick("early"),
        **_of_noise("silent"),
        **_of_noise("early_silent"),
        "early_alike": ("way",),
        **{f"populations_{name}": ("way", "group", "part", "mu") for name in scaled},
        "populations_count": ("way", "group"),
        **{f"populations_{name}": ("way",) for name in controls},
        **{f"reuse_{name}": ("way", "other_way") for name in ("alike", "removed")},
        "reuse_alike_matched": ("draw", "way", "other_way"),
    }  # fmt: skip


def _of_kick(part: str) -> dict[str, tuple[str, ...]]:
    """Of what `kick_neurons` finds."""
    return {
        **{f"{part}_{name}": ("way", "epoch", *dims) for name, dims in OF_QUESTION.items()},
        f"{part}_members": ("way", "epoch", "set", "unit"),
        **{
            f"{part}_{name}": ("way", "held") for name in ("rate", "leaving", "other", "residence")
        },
        f"{part}_transition": ("way", "held", "to", "from"),
        **{f"{part}_{name}": ("way",) for name in ("matched_low", "matched_high", "p", "foils")},
    }


def _of_noise(part: str) -> dict[str, tuple[str, ...]]:
    """Of what `own_noise` finds."""
    return {
        **{
            f"{part}_{name}": ("way", "silent")
            for name in ("leaving", "returning", "rate", "share")
        },
        **{f"{part}_{name}": ("way",) for name in ("low", "high", "p")},
        f"{part}_apart": ("way", "feature"),
    }


NAMED = _named()


def _together(name: str, values: list[np.ndarray | None]) -> tuple[tuple[str, ...], np.ndarray]:
    """One variable of all seeds: what is shorter, or missing, is filled up with NaN."""
    known = [np.asarray(value, float) for value in values if value is not None]
    shape = np.max([value.shape for value in known], 0).astype(int) if known[0].ndim else ()
    whole = np.full((len(values), *shape), np.nan)
    for k, value in enumerate(values):
        if value is not None:
            whole[(k, *map(slice, np.shape(value)))] = value
    dims = NAMED.get(name, tuple(f"{name}_{axis}" for axis in range(len(shape))))
    return ("seed", *dims), whole


def _run(settings: EmulationSettings, track: Track, keep: Keep) -> "xr.Dataset":
    networks = None if settings.networks is None else by_name(settings.networks)
    scale = QUICK if settings.quick else FULL
    return emulation(settings.recipe, settings.range, scale, track, keep, networks)


HMM_EMULATION = Study(
    "whether networks emulate hidden Markov models, and by which units, when and how",
    CLAIMS,
    _run,
    judge,
    tables,
    EmulationSettings,
)
