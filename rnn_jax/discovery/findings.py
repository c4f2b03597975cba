"""What the stages of a discovery hand on: every number as an array, without names."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array

from ..circuits import Selection, SetTest
from ..core import State
from ..linear import Connectivity
from .asked import Answers
from .causes import Causes


class Findings(NamedTuple):
    """All that a discovery measured, as arrays; `to_dataset` gives them names."""

    metric: str
    hs: State
    ys: Array
    targets: Array
    windows: np.ndarray
    epochs: tuple[str, ...]
    epoch_windows: np.ndarray
    causes: Causes
    selection: Selection
    connectivity: Connectivity
    epoch_connectivity: Connectivity
    edges: np.ndarray
    sets: list[SetTest]
    asked: Answers
