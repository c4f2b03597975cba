"""Disguises hold functions: outputs, states and truths are those of the undisguised network."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from planted_data import KEY, NONE, ROUNDING, Data, close, states

from rnn_jax import Network, auroc
from rnn_jax.cells import Affine, Vanilla
from rnn_jax.planted import (
    Planted,
    Truth,
    add_readers,
    correlated_unread,
    flip_signs,
    local_corruption,
    permute,
    ring_attractor,
    rotate,
    split,
)


def tanh_planted():
    """A random network of an odd activation that starts anywhere; its truth is made up."""
    keys = jax.random.split(jax.random.key(3), 3)
    N, member = 6, jnp.asarray([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    network = Network(
        Vanilla(2, N, key=keys[0]), Affine(N, 2, key=keys[1]), jax.random.normal(keys[2], (N,))
    )
    truth = Truth({"cue": member}, {"cue": jnp.outer(member, member)})
    names = tuple("abcdef")
    return Planted(network, local_corruption().sample, truth, names, names)


def tanh_xs(count=3):
    return jax.random.normal(jax.random.key(4), (count, 20, 2))


DISGUISES = {
    "split": lambda p: split(p, p.units[1], 3),
    "split-unevenly": lambda p: split(p, p.units[0], 4, jax.random.key(1)),
    "flip": lambda p: flip_signs(p, [(-1) ** k for k in range(len(p.units))]),
    "permute": lambda p: permute(p, np.random.default_rng(0).permutation(len(p.units))),
    "readers": lambda p: add_readers(p, 5, jax.random.key(2)),
    "rotate": lambda p: rotate(p, jax.random.key(3)),
    "many": lambda p: rotate(add_readers(split(p, p.units[2], 2), 3, KEY), jax.random.key(3)),
}


def runs(planted, xs):
    return tuple(np.asarray(found) for found in states(planted.network, xs))


@functools.cache
def ring():
    planted = ring_attractor()
    return planted, planted.sample(KEY, 3).xs[:, :100]


@pytest.mark.parametrize("kind", ["tanh", "ring"])
@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_keeps_outputs_and_gives_the_states_back(name, kind):
    planted, xs = ring() if kind == "ring" else (tanh_planted(), tanh_xs())
    disguised = DISGUISES[name](planted)
    E, R = disguised.network.step.expand, disguised.network.step.reduce
    close(R @ E, np.eye(len(planted.units)))
    (hs, ys), (new_hs, new_ys) = runs(planted, xs), runs(disguised, xs)
    assert np.abs(ys).max() > 0.1
    close(new_ys, ys)
    close(new_hs @ np.asarray(R).T, hs)
    M = len(disguised.units)
    assert new_hs.shape[2] == len(disguised.groups) == len(set(disguised.units)) == M
    for epoch, nodes in disguised.truth.nodes.items():
        assert nodes.shape == (M,)
        assert disguised.truth.edges[epoch].shape == (M, M)
        assert nodes.dtype == planted.truth.nodes[epoch].dtype


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (DISGUISES["flip"], DISGUISES["flip"]),
        (lambda p: permute(p, [3, 0, 5, 1, 2, 4]), lambda p: permute(p, [1, 3, 4, 0, 5, 2])),
    ],
)
def test_a_disguise_and_its_inverse_are_the_original(there, back):
    planted = tanh_planted()
    again = back(there(planted))
    (hs, ys), (new_hs, new_ys) = runs(planted, tanh_xs()), runs(again, tanh_xs())
    np.testing.assert_array_equal(new_hs, hs)
    np.testing.assert_array_equal(new_ys, ys)
    assert (again.units, again.groups) == (planted.units, planted.groups)
    for mine, other in zip(jax.tree.leaves(again.truth), jax.tree.leaves(planted.truth)):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(again.network.h0, planted.network.h0)


def test_flipped_signs_are_flipped_weights_of_an_odd_network():
    planted, signs = tanh_planted(), jnp.asarray([1.0, -1.0, -1.0, 1.0, -1.0, 1.0])
    cell, x = planted.network.step, tanh_xs()[0, 0]
    h = jax.random.normal(KEY, (6,))
    flipped = jnp.tanh((signs[:, None] * cell.w * signs[None]) @ h + signs * (cell.u @ x))
    disguised = flip_signs(planted, signs.astype(int).tolist())
    close(disguised.network.step(h, x), flipped)


@pytest.mark.parametrize("name", ["split-unevenly", "permute", "readers", "rotate", "many"])
def test_the_truth_carried_along_holds_against_exact_sweeps(name):
    case = Data(DISGUISES[name](local_corruption(extra=1)), trials=8)
    for epoch, row in zip(case.epochs, case.effects("resample")):
        assert row[case.truth(epoch)].min() > ROUNDING
        assert row[~case.truth(epoch)].max(initial=0) < NONE
    for epoch, found in zip(case.epochs, case.edge_effects("resample")):
        wired = np.asarray(case.planted.truth.edges[epoch]) > 0
        assert found[wired].min() > ROUNDING
        assert found[~wired].max(initial=0) < NONE


def test_copies_of_a_unit_share_its_effect():
    planted = correlated_unread(extra=2)
    case, whole = Data(split(planted, "left", 4, KEY)), Data(planted)
    shares = np.asarray(case.network.step.reduce)[whole.where("left")[0], 2:6]
    assert case.planted.units[2:6] == ("left/0", "left/1", "left/2", "left/3")
    assert shares.sum() == pytest.approx(1)
    assert len(set(shares)) == 4
    one = whole.effects("zero", [whole.group("left")], whole.windows[1:])[0, 0]
    parts = case.effects("zero", windows=case.windows[1:])[0]
    together = case.effects("zero", [case.group(*case.planted.units[2:6])], case.windows[1:])
    assert together[0, 0] == pytest.approx(one)
    assert parts[2:6].max() < one
    # a copy held at 0 is refilled by nobody, while the others carry what is left
    np.testing.assert_array_equal(np.argsort(parts[2:6]), np.argsort(shares))


def kept_error(case, epoch, size):
    """Error of the `size` units of largest effect alone, of that with every unit replaced."""
    effect, window = case.effects("resample")[epoch], case.windows[epoch]
    largest = np.isin(np.arange(case.N), np.argsort(-effect)[:size])
    error = lambda units: np.square(case.kept(units, window) - case.ys).mean()
    return error(largest) / error(np.zeros(case.N, bool))


def test_a_rotation_leaves_no_unit_to_be_found():
    plain = Data(correlated_unread(extra=12))
    turned = Data(rotate(plain.planted, KEY))
    size = plain.truth("delay").sum()
    assert kept_error(plain, 1, size) < NONE
    assert turned.effects("resample").min() > 1e-6
    assert all(turned.truth(epoch).all() for epoch in turned.epochs)
    assert kept_error(turned, 1, size) > 0.3
    assert kept_error(turned, 1, turned.N // 2) > 0.1
    assert np.isnan(auroc(jnp.linspace(0.0, 1.0, turned.N), jnp.asarray(turned.truth("delay"))))


def test_rotations_are_drawn_evenly():
    planted = tanh_planted()
    draws = [rotate(planted, key).network.step.expand for key in jax.random.split(KEY, 200)]
    q = np.asarray(draws)
    close(q @ q.transpose(0, 2, 1), np.eye(6)[None] + 0 * q)
    assert np.abs(q.mean(0)).max() < 0.15
    close((q**2).mean(0), 1 / 6, atol=0.08)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: split(p, "g", 2), "no unit 'g'"),
        (lambda p: split(p, "a", 0), "at least 1"),
        (lambda p: flip_signs(p, [1, -1]), "6 of 1 or -1"),
        (lambda p: flip_signs(p, [1, -1, 0, 1, 1, 1]), "6 of 1 or -1"),
        (lambda p: permute(p, [0, 1, 2, 3, 4, 4]), "once"),
        (lambda p: add_readers(p, 0, KEY), "at least 1"),
        (
            lambda p: rotate(
                Planted(
                    Network(p.network.step, p.network.readout, (p.network.h0, p.network.h0)),
                    p.sample, p.truth, p.units, p.groups,
                ),
                KEY,
            ),
            "one vector",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_disguised_says_so(make, message):
    with pytest.raises(ValueError, match=message):
        make(tanh_planted())
