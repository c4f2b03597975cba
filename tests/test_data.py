"""Files of others and of our own: what is read, what is refused, what is never lost."""

import json

import equinox as eqx
import jax.numpy as jnp
import networkx as nx
import numpy as np
import pytest
from helpers import network

from rnn_jax import Circuit, Network
from rnn_jax.data import (
    as_network,
    check_network,
    load_network,
    load_object,
    load_trials,
    to_graph,
    write_graphml,
)

XS, YS = np.zeros((3, 8, 2), np.float32), np.zeros((3, 8, 1), np.float32)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def test_trials_with_every_kind_of_epoch(tmp_path):
    per_trial = np.arange(24).reshape(3, 8) % 5 == 0
    trials = load_trials(
        save(
            tmp_path / "t.npz",
            inputs=XS,
            targets=YS,
            epoch_window=np.arange(8) < 3,
            epoch_windows=per_trial,
            epoch_times=np.array([2, 5]),
            epoch_each=np.array([[0, 2], [1, 3], [7, 8]]),
        )
    )
    epochs = {name: np.asarray(w) for name, w in trials.epochs.items()}
    np.testing.assert_array_equal(epochs["window"], np.tile(np.arange(8) < 3, (3, 1)))
    np.testing.assert_array_equal(epochs["windows"], per_trial)
    np.testing.assert_array_equal(epochs["times"].nonzero()[1].reshape(3, 3), [[2, 3, 4]] * 3)
    assert [row.nonzero()[0].tolist() for row in epochs["each"]] == [[0, 1], [1, 2], [7]]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"targets": YS}, "no array 'inputs'"),
        ({"inputs": XS, "label": YS}, "unknown arrays label"),
        ({"inputs": XS[0]}, "must be numbers"),
        ({"inputs": XS[:, :0]}, "no trial or no time step"),
        ({"inputs": XS.astype(str)}, "must be numbers"),
        ({"inputs": XS, "targets": YS[:2]}, "do not fit inputs"),
        ({"inputs": XS, "epoch_a": np.ones(7)}, "epoch_a: expected a window"),
        ({"inputs": XS, "epoch_a": np.array([5, 9])}, "epoch_a: times"),
        ({"inputs": XS, "epoch_a": np.zeros(8)}, "epoch 'a' needs"),
        (
            {"inputs": np.where(np.arange(8)[:, None] == 4, np.nan, XS)},
            "trial 0, time 4, channel 0",
        ),
    ],
)
def test_bad_trials_are_refused_in_one_line(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=f"t.npz: .*{message}") as raised:
        load_trials(save(tmp_path / "t.npz", **arrays))
    assert "\n" not in str(raised.value)


def test_files_that_are_no_trials(tmp_path):
    whole = save(tmp_path / "t.npz", inputs=XS).read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.npz").write_text("inputs")
    np.savez(tmp_path / "pickle.npz", inputs=np.array([{}], dtype=object))
    for name in ("cut", "text", "pickle", "absent"):
        with pytest.raises(ValueError, match=rf"{name}.npz") as raised:
            load_trials(tmp_path / f"{name}.npz")
        assert "\n" not in str(raised.value)


MODEL = """
import equinox as eqx, jax, jax.numpy as jnp
class Holder:
    step = staticmethod(lambda h, x: jnp.tanh(h + x))
    readout = staticmethod(lambda h: h[:1])
    h0 = jnp.zeros(2)
holder = Holder()
triple = (Holder.step, Holder.readout, Holder.h0)
cell = (eqx.nn.GRUCell(2, 3, key=jax.random.key(0)), lambda h: h, jnp.zeros(3))
number = 3
integers = (Holder.step, Holder.readout, jnp.zeros(2, int))
"""


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(MODEL)
    return str(path)


@pytest.mark.parametrize("name", ["holder", "triple", "cell"])
def test_a_users_network_in_every_form(model, name):
    net = load_network(f"{model}:{name}")
    check_network(net, jnp.zeros((4, 2)))
    assert net.step(net.h0, jnp.ones(2)).shape == net.h0.shape


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent", "defines no 'absent'"),
        ("number", "without step, readout, h0"),
        ("integers", "h0 must be a float vector"),
    ],
)
def test_what_is_no_network_is_said(model, name, message):
    with pytest.raises(ValueError, match=message):
        load_network(f"{model}:{name}")


def test_a_file_that_fails_is_said(tmp_path):
    (tmp_path / "bad.py").write_text("import nothing_of_that_name")
    with pytest.raises(ValueError, match="fails on import: ModuleNotFoundError"):
        load_network(f"{tmp_path / 'bad.py'}:net")
    with pytest.raises(ValueError, match="no such file"):
        load_network(f"{tmp_path / 'absent.py'}:net")


def test_a_network_is_tried_before_it_runs():
    net = network("gru")
    with pytest.raises(ValueError, match=r"rejects an input of shape \(5,\)"):
        check_network(net, jnp.zeros((4, 5)))
    with pytest.raises(ValueError, match="returns 2 outputs, the targets have 3"):
        check_network(net, jnp.zeros((4, 3)), outputs=3)
    shown = as_network((net.step, lambda h: h, net.h0))
    with pytest.raises(ValueError, match="as many as units: are they the outputs"):
        check_network(shown, jnp.zeros((4, 3)), outputs=3)
    with pytest.raises(ValueError, match="returns"):
        check_network(as_network((lambda h, x: h[:2], net.readout, net.h0)), jnp.zeros((4, 3)))
    with pytest.raises(ValueError, match="must return a vector"):
        check_network(Network(net.step, lambda h: h.sum(), net.h0), jnp.zeros((4, 3)))
    sick = eqx.tree_at(lambda n: n.step.u, net, net.step.u.at[0, 1, 2].set(jnp.inf))
    with pytest.raises(ValueError, match=r"weight step.u is not finite at \[0, 1, 2\]"):
        check_network(sick, jnp.zeros((4, 3)))


def test_a_circuit_as_a_graph(tmp_path):
    nodes = jnp.array([[True, True, False], [True, False, False]])
    edges = jnp.zeros((2, 3, 3), bool).at[0, 1, 0].set(True)
    weight = jnp.where(edges, 0.5, 0.0)
    names, units = ("cue", "delay"), ("a", "b", "c")
    circuit = Circuit(
        nodes, edges, jnp.where(nodes, -1.0, 0.0), weight, jnp.ones((2, 4)), names, units
    )
    write_graphml(to_graph(circuit), tmp_path / "circuit.graphml")
    graph = nx.read_graphml(tmp_path / "circuit.graphml")
    assert dict(graph.nodes(data="windows")) == {"a": "cue,delay", "b": "cue"}
    ((source, to, data),) = graph.edges(data=True)
    assert (source, to, data["weight"], data["window"]) == ("a", "b", 0.5, "cue")


def test_a_users_file_may_hold_dataclasses_and_bear_a_librarys_name(tmp_path):
    code = "from __future__ import annotations\nfrom dataclasses import dataclass\n"
    code += "@dataclass\nclass Net:\n    gain: float = 2.0\nnetwork = Net()\n"
    (tmp_path / "json.py").write_text(code)
    assert load_object(f"{tmp_path / 'json.py'}:network").gain == 2.0
    assert json.loads("[1]") == [1]


def test_contrasts_of_a_file(tmp_path):
    foil = XS + (np.arange(8) == 3)[:, None]
    read = np.zeros((3, 8))
    read[:, 6] = 1
    trials = load_trials(
        save(
            tmp_path / "t.npz",
            inputs=XS,
            epoch_late=np.array([4, 8]),
            foil_pulse=foil,
            event_pulse=np.array([3, 3, -1]),
            read_pulse=read,
            **{"epoch_pulse.held": np.array([4, 6])},
            foil_bare=foil,
        )
    )
    assert list(trials.epochs) == ["late"]
    pulse, bare = trials.contrasts["pulse"], trials.contrasts["bare"]
    np.testing.assert_array_equal(pulse.foil, foil)
    assert pulse.event.tolist() == [3, 3, -1]
    assert pulse.read.sum() == 3
    assert np.asarray(pulse.epochs["held"]).sum(1).tolist() == [2, 2, 2]
    assert (bare.event, bare.epochs, bare.read) == (None, None, None)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"event_a": np.zeros(3, int)}, "event_a speaks of no foil; foil_a is not there"),
        ({"foil_a": XS[:2]}, "contrast 'a': a foil of"),
        (
            {"foil_a": XS, "epoch_b.late": np.ones(8)},
            "late speaks of no foil; foils are a",
        ),
        ({"foil_a": XS, "epoch_a.late.x": np.ones(8)}, "epoch_a.late.x speaks of no foil"),
        ({"foil_a": XS, "event_a": np.zeros(3)}, "event_a must be integers"),
        ({"foil_a": XS, "event_a": np.full(3, 8)}, "event must lie in"),
        ({"foil_a": XS, "read_a": np.zeros((2, 8))}, "read_a must be weights"),
        ({"foil_a": XS, "epoch_a.b": np.ones(7)}, "epoch_a.b: expected a window"),
    ],
)
def test_bad_contrasts_of_a_file_are_refused_in_one_line(arrays, message, tmp_path):
    with pytest.raises(ValueError, match=f"t.npz: .*{message}") as raised:
        load_trials(save(tmp_path / "t.npz", inputs=XS, **arrays))
    assert "\n" not in str(raised.value)
