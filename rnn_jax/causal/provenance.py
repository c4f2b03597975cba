"""What an intervention was, so that two results can be known to be comparable.

    record = Record("clamp", "zero", "necessity", "switch", ("3",), "margin", changed=120, seed=0)
    record.digest      # equal records, equal digests

Results carry it, so that a table never mixes two questions.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import get_args

from ..core.checks import one_of
from .sweep.engine import Estimator


@dataclass(frozen=True)
class Record:
    """One intervention, in words and numbers.

    - `kind`: clamp, pulse or read.
    - `value`: zero, mean, resample, patch, noise or optimal.
    - `direction`: necessity or sufficiency.
    - `window`, `units`, `metric`: their names.
    - `changed`: how many entries (trial x time x unit) were edited.
    - `seed`: of every draw.
    - `estimator`: exact, window or first-order.

    **Raises:** `ValueError` where nothing changed and `allow_noop` is not set, or a name of the
    first three or of the estimator is unknown.

    **Example:**

        >>> what = dict(kind="clamp", value="zero", direction="necessity", window="late")
        >>> rj.causal.Record(**what, units=("unit 0",), metric="margin", changed=0, seed=0)
        Traceback (most recent call last):
            ...
        ValueError: the clamp of ('unit 0',) in late changes nothing
    """

    kind: str
    value: str
    direction: str
    window: str
    units: tuple[str, ...]
    metric: str
    changed: int
    seed: int
    estimator: str = "exact"
    allow_noop: bool = False

    def __post_init__(self) -> None:
        values = ("zero", "mean", "resample", "patch", "noise", "optimal")
        one_of("kind", self.kind, ("clamp", "pulse", "read"))
        one_of("value", self.value, values)
        one_of("direction", self.direction, ("necessity", "sufficiency"))
        one_of("estimator", self.estimator, get_args(Estimator))
        if self.changed == 0 and not self.allow_noop:
            raise ValueError(f"the {self.kind} of {self.units} in {self.window} changes nothing")

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits of the SHA-256 of the record."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]
