"""What a discovery hands back: the circuit, every number behind it, and what was asked.

found = discover(subject)
found                         # one line for each epoch; a table in a notebook
found.circuit.nodes           # [E, N]: who belongs, in each epoch
found.dataset["effect"]       # [window, unit]
"""

import html
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..circuits import Circuit
from ..contrasts import Answer
from ..contrasts.answers import beside_bases
from .settings import Settings
from .subject import Subject

if TYPE_CHECKING:
    import xarray as xr

SETS = ("question", "mediator", "undoes", "restores", "circuit", "keeps", "against random axes")
HEAD = ("epoch", "units", "edges", "faithfulness", "necessity", "p(set)")


class Discovery(NamedTuple):
    """The circuit of each epoch, and what it was found from and by.

    - `circuit`: units and connections per epoch.
    - `dataset`: labelled results, see `to_dataset`.
    - `subject`, `settings`: what was asked, and how.
    - `answers`: for each epoch of each contrast its mediator, carriers and circuit.

    **Example:**

        >>> found.circuit.names, found.subject.name  # of a `discover`
        (('early', 'late'), 'mine')
    """

    circuit: Circuit
    dataset: "xr.Dataset"
    subject: Subject
    settings: Settings
    answers: tuple[Answer, ...] = ()

    def __repr__(self) -> str:
        lines = [_title(self)]
        if self.answers:
            lines += _aligned(SETS, _sets(self))
        lines += _aligned(HEAD, _rows(self))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        title = html.escape(_title(self))
        sets = _table(SETS, _sets(self)) if self.answers else ""
        return f"<b>{title}</b>{sets}{_table(HEAD, _rows(self))}"


Row = tuple[str, ...]


def _title(found: Discovery) -> str:
    """What was asked, of how much; the score where it is another than the default."""
    trials, units = found.dataset.sizes["trial"], found.dataset.sizes["unit"]
    title = f"Discovery of {found.subject.name!r}: {units} units, {trials} trials"
    score = found.dataset.attrs["metric"]
    return title if score == Settings.score else f"{title}, score {score}"


def _aligned(head: Row, rows: list[Row]) -> list[str]:
    """Rows of text in columns, none narrower than 12."""
    widths = [max(12, *(len(row[k]) for row in (head, *rows))) for k in range(len(head))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths)).rstrip()
        for row in (head, *rows)
    ]


def _table(head: Row, rows: list[Row]) -> str:
    """The same in HTML."""
    cells = lambda row, tag: "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    return f"<table><tr>{cells(head, 'th')}</tr>{body}</table>"


def _sets(found: Discovery) -> list[Row]:
    """Each question's mediator and circuit as text."""
    records = json.loads(found.dataset.attrs["circuits"])
    rows = []
    for answer in found.answers:
        by_kind = {r["kind"]: r for r in records if r["question"] == answer.name}
        if answer.note:
            rows.append((answer.name, *["-"] * 5, answer.note))
            continue
        mediator, circuit = by_kind["mediator"], by_kind["circuit"]
        of_mediator = _shares(mediator, "undone", "restored")
        rows.append((answer.name, *of_mediator, *_shares(circuit, "restored"), _beside(by_kind)))
    return rows


def _shares(record: dict, *parts: str) -> list[str]:
    """How many units, and what they do; a dash where no set is good enough."""
    count = len(record["units"])
    said = [f"{record[part][0]:.2f}" for part in parts] if count else ["-"] * len(parts)
    return [str(count) if count else "-", *said]


def _beside(by_kind: dict[str, dict]) -> str:
    """What random bases say of each set; "units" where they need more axes than it has units."""

    def said(record: dict) -> str:
        asked = record["q_bases"] is not None
        beside = (beside_bases(record) or "units") if asked else "not asked"
        fails = record["units"] and not record["holds"]
        return f"{beside}, held-out trials do not agree" if fails else beside

    return "; ".join(f"{kind}: {said(by_kind[kind])}" for kind in ("mediator", "circuit"))


def _rows(found: Discovery) -> list[Row]:
    """Each epoch's numbers as text."""
    data, circuit = found.dataset, found.circuit
    rows = []
    for e, name in enumerate(circuit.names):
        row = data.isel(epoch=e)
        share = f"{int(np.sum(circuit.nodes[e]))} of {len(circuit.units)}"
        numbers = [float(row[part]) for part in ("faithfulness", "necessity", "circuit_p")]
        said = [f"{value:.3g}" if np.isfinite(value) else "-" for value in numbers]
        rows.append((name, share, str(int(np.sum(circuit.edges[e]))), *said))
    return rows
