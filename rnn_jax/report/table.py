"""The table that a person reads first: per epoch, who matters and how well the set does.

print(epoch_table(dataset))
"""

import numpy as np
import xarray as xr

from .style import short
from .view import CONVENTION, array, failures, interval, labels, set_p, top_units

TOP = 3
AGREE = 0.8
"""Rank agreement below which two replacement values count as different answers."""


def epoch_table(dataset: xr.Dataset) -> str:
    """A plain table, one row an epoch and one a top unit, at most 100 columns wide."""
    known = "precision" in dataset
    head = f"{'epoch':<14} {'units':>8} {'edges':>6}  "
    head += f"{'sufficiency':<19} {'necessity':<19} {'p(set)':>6}"
    lines = [head + ("  prec  recall  AUROC" if known else "")]
    lines.append("-" * len(lines[0]))
    effect = array(dataset, "epoch_effect", "epoch", "unit")
    low, high = interval(dataset, "epoch_effect", "epoch", "unit")
    member = array(dataset, "member", "epoch", "unit")
    edges = array(dataset, "edge_member", "epoch", "to", "from").sum((1, 2))
    units, p = labels(dataset, "unit"), set_p(dataset)
    for e, name in enumerate(labels(dataset, "epoch")):
        row = dataset.isel(epoch=e)
        share = f"{member[e].sum()}/{len(units)}"
        line = f"{short(name, 14):<14} {share:>8} {edges[e]:>6d}  "
        line += f"{_ratio(row, 'faithfulness'):<19} {_ratio(row, 'necessity'):<19} "
        line += f"{'-' if p[e] is None else format(p[e], '.3f'):>6}"
        if known:
            line += "".join(
                f"  {float(row[part]):>{width}.2f}"
                for part, width in (("precision", 4), ("recall", 6), ("auroc", 5))
            )
        lines.append(line)
        for i in top_units(dataset, e, TOP):
            mark = "*" if member[e, i] else " "
            span = f"[{low[e, i]:.3g}, {high[e, i]:.3g}]"
            lines.append(
                f"  {mark} {short(units[i], 20):<20} effect {effect[e, i]:>10.3g}  {span}"
            )
    lines.append("")
    lines.append(
        f"{CONVENTION}, F = {dataset.attrs.get('metric', '?')}, {dataset.attrs.get('kind', '?')} "
        f"to {dataset.attrs.get('value', '?')}; * member; [95 % interval over trials]"
    )
    if said := failures(dataset):
        lines.append(said)
    agreement = dataset.get("rank_agreement")
    if agreement is not None and np.isfinite(agreement).any():
        least = float(agreement.min(skipna=True))
        said = f"rank agreement with the second replacement value: at least {least:.2f}"
        names, values = labels(dataset, "epoch"), array(dataset, "rank_agreement", "epoch")
        apart = [name for name, value in zip(names, values, strict=True) if value < AGREE]
        if apart:
            said += f"; below {AGREE}, so that the ranking hangs on the value: {', '.join(apart)}"
        lines.append(said)
    if said := _performance(dataset):
        lines.append(said)
    return "\n".join(lines)


def _performance(dataset: xr.Dataset) -> str:
    """How well the network does its task, where targets are known."""
    parts = {"r2": "R2", "accuracy": "accuracy"}
    known = [
        f"{word} {dataset.attrs[key]:.3f}" for key, word in parts.items() if key in dataset.attrs
    ]
    return f"the network does its task with {', '.join(known)} on these trials" if known else ""


def _ratio(row: xr.Dataset, name: str) -> str:
    value = float(row[name])
    if not np.isfinite(value):
        return "refused (no effect)"
    return f"{value:.2f} [{float(row[name + '_low']):.2f}, {float(row[name + '_high']):.2f}]"
