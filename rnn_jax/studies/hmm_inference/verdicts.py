"""What the study of inference claims, how its numbers are judged, and its tables.

    verdicts = judge(found)         # of `hmm_inference.inference`
    print(tables(found))

Accuracies are compared as ratios within a seed, `a / b`; "within 2 %" is a ratio of at least 0.98.
An interval is of the mean over seeds, by bootstrap over seeds. Where a claim is about several
networks, it holds if it does for each of them, and is refuted if it is for any.

Claims about contrasts speak of the mean over a network's questions; of their five seeds intervals
are t intervals.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ...circuits import sign_test_p
from ..question_numbers import Said, all_done, fewer, gain, of_questions
from ..seeds import Estimate, all_of, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on
from .asked_tables import asked_tables
from .networks import BUILT

if TYPE_CHECKING:
    import xarray as xr

WITHIN = 0.98
DONE, GAIN = 0.9, 0.1
CLAIMS = {
    "bayes": Claim(
        "the accuracy of trained networks is at least 0.98 of that of the Bayes filter",
        "the accuracy of the sign of each observation",
        "an interval of the ratio that lies below 0.98, for any kind of network",
    ),
    **{
        f"alone, {who}": Claim(
            "without noise, the accuracy of the circuit alone is at least 0.98 of that of the "
            f"whole network: {who}",
            "the accuracy of random sets of equal size",
            "an interval of the ratio that lies below 0.98",
        )
        for who in (BUILT, "trained")
    },
    **{
        f"noise, {who}": Claim(
            "at every level of state noise, the accuracy of the circuit alone is at least 0.98 "
            f"of that of the whole network in the same noise: {who}",
            "the accuracy of random sets of equal size",
            "an interval of the ratio that lies below 0.98 at some level",
        )
        for who in (BUILT, "trained")
    },
    **{
        f"correlation, {who}": Claim(
            "at some level of noise, the accuracy of the set of equal size chosen by correlation "
            f"is below 0.98 of that of the whole network, and below that of the circuit: {who}",
            "a set as good as the circuit",
            "intervals of its ratio above 0.98 at every level, or below 0 at every level of the "
            "circuit's accuracy less its own",
        )
        for who in (BUILT, "trained")
    },
    "done": Claim(
        f"on fresh trials, an observation's mediators undo and restore at least {DONE} of what it "
        "changes (one that was not found counts as 0): trained",
        "what random sets of equal size do",
        f"an interval of the lesser of the two below {DONE}, or of it less that of random sets "
        "below 0, for any kind of network",
    ),
    "gain": Claim(
        f"on fresh trials, an observation's mediators do more by over {GAIN} than as many units "
        "chosen by their correlation with what it changes in the output: trained",
        f"a difference of {GAIN}",
        f"an interval of the difference below {GAIN}, for any kind of network",
    ),
    "fewer": Claim(
        "the circuit of an observation needs fewer units than random bases need axes: trained",
        "as many: a mean logarithm of the ratio, units to the median of axes, of 0",
        "an interval of the ratio above 1, for any kind of network",
    ),
}
BY_CONTRASTS: dict[str, "Callable[[xr.Dataset], Said]"] = {
    "done": partial(all_done, least=DONE),
    "gain": partial(gain, rival="correlation", least=GAIN),
    "fewer": partial(fewer, kind="circuit"),
}
"""How each claim about contrasts is judged, of one kind of network."""


def judge(found: "xr.Dataset") -> list[Verdict]:
    """The verdict on each claim."""
    kinds = [str(kind) for kind in found["network"].values]
    trained = [kind for kind in kinds if kind != BUILT]
    about = {BUILT: [kind for kind in kinds if kind == BUILT], "trained": trained}
    verdicts = [_over("bayes", found, trained, _bayes)]
    parts = (("alone", _alone), ("noise", _in_noise), ("correlation", _correlation))
    for claim, judged in parts:
        verdicts += [_over(f"{claim}, {who}", found, of, judged) for who, of in about.items()]
    asked = of_questions(found)
    return verdicts + [_over(name, asked, trained, by) for name, by in BY_CONTRASTS.items()]


def _over(
    claim: str,
    found: "xr.Dataset",
    kinds: Sequence[str],
    judged: "Callable[[xr.Dataset], Said]",
) -> Verdict:
    """A claim about several kinds: refuted by any, held by all."""
    each = [judged(found.sel(network=kind)) for kind in kinds]
    said = "; ".join(f"{kind}: {text}" for kind, (text, _) in zip(kinds, each))
    fell = [holds for _, holds in each]
    return verdict_on(CLAIMS[claim], said or "not run", all_of(fell))


def _within(ratio: Estimate) -> bool | None:
    return ratio.exceeds(WITHIN)


def _bayes(found: "xr.Dataset") -> Said:
    ratio = over_seeds(_accuracy(found, "whole").sel(noise=0.0) / found["bayes"])
    return f"{ratio:.3f}, R² of log-odds {over_seeds(found['r2']):.3f}", _within(ratio)


def _alone(found: "xr.Dataset") -> Said:
    ratio = lambda name: over_seeds(
        (_accuracy(found, name) / _accuracy(found, "whole")).sel(noise=0.0)
    )
    said = f"{ratio('circuit'):.3f} with {over_seeds(found['size']):.3f} of the units"
    return f"{said}; random sets {ratio('random'):.3f}", _within(ratio("circuit"))


def _in_noise(found: "xr.Dataset") -> Said:
    ratios = _by_level(_accuracy(found, "circuit") / _accuracy(found, "whole"), 0.95)
    worst = min(ratios, key=lambda level: ratios[level].mean)
    each = [_within(ratio) for ratio in ratios.values()]
    return f"lowest at noise {worst:g}: {ratios[worst]:.3f}", all_of(each)


def _correlation(found: "xr.Dataset") -> Said:
    circuit, rival = _accuracy(found, "circuit"), _accuracy(found, "correlation")
    # "at some level" is as many looks as levels
    level = 1 - 0.05 / (found["noise"].size - 1)
    ratios = _by_level(rival / _accuracy(found, "whole"), level)
    gains = _by_level(circuit - rival, level)
    falls = any(ratios[at].high < WITHIN and gains[at].low > 0 for at in ratios)
    stays = all(ratio.low >= WITHIN for ratio in ratios.values())
    better = all(gain.high < 0 for gain in gains.values())
    worst = min(ratios, key=lambda at: ratios[at].mean)
    gain = (circuit - rival).sel(noise=list(ratios)).mean("noise")
    p = float(sign_test_p(gain.values))
    said = (
        f"lowest ratio at noise {worst:g}: {ratios[worst]:.3f}; circuit less correlation, mean of "
        f"levels, {over_seeds(gain):.3f}, sign test p = {p:.2g}"
    )
    return said, True if falls else False if stays or better else None


def _accuracy(found: "xr.Dataset", name: str) -> "xr.DataArray":
    """By the network's own readout, `[seed, noise]`."""
    return found["accuracy"].sel(decoder="readout", set=name, drop=True)


def _by_level(values: "xr.DataArray", level: float) -> dict[float, Estimate]:
    """The mean at each level of noise above 0."""
    return {
        float(at): over_seeds(values.sel(noise=at), level)
        for at in values["noise"].values
        if at > 0
    }


def tables(found: "xr.Dataset") -> str:
    """The networks, what contrasts say, and accuracies at every level by both decoders."""
    parts = [_networks(found), "", asked_tables(found), ""]
    ways = {
        "readout": "by the network's own readout",
        "linear": "by a least-squares decoder of the kept units",
    }
    for kind in found["network"].values:
        for way, said in ways.items():
            values = found["accuracy"].sel(network=kind, decoder=way)
            rows = [
                (f"{at:g}", *(_short(values.sel(noise=at, set=s)) for s in values["set"].values))
                for at in values["noise"].values
            ]
            parts += [f"{kind}: accuracy {said}, mean over seeds [95 % interval]:", ""]
            parts += [markdown_table(("noise", *values["set"].values), rows), ""]
    return "\n".join(parts)


def _networks(found: "xr.Dataset") -> str:
    head = (
        "network", "accuracy", "Bayes filter", "memoryless", "R² of log-odds", "circuit's share",
        "Jaccard with correlation", "with readout correlation", "with variance",
        "mean against resample", "AUROC of ablation", "of correlation",
    )  # fmt: skip
    rows = []
    for kind in found["network"].values:
        of = found.sel(network=kind)
        shared = [of["jaccard"].sel(ranking=name) for name in of["ranking"].values[1:4]]
        areas = [of["auroc"].sel(ranking=name) for name in ("circuit", "correlation")]
        whole = _accuracy(of, "whole").sel(noise=0.0)
        cells = [whole, of["bayes"], of["memoryless"], of["r2"], of["size"], *shared]
        rows.append((kind, *(_short(values) for values in [*cells, of["agreement"], *areas])))
    return markdown_table(head, rows)


def _short(values: "xr.DataArray") -> str:
    return "-" if bool(values.isnull().any()) else f"{over_seeds(values):.3f}"
