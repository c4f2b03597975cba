"""Connections from GraphML, through networkx; what that passes over in silence is refused here.

write_graphml(to_graph(circuit), "circuit.graphml")
anatomy = read_graphml(Path("circuit.graphml"), "cue")
"""

import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..core.checks import first_line
from .connectome_parts import Connectome, check_names, number, shown, summed

if TYPE_CHECKING:
    import networkx as nx

GROUPS = ("group", "type")
"""Attributes of a node that say its group; the first that is there counts."""

Edge = tuple[str, str, dict[str, Any]]
"""Sender, receiver, attributes."""


def read_graphml(path: Path, window: str | None = None) -> Connectome:
    """A directed graph as a connectome; see `read_connectome`.

    **Raises:** `ValueError` of one line, with the file and the units.
    """
    try:
        edges = _declared(path)
        graph = _graph(path)
        if graph.number_of_edges() != edges:
            raise ValueError("two edges between the same two units have one id")
        return _connectome(graph, window)
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except ElementTree.ParseError as error:
        raise ValueError(f"{path} is cut short or no GraphML: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _declared(path: Path) -> int:
    """How many edges there are, once every unit is known to be named once."""
    found: dict[str, list[ElementTree.Element]] = {"graph": [], "node": [], "edge": []}
    for element in ElementTree.parse(path).iter():
        found.get(str(element.tag).rpartition("}")[2], []).append(element)
    if len(found["graph"]) != 1:
        raise ValueError(f"expected one graph, got {len(found['graph'])}")
    names = [node.get("id", "") for node in found["node"]]
    if not names:
        raise ValueError("the graph has no node")
    check_names(names)
    _check_ends(set(names), found["edge"])
    return len(found["edge"])


def _check_ends(names: set[str], edges: Iterable[ElementTree.Element]) -> None:
    # networkx would make a node of whatever an edge names
    for edge in edges:
        for end in ("source", "target"):
            if (name := edge.get(end, "")) not in names:
                raise ValueError(f"an edge's {end} is {shown(name)}, and no node is")


def _graph(path: Path) -> "nx.DiGraph | nx.MultiDiGraph":
    import networkx as nx

    try:
        with warnings.catch_warnings():
            # of ports, and of types that are not said: neither is a weight's affair
            warnings.simplefilter("ignore")
            graph = nx.read_graphml(path)
    except Exception as error:
        raise ValueError(f"not read as GraphML: {first_line(error)}") from None
    if not graph.is_directed():
        raise ValueError('its edges have no direction; a connectome has edgedefault="directed"')
    return graph


def _connectome(graph: "nx.DiGraph | nx.MultiDiGraph", window: str | None) -> Connectome:
    at = {name: k for k, name in enumerate(graph)}
    edges = _of_window(list(graph.edges(data=True)), window)
    to, source = [at[edge[1]] for edge in edges], [at[edge[0]] for edge in edges]
    of_nodes = graph.nodes.values()
    groups = tuple(next((str(n[k]) for k in GROUPS if k in n), "") for n in of_nodes)
    weights = summed(len(at), to, source, _weights(edges))
    return Connectome(tuple(at), weights, groups if any(groups) else ())


def _of_window(edges: list[Edge], window: str | None) -> list[Edge]:
    """The edges of one window, of those that a circuit's graph has."""
    known = list(dict.fromkeys(str(data.get("window")) for _, _, data in edges))
    if window is None and len(known) > 1:
        raise ValueError(
            f"edges are of windows {', '.join(known)}: say which, window={known[0]!r}"
        )
    if window is not None and window not in known:
        raise ValueError(f"no edge is of window {window!r}; there are {', '.join(known)}")
    return [edge for edge in edges if window is None or edge[2].get("window") == window]


def _weights(edges: list[Edge]) -> list[float]:
    """Each edge's weight, 1 where none has one."""
    if not any("weight" in data for _, _, data in edges):
        return [1.0] * len(edges)
    weights = []
    for source, to, data in edges:
        if "weight" not in data:
            raise ValueError(f"the edge from {shown(source)} to {shown(to)} has no weight")
        try:
            weights.append(number(data["weight"]))
        except ValueError as error:
            told = f"the edge from {shown(source)} to {shown(to)}"
            raise ValueError(f"{told}: weight: {error}") from None
    return weights
