"""Orbits and cycles: closed forms, least periods, multipliers that a plain product loses."""

from itertools import pairwise

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, network, normal, told_in_one_line
from test_fixed_points import NONE, Affine, uniform

from rnn_jax import clamp, jacobians, rollout
from rnn_jax.core import flatten, from_field
from rnn_jax.dynamics import (
    Verdict,
    floquet,
    held,
    limit_cycle,
    part_of_field,
    periodic_orbit,
    periodic_orbits,
)
from rnn_jax.dynamics.orbits import iterated
from rnn_jax.dynamics.trees import rows_of

logistic = lambda h, x: x * h * (1 - h)
GROWTH, SPIN, DT = 0.3, 2.0, 0.2
AT = jnp.array([0.5, 0.0])


def stuart_landau(t, h, x):
    """`dz/dt = (mu + i omega) z - |z|^2 z`: radius sqrt(mu), period 2 pi / omega."""
    turned = jnp.stack([-h[1], h[0]])
    return GROWTH * h + SPIN * turned - (h @ h) * h


def turn(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


class Ring(eqx.Module):
    """Turned by a p-th of a turn, pulled to the unit circle in its radius and its third unit."""

    rotation: jax.Array

    def __call__(self, h, x):
        plane = self.rotation @ h[:2]
        size = jnp.sqrt(plane @ plane)
        return jnp.concatenate([plane * (1 + 0.5 * (1 - size)), 0.25 * h[2:]])


def two_cycle(r):
    root = np.sqrt((r + 1) * (r - 3))
    return np.array([r + 1 - root, r + 1 + root]) / (2 * r)


@pytest.mark.parametrize("r", [3.2, 3.5])
def test_the_logistic_map_of_period_two(r):
    found = periodic_orbits(logistic, jnp.array([r]), uniform(40, 1, reach=1.0), 2)
    home = found.labels >= 0
    assert home.mean() > 0.9
    lengths = sorted(len(orbit) for orbit in found.orbits)
    assert lengths == [1, 1, 2]  # 0, 1 - 1 / r and the cycle
    (cycle,) = [orbit for orbit in found.orbits if len(orbit) == 2]
    np.testing.assert_allclose(np.sort(cycle[:, 0]), two_cycle(r), atol=1e-13)
    around = floquet(logistic, jnp.array([r]), cycle)
    np.testing.assert_allclose(around.multipliers, [4 + 2 * r - r**2], atol=1e-12)
    np.testing.assert_allclose(around.exponents, np.log(abs(4 + 2 * r - r**2)) / 2, atol=1e-11)
    for label, period in zip(found.labels[home], found.period[home]):
        assert period == len(found.orbits[label])
    np.testing.assert_array_equal(found.period[~home], 0)


def test_the_logistic_map_of_period_four_and_its_least_periods():
    r = 3.5
    found = periodic_orbits(logistic, jnp.array([r]), uniform(60, 1, reach=1.0), 4)
    assert sorted(len(orbit) for orbit in found.orbits) == [1, 1, 2, 4]
    (cycle,) = [orbit for orbit in found.orbits if len(orbit) == 4]
    h = cycle[:, 0]
    np.testing.assert_allclose(r * h * (1 - h), np.roll(h, -1), atol=1e-14)
    # the orbit at 3.5 as textbooks have it
    known = [0.382820, 0.500884, 0.826941, 0.874997]
    np.testing.assert_allclose(np.sort(h), known, atol=1e-6)
    multiplier = np.prod(r * (1 - 2 * h))
    np.testing.assert_allclose(floquet(logistic, jnp.array([r]), cycle).multipliers, [multiplier])
    assert abs(multiplier) < 1
    # a start on the orbit of period 2, asked for 4
    start = jnp.asarray(two_cycle(r)[:1])
    landed = periodic_orbit(logistic, jnp.array([r]), start, 4)
    assert landed.period == 2
    assert landed.points.shape == (2, 1)
    np.testing.assert_allclose(landed.points[:, 0], two_cycle(r), atol=1e-13)
    rest = periodic_orbit(logistic, jnp.array([r]), jnp.array([1 - 1 / r + 1e-3]), 1)
    assert (rest.period, rest.verdict) == (1, Verdict.CONVERGED)


@pytest.mark.parametrize("p", [3, 8])
def test_a_turning_network_has_its_orbit_and_multipliers(p):
    step = Ring(jnp.asarray(turn(2 * np.pi / p)))
    start = jnp.array([0.9, 0.3, 0.4])
    orbit = periodic_orbit(step, NONE, start, p)
    assert (orbit.period, orbit.verdict, orbit.precision) == (p, Verdict.CONVERGED, "float64")
    size = np.linalg.norm(orbit.points[:, :2], axis=1)
    np.testing.assert_allclose(size, 1, atol=1e-13)
    np.testing.assert_allclose(orbit.points[:, 2], 0, atol=1e-13)
    angle = np.unwrap(np.arctan2(orbit.points[:, 1], orbit.points[:, 0]))
    np.testing.assert_allclose(np.diff(angle), 2 * np.pi / p)
    around = floquet(step, NONE, orbit)
    np.testing.assert_allclose(around.multipliers, [1, 0.5**p, 0.25**p], rtol=1e-11)
    np.testing.assert_allclose(around.exponents, np.log([1, 0.5, 0.25]), atol=1e-12)
    # along the circle, along its radius, along the third unit
    along = np.array([-orbit.points[0, 1], orbit.points[0, 0], 0])
    for k, direction in enumerate([along, orbit.points[0], [0, 0, 1]]):
        np.testing.assert_allclose(abs(around.right[:, k] @ direction), 1, atol=1e-11)
        np.testing.assert_allclose(abs(around.left[:, k] @ direction), 1, atol=1e-11)


def test_an_orbit_found_twice_is_one_and_a_fixed_point_none_of_four():
    step = lambda h, x: jnp.stack([-h[1], h[0]]) * (1.5 - 0.5 * (h @ h))
    starts = np.array([[1.0, 0.1], [0.7, -0.8], [1e-3, 1e-3]])
    found = periodic_orbits(step, NONE, starts, 4)
    assert found.period.tolist() == [4, 4, 1]
    # the circle is full of orbits of period 4: these starts find two
    assert len(set(found.labels.tolist())) == 3
    again = periodic_orbits(step, NONE, np.concatenate([o[-1:] for o in found.orbits]), 4)
    assert [len(orbit) for orbit in again.orbits] == [len(orbit) for orbit in found.orbits]
    same = periodic_orbits(step, NONE, found.orbits[found.labels[0]][:3], 4)
    assert same.labels.tolist() == [0, 0, 0]


def test_what_has_no_orbit_is_told():
    ghost = lambda h, x: h + 0.1 + h**2
    drift = periodic_orbit(ghost, NONE, jnp.array([0.2]), 3)
    assert drift.period == 0
    assert drift.verdict != Verdict.CONVERGED
    assert drift.points.shape == (3, 1)
    many = periodic_orbits(ghost, NONE, uniform(1, 1), 3)
    assert many.orbits == []
    assert many.labels.tolist() == [-1]


@pytest.mark.parametrize("cell", [pytest.param("gru", marks=pytest.mark.slow), "lstm"])
def test_driven_orbits_of_cells_with_one_part_and_two(cell):
    net, xs = network(cell), 2 * normal(3, 3, I)
    orbit = periodic_orbit(net.step, xs, net.h0, 3, driven=True)
    assert orbit.period == 3
    first = jax.tree.map(lambda leaf: jnp.asarray(leaf[0]), orbit.points)
    step, h0 = flatten(net.step, first)
    run = rollout(step, h0, xs)
    np.testing.assert_allclose(rows_of("points", orbit.points), run.previous, atol=1e-12)
    np.testing.assert_allclose(run.hs[-1], h0, atol=1e-12)
    maps = np.asarray(jacobians(step, run))
    product = maps[2] @ maps[1] @ maps[0]
    around = floquet(net.step, xs, orbit, driven=True)
    lead = np.linalg.eigvals(product)
    lead = lead[np.argsort(-np.abs(lead))]
    np.testing.assert_allclose(np.abs(around.multipliers[:2]), np.abs(lead[:2]), rtol=1e-8)
    values, right, left = around.multipliers, around.right, around.left
    scale = np.abs(values[0])
    np.testing.assert_allclose(product @ right, right * values, atol=1e-9 * scale)
    np.testing.assert_allclose(
        left.conj().T @ product, values[:, None] * left.conj().T, atol=1e-9 * scale
    )


def test_inputs_with_a_shorter_period_allow_a_shorter_orbit():
    step = lambda h, x: 0.5 * h + x
    xs = jnp.array([[1.0], [-1.0], [1.0], [-1.0]])
    assert periodic_orbit(step, xs, jnp.zeros(1), 4, driven=True).period == 2
    assert periodic_orbit(step, xs[:1].repeat(4, 0), jnp.zeros(1), 4, driven=True).period == 1
    # the state is the same at both, but not what drives it
    alike = lambda h, x: 0.5 * h + x**2
    assert periodic_orbit(alike, xs, jnp.zeros(1), 4, driven=True).period == 2
    # a start at another phase of the state is another phase of the inputs, so the same orbit
    both = periodic_orbits(step, xs, np.array([[3.0], [-3.0]]), 4, driven=True)
    assert both.labels.tolist() == [0, 0]


def test_multipliers_that_the_plain_product_loses():
    rng = np.random.default_rng(0)
    p, sizes = 12, np.array([2.0, 0.9, 0.1, 0.02])
    frames = [np.linalg.qr(rng.normal(size=(4, 4)))[0] + 0.2 * rng.normal(size=(4, 4))]
    frames += [rng.normal(size=(4, 4)) + 2 * np.eye(4) for _ in range(p - 1)]
    frames.append(frames[0])
    maps = [b @ np.diag(sizes) @ np.linalg.inv(a) for a, b in pairwise(frames)]
    linear = lambda h, x: x @ h
    around = floquet(linear, np.stack(maps), np.zeros((p, 4)), driven=True)
    np.testing.assert_allclose(around.multipliers, sizes**p, rtol=1e-9)
    np.testing.assert_allclose(around.exponents, np.log(sizes), atol=1e-10)
    for k in range(4):
        direction = frames[0][:, k] / np.linalg.norm(frames[0][:, k])
        np.testing.assert_allclose(abs(direction @ around.right[:, k]), 1, atol=1e-10)
        dual = np.linalg.inv(frames[0])[k]
        cosine = abs(dual @ around.left[:, k]) / np.linalg.norm(dual)
        np.testing.assert_allclose(cosine, 1, atol=1e-10)
    # what the product alone makes of the smallest, 4e-21
    product = np.linalg.multi_dot(maps[::-1])
    plain = np.sort(np.abs(np.linalg.eigvals(product)))[0]
    assert abs(plain / 0.02**p - 1) > 10


def test_pairs_ties_and_zeros_among_multipliers():
    rng = np.random.default_rng(1)
    core = np.zeros((6, 6))
    core[:2, :2], core[2:4, 2:4], core[4, 4] = 0.8 * turn(0.7), 0.8 * turn(0.2), 1e-3
    frame = rng.normal(size=(6, 6))
    maps = np.stack([frame @ core @ np.linalg.inv(frame)] * 5)
    around = floquet(lambda h, x: x @ h, maps, np.zeros((5, 6)), driven=True)
    expected = 0.8**5 * np.exp(1j * np.array([1, -1, 3.5, -3.5]))
    np.testing.assert_allclose(np.sort_complex(around.multipliers[:4]), np.sort_complex(expected))
    np.testing.assert_allclose(around.multipliers[4], 1e-15, rtol=1e-8)
    assert abs(around.multipliers[5]) < 1e-40
    product = np.linalg.matrix_power(maps[0], 5)
    np.testing.assert_allclose(
        product @ around.right, around.right * around.multipliers, atol=1e-11
    )
    # silent units of a rectified network: whole rows of 0, others at each step
    quiet = maps * (rng.random((5, 6, 1)) < 0.6)
    around = floquet(lambda h, x: x @ h, quiet, np.zeros((5, 6)), driven=True)
    product, scale = np.linalg.multi_dot(quiet[::-1]), np.abs(around.multipliers[0])
    assert scale > 1e-3
    np.testing.assert_allclose(
        product @ around.right, around.right * around.multipliers, atol=1e-9
    )
    # a fixed point is an orbit of one step
    one = floquet(Affine(jnp.asarray(maps[0]), jnp.zeros(6)), jnp.zeros(6), np.zeros((1, 6)))
    np.testing.assert_allclose(np.abs(one.multipliers[:4]), 0.8)
    nothing = floquet(lambda h, x: 0 * h, NONE, np.zeros((3, 2)))
    np.testing.assert_array_equal(nothing.multipliers, 0)
    assert np.isneginf(nothing.exponents).all()


def check_stuart_landau(cycle, around, dt, close):
    assert (cycle.verdict, cycle.precision) == (Verdict.CONVERGED, "float64")
    np.testing.assert_allclose(cycle.period, 2 * np.pi / SPIN / dt, rtol=close)
    np.testing.assert_allclose(np.linalg.norm(cycle.points, axis=1), np.sqrt(GROWTH), rtol=close)
    assert len(cycle.points) == int(cycle.period) + 1
    expected = [1, np.exp(-4 * np.pi * GROWTH / SPIN)]
    np.testing.assert_allclose(around.multipliers, expected, rtol=10 * close)
    np.testing.assert_allclose(around.exponents / dt, [0, -2 * GROWTH], atol=10 * close)
    # no shear: the state turns along the circle, and its phase responds along it alone
    along = np.array([-cycle.points[0, 1], cycle.points[0, 0]]) / np.sqrt(GROWTH)
    np.testing.assert_allclose(abs(around.right[:, 0] @ along), 1, rtol=10 * close)
    np.testing.assert_allclose(abs(around.left[:, 0] @ along), 1, rtol=10 * close)


def flow(h, share):
    """Its exact flow for a share of `DT`."""
    fall = jnp.exp(-2 * GROWTH * DT * share)
    size = jnp.sqrt(GROWTH / (h @ h + (GROWTH - h @ h) * fall))
    cos, sin = jnp.cos(SPIN * DT * share), jnp.sin(SPIN * DT * share)
    return size * jnp.stack([cos * h[0] - sin * h[1], sin * h[0] + cos * h[1]])


def test_stuart_landau_by_parts_of_steps():
    step, part = lambda h, x: flow(h, 1.0), lambda h, x, share: flow(h, share)
    cycle = limit_cycle(step, NONE, jnp.array([0.4, 0.5]), part=part)
    check_stuart_landau(cycle, floquet(step, NONE, cycle, part=part), DT, 1e-11)
    assert cycle.gap == 0
    # a guess of two turns comes back to one
    two = limit_cycle(step, NONE, jnp.array([0.4, 0.5]), 2 * cycle.period + 0.5, part=part)
    check_stuart_landau(two, floquet(step, NONE, two, part=part), DT, 1e-11)


def test_stuart_landau_interpolated():
    step = lambda h, x: flow(h, 1.0)
    cycle = limit_cycle(step, NONE, jnp.array([0.4, 0.5]))
    check_stuart_landau(cycle, floquet(step, NONE, cycle), DT, 3e-5)
    error = abs(cycle.period * DT * SPIN - 2 * np.pi) * np.sqrt(GROWTH)
    assert 0 < error < cycle.gap < 1e-3


def test_the_curve_of_a_map_and_the_order_of_the_interpolation():
    """Euler's steps turn by one angle each on a circle of their own: all is in closed form."""
    errors = []
    for dt in (0.2, 0.1):
        step = from_field(stuart_landau, dt)
        cycle = limit_cycle(step, NONE, jnp.array([0.6, 0.1]))
        # the radius at which |1 + dt (mu - r^2 + i omega)| = 1
        real = np.sqrt(1 - (dt * SPIN) ** 2)
        square = GROWTH - (real - 1) / dt
        period = 2 * np.pi / np.arctan2(dt * SPIN, real)
        errors.append(abs(cycle.period - period) / period)
        np.testing.assert_allclose((cycle.points**2).sum(1), square, rtol=cycle.gap)
        across = (1 - 2 * dt * square * real) ** period
        multipliers = floquet(step, NONE, cycle).multipliers
        np.testing.assert_allclose(multipliers, [1, across], rtol=cycle.gap)
    # degree five: the sixth power of the step
    assert errors[0] < 2e-6
    assert errors[1] < errors[0] / 30


def check_part(solver):
    h, x = jnp.array([0.4, 0.5]), NONE
    part = part_of_field(stuart_landau, 0.3, solver, 2)
    whole = from_field(stuart_landau, 0.3, solver, 2)(h, x)
    np.testing.assert_allclose(part(h, x, jnp.array(1.0)), whole, rtol=1e-14)
    some = from_field(stuart_landau, 0.12, solver, 2)(h, x)
    np.testing.assert_allclose(part(h, x, jnp.array(0.4)), some, rtol=1e-13)


def test_part_of_a_field_is_a_shorter_step():
    check_part(None)
    wave = lambda t, h, x: jnp.full_like(h, 1.0) * t
    # Euler's two steps: 0 and 1/4, for 1/4 each
    half = part_of_field(wave, 1.0, None, 2)(AT, NONE, jnp.array(0.5))
    np.testing.assert_allclose(half, AT + 1 / 16)


@pytest.mark.slow
def test_part_of_a_field_by_a_solver():
    check_part(diffrax.Heun())


@pytest.mark.slow
def test_stuart_landau_by_a_solver():
    step = from_field(stuart_landau, DT, diffrax.Tsit5())
    part = part_of_field(stuart_landau, DT, diffrax.Tsit5())
    cycle = limit_cycle(step, NONE, jnp.array([0.4, 0.5]), part=part)
    check_stuart_landau(cycle, floquet(step, NONE, cycle, part=part), DT, 2e-6)


def test_a_fixed_point_is_no_cycle():
    grow = lambda h, x: h + 0.2 * jnp.stack([-h[1], h[0]])
    rest = limit_cycle(grow, NONE, jnp.array([1e-3, 0.0]))
    assert rest.verdict == Verdict.CONVERGED
    assert rest.period == 0
    with pytest.raises(ValueError, match="must be one that was found"):
        floquet(grow, NONE, rest)


def test_an_ablated_oscillator_and_a_state_of_two_parts():
    pair = lambda h, x: {"a": h["a"] * 1.2 - h["b"] * 0.9, "b": h["b"] * 1.2 + h["a"] * 0.9}
    tame = lambda h, x: jax.tree.map(lambda z: jnp.tanh(z), pair(h, x))
    start = {"a": jnp.array([0.8]), "b": jnp.array([0.1])}
    cycle = limit_cycle(tame, NONE, start)
    assert cycle.verdict == Verdict.CONVERGED
    assert cycle.points["a"].shape == (int(cycle.period) + 1, 1)
    lead = floquet(tame, NONE, cycle).multipliers[0]
    np.testing.assert_allclose(lead, 1, atol=0.05)
    flat = lambda h, x: jnp.tanh(jnp.array([[1.2, -0.9], [0.9, 1.2]]) @ h)
    lesion = held(flat, clamp([1], jnp.ones(1), 0.0), jnp.zeros(2))
    assert periodic_orbit(lesion, NONE, jnp.array([0.8, 0.0]), 4).period == 1


def test_steps_made_several_times():
    step = Affine(0.5 * jnp.eye(2), jnp.ones(2))
    h = normal(0, 2)
    by_hand = h
    for _ in range(3):
        by_hand = step(by_hand, jnp.zeros(2))
    np.testing.assert_allclose(iterated(step, 3)(h, jnp.zeros(2)), by_hand)
    xs = normal(1, 2, 2)
    driven = iterated(step, 2, driven=True)(h, xs)
    np.testing.assert_allclose(driven, step(step(h, xs[0]), xs[1]))


def test_single_precision_is_told():
    weights = jnp.asarray(turn(np.pi / 2), jnp.float32)
    narrow = lambda h, x: jnp.tanh(1.5 * (weights @ h.astype(jnp.float32))).astype(h.dtype)
    orbit = periodic_orbit(narrow, NONE, jnp.array([0.8, 0.1], jnp.float32), 4)
    assert orbit.precision == "float32"
    assert orbit.verdict == Verdict.ROUNDED
    assert orbit.period == 4


SPINNING = from_field(stuart_landau, 0.1)
BAD = {
    "period": (lambda: periodic_orbit(logistic, jnp.ones(1), jnp.ones(1), 0), "period must be"),
    "half a step": (lambda: iterated(logistic, 2.5), "period must be a whole number"),
    "inputs": (
        lambda: periodic_orbit(logistic, jnp.ones((3, 1)), jnp.ones(1), 2, driven=True),
        "x must lead with the period, 2",
    ),
    "no starts": (lambda: periodic_orbits(logistic, jnp.ones(1), np.ones((0, 1)), 2), "at least"),
    "width": (lambda: periodic_orbit(SPINNING, NONE, jnp.ones(3), 2), "the step rejects"),
    "no step": (lambda: iterated(3, 2), "the step must be a function"),
    "same": (lambda: periodic_orbit(logistic, jnp.ones(1), jnp.ones(1), 1, same=0.0), "tolerance"),
    "rests": (lambda: limit_cycle(SPINNING, NONE, jnp.zeros(2)), "start must move"),
    "no return": (lambda: limit_cycle(lambda h, x: h + 1, NONE, jnp.zeros(2)), "does not return"),
    "no number": (lambda: limit_cycle(lambda h, x: jnp.nan * h, NONE, AT), "step is not finite"),
    "guess": (lambda: limit_cycle(SPINNING, NONE, AT, -3.0), "period must be"),
    "short": (lambda: limit_cycle(SPINNING, NONE, AT, 2.0), "at least 4 steps"),
    "part": (lambda: limit_cycle(SPINNING, NONE, AT, 30.0, part=3), "part must be a function"),
    "driven": (
        lambda: floquet(logistic, jnp.ones((3, 1)), np.ones((2, 1)), driven=True), "one for each",
    ),
    "not finite": (
        lambda: floquet(lambda h, x: jnp.sqrt(h), NONE, np.zeros((1, 1))), "not finite",
    ),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
