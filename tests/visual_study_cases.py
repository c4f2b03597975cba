"""Small sessions, sequences and networks of the Visual Behavior study, for tests."""

import functools

import jax
import numpy as np

from rnn_jax.cells import visual_cortex
from rnn_jax.data.visual_behavior import POPULATIONS, synthetic_windows
from rnn_jax.studies.visual_behavior.sequences import Counts, sequences
from rnn_jax.studies.visual_behavior.silencing import read_after, units_of
from rnn_jax.training import anatomical

KEY, COUNTS, EVENT = jax.random.key(0), Counts(8, 4), 9
ANATOMY = visual_cortex(1)
ALL = np.ones(len(POPULATIONS), bool)
STEPS = 15
VIP, SST, PYR = (units_of(ANATOMY, ALL, type_) for type_ in ("Vip", "Sst", "Pyr"))
READ = read_after(ANATOMY, ALL, EVENT, STEPS)
AFTER = (np.arange(STEPS) >= EVENT).astype(float)


@functools.cache
def sessions(world="mechanism", key=0, mice=2, visits=1, trials=4):
    return synthetic_windows(world, jax.random.key(key), mice, visits, trials)


@functools.cache
def made(world="mechanism"):
    return sequences(sessions(world), KEY, COUNTS)


@functools.cache
def network(seed=0):
    return anatomical(ANATOMY, jax.random.key(seed))


def chosen(windows, keep):
    """The events where something holds of their population, condition and experience."""
    names = ("population", "condition", "experience")
    rows = zip(*(windows[name].values for name in names), strict=True)
    return windows.isel(event=[k for k, row in enumerate(rows) if keep(*row)])


def typed(type_):
    """Which populations are of a type."""
    return np.array([name.endswith(f" {type_}") for name in POPULATIONS])
