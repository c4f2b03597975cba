"""Jacobians, propagators, adjoints and connectivity under every kind of intervention."""

import itertools
from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import adjoints, direct, effective_connectivity, jacobians, propagators, rollout
from helpers import N, T, exhaustive, inputs, network, normal

from rnn_jax import (
    Compose,
    Inside,
    Shift,
    clamp,
    read,
    span,
    tiling,
)
from rnn_jax.core import Cut, Lesion, Project, flatten

KINDS = ["clamp", "half", "shift", "project", "cut", "lesion", "compose", "read"]
# both states are flat here: of the larger a mask, a subspace and a reading
every_kind = pytest.mark.parametrize(
    ("cell", "kind"),
    exhaustive(
        itertools.product(["gru", "lstm"], KINDS),
        lambda cell, kind: cell == "gru" or kind in ("clamp", "project", "read"),
    ),
)


def edit(kind, size):
    """An intervention of one kind on a flat state."""
    value = 0.3 * normal(3, T, size)
    units, window = jnp.zeros(size).at[1].set(1.0), span(T, 2, 4)
    basis = jnp.asarray(np.linalg.qr(normal(4, size, 2))[0])
    edges = jnp.zeros((T, size, size)).at[2:4, 0, 1].set(1.0)
    return {
        "clamp": clamp(units, window, value),
        "half": clamp(0.5 * units, window, value),
        "shift": Shift(value),
        "project": Inside(Project(basis[None], value), window),
        "cut": Cut(edges, value),
        "lesion": Lesion(units, 0.2),
        "compose": Compose(clamp(units, window, value), Shift(0.5 * value)),
        "read": read(units, window, value),
    }[kind]


@cache
def problem(cell, kind):
    net, xs = network(cell), inputs()
    step, h0 = flatten(net.step, net.h0)
    iv = edit(kind, h0.size)
    return step, h0, xs, iv, rollout(step, h0, xs, iv)


def carried(trajectory):
    return trajectory.hs if trajectory.carried is None else trajectory.carried


def metric(trajectory):
    return jnp.sum(jnp.sin(trajectory.hs) * jnp.arange(1.0, T + 1)[:, None])


@every_kind
def test_propagators_are_the_derivative_of_the_edited_run(cell, kind):
    step, h0, xs, iv, trajectory = problem(cell, kind)
    J = jacobians(step, trajectory, iv)
    whole = jax.jit(jax.jacfwd(lambda h: carried(rollout(step, h, xs, iv))))(h0)
    np.testing.assert_allclose(propagators(J), whole, atol=1e-12)
    free = jacobians(step, trajectory)
    changed = np.flatnonzero(np.abs(J - free).max((1, 2)) > 1e-6).tolist()
    # a read hides a state from the step after it; a shift alone bends no derivative
    inside = {"shift": [], "lesion": list(range(T)), "read": [3, 4]}
    assert changed == inside.get(kind, [2, 3])


@every_kind
def test_adjoints_recur_and_are_the_gradient_through_each_start(cell, kind):
    step, _, xs, iv, trajectory = problem(cell, kind)
    J, d, lam = jax.jit(
        lambda trajectory: (
            jacobians(step, trajectory, iv),
            direct(trajectory, metric),
            adjoints(step, trajectory, metric, iv),
        )
    )(trajectory)
    hidden = iv.readout.mask if kind == "read" else jnp.zeros_like(d)
    later = jnp.einsum("tij,ti->tj", J[1:], lam[1:])
    recursion = (1 - hidden) * d + jnp.concatenate([later, jnp.zeros_like(d[:1])])
    np.testing.assert_allclose(lam, recursion, atol=1e-12)

    def onward(h, t):
        """The metric of a run that starts from `h` just after the edit of step t."""
        shown = jnp.where(hidden[t] == 1, trajectory.hs[t], h)
        rest = jax.tree.map(lambda row: row[t + 1 :] if row.shape[0] == T else row, iv)
        after = rollout(step, h, xs[t + 1 :], rest).hs
        hs = jnp.concatenate([trajectory.hs[:t], shown[None], after])
        return metric(eqx.tree_at(lambda trajectory: trajectory.hs, trajectory, hs))

    times = (1, 2, 3)
    starts = jax.jit(lambda hs: [jax.grad(onward)(hs[t], t) for t in times])(carried(trajectory))
    np.testing.assert_allclose(lam[jnp.array(times)], jnp.stack(starts), atol=1e-12)
    # the convention: moving the held value matters, though the unit is held
    assert kind != "clamp" or float(jnp.abs(lam[2:4, 1]).min()) > 1e-3


@pytest.mark.parametrize("kind", KINDS)
def test_connectivity_is_of_the_edited_step(kind):
    step, _, _, iv, trajectory = problem("gru", kind)
    windows = tiling(T, 2)
    found = effective_connectivity(step, trajectory, windows, "mean", iv)
    J = jacobians(step, trajectory, iv)
    flow = J * trajectory.previous[:, None]
    expected = jnp.einsum("wt,tij->wij", windows / 2, flow)
    np.testing.assert_allclose(found.total, expected, atol=1e-12)
    product = effective_connectivity(step, trajectory, jnp.eye(T), "product", iv)
    np.testing.assert_allclose(product.total, flow, atol=1e-12)
    assert kind != "clamp" or not np.asarray(found.total[1, 1]).any()


def test_an_edited_additive_cell_is_taken_whole():
    net, xs, iv = network("leaky"), inputs(), edit("clamp", N)
    trajectory = rollout(net.step, net.h0, xs, iv)
    found = effective_connectivity(net.step, trajectory, jnp.eye(T), "mean", iv)
    assert found.gate is found.wire is found.signal is None
    assert not np.asarray(found.total[2:4, 1]).any()
    assert float(jnp.abs(found.total[0, 1]).max()) > 1e-3
