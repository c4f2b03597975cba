"""A circuit as a graph, for other programs: GraphML through networkx.

    write_graphml(to_graph(circuit), "circuit.graphml")
    nx.read_graphml("circuit.graphml")

One node a unit, with its effect in each window; one edge a connection and window.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..circuits import Circuit
from ..circuits.circuit import strongest_edges

if TYPE_CHECKING:
    import networkx as nx


def to_graph(circuit: Circuit, strongest: int | None = None) -> "nx.MultiDiGraph":
    """A directed multigraph: node attributes by window, one edge for each window and connection.

    Edges run from the sender to the receiver, though arrays are `[to, from]`.

    **Arguments:**

    - `circuit`: of any windows.
    - `strongest`: how many edges of each window it has; all by default.

    **Returns:** a `networkx.MultiDiGraph`; `weight` is the effect of an edge.

    **Example:**

        >>> nodes, edges = np.array([[True, True]]), np.array([[[False, True], [False, False]]])
        >>> sizes, names = (1.0 * nodes, 2.0 * edges), (("cue",), ("a", "b"))
        >>> circuit = rj.Circuit(nodes, edges, *sizes, np.ones((1, 5)), *names)
        >>> list(rj.data.to_graph(circuit).edges(data="weight"))  # [to, from] is from b to a
        [('b', 'a', 2.0)]
    """
    import networkx as nx

    graph = nx.MultiDiGraph()
    nodes, effect = np.asarray(circuit.nodes), np.asarray(circuit.effect)
    edges, weight = np.asarray(circuit.edges), np.asarray(circuit.weight)
    for i, unit in enumerate(circuit.units):
        if nodes[:, i].any():
            values = {f"effect {w}": float(effect[k, i]) for k, w in enumerate(circuit.names)}
            inside = [w for k, w in enumerate(circuit.names) if nodes[k, i]]
            graph.add_node(unit, windows=",".join(inside), **values)
    found = [
        (k, to, source)
        for k in range(len(edges))
        for to, source in strongest_edges(edges[k], weight[k], strongest)
    ]
    for k, to, source in found:
        graph.add_edge(
            circuit.units[source],
            circuit.units[to],
            key=f"{circuit.names[k]}:{source}:{to}",
            window=circuit.names[k],
            weight=float(weight[k, to, source]),
        )
    return graph


def write_graphml(graph: "nx.MultiDiGraph", path: Path) -> None:
    """Write a graph as GraphML.

    **Example:**

        >>> rj.data.write_graphml(rj.data.to_graph(found.circuit), folder / "circuit.graphml")
        >>> rj.data.read_connectome(folder / "circuit.graphml", window="late").names[:2]
        ('0', '1')
    """
    import networkx as nx

    nx.write_graphml(graph, path)
