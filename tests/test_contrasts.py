"""Contrasts: effects of exchanges by their definition, laws of reach, intervals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiled import outputs_of
from contrast_data import ALL, EVENT, STEPS, B, pair_of, question_of, share_of
from helpers import SOME, First, N, O
from scipy.stats import t as student
from test_studies import relay

from rnn_jax.contrasts import (
    aligned,
    effective,
    other_trials,
    over_time,
    random_bases,
    share_intervals,
    turned,
)
from rnn_jax.contrasts.bases import into, out_of, own_bases
from rnn_jax.contrasts.exchange import astray, exchanged_by_output
from rnn_jax.contrasts.judged import judge
from rnn_jax.core import Network, Replace, clean_run
from rnn_jax.tasks import Contrast, Trials, epochs_after, first_difference


@pytest.mark.parametrize("name", SOME)
def test_an_exchange_is_a_clamp_of_the_foils_states(name):
    net, pair, xs, foil = pair_of(name)
    mask = np.array([1.0, 0.0, 1.0, 0.0])
    found = share_of(net, question_of(pair), [mask])
    window = np.zeros((STEPS, 1))
    window[EVENT : EVENT + 2] = 1
    read = slice(EVENT + 3, EVENT + 7)
    for k, (own, other) in enumerate([(xs, foil), (foil, xs)]):
        hs, ys = clean_run(net, own)
        values, others = clean_run(net, other)
        edits = [
            Replace(jnp.asarray(window * mask), jax.tree.map(lambda v, b=b: v[b], values))
            for b in range(B)
        ]
        after = jnp.stack([outputs_of(net, x, edit) for x, edit in zip(own, edits, strict=True)])
        scale = np.asarray(clean_run(net, xs)[1]).std((0, 1))
        gap, change = (np.asarray(y - ys)[:, read] / scale for y in (others, after))
        e = (gap * change).sum() / (gap**2).sum()
        np.testing.assert_allclose(found.effect[k, 0], e, rtol=1e-9)
        off = ((change - e * gap) ** 2).sum() / (gap**2).sum()
        np.testing.assert_allclose(found.off[k, 0], off, rtol=1e-8)


@pytest.mark.parametrize(
    ("name", "window", "whole"),
    [*((name, (0, 2), True) for name in SOME), ("gru", (1, 2), True), ("lstm", (0, 1), False)],
)
def test_reach_is_1_where_the_window_holds_the_last_differing_input(name, window, whole):
    net, pair, *_ = pair_of(name, window)
    found = share_of(net, question_of(pair), [np.ones(N), np.zeros(N)])
    assert np.allclose(found.effect[:, 0], 1, atol=1e-12) == whole
    np.testing.assert_allclose(found.effect[:, 1], 0, atol=1e-12)
    np.testing.assert_allclose(found.off[:, 1], 0, atol=1e-12)


def test_run_and_foil_change_places():
    net, pair, xs, foil = pair_of()
    trials = Trials(foil, None, {"all": jnp.ones((B, STEPS))})
    epochs = epochs_after(np.full(B, EVENT), STEPS, asked=(0, 2))
    other = aligned(net, trials, Contrast(xs, epochs=epochs))._replace(scale=pair.scale)
    a, b = (share_of(net, question_of(p), np.eye(N)) for p in (pair, other))
    np.testing.assert_allclose(a.effect, b.effect[::-1], rtol=1e-10)
    np.testing.assert_allclose(a.off, b.off[::-1], rtol=1e-8, atol=1e-12)


def test_effects_do_not_hang_on_the_scale_of_an_output_or_the_order_of_units():
    net, pair, *_ = pair_of("lambda")
    own = share_of(net, question_of(pair), np.eye(N))
    louder = Network(net.step, First(jnp.array([[7.0], [0.1]]) * net.readout.c), net.h0)
    _, pair, *_ = pair_of(network_=louder)
    np.testing.assert_allclose(
        share_of(louder, question_of(pair), np.eye(N)).effect, own.effect, rtol=1e-9
    )
    order = np.array([2, 0, 3, 1])
    p = jnp.eye(N)[order]
    renamed = Network(
        lambda h, x: p @ net.step(p.T @ h, x), First(net.readout.c @ p.T), p @ net.h0
    )
    _, pair, *_ = pair_of(network_=renamed)
    found = share_of(renamed, question_of(pair), np.eye(N))
    np.testing.assert_allclose(found.effect, own.effect[:, order], rtol=1e-9)


@pytest.mark.parametrize("name", SOME)
def test_axes_of_a_basis_are_exchanged_by_their_projection(name):
    net, pair, *_ = pair_of(name)
    question = question_of(pair)
    bases = random_bases(jax.random.key(3), net.h0)
    for q in jax.tree.leaves(bases):
        np.testing.assert_allclose(q @ q.T, np.eye(N), atol=1e-12)
    other, asked = turned(net, question, bases)
    ones = share_of(other, asked, [np.ones(N)])
    np.testing.assert_allclose(ones.effect, 1, atol=1e-10)
    two = np.array([1.0, 1.0, 0.0, 0.0])
    found = share_of(other, asked, [two])

    def step(h, x):
        (x, value, inside), new = x, net.step(h, x[0])
        part = lambda q, v, n: n + inside * (q @ (two * (q.T @ (v - n))))
        return jax.tree.map(part, bases, value, new)

    for k in range(2):
        side = jax.tree.map(lambda leaf, k=k: leaf[k], question)
        one = lambda h0, x, v, w: outputs_of(Network(step, net.readout, h0), (x, v, w))
        ys = jax.jit(jax.vmap(one))(side.h0, side.xs, side.value, side.window)
        change = (ys - side.ys) * side.read
        e = (change * side.gap).sum() / (side.read * side.gap**2).sum()
        np.testing.assert_allclose(found.effect[k, 0], e, rtol=1e-9)
    same, asked = turned(net, question, own_bases(net.h0))
    own = share_of(net, question, np.eye(N)).effect
    np.testing.assert_allclose(share_of(same, asked, np.eye(N)).effect, own, atol=1e-12)


def test_turning_there_and_back():
    h = (jnp.arange(3.0), jnp.ones(3))
    bases = random_bases(jax.random.key(0), h)
    back = out_of(bases, into(bases, h))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-12), back, h)


def test_a_trial_without_an_event_or_read_past_its_end_is_left_out():
    net, _, xs, foil = pair_of()
    event = np.array([3, 3, -1, 3, 7, 3])
    epochs = epochs_after(event, STEPS, asked=(0, 2))
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    pair = aligned(net, trials, Contrast(foil, jnp.asarray(event), epochs))
    # the window ends at 9, and its read at 14, past the trial's 12 steps
    assert pair.epochs["asked"].valid.tolist() == [True, True, False, True, False, True]
    weights = pair.epochs["asked"].valid.astype(float)
    norms = np.asarray(question_of(pair, (np.arange(B), weights)).norms)
    assert ((norms > 0).all((0, 2)) == pair.epochs["asked"].valid).all()


def test_a_read_says_what_the_effect_is_and_off_target_is_over_all_outputs():
    net, _, xs, foil = pair_of("lambda")
    read = np.zeros((B, STEPS, O))
    read[:, 6:9, 0] = 1
    epochs = epochs_after(np.full(B, EVENT), STEPS, asked=(0, 2))
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    pair = aligned(net, trials, Contrast(foil, None, epochs, jnp.asarray(read)))
    question = question_of(pair)
    norms = np.asarray(question.norms)
    gap = np.asarray(question.gap)[:, :, 6 - EVENT : 9 - EVENT] / pair.scale
    np.testing.assert_allclose(norms[..., 0], (gap[..., 0] ** 2).sum(-1), rtol=1e-9)
    np.testing.assert_allclose(norms[..., 1], (gap**2).sum((2, 3)), rtol=1e-9)


@pytest.mark.parametrize("name", ["lambda", "lstm"])
def test_what_is_astray_is_told_of_each_output(name):
    net, _, xs, foil = pair_of(name)
    read = np.zeros((B, STEPS, O))
    read[:, 6:9, 0] = 1
    epochs = epochs_after(np.full(B, EVENT), STEPS, asked=(0, 2))
    trials = Trials(xs, None, {"all": jnp.ones((B, STEPS))})
    pair = aligned(net, trials, Contrast(foil, None, epochs, jnp.asarray(read)))
    question, mask = question_of(pair), np.array([1.0, 0.0, 1.0, 0.0])
    window = np.zeros((STEPS, 1))
    window[EVENT : EVENT + 2] = 1
    expected = []
    for own, other in ((xs, foil), (foil, xs)):
        (_, ys), (values, others) = clean_run(net, own), clean_run(net, other)
        edits = [
            Replace(jnp.asarray(window * mask), jax.tree.map(lambda v, b=b: v[b], values))
            for b in range(B)
        ]
        new = jnp.stack([outputs_of(net, own[b], edits[b]) for b in range(B)])
        dy, D = (np.asarray(a - ys)[:, 6:9] / pair.scale for a in (new, others))
        e = (dy * D)[..., 0].sum() / (D**2)[..., 0].sum()
        expected.append(np.sqrt(((dy - e * D) ** 2).sum((0, 1)) / (D**2).sum()))
    sums = np.asarray(exchanged_by_output(net, question, mask[None]))
    found = astray(sums, np.asarray(question.norms_by_output))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    off = share_of(net, question, [mask]).off[:, 0]
    np.testing.assert_allclose((found**2).sum(-1), off, rtol=1e-8)
    judged = judge(net, question, mask > 0, np.zeros((0, N), bool), False)
    np.testing.assert_allclose(judged.astray, np.max(expected, 0), rtol=1e-6)


@pytest.mark.parametrize("weight", ["like", "unlike"])
def test_the_jackknife_of_a_ratio(weight):
    rng = np.random.default_rng(0)
    n = 12
    d = np.ones(n) if weight == "like" else rng.gamma(2.0, size=n)
    e = 0.8 + 0.1 * rng.normal(size=n)
    sums = np.stack([e * d, e * d, e**2 * d], -1)[None, None].repeat(2, 0)
    norms = np.stack([d, d], -1)[None].repeat(2, 0)
    found = share_intervals(sums, norms).effect[0, 0]
    np.testing.assert_allclose(found[0], (e * d).sum() / d.sum(), rtol=1e-12)
    if weight == "like":
        half = student.ppf(0.975, n - 1) * e.std(ddof=1) / n**0.5
        np.testing.assert_allclose(found[2] - found[0], half, rtol=1e-9)
    np.testing.assert_allclose(effective(d), d.sum() ** 2 / (d**2).sum())
    assert effective(np.zeros(3)) == 0


def test_foils_of_other_trials_hear_another_until_the_epochs_end():
    subject = relay(count=12)
    net, trials = subject.network, subject.trials
    found = other_trials(jax.random.key(1), net, trials)
    assert set(found) == set(trials.epochs)
    xs, early = np.asarray(trials.xs), np.asarray(found["early"].foil)
    assert (early[:, 6:] == xs[:, 6:]).all()
    assert all(any((row[:6] == other[:6]).all() for other in xs) for row in early)
    # of several donors the one that differs is taken, though half of all pairs are alike
    assert (first_difference(trials.xs, found["early"].foil) == 0).all()
    assert other_trials(jax.random.key(1), net, relay(count=1).trials) == {}


def test_donors_do_not_hang_on_an_outputs_scale():
    net, _, xs, _ = pair_of("lambda")
    louder = Network(net.step, First(jnp.array([[1.0], [1e3]]) * net.readout.c), net.h0)
    trials = Trials(xs, None, {"early": jnp.ones((B, STEPS)).at[:, 5:].set(0)})
    foils = [other_trials(jax.random.key(2), one, trials)["early"].foil for one in (net, louder)]
    np.testing.assert_array_equal(*foils)


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_set_does_in_the_run_and_in_the_foil_is_not_mixed_up(closed):
    net, pair, *_ = pair_of("gru")
    question, members = question_of(pair), np.array([True, False, True, False])
    found = judge(net, question, members, np.zeros((0, N), bool), closed)
    effect = share_of(net, question, [1.0 - members if closed else 1.0 * members]).effect[:, 0]
    assert abs(effect[0] - effect[1]) > 1e-3
    # held in the run, the others take from what the set keeps alone there: from what it restores
    undone, restored = 1 - effect[::-1] if closed else effect
    np.testing.assert_allclose([found.undone[0], found.restored[0]], [undone, restored])


def exchanged_by_hand(net, pair, side, b, mask):
    """Outputs of one run (or foil), the other's states put in by the rollout's own edit."""
    at = lambda tree, side: jax.tree.map(lambda leaf: jnp.asarray(leaf[side, b]), tree)
    own = Network(net.step, net.readout, at(pair.h0, side))
    edit = Replace(jnp.asarray(mask), at(pair.hs, 1 - side))
    return np.asarray(outputs_of(own, at(pair.xs, side), edit))


@pytest.mark.parametrize("name", SOME)
def test_effects_by_window_of_exchange_and_of_read(name):
    net, pair, *_ = pair_of(name)
    question, members = question_of(pair), np.arange(N) < 2
    found = over_time(net, pair, pair.epochs["asked"], ALL, members, members)
    W, L = found.windows.shape
    assert (found.windows.sum(0) == pair.inside.any(0)).all()
    # a second route: the whole run of each trial, one exchange after the other
    for w in (0, W // 2):
        for side in range(2):
            along, whole = np.zeros(W), np.zeros(W)
            for b in range(B):
                ys = exchanged_by_hand(net, pair, side, b, found.windows[w][:, None] * members)
                gap = (pair.ys[1 - side, b] - pair.ys[side, b]) / pair.scale
                change = (ys - pair.ys[side, b]) / pair.scale
                along += found.windows @ (pair.inside[b] * (change * gap).sum(-1))
                whole += found.windows @ (pair.inside[b] * (gap**2).sum(-1))
            # where both runs hardly differ a share says nothing
            entries = found.windows @ pair.inside.sum(0) * np.isfinite(pair.scale).sum()
            mean = np.sqrt(whole / np.maximum(entries, 1))
            whole[(mean < max(0.05, 0.1 * mean.max())) | (entries == 0)] = np.nan
            np.testing.assert_allclose(found.by_read[side, w], along / whole, atol=1e-9)
            # what is read before the exchange does not move
            before = found.by_read[side, w, :w]
            np.testing.assert_allclose(before[np.isfinite(before)], 0, atol=1e-9)
    assert np.isnan(found.by_unit[:, :, 2:]).all()
    window = np.broadcast_to(found.windows[1], (B, L))
    one = question_of(pair, window=window)
    read = np.asarray(question.read)
    # a read before the exchange counts here, and as 0: compare the sums and not the shares
    alone = share_of(net, one, np.eye(N)[:2]).effect
    norms = lambda q: (np.asarray(q.read) * np.asarray(q.gap) ** 2).sum((1, 2, 3))
    scale = norms(one) / (read * np.asarray(question.gap) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(found.by_unit[:, 1, :2], alone * scale[:, None], atol=1e-9)
