"""Times until a label changes: chains in closed form, Python loops; growth from kinks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import I, N, network, normal, told_in_one_line

from rnn_jax.dynamics import escape_times, fixed_points, growth, stability

KEY = jax.random.key(0)
UNIFORM = jax.random.uniform
COUNT = lambda h, x: h + 1
NOTHING = lambda key: jnp.zeros(0)


def called(*labels):
    """The label of a state that counts steps."""
    table = jnp.array(labels)
    return lambda h: table[jnp.minimum(h, len(labels) - 1).astype(int)]


def test_steps_are_counted_from_one():
    states = jnp.arange(5.0)
    found = escape_times(COUNT, lambda h: h >= 5, states, NOTHING, KEY, samples=3, limit=4)
    assert found.steps.shape == (5, 3)
    assert found.steps[:, 0].tolist() == [4, 4, 3, 2, 1]
    assert found.ended[:, 0].tolist() == [False, True, True, True, True]
    assert (found.steps == found.steps[:, :1]).all()


BLIPS = [0, 1, 0, 1, 2, 0, 1, 1, 1]


@pytest.mark.parametrize(("lasting", "time"), [(1, 1), (2, 3), (3, 6), (9, 6)])
def test_only_a_change_that_lasts_counts(lasting, time):
    states = jnp.zeros(1)
    find = lambda limit: escape_times(
        COUNT, called(*BLIPS), states, NOTHING, KEY, samples=1, limit=limit, lasting=lasting
    )
    # the limit is the last time that is told, however long a change must last
    for limit, told in {60: time, time: time, time - 1: time - 1}.items():
        if limit > 0:
            found = find(limit)
            assert (found.steps.item(), found.ended.item()) == (told, limit >= time)


def test_a_label_that_never_changes_is_cut():
    found = escape_times(COUNT, lambda h: h < 0, jnp.zeros(3), NOTHING, KEY, samples=2, limit=7)
    assert (found.steps == 7).all()
    assert not found.ended.any()


def leaving(leave, back, limit):
    """`P(time = t)` for t from 1 on, of a change that must last two steps."""
    here = np.zeros(limit + 1)
    here[0] = 1
    for t in range(1, limit + 1):
        here[t] = here[t - 1] * (1 - leave) + (here[t - 2] * leave * back if t > 1 else 0)
    return here[:-1] * leave * (1 - back)


def test_times_of_a_markov_chain_have_its_distribution():
    leave, back, R = 0.3, 0.6, 20_000
    move = lambda h, u: jnp.where(u < jnp.where(h > 0, back, leave), 1 - h, h)
    found = escape_times(move, lambda h: h > 0, jnp.zeros(1), UNIFORM, KEY, R, limit=30)
    share = np.bincount(found.steps[found.ended], minlength=31)[1:31] / R
    exact = leaving(leave, back, 30)
    assert (np.abs(share - exact) <= 4 * np.sqrt(exact / R) + 1e-12).all()
    np.testing.assert_allclose(1 - found.ended.mean(), 1 - exact.sum(), atol=0.02)
    # P(time > t) summed from 0 on is the mean of min(time, limit)
    mean = (1 - np.cumsum(np.append(0, exact[:-1]))).sum()
    np.testing.assert_allclose(found.steps.mean(), mean, rtol=0.02)


def by_loop(net, label, states, draw, samples, limit, lasting):
    """The same, one step after another."""
    S = len(jax.tree.leaves(states)[0])
    keys = jax.random.split(KEY, (S, samples))
    move = jax.jit(lambda h, key, t: net.step(h, draw(jax.random.fold_in(key, t))))
    rows = np.full((S, samples), limit)
    for s in range(S):
        for r in range(samples):
            h = jax.tree.map(lambda leaf, s=s: leaf[s], states)
            first, labels = int(label(h)), []
            for t in range(limit + lasting - 1):
                h = move(h, keys[s, r], t)
                labels.append(int(label(h)) != first)
            stays = [all(labels[t : t + lasting]) for t in range(limit)]
            rows[s, r] = stays.index(True) + 1 if any(stays) else limit
    return rows


@pytest.mark.parametrize("cell", ["lambda", "gru", "lstm"])
def test_times_are_those_of_a_loop_on_the_same_noise(cell):
    net = network(cell)
    states = jax.tree.map(lambda h: 0.3 * normal(5, 4, *h.shape), net.h0)
    label = jax.jit(lambda h: jnp.argmax(net.readout(h)))
    draw = lambda key: 2 * jax.random.normal(key, (I,))
    expected = by_loop(net, label, states, draw, 5, 12, 2)
    assert 1 < expected.mean() < 12
    find = lambda **options: escape_times(
        net.step, label, states, draw, KEY, samples=5, limit=12, **options
    )
    whole = find()
    np.testing.assert_array_equal(whole.steps, expected)
    # three lanes work through the queue of twenty
    size = 8 * (sum(leaf[0].nbytes for leaf in jax.tree.leaves(states)) + 8 * I)
    few = find(memory=size * 3)
    np.testing.assert_array_equal(few.steps, expected)
    np.testing.assert_array_equal(few.ended, whole.ended)


def test_a_limit_cuts_and_changes_nothing_else():
    move, label = lambda h, x: 0.8 * h + x, lambda h: h > 0
    states = normal(1, 50)
    draw = lambda key: jax.random.normal(key, ())
    long = escape_times(move, label, states, draw, KEY, samples=4, limit=40)
    short = escape_times(move, label, states, draw, KEY, samples=4, limit=5)
    np.testing.assert_array_equal(short.steps, np.minimum(long.steps, 5))
    np.testing.assert_array_equal(short.ended, long.ended & (long.steps <= 5))
    other = escape_times(move, label, states, draw, jax.random.key(1), samples=4, limit=40)
    assert (other.steps != long.steps).mean() > 0.2
    # runs of one state have noise of their own
    assert (long.steps[:, 0] != long.steps[:, 1]).mean() > 0.2


def test_other_states_and_keys_need_no_other_program():
    traces = []

    def step(h, x):
        traces.append(1)
        return 0.5 * h + x

    label, draw = lambda h: h > 0, lambda key: jax.random.normal(key, ())
    escape_times(step, label, normal(0, 6), draw, KEY, samples=2, limit=5)
    first = len(traces)
    escape_times(step, label, normal(1, 6), draw, jax.random.key(5), samples=2, limit=5)
    # the check of the step traces it once, the program not at all
    assert len(traces) - first <= 1


def test_growth_of_a_linear_map_is_that_of_its_largest_mode():
    turn, _ = np.linalg.qr(np.asarray(normal(0, 3, 3)))
    a = jnp.asarray(turn @ np.diag([0.9, -0.6, 0.2]) @ turn.T)
    found = growth(lambda h, x: a @ h + x, jnp.zeros(3), jnp.zeros(3), KEY, directions=20)
    np.testing.assert_allclose(found.rates, np.log(0.9), atol=1e-8)
    np.testing.assert_allclose(found.peaks, 1)


@pytest.mark.parametrize("cell", ["lambda", "gru", "lstm"])
def test_growth_of_a_smooth_step_is_the_spectral_radius(cell):
    net, x = network(cell), jnp.zeros(I)
    starts = jax.tree.map(lambda h: h[None], net.h0)
    point = fixed_points(net.step, x, starts)
    assert point.converged.all()
    radius = np.abs(stability(net.step, x, point.points).eigenvalues[0, 0])
    at = jax.tree.map(lambda h: jnp.asarray(h[0]), point.points)
    found = growth(net.step, x, at, KEY, directions=10, steps=600, size=1e-6)
    # a pair turns, so that lengths go up and down within a turn
    np.testing.assert_allclose(found.rates, np.log(radius), atol=0.02)


def test_growth_where_there_is_no_derivative():
    step = lambda h, x: 0.5 * h - jnp.abs(h)
    # the derivative of one side is told, and by it the point were stable
    assert stability(step, jnp.zeros(1), np.zeros((1, 1))).unstable.tolist() == [0]
    found = growth(step, jnp.zeros(1), jnp.zeros(1), KEY, directions=8)
    np.testing.assert_allclose(found.rates, np.log(1.5))
    first = np.asarray(found.peaks) / 1.5**199
    np.testing.assert_allclose(np.where(first > 1, 1.5, 0.5), first)
    assert 0 < (first > 1).sum() < 8


def test_growth_has_as_many_rates_as_cones():
    w = jnp.diag(jnp.array([1.2, 0.5]))
    step = lambda h, x: jax.nn.relu(w @ h)
    find = lambda size: growth(
        step, jnp.zeros(1), jnp.zeros(2), KEY, directions=4000, steps=400, burn_in=300, size=size
    )
    found = find(1e-3)
    # a quarter of the directions is negative in both entries, a quarter in the first alone
    for rate, share in {np.log(1.2): 0.5, np.log(0.5): 0.25, -np.inf: 0.25}.items():
        np.testing.assert_allclose(np.isclose(found.rates, rate).mean(), share, atol=0.03)
    np.testing.assert_allclose(find(10.0).rates, found.rates, rtol=1e-12)


def test_what_decays_may_be_amplified_before():
    w = jnp.array([[0.0, 0.0], [8.0, 0.0]])
    found = growth(lambda h, x: w @ h, jnp.zeros(1), jnp.zeros(2), KEY, directions=2000)
    assert (np.asarray(found.rates) == -np.inf).all()
    angle = 2 * np.pi * (np.arange(2000) + 0.5) / 2000
    exact = np.maximum(1, 8 * np.abs(np.cos(angle)))
    np.testing.assert_allclose(np.sort(found.peaks), np.sort(exact), atol=0.3)


def test_growth_over_points():
    step = lambda h, x: h + 0.1 * (h - h**3)
    points = jnp.array([[0.0], [1.0]])
    found = jax.vmap(lambda p: growth(step, jnp.zeros(1), p, KEY, directions=4, size=1e-6))(points)
    rates = np.broadcast_to(np.log([[1.1], [0.8]]), (2, 4))
    np.testing.assert_allclose(found.rates, rates, atol=1e-4)


def escaping(**change):
    asked = {"step": COUNT, "label": lambda h: h > 2, "states": jnp.zeros(2), "draw": NOTHING}
    return lambda: escape_times(**(asked | {"key": KEY} | change))


def growing(**change):
    asked = {"step": COUNT, "x": jnp.zeros(1), "point": jnp.zeros(2), "key": KEY}
    return lambda: growth(**(asked | change))


BAD = {
    "step": (escaping(step=3), "the step must be a function"),
    "label": (escaping(label=3), "label must be a function"),
    "float": (escaping(label=lambda h: h), "label must return one integer"),
    "vector": (escaping(label=lambda h: jnp.ones(2, int)), "label must return one integer"),
    "draw": (escaping(draw=None), "draw must be a function"),
    "no states": (escaping(states=jnp.zeros((0, 2))), "one leading axis of at least 1"),
    "a state": (escaping(states=jnp.zeros(())), "one leading axis of at least 1"),
    "NaN": (escaping(states=jnp.array([1.0, np.nan])), "not finite"),
    "samples": (escaping(samples=0), "samples"),
    "limit": (escaping(limit=0), "limit"),
    "lasting": (escaping(lasting=0), "lasting"),
    "key": (escaping(key=3), "key must be"),
    "memory": (escaping(memory=8), "does not hold one run"),
    "input": (
        escaping(step=network("gru").step, states=jnp.zeros((2, N))), "the step rejects",
    ),
    "directions": (growing(directions=0), "directions"),
    "burn-in": (growing(burn_in=200), "steps"),
    "size": (growing(size=0.0), "size must"),
    "no point": (growing(point=jnp.array([np.inf])), "not finite"),
    "width": (growing(step=network("gru").step), "the step rejects"),
}  # fmt: skip


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize("name", BAD)
def test_a_bad_call_is_told_in_one_line(name):
    told_in_one_line(*BAD[name])
