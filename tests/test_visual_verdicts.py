"""Visual Behavior networks: verdicts and tables of numbers that are made by hand."""

import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt

from rnn_jax.data.visual_behavior import CONDITIONS, POPULATIONS
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import STUDIES, write_up
from rnn_jax.studies.visual_behavior.exchanges import CONTRASTS
from rnn_jax.studies.visual_behavior.measures import DIMS, NAMES, SETS, WHO
from rnn_jax.studies.visual_behavior.timing import SHIFTS
from rnn_jax.studies.visual_behavior.verdicts import CLAIMS, LEAST, judge, numbers, tables

STUDY = STUDIES["visual-behavior"]
STEPS, EVENT = 15, 9
OMISSION, REGULAR, NOVEL = "omission, Familiar", "regular, Familiar", "omission, Novel 1"
VIP = [name for name in POPULATIONS if name.endswith("Vip")]
ABOUT_VIP = set(CLAIMS) - {"learned"}


def numbered(seeds=5, sources=("data", "omissions shuffled"), jitter=0.01):
    """Numbers of a study in which nothing is found, but that networks learned."""
    coords = {
        "source": list(sources), "seed": list(range(seeds)),
        "condition": [f"{c}, {e}" for e in ("Familiar", "Novel 1") for c in CONDITIONS],
        "set": list(SETS), "population": list(POPULATIONS),
        "frame": np.arange(STEPS), "contrast": list(CONTRASTS), "who": list(WHO),
        "replaced": list(NAMES), "to": list(POPULATIONS), "from": list(POPULATIONS),
    }  # fmt: skip
    draw = np.random.default_rng(0)
    base = {"error": 0.5, "persistence": 1.0, "kept": 1.0, "onset": 3.0, "activity": 0.1}
    small = {"kept", "undone", "restored", "onset", "disinhibition"}
    variables = {}
    for name, dims in DIMS.items():
        dims = ("source", "seed", *dims)
        shape = [len(coords[d]) for d in dims]
        noise = jitter * draw.standard_normal(shape) * (0.1 if name not in small else 1)
        noise = noise * 0.1 if name == "disinhibition" else noise
        variables[name] = (dims, base.get(name, 0.0) + noise)
    about = {"scale": 1, "steps": 6, "event": EVENT, "missing": "", "notice": "What it is."}
    return xr.Dataset(variables, coords, about)


def lift(found, name, by, **where):
    found[name].loc[where] += by
    return found


def shifted(found, who, slope):
    """Onsets that move with the shift."""
    for d in SHIFTS:
        lift(found, "onset", slope * d, who=who, replaced=f"shift {d}")


def silence(found, vip, random, *conditions):
    """The rise of the error by silencing, as a share of the error."""
    for condition in conditions:
        lift(found, "silenced", 0.5 * vip, condition=condition, set="Vip")
        lift(found, "silenced", 0.5 * random, condition=condition, set="random")


def disinhibit(found, by, *conditions):
    """As a share of the mean rate."""
    for condition in conditions:
        lift(found, "disinhibition", 0.1 * by, condition=condition)


# what is changed, for which claim, by an effect and by that of its control
CHANGES = {
    "necessity": lambda f, a, b: silence(f, a, b, OMISSION, REGULAR, NOVEL),
    "interaction": lambda f, a, b: silence(f, a, b, OMISSION, NOVEL),
    "novelty": lambda f, a, b: silence(f, a, b, OMISSION, REGULAR),
    "sufficiency": lambda f, a, b: (
        lift(f, "restored", a, contrast="omission", set="Vip"),
        lift(f, "restored", b, contrast="omission", set="random"),
    ),
    "course": lambda f, a, b: (
        lift(f, "kept", -a, who="own", replaced="time mean"),
        lift(f, "kept", -b, who="control", replaced="time mean"),
    ),
    "timing": lambda f, a, b: (shifted(f, "own", a), shifted(f, "control", b)),
    "disinhibition": lambda f, a, b: (
        disinhibit(f, a, OMISSION), disinhibit(f, b, REGULAR)
    ),
}  # fmt: skip


def fell(found):
    verdicts = judge(found)
    assert [v.claim for v in verdicts] == list(CLAIMS.values())
    return {name: v.fell for name, v in zip(CLAIMS, verdicts, strict=True)}


def changed(name, effect, control, **how):
    found = numbered(**how)
    CHANGES[name](found, effect, control)
    return found


def test_every_claim_about_vip_is_tried():
    assert set(CHANGES) == ABOUT_VIP
    assert set(numbers(numbered().isel(source=0))) == ABOUT_VIP


@pytest.mark.parametrize("name", CHANGES)
def test_a_claim_holds_of_an_effect_that_exceeds_its_control(name):
    told = fell(changed(name, 0.5, 0.1))
    assert told[name] == "holds"
    assert told["learned"] == "holds"
    # of other claims, only those that share the numbers
    assert {other for other, said in told.items() if said == "holds"} <= {
        name, "learned", "necessity",
    }  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_claim_is_refuted_where_the_control_does_more(name):
    """However large the effect is."""
    assert fell(changed(name, 0.5, 0.9))[name] == "refuted"


@pytest.mark.parametrize("name", CHANGES)
def test_an_effect_that_is_no_larger_than_its_control_decides_nothing(name):
    assert fell(changed(name, 0.5, 0.5))[name] == "undecided"


@pytest.mark.parametrize("name", CHANGES)
def test_a_small_effect_refutes_a_claim(name):
    """Below what is worth a name, though it exceeds the control by far."""
    assert fell(changed(name, LEAST / 3, -0.5, jitter=1e-3))[name] == "refuted"
    # an effect at the limit decides nothing
    assert fell(changed(name, LEAST, -0.5))[name] == "undecided"


@pytest.mark.parametrize("name", CHANGES)
def test_of_few_networks_or_without_numbers_nothing_is_decided(name):
    few = changed(name, 0.5, 0.1, seeds=4)
    assert fell(few)[name] == "undecided"
    missing = changed(name, 0.5, 0.1)
    for part in ("silenced", "restored", "kept", "onset", "disinhibition"):
        missing[part][:, 0] = np.nan
    assert fell(missing)[name] == "undecided"
    missing[part][:] = np.nan
    assert fell(missing)[name] == "undecided"


def test_claims_about_missing_conditions_are_undecided():
    whole = changed("necessity", 0.5, 0.1)
    CHANGES["novelty"](whole, 0.5, 0.1)
    lost = whole.sel(condition=[c for c in whole["condition"].values if "Novel" not in c])
    told = fell(lost)
    assert told["novelty"] == "undecided"
    assert told["necessity"] == "holds"
    CHANGES["disinhibition"](whole, 0.5, 0.1)
    CHANGES["interaction"](whole, 0.5, 0.1)
    without = fell(whole.sel(condition=[OMISSION, NOVEL]))
    assert without["interaction"] == without["disinhibition"] == "undecided"


def test_where_nothing_is_familiar_claims_speak_of_what_is_not_novel():
    """As contrasts do: else half of the claims would speak, and half would not."""
    found = changed("necessity", 0.5, 0.1)
    names = [str(c).replace("Familiar", "unknown") for c in found["condition"].values]
    renamed = found.assign_coords(condition=names)
    assert fell(renamed) == fell(found)
    assert "omission, unknown" in tables(renamed)


def test_networks_learned_where_all_did():
    found = numbered()
    assert fell(found)["learned"] == "holds"
    lift(found, "error", 0.6, seed=3)
    assert fell(found)["learned"] == "refuted"
    # where no pyramidal population is known there is no error
    for name in ("error", "persistence"):
        found[name][:] = np.nan
    assert fell(found)["learned"] == "undecided"


def test_tables_say_what_is_missing_and_the_notice():
    found = changed("necessity", 0.5, 0.1)
    assert "claimed: none." in tables(found)
    found.attrs |= {"missing": "V1 L4 Vip, LM L5 Sst", "notice": "**Made-up sessions.**"}
    said = tables(found)
    assert "V1 L4 Vip, LM L5 Sst" in said
    assert said.startswith("**Made-up sessions.**")
    for name in CLAIMS:
        assert f"| {name} |" in said
    for source in found["source"].values:
        assert str(source) in said
    assert "nan" not in said
    whole = write_up("visual-behavior", STUDY, found)
    assert all(claim.says in whole for claim in CLAIMS.values())
    # a table has rows of one length
    lines = [line for line in whole.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)


def test_the_frame_of_the_largest_effect_is_found_and_none_where_there_is_none():
    found = numbered()
    lift(found, "profile", 1.0, condition=OMISSION, population=VIP, frame=11)
    lift(found, "activity", 1.0, condition=OMISSION, population=VIP, frame=13)
    row = lambda found, type_: next(
        line for line in tables(found).splitlines() if line.startswith(f"| data | {type_} |")
    )
    assert row(found, "Vip").split(" | ")[2:4] == ["11.0 [11.0, 11.0]", "13.0 [13.0, 13.0]"]
    found["profile"].loc[{"population": VIP}] = np.nan
    assert row(found, "Vip").split(" | ")[2] == "-"


@pytest.mark.parametrize("figure", STUDY_FIGURES["visual-behavior"].values())
@pytest.mark.parametrize("seeds", [1, 5])
def test_figures_are_drawn_of_missing_numbers_too(figure, seeds):
    found = numbered(seeds)
    assert len(figure(found).axes) == 2
    found["profile"].loc[{"population": VIP}] = np.nan
    found["silenced"][:] = np.nan
    found["kept"][:, 0] = np.nan
    assert figure(found).axes
    found.attrs["notice"] = "**Made-up sessions: nothing.**"
    drawn = figure(found.isel(source=[0]))
    assert "made-up" in drawn.get_suptitle()
    drawn.canvas.draw()
    plt.close("all")
