"""Edges of circuits: reading through rows, cuts by two routes, and the edges of known networks."""

import dataclasses
import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from contrast_data import ALL, SEARCH, pair_of
from helpers import CELLS, SOME, I, N, O, inputs, keys, network

from rnn_jax.cells import Vanilla
from rnn_jax.contrasts import as_record, ask, choose
from rnn_jax.contrasts.candidates import candidates, filled, reads_by_products
from rnn_jax.contrasts.edge_nulls import shuffled_among
from rnn_jax.contrasts.edges import sums_by_edges
from rnn_jax.contrasts.exchange import exchanged, shares
from rnn_jax.contrasts.kept_answers import as_arrays, restored
from rnn_jax.contrasts.sets import Asking
from rnn_jax.contrasts.unrolled import edge_record
from rnn_jax.core import Cut as ByHand
from rnn_jax.core import Network, outputs, run
from rnn_jax.core.reading import Reading, Unread, by_copies, by_products, products_hold
from rnn_jax.report.unrolled_figure import unrolled_figure
from rnn_jax.tasks import Contrast, Trials, epochs_after

BY_COPIES = {"low-rank", "rectified", "rate", "neural-ode"}
"""Cells that read their state by more than one product, or by a function of it."""
WITH_EDGES = dataclasses.replace(SEARCH, unrolled=True, edge_nulls=3)


def states(net, seed):
    leaves, shape = jax.tree.flatten(net.h0)
    return shape.unflatten([jax.random.normal(k, (N,)) for k in keys(len(leaves), seed)])


@pytest.mark.parametrize("name", CELLS)
def test_reading_by_products_is_reading_by_copies(name):
    net = network(name)
    h, value, (x, other) = states(net, 1), states(net, 2), inputs(steps=2)
    assert products_hold(net.step, h, value, x, other) == (name not in BY_COPIES)
    everyone = Reading(jnp.ones((N, N)), jnp.ones((N, I)))
    whole = by_copies(net.step, jnp.arange(N), everyone, h, value, x, other)
    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(net.step(h, x)), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("name", ["lambda", "gru", "dale", "neural-ode"])
def test_a_copy_is_a_cut(name):
    net, keep = network(name), jax.random.bernoulli(jax.random.key(3), 0.5, (N, N)).astype(float)
    h, value, x = states(net, 1), states(net, 2), inputs(steps=1)[0]
    read = Reading(keep, jnp.ones((N, I)))
    by_hand = ByHand(1 - keep[None], value[None])
    row = jax.tree.map(lambda leaf: leaf[0], by_hand)
    np.testing.assert_allclose(
        by_copies(net.step, jnp.arange(N), read, h, value, x, x), row(net.step)(h, x), atol=1e-12
    )


def test_a_step_that_is_read_otherwise_is_not_read_by_products():
    read = Reading(jnp.ones((N, N)), jnp.ones((N, N)))
    h, x = jnp.arange(1.0, N + 1), jnp.ones(N)
    turned = lambda h, x: jnp.roll(h, 1) + x
    assert not products_hold(turned, h, -h, x, -x)
    grouped = lambda h, x: jnp.concatenate([jnp.ones((3, N)) @ h, x[:1]])
    with pytest.raises(Unread, match="rows are not the units'"):
        by_products(grouped, read, h, -h, x, -x)
    with pytest.raises(Unread, match="not a vector of numbers"):
        by_products(lambda h, x: h + x["a"], read, h, -h, {"a": x, "b": x}, {"a": x, "b": x})


def asking_of(pair, net, members):
    return Asking(net, pair, pair.epochs["asked"], None, None, None, np.eye(N), ())


@pytest.mark.parametrize("name", [*SOME, "low-rank", "rectified"])
def test_all_edges_are_the_closed_circuit_and_none_the_foil(name):
    net, pair, *_ = pair_of(name)
    epoch, members = pair.epochs["asked"], np.array([True, True, False, True])
    question = choose(pair, epoch, *ALL, epoch.closed)
    found = candidates(asking_of(pair, net, members), members, question)
    G = len(found.kind)
    assert (3 * 3 + 3 * I + 3 * O, filled(G)) == (G, len(found.free))
    rows = np.stack([found.free, found.free & False])[:, None]
    norms = np.asarray(question.norms)
    routes = [False] if name in BY_COPIES else [False, True]
    assert reads_by_products(net, question) == (len(routes) == 2)
    closed = shares(np.asarray(exchanged(net, question, 1.0 - members[None])), norms)
    for products in routes:
        sums = np.asarray(sums_by_edges(net, question, found.closed, rows, products))
        cut = shares(sums, norms)
        np.testing.assert_allclose(cut.effect[:, 0], closed.effect[:, 0], rtol=1e-8)
        np.testing.assert_allclose(cut.off[:, 0], closed.off[:, 0], rtol=1e-6, atol=1e-12)
        # nothing that differs reaches anyone: the run is its foil from the event on
        np.testing.assert_allclose(cut.effect[:, 1], 1, rtol=1e-8)


@pytest.mark.parametrize("name", ["vanilla", "rectified"])
def test_how_a_step_reads_is_asked_where_run_and_foil_differ(name):
    net, pair, *_ = pair_of(name)
    epoch = pair.epochs["asked"]
    question = choose(pair, epoch, *ALL, epoch.closed)
    same = lambda leaf: np.concatenate([0 * leaf[:, :, :2], leaf[:, :, 2:]], 2)
    where = lambda q: (q.value, q.xs)
    question = eqx.tree_at(where, question, tuple(map(same, where(question))))
    assert reads_by_products(net, question) == (name not in BY_COPIES)


@pytest.mark.parametrize("name", ["vanilla", "lstm"])
def test_all_edges_are_the_closed_circuit_where_it_begins_after_the_event(name):
    net, pair, *_ = pair_of(name)
    epoch, members = pair.epochs["asked"], np.array([True, True, False, True])
    late = epoch.closed * (np.arange(epoch.closed.shape[1]) >= 2)
    question = choose(pair, epoch, *ALL, late)
    found = candidates(asking_of(pair, net, members), members, question)
    norms = np.asarray(question.norms)
    closed = shares(np.asarray(exchanged(net, question, 1.0 - members[None])), norms)
    everyone = shares(np.asarray(exchanged(net, question, np.ones((1, 4)))), norms)
    rows = np.stack([found.free, found.free & False])[:, None]
    for products in (False, True):
        cut = shares(np.asarray(sums_by_edges(net, question, found.closed, rows, products)), norms)
        np.testing.assert_allclose(cut.effect[:, 0], closed.effect[:, 0], rtol=1e-8)
        # what members hear of the time before is gone a step later
        np.testing.assert_allclose(cut.effect[:, 1], everyone.effect[:, 0], rtol=1e-8)


@pytest.mark.parametrize("name", ["vanilla", "gru"])
def test_an_edge_is_cut_at_the_steps_that_lie_in_the_window_with_the_step_before(name):
    net, pair, *_ = pair_of(name)
    L = pair.ys.shape[2]
    inside = (np.arange(L) >= 2) & (np.arange(L) < 5)
    question = choose(pair, pair.epochs["asked"], *ALL, np.tile(inside.astype(float), (6, 1)))
    found = candidates(asking_of(pair, net, None), np.ones(N, bool), question)
    ends = list(zip(found.kind, found.to.tolist(), found.source.tolist(), strict=True))
    but = found.free & (np.arange(len(found.free)) != ends.index(("unit", 1, 2)))
    sums = np.asarray(sums_by_edges(net, question, found.closed, but[None, None], True))
    cut = np.zeros((L, N, N))
    cut[3:5, 1, 2] = 1
    for run_, other in ((0, 1), (1, 0)):
        for b in range(2):
            own = Network(net.step, net.readout, jnp.asarray(pair.h0[run_, b]))
            before = np.concatenate([pair.h0[other, b][None], pair.hs[other, b][:-1]])
            ys = outputs(own, run(own, jnp.asarray(pair.xs[run_, b]), ByHand(cut, before)))
            part = [
                np.asarray(leaf)[run_, b] for leaf in (question.ys, question.gap, question.read)
            ]
            along = (part[2] * (np.asarray(ys) - part[0]) * part[1]).sum()
            np.testing.assert_allclose(sums[run_, 0, b, 0], along, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_both_routes_agree_on_any_edges_in_any_window(name):
    net, pair, *_ = pair_of(name)
    epoch, members = pair.epochs["asked"], np.array([True, False, True, True])
    question = choose(pair, epoch, *ALL, epoch.closed)
    found = candidates(asking_of(pair, net, members), members, question)
    rows = np.random.default_rng(0).random((3, 2, len(found.free))) < 0.6
    closed = found.closed._replace(at=(np.arange(question.ys.shape[2]) > 3).astype(int))
    both = [sums_by_edges(net, question, closed, rows, products) for products in (False, True)]
    np.testing.assert_allclose(*both, rtol=1e-7, atol=1e-10)


def chain(count=48):
    """Input, relay 0, memory 1, reporter 2, with false wires; unit 3 is unread.

    The memory holds a sign by saturation. What it hears of the reporter is too weak to move it.
    """
    w = np.zeros((4, 4))
    w[1, 0], w[1, 1], w[2, 1] = 8.0, 8.0, 8.0
    w[3, 1], w[1, 2] = 8.0, 1e-3
    net = Network(
        lambda h, x: jnp.tanh(jnp.asarray(w) @ h + jnp.array([8.0, 0.0, 0.0, 0.0]) * x[0]),
        lambda h: h[2:3],
        jnp.zeros(4),
    )
    xs = np.zeros((count, 16, 1))
    xs[:, 2, 0] = np.random.default_rng(0).choice([-1.0, 1.0], count)
    trials = Trials(jnp.asarray(xs), None, {"all": jnp.ones((count, 16))})
    held = epochs_after(np.full(count, 2), 16, held=(4, 6))
    return net, trials, Contrast(jnp.asarray(-xs), epochs=held)


@pytest.fixture(scope="module")
def answer():
    net, trials, contrast = chain()
    return ask(net, trials, "sign", contrast, WITH_EDGES, jax.random.key(0))[0]


def test_the_edges_of_a_chain_are_found_when_they_act(answer):
    found = answer.unrolled
    edges = {(k, int(i), int(j)) for k, i, j in zip(found.kind, found.to, found.source)}
    assert edges == {
        ("input", 0, 0), ("unit", 1, 0), ("unit", 1, 1), ("unit", 2, 1), ("output", 0, 2)
    }  # fmt: skip
    assert found.restored[0] > 0.99
    assert found.undone[0] > 0.99
    # any of them cut, nothing is left
    np.testing.assert_allclose(found.effect[..., 0], 1, atol=0.02)
    when = {(k, int(i)): np.flatnonzero(a) for k, i, a in zip(found.kind, found.to, found.acts.T)}
    steps = {at: [np.flatnonzero(found.windows[v]) for v in vs] for at, vs in when.items()}
    # the input acts at the event, the relay's edge a step later, the memory's from then on
    assert any(0 in row for row in steps["input", 0])
    assert len(when["input", 0]) == 1
    assert len(when["output", 0]) >= 1
    assert found.timed[1, 0] > 0.9
    assert found.p[0] <= 0.05
    assert (found.curve[:, 0] >= 5).all()
    assert len(found.others) == 3
    # a step of one's own function has no matrix to shuffle
    assert len(found.shuffled) == 0
    assert np.isnan(found.p[2])


def test_unrolled_answers_are_kept_and_recorded(answer):
    again = restored(as_arrays(answer))
    assert jax.tree.structure(again) == jax.tree.structure(answer)
    np.testing.assert_array_equal(again.unrolled.by_window, answer.unrolled.by_window)
    assert again.unrolled.kind == answer.unrolled.kind
    record = edge_record(answer.unrolled, ("relay", "memory", "reporter", "unread"))
    ends = [(e["kind"], e["to"], e["from"]) for e in record["edges"]]
    assert ("unit", "memory", "relay") in ends
    assert ("output", 0, "reporter") in ends
    k = ends.index(("unit", "memory", "relay"))
    assert record["edges"][k]["windows"] == np.flatnonzero(answer.unrolled.acts[:, k]).tolist()
    np.testing.assert_allclose(
        record["edges"][k]["restored"], answer.unrolled.effect[1, k], atol=1e-4
    )


def test_the_unrolled_circuit_is_drawn(answer):
    records = as_record(
        answer, [np.nan] * len(answer.sets), ("relay", "memory", "report", "unread")
    )
    panel = unrolled_figure(xr.Dataset(attrs={"circuits": json.dumps(records)})).axes[0]
    names = [label.get_text() for label in panel.get_yticklabels()]
    assert (names[0], names[-1]) == ("input 0", "output 0")
    assert sorted(names[1:-1]) == ["memory", "relay", "report"]
    # one line for each window in which an edge is needed
    assert len(panel.collections[0].get_segments()) == answer.unrolled.acts.sum()
    assert unrolled_figure(xr.Dataset(attrs={"circuits": ""})) is None


def test_groups_have_edges_between_groups():
    copies = 20
    c = np.zeros(2 * copies)
    c[:copies] = 1 / copies
    net = Network(lambda h, x: 0.9 * h + x[0], lambda h: (jnp.asarray(c) * h).sum(keepdims=True),
                  jnp.zeros(2 * copies))  # fmt: skip
    xs = np.zeros((40, 12, 1))
    xs[:, 0, 0] = np.random.default_rng(0).choice([-1.0, 1.0], 40)
    trials = Trials(jnp.asarray(xs), None, {"all": jnp.ones((40, 12))})
    contrast = Contrast(jnp.asarray(-xs), epochs=epochs_after(np.zeros(40, int), 12, held=(2, 4)))
    groups = ("read",) * copies + ("unread",) * copies
    (answer,) = ask(net, trials, "sign", contrast, WITH_EDGES, jax.random.key(0), groups)
    record = edge_record(answer.unrolled, tuple(map(str, range(2 * copies))))
    edges = {(e["kind"], e["to"], e["from"]) for e in record["edges"]}
    assert edges == {("unit", "read", "read"), ("input", "read", 0), ("output", 0, "read")}


@pytest.mark.parametrize("name", ["vanilla", "gru", "lstm", "eqx-gru", "eqx-lstm"])
def test_weights_are_shuffled_among_members_alone(name):
    net, members = network(name), np.array([0, 2, 3])
    other = shuffled_among(net, members, jax.random.key(0))
    moved = 0
    for a, b in zip(jax.tree.leaves(net.step), jax.tree.leaves(other.step), strict=True):
        if np.ndim(a) < 2 or a.shape[-1] != N or a.shape[-2] % N:
            np.testing.assert_array_equal(a, b)
            continue
        for x, y in zip(np.reshape(a, (-1, N, N)), np.reshape(b, (-1, N, N)), strict=True):
            inside = np.ix_(members, members)
            for part in (np.diag, lambda a: a[~np.eye(3, dtype=bool)]):
                np.testing.assert_array_equal(np.sort(part(x[inside])), np.sort(part(y[inside])))
            moved += int((x[inside] != y[inside]).any())
            x, y = np.array(x), np.array(y)
            x[inside] = y[inside] = 0
            np.testing.assert_array_equal(x, y)
    assert moved >= 1
    same = shuffled_among(net, members[:1], jax.random.key(0))
    assert all(map(np.array_equal, jax.tree.leaves(net.step), jax.tree.leaves(same.step)))


def test_shuffled_weights_do_not_hold_a_bit():
    net, trials, contrast = ring_of_two()
    (answer,) = ask(net, trials, "sign", contrast, WITH_EDGES, jax.random.key(0))
    found = answer.unrolled
    assert found.restored[0] > 0.9
    assert len(found.shuffled) == 3
    # of three draws of the weights none holds it: off-diagonal ones have six places
    assert found.shuffled.max() < 0.9
    assert found.p[2] == 0.25


def ring_of_two(count=40):
    """A bit that two saturated units hold, each for the other; one that reads it; an idle one."""
    w = np.zeros((4, 4))
    w[0, 1] = w[1, 0] = 3.0
    w[2, 0] = 3.0
    cell = Vanilla(1, 4, key=jax.random.key(0))
    step = eqx.tree_at(
        lambda c: (c.w, c.u, c.b), cell,
        (jnp.asarray(w), jnp.asarray([[3.0], [3.0], [0.0], [0.0]]), jnp.zeros(4)),
    )  # fmt: skip
    net = Network(step, lambda h: h[2:3], jnp.zeros(4))
    xs = np.zeros((count, 16, 1))
    xs[:, 2, 0] = np.random.default_rng(0).choice([-1.0, 1.0], count)
    trials = Trials(jnp.asarray(xs), None, {"all": jnp.ones((count, 16))})
    held = epochs_after(np.full(count, 2), 16, held=(4, 6))
    return net, trials, Contrast(jnp.asarray(-xs), epochs=held)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "neural-ode"])
def test_slopes_in_blocks_are_those_in_whole(name, monkeypatch):
    net, pair, *_ = pair_of(name)
    epoch, members = pair.epochs["asked"], np.array([True, True, False, True])
    question = choose(pair, epoch, *ALL, epoch.closed)
    found = candidates(asking_of(pair, net, members), members, question)
    every, products = found.free[None].astype(float), name not in BY_COPIES
    effect = lambda kept, slope: shares(
        sums_by_edges(net, question, found.closed, kept[None], products, slope), question.norms
    ).effect[:, 0]
    whole = jax.jacrev(lambda kept: effect(kept, False))(every)
    monkeypatch.setattr("rnn_jax.contrasts.edges.default_memory", lambda: 20_000)
    blocks = jax.jacrev(lambda kept: effect(kept, True))(every)
    np.testing.assert_allclose(blocks, whole, rtol=1e-8, atol=1e-12)
    ahead, step = found.free.argmax(), 1e-6
    moved = every.copy()
    moved[0, ahead] -= step
    by_hand = (effect(every, False) - effect(jnp.asarray(moved), False)) / step
    np.testing.assert_allclose(whole[:, 0, ahead], by_hand, rtol=1e-3, atol=1e-7)
