"""Units by their numbers: integers are indices, floats and bools are masks."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import N, T, inputs, network, same

from rnn_jax import (
    Compose,
    Inside,
    Replace,
    clamp,
    drop,
    finite,
    integrated,
    jacobians,
    keep,
    margin,
    pulse,
    read,
    rollout,
    run,
    screen,
    span,
    sweep,
    tiling,
)
from rnn_jax.causal import entries_changed, self_repair
from rnn_jax.core import Lesion
from rnn_jax.core.units import group_masks

WINDOW = span(T, 2, 5)
MASK = jnp.zeros(N).at[jnp.array([1, 3])].set(1.0)
WAYS = {
    "clamp": clamp,
    "pulse": pulse,
    "read": read,
    "keep": keep,
    "drop": drop,
    "lesion": lambda units, window, value: Lesion(units, value),
    "inside": lambda units, window, value: Inside(Compose(clamp(units, window, value)), window),
}


def metric(trajectory):
    return (
        trajectory.hs[-1].sum() if isinstance(trajectory.hs, jax.Array) else trajectory.hs[0].sum()
    )


@pytest.mark.parametrize("way", WAYS)
def test_indices_are_their_mask_to_the_bit(way):
    net, xs = network("gru"), inputs()
    by_mask = run(net, xs, WAYS[way](MASK, WINDOW, 0.4))
    for units in ([3, 1], np.array([1, 3]), jnp.array([1, 3])):
        assert same(run(net, xs, WAYS[way](units, WINDOW, 0.4)), by_mask)
    assert same(run(net, xs, WAYS[way](MASK.astype(bool), WINDOW, 0.4)), by_mask)


def test_one_unit_needs_no_list():
    net, xs = network("gru"), inputs()
    by_mask = run(net, xs, clamp(jnp.eye(N)[2], WINDOW, 0.4))
    for unit in (2, np.int64(2), jnp.array(2)):
        assert same(run(net, xs, clamp(unit, WINDOW, 0.4)), by_mask)


@pytest.mark.parametrize("way", [clamp, read, drop, keep])
def test_a_tuple_addresses_the_parts_of_a_state(way):
    net, xs = network("lstm"), inputs()
    for units, masks in [
        ([1, 3], MASK),
        (([1, 3], None), (MASK, None)),
        ((None, 2), (None, jnp.eye(N)[2])),
    ]:
        by_mask = run(net, xs, way(masks, WINDOW, 0.0))
        assert same(run(net, xs, way(units, WINDOW, 0.0)), by_mask)


def test_many_indices_share_one_program_and_have_their_finite_effects():
    net, xs = network("gru"), inputs()
    traces = []

    @eqx.filter_jit
    def effect(index):
        traces.append(1)
        return metric(run(net, xs, clamp(index, WINDOW, 0.4)))

    one_by_one = jnp.stack([effect(jnp.array([i])) for i in range(N)])
    assert len(traces) == 1
    many = jax.vmap(lambda i: clamp(i, WINDOW, 0.4))(jnp.arange(N))
    by_mask = jax.vmap(lambda unit: clamp(unit, WINDOW, 0.4))(jnp.eye(N))
    of = lambda ivs: finite(net.step, net.h0, xs, metric, ivs)
    assert same(of(many), of(by_mask))
    np.testing.assert_allclose(one_by_one - metric(run(net, xs)), of(many), atol=1e-14)
    assert same(
        integrated(net.step, net.h0, xs, metric, many),
        integrated(net.step, net.h0, xs, metric, by_mask),
    )
    assert entries_changed(clamp([0, 2], WINDOW, 0.0), net.h0) == 6
    both = Compose(clamp([0, 2], WINDOW, 0.0), clamp(1, WINDOW, 0.0))
    assert entries_changed(both, net.h0) == 9
    assert entries_changed(Compose(both, lambda step: step), net.h0) is None


def test_a_jacobian_knows_units_by_their_numbers():
    net, xs = network("gru"), inputs()
    hold = clamp(1, WINDOW, 0.4)
    J = jacobians(net.step, run(net, xs, hold), hold)
    assert not np.asarray(J[2:5, 1]).any()
    assert np.asarray(J[:2, 1]).any()


def test_a_mask_keeps_its_gradient():
    net, xs = network("gru"), inputs()
    slope = jax.grad(lambda m: metric(run(net, xs, Replace(m, 0.4))))(jnp.zeros((T, N)))
    assert np.isfinite(slope).all()
    assert np.asarray(slope).any()


def problem():
    net = network("gru")
    xs = jnp.stack([inputs(seed) for seed in range(3)])
    return net, xs, jnp.ones((3, T, 2))


def test_a_sweep_takes_units_and_groups_by_their_numbers():
    of = lambda units: sweep(*problem(), margin, units, tiling(T, 3), 0.0)
    assert same(of([0, 2]), of(jnp.eye(N)[jnp.array([0, 2])]))
    assert same(of(jnp.arange(N)), of(jnp.eye(N)))
    groups = jnp.array([[1.0, 1, 0, 0], [0, 0, 1, 0]])
    assert same(of([[0, 1], [2]]), of(groups))
    assert same(of(groups.astype(bool)), of(groups))
    at = lambda units: eqx.filter_jit(of)(units)
    np.testing.assert_allclose(at(jnp.arange(N)), of(jnp.eye(N)), atol=1e-14)


def test_a_screen_and_self_repair_take_them_too():
    net, xs, targets = problem()
    of = lambda units: screen(
        net, xs, targets, margin, units, tiling(T, 3), 0.0, 2, jax.random.key(0)
    )
    assert same(of([0, 1, 2, 3]).effect, of(jnp.eye(N)).effect)
    of = lambda units: self_repair(net.step, net.h0, xs[0], metric, units, WINDOW, 0.0)
    assert same(of([1, 3])[:2], of(MASK)[:2])


@pytest.mark.parametrize(
    ("units", "message"),
    [
        (N, f"unit {N} is outside"),
        ([0, -1], "got -1"),
        ([1, 2, 1], "unit 1 is given 2 times"),
        (np.array([0, 1, 0, 0]), "give floats or bools"),
        ([], "at least one"),
    ],
)
@pytest.mark.parametrize("way", ["clamp", "read", "keep", "lesion"])
def test_indices_that_name_no_unit_are_refused(way, units, message):
    net, xs = network("gru"), inputs()
    with pytest.raises(ValueError, match=message):
        run(net, xs, WAYS[way](units, WINDOW, 0.0))
    if len(np.atleast_1d(units)):
        with pytest.raises(RuntimeError, match="each once"):
            eqx.filter_jit(lambda i: run(net, xs, WAYS[way](i, WINDOW, 0.0)).hs)(
                jnp.asarray(units)
            )


def test_two_units_named_by_an_array_of_zeros_and_ones_are_indices():
    """Without a repeat it is read as it says: only a state of one or two units has such a mask."""
    step = lambda h, x: 0.5 * h + x
    of = lambda units: rollout(step, jnp.ones(2), jnp.ones((T, 2)), clamp(units, WINDOW, 0.0)).hs
    np.testing.assert_array_equal(of(np.array([0, 1]))[2:5], 0.0)
    np.testing.assert_array_equal(of(np.array([0.0, 1.0]))[2:5, 1], 0.0)


def test_masks_outside_0_and_1_are_refused_once_they_are_known():
    net, xs = network("gru"), inputs()
    wrong = {
        "mask": lambda m: Replace(m * jnp.ones((1, N)), 0.0),
        "window": lambda m: Inside(Lesion(0), m * jnp.ones(T)),
        "units": lambda m: Lesion(m * jnp.ones(N)),
    }
    for make in wrong.values():
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\], got 3 to 3"):
            make(3.0)
        with pytest.raises(RuntimeError, match=r"must lie in \[0, 1\]"):
            eqx.filter_jit(lambda m, make=make: run(net, xs, make(m)).hs)(jnp.array(3.0))
    with pytest.raises(RuntimeError, match=r"must lie in \[0, 1\]"):
        jax.vmap(lambda m: run(net, xs, wrong["mask"](m)).hs)(jnp.array([0.5, -0.1]))
    net, xs, targets = problem()
    of = eqx.filter_jit(lambda u, w: sweep(net, xs, targets, outputs_sum, u, w, 0.0))
    for u, w in [(jnp.eye(N), 2 * tiling(T, 3)), (jnp.eye(N) - 0.5, tiling(T, 3))]:
        with pytest.raises(RuntimeError, match=r"must lie in \[0, 1\]"):
            of(u, w)


def outputs_sum(ys, targets):
    return ys.sum()


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16])
def test_indices_of_a_narrow_type_name_the_same_units_among_many(dtype):
    """`arange(300)` of 8 bits wraps around: unit 3 would be unit 259 too."""
    many, index = 300, np.array([3, 100], dtype)
    step = lambda h, x: h + x
    held = lambda units: clamp(units, span(4, 1, 3), 0.0)
    run = lambda units: rollout(step, jnp.ones(many), jnp.ones((4, 1)), held(units)).hs
    np.testing.assert_array_equal(run(index), run([3, 100]))
    np.testing.assert_array_equal(group_masks(index, many), group_masks([3, 100], many))
