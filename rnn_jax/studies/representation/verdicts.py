"""What is claimed of an easy and a hard feature, how it is judged, and its tables.

judge(found)      # a verdict on every claim
tables(found)     # Markdown

A claim must hold of both cells. Intervals are bootstraps over seeds.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from ...circuits import benjamini_hochberg, ratio_of_means, sign_test_p
from ..seeds import Estimate, all_of, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on

if TYPE_CHECKING:
    import xarray as xr

LEARNED, FULL, FOLLOWS, APART = 0.99, 0.9, 0.05, 0.1
CLAIMS = {
    "learned": Claim(
        f"both outputs are right on at least {LEARNED:g} of the trials, in every network",
        "an accuracy of 0.5",
        "a network below it; the other claims then speak of networks that did not learn",
    ),
    "variance": Claim(
        "in the delay, the hard feature explains a smaller share of the variance than the easy "
        "feature",
        "a ratio of the two shares, hard over easy, of 1",
        "an interval of the ratio above 1",
    ),
    "role": Claim(
        f"the role of the hard feature's plane for its own output is at least {FULL} of the role "
        "of the easy feature's plane for its own output",
        "the role of a random plane",
        f"an interval of the ratio of the two roles below {FULL}",
    ),
    "follows": Claim(
        f"each output stays right on at most {FOLLOWS} of the trials when its own feature is "
        f"interchanged, and on at least {1 - FOLLOWS:g} when the other feature is",
        "no change of accuracy by a random plane",
        "an interval of one of the four accuracies on the wrong side of its limit",
    ),
    "by variance": Claim(
        "the precision of variance is lower for the units of the hard output than for those of "
        "the easy output",
        "no difference of the two precisions",
        "an interval of the difference, hard less easy, above 0",
    ),
    "by correlation": Claim(
        "the precision of correlation with the output's own target is lower for the units of the "
        "hard output than for those of the easy output",
        "no difference of the two precisions",
        "an interval of the difference, hard less easy, above 0",
    ),
    "by gradient": Claim(
        f"the precision of the gradient is at most {APART} lower for the units of the hard "
        "output than for those of the easy output",
        "a difference like that of variance",
        f"an interval of the difference, hard less easy, below -{APART}",
    ),
}


def judge(found: "xr.Dataset") -> list[Verdict]:
    """What was claimed, against what was found."""
    worst = found["accuracy"].min(("seed", "output"))
    said = ", ".join(f"{cell} {float(worst.sel(cell=cell)):.3f}" for cell in worst["cell"].values)
    return [
        verdict_on(CLAIMS["learned"], f"worst: {said}", bool((worst >= LEARNED).all())),
        _of_cells("variance", found, lambda cell: [(_ratio(_shares(cell)), "below", 1.0)]),
        _of_cells("role", found, lambda cell: [(_ratio(_own(cell["role"])), "above", FULL)]),
        _of_cells("follows", found, _followed),
        *(
            _of_cells(claim, found, lambda cell, name=name, at=at: [(_apart(cell, name), *at)])
            for claim, name, at in (
                ("by variance", "variance", ("below", 0.0)),
                ("by correlation", "correlation with target", ("below", 0.0)),
                ("by gradient", "gradient", ("above", -APART)),
            )
        ),
    ]


def _of_cells(
    claim: str,
    found: "xr.Dataset",
    ask: "Callable[[xr.Dataset], list[tuple[Estimate, str, float]]]",
) -> Verdict:
    """A claim that must hold of both cells; refuted where one interval is on the other side."""
    fell, said = [], []
    for cell in found["cell"].values:
        asked = ask(found.sel(cell=cell))
        fell += [_side(*each) for each in asked]
        said.append(f"{cell} " + "; ".join(f"{estimate}" for estimate, *_ in asked))
    return verdict_on(CLAIMS[claim], ", ".join(said), all_of(fell))


def _side(estimate: Estimate, side: str, limit: float) -> bool | None:
    """Whether an interval lies on a side of a limit; `None` where it straddles, or was refused."""
    above = estimate.exceeds(limit)
    return above if side == "above" or above is None else not above


def _ratio(pair: "tuple[xr.DataArray, xr.DataArray]") -> Estimate:
    """Of means over seeds, hard over easy."""
    easy, hard = (jnp.asarray(values.values) for values in pair)
    ratio = ratio_of_means(hard, easy, jax.random.key(0))
    return Estimate(float(ratio.estimate), float(ratio.low), float(ratio.high), easy.size)


def _shares(cell: "xr.Dataset") -> "tuple[xr.DataArray, xr.DataArray]":
    share = cell["share"].sel(network="trained")
    return share.sel(part="easy"), share.sel(part="hard")


def _own(roles: "xr.DataArray") -> "tuple[xr.DataArray, xr.DataArray]":
    """Of each feature for its own output."""
    coding = roles.sel(plane="coding")
    return coding.sel(feature="easy", output="easy"), coding.sel(feature="hard", output="hard")


def _followed(cell: "xr.Dataset") -> list[tuple[Estimate, str, float]]:
    left = cell["patched_accuracy"].sel(plane="coding")
    at = lambda feature, output: over_seeds(left.sel(feature=feature, output=output))
    own = [(at(f, f), "below", FOLLOWS) for f in ("easy", "hard")]
    other = [
        (at("easy", "hard"), "above", 1 - FOLLOWS),
        (at("hard", "easy"), "above", 1 - FOLLOWS),
    ]
    return own + other


def _differences(cell: "xr.Dataset", truth: str = "single") -> "xr.DataArray":
    """Precision for the hard output less that for the easy one."""
    precision = cell["precision"].sel(truth=truth)
    return precision.sel(output="hard") - precision.sel(output="easy")


def _apart(cell: "xr.Dataset", selector: str) -> Estimate:
    return over_seeds(_differences(cell).sel(selector=selector))


def tables(found: "xr.Dataset") -> str:
    """Shares of variance, roles, and precisions of every method, for each cell."""
    parts = []
    for cell in found["cell"].values:
        one = found.sel(cell=cell)
        parts += [f"### {cell}", "", "Share of the variance over trials in the delay:", ""]
        parts += [_share_table(one), "", _ROLES, "", _role_table(one), ""]
        for truth, which in _TRUTHS.items():
            overlap = str(over_seeds(one["overlap"].sel(truth=truth)))
            parts += [
                f"Precision for the {found.attrs['sought']} units {which}; the sets of the two "
                f"outputs have a Jaccard index of {overlap}{_harm(one, truth)}:",
                "", _precision_table(one, truth), "",
            ]  # fmt: skip
    return "\n".join(parts)


def _harm(cell: "xr.Dataset", truth: str) -> str:
    """What the sets do together, which is known of those that were grown."""
    if truth != "greedy":
        return ""
    easy, hard = (over_seeds(cell["harm"].sel(output=o)) for o in ("easy", "hard"))
    return f", and turn their outputs round by {easy} (easy) and {hard} (hard)"


_ROLES = (
    "Role of a feature's plane for each output (1: turned into its opposite), and the accuracy "
    "that is left; mean over seeds with its interval:"
)
_PATCHED = ("role", "patched_accuracy")
_TRUTHS = {
    "single": "of largest effect, each alone",
    "greedy": "that do most harm together, grown one by one",
}


def _share_table(cell: "xr.Dataset") -> str:
    share = cell["share"]
    rows = [
        [
            str(network),
            *(str(over_seeds(share.sel(network=network, part=p))) for p in share["part"]),
        ]
        for network in share["network"].values
    ]
    return markdown_table(["weights", *share["part"].values], rows)


def _role_table(cell: "xr.Dataset") -> str:
    rows = []
    for plane in cell["plane"].values:
        for feature in cell["feature"].values:
            both = [cell[name].sel(plane=plane, feature=feature) for name in _PATCHED]
            row = [str(over_seeds(of.sel(output=o))) for of in both for o in ("easy", "hard")]
            rows.append([str(plane), str(feature), *row])
    head = ["plane", "feature put in", "role for easy", "role for hard"]
    return markdown_table([*head, "accuracy of easy", "accuracy of hard"], rows)


def _precision_table(cell: "xr.Dataset", truth: str) -> str:
    precision, apart = cell["precision"].sel(truth=truth), _differences(cell, truth)
    p = sign_test_p(apart.transpose("selector", "seed").values)
    q = benjamini_hochberg(p)
    order = np.argsort(-precision.sel(output="easy").mean("seed").values)
    rows = []
    for k in order:
        name = str(precision["selector"].values[k])
        of = lambda values, name=name: str(over_seeds(values.sel(selector=name)))
        both = [of(precision.sel(output=o)) for o in ("easy", "hard")]
        rows.append([name, *both, of(apart), f"{float(p[k]):.3f}", f"{q[k]:.3f}"])
    return markdown_table(
        ["method", "easy", "hard", "hard less easy", "p of the sign test", "q"], rows
    )
