"""The claims of the context flip-flop, declared before their numbers, and what became of them.

    verdicts = judge(found)          # of the study's Dataset
    print(tables(found))

Means over the seeds that learned, with a bootstrap interval over them. All comparisons are
paired: a difference within each seed. Claims about contrasts are judged of five seeds, by t
intervals.
"""

from typing import TYPE_CHECKING

import numpy as np

from ..question_numbers import Said, all_done, each_seed, of_questions
from ..seeds import lies_above, over_few, over_seeds
from ..study import Claim, Verdict, markdown_table, verdict_on
from .asked import HELD, MEMORY
from .asked_tables import asked_tables, only

if TYPE_CHECKING:
    import xarray as xr

DONE = 0.9
CLAIMS = {
    "half": Claim(
        "in hold epochs, the excitatory share of the flow into the memory circuit is above 0.5",
        "a share of 0.5",
        "an interval of the share below 0.5",
    ),
    "wires": Claim(
        "in hold epochs, the excitatory share of the flow into the memory circuit is above the "
        "excitatory share of its wires",
        "the share of the same units' weights, all senders alike",
        "an interval of the difference below 0",
    ),
    "effect": Claim(
        "in hold epochs, the excitatory share of the effects is above the excitatory share of "
        "the units, 0.8",
        "a share of all effects that is the share of units, 0.8",
        "an interval of the difference below 0",
    ),
    "recruited": Claim(
        "the inhibitory share of the effects is larger at switches than in hold epochs",
        "a difference of 0",
        "an interval of the difference below 0",
    ),
    "not drive": Claim(
        "the inhibitory share of the effects is larger at switches than at ignored pulses",
        "a difference of 0",
        "an interval of the difference below 0",
    ),
    "currents": Claim(
        "the inhibitory share of the currents into the memory circuit is larger at switches than "
        "in hold epochs",
        "a difference of 0",
        "an interval of the difference below 0",
    ),
    "stays": Claim(
        "the memory circuits of early and late hold are more alike, by corrected Jaccard, than "
        "the gates of the two contexts",
        "a difference of corrected Jaccards of 0",
        "an interval of the difference below 0",
    ),
    "shared": Claim(
        "the memory circuits of the two contexts are more alike, by corrected Jaccard, than "
        "their gates",
        "a difference of corrected Jaccards of 0",
        "an interval of the difference below 0",
    ),
    "change": Claim(
        "the gates of the two contexts are less alike, by corrected Jaccard, than the gates of "
        "two halves of one context's trials",
        "a difference of corrected Jaccards of 0",
        "an interval of the difference below 0",
    ),
    "done": Claim(
        "on fresh trials, the memory's mediators, at its switch and in hold, undo and restore at "
        f"least {DONE} of what the pulse writes (one that was not found counts as 0)",
        "what random sets of equal size do",
        f"an interval of the lesser of the two below {DONE}, or of it less that of random sets "
        "below 0",
    ),
    "inhibitory": Claim(
        "the inhibitory share of the memory's mediators in hold is above the inhibitory share of "
        "the units, 0.2",
        "a share of all mediators that is the share of units, 0.2",
        "an interval of the difference below 0",
    ),
    "contexts": Claim(
        "the memory's mediators of the two contexts, in early hold, are less alike, by corrected "
        "Jaccard, than those of one context on other trials",
        "a difference of corrected Jaccards of 0",
        "an interval of the difference, contexts less other trials, above 0",
    ),
}


def differences(found: "xr.Dataset") -> dict[str, np.ndarray]:
    """Of each claim, what it says is positive, `[seed]`; NaN where a seed has no such number."""
    first = found.isel(value=0, floor=0)
    at = lambda name, epoch: first[name].sel(epoch=epoch).values
    alike = lambda pair: first["jaccard"].sel(pair=pair).values
    hold = "early hold"
    gates = alike("gates, between contexts")
    share = at("effect_share", "switch")
    return {
        "half": 0.5 - at("flow_share", hold),
        "wires": first["wire_share"].values - at("flow_share", hold),
        "effect": first["unit_share"].values - at("effect_share", hold),
        "recruited": share - at("effect_share", hold),
        "not drive": share - at("effect_share", "ignored"),
        "currents": at("current_share", "switch") - at("current_share", hold),
        "stays": alike("memory, early and late") - gates,
        "shared": alike("memory, between contexts") - gates,
        "change": alike("gates, again") - gates,
    }


def further(found: "xr.Dataset") -> dict[str, np.ndarray]:
    """What was asked once the first numbers were there: the declared ones by other measures."""
    first, second = found.isel(value=0, floor=0), found.isel(value=1, floor=0)
    at = lambda name, epoch, of=first: of[name].sel(epoch=epoch).values
    alike = lambda pair: first["jaccard"].sel(pair=pair).values
    hold, by = "early hold", str(second["value"].item())
    over_time, again = alike("memory, early and late"), alike("memory, again")
    between = alike("memory, between contexts")
    whole = alike("switch circuits, between contexts")
    change = lambda name, epoch, of=first: at(name, "switch", of) - at(name, epoch, of)
    return {
        "half, by currents": 0.5 - at("current_share", hold),
        "wires, by currents": first["wire_share"].values - at("current_share", hold),
        "effect, in equally large sets of memory's units": -np.diff(first["sets"].values)[:, 0],
        f"effect, replaced by {by}": second["unit_share"].values
        - at("effect_share", hold, second),
        f"recruited, replaced by {by}": change("effect_share", hold, second),
        f"not drive, replaced by {by}": change("effect_share", "ignored", second),
        "currents, against ignored pulses": change("current_share", "ignored"),
        "currents, of flows": change("flow_share", hold),
        "currents, of flows, against ignored pulses": change("flow_share", "ignored"),
        "stays, against whole switch circuits": over_time - whole,
        "shared, against whole switch circuits": between - whole,
        "memory again - early and late: what time changes": again - over_time,
        "memory again - between contexts: what context changes": again - between,
    }


def judge(found: "xr.Dataset") -> list[Verdict]:
    """Each claim's mean difference over seeds; undecided where its interval holds 0."""
    old = [_verdict(CLAIMS[name], values) for name, values in differences(found).items()]
    return old + [verdict_on(CLAIMS[name], *said) for name, said in by_contrasts(found).items()]


def by_contrasts(found: "xr.Dataset") -> dict[str, Said]:
    """Of each claim about contrasts, what is found and which way it falls."""
    asked = of_questions(found)
    held = only(asked, MEMORY, HELD)["inhibitory"].sel(set="mediator", drop=True)
    more = each_seed(held - found["unit_share"])
    pair = lambda name: asked["shared"].sel(overlap=name).values
    between, again = pair("memory, between contexts"), pair("memory, again")
    apart = over_few(between - again)
    above = lies_above(apart, 0.0)
    said = f"difference {apart:+.2f}: {over_few(between)} less {over_few(again)}"
    return {
        "done": all_done(only(asked, MEMORY), DONE),
        "inhibitory": (f"difference {more:+.2f}", lies_above(more, 0.0)),
        "contexts": (said, None if above is None else not above),
    }


def _said(values: np.ndarray) -> str:
    difference = over_seeds(values)
    return f"{difference:+.3f}, above 0 in {(values > 0).sum()} of {difference.count}"


def _verdict(claim: Claim, values: np.ndarray) -> Verdict:
    difference, said = over_seeds(values), f"difference {_said(values)}"
    return verdict_on(claim, said, difference.exceeds(0.0))


def tables(found: "xr.Dataset") -> str:
    """Accuracies; shares, members and rates an epoch; corrected Jaccards; the hand-built one."""
    right = found["accuracy"].values
    learned = found["learned"].values
    said = ", ".join(f"{value:.1%}" for value in right)
    lines = [
        f"Accuracy: {said}; {int(learned.sum())} of {len(learned)} seeds learned the task and "
        "count.",
        "",
        "Shares are those of inhibition: of effects (against "
        f"{_cell(found['unit_share'].values)} of the units), of flows and of currents into the "
        f"memory circuit's units (against {_cell(found['wire_share'].values)} of their weights). "
        "Means over seeds with 95 % intervals:",
        "",
        _epochs(found),
        "",
        "The claims by other measures, asked once the first numbers were there, so that nothing "
        "is claimed of them; differences as above:",
        "",
        markdown_table(("what", "found"), [(k, _said(v)) for k, v in further(found).items()]),
        "",
        "Effect, per unit, of taking out equally large sets of memory's units together in early "
        f"hold: excitatory {_cell(found['sets'].values[:, 0])}, inhibitory "
        f"{_cell(found['sets'].values[:, 1])}.",
        "",
        "Jaccard indices, corrected for chance; each circuit is found from half of a context's "
        "trials. By what replaces a unit and the floor a member must reach:",
        "",
        _alike(found),
        "",
        "The hand-built network, whose memory circuit, gates and context are known:",
        "",
        _built(found),
        "",
        asked_tables(found),
    ]
    return "\n".join(lines)


def _cell(values: np.ndarray) -> str:
    return str(over_seeds(values))


def _epochs(found: "xr.Dataset") -> str:
    first = found.isel(value=0)
    columns = {
        "members": "members", "of these inhibitory": "inhibitory_members",
        "largest effect": "largest", "share of effects": "effect_share",
        "of flows": "flow_share", "of currents": "current_share",
        "rate, excitatory": "rate_e", "rate, inhibitory": "rate_i",
    }  # fmt: skip
    rows = [
        [epoch, *(_cell(first[name].sel(epoch=epoch).values) for name in columns.values())]
        for epoch in found["epoch"].values
    ]
    second = found.isel(value=1)
    for row, epoch in zip(rows, found["epoch"].values, strict=True):
        row.append(_cell(second["effect_share"].sel(epoch=epoch).values))
    head = ["epoch", *columns, f"share of effects by {second['value'].item()}"]
    return markdown_table(head, rows)


def _alike(found: "xr.Dataset") -> str:
    values, floors = found["value"].values, found["floor"].values
    cases = [(value, floor) for value in values for floor in floors]
    rows = [
        [
            pair,
            *(_cell(found["jaccard"].sel(pair=pair, value=v, floor=f).values) for v, f in cases),
        ]
        for pair in found["pair"].values
    ]
    return markdown_table(["pair", *(f"{value}, {floor:g}" for value, floor in cases)], rows)


def _built(found: "xr.Dataset") -> str:
    first = found.isel(value=0, floor=0)
    names = {
        "members": "members", "of these inhibitory": "inhibitory_members",
        "Jaccard with the planted memory": "memory_found", "share of effects": "effect_share",
        "of flows": "flow_share", "of currents": "current_share",
    }  # fmt: skip
    value = lambda name, epoch: float(first[f"built_{name}"].sel(epoch=epoch))
    rows = [
        [epoch, *(f"{value(name, epoch):.2f}" for name in names.values())]
        for epoch in found["epoch"].values
    ]
    alike = [
        f"{pair} {float(first['built_jaccard'].sel(pair=pair)):.2f}"
        for pair in found["pair"].values
    ]
    said = f"Corrected Jaccards: {'; '.join(alike)}."
    return "\n".join([markdown_table(["epoch", *names], rows), "", said])
