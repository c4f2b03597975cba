"""Residences by the noise's scale: closed forms, and sequences whose regularity is known."""

import jax
import numpy as np
import pytest

from rnn_jax.core.progress import in_silence
from rnn_jax.studies import STUDIES, in_memory
from rnn_jax.studies.hmm_emulation.networks import CELLS, recipe, untrained
from rnn_jax.studies.hmm_emulation.runs import noisy_runs, switch_rates
from rnn_jax.studies.hmm_resonance import coherence as c
from rnn_jax.studies.hmm_resonance.study import ResonanceSettings

KEY = jax.random.key(0)
RUNS, STEPS = 40, 2000


def alternating(draw, shape, mean=20.0):
    """A run of two symbols whose residences are gamma, more regular the larger the shape."""
    lasts = np.maximum(1, draw.gamma(shape, mean / shape, STEPS).round()).astype(int)
    return np.repeat(np.arange(STEPS) % 2, lasts)[:STEPS]


def sums_of(shapes, mean=20.0):
    draw = np.random.default_rng(0)
    rows = [[c.of_run(alternating(draw, k, mean)) for _ in range(RUNS)] for k in shapes]
    return np.array(rows)


def test_a_run_is_summed_as_a_loop_sums_it():
    said = np.array([0, 0, 1, 1, 1, 0, 2, 2])
    assert c.of_run(said).tolist() == [2, 4, 10, 3, 7]  # residences 3 and 1; the ends are cut off
    assert c.of_run(np.zeros(5, int)).tolist() == [0, 0, 0, 0, 4]


@pytest.mark.parametrize("leave", [0.05, 0.3, 0.6])
def test_residences_without_memory_have_coherence_one(leave):
    draw = np.random.default_rng(0)
    said = np.cumsum(draw.random((200, 3000)) < leave, 1) % 2
    sums = np.array([c.of_run(row) for row in said]).mean(0)
    assert c.coherence(sums) == pytest.approx(1, abs=0.02)
    assert c.changes(sums) == pytest.approx(leave, rel=0.02)


def test_residences_of_one_length_have_coherence_zero():
    said = np.repeat(np.arange(50) % 2, 7)
    assert c.coherence(c.of_run(said)) == pytest.approx(0, abs=1e-6)


def test_the_regular_scale_is_found_and_told_apart():
    shapes = (1, 1, 1, 2, 8, 2, 1, 1, 1)
    found = c.inner(c.coherence, sums_of(shapes), KEY, sign=1)
    assert found.at == c.SCALES[4]
    assert (found.high < 0).all()
    alike = c.inner(c.coherence, sums_of((1,) * 9), KEY, sign=1)
    assert not (alike.high < 0).all()
    monotone = c.inner(c.coherence, sums_of(range(1, 10)), KEY, sign=1)
    assert not (monotone.high < 0).all()


def test_scales_whose_residences_do_not_fit_are_left_out():
    sums = sums_of((1,) * 9)
    sums[[0, 1]] = sums_of((1,) * 2, mean=STEPS / 10)
    assert c.told(sums).tolist() == [False] * 2 + [True] * 7
    assert np.isnan(c.interval(c.coherence, sums, KEY)[0]).tolist() == [True] * 2 + [False] * 7
    sums[3:] = 0
    assert np.isnan(c.inner(c.coherence, sums, KEY, sign=1).at)


@pytest.mark.parametrize("cell", CELLS)
def test_logits_of_a_network_without_bias_switch_as_often_at_any_scale(cell):
    network = untrained(recipe("linear-2", units=12, noise=3, cell=cell), 0)
    assert (network.step.b is None) == (cell == "relu")
    rates = [
        switch_rates(np.asarray(noisy_runs(network, KEY, 8, 200, scale)[1]).argmax(-1))
        for scale in (0.125, 8.0)
    ]
    assert np.array_equal(*rates) == (cell == "relu")


@pytest.mark.slow
def test_the_study_runs_whole():
    settings = ResonanceSettings(quick=True, epochs=10, batch_size=8, units=10, noise=3)
    study = STUDIES["hmm-resonance"]
    found = study.run(settings, in_silence, in_memory)
    assert dict(found["coherence"].sizes) == {"seed": 1, "cell": 3, "scale": len(c.SCALES)}
    assert (found["coherence_low"] <= found["coherence_high"]).all()
    switches = found["switches"].sel(cell="relu").values
    assert np.ptp(switches) == 0
    verdicts = study.judge(found)
    assert [verdict.claim for verdict in verdicts] == list(study.claims.values())
    assert "tanh-bias" in study.tables(found)
    told = found.assign(
        coherence_gap_high=found["coherence_gap_high"] * 0 - 1,
        changes_gap_low=found["changes_gap_low"] * 0 - 1,
    ).fillna(-1)
    assert {v.fell for v in study.judge(told)} == {"holds", "refuted"}
