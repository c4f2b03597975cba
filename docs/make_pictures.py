"""Make the pictures of the concepts and how-tos anew: run their own Python blocks.

    python docs/make_pictures.py                     # all
    python docs/make_pictures.py concepts/windows    # one page

What a page shows is what its code saves.
"""

import os
import sys
from pathlib import Path

import matplotlib

DOCS = Path(__file__).parent
FENCE = "```python\n"


def blocks(page: Path) -> str:
    """The Python of a page, but for blocks that it marks as not to be run."""
    before, *parts = page.read_text().split(FENCE)
    code = []
    for part in parts:
        block, _, after = part.partition("```")
        if "skip: next" not in before:
            code.append(block)
        before = after
    return "\n".join(code)


def main() -> None:
    """Run the pages in the folder of the pictures."""
    matplotlib.use("Agg")
    pages = [DOCS / f"{name}.md" for name in sys.argv[1:]]
    pages = pages or [p for p in sorted(DOCS.glob("*/*.md")) if "savefig" in p.read_text()]
    os.chdir(DOCS / "images")
    for page in pages:
        print(page.relative_to(DOCS))
        exec(compile(blocks(page), str(page), "exec"), {"__name__": page.stem})


if __name__ == "__main__":
    main()
