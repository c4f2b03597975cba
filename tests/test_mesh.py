"""How work is split over devices; that it gives the same numbers, `test_devices.py` shows."""

import itertools

import jax
import pytest

from rnn_jax.causal.sweep import mesh


@pytest.mark.parametrize("count", [2, 4, 6])
@pytest.mark.parametrize(("groups", "trials"), [(1, 12), (64, 2), (5, 7), (64, 24)])
def test_no_split_leaves_the_busiest_device_less_to_do(count, groups, trials):
    units, ways = mesh.shares(count, groups, trials)
    assert units * ways == count
    work = lambda u, t: -(-groups // u) * -(-trials // t)
    every = [(u, t) for u, t in itertools.product(range(1, count + 1), repeat=2) if u * t == count]
    assert work(units, ways) == min(work(*split) for split in every)
    # trials share no clean run, so they are split first where it is all one
    assert ways == max(t for u, t in every if work(u, t) == work(units, ways))


def test_one_device_needs_no_mesh(monkeypatch):
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    assert mesh.over_devices(8, 8) is None
