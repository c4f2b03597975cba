"""Residences by the noise's scale: closed forms, and sequences whose regularity is known."""

import jax
import numpy as np
import pytest

from rnn_jax.core.progress import in_silence
from rnn_jax.studies import STUDIES, in_memory
from rnn_jax.studies.hmm_emulation.networks import CELLS, recipe, untrained
from rnn_jax.studies.hmm_emulation.runs import noisy_runs, switch_rates
from rnn_jax.studies.hmm_resonance import residences as r
from rnn_jax.studies.hmm_resonance.study import ResonanceSettings

KEY = jax.random.key(0)
RUNS, STEPS = 40, 2000
KNOWN = np.ones(len(r.SCALES), bool)


def alternating(draw, shape, mean=20.0):
    """A run of two symbols whose residences are gamma, more regular the larger the shape."""
    lasts = np.maximum(1, draw.gamma(shape, mean / shape, STEPS).round()).astype(int)
    return np.repeat(np.arange(STEPS) % 2, lasts)[:STEPS]


def sums_of(shapes, mean=20.0):
    draw = np.random.default_rng(0)
    return np.array(
        [[r.of_run(alternating(draw, k, mean), 2) for _ in range(RUNS)] for k in shapes]
    )


def test_a_run_is_summed_as_a_loop_sums_it():
    said = np.array([0, 0, 1, 1, 1, 0, 2, 2])
    # residences of 3 steps in symbol 1, and of 1 in symbol 0; the ends are cut off
    assert r.of_run(said, 3).tolist() == [1, 1, 1, 1, 3, 9, 0, 0, 0, 3, 7]
    assert r.of_run(np.zeros(5, int), 2).tolist() == [0] * 7 + [4]


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.6, 0.3, 0.1), (0.05, 0.9, 0.05)])
def test_independent_symbols_are_as_irregular_as_chance(shares):
    draw = np.random.default_rng(0)
    said = draw.choice(len(shares), (200, 3000), p=shares)
    sums = np.sum([r.of_run(row, len(shares)) for row in said], 0)
    assert r.irregularity(sums) == pytest.approx(1, abs=0.02)
    assert r.changes(sums) == pytest.approx(1 - np.square(shares).sum(), rel=0.02)


def test_a_chain_whose_symbols_are_left_at_different_rates_is_as_irregular_as_chance():
    draw = np.random.default_rng(0)
    leave, state, said = np.array([0.02, 0.4]), np.zeros(400, int), []
    for _ in range(3000):
        state = np.where(draw.random(400) < leave[state], 1 - state, state)
        said.append(state)
    sums = np.sum([r.of_run(row, 2) for row in np.stack(said, 1)], 0)
    assert r.irregularity(sums) == pytest.approx(1, abs=0.02)


def test_residences_of_one_length_are_regular():
    said = np.repeat(np.arange(50) % 2, 7)
    assert r.irregularity(r.of_run(said, 2)) == pytest.approx(0, abs=1e-6)


def test_the_regular_scale_is_found_and_told_apart():
    sums = sums_of((1, 1, 1, 2, 8, 2, 1, 1, 1))
    found = r.inner(r.irregularity, sums, KNOWN, KEY, sign=1)
    assert found.at == r.SCALES[4]
    assert (found.high < 0).all()
    for shapes in ((1,) * 9, range(1, 10), range(9, 0, -1)):
        found = r.inner(r.irregularity, sums_of(shapes), KNOWN, KEY, sign=1)
        assert not (found.high < 0).all()


def test_the_scale_of_most_changes_is_found():
    sums = np.concatenate([sums_of((1,), mean) for mean in (40, 40, 30, 20, 10, 20, 30, 40, 40)])
    found = r.inner(r.changes, sums, KNOWN, KEY, sign=-1)
    assert found.at == r.SCALES[4]
    assert (found.low > 0).all()


def test_runs_that_choose_a_scale_do_not_judge_it():
    sums = sums_of((1,) * 9)
    sums[6, ::2] = sums_of((50,))[0, ::2]
    found = r.inner(r.irregularity, sums, KNOWN, KEY, sign=1)
    assert found.at == r.SCALES[6]
    assert not (found.high < 0).any()


def test_scales_whose_residences_do_not_fit_are_left_out():
    sums = sums_of((1,) * 9)
    sums[[0, 1]] = sums_of((1,) * 2, mean=STEPS / 10)
    known = r.told(sums)
    assert known.tolist() == [False] * 2 + [True] * 7
    assert (np.isnan(r.interval(r.irregularity, sums, known, KEY)[0]) == ~known).all()
    sums[3:] = 0
    assert np.isnan(r.inner(r.irregularity, sums, r.told(sums), KEY, sign=1).at)


@pytest.mark.parametrize("cell", CELLS)
def test_logits_of_a_network_without_bias_switch_as_often_at_any_scale(cell):
    network = untrained(recipe("linear-2", units=12, noise=3, cell=cell), 0)
    assert (network.step.b is None) == (cell == "relu")
    rates = [
        switch_rates(np.asarray(noisy_runs(network, KEY, 8, 200, scale)[1]).argmax(-1))
        for scale in (0.125, 8.0)
    ]
    assert np.array_equal(*rates) == (cell == "relu")


def test_the_published_cell_goes_without_saying():
    plain, other = recipe("cyclic"), recipe("cyclic", cell="tanh-bias")
    assert other.name == f"{plain.name}-tanh-bias"


@pytest.fixture(scope="module")
def found():
    settings = ResonanceSettings(quick=True, epochs=10, batch_size=8, units=10, noise=3)
    return STUDIES["hmm-resonance"].run(settings, in_silence, in_memory)


@pytest.mark.slow
def test_the_study_runs_whole(found):
    assert dict(found["irregularity"].sizes) == {"seed": 1, "cell": 3, "scale": len(r.SCALES)}
    assert (found["irregularity_low"] <= found["irregularity_high"]).all()
    switches = found["switches"].sel(cell="relu").values
    assert np.ptp(switches) == 0
    study = STUDIES["hmm-resonance"]
    assert [verdict.claim for verdict in study.judge(found)] == list(study.claims.values())
    assert "tanh-bias" in study.tables(found)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "gap", "fell"),
    [(1.0, -1.0, "holds"), (1.0, 1.0, "refuted"), (2.0, -1.0, "undecided"),
     (1.0, np.nan, "undecided")],
)  # fmt: skip
def test_who_did_not_learn_is_not_judged(found, changed, gap, fell):
    asked = {name: found[name] * 0 + 1.0 for name in ("standing_changes", "independent")}
    told = found.assign(
        standing_changes=asked["standing_changes"] * changed,
        independent=asked["independent"] * 2,
        irregularity_gap_high=found["changes_gap_high"] * 0 + gap,
        changes_gap_low=found["changes_gap_low"] * 0 - gap,
    )
    assert {verdict.fell for verdict in STUDIES["hmm-resonance"].judge(told)} == {fell}
