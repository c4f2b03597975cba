"""Inference: the filter by a second route, sets that are kept, and verdicts that can fall."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax.circuits import largest
from rnn_jax.contrasts import Search
from rnn_jax.core import outputs, run
from rnn_jax.core.network import clean_run
from rnn_jax.planted import hmm_filter
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import write_up
from rnn_jax.studies.hmm_inference.asked import (
    ASKED_DIMS,
    QUESTIONS,
    QUICK,
    Asked,
    asked,
    asked_trials,
)
from rnn_jax.studies.hmm_inference.kept_sets import (
    Noisy,
    accuracies,
    decode,
    kept_faithfulness,
    rankings,
    share_right,
)
from rnn_jax.studies.hmm_inference.networks import BUILT, TASK, built
from rnn_jax.studies.hmm_inference.study import HMM_INFERENCE, Scale, inference
from rnn_jax.studies.hmm_inference.verdicts import CLAIMS, judge
from rnn_jax.studies.question import KINDS, SELECTORS, found_sets
from rnn_jax.studies.question_numbers import DIMS, PREFIX
from rnn_jax.tasks import HiddenState, check_trials

KEY = jax.random.key(4)


def test_the_filter_is_the_sum_over_all_paths():
    task = HiddenState(hazard=0.2, strength=1.5, steps=6)
    xs = task.sample(KEY, 1).xs[0]
    x, found = np.asarray(xs)[:, 0], []
    for t in range(1, 7):
        weight = {1: 0.0, -1: 0.0}
        for path in itertools.product((1, -1), repeat=t):
            changes = sum(a != b for a, b in itertools.pairwise(path))
            prior = 0.5 * 0.2**changes * 0.8 ** (t - 1 - changes)
            seen = np.exp(-1.5 / 4 * ((x[:t] - np.array(path)) ** 2).sum())
            weight[path[-1]] += prior * seen
        found.append(np.log(weight[1] / weight[-1]))
    np.testing.assert_allclose(task.log_odds(xs), found, atol=1e-12)


def test_the_task_is_what_it_says():
    trials = TASK.sample(KEY, 400)
    check_trials(trials)
    state = np.asarray(trials.targets)[..., 0]
    assert set(np.unique(state)) == {-1.0, 1.0}
    changed = (state[:, 1:] != state[:, :-1]).mean()
    assert abs(changed - TASK.hazard) < 0.01
    noise = np.asarray(trials.xs)[..., 0] - state
    assert abs(noise.var() - 2 / TASK.strength) < 0.1
    np.testing.assert_array_equal(trials.epochs["stable"] + trials.epochs["switch"], 1.0)
    with pytest.raises(ValueError, match="hazard"):
        HiddenState(hazard=1.0)


def test_the_filter_by_hand_tells_the_filters_log_odds():
    network, members = built(3)
    xs = TASK.sample(KEY, 8).xs
    told = clean_run(network, xs)[1][..., 0]
    np.testing.assert_allclose(told, jax.vmap(TASK.log_odds)(xs), atol=1e-9)
    assert int(members.sum()) == 4
    assert not np.array_equal(members, built(4)[1])


def test_exact_effects_rank_the_filters_units_first():
    network, members = built(0)
    trials = TASK.sample(KEY, 32)
    scores = rankings(network, trials, KEY)
    masks = largest(scores["circuit"], jnp.array([1, 4, 64]), KEY)
    np.testing.assert_array_equal(masks[1], members)
    curve = kept_faithfulness(network, trials.xs, masks)
    np.testing.assert_allclose(curve[1:], 1.0, atol=1e-9)
    assert float(curve[0]) < 0.9


def test_a_decoder_is_least_squares_by_another_route():
    seen, fresh = jax.random.normal(KEY, (2, 6, 10, 3))
    state = jnp.sign(seen[..., 0] + 0.3 * seen[..., 1] + 0.2)
    found = decode(seen, state, fresh)
    design = np.column_stack([np.ones(60), np.asarray(seen).reshape(60, 3)])
    weights = np.linalg.lstsq(design, np.asarray(state).ravel(), rcond=None)[0]
    np.testing.assert_allclose(found, weights[0] + np.asarray(fresh) @ weights[1:], atol=1e-3)
    # what says nothing is wrong
    assert float(share_right(jnp.zeros((2, 3)), jnp.ones((2, 3)))) == 0.0


def test_accuracies_of_the_whole_are_those_of_a_noisy_run():
    network, members = built(1)
    trials = TASK.sample(KEY, 16)
    state = trials.targets[..., 0]
    xi = jax.random.normal(KEY, (*state.shape, 64))
    noisy = Noisy(trials.xs, state, xi)
    hs, _ = clean_run(network, trials.xs)
    sets = jnp.stack([jnp.ones(64), members.astype(xi.dtype), jnp.zeros(64)])
    found = accuracies(network, noisy, noisy, sets, hs.mean(0), jnp.array([0.0, 0.5]))

    def stepped(x, xi):
        h, told = network.h0, []
        for t in range(len(x)):
            h = network.step(h, x[t]) + 0.5 * xi[t]
            told.append(network.readout(h)[0])
        return jnp.stack(told)

    told = jnp.stack([stepped(trials.xs[b], xi[b]) for b in range(2)])
    alone = accuracies(
        network, noisy, Noisy(trials.xs[:2], state[:2], xi[:2]), sets[:1], hs.mean(0),
        jnp.array([0.5]),
    )  # fmt: skip
    np.testing.assert_allclose(alone[0, 0, 0], share_right(told, state[:2]), atol=1e-12)
    clean = jax.vmap(lambda x: outputs(network, run(network, x)))(trials.xs)[..., 0]
    np.testing.assert_allclose(found[0, 0, 0], share_right(clean, state), atol=1e-12)
    # nobody reads the copies, so that the circuit is the whole, in noise too
    np.testing.assert_allclose(found[0, 1], found[0, 0], atol=1e-12)
    assert float(found[0, 2, 0]) < float(found[0, 0, 0]) - 0.1


@pytest.fixture(scope="module")
def found():
    # so few trials that every question is refused
    few = Asked(1, 12, Search(bases=1, splits=2, random_sets=9))
    return inference(
        range(2), Scale((BUILT, "64 units"), 10, 12, 12, 24, few), lambda items, label: items
    )


@pytest.mark.slow
def test_contrasts_find_the_filter_that_was_built():
    """The two units that hold the log-odds are the mediator; all four are the circuit."""
    network, truth = built(7)
    trials, search = asked_trials(jax.random.key(7), 96), Search(random_sets=9)
    mediator, circuit = found_sets(network, trials, *QUESTIONS[0], search, KEY)
    names = hmm_filter(TASK.hazard, TASK.strength, 60).units
    order = np.random.default_rng(7).permutation(64)
    assert {names[order[k]] for k in np.flatnonzero(mediator)} == {"above", "below"}
    np.testing.assert_array_equal(circuit, truth)


def test_a_network_s_row_scores_its_sets_against_the_truth_and_the_old_circuit(monkeypatch):
    """What is found is made up: half of the truth and one more, then nobody."""
    network, truth = built(7)
    truth = np.asarray(truth)
    found = np.zeros((2, len(KINDS), truth.size), bool)
    found[0, :, np.flatnonzero(truth)[:2]] = found[0, :, np.flatnonzero(~truth)[0]] = True
    sizes = {"question": 2, "set": len(KINDS), "selector": 1 + len(SELECTORS)}
    numbers = {name: np.zeros([sizes[d] for d in dims]) for name, dims in DIMS.items()}
    flat = {f"{k}.{name}": value for k in range(2) for name, value in numbers.items()}
    flat |= {f"{k}.members": rows for k, rows in enumerate(found)}
    monkeypatch.setattr("rnn_jax.studies.hmm_inference.asked.all_measured", lambda *_: flat)
    row = asked(network, truth, truth, 7, QUICK)
    np.testing.assert_allclose(row["precision"], [[2 / 3] * 2, [np.nan] * 2])
    np.testing.assert_allclose(row["recall"], [[2 / 4] * 2, [np.nan] * 2])
    np.testing.assert_allclose(row["alike"], [2 / 5, np.nan])
    assert 0.3 < row["alike_corrected"][0] < 2 / 5
    assert {name: row[name].ndim for name in ASKED_DIMS} == {
        name: len(dims) for name, dims in ASKED_DIMS.items()
    }
    assert np.isnan(asked(network, None, truth, 7, QUICK)["precision"]).all()


def test_claims_about_contrasts_fall_as_the_numbers_do(found):
    """One kind of trained network, five seeds, one question that was not refused."""
    names = ["exchanges", "correlation", "random"]

    def told(own=0.95, rival=0.7, chance=0.2, size=9.0, missed=False):
        one = found.sel(network=[BUILT, "64 units"]).isel(seed=[0] * 5).copy(deep=True)
        wobble = 0.01 * np.resize([1.0, -1.0], 5)
        for name, value in zip(names, (own, rival, chance), strict=True):
            where = {f"{PREFIX}selector": name, f"{PREFIX}question": "observation: seen"}
            one[f"{PREFIX}kept"].loc[where] = value + wobble
        one[f"{PREFIX}size"].loc[{f"{PREFIX}question": "observation: seen"}] = size + wobble[0]
        one[f"{PREFIX}base_size"][:] = 20.0
        one[f"{PREFIX}undone"][:] = np.nan if missed else 0.9
        fell = dict(zip(CLAIMS, (verdict.fell for verdict in judge(one)), strict=True))
        return [fell[name] for name in ("done", "gain", "fewer")]

    assert told() == ["holds"] * 3
    assert told(own=0.8, rival=0.75) == ["refuted", "refuted", "holds"]
    assert told(chance=0.98)[0] == "refuted"
    assert told(rival=0.9)[1] == "refuted"
    assert told(size=30.0)[2] == "refuted"
    # where no mediator was found, it did nothing
    assert told(missed=True)[0] == "refuted"


@pytest.mark.slow
def test_a_run_says_all_there_is(found):
    hand = found.sel(network=BUILT)
    np.testing.assert_allclose(hand["auroc"].sel(ranking="circuit"), 1.0)
    np.testing.assert_allclose(hand["r2"], 1.0, atol=1e-6)
    np.testing.assert_allclose(hand["size"], 4 / 64)
    assert found["auroc"].sel(network="64 units").isnull().all()
    assert ((found["accuracy"] >= 0) & (found["accuracy"] <= 1)).all()
    said = write_up("hmm-inference", HMM_INFERENCE, found)
    assert all(claim.refuted_by in said for claim in CLAIMS.values())
    for draw in STUDY_FIGURES["hmm-inference"].values():
        assert draw(found).axes


def fell(found, *changes):
    one = found.isel(seed=[0] * 5).copy(deep=True)
    one["accuracy"][:] = 0.9
    one["bayes"][:] = 0.9
    for name, where, value in changes:
        one[name].loc[where] = value
    return dict(zip(CLAIMS, (verdict.fell for verdict in judge(one)), strict=True))


def test_verdicts_fall_as_the_numbers_do(found):
    all_alike = fell(found)
    assert (
        all_alike["bayes"]
        == all_alike[f"alone, {BUILT}"]
        == all_alike["noise, trained"]
        == "holds"
    )
    assert all_alike["correlation, trained"] == "refuted"
    poor = fell(found, ("bayes", {"network": "64 units"}, 0.99))
    assert poor["bayes"] == "refuted"
    trained = {"network": "64 units", "decoder": "readout"}
    broken = fell(found, ("accuracy", {**trained, "set": "circuit", "noise": 0.0}, 0.6))
    assert broken["alone, trained"] == "refuted"
    assert broken[f"alone, {BUILT}"] == "holds"
    noisy = fell(found, ("accuracy", {**trained, "set": "circuit", "noise": 0.8}, 0.6))
    assert noisy["noise, trained"] == "refuted"
    assert noisy["alone, trained"] == "holds"
    rival = fell(found, ("accuracy", {**trained, "set": "correlation", "noise": 0.4}, 0.6))
    assert rival["correlation, trained"] == "holds"
