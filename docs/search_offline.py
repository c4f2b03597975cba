"""For mkdocs: the search of pages on the disk needs nothing from elsewhere.

The theme loads a script from unpkg.com for it. Ours, `javascripts/worker.js`, stands in for that.
"""

from posixpath import dirname, relpath
from typing import Any

SHIM = '<script src="https://unpkg.com/iframe-worker/shim"></script>'


def on_post_page(output: str, page: Any, config: Any) -> str:
    """The page with our script; an error where the theme no longer has what is replaced."""
    if SHIM not in output:
        raise ValueError(f"{page.url} does not load {SHIM}")
    own = relpath("javascripts/worker.js", dirname(page.url) or ".")
    return output.replace(SHIM, f'<script src="{own}"></script>')
