"""Does a network emulate its model at later steps than the first ones, too?

    found = late(network, model, key, 500)
    found["changes"], found["switch_rate"]

Training looks at sequences of 30 to 100 steps from `h_0 = 0`. Here the same measures are taken of
steps 51 to 450, of which linear-2 was trained on the first 50. Beside them stand rates of what the
mechanism is about: switches of the logits' argmax, and changes of the symbol.
"""

import jax
import numpy as np
from jaxtyping import PRNGKeyArray

from ...circuits.statistics import bootstrap_mean
from ...core import Network
from ...tasks import HiddenMarkov
from .measures import measured
from .runs import change_rates, noisy_runs, switch_rates, symbols

STEPS = 400
"""Steps that are looked at, after `BURN_IN`."""


def late(
    network: Network, model: HiddenMarkov, key: PRNGKeyArray, size: int
) -> dict[str, np.ndarray]:
    """Measures of emulation, and rates, of the `STEPS` steps that follow the first `BURN_IN`.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `model`: what it is to emulate.
    - `key`: draws noise, symbols, what is compared with, and intervals.
    - `size`: runs.

    **Returns:** what `measured` says; and `switch_rate` and `change_rate`, switches of the argmax
    and changes of the emitted symbol per step, with 95 % intervals over runs, `_low` and `_high`.

    **Raises:** `ValueError` as `noisy_runs` and `measured`.
    """
    of_runs, of_symbols, of_measures, of_intervals = jax.random.split(key, 4)
    ys = noisy_runs(network, of_runs, size, STEPS)[1]
    said = np.asarray(symbols(ys, of_symbols))
    rates = {
        "switch_rate": switch_rates(np.asarray(ys).argmax(-1)),
        "change_rate": change_rates(said),
    }
    found = measured(model, said, of_measures)
    for name, values in rates.items():
        low, high = bootstrap_mean(values, of_intervals)
        found |= {name: values.mean(), f"{name}_low": low, f"{name}_high": high}
    return {name: np.asarray(value) for name, value in found.items()}
