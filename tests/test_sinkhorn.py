"""The Sinkhorn divergence against geomloss, closed forms, and exact assignment."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import told_in_one_line
from scipy.optimize import linear_sum_assignment

from rnn_jax.training import distance, half_squared, sinkhorn_divergence, transport_plan

FIXTURE = np.load(Path(__file__).parent / "fixtures" / "geomloss.npz")


VALUE_AND_SLOPE = jax.jit(jax.value_and_grad(sinkhorn_divergence))
DIVERGENCE = jax.jit(sinkhorn_divergence)


def batch(seed, count, width=3):
    return jax.random.normal(jax.random.key(seed), (count, width))


@pytest.mark.parametrize("case", range(3))
def test_value_and_gradient_are_those_of_geomloss(case):
    of = lambda name: FIXTURE[f"{case}/{name}"]
    weights = {"x_weights": of("a"), "y_weights": of("b")}
    told = lambda x: sinkhorn_divergence(x, of("y"), float(of("blur")), **weights)
    value, slope = jax.jit(jax.value_and_grad(told))(of("x"))
    np.testing.assert_allclose(value, of("value"), rtol=0, atol=1e-12)
    np.testing.assert_allclose(slope, of("gradient"), rtol=0, atol=1e-12)


def test_in_single_precision_it_is_as_near_as_asked():
    x, y = (FIXTURE[f"0/{name}"].astype(np.float32) for name in ("x", "y"))
    value, slope = VALUE_AND_SLOPE(x, y)
    assert value.dtype == slope.dtype == np.float32
    np.testing.assert_allclose(value, FIXTURE["0/value"], rtol=0, atol=1e-5)
    np.testing.assert_allclose(slope, FIXTURE["0/gradient"], rtol=0, atol=1e-6)


def test_equal_batches_are_at_zero_and_feel_no_force():
    x = batch(0, 7)
    value, slope = VALUE_AND_SLOPE(x, x)
    assert abs(value) < 1e-14
    np.testing.assert_allclose(slope, 0, atol=1e-14)


def test_batches_of_one_point_are_at_zero():
    x = jnp.ones((3, 2))
    value, slope = VALUE_AND_SLOPE(x, x)
    np.testing.assert_array_equal(value, 0)
    np.testing.assert_array_equal(slope, 0)
    np.testing.assert_allclose(transport_plan(x, x), np.full((3, 3), 1 / 9))


def test_two_points_are_as_far_as_they_cost():
    x, y = batch(0, 1), batch(1, 1)
    value, slope = VALUE_AND_SLOPE(x, y)
    np.testing.assert_allclose(value, half_squared(x, y)[0, 0], atol=1e-12)
    np.testing.assert_allclose(slope, x - y, atol=1e-12)
    found = jax.jit(lambda x, y: sinkhorn_divergence(x, y, cost=distance))(x, y)
    np.testing.assert_allclose(found, jnp.linalg.norm(x - y), atol=1e-12)


def test_a_weight_is_as_many_copies():
    x, y = batch(0, 3), batch(1, 4)
    weights = jnp.array([0.5, 0.25, 0.25])
    heavy = jax.jit(lambda x, y: sinkhorn_divergence(x, y, x_weights=weights))(x, y)
    np.testing.assert_allclose(heavy, DIVERGENCE(x[jnp.array([0, 0, 1, 2])], y))


def test_sides_and_orders_are_alike():
    x, y = batch(0, 5), batch(1, 5)
    value = DIVERGENCE(x, y)
    np.testing.assert_allclose(DIVERGENCE(y, x), value)
    np.testing.assert_allclose(DIVERGENCE(x[::-1], y), value)


def test_the_divergence_of_one_hot_sequences_counts_differing_steps():
    rng = np.random.default_rng(0)
    symbols = rng.integers(0, 3, (2, 6, 9))
    x, y = (jax.nn.one_hot(part, 3).reshape(6, -1) for part in symbols)
    differ = (symbols[0][:, None] != symbols[1][None]).sum(-1)
    np.testing.assert_allclose(half_squared(x, y), differ, atol=1e-12)


def test_a_plan_with_little_blur_is_the_best_assignment():
    x, y = batch(0, 6), batch(1, 6)
    plan = np.asarray(transport_plan(x, y, 0.02, scaling=0.95))
    rows, columns = linear_sum_assignment(np.asarray(half_squared(x, y)))
    np.testing.assert_array_equal(plan.argmax(1)[rows], columns)
    np.testing.assert_allclose(plan.sum(1), 1 / 6, rtol=1e-12)


def test_a_plan_with_much_blur_is_none():
    plan = transport_plan(batch(0, 4), batch(1, 5), 1e3, diameter=1e3)
    np.testing.assert_allclose(plan, 1 / 20, rtol=1e-5)


def test_the_diameter_does_not_recompile():
    traced = []

    @jax.jit
    def told(x, y):
        traced.append(0)
        return sinkhorn_divergence(x, y)

    near, far = told(batch(0, 4), batch(1, 4)), told(50 * batch(0, 4), batch(1, 4))
    assert len(traced) == 1
    assert far > near
    np.testing.assert_allclose(far, DIVERGENCE(50 * batch(0, 4), batch(1, 4)))


def test_many_pairs_by_vmap():
    pairs = [(batch(k, 4), 3.0 * (k + 1) * batch(k + 9, 4)) for k in range(3)]
    together = jax.jit(jax.vmap(sinkhorn_divergence))(*map(jnp.stack, zip(*pairs, strict=True)))
    np.testing.assert_allclose(together, [DIVERGENCE(*pair) for pair in pairs])


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"x": [1.0, 2.0]}, "x"),
        ({"y": np.ones((4, 2))}, "x and y"),
        ({"x": np.ones((4, 3), np.float32), "y": np.ones((4, 3), np.float64)}, "x and y"),
        ({"x": "rows"}, "x"),
        ({"blur": 0.0}, "blur"),
        ({"blur": "fine"}, "blur"),
        ({"scaling": 1.0}, "scaling"),
        ({"diameter": -1.0}, "diameter"),
        ({"cost": 3}, "cost"),
        ({"x_weights": np.ones(2)}, "x_weights"),
        ({"y_weights": np.full(5, np.nan)}, "y_weights"),
        ({"y_weights": np.full(5, 0.5)}, "y_weights"),
        ({"x_weights": np.array([1.0, 1.0, 0.0, -1.0])}, "x_weights"),
    ],
)
def test_what_makes_no_sense_is_refused(given, names):
    good = {"x": np.ones((4, 3), np.float32), "y": np.zeros((5, 3), np.float32)}
    told_in_one_line(lambda: sinkhorn_divergence(**(good | given)), names)
