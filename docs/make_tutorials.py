"""Make the pages of the tutorials: each notebook run at full size, with what it prints and draws.

    python docs/make_tutorials.py                  # all of them: two hours on two cores
    python docs/make_tutorials.py 03_pytorch       # one

It needs the extra `test`, and `nbconvert`. Pages are kept: CI runs the notebooks at a small size,
and the site shows these.
"""

import io
import sys
from pathlib import Path

import jupytext
from nbconvert.exporters import MarkdownExporter
from nbconvert.preprocessors import ExecutePreprocessor
from PIL import Image

DOCS = Path(__file__).parent
NOTEBOOKS, PAGES = DOCS.parent / "notebooks", DOCS / "tutorials"
WIDTH = 900

HEAD = """!!! note
    `{name}`, run at full size. How to open it as a notebook: [tutorials](../tutorials.md).
"""


def page(source: Path) -> None:
    """Run a notebook, and write its page and pictures."""
    notebook = jupytext.read(source)
    run = ExecutePreprocessor(timeout=None, kernel_name="python3")
    run.preprocess(notebook, {"metadata": {"path": str(source.parent)}})
    for cell in notebook.cells:
        # progress bars and warnings of a terminal
        shown = [o for o in cell.get("outputs", []) if o.get("name") != "stderr"]
        if cell.cell_type == "code":
            cell.outputs = shown
    text, kept = MarkdownExporter().from_notebook_node(notebook)
    for old, picture in kept["outputs"].items():
        new = f"{source.stem}-{old.removeprefix('output_')}"
        small(picture, PAGES / new)
        text = text.replace(f"({old})", f"({new})")
    title, rest = text.split("\n", 1)
    head = HEAD.format(name=f"notebooks/{source.name}")
    (PAGES / f"{source.stem}.md").write_text(f"{title}\n\n{head}\n{rest.strip()}\n", "utf-8")


def small(picture: bytes, path: Path) -> None:
    """A picture of the page's width, in few colors."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.LANCZOS)
    image.quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1).save(path, optimize=True)


if __name__ == "__main__":
    PAGES.mkdir(exist_ok=True)
    names = sys.argv[1:] or sorted(path.stem for path in NOTEBOOKS.glob("*.py"))
    for name in names:
        page(NOTEBOOKS / f"{name}.py")
