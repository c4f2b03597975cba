"""Circuits: selection per epoch, evaluation, statistics, recovery of a known truth."""

from .against_truth import (
    PrecisionRecall,
    auroc,
    average_precision,
    precision_at_size,
    precision_recall,
    timing_overlap,
    widen,
)
from .agreement import (
    Consensus,
    Stability,
    consensus,
    corrected_jaccard,
    jaccard,
    reselect,
    stability,
)
from .baselines import (
    baseline_scores,
    correlation,
    gradient,
    random_scores,
    readout_weight,
    selectivity,
    sparse_probe,
    variance,
)
from .circuit import Circuit, active_windows, from_dict, to_dict
from .coding import Needed, coding_plane, contrast, explained, interchanged, needed_units, role
from .curve import Curve, faithfulness_curve, largest
from .evaluation import (
    Evaluate,
    Minimality,
    SetTest,
    Worst,
    clamping_others,
    completeness,
    faithfulness,
    judge_set,
    keeping,
    minimality,
    share_kept,
)
from .keep_drop import drop, keep
from .nulls import RotationNull, concentration, rotation_null, shuffle_trials, shuffle_weights
from .random_sets import random_sets
from .rewired import rewired
from .selection import Selection, check_attainable, select_edges, select_units
from .statistics import (
    Interval,
    Ratio,
    benjamini_hochberg,
    bootstrap_mean,
    permutation_p,
    ratio_of_means,
    sign_flip_p,
    sign_test_p,
    smallest_p,
    without_rounding,
)

__all__ = [
    "Circuit", "Consensus", "Curve", "Evaluate", "Interval", "Minimality", "Needed",
    "PrecisionRecall", "Ratio", "RotationNull", "Selection", "SetTest", "Stability", "Worst",
    "active_windows", "auroc", "average_precision", "baseline_scores", "benjamini_hochberg",
    "bootstrap_mean", "check_attainable", "clamping_others", "coding_plane", "completeness",
    "concentration", "consensus", "contrast", "corrected_jaccard", "correlation", "drop",
    "explained", "faithfulness", "faithfulness_curve", "from_dict", "gradient", "interchanged",
    "jaccard", "judge_set", "keep", "keeping", "largest", "minimality", "needed_units",
    "permutation_p", "precision_at_size", "precision_recall", "random_scores", "random_sets",
    "ratio_of_means", "readout_weight", "reselect", "rewired", "role", "rotation_null",
    "select_edges", "select_units", "selectivity", "share_kept", "shuffle_trials",
    "shuffle_weights", "sign_flip_p", "sign_test_p", "smallest_p", "sparse_probe", "stability",
    "timing_overlap", "to_dict", "variance", "widen", "without_rounding",
]  # fmt: skip
