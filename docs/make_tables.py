"""Write docs/results.md, the table of all results, from the names in the code.

python docs/make_tables.py
"""

from pathlib import Path

from rnn_jax.discovery.schema import as_markdown

HEAD = """# What `results.nc` holds

Made by `docs/make_tables.py` from `rnn_jax/discovery/schema.py`. Connectivity is `[to, from]`.
A variable is there where it was measured: `truth` for planted networks, `wire` for cells that have
one.

"""


def page() -> str:
    """The page's text."""
    return HEAD + as_markdown()


if __name__ == "__main__":
    (Path(__file__).parent / "results.md").write_text(page())
