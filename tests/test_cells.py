"""Laws of the cells: derivatives, parts, signs, masks, rank, dtype, structure."""

import equinox as eqx
import helpers as H
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import rollout
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from rnn_jax.cells import (
    CELLS,
    GRU,
    LSTM,
    Affine,
    Dale,
    Leaky,
    LowRank,
    Rectified,
    Units,
    Vanilla,
    balanced,
    zero_state,
)

OURS = [
    "vanilla", "leaky", "gru", "lstm", "low-rank", "dale", "rectified",
    "rate", "neural-ode", "liquid",
]  # fmt: skip
ADDITIVE = ["vanilla", "leaky", "low-rank", "dale"]
MAKERS = {
    "vanilla": lambda i, n, key: Vanilla(i, n, key=key),
    "leaky": lambda i, n, key: Leaky(i, n, tau=5, dt=1, key=key),
    "gru": lambda i, n, key: GRU(i, n, key=key),
    "lstm": lambda i, n, key: LSTM(i, n, key=key),
    "low-rank": lambda i, n, key: LowRank(i, n, 1, key=key),
    "dale": lambda i, n, key: Dale(i, n, key=key),
    "rectified": lambda i, n, key: Rectified(i, n, key=key),
    "rate": CELLS["rate"],
    "neural-ode": CELLS["neural-ode"],
    "liquid": CELLS["liquid"],
}


def single(tree):
    cast = lambda a: a.astype(jnp.float32) if eqx.is_inexact_array(a) else a
    return jax.tree.map(cast, tree)


def shaken(cell, seed=7):
    """The cell with parameters that no initialisation would give."""
    leaves, treedef = jax.tree.flatten(eqx.filter(cell, eqx.is_inexact_array))
    drawn = [H.normal((k, seed), *a.shape) for k, a in enumerate(leaves)]
    return eqx.combine(treedef.unflatten(drawn), cell)


def point(name, seed=0):
    network = H.network(name, seed)
    return shaken(network.step, seed), network.h0, H.inputs(seed)[0]


@pytest.mark.parametrize("name", OURS)
def test_the_derivative_is_the_finite_difference(name):
    cell, h, x = point(name)
    flat, unravel = jax.flatten_util.ravel_pytree(h)
    show = jax.jit(lambda h: jax.flatten_util.ravel_pytree(cell(unravel(h), x))[0])
    eps, eye = 1e-6, np.eye(flat.size)
    central = np.stack([(show(flat + eps * e) - show(flat - eps * e)) / (2 * eps) for e in eye])
    jacobian, backward = jax.jit(lambda h: (jax.jacfwd(show)(h), jax.jacrev(show)(h)))(flat)
    assert float(jnp.abs(jacobian).max()) > 0.1
    assert_allclose(jacobian, central.T, atol=1e-8)
    assert_allclose(backward, jacobian, atol=1e-14)


@eqx.filter_jit
def parts_and_jacobian(cell, h, x):
    """`leak + gate * wire` of a cell's parts, and its Jacobian."""
    parts = cell.parts(h, x)
    return jnp.diag(parts.leak) + jnp.diag(parts.gate) @ parts.wire, jax.jacfwd(cell)(h, x)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ADDITIVE)
def test_parts_make_the_jacobian(name, seed):
    made, jacobian = parts_and_jacobian(*point(name, seed))
    assert_allclose(made, jacobian, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", ["gru", "lstm", "rectified", "rate", "neural-ode", "liquid"])
def test_cells_without_one_wire_offer_no_parts(name):
    assert not hasattr(H.network(name).step, "parts")


def test_parts_of_relu_and_noisy_cells():
    h, x, xi = jnp.array([0.3, -0.2, 0.9]), jnp.ones(2), jnp.array([0.5, -2.0, 1.0])
    leaky = Leaky(2, 3, tau=3, dt=1, noise=0.3, activation=jax.nn.relu, key=jax.random.key(0))
    dale = Dale(2, 3, tau=3, dt=1, noise=0.7, excitatory=0.5, key=jax.random.key(1))
    for cell in (leaky, dale):
        made, jacobian = parts_and_jacobian(cell, h, (x, xi))
        assert_allclose(made, jacobian, atol=1e-14)
        assert float(cell.parts(h, (x, xi)).gate.max()) == pytest.approx(1 / 3)


def test_the_equations():
    key, h, x = jax.random.key(3), jnp.array([0.2, -0.7, 0.4]), jnp.array([1.0, -1.0])
    xi = jnp.array([1.0, 2.0, -3.0])
    c = shaken(Leaky(2, 3, tau=4.0, dt=1.0, noise=0.5, key=key))
    drive = c.w @ h + c.u @ x + c.b
    expected = 0.75 * h + 0.25 * jnp.tanh(drive) + 0.5 * np.sqrt(0.5) * xi
    assert_allclose(c(h, (x, xi)), expected, rtol=1e-14)
    c = shaken(LowRank(2, 3, 2, key=key))
    wire = np.einsum("ir,jr->ij", c.m, c.n) / 3
    assert_allclose(c.wire, wire, rtol=1e-14)
    assert_allclose(c(h, x), np.tanh(wire @ h + c.u @ x + c.b), rtol=1e-13)
    c = shaken(Dale(2, 3, tau=4.0, dt=1.0, noise=0.5, excitatory=2 / 3, key=key))
    wire = np.abs(c.w) * np.array([[0, 1, -1], [1, 0, -1], [1, 1, 0]])
    drive = wire @ h + c.u @ x + c.b + 0.5 * np.sqrt(8.0) * xi
    assert_allclose(c(h, (x, xi)), 0.75 * h + 0.25 * np.maximum(drive, 0), rtol=1e-13)


def test_leaky_without_leak_is_vanilla():
    vanilla, h, x = point("vanilla")
    leaky = Leaky(H.I, H.N, tau=2.5, dt=2.5, key=jax.random.key(9))
    where = lambda c: (c.w, c.u, c.b)
    leaky = eqx.tree_at(where, leaky, where(vanilla))
    assert H.same(leaky(h, x), vanilla(h, x))


@settings(deadline=None, max_examples=5)
@given(st.integers(2, 7), st.integers(1, 7), st.integers(0, 50))
def test_the_low_rank_jacobian_has_that_rank(units, rank, seed):
    rank = min(rank, units)
    cell = eqx.filter_jit(LowRank)(2, units, rank, key=jax.random.key(seed))
    jacobian = eqx.filter_jit(jax.jacfwd(lambda h: cell(h, jnp.zeros(2))))
    values = np.linalg.svd(jacobian(H.normal(seed + 1, units)), compute_uv=False)
    assert np.sum(values > 1e-10 * values[0]) == rank


@eqx.filter_jit
def wire_and_jacobian(cell):
    return cell.wire, jax.jacfwd(cell)(jnp.ones(len(cell.w)), jnp.ones(2))


@settings(deadline=None, max_examples=6)
@given(st.sampled_from([1, 4, 5]), st.floats(0, 1), st.integers(0, 99))
def test_dales_signs_and_mask_hold_whatever_the_parameters(units, fraction, seed):
    mask = jnp.asarray(np.random.default_rng(seed).random((units, units)) < 0.6)
    made = Dale(2, units, excitatory=fraction, mask=mask, key=jax.random.key(seed))
    for cell in (made, shaken(made, seed)):
        wire, jacobian = map(np.asarray, wire_and_jacobian(cell))
        excites = round(fraction * units)
        assert (wire[:, :excites] >= 0).all()
        assert (wire[:, excites:] <= 0).all()
        assert ((wire != 0) == np.asarray(mask)).all()
        assert (jacobian[~np.asarray(mask)] == 0).all()


def test_dales_constraints_outlive_training():
    cell = Dale(2, 5, key=jax.random.key(0))
    loss = lambda cell: jnp.sum((cell(jnp.ones(5), jnp.ones(2)) + 3 * cell.wire.sum()) ** 2)
    grads = eqx.filter_grad(loss)(cell)
    assert grads.mask is None
    assert grads.excitatory is None
    assert float(jnp.abs(grads.w).max()) > 1
    moved = eqx.apply_updates(cell, jax.tree.map(lambda g: -10.0 * g, grads))
    assert not H.same(moved.w, cell.w)
    assert (np.asarray(moved.wire)[:, :4] >= 0).all()
    assert (np.asarray(moved.wire)[:, 4] <= 0).all()
    assert (np.diag(moved.wire) == 0).all()


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_rates_are_not_negative(noise):
    cell = shaken(Dale(2, 5, tau=3, dt=1, noise=noise, key=jax.random.key(0)))
    xs, xi = H.normal(1, 10, 2), H.normal(2, 10, 5)
    hs = rollout(cell, zero_state(cell), (xs, xi) if noise else xs).hs
    assert float(hs.max()) > 0.1
    assert float(hs.min()) >= 0


@pytest.mark.parametrize("fraction", [0.5, 0.8, 0.95])
def test_initial_excitation_and_inhibition_are_balanced(fraction):
    full = jnp.ones((40, 40), bool)
    for seed, mask in enumerate([full, ~jnp.eye(40, dtype=bool), full.at[:, ::3].set(False)]):
        excites = jnp.arange(40) < round(fraction * 40)
        w = eqx.filter_jit(balanced)(jax.random.key(seed), excites, mask, gain=0.7)
        wire = np.where(excites, w, -w)
        assert_allclose(wire.sum(1), 0, atol=1e-12)
        assert np.abs(wire).sum(1).min() > 0.1
        assert (np.asarray(w)[~np.asarray(mask)] == 0).all()
        radius, rows = np.abs(np.linalg.eigvals(wire)).max(), np.linalg.norm(wire) / 40**0.5
        assert 0.6 < max(radius, rows) <= 0.7 + 1e-9


def test_a_large_sign_constrained_network_does_not_explode():
    cell = Dale(1, 100, key=jax.random.key(0))
    h0 = 10 * jax.random.uniform(jax.random.key(1), (100,))
    hs = rollout(cell, h0, jnp.zeros((60, 1))).hs
    assert float(jnp.linalg.norm(hs[-1])) < 0.1 * float(jnp.linalg.norm(h0))


def test_a_network_of_one_sign_or_without_synapses_is_finite():
    for options in ({"excitatory": 1.0}, {"excitatory": 0}, {"mask": jnp.zeros((3, 3))}):
        wire = np.asarray(Dale(1, 3, key=jax.random.key(0), **options).wire)
        assert np.isfinite(wire).all()
        assert np.abs(np.linalg.eigvals(wire)).max() < 0.91


@pytest.mark.parametrize("name", OURS)
def test_float32_in_float32_out(name):
    network = single(H.network(name))
    hs = rollout(network.step, network.h0, H.inputs().astype(jnp.float32)).hs
    assert {leaf.dtype for leaf in jax.tree.leaves(hs)} == {jnp.dtype("float32")}
    full = H.network(name)
    for a, b in zip(
        jax.tree.leaves(hs), jax.tree.leaves(rollout(full.step, full.h0, H.inputs()).hs)
    ):
        assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("name", OURS)
@settings(deadline=None, max_examples=3)
@given(inputs=st.integers(0, 4), units=st.integers(1, 8))
def test_any_size_runs_and_one_trace_serves(name, inputs, units):
    cell = MAKERS[name](inputs, units, jax.random.key(0))
    h, x = zero_state(cell), jnp.ones(inputs)
    new = eqx.filter_jit(cell)(h, x)
    assert jax.tree.map(jnp.shape, new) == jax.tree.map(jnp.shape, h)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(new))
    assert jax.tree.structure(new) == jax.tree.structure(h)


def test_two_cells_of_a_kind_share_a_program():
    traces = []

    @eqx.filter_jit
    def advance(cell, h, x):
        traces.append(1)
        return cell(h, x)

    for name in OURS:
        traces.clear()
        for seed in range(2):
            cell = MAKERS[name](2, 3, jax.random.key(seed))
            advance(cell, zero_state(cell), jnp.ones(2))
        assert len(traces) == 1


@pytest.mark.parametrize("name", OURS)
def test_a_wrong_shape_is_told(name):
    cell = MAKERS[name](2, 3, jax.random.key(0))
    h, x = zero_state(cell), jnp.ones(2)
    wide = jax.tree.map(lambda a: jnp.zeros(4), h)
    with pytest.raises(ValueError, match=r"state of \w+: got shape \(4,\), expected \(3,\)"):
        cell(wide, x)
    with pytest.raises(ValueError, match=r"input of \w+: got shape \(5,\), expected \(2,\)"):
        cell(h, jnp.ones(5))
    with pytest.raises(ValueError, match=r"input of \w+: got shape \(1, 2\), expected \(2,\)"):
        cell(h, x[None])
    with pytest.raises(ValueError, match="inputs >= 0 and units >= 1, got 2 and 0"):
        MAKERS[name](2, 0, jax.random.key(0))


def test_a_wrong_structure_is_told():
    lstm, h, x = LSTM(2, 3, key=jax.random.key(0)), jnp.zeros(3), jnp.ones(2)
    with pytest.raises(ValueError, match=r"expected a pair \(h, c\)"):
        lstm(h, x)
    with pytest.raises(ValueError, match=r"memory of LSTM: got shape \(1,\), expected \(3,\)"):
        lstm((h, jnp.zeros(1)), x)
    with pytest.raises(ValueError, match="state of GRU: got shape tuple"):
        GRU(2, 3, key=jax.random.key(0))((h, h), x)
    for kind, name in ((Leaky, "Leaky"), (Dale, "Dale")):
        silent = kind(2, 3, tau=2, dt=1, key=jax.random.key(0))
        noisy = kind(2, 3, tau=2, dt=1, noise=0.1, key=jax.random.key(0))
        with pytest.raises(ValueError, match="got tuple, expected x alone"):
            silent(h, (x, h))
        with pytest.raises(ValueError, match=r"expected a pair \(x, xi\)"):
            noisy(h, x)
        with pytest.raises(ValueError, match=rf"noise of {name}: got shape \(2,\)"):
            noisy(h, (x, x))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k: Leaky(2, 3, tau=1, dt=2, key=k), "0 < dt <= tau, got dt = 2 and tau = 1"),
        (lambda k: Leaky(2, 3, tau=1, dt=0, key=k), "got dt = 0"),
        (lambda k: LowRank(2, 3, 4, key=k), "rank must be from 1 to the number of units 3, got 4"),
        (lambda k: LowRank(2, 3, 0, key=k), "got 0"),
        (lambda k: Dale(2, 3, excitatory=1.2, key=k), "fraction from 0 to 1, got 1.2"),
        (
            lambda k: Dale(2, 3, mask=np.ones((2, 3)), key=k),
            r"got shape \(2, 3\), expected \(3, 3",
        ),
        (lambda k: Affine(0, 1, key=k), "units and outputs >= 1, got 0, 1"),
        (lambda k: Affine(3, 2, mask=np.ones((3, 2)), key=k), r"expected \(2, 3\)"),
        (lambda k: Affine(3, 2, mask=np.ones(2), key=k), r"expected \(3,\)"),
        (lambda k: Affine(3, 2, excitatory=np.ones(2), key=k), r"expected \(3,\)"),
    ],
)
def test_wrong_sizes_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make(jax.random.key(0))


def test_the_readout_reads_what_its_mask_and_signs_allow():
    excites = np.array([True, True, False])
    h = jnp.array([1.0, 2.0, 3.0])
    free = shaken(Affine(3, 2, key=jax.random.key(0)))
    assert_allclose(free(h), free.c @ h + free.b, rtol=1e-14)
    assert_allclose(free((h, 5 * h)), free(h), rtol=1e-14)
    signed = shaken(Affine(3, 2, key=jax.random.key(0), excitatory=excites))
    assert (np.sign(signed.wire) == [[1, 1, -1]] * 2).all()
    only = shaken(Affine(3, 2, key=jax.random.key(0), excitatory=excites, mask=excites))
    assert (np.sign(only.wire) == [[1, 1, 0]] * 2).all()
    masked = shaken(Affine(3, 2, key=jax.random.key(0), mask=np.eye(3)[::2]))
    assert ((np.asarray(masked.wire) != 0) == [[1, 0, 0], [0, 0, 1]]).all()
    assert_allclose(jax.jacfwd(masked)(h), masked.wire, rtol=1e-14)
    with pytest.raises(ValueError, match=r"state of Affine: got shape \(2,\), expected \(3,\)"):
        free(h[:2])
    assert H.same(Units()((h, 2 * h)), h)


def gru_of(cell):
    """Ours with the weights of `eqx.nn.GRUCell`."""
    fold = lambda a: a.reshape(3, cell.hidden_size, *a.shape[1:])
    values = [fold(cell.weight_hh), fold(cell.weight_ih), fold(cell.bias), cell.bias_n]
    ours = GRU(cell.input_size, cell.hidden_size, key=jax.random.key(0))
    return eqx.tree_at(lambda c: (c.w, c.u, c.b, c.c), ours, values)


def lstm_of(cell):
    """Ours with the weights of `eqx.nn.LSTMCell`."""
    fold = lambda a: a.reshape(4, cell.hidden_size, *a.shape[1:])
    values = [fold(cell.weight_hh), fold(cell.weight_ih), fold(cell.bias)]
    ours = LSTM(cell.input_size, cell.hidden_size, key=jax.random.key(0))
    return eqx.tree_at(lambda c: (c.w, c.u, c.b), ours, values)


@pytest.mark.parametrize(("name", "convert"), [("eqx-gru", gru_of), ("eqx-lstm", lstm_of)])
def test_equinox_parity(name, convert):
    network = H.network(name)
    theirs = shaken(network.step)
    ours = convert(theirs.cell)
    a = rollout(theirs, network.h0, H.inputs()).hs
    b = rollout(ours, network.h0, H.inputs()).hs
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert float(jnp.abs(x).max()) > 0.3
        assert_allclose(x, y, atol=1e-13)


def test_without_a_bias_there_is_none():
    key, h, x = jax.random.key(3), jnp.array([0.2, -0.7, 0.4]), jnp.array([1.0, -1.0])
    make = lambda use_bias: Vanilla(2, 3, key=key, activation=jax.nn.relu, use_bias=use_bias)
    assert make(False).b is None
    assert_allclose(make(False)(h, x), make(True)(h, x))
    assert_allclose(make(False).parts(h, x).gate, make(True).parts(h, x).gate)
    read = lambda use_bias: Affine(3, 2, key=key, use_bias=use_bias)
    assert read(False).b is None
    assert_allclose(read(False)(h), read(True)(h))
