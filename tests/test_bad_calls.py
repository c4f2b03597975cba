"""Bad calls: each is told in one line what was got and what was expected, before anything runs.

A row is a name, a call, and words of its message. Types are not checked by the tests' own
checker here: a user has none.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest
from bad_calls import CAUSAL, CIRCUITS, CORE, EYE, LINEAR, NET, TRUTH, XS, N, W, X, sweep
from bad_calls_training import STUDIES, TASKS, TRAINING
from helpers import told_in_one_line

import rnn_jax as rj

ROWS = {
    f"{room}: {name}": (call, message)
    for room, rows in {
        "core": CORE, "causal": CAUSAL, "linear": LINEAR, "circuits": CIRCUITS,
        "training": TRAINING, "tasks": TASKS, "studies": STUDIES,
    }.items()
    for name, call, message in rows
}  # fmt: skip


pytestmark = pytest.mark.usefixtures("as_users_have_it")


@pytest.mark.parametrize("row", ROWS)
def test_a_bad_call_is_told_in_one_line(row):
    told_in_one_line(*ROWS[row])


TRACED = {
    "a mask": (lambda m: rj.run(NET, X, rj.Replace(m * EYE[:1], 0.0)).hs, "in [0, 1]"),
    "a window": (lambda m: rj.run(NET, X, rj.clamp(1, m * W, 0.0)).hs, "in [0, 1]"),
    "edges": (lambda m: rj.run(NET, X, rj.core.Cut(m * EYE[None], 0.0)).hs, "in [0, 1]"),
    "units": (lambda m: sweep(units=m * EYE), "in [0, 1]"),
    "inputs": (lambda m: sweep(xs=XS / (m - 3)), "not finite"),
}


def test_statistics_say_that_they_run_on_the_host():
    with pytest.raises(ValueError, match="scores: statistics run on the host, not under jit"):
        jax.jit(lambda scores: rj.auroc(scores, TRUTH))(EYE[0])


@pytest.mark.parametrize("row", TRACED)
def test_a_traced_value_is_told_when_the_program_runs(row):
    call, message = TRACED[row]
    with pytest.raises(RuntimeError) as caught:
        jax.block_until_ready(eqx.filter_jit(call)(jnp.array(3.0)))
    assert message in str(caught.value)


def test_a_sweep_has_derivatives_forward_and_says_that_it_has_none_in_reverse():
    of = lambda units: sweep(units=units).sum()
    with pytest.raises(ValueError, match="no reverse mode, their length being data"):
        jax.grad(of)(EYE)
    moved = jnp.zeros((N, N)).at[0, 1].set(1.0)
    slope = jax.jvp(of, (EYE,), (moved,))[1]
    up = lambda d: of(EYE + d * moved)
    np_slope = (4 * up(1e-5) - up(2e-5) - 3 * up(0.0)) / 2e-5
    assert float(slope) == pytest.approx(float(np_slope), abs=1e-7)
