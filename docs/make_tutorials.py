"""Make the pages of the tutorials anew: run the notebooks at full size, and keep their outputs.

python docs/make_tutorials.py                 # all; needs the extra `test`
python docs/make_tutorials.py 02_flip_flop
"""

import sys
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run each notebook and write it, with its outputs, into `docs/tutorials`."""
    folder = ROOT / "docs" / "tutorials"
    folder.mkdir(exist_ok=True)
    names = sys.argv[1:] or [p.stem for p in sorted((ROOT / "notebooks").glob("*.py"))]
    for name in names:
        print(name)
        notebook = jupytext.read(ROOT / "notebooks" / f"{name}.py")
        NotebookClient(notebook, timeout=1800).execute()
        nbformat.write(notebook, folder / f"{name}.ipynb")


if __name__ == "__main__":
    main()
