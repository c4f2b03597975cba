"""Lyapunov spectra: closed forms of maps and flows, the sum rule of all cells, what is lost."""

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import jacobians, rollout
from helpers import CELLS, SOME, I, N, inputs, network, normal, same, told_in_one_line
from scipy.stats import t as student

from rnn_jax import Replace, clamp, from_field, lyapunov_spectrum
from rnn_jax.core import flatten
from rnn_jax.dynamics import Lyapunov, entropy_rate, held, kaplan_yorke, mean_exponents

LN2 = np.log(2)
CAT = np.array([[2.0, 1.0], [1.0, 1.0]])
RATES = np.array([2.0, 1.5, 0.5])


def none(steps):
    """No input."""
    return jnp.zeros((steps, 0))


def spectrum(step, h0, xs, **options):
    return jax.jit(lambda h0, xs: lyapunov_spectrum(step, h0, xs, **options))(h0, xs)


def ikeda(h, x):
    """`z' = 1 + u z exp(i t)`, a turn by t and a shrinking by u: of every Jacobian |det| = u^2."""
    angle = 0.4 - 6 / (1 + h @ h)
    c, s = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([1 + 0.9 * (h[0] * c - h[1] * s), 0.9 * (h[0] * s + h[1] * c)])


def lorenz(t, h, x):
    return jnp.stack([10 * (h[1] - h[0]), h[0] * (28 - h[2]) - h[1], h[0] * h[1] - 8 / 3 * h[2]])


def runge_kutta(field, dt):
    """The classical step of fourth order."""

    def step(h, x):
        a = field(0, h, x)
        b = field(0, h + dt / 2 * a, x)
        c = field(0, h + dt / 2 * b, x)
        return h + dt / 6 * (a + 2 * b + 2 * c + field(0, h + dt * c, x))

    return step


def log_sizes(step, h0, xs, start=0, intervention=None):
    """Mean of `log|det J_t|` from `start` on, by another route than QR."""
    flat, h = flatten(step, h0)
    edit = () if intervention is None else (intervention,)
    J = jacobians(flat, rollout(flat, h, xs, *edit), *edit)
    return np.linalg.slogdet(np.asarray(J))[1][start:].mean()


# closed forms


def test_logistic_map():
    found = spectrum(lambda h, x: 4 * h * (1 - h), jnp.array([0.3]), none(5000), burn_in=100)
    assert found.exponents == pytest.approx([LN2], abs=1e-4)
    assert entropy_rate(found.exponents) == pytest.approx(LN2, abs=1e-4)


def test_cat_map():
    rate = np.log((3 + np.sqrt(5)) / 2)
    cat = lambda h, x: (jnp.asarray(CAT) @ h) % 1
    found = spectrum(cat, jnp.array([0.3, 0.7]), none(60), burn_in=30)
    np.testing.assert_allclose(found.exponents, [rate, -rate], atol=1e-12)
    assert rate == pytest.approx(0.962424, abs=5e-7)
    # area is kept: all of the square is filled
    assert kaplan_yorke(found.exponents) == pytest.approx(2)


def test_henon_map():
    henon = lambda h, x: jnp.stack([1 - 1.4 * h[0] ** 2 + h[1], 0.3 * h[0]])
    found = spectrum(henon, jnp.array([0.3, 0.2]), none(20_000), burn_in=100)
    assert found.exponents.sum() == pytest.approx(np.log(0.3), abs=1e-12)
    assert found.exponents[0] == pytest.approx(0.419, abs=0.005)
    # and every row of the trace keeps the sum
    np.testing.assert_allclose(found.trace.sum(1), np.log(0.3), atol=1e-12)


def test_ikeda_map():
    found = spectrum(ikeda, jnp.array([0.1, 0.2]), none(5000), burn_in=100)
    assert found.exponents.sum() == pytest.approx(2 * np.log(0.9), abs=1e-12)
    assert found.exponents[0] == pytest.approx(0.507, abs=0.03)


def test_lorenz_flow():
    dt = 0.01
    found = spectrum(runge_kutta(lorenz, dt), jnp.ones(3), none(30_000), burn_in=3000, every=5)
    rates = found.exponents / dt
    assert rates == pytest.approx([0.906, 0, -14.57], abs=0.03)
    assert rates.sum() == pytest.approx(-41 / 3, abs=2e-4)
    assert kaplan_yorke(rates) == pytest.approx(2.06, abs=0.005)
    # the dimension has no unit of time, the entropy has
    assert kaplan_yorke(found.exponents) == pytest.approx(kaplan_yorke(rates))
    assert entropy_rate(found.exponents) == pytest.approx(rates[0] * dt + max(0, rates[1]) * dt)


def test_a_field_of_diffrax_gives_rates_over_its_dt():
    field = lambda t, h, x: jnp.stack([-0.5 * h[0] + h[1], -2.0 * h[1]])
    for dt in (0.1, 0.2):
        step = from_field(field, dt, diffrax.Tsit5())
        found = spectrum(step, jnp.ones(2), none(300), burn_in=200)
        np.testing.assert_allclose(found.exponents / dt, [-0.5, -2], atol=1e-5)


@pytest.mark.parametrize("driven", [False, True])
def test_a_linear_network_has_the_sizes_of_its_eigenvalues(driven):
    turn = 0.9 * np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]])
    a = np.zeros((4, 4))
    a[:2, :2], a[2, 2], a[3, 3] = turn, 1.2, 0.3
    base = np.asarray(normal(3, 4, 4))
    a = jnp.asarray(base @ a @ np.linalg.inv(base))
    xs = normal(5, 900, 4) if driven else none(900)
    step = (lambda h, x: a @ h + x) if driven else (lambda h, x: a @ h)
    found = spectrum(step, jnp.ones(4), xs, burn_in=300)
    wanted = np.log([1.2, 0.9, 0.9, 0.3])
    np.testing.assert_allclose(found.exponents[::3], wanted[::3], atol=1e-12)
    # a pair turns on and on, so that its two exponents are known to 1 / T, and their sum exactly
    np.testing.assert_allclose(found.exponents, wanted, atol=0.01)
    assert found.exponents[1:3].sum() == pytest.approx(wanted[1:3].sum(), abs=1e-12)


def test_an_integrator_stays():
    integrate = lambda h, x: jnp.stack([h[0] + x[0], 0.5 * h[1]])
    found = spectrum(integrate, jnp.zeros(2), normal(1, 300, 1), burn_in=100)
    np.testing.assert_allclose(found.exponents, [0, -LN2], atol=1e-14)


# laws


@pytest.mark.parametrize("cell", CELLS)
def test_the_sum_is_the_mean_log_determinant(cell):
    net, xs = network(cell), inputs(steps=12)
    found = spectrum(net.step, net.h0, xs, burn_in=5)
    if cell == "low-rank":
        assert np.isneginf(found.exponents).tolist() == [False, False, True, True]
    else:
        wanted = log_sizes(net.step, net.h0, xs, 5)
        assert found.exponents.sum() == pytest.approx(wanted, abs=1e-10)
    end = jax.tree.map(lambda leaf: leaf[-1], rollout(net.step, net.h0, xs).hs)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-14), found.state, end)
    sizes = sum(leaf.size for leaf in jax.tree.leaves(net.h0))
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(sizes), atol=1e-12)
    assert (found.exponents[1:] <= found.exponents[:-1]).all()


@pytest.mark.parametrize("cell", ["lambda", "lstm"])
def test_a_trace_is_what_shorter_runs_give(cell):
    net, xs = network(cell), inputs(steps=23)
    found = spectrum(net.step, net.h0, xs, burn_in=3, traces=4)
    assert found.times.tolist() == [5, 10, 15, 20]
    assert same(found.trace[-1], found.exponents)
    short = spectrum(net.step, net.h0, xs[:13], burn_in=3)
    np.testing.assert_allclose(np.sort(found.trace[1]), np.sort(short.exponents), atol=1e-12)


@pytest.mark.parametrize("cell", ["lambda", "lstm"])
def test_steps_between_two_turns_change_nothing(cell):
    net, xs = network(cell), inputs(steps=23)
    whole = spectrum(net.step, net.h0, xs, burn_in=3)
    thin = spectrum(net.step, net.h0, xs, burn_in=3, every=3)
    np.testing.assert_allclose(thin.exponents, whole.exponents, atol=1e-9)
    assert thin.times.tolist() == [3, 6, 9, 12, 15, 18, 20]
    np.testing.assert_allclose(np.sort(thin.trace[2]), np.sort(whole.trace[8]), atol=1e-9)


def test_a_few_are_the_first_of_all():
    net, xs = network("lambda"), inputs(steps=200)
    whole = spectrum(net.step, net.h0, xs, burn_in=100)
    few = spectrum(net.step, net.h0, xs, burn_in=100, count=2)
    np.testing.assert_allclose(few.exponents, whole.exponents[:2], atol=1e-12)
    assert few.trace.shape == (100, 2)
    assert few.basis.shape == (N, 2)


def test_one_exponent_is_how_fast_two_runs_part():
    net, xs = network("lambda", 3), inputs(steps=400)
    found = spectrum(net.step, net.h0, xs, burn_in=100, count=1)
    near = rollout(net.step, net.h0, xs).hs
    step = jax.jit(net.step)
    h, total, size = near[99] + 1e-8, 0.0, 1e-8
    for t in range(100, 400):
        h = step(h, xs[t])
        gap = h - near[t]
        length = np.linalg.norm(gap)
        total += np.log(length / (size if t > 100 else size * np.sqrt(N)))
        h = near[t] + gap * (size / length)
    assert found.exponents[0] == pytest.approx(total / 300, abs=0.01)


def test_a_run_goes_on_where_it_was_left():
    net, xs = network("gru"), inputs(steps=40)
    whole = spectrum(net.step, net.h0, xs, count=3)
    first = spectrum(net.step, net.h0, xs[:25], count=3)
    more = spectrum(net.step, first.state, xs[25:], basis=first.basis)
    assert more.exponents.shape == (3,)
    both = (25 * first.exponents.sum() + 15 * more.exponents.sum()) / 40
    assert both == pytest.approx(float(whole.exponents.sum()), abs=1e-12)
    np.testing.assert_allclose(np.abs(more.basis.T @ whole.basis), np.eye(3), atol=1e-10)
    np.testing.assert_allclose(more.state, whole.state, atol=1e-14)


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_trajectories_side_by_side_equal_those_one_by_one(cell):
    net = network(cell)
    xs = jnp.stack([inputs(seed, 14) for seed in range(3)])
    one = lambda xs: lyapunov_spectrum(net.step, net.h0, xs, count=3, burn_in=4, every=2)
    batch = jax.jit(jax.vmap(one))(xs)
    assert isinstance(batch, Lyapunov)
    alone = jax.jit(one)
    for k in range(3):
        single = alone(xs[k])
        np.testing.assert_allclose(batch.exponents[k], single.exponents, atol=1e-12)
        np.testing.assert_allclose(batch.trace[k], single.trace, atol=1e-12)


def test_names_of_units_change_nothing():
    w, order = np.asarray(normal(2, N, N)), np.array([2, 0, 3, 1])
    step = lambda w: lambda h, x: jnp.tanh(jnp.asarray(w) @ h + x)
    xs = normal(3, 300, N)
    found = spectrum(step(w), jnp.zeros(N), xs, burn_in=150)
    other = spectrum(step(w[order][:, order]), jnp.zeros(N), xs[:, order], burn_in=150)
    np.testing.assert_allclose(other.exponents, found.exponents, atol=1e-12)


@pytest.mark.parametrize("cell", SOME)
def test_a_null_intervention_is_the_same_to_the_bit(cell):
    net, xs = network(cell), inputs(steps=10)
    plain = spectrum(net.step, net.h0, xs)
    assert same(
        plain, spectrum(net.step, net.h0, xs, intervention=Replace(jnp.zeros((10, N)), 3.0))
    )


def test_an_intervention_of_every_step_is_a_step_and_one_of_a_window_holds_in_it():
    net, xs = network("lambda"), inputs(steps=12)
    push = Replace(jnp.full((1, N), 0.5), 0.2)
    found = spectrum(net.step, net.h0, xs, intervention=push)
    alone = spectrum(held(net.step, push, net.h0), net.h0, xs)
    np.testing.assert_allclose(found.exponents, alone.exponents, atol=1e-12)
    # half of each Jacobian, half of each row
    rows = jnp.where(jnp.arange(12) < 4, 0.5, 0.0)[:, None] * jnp.ones((1, N))
    window = Replace(rows, 0.2)
    found = spectrum(net.step, net.h0, xs, intervention=window)
    wanted = log_sizes(net.step, net.h0, xs, intervention=window)
    assert found.exponents.sum() == pytest.approx(wanted, abs=1e-10)
    later = spectrum(net.step, net.h0, xs, intervention=window, burn_in=4)
    assert later.exponents.sum() == pytest.approx(
        log_sizes(net.step, net.h0, xs, 4, window), abs=1e-10
    )


# precision, memory and programs


def test_single_precision_is_good_to_three_digits():
    w, xs, exponents = normal(4, 24, 24) * (1.5 / np.sqrt(24)), normal(6, 600, 24), {}
    for dtype in ("float32", "float64"):
        weights = w.astype(dtype)
        step = lambda h, x, weights=weights: jnp.tanh(weights @ h + x)
        # random directions are others in each precision
        found = spectrum(step, jnp.zeros(24, dtype), xs.astype(dtype), basis=jnp.eye(24))
        assert found.trace.dtype == dtype
        exponents[dtype] = np.asarray(found.exponents, float)
    np.testing.assert_allclose(exponents["float32"], exponents["float64"], atol=1e-3)
    np.testing.assert_allclose(exponents["float32"][:8], exponents["float64"][:8], atol=1e-4)


def test_many_equal_steps_add_up_in_single_precision():
    step = lambda h, x: jnp.float32(0.9) * h
    found = spectrum(step, jnp.zeros(1, "float32"), jnp.zeros((200_000, 0), "float32"))
    assert found.exponents[0] == pytest.approx(np.log(0.9), rel=2e-5)


def test_memory_does_not_grow_with_time():
    net = network("gru")

    def temporary(steps):
        one = lambda h0, xs: lyapunov_spectrum(net.step, h0, xs, burn_in=steps // 3)
        program = jax.jit(one).lower(net.h0, jnp.zeros((steps, I))).compile()
        return program.memory_analysis().temp_size_in_bytes

    assert temporary(30_000) == temporary(300)


def test_seeds_share_one_program_and_weights_may_be_traced():
    traced = []

    def one(w, h0):
        traced.append(1)
        return lyapunov_spectrum(lambda h, x: jnp.tanh(w @ h), h0, none(30), count=2).exponents

    ws = normal(8, 5, N, N)
    batch = jax.jit(jax.vmap(one, (0, None)))(ws, jnp.ones(N))
    assert batch.shape == (5, 2)
    assert len(traced) == 1
    last = spectrum(lambda h, x: jnp.tanh(ws[4] @ h), jnp.ones(N), none(30), count=2)
    np.testing.assert_allclose(batch[4], last.exponents, atol=1e-12)


# numbers of a spectrum


@pytest.mark.parametrize(
    ("exponents", "dimension", "entropy"),
    [
        ([0.5, -1.0], 1.5, 0.5),
        ([0.9, 0.0, -14.5], 2 + 0.9 / 14.5, 0.9),
        ([0.3, 0.2, -0.1, -0.8], 3.5, 0.5),
        ([-1.0, 0.5], 1.5, 0.5),
        ([-0.1, -0.2], 0.0, 0.0),
        ([0.0], 1.0, 0.0),
        ([0.0, -1.0], 1.0, 0.0),
        ([0.2, 0.1], 2.0, 0.3),
        ([0.5, -np.inf], 1.0, 0.5),
        ([-np.inf, -np.inf], 0.0, 0.0),
    ],
)
def test_dimension_and_entropy(exponents, dimension, entropy):
    assert kaplan_yorke(jnp.array(exponents)) == pytest.approx(dimension)
    assert entropy_rate(jnp.array(exponents)) == pytest.approx(entropy)


def test_nan_is_told_by_both():
    assert np.isnan(kaplan_yorke(jnp.array([0.5, jnp.nan, -1.0])))
    assert np.isnan(entropy_rate(jnp.array([0.5, jnp.nan, -1.0])))


def test_an_interval_over_trajectories():
    rows = np.random.default_rng(0).normal([0.3, -1.0], 0.1, (9, 2))
    found = mean_exponents(rows, 0.9)
    low, high = student.interval(0.9, 8, rows.mean(0), rows.std(0, ddof=1) / 3)
    np.testing.assert_allclose(found.mean, rows.mean(0))
    np.testing.assert_allclose(found.low, low)
    np.testing.assert_allclose(found.high, high)
    lost = mean_exponents(np.array([[0.1, -np.inf], [0.3, -4.0]]))
    assert [end[1] for end in lost] == [-np.inf] * 3
    assert lost.mean[0] == pytest.approx(0.2)


# calls that cannot be right

NET = network("gru")
XS = inputs()


def bad(**options):
    return lambda: lyapunov_spectrum(NET.step, NET.h0, XS, **options)


BAD = {
    "step": (lambda: lyapunov_spectrum(3, NET.h0, XS), "the step must be a function"),
    "width": (lambda: lyapunov_spectrum(NET.step, NET.h0, XS[:, 1:]), "the step rejects"),
    "no step": (lambda: lyapunov_spectrum(NET.step, NET.h0, XS[:0]), "at least one step"),
    "integers": (lambda: lyapunov_spectrum(lambda h, x: h, jnp.arange(3), XS), "of floats"),
    "count": (bad(count=0), "count must be at least 1"),
    "too many": (bad(count=N + 1), "count must lie in [1, 4]"),
    "half": (bad(count=1.5), "count must be a whole number"),
    "burn-in": (bad(burn_in=6), "burn_in must be below the number of steps, 6"),
    "before": (bad(burn_in=-1), "burn_in must be at least 0"),
    "every": (bad(every=0), "every must be at least 1"),
    "traces": (bad(traces=0), "traces must be at least 1"),
    "basis": (bad(basis=jnp.ones((N + 1, 2))), "basis must be [4, K]"),
    "columns": (bad(basis=jnp.eye(N), count=2), "basis must be [4, 2]"),
    "unit": (bad(units=[N]), "unit 4 is outside"),
    "fraction": (bad(units=jnp.full(N, 0.5)), "zeros and ones"),
    "mask": (bad(units=jnp.ones(N + 1)), "does not fit"),
    "intervention": (bad(intervention=3), "the intervention must be a function"),
    "window": (bad(intervention=clamp([0], jnp.ones(5), 0.0)), "lead with time"),
    "empty": (lambda: kaplan_yorke(jnp.zeros(0)), "exponents must be at least 1"),
    "table": (lambda: entropy_rate(jnp.zeros((2, 2))), "exponents must have one axis"),
    "one": (lambda: mean_exponents(jnp.zeros((1, 3))), "trajectories must be at least 2"),
    "nan": (lambda: mean_exponents(jnp.full((2, 3), jnp.nan)), "an entry is NaN"),
    "level": (lambda: mean_exponents(jnp.zeros((2, 3)), 1.0), "level must lie in (0, 1)"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
