"""Circuits: selection per epoch, evaluation, statistics, recovery of a known truth."""

from .agreement import Consensus, consensus, jaccard
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
from .evaluation import Evaluate, Minimality, Worst, completeness, faithfulness, minimality
from .interventions import drop, keep
from .recovery import (
    PrecisionRecall,
    auroc,
    average_precision,
    precision_at_size,
    precision_recall,
    timing_overlap,
    widen,
)
from .selection import Selection, check_attainable, select_edges, select_units
from .sets import random_sets
from .statistics import (
    Interval,
    Ratio,
    benjamini_hochberg,
    bootstrap_mean,
    permutation_p,
    ratio_of_means,
    sign_flip_p,
    smallest_p,
)

__all__ = [
    "Circuit", "Consensus", "Evaluate", "Interval", "Minimality", "PrecisionRecall", "Ratio",
    "Selection", "Worst", "active_windows", "auroc", "average_precision", "baseline_scores",
    "benjamini_hochberg", "bootstrap_mean", "check_attainable", "completeness", "consensus",
    "correlation", "drop", "faithfulness", "from_dict", "gradient", "jaccard", "keep",
    "minimality", "permutation_p", "precision_at_size", "precision_recall", "random_scores",
    "random_sets", "ratio_of_means", "readout_weight", "select_edges", "select_units",
    "selectivity", "sign_flip_p", "smallest_p", "sparse_probe", "timing_overlap", "to_dict",
    "variance", "widen",
]  # fmt: skip
