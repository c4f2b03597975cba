"""Interventions, windows and adapters: what each does, by another route."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import rollout, run
from helpers import CELLS, N, T, inputs, network, same
from hypothesis import given, settings
from hypothesis import strategies as st

from rnn_jax import (
    Compose,
    Identity,
    Inside,
    Network,
    Replace,
    Shift,
    around,
    clamp,
    core,
    from_equinox,
    from_field,
    pulse,
    read,
    sliding,
    span,
    tiling,
)
from rnn_jax.core import Cut, Lesion, Project, first, flatten
from rnn_jax.core.tree import blend

UNIT = jnp.zeros(N).at[1].set(1.0)


def states(net, xs, *interventions):
    return run(net, xs, *interventions).hs


def test_a_clamp_by_hand():
    net, xs = network("vanilla"), inputs()
    h, hs = net.h0, []
    for t in range(T):
        h = net.step(h, xs[t])
        h = h.at[1].set(0.7) if t in (2, 3) else h
        hs.append(h)
    got = states(net, xs, clamp(UNIT, span(T, 2, 4), 0.7))
    np.testing.assert_allclose(got, jnp.stack(hs), atol=1e-14)


def test_a_pulse_is_a_clamp_of_its_first_step():
    net, xs = network("gru"), inputs()
    a = states(net, xs, pulse(UNIT, span(T, 2, 5), 0.3))
    b = states(net, xs, clamp(UNIT, span(T, 2, 3), 0.3))
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("cell", [c for c in CELLS if "lstm" not in c])
def test_a_read_of_one_unit_cuts_its_edges_to_the_others(cell):
    net, xs = network(cell), inputs()
    others = jnp.outer(1 - UNIT, UNIT)
    mask = span(T, 3, 6)[:, None, None] * others[None]
    by_edges = states(net, xs, Cut(mask, 0.4))
    units_only = read(UNIT, span(T, 2, 5), 0.4, readers="units")
    np.testing.assert_allclose(states(net, xs, units_only), by_edges, atol=1e-13)
    shown = run(net, xs, read(UNIT, span(T, 2, 5), 0.4))
    np.testing.assert_allclose(shown.carried, by_edges, atol=1e-13)
    np.testing.assert_array_equal(shown.hs[2:5, 1], jnp.full(3, 0.4))
    rest = jnp.array([0, 2, 3])
    np.testing.assert_allclose(shown.hs[:, rest], by_edges[:, rest], atol=1e-13)


def test_a_read_by_the_readout_leaves_the_network_alone():
    net, xs = network("gru"), inputs()
    shown = run(net, xs, read(UNIT, span(T, 2, 5), 0.4, readers="readout"))
    np.testing.assert_allclose(shown.carried, states(net, xs), atol=1e-14)
    np.testing.assert_array_equal(shown.hs[2:5, 1], jnp.full(3, 0.4))


def test_cutting_all_edges_leaves_every_unit_alone():
    net, xs = network("vanilla"), inputs()
    got = states(net, xs, Cut(jnp.ones((1, N, N)), 0.0))
    np.testing.assert_allclose(got, jnp.tanh(xs @ net.step.u.T + net.step.b[None]), atol=1e-14)


def test_a_cut_is_a_weight_of_zero():
    net, xs = network("vanilla"), inputs()
    weak = eqx.tree_at(lambda n: n.step.w, net, net.step.w.at[2, 0].set(0.0))
    mask = jnp.zeros((1, N, N)).at[0, 2, 0].set(1.0)
    np.testing.assert_allclose(states(net, xs, Cut(mask, 0.0)), states(weak, xs), atol=1e-14)


def test_a_lesion_hides_the_first_state_too():
    net, xs = network("vanilla"), inputs()
    keep = 1 - UNIT
    bare = Network(net.step, net.readout, net.h0 * keep)
    cut = eqx.tree_at(lambda n: n.step.w, bare, net.step.w * keep[None])
    lesioned = states(net, xs, Lesion(UNIT))
    np.testing.assert_allclose(lesioned, states(cut, xs) * keep[None], atol=1e-14)
    clamped = states(net, xs, clamp(UNIT, jnp.ones(T), 0.0))
    assert float(jnp.abs(lesioned - clamped).max()) > 1e-3


@pytest.mark.parametrize("cell", CELLS)
def test_inside_a_window_of_ones_and_of_zeros(cell):
    net, xs = network(cell), inputs()
    push = Shift(jnp.full((T, N), 0.1))
    pairs = [(jnp.ones(T), push), (jnp.zeros(T), Shift(jnp.zeros((1, N))))]
    for window, expected in pairs:
        got = states(net, xs, Inside(push, window))
        for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(states(net, xs, expected))):
            np.testing.assert_allclose(a, b, atol=1e-14)


def test_compose_edits_in_order():
    net, xs = network("vanilla"), inputs()
    hold, push = clamp(UNIT, jnp.ones(T), 0.5), Shift(jnp.full((1, N), 0.25))
    np.testing.assert_allclose(states(net, xs, Compose(hold, push))[:, 1], 0.75)
    np.testing.assert_allclose(states(net, xs, Compose(push, hold))[:, 1], 0.5)


def test_project_swaps_a_subspace_and_nothing_else():
    net, xs = network("gru"), inputs()
    basis, _ = jnp.linalg.qr(jax.random.normal(jax.random.key(0), (N, 2)))
    source = jax.random.normal(jax.random.key(1), (T, N))
    h1 = net.step(net.h0, xs[0])
    got = states(net, xs, Project(basis[None], source))[0]
    np.testing.assert_allclose(basis.T @ got, basis.T @ source[0], atol=1e-13)
    rest = jnp.eye(N) - basis @ basis.T
    np.testing.assert_allclose(rest @ got, rest @ h1, atol=1e-13)
    with pytest.raises(ValueError, match="orthonormal"):
        Project(2 * basis[None], source)


def test_parts_of_a_state_are_addressed_together_or_alone():
    net, xs = network("lstm"), inputs()
    window = jnp.ones(T)
    h, c = states(net, xs, clamp(UNIT, window, 0.0))
    assert not np.asarray(h[:, 1]).any()
    assert not np.asarray(c[:, 1]).any()
    h, c = states(net, xs, clamp((UNIT, None), window, 0.0))
    assert not np.asarray(h[:, 1]).any()
    assert np.asarray(c[:, 1]).all()
    with pytest.raises(ValueError, match="does not fit a state"):
        core.run(net, xs, Replace((jnp.ones((T, N)),) * 3, 0.0))


def test_a_users_function_is_an_intervention():
    net, xs = network("gru"), inputs()
    halve = lambda step: lambda h, x: 0.5 * step(h, x)
    h1 = 0.5 * net.step(net.h0, xs[0])
    np.testing.assert_allclose(states(net, xs, halve)[0], h1, atol=1e-15)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_what_has_no_weight_does_not_leak(bad):
    h, value = jnp.array([1.0, bad]), jnp.array([bad, 2.0])
    np.testing.assert_array_equal(blend(h, value, jnp.array([0.0, 1.0])), [1.0, 2.0])


def test_the_mask_has_its_derivative_at_both_ends():
    h, value = jnp.array([1.0, -2.0]), jnp.array([3.0, 5.0])
    for end in (0.0, 1.0):
        slope = jax.grad(lambda m: blend(h, value, m).sum())(jnp.full(2, end))
        np.testing.assert_array_equal(slope, value - h)


def test_time_axes_must_fit():
    net, xs = network("vanilla"), inputs()
    with pytest.raises(ValueError, match=f"T = {T}"):
        core.run(net, xs, Replace(jnp.zeros((T - 1, N)), 0.0))
    with pytest.raises(ValueError, match=r"shape \(3,\) does not fit a state of \(4,\)"):
        core.run(net, xs, Replace(jnp.zeros((T, 3)), 0.0))
    with pytest.raises(ValueError, match="leading time axis"):
        core.rollout(net.step, net.h0, (xs, xs[1:]))
    with pytest.raises(ValueError, match=r"returns? a state like"):
        core.rollout(lambda h, x: h[:-1], net.h0, xs)


def test_an_equinox_cell_is_turned_round():
    cell = eqx.nn.GRUCell(3, N, key=jax.random.key(0))
    h, x = jnp.ones(N), inputs()[0]
    np.testing.assert_array_equal(from_equinox(cell)(h, x), cell(x, h))


@pytest.mark.parametrize("solver", [None, diffrax.Heun(), diffrax.Tsit5()])
def test_a_field_converges_and_differentiates_both_ways(solver):
    decay = lambda t, h, x: -h + x
    h, x = jnp.array([1.0, -2.0]), jnp.array([0.5, 0.5])
    exact = x + (h - x) * jnp.exp(-0.2)
    errors = [
        float(jnp.abs(from_field(decay, 0.2, solver, substeps)(h, x) - exact).max())
        for substeps in (1, 4)
    ]
    order = np.log(errors[0] / errors[1]) / np.log(4)
    assert order > {None: 0.9, diffrax.Heun: 1.8, diffrax.Tsit5: 4.0}[solver and type(solver)]
    step = from_field(decay, 0.2, solver, 2)
    forward, backward = (mode(step)(h, x) for mode in (jax.jacfwd, jax.jacrev))
    np.testing.assert_allclose(forward, backward, atol=1e-14)


@pytest.mark.parametrize("cell", CELLS)
def test_a_flat_step_is_the_same_step(cell):
    net, xs = network(cell), inputs()
    step, h0 = flatten(net.step, net.h0)
    flat = rollout(step, h0, xs).hs
    whole = jax.tree.leaves(run(net, xs).hs)
    np.testing.assert_allclose(flat, jnp.concatenate(whole, -1), atol=1e-15)
    assert same(step.unflatten(h0), net.h0)


firsts = jax.jit(jax.vmap(first))


# few lengths and strides: each shape is a program to compile
@settings(deadline=None, max_examples=40)
@given(
    T=st.sampled_from([1, 2, 13, 40]), width=st.integers(1, 14), stride=st.sampled_from([1, 3, 10])
)
def test_windows_cover_what_they_say(T, width, stride):
    if width > T:
        with pytest.raises(ValueError, match="width"):
            tiling(T, width)
        return
    tiles = np.asarray(tiling(T, width))
    np.testing.assert_array_equal(tiles.sum(0), np.ones(T))
    slides = np.asarray(sliding(T, width, stride))
    np.testing.assert_array_equal(slides.sum(1), np.full(len(slides), width))
    np.testing.assert_array_equal(slides.argmax(1), stride * np.arange(len(slides)))
    np.testing.assert_array_equal(np.asarray(firsts(slides)).sum(1), 1)


class Scaled(eqx.Module):
    """A user's wrapper, which says nothing of the readout."""

    inside: eqx.Module

    def __call__(self, step):
        return lambda h, x: self.inside(step)(0.5 * h, x)


class Told(Scaled):
    def shown(self, h):
        return self.inside.shown(h)


class Half(eqx.Module):
    """The readout sees half of the state, or what is wrong with it."""

    wrong: object = False

    def __call__(self, step):
        return step

    def shown(self, h):
        return 0.5 * h if self.wrong is False else self.wrong and self.wrong(h)


def test_a_wrapper_of_a_read_says_what_the_readout_sees():
    net, xs = network("vanilla"), inputs()
    hidden = read(UNIT, span(T, 2, 5), 0.4)
    for silent in (Scaled(hidden), Compose(Scaled(hidden))):
        with pytest.raises(ValueError, match="holds a Read and does not say"):
            core.run(net, xs, silent)
    told = run(net, xs, Told(hidden))
    np.testing.assert_array_equal(told.hs[2:5, 1], jnp.full(3, 0.4))
    assert np.abs(told.carried[2:5, 1] - 0.4).min() > 1e-3
    # a user's own kind of reading is looked for like ours
    with pytest.raises(ValueError, match="holds a Half and does not say"):
        core.run(net, xs, Scaled(Half()))
    assert same(run(net, xs, Half()).hs, 0.5 * run(net, xs).hs)
    for bad in (None, lambda h: h[:2]):
        with pytest.raises(ValueError, match="must give a state like h"):
            core.run(net, xs, Half(bad))
    # what holds no Read need not say anything, and one copy of the states is kept
    assert run(net, xs, Scaled(clamp(UNIT, span(T, 2, 5), 0.4))).carried is None
    assert run(net, xs, Compose(clamp(UNIT, span(T, 2, 5), 0.4), Identity())).carried is None


def test_windows_around_events_are_clipped():
    got = np.asarray(around(10, [0, 8], before=2, after=3))
    assert [np.flatnonzero(row).tolist() for row in got] == [[0, 1, 2], [6, 7, 8, 9]]
    for bad in ([10], [-1], []):
        with pytest.raises(ValueError, match="event"):
            around(10, bad, 1, 1)
    with pytest.raises(ValueError, match="stop"):
        span(10, 4, 4)
