"""Make the gallery: each built-in network with a picture and its report, each study with its page.

    python docs/make_gallery.py runs        # an hour; runs/NAME is used where it is there
    python docs/make_gallery.py runs latch  # this picture and report alone

`rnn-jax discover NAME` with no options, the data of its `report.html`, and `figures/effects.png`.
Building the site makes the reports of the data (`gallery_pages.py`): all have today's page.
"""

import json
import subprocess
import sys
from pathlib import Path

import xarray as xr
from PIL import Image

from rnn_jax.planted import PLANTED
from rnn_jax.report.explorer import payload
from rnn_jax.studies import STUDIES
from rnn_jax.tasks import TASKS, Entry

DOCS = Path(__file__).parent
GALLERY = DOCS / "gallery"
PICTURES = {
    "recovery": "recovery-auroc",
    "hmm-inference": "hmm-inference-asked-methods",
    "context-flip-flop": "context-flip-flop-course",
    "representation-vs-role": "representation-vs-role-represented",
    "trained-circuits": "trained-circuits-methods",
    "hmm-emulation": "hmm-emulation-orbits",
    "hmm-resonance": "hmm-resonance-scales",
    "visual-behavior": "visual-behavior-course",
}
"""Of each study the picture that tells most."""
WIDTH = 640

HEAD = """# Gallery

Networks that come with the package, as `rnn-jax discover NAME` finds them. A picture leads to
the interactive report of that run (made when the site is built), and *Code* to what makes the
network. A row is a unit, and a column is a window in time. Color is the effect of holding the
unit at its mean there; outlines are the planted truth. `python docs/make_gallery.py runs` makes
all of it again.
"""


def kept(name: str, runs: Path) -> None:
    """The data of a network's report, and a small picture."""
    run = runs / name
    if not (run / "report.html").exists():
        subprocess.run(["rnn-jax", "discover", name, "--out", run], check=True)
    data = payload(xr.load_dataset(run / "results.nc", engine="h5netcdf"))
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    (GALLERY / f"{name}.json").write_text(f"{text}\n", "utf-8")
    small(run / "figures" / "effects.png", GALLERY / f"{name}.png")


def small(source: Path, target: Path) -> None:
    """A picture of the gallery's width, with colors near its own: a palette of the most common
    would turn the rare ones, as those of a bar, into others."""
    picture = Image.open(source).convert("RGB")
    height = round(picture.height * WIDTH / picture.width)
    picture = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
    picture.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1).save(target, optimize=True)


def card(title: str, picture: str, link: str, text: str, code: str) -> str:
    """One entry: a picture that leads on, a line, and where its code is told."""
    image = f"[![{title}]({picture}){{ loading=lazy }}]({link})"
    return f"-   {image}\n\n    **[{title}]({link})**: {text}. {code}\n"


def page() -> str:
    """The gallery's Markdown."""
    of_task = {name: f"rnn_jax.tasks.{entry.make.__name__}" for name, entry in TASKS.items()}
    groups = {
        "Built networks": [
            of_network(name, entry, of_planted(entry)) for name, entry in PLANTED.items()
        ],
        "Tasks, each with a network trained on the spot": [
            of_network(name, entry, of_task[name]) for name, entry in TASKS.items()
        ],
        "Studies": [of_study(name) for name in STUDIES],
    }
    wall = '## {}\n\n<div class="grid cards" markdown>\n\n{}\n</div>\n'
    return "\n".join([HEAD, *(wall.format(title, "\n".join(c)) for title, c in groups.items())])


def of_network(name: str, entry: Entry, place: str) -> str:
    """A network's card: its picture leads to its report."""
    text = entry.about.split(": ", 1)[1]
    return card(name, f"{name}.png", f"{name}.html", text, f"[Code][{place}]")


def of_planted(entry: Entry) -> str:
    """Where the function of a planted network is told: those named as their file stand apart."""
    module, name = entry.make.__module__, entry.make.__name__
    return f"{module}.{name}" if module.endswith(f".{name}") else f"rnn_jax.planted.{name}"


def of_study(name: str) -> str:
    """A study's card: its picture leads to its page."""
    package = STUDIES[name].run.__module__.split(".")[2]
    picture, text = f"../studies/{PICTURES[name]}.png", STUDIES[name].about
    return card(name, picture, f"../studies/{name}.md", text, f"`rnn_jax/studies/{package}/`")


if __name__ == "__main__":
    GALLERY.mkdir(exist_ok=True)
    runs, *asked = sys.argv[1:]
    for name in asked or (*PLANTED, *TASKS):
        kept(name, Path(runs))
    (GALLERY / "README.md").write_text(page())
