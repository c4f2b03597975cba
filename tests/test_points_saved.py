"""Points in a file: equal to the bit when they come back, whatever the state is made of."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from helpers import normal, same, told_in_one_line
from test_fixed_points import uniform

from rnn_jax.data import points_dataset, points_from
from rnn_jax.dynamics import Families, FixedPoints, taken, unique
from rnn_jax.dynamics.stability import modes
from rnn_jax.dynamics.trees import rows_of


class Pair(NamedTuple):
    a: jax.Array
    b: jax.Array


STATES = {
    "vector": lambda h: h,
    "tuple": lambda h: (h, h),
    "parts of different shapes": lambda h: {"v": [h, jnp.stack([h, h])], "none": None},
    "one part of two axes": lambda h: jnp.stack([h, h]),
}


def found_of(tree, count=12):
    """Points of a state like a tree, with numbers that are hard to keep."""
    points = jax.tree.map(lambda leaf: np.array(normal(1, count, *leaf.shape)), tree)
    jax.tree.leaves(points)[0][0] = -0.0
    verdict = np.arange(count) % 3
    q = np.where(verdict == 2, np.nan, np.abs(normal(2, count)))
    found = FixedPoints(points, verdict, q, np.arange(count), "float64")
    kept = unique(taken(points, found.converged))
    N, U = rows_of("points", points).shape[1], len(kept.first)
    jacobian = np.array(normal(3, U, N, N))
    jacobian[0] = np.nan
    # a Jordan block has an infinite condition, and a part of size 0 a negative zero
    jacobian[1] = np.eye(N, k=1)
    return found, kept, modes(jacobian, jacobian[..., :1], 1e-6)


def through_file(data, path, **kwargs):
    data.to_netcdf(path, engine="h5netcdf")
    return points_from(xr.load_dataset(path, engine="h5netcdf"), **kwargs)


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", STATES)
def test_points_come_back_to_the_bit(name, tmp_path):
    found, kept, near = found_of(STATES[name](jnp.zeros(2)))
    xs = {"a": np.asarray(normal(3, 12, 3)), "b": np.arange(12)}
    again = through_file(points_dataset(found, kept, near, xs), tmp_path / "p.nc")
    for before, after in [(found, again.found), (kept, again.unique), (xs, again.inputs)]:
        assert jax.tree.structure(before) == jax.tree.structure(after)
        assert bits(before) == bits(after)
        dtypes = [np.asarray(leaf).dtype for leaf in jax.tree.leaves(before)]
        assert dtypes == [np.asarray(leaf).dtype for leaf in jax.tree.leaves(after)]
    for part, back in zip(near, again.stability, strict=True):
        assert part.dtype == back.dtype
        assert np.array_equal(part, back, equal_nan=True)
        assert (np.signbit(part.real) == np.signbit(back.real)).all()
    assert again.found.precision == "float64"


@pytest.mark.parametrize("count", [0, 2])
def test_families_come_back_too(count, tmp_path):
    found, kept, near = found_of(jnp.zeros(3))
    U = len(kept.first)
    labels = np.arange(U) % (count + 1) - 1
    known = Families(
        labels, np.ones(count, int), np.arange(count), labels + 1,
        np.asarray(normal(4, U, 3, min(count, 1))),
    )  # fmt: skip
    again = through_file(points_dataset(found, kept, near, families=known), tmp_path / "p.nc")
    assert bits(again.families) == bits(known)
    assert [part.shape for part in again.families] == [part.shape for part in known]


def test_names_of_units_and_of_verdicts(tmp_path):
    found, kept, near = found_of((jnp.zeros(4), jnp.zeros(4)))
    data = points_dataset(found, kept, near, units=list("abcd"))
    assert data["end_state_1"].dims == ("start", "unit")
    assert list(data["to"].values[[0, 4]]) == ["0: a", "1: a"]
    assert data["verdict"].attrs["flag_meanings"].split()[0] == "converged"
    again = through_file(data, tmp_path / "p.nc")
    assert same(again.unique, kept)
    assert bits(again.stability.left) == bits(near.left)
    np.testing.assert_array_equal(data["eigenvalues_imag"], near.eigenvalues.imag)


def test_starts_left_out_and_what_is_not_finite(tmp_path):
    some = np.arange(40) % 3 == 0
    found = FixedPoints(
        uniform(40, 3), np.zeros(40, int), np.zeros(40), np.ones(40, int), "float64"
    )
    kept = unique(taken(found.points, some))
    data = points_dataset(found, kept, kept=some)
    assert (data["label"].values[~some] == -1).all()
    # a file says of every point which start found it
    np.testing.assert_array_equal(
        found.points[data["first_start"].values], data["point_state"].values
    )
    assert same(through_file(data, tmp_path / "p.nc").unique, kept)
    # without distinct points, stability is that of all starts; a Jacobian that is not finite too
    bad = FixedPoints(np.array([[0.0], [1.0]]), np.zeros(2, int), np.zeros(2), np.ones(2, int), "")
    near = modes(np.array([[[np.inf]], [[0.5]]]), np.zeros((2, 1, 0)), 1e-6)
    again = through_file(points_dataset(bad, stability=near), tmp_path / "q.nc")
    assert again.unique is None
    assert same(again.stability.unstable, near.unstable)
    np.testing.assert_array_equal(again.stability.eigenvalues, near.eigenvalues)


def test_a_structure_that_no_file_can_say_needs_one_like_it(tmp_path):
    found, kept, near = found_of(Pair(jnp.zeros(2), jnp.zeros(3)))
    data = points_dataset(found, kept, near)
    with pytest.raises(ValueError, match="like must be a state"):
        points_from(data)
    again = through_file(data, tmp_path / "p.nc", like=Pair(0, 0))
    assert isinstance(again.found.points, Pair)
    assert same(again.unique, kept)


FOUND = FixedPoints(np.zeros((4, 2)), np.zeros(4, int), np.zeros(4), np.ones(4, int), "float64")
SAME = unique(FOUND.points)
BAD = {
    "found": (lambda: points_dataset(3), "found must be a FixedPoints, got 3"),
    "unique": (lambda: points_dataset(FOUND, 3), "unique must be a Unique, got 3"),
    "near": (lambda: points_dataset(FOUND, stability=3), "stability must be a Stability"),
    "no families": (lambda: points_dataset(FOUND, families=3), "families must be a Families"),
    "kept": (lambda: points_dataset(FOUND, SAME, kept=np.arange(4) > 0), "kept must be bool [4]"),
    "stability": (
        lambda: points_dataset(FOUND, SAME, modes(np.zeros((4, 2, 2)), np.zeros((4, 2, 0)), 1e-6)),
        "stability must lead with 1",
    ),
    "families": (
        lambda: points_dataset(FOUND, families=Families(*(np.zeros(3, int),) * 5)),
        "families must lead with 4",
    ),
    "inputs": (lambda: points_dataset(FOUND, inputs=np.zeros((3, 1))), "inputs must lead with 4"),
    "units": (lambda: points_dataset(FOUND, units=["a"]), "units must name"),
    "dataset": (lambda: points_from(xr.Dataset()), "points_dataset"),
    "a number": (lambda: points_from(3), "dataset must be a Dataset, got 3"),
    "like": (lambda: points_from(points_dataset(FOUND), like=(0, 0)), "like has 2 parts"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
