"""The names of a portrait's results: what each is, in what unit, one sentence each.

print(as_markdown(NAMES))        # the table of docs/dynamics-command.md
"""

from ..schema import NOTHING, RUNS, SHARE, Name

SPREAD = "spread"
"""The root mean square distance of the intact states from their mean."""

TRIALS = {name: RUNS[name] for name in ("inputs", "targets", "states", "outputs", "epoch_mask")}
SEEN = {
    "pca": Name(
        "landscape trial time pc", "trials in the components", "state",
        "States in the main axes of the intact ones; of several parts, all parts in one vector.",
    ),
    "pca_variance": RUNS["pca_variance"],
    "span": Name("pc end", "what is drawn", "state", "The ends of each component in figures."),
    "flow_at": Name(
        "landscape plane node axis", "states of a plane", "state",
        "In two components: 1 and 2, 1 and 3; the others are 0, what is held is set.",
    ),
    "flow": Name(
        "landscape plane node axis", "flow", "state", "F(h, x) - h at these states, projected.",
    ),
    "nearest": Name(
        "landscape trial time", "nearest fixed point", NOTHING,
        "Its number in `point`, in the whole state space; -1 without fixed points.",
    ),
    "distance": Name("landscape trial time", "distance from it", SPREAD, "Of the state."),
}  # fmt: skip
SEARCH = {
    "verdict": Name("start", "verdict", NOTHING, "What became of a start; attribute `verdicts`."),
    "residual": Name("start", "q", "state^2", "Half of the squared step, at its end."),
    "iterations": Name("start", "iterations", NOTHING, "Until q was below the tolerance."),
    "start_point": Name("start", "point found", NOTHING, "Its number in `point`; -1 for none."),
    "verdict_count": Name("landscape verdict_name", "starts of a verdict", NOTHING, "In all."),
    "coverage": Name(
        "landscape start", "distinct points", NOTHING,
        "After so many starts, the mean over their orders.",
    ),
    "unseen": Name(
        "landscape", "chance of a new point", SHARE, "Of one more start, as Good estimates it.",
    ),
}  # fmt: skip
POINTS = {
    "point_landscape": Name("point", "landscape", NOTHING, "Its number; 0 is intact."),
    "point_slow": Name("point", "slow", NOTHING, "A minimum of q that is no fixed point."),
    "point_state": Name("point entry", "state", "state", "All parts of a state, one by one."),
    "point_output": Name("point output", "outputs", "output", "The readout there."),
    "point_pca": Name("point pc", "principal components", "state", "As `pca`."),
    "point_count": Name("point", "starts", NOTHING, "How many found it."),
    "point_residual": Name("point", "q", "state^2", "Half of the squared step there."),
    "point_unstable": Name(
        "point",
        "unstable modes",
        NOTHING,
        "How many grow; -1 where the Jacobian is not finite.",
    ),
    "point_neutral": Name(
        "point",
        "neutral modes",
        NOTHING,
        "How many neither grow nor decay; -1 as above.",
    ),
    "point_family": Name(
        "point",
        "family",
        NOTHING,
        "Number of its line, ring or surface of fixed points; -1 where isolated or not asked.",
    ),
    "family_dimension": Name(
        "family",
        "dimension",
        NOTHING,
        "1 for a line or a ring, 2 for a surface.",
    ),
    "eigenvalue_real": Name("point mode", "real part", NOTHING, "Eigenvalues of the Jacobian."),
    "eigenvalue_imag": Name("point mode", "imaginary part", NOTHING, "By falling size."),
    "time_constant": Name("point mode", "time constant", "step", "-1 over the log of its size."),
}
REMOVALS = {
    "removed": Name("removal unit", "units taken out", NOTHING, "Held at `held_at`."),
    "held_at": Name("removal entry", "held at", "state", "NaN where an entry is left."),
    "fate": Name("removal intact", "fate", NOTHING, "0 kept, 1 moved, 2 vanished."),
    "partner": Name(
        "removal intact", "what it became", NOTHING, "Its number in `point`; -1 for none.",
    ),
    "fate_distance": Name(
        "removal intact", "distance", SPREAD,
        "From what it became, or from the nearest point; over the units that are left.",
    ),
    "fate_unstable": Name(
        "removal intact", "change in unstable modes", NOTHING,
        "Unstable modes of what it became minus its own; NaN where it vanished or one is unknown.",
    ),
}  # fmt: skip
VISITS = {
    "visit_point": Name(
        "visit", "fixed point of a stay", NOTHING,
        "Stays of the intact trials within `near` of the spread of their nearest fixed point.",
    ),
    "visit_length": Name("visit", "length", "step", "As far as it was seen."),
    "visit_trial": Name("visit", "trial", NOTHING, "Its number."),
    "visit_start": Name("visit", "first step", "step", "Of the trial."),
    "visit_began": Name("visit", "begin seen", NOTHING, "False where the trial begins with it."),
    "visit_ended": Name("visit", "end seen", NOTHING, "False where the trial ends with it."),
}  # fmt: skip
EXPONENTS = {
    "exponent": Name(
        "exponent_number", "Lyapunov exponent", "1/step", "Driven by the trials, their mean.",
    ),
    "exponent_low": Name("exponent_number", "its lower end", "1/step", "Student, 95 %."),
    "exponent_high": Name("exponent_number", "its upper end", "1/step", "Student, 95 %."),
    "exponent_trial": Name("trial exponent_number", "of a trial", "1/step", "At its end."),
    "exponent_trace": Name(
        "trial trace exponent_number", "of a trial so far", "1/step", "By `exponent_time`.",
    ),
    "exponent_time": Name("trace", "steps so far", "step", "Those of the burn-in do not count."),
}  # fmt: skip
NAMES = TRIALS | SEEN | VISITS | SEARCH | POINTS | EXPONENTS | REMOVALS
