"""Anatomies from files: what was written is read, and what is wrong is told in one line."""

import csv
import io

import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from rnn_jax.circuits import Circuit
from rnn_jax.data import read_connectome, to_graph, write_graphml

QUIET = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
LETTERS = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
"""What a name may hold, separators, quotes and slashes among it."""
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=6), min_size=1, max_size=6, unique=True)
FINITE = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def anatomies(draw):
    """Names, weights `[to, from]` of which about half are 0, and groups."""
    names = draw(NAMES)
    N = len(names)
    entries = draw(st.lists(st.one_of(st.just(0.0), FINITE), min_size=N * N, max_size=N * N))
    groups = draw(st.lists(st.sampled_from(["E", "I", "5,6"]), min_size=N, max_size=N))
    return tuple(names), np.array(entries).reshape(N, N), tuple(groups)


def written(path, rows, separator=",", encoding="utf-8"):
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
    return path


@QUIET
@given(anatomies(), st.sampled_from(",;\t"), st.sampled_from(["utf-8", "utf-8-sig"]))
def test_a_matrix_is_read_either_way_round(tmp_path, anatomy, separator, encoding):
    names, weights, _ = anatomy
    for corner, table in (
        ("to/from", weights),
        ("Post / Pre", weights),
        ("from/to", weights.T),
        ("pre/post", weights.T),
        ("source/target", weights.T),
    ):
        rows = [[corner, *names]]
        rows += [[n, *map(repr, row.tolist())] for n, row in zip(names, table, strict=True)]
        found = read_connectome(written(tmp_path / "m.csv", rows, separator, encoding))
        assert found.names == names
        assert found.groups == ()
        assert_array_equal(found.weights, weights)


@QUIET
@given(anatomies(), st.sampled_from(",;\t"), st.randoms(use_true_random=False))
def test_an_edge_list_is_read_in_any_order(tmp_path, anatomy, separator, random):
    names, weights, groups = anatomy
    pairs = np.argwhere(weights).tolist()
    if not pairs:
        return
    random.shuffle(pairs)
    rows = [
        [names[j], "x", groups[i], repr(float(weights[i, j])), names[i], groups[j]]
        for i, j in pairs
    ]
    header = ["Pre", "neuropil", "target_group", "synapses", "post", "pre_type"]
    found = read_connectome(written(tmp_path / "e.csv", [header, *rows], separator))
    at = [names.index(name) for name in found.names]
    assert set(at) == set(np.argwhere(weights).ravel().tolist())
    assert_array_equal(found.weights, weights[np.ix_(at, at)])
    assert found.groups == tuple(groups[i] for i in at)


@QUIET
@given(anatomies())
def test_graphml_is_read_with_its_groups(tmp_path, anatomy):
    names, weights, groups = anatomy
    graph = nx.DiGraph()
    for k, (name, group) in enumerate(zip(names, groups, strict=True)):
        graph.add_node(name, **{("group", "type")[k % 2]: group})
    graph.add_weighted_edges_from(
        (names[j], names[i], float(weights[i, j])) for i, j in np.argwhere(weights)
    )
    nx.write_graphml(graph, tmp_path / "a.graphml")
    found = read_connectome(tmp_path / "a.graphml")
    assert (found.names, found.groups) == (names, groups)
    assert_array_equal(found.weights, weights)


def test_entries_of_one_pair_add_up_and_count_where_they_have_no_weight(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("source,target,weight\r\na,b,2\r\n\r\nb,b,1\r\na,b,0.5\r\n")
    assert_array_equal(read_connectome(path).weights, [[0, 0], [2.5, 1]])
    path.write_text("bodyId_pre,bodyId_post\n7,8\n7,8\n")
    found = read_connectome(str(path))
    assert found.names == ("7", "8")
    assert_array_equal(found.weights, [[0, 0], [2, 0]])
    graph = nx.MultiDiGraph([("a", "b"), ("a", "b"), ("b", "a")])
    nx.write_graphml(graph, tmp_path / "m.graphml")
    found = read_connectome(tmp_path / "m.graphml")
    assert_array_equal(found.weights, [[0, 1], [2, 0]])
    assert found.groups == ()


def test_a_group_is_known_from_any_row(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("from\tto\tsource_type\nb\ta\tE\na\tc\tI\nb\tc\t\n")
    found = read_connectome(path)
    assert (found.names, found.groups) == (("b", "a", "c"), ("E", "I", ""))


def circuit(edges):
    """Units a, b, c in two windows; edges `[to, from]` of each."""
    nodes = np.array([[True, True, False], [True, True, True]])
    weight = np.where(edges, np.arange(1, 19).reshape(2, 3, 3) / 3, 0.0)
    names, units = ("cue", "delay"), ("a", "b", "c")
    return Circuit(
        nodes, edges, jnp.where(nodes, -1.0, 0.0), weight, np.ones((2, 4)), names, units
    )


def test_a_circuit_that_was_written_is_read(tmp_path):
    edges = np.zeros((2, 3, 3), bool)
    path = tmp_path / "circuit.graphml"
    write_graphml(to_graph(circuit(edges)), path)
    assert_array_equal(read_connectome(path).weights, np.zeros((3, 3)))
    edges[0, 1, 0] = edges[0, 0, 0] = True
    write_graphml(to_graph(circuit(edges)), path)
    assert_array_equal(read_connectome(path).weights, circuit(edges).weight[0])
    edges[1, 1, 0] = edges[1, 2, 1] = True
    write_graphml(to_graph(circuit(edges)), path)
    for k, window in enumerate(("cue", "delay")):
        found = read_connectome(path, window)
        assert found.names == ("a", "b", "c")
        assert_array_equal(found.weights, circuit(edges).weight[k])
    for asked, message in (
        (None, "windows cue, delay: say which"),
        ("go", "there are cue, delay"),
    ):
        with pytest.raises(ValueError, match=message):
            read_connectome(path, asked)


def test_many_units_are_read(tmp_path):
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 9, (200, 200)) * (rng.random((200, 200)) < 0.1)
    names = [f"unit {k}" for k in range(200)]
    rows = [["to/from", *names], *([n, *row] for n, row in zip(names, weights.tolist()))]
    assert_array_equal(read_connectome(written(tmp_path / "m.csv", rows)).weights, weights)


HEAD = "source,target,weight\n"
CSV = {
    "nothing": ("", "the file is empty"),
    "blank": ("\ufeff \n\n", "the file is empty"),
    "no header": ("a,b,3\n", "line 1: expected columns source and target"),
    "one end": ("source,weight\na,3\n", "line 1: expected columns source and target"),
    "a corner that says nothing": (",a,b\na,0,1\nb,0,0\n", "line 1: expected columns"),
    "a corner of one end": ("to/to,a\na,0\n", "line 1: expected columns"),
    "a late header": ("\n\nx,y\n", "line 3: expected columns"),
    "another separator": ("source|target\na|b\n", "it starts with 'source|target'"),
    "two columns of one thing": ("source,pre,target\na,a,b\n", "line 1: columns source and pre"),
    "a weight by another name": ("source,target,n\na,b,3\n", "line 1: no column of weights"),
    "no connection": (HEAD, "line 1: no connection follows"),
    "a short row": (HEAD + "a,b,1\na,b", "line 3: 2 cells where the header has 3"),
    "a long row": (HEAD + "a,b,1,2\n", "line 2: 4 cells where the header has 3"),
    "no sender": (HEAD + ",b,1\n", "line 2: the source has no name"),
    "no receiver": (HEAD + "a, ,1\n", "line 2: the target has no name"),
    "no weight": (HEAD + "a,b,\n", "line 2: expected a finite number, got ''"),
    "a word": (HEAD + "a,b,1\n\na,b,many\n", "line 4: expected a finite number, got 'many'"),
    "NaN": (HEAD + "a,b,nan\n", "line 2: expected a finite number, got 'nan'"),
    "too large": (HEAD + "a,b,1e999\n", "line 2: expected a finite number"),
    "an underscore": (HEAD + "a,b,1_0\n", "line 2: expected a finite number, got '1_0'"),
    "a decimal comma": ("source;target;weight\na;b;1,5\n", "line 2: expected a finite number"),
    "an open quote": (HEAD + 'a,b,1\n"a,b,1\n', "cut short?"),
    "a long word": (HEAD + f"a,b,{'x' * 999}\n", "xxx..."),
    "two groups": (
        "source,target,pre_type,weight\na,b,E,1\na,c,I,1\n",
        "line 3: unit 'a' is of 'E' and of 'I'",
    ),
    "no unit": ("to/from\n", "line 1: the header names no unit"),
    "two of one name": ("to/from,a,a\na,0,1\na,0,0\n", "line 1: unit 'a' is named twice"),
    "a column without a name": ("to/from,a,\na,0,1\n", "line 1: unit 2 has no name"),
    "a matrix cut between rows": ("to/from,a,b\na,0,1\n", "the file ends after 1 of 2 rows"),
    "a matrix cut in a row": ("to/from,a,b\na,0,1\nb,0\n", "line 3: 1 numbers for 2 units"),
    "rows in another order": ("to/from,a,b\nb,0,1\na,0,0\n", "line 2: the row of 'b'"),
    "a row too many": ("to/from,a\na,0\nb,0\n", "line 3: more rows than the 1 units"),
    "a hole": ("to/from,a,b\na,0,\nb,0,0\n", "line 2: expected a finite number, got ''"),
    "infinity": ("from/to,a,b\na,0,1\nb,inf,0\n", "line 3: expected a finite number, got 'inf'"),
}  # fmt: skip


def refused(path, message):
    with pytest.raises(ValueError, match=r"\w") as caught:
        read_connectome(path)
    told = str(caught.value)
    assert message in told
    assert str(path) in told
    assert "\n" not in told
    assert len(told) < 300 + len(str(path))


@pytest.mark.parametrize("name", CSV)
def test_a_bad_csv_is_told_in_one_line(name, tmp_path):
    text, message = CSV[name]
    path = tmp_path / "bad.csv"
    path.write_bytes(text.encode())
    refused(path, message)


def test_what_is_no_text_and_no_known_file_is_told(tmp_path):
    (tmp_path / "wide.csv").write_bytes(HEAD.encode("utf-16"))
    refused(tmp_path / "wide.csv", "is not text in UTF-8")
    (tmp_path / "folder.csv").mkdir()
    refused(tmp_path / "folder.csv", "cannot be read: Is a directory")
    refused(tmp_path / "a.xlsx", "connectomes come as .csv or .graphml, got '.xlsx'")
    (tmp_path / "e.csv").write_text(HEAD + "a,b,1\n")
    with pytest.raises(ValueError, match="only GraphML has windows"):
        read_connectome(tmp_path / "e.csv", "cue")


def graphml(inside, direction="directed", keys='<key id="w" for="edge" attr.name="weight"/>'):
    return (
        f'<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{keys}'
        f'<graph edgedefault="{direction}">{inside}</graph></graphml>'
    )


AB = '<node id="a"/><node id="b"/>'
EDGE = '<edge source="a" target="b"><data key="w">{}</data></edge>'
DOUBLE = '<key id="w" for="edge" attr.name="weight" attr.type="double"/>'
GRAPHML = {
    "nothing": ("", "no element found"),
    "cut short": (graphml(AB)[:-20], "cut short or no GraphML"),
    "no graph": ("<graphml/>", "expected one graph, got 0"),
    "a page": ("<html><body/></html>", "expected one graph, got 0"),
    "two graphs": (graphml(AB + "<graph/>"), "expected one graph, got 2"),
    "no node": (graphml(""), "the graph has no node"),
    "a node without a name": (graphml("<node/>"), "unit 1 has no name"),
    "two of one name": (graphml(AB + '<node id="b"/>'), "unit 'b' is named twice"),
    "no direction": (graphml(AB + EDGE.format(1), "undirected"), "have no direction"),
    "an unknown unit": (
        graphml(AB + '<edge source="a" target="c"/>'),
        "an edge's target is 'c', and no node is",
    ),
    "a word": (graphml(AB + EDGE.format("many"), keys=DOUBLE), "could not convert"),
    "a word of text": (
        graphml(AB + EDGE.format("many")),
        "the edge from 'a' to 'b': weight: expected a finite number, got 'many'",
    ),
    "NaN": (graphml(AB + EDGE.format("nan"), keys=DOUBLE), "expected a finite number, got 'nan'"),
    "some weights": (
        graphml(AB + EDGE.format(1) + '<edge source="b" target="a"/>'),
        "the edge from 'b' to 'a' has no weight",
    ),
    "an unknown key": (graphml(AB + EDGE.format(1), keys=""), "not read as GraphML"),
    "one id twice": (
        graphml(AB + 2 * '<edge id="e" source="a" target="b"/>'),
        "have one id",
    ),
}


@pytest.mark.parametrize("name", GRAPHML)
def test_a_bad_graphml_is_told_in_one_line(name, tmp_path):
    text, message = GRAPHML[name]
    path = tmp_path / "bad.graphml"
    path.write_text(text)
    refused(path, message)
    (tmp_path / "folder.graphml").mkdir()
    refused(tmp_path / "folder.graphml", "cannot be read: Is a directory")
