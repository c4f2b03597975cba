"""The table that a person reads first: per epoch, who matters and how well the set does.

print(epoch_table(dataset))
"""

import numpy as np
import xarray as xr

from .answers import answer_lines
from .style import short
from .view import CONVENTION, array, failures, interval, labels, set_p, top_units

TOP = 3
AGREE = 0.8
"""Rank agreement below which two replacement values count as different answers."""


def epoch_table(dataset: xr.Dataset) -> str:
    """What the contrasts found, then single units: one row for each epoch and top unit.

    **Example:**

        >>> print(rj.report.epoch_table(found.dataset).splitlines()[0])
        epoch             units  edges  faithfulness        necessity           p(set)
    """
    head = f"{'epoch':<14} {'units':>8} {'edges':>6}  "
    head += f"{'faithfulness':<19} {'necessity':<19} {'p(set)':>6}"
    head += "  prec  recall  AUROC" if "precision" in dataset else ""
    lines = [*answer_lines(dataset), head, "-" * len(head)]
    for e, p in enumerate(set_p(dataset)):
        lines.append(_epoch(dataset, e, p))
        lines += _strongest(dataset, e)
    lines.append("")
    lines.append(
        f"{CONVENTION}, F = {dataset.attrs.get('metric', '?')}, {dataset.attrs.get('kind', '?')} "
        f"to {dataset.attrs.get('value', '?')}; * member; [95 % interval over trials]"
    )
    if dataset.attrs.get("readout") == "units":
        lines.append("the network has no readout: its units are the outputs")
    lines += filter(None, (failures(dataset), _agreement(dataset), performance_line(dataset)))
    return "\n".join(lines)


def _epoch(dataset: xr.Dataset, e: int, p: float | None) -> str:
    """An epoch's circuit: its size, and how it does as a set."""
    row = dataset.isel(epoch=e)
    member = array(dataset, "member", "epoch", "unit")[e]
    edges = array(dataset, "edge_member", "epoch", "to", "from")[e].sum()
    share = f"{member.sum()}/{len(member)}"
    line = f"{short(labels(dataset, 'epoch')[e], 14):<14} {share:>8} {edges:>6d}  "
    line += f"{_ratio(row, 'faithfulness'):<19} {_ratio(row, 'necessity'):<19} "
    line += f"{'-' if p is None else format(p, '.3f'):>6}"
    if "precision" in dataset:
        line += "".join(
            f"  {float(row[part]):>{width}.2f}"
            for part, width in (("precision", 4), ("recall", 6), ("auroc", 5))
        )
    return line


def _strongest(dataset: xr.Dataset, e: int) -> list[str]:
    """The units of largest effect in an epoch, members marked."""
    units, member = labels(dataset, "unit"), array(dataset, "member", "epoch", "unit")
    effect = array(dataset, "epoch_effect", "epoch", "unit")
    low, high = interval(dataset, "epoch_effect", "epoch", "unit")
    return [
        f"  {'*' if member[e, i] else ' '} {short(units[i], 20):<20} effect {effect[e, i]:>10.3g}"
        f"  [{low[e, i]:.3g}, {high[e, i]:.3g}]"
        for i in top_units(dataset, e, TOP)
    ]


def _agreement(dataset: xr.Dataset) -> str:
    """Whether the ranking hangs on the value that units are replaced with."""
    if "rank_agreement" not in dataset:
        return ""
    values = array(dataset, "rank_agreement", "epoch")
    if not np.isfinite(values).any():
        return ""
    said = f"rank agreement with the second replacement value: at least {np.nanmin(values):.2f}"
    names = labels(dataset, "epoch")
    apart = [name for name, value in zip(names, values, strict=True) if value < AGREE]
    if apart:
        said += f"; below {AGREE}, so the ranking depends on the value: {', '.join(apart)}"
    return said


def performance_line(dataset: xr.Dataset) -> str:
    """How near outputs are to targets, where these are known."""
    parts = {"r2": "R2", "accuracy": "accuracy"}
    known = [
        f"{word} {dataset.attrs[key]:.3f}" for key, word in parts.items() if key in dataset.attrs
    ]
    return f"outputs against targets, on these trials: {', '.join(known)}" if known else ""


def _ratio(row: xr.Dataset, name: str) -> str:
    value = float(row[name])
    if not np.isfinite(value):
        return "refused (no effect)"
    return f"{value:.2f} [{float(row[name + '_low']):.2f}, {float(row[name + '_high']):.2f}]"
