"""Resonance: do networks that emulate a hidden Markov model need noise of one scale?

    found = STUDIES["hmm-resonance"].run(ResonanceSettings(seeds=1), track, keep)
    found["irregularity"].sel(cell="tanh-bias")        # [seed, scale]

For the published network, a ReLU without bias that starts from 0, states at another scale of the
noise are the states times that scale, exactly. So its logits switch as often at any scale. Only
the emitted symbol can show a resonance there, since Gumbel noise of the readout does not scale. A
network with a bias, or with a tanh, has a scale of its own. The study trains all three, and asks
of the emitted symbol. Rules were fixed before a network with a bias was trained; three were
changed after its first numbers, which docs/hmm-emulation.md tells.
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
from ..study import Claim, Study, Verdict, markdown_table, verdict_over
from .residences import SCALES, changes, inner, interval, irregularity, of_run, of_scales, told

if TYPE_CHECKING:
    import xarray as xr

STANDING = ("transition", "changes", "nats")
MEASURES = {"irregularity": (irregularity, 1), "changes": (changes, -1)}
"""What may be least, or largest, at a scale between others."""


@dataclass(frozen=True)
class ResonanceSettings(EmulationSettings):
    """Which networks are trained: one of each cell, for each seed."""

    hmm: Model = "linear-3"
    """The hidden Markov model to emulate."""

    seeds: int | None = None
    """Seeds; by default one."""

    @property
    def range(self) -> range:
        """The seeds to run: one by default."""
        return range(self.seed, self.seed + (self.seeds or 1))


def _claims() -> dict[str, Claim]:
    claims = {}
    for cell in CELLS:
        claims[f"irregularity {cell}"] = Claim(
            f"{cell}: the emitted symbol changes most regularly at a scale of the noise between "
            "others: residences vary less there than at the least and at the largest scale at "
            "which they can be told",
            "residences whose variation is the same at all scales, only falls or only rises",
            "an interval of either difference that is not below 0, on runs that did not choose it",
        )
        claims[f"changes {cell}"] = Claim(
            f"{cell}: the emitted symbol changes most often at a scale between others",
            "changes that are as frequent at all scales, only fall or only rise",
            "an interval of either difference that is not above 0, on runs that did not choose it",
        )
    return claims


CLAIMS = _claims()


def resonance(network: Network, of: Recipe, seed: int, runs: int, steps: int) -> Arrays:
    """What the scale of the noise changes in one network, and how well it emulates.

    **Arguments:**

    - `network`: trained by the recipe.
    - `of`, `seed`: the recipe; the seed of runs and of intervals.
    - `runs`, `steps`: of each scale.

    **Returns:** `standing_NAME` of `STANDING`, as `hmm_emulation.standing`; `independent`, the
    `changes` that independent symbols of the network's own frequencies have. By scale `[K]`, with
    `_low` and `_high`, the 95 % interval over runs: `irregularity` and `changes`, and `switches`
    of the logits, per step. Of the first two `_at`, `_gap_low [2]`, `_gap_high [2]`, as
    `residences.Inner`.
    """
    model = EMITTERS[of.hmm]()
    of_symbols, of_runs, of_intervals, of_logits = jax.random.split(
        jax.random.fold_in(jax.random.key(seed), 4), 4
    )
    emits = np.asarray(emitted(network, of_symbols, 5000, of.length))
    look = standing(model, emits)
    found = {f"standing_{name}": np.asarray(look[name]) for name in STANDING}
    shares = np.bincount(emits.ravel()) / emits.size
    found["independent"] = np.asarray((1 - (shares**2).sum()) / change_rate(at_rest(model)))
    sums = of_scales(network, of_runs, runs, steps)
    for name, (measure, sign) in MEASURES.items():
        known = told(sums) if measure is irregularity else np.ones(len(sums), bool)
        found |= _three(name, interval(measure, sums, known, of_intervals))
        best = inner(measure, sums, known, of_intervals, sign)
        found |= {f"{name}_at": np.asarray(best.at)}
        found |= {f"{name}_gap_low": best.low, f"{name}_gap_high": best.high}
    logits = [noisy_runs(network, of_logits, 16, steps, scale)[1] for scale in SCALES]
    rates = np.stack([switch_rates(np.asarray(ys).argmax(-1)) for ys in logits])
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
            of_cells.append(keep(f"{of.name} seed {seed} resonance", job))
        rows.append(of_cells)
    dims = lambda value: () if not value.ndim else ("end",) if len(value) == 2 else ("scale",)
    variables = {
        name: (("seed", "cell", *dims(first)), np.array([[c[name] for c in row] for row in rows]))
        for name, first in rows[0][0].items()
    }
    coords = {"seed": list(settings.range), "cell": list(CELLS), "scale": list(SCALES)}
    coords |= {"end": ["least", "largest"]}
    return xr.Dataset(variables, coords, {"hmm": settings.hmm})


def learned(found: "xr.Dataset") -> np.ndarray:
    """Which networks are nearer to the model's change rate than to that of independent symbols."""
    changed, alone = found["standing_changes"].values, found["independent"].values
    return np.abs(changed - 1) < np.abs(changed - alone)


def _judge(found: "xr.Dataset") -> list[Verdict]:
    verdicts = []
    for name, claim in CLAIMS.items():
        measure, cell = name.split(" ")
        one = found.sel(cell=cell)
        end, sign = ("high", 1) if measure == "irregularity" else ("low", -1)
        gaps = sign * one[f"{measure}_gap_{end}"].values
        known = np.isfinite(gaps).all(1) & learned(one)
        held = [bool((gap < 0).all()) if told else None for gap, told in zip(gaps, known)]
        verdicts.append(verdict_over(claim, held, _said(one, measure)))
    return verdicts


def _said(one: "xr.Dataset", measure: str) -> str:
    """Of each seed: the scale, and how far the measure there is from both ends."""
    rows = []
    for seed, knows in zip(one["seed"].values, learned(one), strict=True):
        row = one.sel(seed=seed)
        at = row[f"{measure}_at"].item()
        ends = zip(row[f"{measure}_gap_low"].values, row[f"{measure}_gap_high"].values)
        least, largest = (f"[{low:+.3f}, {high:+.3f}]" for low, high in ends)
        says = f"at scale {at:g}, less the least scale {least}, less the largest {largest}"
        says = says if np.isfinite(at) else "too few scales can be told"
        rows.append(says if knows else f"the order of symbols was not learned ({says})")
    return "; ".join(rows)


def _tables(found: "xr.Dataset") -> str:
    model = EMITTERS[found.attrs["hmm"]]()
    drawn = np.asarray(at_rest(model).sample(jax.random.key(0), 64, 1000)[1])
    own = irregularity(np.sum([of_run(row, len(model.emission)) for row in drawn], 0))
    lines = [
        f"Of the trained networks. The model is {found.attrs['hmm']}, whose symbol changes "
        f"{change_rate(at_rest(model)):.4f} times per step. At the steps of training, the largest "
        "difference of a next-symbol probability, the change rate over the exact one, nats per "
        "symbol less the model's, and the change rate that independent symbols of the network's "
        "own frequencies have, over the exact one:",
        "", _standing(found), "",
        "By the scale of the noise: changes of the emitted symbol per step; irregularity, how "
        "residences vary within their symbol over how they would without memory (1 without "
        f"memory, less where they are more regular, {own:.3f} in 64 runs of the model itself; - "
        "where residences do not fit into the runs); and switches of the logits per step:",
        "", _by_scale(found), "",
    ]  # fmt: skip
    return "\n".join(lines)


def _standing(found: "xr.Dataset") -> str:
    names = (*(f"standing_{name}" for name in STANDING), "independent")
    rows = []
    for seed in found["seed"].values:
        for cell in found["cell"].values:
            one = found.sel(seed=seed, cell=cell)
            rows.append([seed, cell, *(f"{one[name]:.4f}" for name in names)])
    return markdown_table(["seed", "cell", *STANDING, "independent"], rows)


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
