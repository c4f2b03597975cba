"""What a discovery hands back: the circuit, every number behind it, and what was asked.

found = discover(subject)
found                         # one line for each epoch; a table in a notebook
found.circuit.nodes           # [E, N]: who belongs, in each epoch
found.dataset["effect"]       # [window, unit]
"""

import html
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..circuits import Circuit
from ..contrasts import Answer
from .settings import Settings
from .subject import Subject

if TYPE_CHECKING:
    import xarray as xr

HEAD = ("epoch", "units", "edges", "sufficiency", "necessity", "p(set)")


class Discovery(NamedTuple):
    """The circuit of each epoch, and what it was found from and by.

    - `circuit`: units and connections per epoch.
    - `dataset`: labelled results, see `to_dataset`.
    - `subject`, `settings`: what was asked, and how.
    - `answers`: for each epoch of each contrast its mediator, carriers and circuit.
    """

    circuit: Circuit
    dataset: "xr.Dataset"
    subject: Subject
    settings: Settings
    answers: tuple[Answer, ...] = ()

    def __repr__(self) -> str:
        trials, units = self.dataset.sizes["trial"], self.dataset.sizes["unit"]
        lines = [f"Discovery of {self.subject.name!r}: {units} units, {trials} trials"]
        lines += [
            "  ".join(f"{cell:<12}" for cell in row).rstrip() for row in (HEAD, *_rows(self))
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        cells = lambda row, tag: "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in row)
        rows = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in _rows(self))
        title = html.escape(f"Discovery of {self.subject.name!r}")
        return f"<b>{title}</b><table><tr>{cells(HEAD, 'th')}</tr>{rows}</table>"


def _rows(found: Discovery) -> list[tuple[str, ...]]:
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
