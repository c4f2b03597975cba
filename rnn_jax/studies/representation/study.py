"""Representation and role: is what moves the states most what the outputs hang on most?

    found = representation(range(10))
    found["share"].sel(network="trained", part="hard").mean("seed")

One network reports two features of one stimulus: a bit, and an exclusive or. Both are as
frequent, as large in the targets, shown at the same time and reported to the same accuracy.

What is represented is the share of the variance over trials, in the delay, that a feature
explains (`explained`). Its role is an exact intervention: in the delay, the plane that codes the
feature is taken from a donor, a trial that differs in that feature and not in the other,
`h <- h + Q_t Q_t^T (h_donor - h)`, and the role is how far each output is turned round, in
units of the output itself (`interchanged`, `role`). A random plane is its null.

Then methods that rank units are held against the units that each output hangs on, exactly: a
unit is clamped to its donor's states in the delay, alone, and together with those before it.
A quarter of the units is sought for either output, so that chance is a precision of 1/4.

Lampinen, Chan and Hermann, "Learned feature representations are biased by complexity, learning
order, position, and more", TMLR (2024); Hermann and Lampinen, "What shapes feature
representations?", NeurIPS (2020).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ...causal import margin
from ...cells import GRU, Affine, Vanilla, zero_state
from ...circuits import (
    baseline_scores,
    coding_plane,
    explained,
    interchanged,
    jaccard,
    needed_units,
    precision_at_size,
    role,
    shuffle_weights,
)
from ...core import Network, Readout, State, clean_run
from ...core.progress import Track, in_silence
from ...linear import haar, pca
from ...tasks import EasyAndXor, Trials, stimuli
from ...training import adam, asked_squared_error, fit_seeds
from ..keeping import Keep, in_memory, keep_networks
from ..study import Study, StudySettings
from .verdicts import CLAIMS, judge, tables

if TYPE_CHECKING:
    import xarray as xr

TASK = EasyAndXor()
CELLS = {"gru": GRU, "vanilla": Vanilla}
FEATURES = ("easy", "hard")
UNITS, REPEATS, COMPONENTS = 48, 8, 3
STEPS, QUICK_STEPS, RATE, BATCH = 1500, 700, 4e-3, 64
DIMS = {
    "accuracy": ("output",),
    "share": ("network", "part"),
    "role": ("plane", "feature", "output"),
    "patched_accuracy": ("plane", "feature", "output"),
    "precision": ("output", "truth", "selector"),
    "harm": ("output",),
    "overlap": ("truth",),
}
"""What is measured of each network, and its dimensions."""


def representation(
    seeds: Sequence[int],
    steps: int = STEPS,
    units: int = UNITS,
    cells: Sequence[str] = tuple(CELLS),
    track: Track = in_silence,
    keep: Keep = in_memory,
) -> "xr.Dataset":
    """Train on both features, and ask of each how it is represented and what hangs on it.

    **Arguments:**

    - `seeds`: of the networks; all of one cell are trained at once.
    - `steps`: of training.
    - `units`: of each network; a quarter of them is sought for each output.
    - `cells`: names of `CELLS`.
    - `track`: shows progress.
    - `keep`: keeps trained networks, and what was measured of each.

    **Returns:** a Dataset with `seed`, `cell`, `feature` (what is put in), `output` (what is
    looked at); `share` has `network` and `part`, `precision` has `truth` and `selector`.
    """
    import xarray as xr

    rows, names = [], {}
    for cell in track(list(cells), "representation"):
        networks = train(cell, seeds, steps, units, keep)

        def measured(k: int, seed: int, networks: Network = networks) -> dict[str, np.ndarray]:
            found, names = measure(_one(networks, k), jax.random.key(seed))
            return jax.tree.map(np.asarray, found) | {n: np.asarray(names[n]) for n in names}

        runs = [
            keep(f"{cell} {seed}", lambda k=k, seed=seed: measured(k, seed))
            for k, seed in enumerate(seeds)
        ]
        names = {name: runs[0][name].tolist() for name in ("part", "selector")}
        rows.append({name: np.stack([run[name] for run in runs]) for name in runs[0]})
    values = {name: np.stack([row[name] for row in rows], 1) for name in rows[0]}
    coords = {
        "seed": list(seeds), "cell": list(cells), "output": list(FEATURES),
        "feature": list(FEATURES), "network": ["trained", "shuffled"],
        "plane": ["coding", "random"], "truth": ["single", "greedy"], **names,
    }  # fmt: skip
    variables = {name: (("seed", "cell", *DIMS[name]), values[name]) for name in DIMS}
    return xr.Dataset(variables, coords, {"steps": steps, "units": units, "sought": units // 4})


def train(
    cell: str, seeds: Sequence[int], steps: int, units: int, keep: Keep = in_memory
) -> Network:
    """Networks of one cell, one a seed, trained at once; their arrays lead with the seeds.

    **Raises:** `ValueError` where one diverged.
    """

    def make(key: PRNGKeyArray) -> Network:
        cell_key, readout_key = jax.random.split(key)
        step = CELLS[cell](TASK.inputs, units, key=cell_key)
        return Network(step, Affine(units, TASK.outputs, key=readout_key), zero_state(step))

    keys = jnp.stack([jax.random.fold_in(jax.random.key(2), seed) for seed in seeds])

    def fitted() -> Network:
        fits = fit_seeds(
            make, TASK.sample, asked_squared_error, keys,
            steps=steps, batch_size=BATCH, optimiser=adam(RATE, steps),
        )  # fmt: skip
        if not bool(fits.converged.all()):
            raise ValueError(f"training of {cell} diverged at seeds {list(seeds)}")
        return fits.networks

    return keep_networks(keep, f"{cell} trained", lambda: eqx.filter_vmap(make)(keys), fitted)


def _one(networks: Network, index: int) -> Network:
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, networks)


def measure(
    network: Network, key: PRNGKeyArray
) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    """All numbers of one network, and the names along their last dimensions."""
    found, names = _runs(network, key)
    found = {name: np.asarray(part) for name, part in found.items()}
    sets, scores = found.pop("sets"), found.pop("scores")
    found["precision"] = np.array(
        [
            [[precision_at_size(score, truth) for score in rows] for truth in truths]
            for truths, rows in zip(sets, scores, strict=True)
        ]
    )
    return found | {"overlap": jaccard(*sets)}, names


@eqx.filter_jit
def _runs(network: Network, key: PRNGKeyArray) -> tuple[dict[str, Array], dict[str, list[str]]]:
    """What needs runs of the network, in one program."""
    draw, fit_key, plane_key, mix, method_key = jax.random.split(key, 5)
    trials = TASK.balanced(draw, REPEATS)
    # planes are those of other trials than they are judged on
    seen, _ = clean_run(network, TASK.balanced(fit_key, REPEATS).xs)
    delay = trials.epochs["delay"][0]
    hs, ys = clean_run(network, trials.xs)
    labels, parts = features(REPEATS)
    other, _ = clean_run(shuffle_weights(network, mix), trials.xs)
    shares = [_shares(states, parts, delay) for states in (hs, other)]
    clean = said(ys)
    random = haar(plane_key, hs.shape[-1])[None, :, :2]
    patched = []
    for f, z in enumerate(labels.T):
        plane, value = coding_plane(seen, z, labels[:, 1 - f]), hs[donors(f, REPEATS)]
        bases = (plane, jnp.broadcast_to(random, plane.shape))
        patched.append([said(interchanged(network, trials.xs, value, q, delay)) for q in bases])
    each = lambda of: jnp.stack([jnp.stack([of(row[q]) for row in patched]) for q in (0, 1)])
    right = lambda ys: jnp.mean((ys * labels > 0).astype(ys.dtype), 0)
    units, selectors = _units(network, trials, hs, labels, method_key)
    found = {
        "accuracy": right(clean),
        "share": jnp.stack([jnp.stack(list(share.values())) for share in shares]),
        "role": each(lambda ys: role(clean, ys, labels)),
        "patched_accuracy": each(right),
        **units,
    }
    return found, {"part": list(shares[0]), "selector": selectors}


def said(ys: Float[Array, "B T O"]) -> Float[Array, "B O"]:
    """The mean output over the steps that ask for one."""
    return ys[:, TASK.steps - TASK.report :].mean(1)


def reported(ys: Float[Array, "T O"], targets: Float[Array, "T O"]) -> Float[Array, ""]:
    """The margin, over the steps that ask for an output."""
    return margin(ys[TASK.steps - TASK.report :], targets[TASK.steps - TASK.report :])


def features(repeats: int) -> tuple[Float[Array, "B 2"], dict[str, Float[Array, " B"]]]:
    """The signs of the two features, and every function of the three bits but the constant."""
    a, b, c = stimuli(repeats).T
    x = -b * c
    parts = {
        "easy": a, "hard": x, "easy x hard": a * x,
        "b": b, "c": c, "a x b": a * b, "a x c": a * c,
    }  # fmt: skip
    return jnp.stack([a, x], -1), parts


def donors(feature: int, repeats: int) -> Int[Array, " B"]:
    """For each balanced trial one that differs in one feature and not in the other.

    For the exclusive or it is `c` that differs in one repeat, and `b` in the next.
    """
    trial = jnp.arange(8 * repeats)
    return trial ^ (4 if feature == 0 else jnp.where((trial // 8) % 2 == 0, 1, 2))


def _shares(
    hs: Float[Array, "B T N"], parts: dict[str, Array], window: Float[Array, " T"]
) -> dict[str, Array]:
    """Explained by each function of the bits; what is left is noise within a stimulus."""
    found = explained(hs, parts, window)
    rest = 1 - jnp.stack(list(found.values())).sum()
    return {**{name: found[name] for name in parts}, "noise": rest}


def _units(
    network: Network, trials: Trials, hs: Array, labels: Array, key: PRNGKeyArray
) -> tuple[dict[str, Array], list[str]]:
    """The units that each output hangs on, alone and greedily, and every method's scores."""
    delay, asked = trials.epochs["delay"][0], trials.epochs["report"][0]
    count = hs.shape[-1] // 4
    needed, rows, names = [], [], []
    for f, z in enumerate(labels.T):
        alone = Network(network.step, _Output(network.readout, f), network.h0)
        value = hs[donors(f, REPEATS)]
        needed.append(needed_units(alone, trials.xs, z, value, delay, asked, count))
        held = jnp.broadcast_to(z[:, None, None], (*hs.shape[:2], 1))
        own = jax.random.fold_in(key, f)
        scores = baseline_scores(alone, trials.xs, held, delay[None], value, own, reported)
        scores = {name: score[0] for name, score in scores.items()}
        scores["pca loading"] = _loading(hs)
        names = sorted(scores)
        rows.append(jnp.stack([scores[name] for name in names]))
    sets = jnp.stack([jnp.stack([n.single, n.greedy]) for n in needed])
    harm = jnp.stack([n.path[-1] for n in needed])
    return {"sets": sets, "scores": jnp.stack(rows), "harm": harm}, names


class _Output(eqx.Module):
    """One output of a readout."""

    readout: Readout
    index: int = eqx.field(static=True)

    def __call__(self, h: State) -> Float[Array, " 1"]:
        return self.readout(h)[self.index : self.index + 1]


def _loading(hs: Float[Array, "B T N"]) -> Float[Array, " N"]:
    """A unit's variance in the delay within the first principal components."""
    inside = hs[:, TASK.cue : TASK.cue + TASK.delay].reshape(-1, hs.shape[-1])
    found = pca(inside, COMPONENTS)
    return found.basis**2 @ found.variance


def _run(settings: StudySettings, track: Track, keep: Keep) -> "xr.Dataset":
    steps = QUICK_STEPS if settings.quick else STEPS
    return representation(settings.range, steps, track=track, keep=keep)


REPRESENTATION = Study(
    "an easy and a hard feature of one network: what moves the states, and what the outputs need",
    CLAIMS,
    _run,
    judge,
    tables,
)
