"""The planted ramp of Vip units: its anatomy, its ramp, and the steps at which units matter.

The planted steps come from the wiring, the recovered ones from exact replacements of one unit at
one step.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from planted_data import asked, built, close, linear

from rnn_jax import run, sweep
from rnn_jax.cells import visual_cortex
from rnn_jax.circuits import timing_overlap
from rnn_jax.core import Lesion, clean_run
from rnn_jax.planted import vip_ramp, vip_ramp_windows
from rnn_jax.planted.vip_ramp import MISSED, NAMES, NEXT, OMITTED, OUTPUTS, RAMP, READ, STEPS

KIND = "vip-ramp"
BORDER = 0.02
"""The least share that counts: the most that units outside the circuit do in an epoch."""
CHAINS = [f"V1 {layer} {type_}" for layer in ("L2/3", "L5") for type_ in ("Vip", "Sst", "Pyr")]
at = NAMES.index


def states():
    """Run and foil of the omission, each `[B, T, N]`."""
    return asked(KIND)["omission"].hs


def at_each_step(cause, value):
    """`[N, T]`: the share of a contrast that replacing one unit at one step is worth."""
    case = asked(KIND)[cause]
    read = np.asarray(case.contrast.read)[..., None] / case.scale**2
    gap = case.ys[1] - case.ys[0]
    target = jnp.asarray(read * gap / (read * gap**2).sum())
    put = jnp.asarray(case.hs[1]) if value == "foil" else 0.0
    rows = (jnp.eye(len(NAMES)), jnp.eye(STEPS))
    found = sweep(case.network, jnp.asarray(case.xs[0]), target, linear, *rows, put)
    return np.abs(np.asarray(found).sum(-1)).T


def test_signs_and_absent_connections_are_the_anatomys():
    step, anatomy = built(KIND)[0].network.step, visual_cortex(scale=1)
    w = np.asarray(step.wire)
    np.testing.assert_array_equal(w != 0, anatomy.density > 0)
    signs = np.where(anatomy.excitatory, 1, -1)
    assert (w * signs[None] >= 0).all()
    np.testing.assert_array_equal(step.input_mask, np.eye(len(NAMES), dtype=bool))
    assert built(KIND)[0].units == anatomy.names
    others = np.asarray(vip_ramp(seed=1).network.step.wire)
    strong = np.abs(w) > 0.1
    np.testing.assert_array_equal(others[strong], w[strong])
    assert (others != w)[~strong & (w != 0)].all()


def test_an_omission_ramps_without_an_input():
    case = asked(KIND)["omission"]
    own, other = case.xs
    differ = (own != other).any((0, 2))
    np.testing.assert_array_equal(np.flatnonzero(differ), range(OMITTED, MISSED[-1] + 1))
    for layer in ("V1 L2/3", "V1 L5"):
        vip, sst, pyramidal = (
            states()[0][..., at(f"{layer} {type_}")] for type_ in ("Vip", "Sst", "Pyr")
        )
        # steps apart by two, since a change needs two from a Vip unit to itself
        assert (np.diff(vip[:, RAMP].reshape(-1, 3, 2), axis=1) > 0).all()
        assert (np.diff(sst[:, RAMP[0] + 1 : NEXT + 1].reshape(-1, 3, 2), axis=1) < 0).all()
        assert (pyramidal[:, READ] > pyramidal[:, [OMITTED]] + 0.08).all()
        silent = np.ones(STEPS, bool)
        silent[RAMP] = False
        assert vip[:, silent].max() < 0
    assert states()[1][..., [at(name) for name in NAMES if "Vip" in name]].max() < 0


def test_without_vip_no_ramp_and_images_as_they_were():
    planted, trials, _ = built(KIND)
    lesion = Lesion(jnp.asarray([float("Vip" in name) for name in NAMES]))
    one = jax.jit(jax.vmap(lambda x: jax.vmap(planted.network.readout)(
        run(planted.network, x, lesion).hs
    )))  # fmt: skip
    ys, clean = np.asarray(one(trials.xs)), asked(KIND)["omission"].ys[0]
    before = RAMP[0] + 1
    close(ys[:, :before], clean[:, :before])
    rest = clean[:, [OMITTED - 1]]
    assert np.abs(ys[:, READ[0] : NEXT] - rest).max() < 0.05
    assert np.abs(clean[:, READ[0] : NEXT] - rest).min() > 0.08


def test_steps_planted_by_argument():
    found = vip_ramp_windows()
    members = [name for name, row in zip(NAMES, found) if row.any()]
    assert sorted(members) == sorted(CHAINS)
    for layer in ("V1 L2/3", "V1 L5"):
        for late, type_ in enumerate(("Vip", "Sst", "Pyr")):
            steps = np.flatnonzero(found[at(f"{layer} {type_}")])
            np.testing.assert_array_equal(steps, np.arange(RAMP[0], NEXT) + late)
    zero = vip_ramp_windows("zero")
    vip = [at(name) for name in NAMES if "Vip" in name]
    np.testing.assert_array_equal(zero[vip], found[vip])
    assert (zero.sum(1) >= found.sum(1)).all()
    with pytest.raises(ValueError, match="foil or zero, got 'mean'"):
        vip_ramp_windows("mean")


@pytest.mark.parametrize("value", ["foil", "zero"])
def test_exact_sweeps_recover_the_planted_steps(value):
    share, planted = at_each_step("omission", value), vip_ramp_windows(value)
    for border in (BORDER, share.max() / 10):
        overlap = timing_overlap((share >= border).T, planted.T)
        named = dict(zip(NAMES, overlap.round(2).tolist()))
        assert min(named[name] for name in CHAINS) >= 0.8, (border, named)
        if value == "foil":
            assert min(named.values()) >= 0.8, (border, named)


def test_vip_matters_while_it_ramps_and_at_no_other_step():
    planted, trials, _ = built(KIND)
    hs, ys = clean_run(planted.network, trials.xs)
    rows = (jnp.eye(len(NAMES)), jnp.eye(STEPS))
    squared = lambda ys, target: ((ys - target) ** 2).sum()
    moved = np.asarray(sweep(planted.network, trials.xs, ys, squared, *rows, 0.0)).mean(-1).T
    ramp = np.isin(np.arange(STEPS), RAMP)
    for name in NAMES:
        if "Vip" in name:
            assert moved[at(name), ~ramp].max() < 1e-24, name
    for name in ("V1 L2/3 Vip", "V1 L5 Vip"):
        assert moved[at(name), ramp].min() > 0.01, name


def test_rivals_say_what_the_circuit_says_and_do_nothing():
    case = asked(KIND)["omission"]
    hs, told = states()[0][:, RAMP[-1]], case.ys[0][:, RAMP[-1] + 1]
    share = case.share("late")
    for name in ("V1 L4 Vip", "LM L2/3 Vip", "LM L2/3 Sst", "LM L5 Vip"):
        for k in range(len(OUTPUTS)):
            assert abs(np.corrcoef(hs[:, at(name)], told[:, k])[0, 1]) > 0.85, name
        assert 1e-4 < share[at(name)] < BORDER, name
