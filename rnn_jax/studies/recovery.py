"""Recovery: which method finds a planted circuit, of which kind, under how much noise.

    found = recovery({"latch": latch}, range(10))
    found["auroc"].sel(kind="latch", selector="correlation with target").mean("seed")

Nothing but the scoring at the end reads a truth.
"""

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
from .selectors import unit_scores, with_noise
from .study import Claim, Study, StudySettings, Verdict, markdown_table, verdict_on

if TYPE_CHECKING:
    import xarray as xr

NOISE = (0.0, 0.01, 0.03, 0.1, 0.3)
QUICK_KINDS = ("latch", "copies", "and-pair", "cancelled-pair", "correlated-unread")
TRIALS = 32
SOUND = 0.98
SILENT = {
    "copies": "any one of the copies may go, since the others outvote it",
    "cancelled-pair": "the source's two paths cancel, and so does every total effect of it",
}
CLAIMS = {
    "causal": Claim(
        f"the better of ablation and restoring has a mean AUROC of at least {SOUND} on every kind"
        " but those where single units show nothing by construction: " + ", ".join(SILENT),
        "an AUROC of 0.5",
        f"another kind on which both are below {SOUND}",
    ),
    "correlation": Claim(
        "correlation is defeated by unread and by high-variance units",
        "an AUROC as good as that of ablation",
        f"a mean AUROC of at least {SOUND} on correlated-unread, or variance so on"
        " high-variance-unread",
    ),
    "first order": Claim(
        "first order is defeated by redundancy and saturation",
        "an AUROC as good as that of the better exact one",
        f"a mean AUROC of at least {SOUND} on both copies and or-pair, or on both gate and"
        " dormant-path",
    ),
    "breaks": Claim(
        "every kind breaks at least one method",
        "methods that are all alike",
        f"a kind on which all methods have a mean AUROC of at least {SOUND}",
    ),
    "bounds": Claim(
        "an oracle scores 1 and random scores are at chance",
        "-",
        "an oracle below 1, or a random mean outside 0.45 to 0.55",
    ),
}


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
    over the epochs that have members and others, and `prevalence [kind]`.

    **Raises:** `ValueError` where a kind has no epoch of both.
    """
    import xarray as xr

    rows, prevalence, names = [], [], ()
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
        names = tuple(cells[0][0])
        rows.append([[[run[name] for name in names] for run in row] for row in cells])
    values = np.asarray(rows)
    dims = ("kind", "noise", "seed", "selector")
    coords = {
        "kind": list(kinds),
        "noise": list(noise),
        "seed": list(seeds),
        "selector": list(names),
    }
    variables = {
        "auroc": (dims, values[..., 0]),
        "average_precision": (dims, values[..., 1]),
        "prevalence": (("kind",), prevalence),
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
        raise ValueError(
            f"{name!r} is no planted network (rnn-jax list shows them) and no FILE.py:NAME"
        )
    thing = load_object(name)
    planted = thing if isinstance(thing, Planted) else thing()
    if not isinstance(planted, Planted):
        raise ValueError(
            f"{name} is a {type(planted).__name__}; expected a rnn_jax.planted.Planted"
        )
    return lambda: planted


def _clean(found: "xr.Dataset") -> "xr.DataArray":
    """Means over seeds without noise."""
    return found["auroc"].sel(noise=min(found["noise"].values)).mean("seed")


def _judge(found: "xr.Dataset") -> list[Verdict]:
    """What was expected of the suite, against what it gave, without noise."""
    mean = _clean(found)
    methods = [s for s in mean["selector"].values if s not in ("oracle", "random")]
    kinds = [str(kind) for kind in found["kind"].values]
    value = lambda kind, name: float(mean.sel(kind=kind, selector=name))
    best = {k: max(value(k, "exact ablation"), value(k, "exact restoring")) for k in kinds}
    missed = [f"{k} {best[k]:.2f}" for k in kinds if best[k] < SOUND and k not in SILENT]
    silent = [f"{k} {best[k]:.2f}" for k in kinds if k in SILENT]
    unbroken = [k for k in kinds if min(value(k, name) for name in methods) >= SOUND]
    floor, chance = (
        float(mean.sel(selector="oracle").min()),
        float(mean.sel(selector="random").mean()),
    )
    said = f"missed: {', '.join(missed) or 'none'}; silent by construction: {', '.join(silent)}"
    return [
        verdict_on(CLAIMS["causal"], said, not missed),
        _defeated("correlation", value, kinds, (
            (("correlated-unread", "correlation with target"),),
            (("high-variance-unread", "variance"),),
        )),
        _defeated("first order", value, kinds, (
            (("copies", "gradient"), ("or-pair", "gradient")),
            (("gate", "gradient"), ("dormant-path", "gradient")),
        )),
        verdict_on(
            CLAIMS["breaks"], f"unbroken: {', '.join(unbroken) or 'none'}", not unbroken
        ),
        verdict_on(
            CLAIMS["bounds"],
            f"oracle {floor:.2f}, random {chance:.2f}",
            floor == 1 and 0.45 <= chance <= 0.55,
        ),
    ]  # fmt: skip


def _defeated(
    claim: str,
    value: Callable[[str, str], float],
    kinds: Sequence[str],
    cases: Sequence[Sequence[tuple[str, str]]],
) -> Verdict:
    """Whether one of every case's kinds was not found; undecided where a kind was not run."""
    run = [[(k, name, value(k, name)) for k, name in case if k in kinds] for case in cases]
    said = ", ".join(f"{name} on {k} {area:.2f}" for case in run for k, name, area in case)
    whole = all(len(a) == len(b) for a, b in zip(run, cases, strict=True))
    holds = all(any(area < SOUND for *_, area in case) for case in run) if whole else None
    return verdict_on(CLAIMS[claim], said or "not run", holds)


def _tables(found: "xr.Dataset") -> str:
    """Mean areas at each noise level, then average precision without noise."""
    parts = []
    for scale in found["noise"].values:
        parts += [f"AUROC, mean (standard deviation) over seeds, noise {scale:g}:", ""]
        parts += [_table(found["auroc"].sel(noise=scale)), ""]
    least = found.sel(noise=min(found["noise"].values))
    parts += ["Average precision without noise; its chance level is the prevalence:", ""]
    return "\n".join([*parts, _table(least["average_precision"], least["prevalence"])])


def _table(areas: "xr.DataArray", prevalence: "xr.DataArray | None" = None) -> str:
    mean, spread = areas.mean("seed"), areas.std("seed")
    names = [str(name) for name in areas["selector"].values]
    rows = []
    for kind in areas["kind"].values:
        pairs = zip(mean.sel(kind=kind).values, spread.sel(kind=kind).values, strict=True)
        base = [] if prevalence is None else [f"{float(prevalence.sel(kind=kind)):.2f}"]
        rows.append([kind, *base, *(f"{m:.2f} ({s:.2f})" for m, s in pairs)])
    return markdown_table(["kind", *([] if prevalence is None else ["prevalence"]), *names], rows)


RECOVERY = Study(
    "every method on every planted network: who finds a circuit that is known",
    CLAIMS,
    _run,
    _judge,
    _tables,
)
