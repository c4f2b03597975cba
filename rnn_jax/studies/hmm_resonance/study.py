"""Resonance: do networks that emulate a hidden Markov model need noise of one scale?

    found = STUDIES["hmm-resonance"].run(ResonanceSettings(seeds=1), track, keep)
    found["coherence"].sel(cell="tanh-bias")           # [seed, scale]

For the published network, a ReLU without bias that starts from 0, states at another scale of the
noise are the states times that scale, exactly. So its logits switch as often at any scale. Only
the emitted symbol can show a resonance there, since Gumbel noise of the readout does not scale. A
network with a bias, or with a tanh, has a scale of its own. The study trains all three, and asks
of the emitted symbol. Rules were fixed before a network with a bias was trained.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import numpy as np

from ...core import Network
from ...core.progress import Track
from ...tasks import EMITTERS, change_rate
from ..hmm_emulation.networks import CELLS, Recipe, emitted, trained
from ..hmm_emulation.runs import noisy_runs, switch_rates
from ..hmm_emulation.standing import at_rest, standing
from ..hmm_emulation.study import EmulationSettings, Model
from ..keeping import Arrays, Keep, by_name
from ..study import Claim, Study, Verdict, markdown_table, verdict_on
from .coherence import SCALES, changes, coherence, inner, interval, of_scales

if TYPE_CHECKING:
    import xarray as xr

STANDING = ("transition", "changes", "nats")
MEASURES = {"coherence": (coherence, 1), "changes": (changes, -1)}
"""What may be least, or largest, at a scale between others."""


@dataclass(frozen=True)
class ResonanceSettings(EmulationSettings):
    """Which networks are trained: one of each cell, for each seed."""

    hmm: Model = "linear-3"
    """The hidden Markov model to emulate."""

    @property
    def range(self) -> range:
        """The seeds to run: one by default."""
        return range(self.seed, self.seed + (self.seeds or 1))


def _claims() -> dict[str, Claim]:
    said = {}
    for cell in CELLS:
        said[f"coherence {cell}"] = Claim(
            f"{cell}: the emitted symbol changes most regularly at a scale of the noise between "
            "others, where residences vary less than at the least and at the largest scale",
            "residences that vary as much, or ever less or more, as the scale grows",
            "an interval of either difference that is not below 0, on runs that did not choose it",
        )
        said[f"changes {cell}"] = Claim(
            f"{cell}: the emitted symbol changes most often at a scale between others",
            "changes that are as frequent, or ever more or less so, as the scale grows",
            "an interval of either difference that is not above 0, on runs that did not choose it",
        )
    return said


CLAIMS = _claims()


def resonance(network: Network, of: Recipe, seed: int, runs: int, steps: int) -> Arrays:
    """What the scale of the noise changes in one network, and how well it emulates.

    **Arguments:**

    - `network`: trained by the recipe.
    - `of`, `seed`: the recipe; the seed of runs and of intervals.
    - `runs`, `steps`: of each scale.

    **Returns:** `STANDING`, as `hmm_emulation.standing`; by scale `[K]`, with `_low` and `_high`,
    the 95 % interval over runs: `coherence`, `changes` and `switches` of the logits, per step; and
    of the first two `_at`, `_gap_low [2]`, `_gap_high [2]`, as `coherence.Inner`.
    """
    model = EMITTERS[of.hmm]()
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 4), 4)
    look = standing(model, emitted(network, keys[0], 5000, of.length))
    found = {f"standing_{name}": np.asarray(look[name]) for name in STANDING}
    sums = of_scales(network, keys[1], runs, steps)
    for name, (measure, sign) in MEASURES.items():
        found |= _three(name, interval(measure, sums, keys[2]))
        at = inner(measure, sums, keys[2], sign)
        found |= {f"{name}_at": np.asarray(at.at)}
        found |= {f"{name}_gap_low": at.low, f"{name}_gap_high": at.high}
    said = [noisy_runs(network, keys[3], 16, steps, scale)[1] for scale in SCALES]
    rates = np.stack([switch_rates(np.asarray(ys).argmax(-1)) for ys in said])
    return found | {"switches": rates.mean(1)}


def _three(name: str, rows: tuple[np.ndarray, ...]) -> Arrays:
    return dict(zip((name, f"{name}_low", f"{name}_high"), rows))


def _run(settings: ResonanceSettings, track: Track, keep: Keep) -> "xr.Dataset":
    import xarray as xr

    networks = keep if settings.networks is None else by_name(settings.networks)
    size = (16, 400) if settings.quick else (64, 1000)
    rows = []
    for seed in track(list(settings.range), "seeds"):
        of_cells = []
        for cell in track(list(CELLS), "cells"):
            of = settings.recipe._replace(cell=cell)
            run = trained(of, seed, networks, track)
            job = lambda: resonance(run.network(run.best), of, seed, *size)  # noqa: B023
            name = "-".join(map(str, of))
            of_cells.append(keep(f"{name} seed {seed} resonance", job))
        rows.append(of_cells)
    dims = lambda value: () if not value.ndim else ("end",) if len(value) == 2 else ("scale",)
    variables = {
        name: (("seed", "cell", *dims(first)), np.array([[c[name] for c in row] for row in rows]))
        for name, first in rows[0][0].items()
    }
    coords = {"seed": list(settings.range), "cell": list(CELLS), "scale": list(SCALES)}
    coords |= {"end": ["least", "largest"]}
    return xr.Dataset(variables, coords, {"hmm": settings.hmm})


def _judge(found: "xr.Dataset") -> list[Verdict]:
    verdicts = []
    for name, claim in CLAIMS.items():
        measure, cell = name.split(" ")
        one = found.sel(cell=cell)
        end, sign = ("high", 1) if measure == "coherence" else ("low", -1)
        each = sign * one[f"{measure}_gap_{end}"].values
        known = np.isfinite(each).all(1)
        held = (each[known] < 0).all(1)
        fell = None if not known.any() else True if held.all() else None if held.any() else False
        verdicts.append(verdict_on(claim, _said(one, measure), fell))
    return verdicts


def _said(one: "xr.Dataset", measure: str) -> str:
    """Of each seed: the scale, and how far the measure there is from both ends."""
    said = []
    for seed in one["seed"].values:
        row = one.sel(seed=seed)
        at = row[f"{measure}_at"].item()
        ends = zip(row[f"{measure}_gap_low"].values, row[f"{measure}_gap_high"].values)
        gaps = " and ".join(f"[{low:+.3f}, {high:+.3f}]" for low, high in ends)
        said.append(f"scale {at:g}: {gaps}" if np.isfinite(at) else "too few scales can be told")
    return "; ".join(said)


def _tables(found: "xr.Dataset") -> str:
    exact = change_rate(at_rest(EMITTERS[found.attrs["hmm"]]()))
    lines = [
        f"Of the trained networks. The model is {found.attrs['hmm']}, whose symbol changes "
        f"{exact:.4f} times a step. At the steps of training, the largest difference of a "
        "next-symbol probability, the change rate over the exact one, and nats per symbol less "
        "the model's:",
        "", _standing(found), "",
        "By the scale of the noise: changes of the emitted symbol a step; their coherence (1 for "
        "residences without memory, less where they are more regular; - where residences do not "
        "fit into the runs); and switches of the logits a step:",
        "", _by_scale(found), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _standing(found: "xr.Dataset") -> str:
    rows = [
        [
            seed,
            cell,
            *(f"{found[f'standing_{n}'].sel(seed=seed, cell=cell):.4f}" for n in STANDING),
        ]
        for seed in found["seed"].values
        for cell in found["cell"].values
    ]
    return markdown_table(["seed", "cell", *STANDING], rows)


def _by_scale(found: "xr.Dataset") -> str:
    head = ["seed", "cell", "of", *(f"noise x {scale:g}" for scale in found["scale"].values)]
    rows = []
    for seed in found["seed"].values:
        for cell in found["cell"].values:
            one = found.sel(seed=seed, cell=cell)
            for name in (*reversed(MEASURES), "switches"):
                numbers = [f"{v:.3f}" if np.isfinite(v) else "-" for v in one[name].values]
                rows.append([seed, cell, name, *numbers])
    return markdown_table(head, rows)


HMM_RESONANCE = Study(
    "whether networks that emulate hidden Markov models need noise of one scale",
    CLAIMS,
    _run,
    _judge,
    _tables,
    ResonanceSettings,
)
