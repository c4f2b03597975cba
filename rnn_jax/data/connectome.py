"""Anatomies from files: which units connect to which, to constrain or to compare a network.

    anatomy = read_connectome("anatomy.csv")
    cell = Dale(3, len(anatomy.names), mask=anatomy.weights != 0, key=key)
    null = rewired(key, anatomy.weights, anatomy.groups)       # the same degrees, else random

A `.csv` is an edge list or a matrix, which its first line tells apart; a `.graphml` is a directed
graph, such as the `circuit.graphml` of a run. Each says which end of a connection is which:
none is guessed.
"""

from pathlib import Path

from .connectome_graphml import read_graphml
from .connectome_parts import Connectome
from .readers import reader

__all__ = ["Connectome", "read_connectome"]


def read_connectome(path: str | Path, window: str | None = None) -> Connectome:
    """The connections in a file: `w[i, j]` is the sum of what it holds from `j` to `i`.

    Entries for one pair of units are added up, as synapse counts are; without weights each counts
    1. Three layouts:

    - `.csv`, an edge list: a header that names a column `source` (or `from`, `pre`,
        `pre_root_id`, `bodyId_pre`), one `target` (or `to`, `post`, `post_root_id`,
        `bodyId_post`), and, where connections have weights, one `weight` (or `synapses`,
        `syn_count`); also `source_group` and `target_group` (`pre_type`, `post_type`). Further
        columns are left alone where there is one of weights, and else refused: one of them might
        be it. Units stand in the order in which they first appear; a unit
        without a connection cannot appear.
    - `.csv`, a square matrix: names in the first row and, in the same order, in the first column.
        The first cell says what rows are, then what columns are: `to/from` or `post/pre` where
        rows receive, `from/to` or `pre/post` where rows send.
    - `.graphml`: directed; edges may have a `weight`, all or none; nodes a `group` or a `type`.
        A unit's name is its node's `id`.

    A CSV is UTF-8; commas, semicolons or tabs part its cells, and a decimal point is a point.

    **Arguments:**

    - `path`: the file.
    - `window`: which window's edges to take, of a circuit that `write_graphml` wrote with
        several; there the entries of one pair are not parts of one connection.

    **Returns:** a `Connectome`, dense: 8 `N^2` bytes.

    **Raises:** `ValueError` of one line, with the file and, in a CSV, the line's number, where the
    file is missing, empty, cut short within a row or a matrix, names a unit twice, or holds a
    weight that is not a finite number. An edge list that ends after a whole row cannot be told
    from a whole one.

    **Example:**

        >>> lines = ["source,target,weight", "a,b,3", "a,b,2", "b,c,1"]
        >>> _ = (folder / "edges.csv").write_text(chr(10).join(lines))
        >>> read = rj.data.read_connectome(folder / "edges.csv")
        >>> read.names, read.weights.tolist()  # [to, from]; what a pair has is added up
        (('a', 'b', 'c'), [[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    """
    read, path = reader("connectomes", path), Path(path)
    if window is None:
        return read(path)
    if read is not read_graphml:
        raise ValueError(f"{path}: only GraphML has windows; got window={window!r}")
    return read_graphml(path, window)
