"""The names of a discovery's results: what each is, in what unit, one sentence each.

    described(dataset)["effect"].attrs["long_name"]      # "effect of a unit in a window"
    print(as_markdown())                                 # the table of docs/results.md

Every variable of `results.nc` is in this table, and nothing else is.
"""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import xarray as xr

EFFECT = "metric"
SHARE = "share"
NOTHING = "1"


class Name(NamedTuple):
    """One variable.

    - `dims`: its dimensions.
    - `long_name`: what a person calls it.
    - `units`: `metric` for the metric's own unit, `share`, `1` for a number without unit.
    - `says`: one sentence.
    """

    dims: str
    long_name: str
    units: str
    says: str


RUNS = {
    "inputs": Name("trial time input", "inputs", "input", "What the network was given."),
    "targets": Name("trial time output", "targets", "output", "What it was asked for."),
    "states": Name("trial time unit", "states", "state", "What each unit shows in the clean run."),
    "outputs": Name("trial time output", "outputs", "output", "Outputs of the clean run."),
    "pca": Name("trial time pc", "principal components", "state", "States in their main axes."),
    "pca_variance": Name("pc", "variance explained", SHARE, "Share of the states' variance."),
    "window_mask": Name("window time", "windows", NOTHING, "1 inside a window of the heat map."),
    "remaining": Name(
        "window", "remaining share of the trial", SHARE,
        "From the window's start on; heat maps show effects divided by it.",
    ),
    "epoch_mask": Name("epoch trial time", "epochs", NOTHING, "Weight of a step in an epoch."),
}  # fmt: skip
EFFECTS = {
    "effect": Name(
        "window unit", "effect of a unit in a window", EFFECT,
        "Mean over trials of F(intervened) - F(clean), the unit replaced in that window.",
    ),
    "effect_low": Name("window unit", "its lower end", EFFECT, "Bootstrap over trials, 95 %."),
    "effect_high": Name("window unit", "its upper end", EFFECT, "Bootstrap over trials, 95 %."),
    "epoch_effect": Name(
        "epoch unit", "effect of a unit in an epoch", EFFECT, "The same over a whole epoch.",
    ),
    "epoch_effect_low": Name("epoch unit", "its lower end", EFFECT, "Bootstrap, 95 %."),
    "epoch_effect_high": Name("epoch unit", "its upper end", EFFECT, "Bootstrap, 95 %."),
    "second_effect": Name(
        "epoch unit", "effect by the second replacement", EFFECT,
        "As epoch_effect, by the second replacement value.",
    ),
    "rank_agreement": Name(
        "epoch", "agreement of the two replacements", NOTHING,
        "Rank correlation over units of the sizes of both effects.",
    ),
    "restoring_effect": Name(
        "epoch unit", "effect of restoring a unit", EFFECT,
        "Effect of a unit's clean states in a run on another trial's inputs.",
    ),
    "p_value": Name("epoch unit", "p of a unit", NOTHING, "By random signs over trials."),
    "q_value": Name("epoch unit", "corrected p", NOTHING, "Over all epochs and units."),
    "member": Name(
        "epoch unit", "unit of large effect", NOTHING,
        "Whether its single effect is significant and not small.",
    ),
    "code": Name(
        "window unit trial", "how a run ended", NOTHING, "0 finite, 1 overflow, 2 not a number."
    ),
    "epoch_code": Name("epoch unit trial", "how a run ended", NOTHING, "The same of epochs."),
}  # fmt: skip
CONNECTIONS = {
    "connectivity": Name(
        "window to from", "flow", "state", "Mean of J h over a window's steps and trials."
    ),
    "connectivity_size": Name(
        "window to from", "size of the flow", "state", "Mean of |J h|: trials of either sign add."
    ),
    "epoch_connectivity": Name("epoch to from", "flow", "state", "The same over an epoch."),
    "epoch_connectivity_size": Name(
        "epoch to from", "size of the flow", "state", "The same over an epoch."
    ),
    "edge_member": Name(
        "epoch to from", "flow between members", NOTHING,
        "Whether a flow between members is at least a share of its receiver's largest.",
    ),
    "wire": Name("to from", "weights", NOTHING, "The recurrent matrix, where a cell has one."),
    "gate": Name("window unit", "gate", NOTHING, "Mean slope of each unit."),
    "signal": Name("window unit", "signal", "state", "Mean state before each step."),
}  # fmt: skip
SETS = {
    "faithfulness": Name(
        "epoch",
        "faithfulness",
        SHARE,
        "Share of the metric kept with only the members left.",
    ),
    "faithfulness_low": Name("epoch", "its lower end", SHARE, "Bootstrap over trials, 95 %."),
    "faithfulness_high": Name("epoch", "its upper end", SHARE, "Bootstrap over trials, 95 %."),
    "necessity": Name("epoch", "necessity", SHARE, "Share of it lost without the members."),
    "necessity_low": Name("epoch", "its lower end", SHARE, "Bootstrap over trials, 95 %."),
    "necessity_high": Name("epoch", "its upper end", SHARE, "Bootstrap over trials, 95 %."),
    "circuit_p": Name("epoch", "p of the members", NOTHING, "Against random sets of their size."),
    "circuit_q": Name("epoch", "corrected p", NOTHING, "Over all epochs."),
    "random_faithfulness": Name(
        "epoch random_set",
        "faithfulness of a random set",
        SHARE,
        "Of as many units as the members are; circuit_p counts those that keep at least as much.",
    ),
}
QUESTIONS = {
    "reach": Name(
        "question direction", "reach", SHARE, "Effect of exchanging all units in the window.",
    ),
    "single": Name(
        "question direction unit", "effect of one unit", SHARE,
        "Share of the way to the foil by exchanging one unit, on the choosing half.",
    ),
    "in_circuit": Name(
        "question unit", "in any set", NOTHING,
        "Whether a unit is in the mediator, a carrier, the circuit, or of large single effect.",
    ),
    "came_in": Name(
        "question way unit", "how a unit came in", NOTHING,
        "By which kinds of set, or by a large effect of its own (at least 0.1).",
    ),
    "acts": Name(
        "question unit", "AND-like or OR-like", NOTHING,
        "1 where a unit alone undoes and does not restore, -1 for the reverse, else 0.",
    ),
    "exchange_mask": Name(
        "question exchange since", "windows of exchange", NOTHING,
        "In steps since the event, or of the trial where foils are of other trials.",
    ),
    "by_read": Name(
        "question direction exchange read_window", "effect by exchange and read", SHARE,
        "Of exchanging the mediator in one window, as read in one window; of all of in_circuit "
        "where no set mediates.",
    ),
    "by_unit": Name(
        "question direction exchange unit", "effect of a unit by window", SHARE,
        "Of exchanging one unit of in_circuit in one window, read as the question reads.",
    ),
    "chosen": Name(
        "question kind unit", "share of half-splits in which a unit was chosen", SHARE,
        "Of mediator and circuit; NaN where half-splits were not asked.",
    ),
    "question_trials": Name("question half", "trials", NOTHING, "Trials of either half."),
    "question_effective": Name(
        "question", "effective trials", NOTHING, "Trials of like weight that a half is worth.",
    ),
    "question_difference": Name(
        "question", "difference of run and foil", "deviations",
        "Root mean square where outputs are read.",
    ),
    "question_precision": Name("question", "precision", SHARE, "Of in_circuit, by the truth."),
    "question_recall": Name("question", "recall", SHARE, "Of in_circuit, by the truth."),
    "question_truth": Name(
        "question unit", "truth", NOTHING, "1 for planted units, NaN where nothing is known.",
    ),
    "foil": Name("contrast trial time input", "foil", "input", "The inputs compared with."),
    "event": Name("contrast trial", "event", "step", "-1 for none, -2 where inputs say it."),
    "read": Name("contrast trial time output", "read", NOTHING, "Weights read; NaN by default."),
    "contrast_mask": Name(
        "contrast_window trial time", "windows of contrasts", NOTHING, "As the trials gave them."
    ),
}  # fmt: skip
EXAMPLES = {
    "example_trial": Name(
        "contrast", "trial of the example", NOTHING, "Where run and foil differ most at the read.",
    ),
    "example_event": Name("contrast", "its event", "step", "-1 where no trial has one."),
    "example_start": Name(
        "contrast", "start of its clock", "step",
        "The step since which exchange_mask counts: the event; 0 where foils are of other trials.",
    ),
    "example_inputs": Name(
        "contrast version time input", "its inputs", "input", "Of the run and of the foil.",
    ),
    "example_outputs": Name(
        "contrast version time output", "its outputs", "output", "Of the run and of the foil.",
    ),
    "example_states": Name(
        "contrast version time shown", "its states", "state",
        "Of the run and of the foil: at most 64 of the units of in_circuit.",
    ),
    "example_unit": Name("contrast shown", "units of its states", NOTHING, "-1 for none."),
    "example_window": Name(
        "question time", "window of a question", NOTHING, "In steps of the contrast's example.",
    ),
    "example_read": Name(
        "question time output", "read of a question", NOTHING,
        "Weights, in steps of the contrast's example.",
    ),
}  # fmt: skip
TRUTH = {
    "truth": Name("epoch unit", "truth", NOTHING, "Whether a unit was planted, if known."),
    "precision": Name("epoch", "precision", SHARE, "Share of members that were planted."),
    "recall": Name("epoch", "recall", SHARE, "Share of the planted that are members."),
    "auroc": Name("epoch", "AUROC", NOTHING, "Of the sizes of epoch effects."),
    "average_precision": Name("epoch", "average precision", NOTHING, "Of the same."),
}

NAMES = RUNS | EFFECTS | CONNECTIONS | SETS | QUESTIONS | EXAMPLES | TRUTH


def described(dataset: "xr.Dataset", names: dict[str, Name] = NAMES) -> "xr.Dataset":
    """The dataset with `long_name`, `units` and `description` of each variable, by a table.

    **Raises:** `KeyError` where a variable is not in the table.
    """
    for name in dataset.data_vars:
        known = names[str(name)]
        dataset[name].attrs |= {
            "long_name": known.long_name,
            "units": known.units,
            "description": known.says,
        }
    return dataset


def as_markdown(names: dict[str, Name] = NAMES) -> str:
    """A table of names, as that of discoveries stands in docs/results.md."""
    lines = ["| name | dims | unit | what it is |", "|---|---|---|---|"]
    for name, of in names.items():
        dims = ", ".join(of.dims.split())
        lines.append(f"| `{name}` | {dims} | {of.units} | {of.long_name}: {of.says} |")
    return "\n".join(lines) + "\n"
