"""The context-dependent flip-flop, trained under Dale's law: memory, switching, and gating.

    rnn-jax study context-flip-flop

Networks of 64 excitatory and 16 inhibitory units learn `ContextBit`, several seeds in one
compiled program. Of each, exact ablation gives the circuits of memory (after a switch, and after
a later ignored pulse), of switches and of ignored pulses, and the flows into memory's units say
who carries it. Three questions: is memory dominated by recurrent excitation, is inhibition
recruited at switches, and does the memory circuit stay while the gates change with the context?

    rate equation    h' = (1 - a) h + a relu(W h + U x + b),   a = 1 / 2,   y = |c| h + b
    flow             S_ij = a relu'(.) W_ij h_j          current   W_ij h_j
    gates            members at switches that are no members in early hold

Only excitatory units are read, with positive weights, so a unit is scored by what it does to the
outputs *later* (see `context_probe`), else excitation would matter by being read.

That more than half of the flow is excitatory is a low bar: a unit that is active without input
has more excitation than inhibition but for its bias. So it is held against its wires too.

The same analysis of the hand-built network, whose answers are known, is the positive control.

Five seeds of the same networks are then asked contrasts (`asked`): who carries a bit that one
pulse sets, in either context and in either hold. Their sets stand beside the above.

Song, Yang and Wang, PLoS Comput Biol (2016), for networks trained under Dale's law; Mante et al.,
Nature 503 (2013), for the question of context.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ...cells import Affine, Dale, zero_state
from ...circuits import jaccard
from ...core import Network
from ...core.progress import Track
from ...planted import context_flip_flop
from ...tasks import Trials
from ...training import adam, fit_seeds, mean_squared_error
from ..keeping import Keep, in_memory, keep_networks
from ..question_numbers import coordinates, nothing_like, stacked, variables
from ..study import Study, StudySettings
from . import asked as contrasts
from .measures import FLOORS, PAIRS, REPLACED, accuracy, measure
from .probe import EPOCHS, TASK, course, probe_trials
from .verdicts import CLAIMS, judge, tables

if TYPE_CHECKING:
    import xarray as xr

UNITS = 80
QUICK, FULL = (1000, 32), (2000, 96)
"""Gradient steps; probe trials of each pulse in each context."""
LEARNED = 0.95
"""Accuracy above which a seed counts."""


def dale_network(key: PRNGKeyArray, units: int = UNITS) -> Network:
    """An untrained network under Dale's law, four of five units excitatory, and these read.

    **Arguments:**

    - `key`: draws weights.
    - `units`: how many.
    """
    cell_key, readout_key = jax.random.split(key)
    cell = Dale(TASK.inputs, units, tau=2.0, dt=1.0, key=cell_key)
    excites = cell.excitatory
    readout = Affine(units, TASK.outputs, key=readout_key, excitatory=excites, mask=excites)
    return Network(cell, readout, zero_state(cell))


def train(seeds: Sequence[int], steps: int, keep: Keep = in_memory) -> Network:
    """Networks of all seeds, their arrays leading with the seed; those that diverge are NaN."""
    keys = jnp.stack([jax.random.key(seed) for seed in seeds])
    optimiser = adam(5e-3, steps)
    fits = lambda: fit_seeds(
        dale_network, TASK.sample, mean_squared_error, keys, steps=steps, optimiser=optimiser
    )
    like = lambda: eqx.filter_vmap(dale_network)(keys)
    return keep_networks(keep, "trained", like, lambda: fits().networks)


def _run(settings: StudySettings, track: Track, keep: Keep) -> "xr.Dataset":
    """Train, measure every network that learned the task, and the hand-built one."""
    import xarray as xr

    seeds = list(settings.range)
    steps, count = QUICK if settings.quick else FULL
    (networks,) = map(lambda steps: train(seeds, steps, keep), track([steps], "training"))
    key = jax.random.key(settings.seed)
    trials, held = probe_trials(key, count), TASK.sample(jax.random.fold_in(key, 1), 500)
    each = [_pick(networks, k) for k in range(len(seeds))]
    right = np.array([float(accuracy(network, held)) for network in each])
    good = right > LEARNED

    def measured(k: int, seed: int) -> dict[str, np.ndarray]:
        excites = each[k].step.excitatory
        return measure(each[k], excites, ~excites, trials, _own(seed))

    found = [
        keep(f"seed {seed}", lambda k=k, seed=seed: measured(k, seed)) if good[k] else None
        for k, seed in track(list(enumerate(seeds)), "circuits")
    ]
    (built,) = map(lambda label: _control(key), track(["hand-built"], "control"))
    rows = {"accuracy": (("seed",), right), "learned": (("seed",), good)}
    size = contrasts.QUICK if settings.quick else contrasts.FULL
    rows |= _by_seed(found, built) | _asked(each, good, seeds, size, track, keep)
    coords = {
        "seed": seeds, "epoch": list(EPOCHS), "value": list(REPLACED), "floor": list(FLOORS),
        "pair": list(PAIRS), "sign": ["excitatory", "inhibitory"],
        "asked_overlap": list(contrasts.OVERLAPS), **coordinates(size.questions),
    }  # fmt: skip
    attrs = {"trials": 6 * count, "steps": steps, "units": UNITS}
    attrs |= {"asked_trials": 2 * size.count, "asked_bases": size.search.bases}
    data = xr.Dataset(rows, coords, attrs)
    if not good.any():
        return data
    at = int(good.argmax())
    return _with_course(data, each[at], trials, seeds[at], 6 if settings.quick else 2)


def _with_course(
    data: "xr.Dataset", network: Any, trials: Trials, seed: int, stride: int
) -> "xr.Dataset":
    """The numbers, and the time course of one seed's network."""
    effects, starts = course(network, trials, _own(seed), stride)
    excites = np.asarray(network.step.excitatory)
    example = {"course": (("start", "unit"), np.asarray(effects)), "excites": ("unit", excites)}
    return data.assign(example).assign_coords(start=starts).assign_attrs(example=seed)


def _own(seed: int) -> PRNGKeyArray:
    """A seed's own key, other than that of its training."""
    return jax.random.fold_in(jax.random.key(seed), 1)


def _pick(networks: Network, at: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[at] if eqx.is_array(leaf) else leaf, networks)


def _control(key: PRNGKeyArray) -> dict[str, np.ndarray]:
    """The hand-built network's numbers, and how well its memory was recovered in each epoch."""
    planted = context_flip_flop()
    step: Any = planted.network.step
    # who reaches nobody, as a copy, is neither
    sums = step.w.sum(0)
    found = measure(planted.network, sums > 0, sums < 0, probe_trials(key, 128), key)
    truth = np.array([group.startswith("memory") for group in planted.groups])
    share = jaccard(found["circuits"], np.broadcast_to(truth, found["circuits"].shape))
    return {**found, "memory_found": share}


def _by_seed(
    found: Sequence[dict[str, np.ndarray] | None], built: dict[str, np.ndarray]
) -> dict[str, tuple]:
    """Variables by seed, NaN where one did not learn; the hand-built network's by themselves."""
    causal = ("value", "epoch")
    dims = dict.fromkeys(("effect_share", "members", "inhibitory_members", "largest"), causal)
    dims |= dict.fromkeys(("flow_share", "current_share", "rate_e", "rate_i"), ("epoch",))
    dims |= dict.fromkeys(("wire_share", "unit_share", "moving"), ())
    dims |= {"jaccard": ("value", "floor", "pair"), "sets": ("sign",)}
    rows_of = {}
    for name, own in dims.items():
        blank = np.full(np.shape(built[name]), np.nan)
        rows = [blank if row is None else row[name] for row in found]
        rows_of[name] = (("seed", *own), np.asarray(rows, float))
        rows_of[f"built_{name}"] = (own, np.asarray(built[name], float))
    rows_of["built_memory_found"] = (causal, built["memory_found"])
    return rows_of


def _asked(
    each: Sequence[Network],
    good: np.ndarray,
    seeds: Sequence[int],
    size: contrasts.Asked,
    track: Track,
    keep: Keep,
) -> dict[str, tuple]:
    """The first seeds that learned and the hand-built network asked by contrasts, as variables."""
    planted = context_flip_flop()
    control: Any = planted.network.step
    inhibits = np.asarray(control.w.sum(0)) < 0
    about = lambda: contrasts.asked(planted.network, inhibits, planted.groups, seeds[0], size)
    built = keep("hand-built asked", about)
    rows = [nothing_like(built)] * len(seeds)
    for k in track(list(np.flatnonzero(good)[: size.seeds]), "contrasts"):
        step: Any = each[k].step
        one = lambda k=k, excites=step.excitatory: contrasts.asked(
            each[k], ~np.asarray(excites), None, seeds[k], size
        )
        rows[k] = keep(f"seed {seeds[k]} asked", one)
    of_built = {f"built_{name}": own for name, own in contrasts.ASKED_DIMS.items()}
    alone = {f"built_{name}": value for name, value in built.items()}
    of_seeds = variables(stacked(rows), contrasts.ASKED_DIMS, ("seed",))
    return of_seeds | variables(alone, of_built)


CONTEXT_FLIP_FLOP = Study(
    "memory, switching and context gating in networks trained under Dale's law",
    CLAIMS,
    _run,
    judge,
    tables,
)
