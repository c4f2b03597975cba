"""A finished portrait in one folder: configuration, model, numbers, figures, report, log.

write_portrait(work, portrait(subject), log="")
"""

from dataclasses import asdict

from ..data import Workplace, filled
from ..discovery import Portrait
from .portrait_explorer import write_portrait_page
from .portrait_figures import PORTRAIT_FIGURES
from .run_folder import save_figures, write_record


def write_portrait(work: Workplace, found: Portrait, log: str) -> None:
    """Write a portrait's folder, its numbers first: a figure that fails must not lose them.

    **Arguments:**

    - `work`: where, as `rnn_jax.data.reserved` gives it.
    - `found`: what was found, from what, and how.
    - `log`: the text of `log.txt`.

    **Raises:** what the writing raises; a note names the folder of what was written until then.

    **Example:**

        >>> with rj.data.reserved(folder / "portrait") as work:
        ...     rj.report.write_portrait(work, seen, "what was said")  # of a `portrait`
        >>> (folder / "portrait" / "report.html").exists()
        True
    """
    dataset = found.dataset
    removals = {out.name: list(out.units) for out in found.outs}
    with filled(work) as folder:
        write_record(
            folder, dataset, found.subject, asdict(found.settings), log, removals=removals
        )
        save_figures(dataset, folder / "figures", PORTRAIT_FIGURES)
        write_portrait_page(dataset, folder / "report.html")
