"""The causal stage: who matters, and when, by exact interventions.

    plan = Plan(network, xs, targets, score, kind="clamp")
    effects = plan.effects(units, windows, value)          # necessity
    effects = plan.corrupted(key).effects(units, windows, clean_states)   # sufficiency
    causes = find_causes(plan, hs, value, windows, epoch_windows, settings, keys, track)

Necessity clamps a unit in the clean run. Sufficiency restores a unit's clean states into a
run on another trial's inputs, scored against its own targets: the same sweep, roles exchanged.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from ..causal import over_counted, replacement, result_codes
from ..core import State
from ..core.progress import Track
from ..core.types import Numbers
from .plan import Keys, Plan
from .settings import Settings


class Causes(NamedTuple):
    """The effects of taking out each unit, and of restoring it.

    Means over trials are means over the trials that count.

    - `windows`: `[W, N, B]` effects in each window.
    - `epochs`, `second`: `[E, N, B]` in each epoch, and by the second replacement value.
    - `sufficiency`: `[E, N, B]`, of restoring a unit's clean states.
    - `codes`: `[W, N, B]` and `[E, N, B]` result codes of the first two.
    - `failures`: for each sweep, how many of its runs failed how; see `ResultCodes.counts`.
    """

    windows: np.ndarray
    epochs: np.ndarray
    second: np.ndarray
    sufficiency: np.ndarray
    codes: tuple[np.ndarray, np.ndarray]
    failures: dict[str, dict[str, int]]


def find_causes(
    plan: Plan,
    hs: State,
    value: State,
    windows: Float[Numbers, "W B T"],
    epochs: Float[Numbers, "E B T"],
    settings: Settings,
    keys: Keys,
    track: Track,
) -> Causes:
    """Every unit in every window and epoch, by two replacement values, and restored.

    **Arguments:**

    - `plan`: the network, trials and metric.
    - `hs`: the clean states `[B, T, N]`.
    - `value`: the replacement, like `hs`.
    - `windows`, `epochs`: where the interventions hold.
    - `settings`: names the second replacement.
    - `keys`: of the second replacement and of the corrupted trials.
    - `track`: shows progress.

    **Returns:** a `Causes`.
    """
    units = np.eye(jax.tree.leaves(hs)[0].shape[-1])
    second = replacement(settings.second, hs, keys.second)
    asked = {
        "units x windows": (plan, windows, value),
        "units x epochs": (plan, epochs, value),
        f"again with {settings.second}": (plan, epochs, second),
        "restoring units": (plan.corrupted(keys.corrupted), epochs, hs),
    }
    raw = {
        label: on.effects(units, spans, value, lambda w, label=label: track(w, label))
        for label, (on, spans, value) in asked.items()
    }
    codes = [result_codes(effects) for effects in raw.values()]
    counted = [over_counted(raw[label], asked[label][1]) for label in asked]
    windowed, of_epochs, by_second, restored = counted
    failures = {label: found.counts for label, found in zip(asked, codes, strict=True)}
    own = (codes[0].code, codes[1].code)
    return Causes(windowed, of_epochs, by_second, restored, own, failures)
