"""One step in a series, placed exactly where there is no noise, and with an honest interval."""

import jax
import numpy as np
import pytest
from helpers import told_in_one_line

from rnn_jax.circuits.change_point import change_point

KEY = jax.random.key(0)


@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_clean_step_is_found(at):
    values = np.where(np.arange(10) < at, 2.0, -1.0)[:, None] * np.ones((1, 3))
    found = change_point(values, KEY)
    assert found == (at, at, at, 2.0, -1.0, pytest.approx(1.0))


def test_it_is_the_best_of_all_cuts():
    values = np.random.default_rng(0).normal(size=(12, 1)).cumsum(0)
    series = values[:, 0]
    left = [((series[:k] - series[:k].mean()) ** 2).sum() for k in range(1, 12)]
    right = [((series[k:] - series[k:].mean()) ** 2).sum() for k in range(1, 12)]
    cost = np.add(left, right)
    found = change_point(values, KEY)
    assert found.at == cost.argmin() + 1
    assert found.explained == pytest.approx(1 - cost.min() / ((series - series.mean()) ** 2).sum())
    assert np.isnan(found.low)


def test_the_interval_covers_the_step_nine_times_in_ten():
    rng = np.random.default_rng(0)
    step = np.where(np.arange(20) < 8, 0.0, 0.5)[:, None]
    inside = []
    for _ in range(60):
        found = change_point(step + rng.normal(size=(20, 12)), KEY)
        inside.append(found.low <= 8 <= found.high)
    assert np.mean(inside) >= 0.85


@pytest.mark.usefixtures("as_users_have_it")
@pytest.mark.parametrize(
    ("values", "says"),
    [
        (np.ones(4), "values"),
        (np.ones((1, 4)), "values"),
        (np.ones((4, 0)), "values"),
        (np.full((4, 2), np.nan), "values"),
    ],
)
def test_what_is_no_series_is_refused(values, says):
    told_in_one_line(lambda: change_point(values, KEY), says)
