"""Continuous time: solvers against closed forms, a flow's Jacobian, fields and where they rest."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optimistix
import pytest
from continuous_data import FIELDS, FINE, NONE, Linear, order
from helpers import I, N, inputs, normal, same, told_in_one_line
from jax.scipy.linalg import expm
from numpy.testing import assert_allclose

from rnn_jax.cells import LiquidField, NeuralField, RateField, Vanilla, fused, zero_state
from rnn_jax.core import during, from_field, noisy, rollout, white_noise
from rnn_jax.dynamics import Verdict, fixed_points, stability
from rnn_jax.linear import flow_map

NEWTON = optimistix.Newton(1e-12, 1e-12)
every_field = pytest.mark.parametrize("name", FIELDS)


def slow(n, seed=0):
    """A linear field that decays and turns."""
    return Linear(normal(seed, n, n) / n**0.5 - jnp.eye(n))


ORDERS = {
    "euler": (diffrax.Euler(), 1),
    "heun": (diffrax.Heun(), 2),
    "bosh3": (diffrax.Bosh3(), 3),
    "dopri5": (diffrax.Dopri5(), 5),
    "tsit5": (diffrax.Tsit5(), 5),
}


@pytest.mark.parametrize("name", ORDERS)
def test_a_linear_step_is_the_exponential_to_the_solvers_order(name):
    solver, expected = ORDERS[name]
    field, h = slow(4), normal(1, 4)
    exact = expm(field.a) @ h
    error = lambda n: float(jnp.abs(from_field(field, 1.0, solver, n)(h, NONE) - exact).max())
    assert expected - 0.3 < order([error(8), error(16)], 2) < expected + 0.6


@pytest.mark.parametrize("solver", [diffrax.Midpoint(), diffrax.Ralston(), diffrax.Tsit5(),
                                    diffrax.Dopri8()])  # fmt: skip
def test_stages_written_out_are_those_of_diffrax(solver):
    field = lambda t, h, x: jnp.sin(3 * t) + FIELDS["rate"](t, h, x)
    h, x = normal(0, N), normal(1, I)
    theirs = diffrax.diffeqsolve(
        diffrax.ODETerm(field), solver, 0.0, 0.6, 0.2, h, x,
        stepsize_controller=diffrax.ConstantStepSize(),
    )  # fmt: skip
    ours = from_field(field, 0.6, solver, 3)(h, x)
    assert_allclose(ours, theirs.ys[0], atol=1e-14)


def directional(step, h, v, eps=1e-5):
    return (step(h + eps * v) - step(h - eps * v)) / (2 * eps)


ADAPTIVE = {
    "tsit5": (diffrax.Tsit5(), 64, FINE),
    "kvaerno5": (diffrax.Kvaerno5(), 64, FINE),
    "implicit euler": (diffrax.ImplicitEuler(root_finder=NEWTON), 2, None),
    "reversible heun": (diffrax.ReversibleHeun(), 2, None),
}


@pytest.mark.parametrize(
    "name", ["tsit5", "reversible heun", *(pytest.param(n, marks=pytest.mark.slow)
                                           for n in ("kvaerno5", "implicit euler"))]
)  # fmt: skip
def test_any_solver_differentiates_both_ways(name):
    step = from_field(FIELDS["rate"], 0.5, *ADAPTIVE[name])
    h, x, v = normal(0, N), normal(1, I), normal(2, N)
    of_state = lambda h: step(h, x)
    forward, backward = (jax.jit(mode(of_state))(h) for mode in (jax.jacfwd, jax.jacrev))
    assert_allclose(forward, backward, atol=1e-12)
    # the choice of substeps is not differentiated: equal up to the tolerance, not to rounding
    moved = jax.jit(of_state)
    assert_allclose(forward @ v, directional(moved, h, v), atol=1e-6)
    if ADAPTIVE[name][2] is not None:
        exact = from_field(FIELDS["rate"], 0.5, diffrax.Dopri8(), 8)
        assert_allclose(moved(h), exact(h, x), atol=1e-7)
        assert_allclose(forward, jax.jacfwd(exact)(h, x), atol=1e-6)


@pytest.mark.parametrize("dt", [0.5, 2.0])
def test_an_adaptive_step_has_the_flows_jacobian_at_a_fixed_point_too(dt):
    # there the state has no error, so that a controller that saw it alone would take one long step
    field = Linear(4 * slow(4).a)
    step = from_field(field, dt, diffrax.Tsit5(), 256, FINE)
    exact = expm(field.a * dt)
    for h in (jnp.zeros(4), normal(1, 4)):
        assert_allclose(jax.jacfwd(step)(h, NONE), exact, atol=1e-6)
        moved, J = flow_map(field, h, NONE, dt, diffrax.Tsit5(), 256, FINE)
        assert_allclose(J, exact, atol=1e-6)
        assert_allclose(moved, exact @ h, atol=1e-6)


def test_adaptive_steps_ride_in_vmap():
    step = from_field(FIELDS["rate"], 1.0, diffrax.Tsit5(), 32, FINE)
    hs, x = jnp.asarray([0.01, 1.0, 30.0])[:, None] * normal(0, 3, N), normal(1, I)
    together = jax.vmap(step, (0, None))(hs, x)
    assert_allclose(together, jnp.stack([step(h, x) for h in hs]), atol=1e-14)


def test_the_controller_of_a_flow_map_sees_the_derivative_and_no_tangent_more():
    # loose tolerances, so that another error would choose other substeps
    field, controller = FIELDS["rate"], diffrax.PIDController(1e-3, 1e-3)
    h, x = normal(0, N), normal(1, I)

    def both(t, hJ, x):
        J = jax.jacfwd(lambda h: field(t, h, x))(hJ[0])
        return field(t, hJ[0], x), J @ hJ[1]

    theirs = diffrax.diffeqsolve(
        diffrax.ODETerm(both), diffrax.Tsit5(), 0.0, 2.0, 2.0, (h, jnp.eye(N)), x,
        stepsize_controller=controller,
    )  # fmt: skip
    moved, J = flow_map(field, h, x, 2.0, diffrax.Tsit5(), 64, controller)
    assert_allclose(moved, theirs.ys[0][0], atol=1e-13)
    assert_allclose(J, theirs.ys[1][0], atol=1e-13)


@every_field
def test_the_flow_map_is_the_jacobian_of_the_step(name):
    field, h, x, v = FIELDS[name], normal(0, N), normal(1, I), normal(2, N)
    moved, J = flow_map(field, h, x, 0.5, diffrax.Heun(), 3)
    step = from_field(field, 0.5, diffrax.Heun(), 3)
    assert_allclose(moved, step(h, x), atol=1e-15)
    assert_allclose(J, jax.jacfwd(step)(h, x), atol=1e-14)
    assert_allclose(J @ v, directional(lambda h: step(h, x), h, v), atol=1e-9)


def test_the_flow_map_of_a_state_in_parts():
    swing = lambda t, h, x: (h[1], -jnp.sin(h[0]) + x)
    h = (jnp.array([0.3, 1.0]), jnp.array([0.2, -0.5]))
    moved, J = flow_map(swing, h, jnp.zeros(2), 0.7, diffrax.Tsit5(), 8)
    step = from_field(swing, 0.7, diffrax.Tsit5(), 8)
    blocks = jax.jacfwd(step)(h, jnp.zeros(2))
    assert_allclose(J, jnp.block([list(row) for row in blocks]), atol=1e-14)
    assert jax.tree.structure(moved) == jax.tree.structure(h)
    # a flow of Hamilton's keeps volumes
    assert_allclose(jnp.linalg.det(J), 1, atol=1e-7)


def test_the_fields_are_their_equations():
    h, x = normal(0, N), normal(1, I)
    f = FIELDS["rate"]
    tau = np.linspace(0.5, 2, N)
    assert_allclose(f(0.0, h, x), (-h + f.w @ np.tanh(h) + f.u @ x + f.b) / tau, atol=1e-14)
    f = eqx.tree_at(lambda f: (f.b, f.c), FIELDS["neural-ode"], (normal(3, 5), normal(4, N)))
    assert_allclose(f(0.0, h, x), f.v @ np.tanh(f.w @ h + f.u @ x + f.b) + f.c, atol=1e-14)
    f = eqx.tree_at(lambda f: f.b, FIELDS["liquid"], normal(3, N))
    gate = 1 / (1 + np.exp(-(f.w @ h + f.u @ x + f.b)))
    assert_allclose(f(0.0, h, x), -(1 / 2 + gate) * h + gate * f.a, atol=1e-14)
    expected = (h + 0.3 * gate * f.a) / (1 + 0.3 * (1 / 2 + gate))
    assert_allclose(fused(f, 0.3)(h, x), expected, atol=1e-14)


@every_field
def test_a_step_starts_from_zero_and_trains_its_weights(name):
    field = FIELDS[name]
    step = fused(field, 1.0) if name == "liquid" else from_field(field, 1.0)
    assert same(zero_state(step), jnp.zeros(N))
    assert same(zero_state(field), jnp.zeros(N))
    loss = lambda step: (rollout(step, jnp.full(N, 0.3), inputs()).hs ** 2).sum()
    grads = jax.tree.leaves(eqx.filter_grad(loss)(step))
    weights = jax.tree.leaves(eqx.filter(step, eqx.is_inexact_array))
    assert len(grads) == len(weights) == {"rate": 3}.get(name, 5)
    assert all((np.abs(grad) > 0).any() for grad in grads)


def test_a_liquid_state_stays_in_its_range():
    field = FIELDS["liquid"]
    low, high = np.minimum(field.a, 0) - 1e-12, np.maximum(field.a, 0) + 1e-12
    for dt in (0.1, 1e3):
        hs = np.asarray(rollout(fused(field, dt), jnp.zeros(N), 3 * inputs(steps=50)).hs)
        assert ((hs >= low) & (hs <= high)).all()
    exact = from_field(field, 1.0, diffrax.Tsit5(), 8)(normal(0, N), normal(1, I))
    error = lambda n: float(
        jnp.abs(fused(field, 1.0, n)(normal(0, N), normal(1, I)) - exact).max()
    )
    assert abs(order([error(16), error(32)], 2) - 1) < 0.1


def test_rates_rest_where_the_vanilla_cell_does():
    field = RateField(I, N, tau=0.7, key=jax.random.key(5))
    field = eqx.tree_at(lambda f: (f.w, f.b), field, (2.5 * field.w, 0.1 * normal(6, N)))
    x, starts = 0.1 * normal(7, I), np.asarray(2 * normal(8, 32, N))
    found = fixed_points(from_field(field, 0.5, diffrax.Heun()), x, starts)
    points = jnp.asarray(found.points[found.converged])
    assert len(points) > 8
    vanilla = Vanilla(I, N, key=jax.random.key(0))
    vanilla = eqx.tree_at(lambda c: (c.w, c.u, c.b), vanilla, (field.w, field.u, field.b))
    rates = jnp.tanh(points)
    assert_allclose(jax.vmap(vanilla, (0, None))(rates, x), rates, atol=1e-9)
    # an explicit method rests where the field does, whatever its step
    for dt in (0.01, 0.3):
        step = from_field(field, dt, diffrax.Dopri5(), 2)
        assert_allclose(jax.vmap(step, (0, None))(points, x), points, atol=1e-9)


@pytest.mark.parametrize("controller", [None, FINE])
def test_the_modes_of_a_step_are_those_of_the_field_over_dt(controller):
    field, dt = FIELDS["rate"], 0.4
    field = eqx.tree_at(lambda f: f.b, field, jnp.zeros(N))
    J = jax.jacfwd(lambda h: field(0.0, h, jnp.zeros(I)))(jnp.zeros(N))
    step = from_field(field, dt, diffrax.Tsit5(), 16, controller)
    near = stability(step, jnp.zeros(I), np.zeros((1, N)))
    expected = np.exp(dt * np.linalg.eigvals(J))
    by_size = lambda values: values[np.lexsort((values.imag, np.round(np.abs(values), 6)))]
    assert_allclose(by_size(near.eigenvalues[0]), by_size(expected), atol=1e-6)


def test_stuart_landau_turns_on_its_circle():
    mu, omega, dt = 0.5, 2.0, 0.05
    field = lambda t, h, x: (mu - h @ h) * h + omega * jnp.array([-h[1], h[0]])
    hs = rollout(
        from_field(field, dt, diffrax.Tsit5()), jnp.array([0.1, 0.0]), jnp.zeros((600, 0))
    ).hs
    assert_allclose(jnp.linalg.norm(hs[-100:], axis=1), mu**0.5, atol=1e-7)
    angle = np.unwrap(np.arctan2(hs[-100:, 1], hs[-100:, 0]))
    assert_allclose(np.diff(angle), omega * dt, atol=1e-7)


CALL = lambda *more: from_field(FIELDS["rate"], 0.1, *more)
KEY = jax.random.key(0)
BAD = {
    "field": (lambda: from_field(3, 0.1), "field must be a function"),
    "no solver": (lambda: CALL("tsit5"), "solver must be a diffrax solver"),
    "a class": (lambda: CALL(diffrax.Tsit5), "solver must be a diffrax solver"),
    "two fields": (lambda: CALL(diffrax.KenCarp3()), "KenCarp3 takes several"),
    "stochastic": (lambda: CALL(diffrax.ItoMilstein()), "ItoMilstein takes several"),
    "no tolerance": (lambda: CALL(diffrax.Kvaerno5()), "Kvaerno5 is implicit"),
    "controller": (lambda: CALL(diffrax.Tsit5(), 9, 1e-3), "controller must be a diffrax"),
    "no error": (lambda: CALL(diffrax.Euler(), 9, FINE), "must estimate its error"),
    "no solver of it": (lambda: CALL(None, 9, FINE), "must estimate its error"),
    "one substep": (lambda: CALL(diffrax.Tsit5(), 1, FINE), "substeps must be at least 2"),
    "flow": (lambda: flow_map(None, NONE, NONE, 0.1), "field must be a function"),
    "diffusion": (lambda: noisy(FIELDS["rate"], "big"), "diffusion must be a number"),
    "diffusion of None": (lambda: noisy(CALL, None), "diffusion must be a number"),
    "a bool": (lambda: noisy(CALL, True), "diffusion must be a number or a function, got True"),
    "no strength": (lambda: noisy(CALL, np.nan), "diffusion: not finite"),
    "no traced one": (lambda: noisy(CALL, jnp.inf * jnp.ones(())), "diffusion: not finite"),
    "strengths": (lambda: noisy(CALL, jnp.ones(N)), "diffusion must be a scalar"),
    "no pair": (lambda: from_field(noisy(CALL, 0.1), 1.0)(jnp.zeros(N), jnp.zeros(I)), "pair"),
    "noise size": (
        lambda: noisy(lambda t, h, x: -h, 0.1)(0.0, jnp.zeros(N), (NONE, jnp.zeros(2))),
        "does not fit a state",
    ),
    "noise of no step": (lambda: white_noise(KEY, 0, 0.1, 2), "T must be at least 1"),
    "noise too fine": (lambda: white_noise(KEY, 2**20, 0.1, 2), "T must be at most"),
    "noise without key": (lambda: white_noise(0, 9, 0.1, 2), "key must be"),
    "noise backwards": (lambda: white_noise(KEY, 9, -0.1, 2), "dt must be"),
    "tau": (lambda: RateField(I, N, tau=0.0, key=KEY), "tau must be above 0"),
    "tau size": (lambda: RateField(I, N, tau=np.ones(2), key=KEY), "tau: got shape (2,)"),
    "hidden": (lambda: NeuralField(I, N, hidden=0, key=KEY), "hidden must be at least 1"),
    "liquid tau": (lambda: LiquidField(I, N, tau=-1.0, key=KEY), "tau must be"),
    "fused": (lambda: fused(FIELDS["rate"], 0.1), "fused needs a LiquidField"),
    "state": (lambda: FIELDS["liquid"](0.0, jnp.zeros(2), jnp.zeros(I)), "state of LiquidField"),
    "zero state": (lambda: zero_state(jnp.tanh), "zero_state needs a cell"),
    "no window": (lambda: during(10, 0.1, 0.5, 0.5), "a step that ends inside"),
    "a time in words": (lambda: during(10, 0.1, "a", 0.5), "start must be an array of numbers"),
    "no time": (lambda: during(10, 0.1, 0.1, np.nan), "stop"),
    "without end": (lambda: during(10, 0.1, 0.1, np.inf), "stop: not finite"),
    "past the end": (lambda: during(10, 0.1, 0.5, 1.2), "stop <= 1"),
    "before the start": (lambda: during(10, 0.1, -0.2, 0.5), "0 <= start"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])


def test_too_few_substeps_are_nan_in_their_own_lane():
    step = from_field(Linear(-1e3 * jnp.eye(2)), 1.0, diffrax.Tsit5(), 4, FINE)
    assert jnp.isnan(eqx.filter_jit(step)(jnp.ones(2), NONE)).all()
    step = from_field(lambda t, h, x: -(h**3), 0.1, diffrax.Tsit5(), 16, FINE)
    both = lambda h: (step(h, NONE), jax.jacfwd(step)(h, NONE)[0])
    hs = jnp.array([[0.5], [1e4], [-1.0]])
    for found in jax.jit(jax.vmap(both))(hs):
        assert np.isfinite(found[:, 0]).tolist() == [True, False, True]


@pytest.mark.slow
def test_a_search_ends_where_one_start_needs_too_many_substeps():
    step = from_field(lambda t, h, x: h**3 - h, 0.5, diffrax.Tsit5(), 64, FINE)
    starts = np.array([-40.0, -1.3, -1.1, -0.2, 0.3, 1.1, 3.0, 300.0])
    # a state is gone within a step of length 0.5 where h^2 / (h^2 - 1) < e
    gone = starts**2 > 1 / (1 - np.exp(-1))
    found = fixed_points(step, NONE, starts[:, None])
    assert (found.verdict[gone] == Verdict.DIVERGED).all()
    assert found.converged[~gone].all()
    assert_allclose(found.points[~gone, 0], [-1, 0, 0, 1], atol=1e-7)


def test_single_precision_stays_single():
    cast = lambda tree: jax.tree.map(
        lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a, tree
    )
    for more in [(diffrax.Tsit5(), 3), (diffrax.Tsit5(), 16, diffrax.PIDController(1e-4, 1e-4))]:
        step = from_field(cast(FIELDS["rate"]), 0.5, *more)
        h, x = cast(normal(0, N)), cast(normal(1, I))
        exact = from_field(FIELDS["rate"], 0.5, diffrax.Dopri8(), 4)(normal(0, N), normal(1, I))
        assert step(h, x).dtype == jnp.float32
        assert_allclose(step(h, x), exact, atol=1e-4)
