"""The recovery study: methods never meet the truth, and every verdict can fall either way."""

import ast
import dataclasses
import inspect
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from rnn_jax.circuits.statistics import without_rounding
from rnn_jax.core import Network, clean_run
from rnn_jax.data import reserved
from rnn_jax.planted import PLANTED, Truth, check_planted, copies, latch, permute
from rnn_jax.report import read_study, write_study
from rnn_jax.studies import STUDIES, StudySettings, in_memory, keeper
from rnn_jax.studies.keeping import forget_programs
from rnn_jax.studies.recovery import selectors
from rnn_jax.studies.recovery.questions import (
    DIMS,
    EDGE_FINDERS,
    FINDERS,
    TIMERS,
    _draw,
    of_kind,
)
from rnn_jax.studies.recovery.rotated import kept
from rnn_jax.studies.recovery.selectors import unit_scores, with_noise
from rnn_jax.studies.recovery.study import RecoverySettings, recovery
from rnn_jax.studies.recovery.verdicts import CLAIMS, EXACT, WITHOUT, judge
from rnn_jax.studies.seeds import all_of, over_seeds
from rnn_jax.tasks import Contrast

KEY = jax.random.key(1)
EXAMPLE = Path(__file__).parents[1] / "examples" / "my_planted.py"
# one number of trials and of seeds throughout, so that one run compiles what the others ask
COUNT, SEEDS = 16, range(2)
METHODS = (*EXACT, "exact ablation, whole trial", *WITHOUT, "random", "oracle")


def turned(planted):
    """The same network, its truth inside out."""
    other = {epoch: 1 - row for epoch, row in planted.truth.nodes.items()}
    return dataclasses.replace(planted, truth=Truth(other, planted.truth.edges))


@pytest.fixture(scope="module")
def found():
    kinds = {"latch": latch, "turned": lambda: turned(latch())}
    return recovery(kinds, SEEDS, noise=(0.0, 0.1), count=COUNT)


def test_every_method_is_scored_on_every_kind(found):
    sizes = {"kind": 2, "noise": 2, "seed": 2, "selector": len(METHODS), "form": 2}
    assert dict(found.sizes) == sizes
    assert set(found["selector"].values) == set(METHODS)
    areas = found["auroc"].values
    assert ((areas >= 0) & (areas <= 1)).all()
    exact = found["auroc"].sel(kind="latch", noise=0.0, selector=list(EXACT))
    np.testing.assert_array_equal(exact, 1.0)
    precision = found["precision"].sel(kind="latch", noise=0.0)
    np.testing.assert_array_equal(precision.sel(selector=list(EXACT)), 1.0)
    assert (precision.sel(selector="variance") < 1).all()


def test_hiding_the_truth_changes_nothing():
    planted, other = latch(), turned(latch())
    scores = [unit_scores(p.network, p.sample(KEY, COUNT), KEY) for p in (planted, other)]
    for name in scores[0]:
        np.testing.assert_array_equal(scores[0][name], scores[1][name])
    assert set(inspect.signature(unit_scores).parameters) == {"network", "trials", "key"}
    tree = ast.parse(inspect.getsource(selectors))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any("planted" in module for module in modules)


@pytest.mark.slow
def test_the_truth_inside_out_is_scored_inside_out():
    planted = latch()
    scores = unit_scores(planted.network, planted.sample(KEY, COUNT), KEY)
    both = recovery({"latch": latch}, SEEDS, (0.0,), COUNT)
    # of the same name, and so of the same draws
    other = recovery({"latch": lambda: turned(latch())}, SEEDS, (0.0,), COUNT)
    pick = lambda found: found["auroc"].sel(selector=list(scores)).values
    np.testing.assert_allclose(pick(both) + pick(other), 1.0, atol=1e-6)
    np.testing.assert_array_equal(both["auroc"].sel(selector="oracle"), 1.0)
    np.testing.assert_array_equal(other["auroc"].sel(selector="oracle"), 1.0)


def test_what_cancels_is_no_score():
    scores = jnp.array([[1.0, 1e-16, 1e-3, 0.0], [0.0, 0.0, 0.0, 0.0]])
    np.testing.assert_array_equal(without_rounding(scores), [[1.0, 0, 1e-3, 0], [0] * 4])


def test_noise_is_on_inputs_alone_and_has_its_size():
    trials = PLANTED["integrator"].make().sample(KEY, 256)
    noisy = with_noise(trials, 0.3, KEY)
    np.testing.assert_array_equal(noisy.targets, trials.targets)
    change = np.asarray(noisy.xs - trials.xs)
    assert abs(change.std() - 0.3) < 0.01
    assert abs(change.mean()) < 0.01


def test_a_rotation_leaves_no_unit_to_keep():
    draw = lambda planted: (planted, planted.sample(KEY, 16))
    built, rotated = kept(*draw(latch()), KEY)
    assert built > 1 - 1e-6
    assert rotated < 0.9
    # whom a tie favours must not hang on the order of units, in which members come first
    order = np.arange(len(latch().units))[::-1]
    np.testing.assert_allclose(kept(*draw(permute(latch(), order)), KEY)[0], built, atol=1e-6)
    whole = [kept(*draw(copies()), key)[0] for key in jax.random.split(KEY, 6)]
    assert np.mean(whole) < 0.9


def test_a_state_in_parts_has_no_rotation():
    parts = dataclasses.replace(
        latch(), network=Network(lambda h, x: h, lambda h: h[0][:1], (jnp.zeros(7),) * 2)
    )
    assert np.isnan(kept(parts, latch().sample(KEY, 4), KEY)).all()


def test_a_seeds_numbers_decide_what_their_interval_says():
    above = over_seeds(np.array([0.4, 0.5, 0.6, 0.45, 0.55, np.nan]))
    assert above.count == 5
    assert above.low <= 0.5 <= above.high
    assert str(above).startswith("0.50 [")
    assert [above.exceeds(limit) for limit in (0.3, 0.5, 0.7)] == [True, None, False]
    assert over_seeds(np.full(5, 0.25)).exceeds(0.25) is False
    # few seeds have too narrow an interval to decide anything
    assert over_seeds(np.array([0.4, 0.5, 0.6])).exceeds(0.0) is None
    assert f"{over_seeds(np.array([np.nan]))}" == "-"
    assert [all_of(a) for a in ([True, True], [True, None], [None, False])] == [True, None, False]


def test_programs_go_where_they_are_many():
    traced = []
    double = jax.jit(lambda a: traced.append(a) or 2 * a)
    double(1.0)
    forget_programs()
    double(1.0)
    assert len(traced) == 1
    forget_programs(limit=0)
    double(1.0)
    assert len(traced) == 2


BEST = {
    "sets": {"finder": "exchanges"},
    "edges": {"edge_finder": "unrolled circuit"},
    "timing": {"timer": "exact ablation"},
}


def results(**areas):
    """A dataset of every kind, as expected but for `areas[kind with _] = {selector: value}`."""
    kinds, noise = list(PLANTED), [0.0, 0.1]
    values = np.full((len(kinds), 2, 5, len(METHODS)), 0.7)
    sure = [METHODS.index(name) for name in (*EXACT, "oracle")]
    values[..., sure], values[..., METHODS.index("random")] = 1.0, 0.5
    dims = ("kind", "noise", "seed", "selector")
    found = xr.Dataset(
        {name: (dims, values) for name in ("auroc", "average_precision", "precision")},
        {
            "kind": kinds,
            "noise": noise,
            "seed": range(5),
            "selector": list(METHODS),
            "form": ["built", "rotated"],
        },
    )
    faith = np.broadcast_to(np.array([1.0, 0.3]), (len(kinds), 5, 2)).copy()
    found["kept"] = (("kind", "seed", "form"), faith)
    found["prevalence"] = (("kind",), np.full(len(kinds), 0.2))
    found = found.assign_coords(
        finder=list(FINDERS), timer=list(TIMERS), edge_finder=list(EDGE_FINDERS)
    )
    ones = {"draw": 1, "shuffle": 99, **{k: found.sizes[k] for k in (*found.dims,)}}
    for name, dims in DIMS.items():
        found[name] = (("kind", *dims), np.full((len(kinds), *(ones[d] for d in dims)), 0.5))
    for name, at in BEST.items():
        found[name].loc[at] = 0.9
    for kind, changed in areas.items():
        for name, value in changed.items():
            found["auroc"].loc[{"kind": kind.replace("_", "-"), "selector": name}] = value
    return found


def fell(found):
    return dict(zip(CLAIMS, (verdict.fell for verdict in judge(found)), strict=True))


def test_all_claims_hold_where_all_is_as_expected():
    assert set(fell(results()).values()) == {"holds"}
    lost = dict.fromkeys(EXACT, 0.5)
    assert fell(results(copies=lost, cancelled_pair=lost))["causal"] == "holds"


@pytest.mark.parametrize(
    ("claim", "areas"),
    [
        ("causal", {"gate": dict.fromkeys(EXACT, 0.9)}),
        ("time", {kind: {"exact ablation, whole trial": 1.0} for kind in PLANTED}),
        ("gain", {kind: {"variance": 1.0} for kind in PLANTED}),
        ("correlation", {"high-variance-unread": {"variance": 1.0}}),
        ("correlation", {"correlated-unread": {"correlation with readout": 1.0}}),
        ("gain", {kind: {"gradient": 1.0} for kind in PLANTED}),
        ("first order", {kind: {"gradient": 1.0} for kind in ("copies", "or-pair", "and-pair")}),
        ("bounds", {kind: {"random": 0.6} for kind in PLANTED}),
        ("first order", {"gate": {"gradient": 1.0}, "dormant-path": {"gradient": 1.0}}),
        ("breaks", {"latch": dict.fromkeys(METHODS[:-2], 1.0)}),
        ("bounds", {"latch": {"oracle": 0.9}}),
    ],
)
def test_each_claim_can_be_refuted(claim, areas):
    verdicts = fell(results(**areas))
    assert verdicts[claim] == "refuted"


def test_rotation_can_be_refuted_and_unrun_kinds_decide_nothing():
    found = results()
    found["kept"].loc[{"kind": "latch", "form": "rotated"}] = 1.0
    assert fell(found)["rotation"] == "refuted"
    few = results().sel(kind=["latch", "gate"])
    assert set(fell(few).values()) == {"undecided"}
    own = results().assign_coords(kind=[f"my.py:{k}" for k in PLANTED])
    assert set(fell(own).values()) == {"undecided"}


@pytest.mark.parametrize("claim", list(BEST))
def test_claims_over_kinds_fall_either_way(claim):
    found = results()
    found[claim].loc[BEST[claim]] = 0.4
    assert fell(found)[claim] == "refuted"
    # in half of the kinds far better, in the other half far worse
    found[claim].loc[{**BEST[claim], "kind": list(PLANTED)[::2]}] = 0.6
    assert fell(found)[claim] == "undecided"
    # a kind without a number is left out
    found = results()
    found[claim].loc[{"kind": list(PLANTED)[::2]}] = np.nan
    assert fell(found)[claim] == "holds"
    assert fell(found.drop_vars(list(DIMS)))[claim] == "undecided"


def test_sets_that_fit_shuffled_units_as_well_are_refuted():
    found = results()
    found["shuffled"][:] = 0.95
    assert fell(found)["sets"] == "refuted"


@pytest.mark.slow
def test_contrasts_recover_a_latch_in_networks_drawn_anew():
    planted = latch()
    anew, key = _draw(planted, KEY)
    assert sorted(anew.units) != sorted(planted.units)
    assert anew.units != _draw(planted, key)[0].units
    xs = planted.sample(KEY, 4).xs
    same = [np.asarray(clean_run(one.network, xs)[1]) for one in (planted, anew)]
    np.testing.assert_allclose(*same, atol=1e-5)
    found = of_kind(planted, KEY, 1)
    assert found["sets"].shape == (1, len(FINDERS))
    assert found["sets"][0, 0] == 1.0
    assert found["shuffled"].mean() < 0.4
    # epochs are a coarse truth for single steps: 1 is out of reach
    assert found["timing"][0, TIMERS.index("exact ablation")] >= found["timing"].max() - 1e-9
    assert found["timing"][0, TIMERS.index("random")] < 0.4
    assert found["edges"][0] == 1.0
    assert (found["edges"][2:] < 1.0).all()


def test_an_interval_around_0_decides_nothing():
    found = results()
    half = {"selector": ["exact ablation"], "kind": list(PLANTED)[::2]}
    found["auroc"].loc[half] = 0.4
    assert fell(found)["time"] == fell(found)["gain"] == "undecided"


def test_a_network_of_ones_own_is_one_file(tmp_path):
    settings = RecoverySettings(seeds=2, quick=True, kinds=(f"{EXAMPLE}:planted",))
    found = STUDIES["recovery"].run(settings, lambda items, label: items, in_memory)
    exact = found["auroc"].sel(selector="exact ablation", noise=0.0)
    np.testing.assert_array_equal(exact, 1.0)
    record = {"command": "rnn-jax study", "seconds": 1.0, "device": "cpu", "versions": "{}"}
    found = found.assign_attrs(**record, study="recovery")
    with reserved(tmp_path / "out") as work:
        said = write_study(work, "recovery", found, "a line")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    files = {"recovery.md", "recovery.nc", "recovery-auroc.png", "log.txt", "config.json"}
    assert names == files | {"rnn-jax.json"}
    assert all(claim.refuted_by in said for claim in CLAIMS.values())
    kept_numbers = xr.load_dataset(tmp_path / "out" / "recovery.nc", engine="h5netcdf")
    xr.testing.assert_equal(kept_numbers["auroc"], found["auroc"].assign_coords(
        kept_numbers["auroc"].coords
    ))  # fmt: skip
    with reserved(tmp_path / "again") as work:
        again = read_study(tmp_path / "out" / "recovery.nc", "recovery")
        assert write_study(work, "recovery", again, "a line") == said
    with pytest.raises(ValueError, match="holds recovery, not hmm-inference"):
        read_study(tmp_path / "out" / "recovery.nc", "hmm-inference")


def test_numbers_are_saved_before_they_are_judged(tmp_path, monkeypatch):
    def refusing(found):
        raise RuntimeError("no verdict")

    monkeypatch.setitem(STUDIES, "recovery", STUDIES["recovery"]._replace(judge=refusing))
    with pytest.raises(RuntimeError) as error, reserved(tmp_path / "out") as work:
        write_study(work, "recovery", results().assign_attrs(study="recovery"), "a line")
    left = tmp_path / "out.unfinished"
    assert str(left) in error.value.__notes__[0]
    assert read_study(left / "recovery.nc", "recovery")["auroc"].equals(results()["auroc"])


@pytest.mark.slow
def test_a_study_that_was_stopped_goes_on_with_the_same_numbers(tmp_path):
    kinds = {"latch": latch, "turned": lambda: turned(latch())}
    settings = RecoverySettings(seeds=2, quick=True)
    keep, calls = keeper(tmp_path, "recovery", settings), []

    def stopping(name, compute):
        calls.append(name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return keep(name, compute)

    asked = (SEEDS, (0.0,), COUNT)
    with pytest.raises(KeyboardInterrupt):
        recovery(kinds, *asked, keep=stopping)
    (path,) = tmp_path.iterdir()
    kept = path.stat().st_ino  # another file where it were written again
    whole, again = (recovery(kinds, *asked, keep=k) for k in (in_memory, keep))
    xr.testing.assert_identical(whole, again)
    assert path.stat().st_ino == kept
    assert len(list(tmp_path.iterdir())) == 2
    keeper(tmp_path, "recovery", RecoverySettings(seeds=3, quick=True))(
        calls[0], lambda: {"other": np.zeros(1)}
    )
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize(
    ("kind", "message"), [("latsch", "no planted network"), (f"{EXAMPLE}:UNITS", "dict")]
)
def test_what_is_no_planted_network_is_refused(kind, message):
    settings = RecoverySettings(seeds=1, kinds=(kind,))
    with pytest.raises(ValueError, match=message):
        STUDIES["recovery"].run(settings, lambda items, label: items, in_memory)


def test_a_kind_of_members_alone_is_refused():
    whole = lambda: dataclasses.replace(
        copies(), truth=Truth({"cue": jnp.ones(13), "delay": jnp.ones(13)}, {})
    )
    with pytest.raises(ValueError, match="no epoch in which some"):
        recovery({"whole": whole}, [0], (0.0,), 8)


def test_seeds_are_counted():
    assert list(StudySettings(seeds=3, seed=5).range) == [5, 6, 7]
    assert len(StudySettings().range) == 10
    assert len(StudySettings(quick=True).range) == 2
    with pytest.raises(ValueError, match="seeds must lie in"):
        StudySettings(seeds=0)
    with pytest.raises(ValueError, match="seed must lie in"):
        StudySettings(seed=-1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": ("a",)}, "but 1 units"),
        ({"groups": ()}, "but 0 groups"),
        ({"truth": Truth({"pulse": jnp.ones(3), "hold": jnp.ones(3)}, {})}, "must be"),
        ({"truth": Truth({"pulse": jnp.ones(7)}, {})}, "epochs"),
        ({"contrasts": lambda key, trials: {"x": Contrast(-trials.xs)}}, "'x' needs epochs"),
    ],
)
def test_a_planted_network_that_does_not_fit_is_refused(change, message):
    planted = latch()
    check_planted(planted, "latch")
    with pytest.raises(ValueError, match=message):
        check_planted(dataclasses.replace(planted, **change), "mine")
