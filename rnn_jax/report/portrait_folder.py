"""A finished portrait in one folder: configuration, model, numbers, figures, report, log.

write_portrait(work, portrait(subject), log="")
"""

import json
from dataclasses import asdict

from ..data import Workplace, filled
from ..discovery import Portrait
from ..training import save_model
from .portrait_explorer import write_portrait_page
from .portrait_figures import PORTRAIT_FIGURES
from .run_folder import write_json, write_netcdf


def write_portrait(work: Workplace, found: Portrait, log: str) -> None:
    """Write a portrait's folder, its numbers first: a figure that fails must not lose them.

    **Arguments:**

    - `work`: where, as `rnn_jax.data.reserved` gives it.
    - `found`: what was found, from what, and how.
    - `log`: the text of `log.txt`.

    **Raises:** what the writing raises; a note names the folder of what was written until then.
    """
    dataset, subject = found.dataset, found.subject
    with filled(work) as folder:
        write_netcdf(folder / "results.nc", dataset)
        config = {
            "subject": subject.name,
            "origin": subject.origin,
            "settings": asdict(found.settings),
            "removals": {out.name: list(out.units) for out in found.outs},
            "command": dataset.attrs.get("command", ""),
            "versions": json.loads(dataset.attrs["versions"]),
        }
        write_json(folder / "config.json", config)
        (folder / "log.txt").write_text(log, "utf-8")
        save_model(folder / "model.eqx", subject.network, subject.origin)
        figures = folder / "figures"
        figures.mkdir()
        for name, draw in PORTRAIT_FIGURES.items():
            if (figure := draw(dataset)) is not None:
                figure.savefig(figures / f"{name}.png", dpi=150)
        write_portrait_page(dataset, folder / "report.html")
