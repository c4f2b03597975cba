"""Fidelity: an effect is a share of the outputs' variance."""

import jax.numpy as jnp
import numpy as np

from rnn_jax.causal import share_of_variance


def test_an_effect_is_a_share_of_each_outputs_variance():
    rng = np.random.default_rng(0)
    ys = rng.standard_normal((5, 7, 2)) * np.array([1.0, 0.05])
    score = share_of_variance(jnp.asarray(ys))
    other = rng.standard_normal((7, 2))
    want = -np.mean((other - ys[0]) ** 2 / ys.var((0, 1)))
    np.testing.assert_allclose(score(jnp.asarray(other), jnp.asarray(ys[0])), want)
    # an output at its mean has lost all of its variance
    flat = np.broadcast_to(ys.mean((0, 1)), ys.shape)
    lost = np.mean([score(jnp.asarray(f), jnp.asarray(y)) for f, y in zip(flat, ys)])
    np.testing.assert_allclose(lost, -1)


def test_a_constant_output_counts_for_nothing_unless_all_are():
    ys = np.zeros((3, 4, 2))
    ys[..., 0] = np.random.default_rng(1).standard_normal((3, 4))
    np.testing.assert_allclose(share_of_variance(ys).weight, [1 / ys[..., 0].var(), 0])
    np.testing.assert_allclose(share_of_variance(np.ones((3, 4, 2))).weight, [0.5, 0.5])
