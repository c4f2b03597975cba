"""Interchanges are replacements by another run's states; a network can be trained under them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import SOME, inputs, network

from rnn_jax import Replace, outputs, run, squared_error, sweep
from rnn_jax.causal import paired, resample
from rnn_jax.planted import comparator, interchange_error, semi_synthetic, xor_latch
from rnn_jax.planted.semi_synthetic import carriers_of, interchanges

KEY = jax.random.key(3)


@pytest.mark.parametrize("cell", SOME)
def test_an_interchange_is_a_replacement_by_the_sources_states(cell):
    net, base = network(cell), inputs()
    source = -2.0 * base[::-1]
    T, N = len(base), jax.tree.leaves(net.h0)[0].size
    mask = jnp.zeros((T, N)).at[3:6, : N // 2].set(1.0)
    found = run(paired(net), (source, base, mask))
    other = run(net, source).hs
    expected = run(net, base, Replace(mask, other))
    for got, want in zip(jax.tree.leaves(found.hs[0]), jax.tree.leaves(other)):
        np.testing.assert_allclose(got, want, atol=1e-12)
    for got, want in zip(jax.tree.leaves(found.hs[1]), jax.tree.leaves(expected.hs)):
        np.testing.assert_allclose(got, want, atol=1e-12)
    np.testing.assert_allclose(outputs(paired(net), found), outputs(net, expected), atol=1e-12)


def test_a_cause_that_carries_itself_makes_no_error():
    cause = comparator(extra=0)
    assert float(interchange_error(cause, cause, 1, KEY, 64)) < 1e-24


def test_targets_are_the_causes_own_where_no_variable_is_taken():
    cause = xor_latch(extra=0)
    carry = carriers_of(cause, 7, 2)
    trials = interchanges(cause, carry, KEY, 256)
    _, base, mask = trials.xs
    clean = jax.vmap(lambda x: outputs(cause.network, run(cause.network, x)))(base)
    taken = np.asarray((mask @ carry.T).any((1, 2)))
    free = np.asarray(mask[..., 6].any(1))
    changed = np.abs(trials.targets - clean).max((1, 2)) > 1e-9
    assert not changed[~taken].any()
    assert changed[taken].any()
    assert (free & ~taken).any()
    # both carriers of a variable, or neither
    np.testing.assert_array_equal(mask[..., 0:6:2], mask[..., 1:6:2])


@pytest.mark.parametrize(("units", "carriers"), [(2, 1), (8, 3), (8, 0)])
def test_too_few_units_are_refused(units, carriers):
    with pytest.raises(ValueError, match="cannot carry 3 variables"):
        semi_synthetic(xor_latch(extra=0), units, carriers)


@pytest.fixture(scope="module")
def trained():
    cause = xor_latch(extra=0)
    return cause, semi_synthetic()


@pytest.mark.slow
def test_training_makes_the_named_units_the_variables(trained):
    cause, planted = trained
    before = semi_synthetic(cause, steps=2)
    assert float(interchange_error(before, cause, 1, KEY)) > 0.5
    assert float(interchange_error(planted, cause, 1, KEY)) < 0.05
    assert planted.units[:4] == ("relay/0", "both/0", "parity/0", "free 0")
    np.testing.assert_array_equal(planted.truth.nodes["second"], carriers_of(cause, 16, 1).sum(0))
    np.testing.assert_array_equal(jnp.flatnonzero(planted.truth.nodes["between"]), [2])


def test_units_outside_the_circuit_do_next_to_nothing(trained):
    _, planted = trained
    trials = planted.sample(KEY, 32)
    hs, ys = eqx.filter_jit(
        jax.vmap(
            lambda x: (
                run(planted.network, x).hs,
                outputs(planted.network, run(planted.network, x)),
            )
        )
    )(trials.xs)
    window = trials.epochs["second"][None]
    effects = sweep(
        planted.network, trials.xs, ys, squared_error, jnp.eye(16), window, resample(hs, KEY)
    )
    size = jnp.abs(effects[0].mean(-1))
    assert float(size[3:].max()) < 0.2 * float(size[:3].min())
    assert float(size[:3].min()) > 1e-2
