"""A circuit that changes over time: which units, in which windows, through which connections.

    active_windows(circuit, "unit 3")     # the names of the windows it belongs to
    to_dict(circuit)                      # plain lists, for JSON

Its arrays are `nodes` `[W, N]` and `edges` `[W, N, N]`, `[to, from]`.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from ..core.checks import axes, bools, described, numbers
from ..core.types import Numbers


class Circuit(eqx.Module):
    """Units and connections of each window or epoch, with their weights.

    - `nodes`: bool `[W, N]`, from the causal stage.
    - `edges`: bool `[W, N, N]`, `[to, from]`, from the local one.
    - `effect`: `[W, N]`, mean effect of taking a unit out.
    - `weight`: `[W, N, N]`, `[to, from]`, effective connectivity: of `discover`, the mean size of
        what an edge carries with the sign of its mean.
    - `windows`: `[W, T]` or `[W, B, T]`.
    - `names`, `units`: of the windows and of the units.

    **Example:**

        >>> found.circuit.nodes.shape, found.circuit.edges.shape  # of a `discover`
        ((2, 6), (2, 6, 6))
    """

    nodes: Bool[Numbers, "W N"]
    edges: Bool[Numbers, "W N N"]
    effect: Float[Numbers, "W N"]
    weight: Float[Numbers, "W N N"]
    windows: Float[Numbers, "W *B T"]
    names: tuple[str, ...] = eqx.field(static=True)
    units: tuple[str, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        sizes = axes(nodes=(self.nodes, "W N"), windows=(self.windows, "..."))
        W, N = sizes["W"], sizes["N"]
        bools(nodes=self.nodes, edges=self.edges)
        if len(self.names) != W or len(self.units) != N:
            raise ValueError(
                f"a circuit of {W} windows and {N} units got {len(self.names)} window names, "
                f"{len(self.units)} unit names"
            )
        expected = {"edges": (W, N, N), "effect": (W, N), "weight": (W, N, N)}
        for name, shape in expected.items():
            if jnp.shape(numbers(name, getattr(self, name))) != shape:
                raise ValueError(f"{name} must be {shape}, got {getattr(self, name).shape}")
        if self.windows.ndim not in (2, 3) or self.windows.shape[0] != W:
            raise ValueError(f"windows must be [{W}, T] or [{W}, B, T], got {self.windows.shape}")
        for what, names in (("window", self.names), ("unit", self.units)):
            if len(set(names)) != len(names):
                raise ValueError(f"{what} names must differ from one another, got {names}")


def active_windows(circuit: Circuit, unit: str) -> tuple[str, ...]:
    """The names of the windows that a unit belongs to, in their order.

    **Arguments:**

    - `circuit`: of any windows.
    - `unit`: its name.

    **Returns:** names, empty for a unit of no window.

    **Raises:** `ValueError` where there is no such unit.

    **Example:**

        >>> nodes, edges = np.array([[True, False], [True, True]]), np.zeros((2, 2, 2))
        >>> names, units = ("cue", "delay"), ("a", "b")
        >>> circuit = rj.Circuit(nodes, edges > 0, 1.0 * nodes, edges, np.eye(2), names, units)
        >>> rj.circuits.active_windows(circuit, "b")
        ('delay',)
    """
    if unit not in circuit.units:
        raise ValueError(f"no unit {unit!r}; the circuit's units are {', '.join(circuit.units)}")
    belongs = np.asarray(circuit.nodes)[:, circuit.units.index(unit)]
    return tuple(name for name, inside in zip(circuit.names, belongs, strict=True) if inside)


def strongest_edges(
    edges: Bool[np.ndarray, "N N"], weight: Float[np.ndarray, "N N"], count: int | None
) -> list[tuple[int, int]]:
    """Pairs `(to, from)` of edges by the size of their weight, at most `count`."""
    pairs = np.argwhere(edges)
    order = np.argsort(-np.abs(weight[edges]), kind="stable")[:count]
    return [(int(to), int(source)) for to, source in pairs[order]]


def to_dict(circuit: Circuit, strongest: int | None = None) -> dict[str, Any]:
    """Plain lists: per window its members by effect, and its edges by weight, both named.

    **Arguments:**

    - `circuit`: of any windows; their arrays over time are left out.
    - `strongest`: how many edges of each window are listed; all by default.

    **Returns:** `{"units": [...], "windows": {name: {"units": [...], "edges": [...]}}}`, of
    strings and floats only.

    **Example:**

        >>> nodes, edges = np.array([[True, False], [True, True]]), np.zeros((2, 2, 2))
        >>> names, units = ("cue", "delay"), ("a", "b")
        >>> circuit = rj.Circuit(nodes, edges > 0, 1.0 * nodes, edges, np.eye(2), names, units)
        >>> rj.circuits.to_dict(circuit)["windows"]["cue"]
        {'units': [{'unit': 'a', 'effect': 1.0}], 'edges': []}
    """
    if not isinstance(circuit, Circuit):
        raise ValueError(f"to_dict takes a Circuit, got {described(circuit)}")
    nodes, edges = np.asarray(circuit.nodes), np.asarray(circuit.edges)
    effect, weight = np.asarray(circuit.effect), np.asarray(circuit.weight)
    units, windows = circuit.units, {}
    for w, name in enumerate(circuit.names):
        order = [int(i) for i in np.argsort(-np.abs(effect[w])) if nodes[w, i]]
        links = strongest_edges(edges[w], weight[w], strongest)
        windows[name] = {
            "units": [{"unit": units[i], "effect": float(effect[w, i])} for i in order],
            "edges": [
                {"to": units[i], "from": units[j], "weight": float(weight[w, i, j])}
                for i, j in links
            ],
        }
    return {"units": list(units), "windows": windows}


def from_dict(record: dict[str, Any], windows: Float[Numbers, "W *B T"]) -> Circuit:
    """The circuit of a record that `to_dict` made; what lies outside it has effect and weight 0.

    **Arguments:**

    - `record`: as `to_dict` made it, or JSON of it read again.
    - `windows`: `[W, T]` or `[W, B, T]`, in the record's order.

    **Returns:** a `Circuit` of the windows' dtype.

    **Raises:** `ValueError` where a name is unknown or windows do not fit.

    **Example:**

        >>> record = rj.circuits.to_dict(found.circuit)
        >>> again = rj.circuits.from_dict(record, found.circuit.windows)
        >>> bool((again.nodes == found.circuit.nodes).all()), again.names == found.circuit.names
        (True, True)
    """
    if not isinstance(record, dict) or not {"units", "windows"} <= set(record):
        raise ValueError(f"a record has units and windows, got {record!r:.60}")
    units, names = tuple(record["units"]), tuple(record["windows"])
    index = {unit: i for i, unit in enumerate(units)}
    W, N = len(names), len(units)
    effect, weight = np.zeros((W, N)), np.zeros((W, N, N))
    nodes, edges = np.zeros((W, N), bool), np.zeros((W, N, N), bool)
    if windows.shape[0] != W:
        raise ValueError(f"the record has {W} windows, got {windows.shape[0]}")
    try:
        for w, name in enumerate(names):
            for row in record["windows"][name]["units"]:
                nodes[w, index[row["unit"]]] = True
                effect[w, index[row["unit"]]] = row["effect"]
            for row in record["windows"][name]["edges"]:
                at = (w, index[row["to"]], index[row["from"]])
                edges[at], weight[at] = True, row["weight"]
    except (KeyError, TypeError) as error:
        raise ValueError(f"the record names an unknown unit or lacks a field: {error}") from None
    dtype = windows.dtype
    return Circuit(
        jnp.asarray(nodes), jnp.asarray(edges), jnp.asarray(effect, dtype),
        jnp.asarray(weight, dtype), windows, names, units,
    )  # fmt: skip
