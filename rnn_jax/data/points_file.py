"""Fixed points as a labelled dataset, and back: all that was found in one NetCDF file.

    data = points_dataset(found, same, near)
    data.to_netcdf("points.nc", engine="h5netcdf")
    again = points_from(xr.load_dataset("points.nc", engine="h5netcdf"))
    again.found.points, again.stability.eigenvalues          # equal to the bit

NetCDF knows no complex numbers: they are stored as two variables, `_real` and `_imag`. A state of
several parts is stored part by part.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree

from ..core.checks import instance
from ..core.types import Numbers
from ..dynamics import VERDICTS, Families, FixedPoints, Stability, Unique
from ..dynamics.trees import rows_of

if TYPE_CHECKING:
    import xarray as xr

STABILITY = {
    "jacobian": "to from",
    "input_jacobian": "to input",
    "eigenvalues": "mode",
    "right": "to mode",
    "left": "to mode",
    "condition": "mode",
    "time_constants": "mode",
    "rotation": "mode",
    "unstable": "",
    "neutral": "",
}
"""The axes of each part of a `Stability`, after that of the points."""

FAMILIES = {
    "labels": "{of}",
    "dimension": "family",
    "counts": "family",
    "null": "{of}",
    "tangent": "{of} to direction",
}
"""The axes of each part of `Families`; a variable's name begins with `family_`."""


class Points(NamedTuple):
    """What a dataset of points holds; `None` where it was not stored.

    - `found`: as `fixed_points` returned it.
    - `unique`: of those among `found` that were kept.
    - `stability`: of the points of `unique`; of all of `found` where `unique` is missing.
    - `inputs`: one for each start.
    - `families`: of the points that `stability` is of.

    **Example:**

        >>> found = rj.fixed_points(lambda h, x: jnp.cos(h), jnp.zeros(1), jnp.array([[2.0]]))
        >>> again = rj.data.points_from(rj.data.points_dataset(found))
        >>> again.stability is None, again.found.converged  # no stability was stored
        (True, array([ True]))
    """

    found: FixedPoints
    unique: Unique | None
    stability: Stability | None
    inputs: PyTree
    families: Families | None = None


def points_dataset(
    found: FixedPoints,
    unique: Unique | None = None,
    stability: Stability | None = None,
    inputs: PyTree = None,
    kept: Numbers | None = None,
    units: Sequence[str] | None = None,
    families: Families | None = None,
) -> "xr.Dataset":
    """Fixed points with all that is known of them, as a dataset with named axes.

    Axes are `start`, `point` (those of `unique`), `unit`, `mode`, `to` and `from`. Variables are
    `end_state`, `verdict`, `residual` and `iterations` of each start, and `label`, the point that
    it found; `point_state`, `count` and `first_start` of each point; and the parts of `stability`.
    Of a state of several parts the variables are `end_state_0`, `end_state_1`, leaf by leaf.

    **Arguments:**

    - `found`: from `fixed_points`.
    - `unique`: from `unique(taken(found.points, kept))`.
    - `stability`: at `unique.points`; at `found.points` where `unique` is `None`.
    - `inputs`: a tree of `[S, ...]`, where starts had different ones.
    - `kept`: bool `[S]`, the starts that `unique` was given; `None`: `found.converged`, or all
        where the sizes say so.
    - `units`: names of units; the parts of the state must then be `[N]` each.
    - `families`: of the points that `stability` is of.

    **Returns:** a Dataset; `points_from` is its inverse.

    **Raises:** `ValueError` where a part is of another type, or sizes do not fit.

    **Example:**

        >>> starts = jnp.array([[2.0], [-1.0]])
        >>> found = rj.fixed_points(lambda h, x: jnp.cos(h), jnp.zeros(1), starts)
        >>> rj.data.points_dataset(found)["end_state"].dims
        ('start', 'unit')
    """
    import xarray as xr

    instance("found", found, FixedPoints)
    parts = {"unique": unique, "stability": stability, "families": families}
    for (name, part), kind in zip(parts.items(), (Unique, Stability, Families)):
        if part is not None:
            instance(name, part, kind)
    S = len(found.verdict)
    data = _of_tree("end_state", "start", found.points)
    data |= {name: ("start", getattr(found, name)) for name in ("residual", "iterations")}
    flags = {
        "flag_values": np.arange(len(VERDICTS)),
        "flag_meanings": " ".join(name.replace(" ", "_") for name in VERDICTS),
    }
    data["verdict"] = ("start", found.verdict, flags)
    attrs = {"precision": found.precision, "state": _structure(found.points)}
    if unique is not None:
        data |= _of_unique(unique, _kept(found, unique, kept))
    of, count = ("start", S) if unique is None else ("point", len(unique.first))
    if stability is not None:
        data |= _of_stability(stability, count, of)
    if families is not None:
        _fits("families", len(families.labels), count)
        for name, axes in FAMILIES.items():
            data[f"family_{name}"] = (axes.format(of=of).split(), getattr(families, name))
    if inputs is not None:
        _fits("inputs", len(rows_of("inputs", inputs)), S)
        data |= _of_tree("input", "start", inputs)
        attrs["input"] = _structure(inputs)
    return xr.Dataset(data, _names(units, found.points, stability is not None), attrs)


def points_from(dataset: "xr.Dataset", like: PyTree = None) -> Points:
    """What `points_dataset` was given, equal to the bit.

    **Arguments:**

    - `dataset`: of `points_dataset`, or what its file gives.
    - `like`: a state, where its structure is more than tuples, lists and dicts of arrays.

    **Returns:** `Points`.

    **Raises:** `ValueError` where the dataset is not one of points, or needs `like`.

    **Example:**

        >>> starts = jnp.array([[2.0], [-1.0]])
        >>> found = rj.fixed_points(lambda h, x: jnp.cos(h), jnp.zeros(1), starts)
        >>> again = rj.data.points_from(rj.data.points_dataset(found))
        >>> bool((again.found.points == found.points).all())
        True
    """
    import xarray as xr

    instance("dataset", dataset, xr.Dataset)
    missing = {"verdict", "residual", "iterations"} - set(dataset.data_vars)
    if missing or "precision" not in dataset.attrs:
        raise ValueError(
            f"dataset must be one of points_dataset, got {sorted(map(str, dataset))[:5]}"
        )
    value = lambda name: dataset[name].values
    found = FixedPoints(
        _tree(dataset, "end_state", "state", like), value("verdict"), value("residual"),
        value("iterations"), str(dataset.attrs["precision"]),
    )  # fmt: skip
    unique = stability = inputs = families = None
    if "label" in dataset:
        points, label = _tree(dataset, "point_state", "state", like), value("label")
        first = np.searchsorted(np.flatnonzero(label >= 0), value("first_start"))
        unique = Unique(points, label[label >= 0], value("count"), first)
    if "jacobian" in dataset:
        stability = Stability(*(_numbers(dataset, name) for name in STABILITY))
    if "input" in dataset.attrs:
        inputs = _tree(dataset, "input", "input", None)
    if "family_labels" in dataset:
        families = Families(*(value(f"family_{name}") for name in FAMILIES))
    return Points(found, unique, stability, inputs, families)


def _of_unique(unique: Unique, kept: np.ndarray) -> dict:
    """Labels of all starts, -1 for those that were left out, and what is known of each point."""
    label = np.full(kept.shape, -1, unique.labels.dtype)
    label[kept] = unique.labels
    return {
        **_of_tree("point_state", "point", unique.points),
        "label": ("start", label),
        "count": ("point", unique.counts),
        "first_start": ("point", np.flatnonzero(kept)[unique.first]),
    }


def _kept(found: FixedPoints, unique: Unique, kept: Any) -> np.ndarray:
    S, C = len(found.verdict), len(unique.labels)
    if kept is None:
        kept = np.ones(S, bool) if C == S else found.converged
    kept = np.asarray(kept)
    if kept.dtype != bool or kept.shape != (S,) or kept.sum() != C:
        raise ValueError(
            f"kept must be bool [{S}], true for the {C} points that unique was given; got "
            f"{kept.dtype}{list(kept.shape)} with {int(np.count_nonzero(kept))} true"
        )
    return kept


def _of_stability(stability: Stability, count: int, of: str) -> dict:
    _fits("stability", len(stability.unstable), count)
    data = {}
    for name, axes in STABILITY.items():
        values, dims = getattr(stability, name), (of, *axes.split())
        if np.iscomplexobj(values):
            data |= {f"{name}_real": (dims, values.real), f"{name}_imag": (dims, values.imag)}
        else:
            data[name] = (dims, values)
    return data


def _numbers(dataset: "xr.Dataset", name: str) -> np.ndarray:
    if name in dataset:
        return dataset[name].values
    real, imag = (dataset[f"{name}_{part}"].values for part in ("real", "imag"))
    # a sum would lose the sign of zeros, and make NaN of infinities
    values = np.empty(real.shape, np.result_type(real.dtype, np.complex64))
    values.real, values.imag = real, imag
    return values


def _fits(name: str, got: int, expected: int) -> None:
    if got != expected:
        raise ValueError(f"{name} must lead with {expected}, got {got}")


def _of_tree(name: str, of: str, tree: PyTree) -> dict:
    """The variables of a tree of `[S, ...]`: `unit` is its axis where all leaves are `[S, N]`."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    alike = len({leaf.shape for leaf in leaves}) == 1 and leaves[0].ndim == 2
    data, axis = {}, "unit" if name != "input" else "of_input"
    for k, leaf in enumerate(leaves):
        own = [f"{axis}_{k}_{a}" for a in range(1, leaf.ndim)]
        dims = (of, axis) if alike else (of, *own)
        data[name if len(leaves) == 1 else f"{name}_{k}"] = (dims, leaf)
    return data


def _tree(dataset: "xr.Dataset", name: str, structure: str, like: PyTree) -> PyTree:
    """The tree of `_of_tree`, of a structure that an attribute says, or like one."""
    if like is None:
        said = str(dataset.attrs[structure])
        if not said:
            raise ValueError("like must be a state: its structure is not one that a file can say")
        like = _blank(json.loads(said))
    treedef = jax.tree.structure(like)
    count = treedef.num_leaves
    names = [name] if count == 1 else [f"{name}_{k}" for k in range(count)]
    if any(name not in dataset for name in names) or f"{name}_{count}" in dataset:
        raise ValueError(f"like has {count} parts, the dataset's state has others")
    return treedef.unflatten([dataset[name].values for name in names])


def _structure(tree: PyTree) -> str:
    """A tree of tuples, lists and dicts in JSON; empty for others, which a file cannot build."""

    def said(tree: Any) -> Any:
        if type(tree) in (tuple, list):
            return {type(tree).__name__: [said(part) for part in tree]}
        if type(tree) is dict and all(type(key) is str for key in tree):
            return {"dict": {key: said(part) for key, part in tree.items()}}
        if tree is None or isinstance(tree, jax.Array | np.ndarray):
            return None if tree is None else "array"
        raise TypeError

    try:
        return json.dumps(said(tree))
    except TypeError:
        return ""


def _blank(said: Any) -> Any:
    """A tree of the structure that JSON says."""
    if not isinstance(said, dict):
        return said
    ((kind, parts),) = said.items()
    if kind == "dict":
        return {key: _blank(part) for key, part in parts.items()}
    return {"tuple": tuple, "list": list}[kind](_blank(part) for part in parts)


def _names(units: Sequence[str] | None, states: PyTree, entries: bool) -> dict:
    """The coordinates that names of units give."""
    if units is None:
        return {}
    shapes = {np.shape(leaf)[1:] for leaf in jax.tree.leaves(states)}
    names = [str(unit) for unit in units]
    if shapes != {(len(names),)}:
        raise ValueError(
            f"units must name the entries of parts {sorted(shapes)}, got {len(names)}"
        )
    count = len(jax.tree.leaves(states))
    parts = [f"{k}: {name}" for k in range(count) for name in names]
    whole = names if count == 1 else parts
    return {"unit": names} | ({"to": whole, "from": whole} if entries else {})
