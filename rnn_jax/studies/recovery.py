"""Recovery: which method finds a planted circuit, of which kind, under how much noise.

    found = recovery({"latch": latch}, range(10))
    found["auroc"].sel(kind="latch", selector="correlation with target").mean("seed")

Nothing but the scoring at the end reads a truth.
"""

import difflib
import inspect
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PRNGKeyArray

from ..circuits import auroc, average_precision
from ..data import load_object
from ..planted import PLANTED, Planted
from .causes import Track
from .recovery_verdicts import CLAIMS, judge, tables
from .rotated import kept
from .selectors import unit_scores, with_noise
from .study import Study, StudySettings

if TYPE_CHECKING:
    import xarray as xr

NOISE = (0.0, 0.01, 0.03, 0.1, 0.3)
QUICK_KINDS = ("latch", "copies", "and-pair", "cancelled-pair", "correlated-unread")
TRIALS = 32


def recovery(
    kinds: Mapping[str, Callable[[], Planted]],
    seeds: Sequence[int],
    noise: Sequence[float] = NOISE,
    count: int = TRIALS,
    track: Track = lambda items, label: items,
) -> "xr.Dataset":
    """Every method on every kind, noise level and seed.

    **Arguments:**

    - `kinds`: by name, what makes a planted network.
    - `seeds`: of the draws of trials, each with its own noise.
    - `noise`: standard deviations of what is added to the inputs.
    - `count`: trials a draw.
    - `track`: shows progress.

    **Returns:** a Dataset of `auroc`, `average_precision` `[kind, noise, seed, selector]`, means
    over the epochs that have members and others; `prevalence [kind]`; and `kept [kind, seed,
    form]`, the faithfulness of the strongest units as built and rotated.

    **Raises:** `ValueError` where a kind has no epoch of both.
    """
    import xarray as xr

    rows, prevalence, forms, names = [], [], [], ()
    for kind in track(list(kinds), "recovery"):
        planted = kinds[kind]()
        nodes = jnp.stack(list(planted.truth.nodes.values())) > 0
        mixed = np.asarray(nodes.any(1) & ~nodes.all(1))
        if not mixed.any():
            raise ValueError(f"{kind} has no epoch in which some units belong and some do not")
        prevalence.append(float(nodes[mixed].mean()))
        # a key of its own for each kind, else the random scores of all kinds would be the same
        own = jax.random.key(zlib.crc32(kind.encode()))
        key = lambda seed, own=own: jax.random.fold_in(own, seed)
        cells = [[_once(planted, key(seed), scale, count) for seed in seeds] for scale in noise]
        forms.append([kept(planted, key(seed), count) for seed in seeds])
        names = tuple(cells[0][0])
        rows.append([[[run[name] for name in names] for run in row] for row in cells])
    values = np.asarray(rows)
    dims = ("kind", "noise", "seed", "selector")
    coords = {
        "kind": list(kinds),
        "noise": list(noise),
        "seed": list(seeds),
        "selector": list(names),
        "form": ["built", "rotated"],
    }
    variables = {
        "auroc": (dims, values[..., 0]),
        "average_precision": (dims, values[..., 1]),
        "prevalence": (("kind",), prevalence),
        "kept": (("kind", "seed", "form"), np.asarray(forms)),
    }
    return xr.Dataset(variables, coords, {"trials": count})


def _once(
    planted: Planted, key: PRNGKeyArray, scale: float, count: int
) -> dict[str, tuple[float, float]]:
    """One draw: each method's two areas, and those of an oracle."""
    draw, noise_key, method_key = jax.random.split(key, 3)
    trials = with_noise(planted.sample(draw, count), scale, noise_key)
    scores = unit_scores(planted.network, trials, method_key)
    nodes = jnp.stack([planted.truth.nodes[name] for name in trials.epochs]) > 0
    mixed = nodes.any(1) & ~nodes.all(1)
    scores["oracle"] = nodes.astype(jnp.zeros(()).dtype)
    areas = lambda of, score: float(jnp.mean(jax.vmap(of)(score[mixed], nodes[mixed])))
    both = lambda score: (areas(auroc, score), areas(average_precision, score))
    return {name: both(score) for name, score in scores.items()}


def _run(settings: StudySettings, track: Track) -> "xr.Dataset":
    names = settings.kinds or (QUICK_KINDS if settings.quick else tuple(PLANTED))
    noise = (NOISE[0], NOISE[-2]) if settings.quick else NOISE
    return recovery({name: _maker(name) for name in names}, settings.range, noise, TRIALS, track)


def _maker(name: str) -> Callable[[], Planted]:
    """What makes a kind: built in, or a `Planted` (or what makes one) in a user's file."""
    if name in PLANTED:
        return PLANTED[name].make
    if ".py:" not in name:
        near = difflib.get_close_matches(name, PLANTED, 1)
        hint = f"; perhaps you meant {near[0]}" if near else " (rnn-jax list shows them)"
        raise ValueError(f"{name!r} is no planted network and no FILE.py:NAME{hint}")
    thing = load_object(name)
    planted = thing() if inspect.isfunction(thing) else thing
    if not isinstance(planted, Planted):
        raise ValueError(
            f"{name} is a {type(planted).__name__}; expected a rnn_jax.planted.Planted"
        )
    return lambda: planted


RECOVERY = Study(
    "every method on every planted network: who finds a circuit that is known",
    CLAIMS,
    _run,
    judge,
    tables,
)
