"""Do noisy runs go round, how fast and how regularly, and what does the noise's scale change?

    found = orbits(network, key, 1000)             # rate, cv, and three p-values
    found = noise_scales(network, key, 1000)       # switch and change rates for five scales

For a network without bias from 0 the states are those of scale 1 times the scale, exactly. So
switches of the argmax do not depend on the scale at all, and that is a law, not a finding. The
emitted symbols do depend on it: larger logits leave less to the Gumbel noise.
"""

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from ...circuits.statistics import bootstrap_mean
from ...core import Network
from ...dynamics import winding, winding_test
from ...linear import pca
from .runs import change_rates, noisy_runs, switch_rates, symbols

TRIALS = 16
DRAWS = 999
SCALES = (0.1, 0.5, 1.0, 2.0, 4.0)


def orbits(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """Winding in the plane of the two leading principal components, against surrogates.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws the noise and the surrogates.
    - `size`: steps of each of the 16 runs.

    **Returns:** numbers of `winding_test` over all runs: `rate` in turns per step, `cv`,
    `order_p`, `phase_p`, `cv_p`; the rates of the surrogates that `rate` was held against,
    `order_rate` and `phase_rate`, as their 95 % quantile of `|rate|`, and `null_cv`, the 5 %
    quantile of theirs; `returns`, how many returns there were; `rates [16]`, each run's own;
    `plane_share`, of the variance that lies in the plane.

    **Raises:** `ValueError` as `noisy_runs`, or where all states lie on a line.
    """
    run_key, test_key = jax.random.split(key)
    hs, _, _ = noisy_runs(network, run_key, TRIALS, size)
    plane = pca(hs.reshape(-1, hs.shape[-1]), 2)
    paths = np.asarray(plane.project(hs), float)
    tested = winding_test(paths, test_key, DRAWS)
    each = [winding(path, paths.mean((0, 1))) for path in paths]
    known = tested.cvs[~np.isnan(tested.cvs)]
    found = {
        "rate": tested.rate,
        "cv": tested.cv,
        "order_p": tested.order_p,
        "phase_p": tested.phase_p,
        "cv_p": tested.cv_p,
        "order_rate": np.quantile(np.abs(tested.order_rates), 0.95),
        "phase_rate": np.quantile(np.abs(tested.phase_rates), 0.95),
        "null_cv": np.quantile(known, 0.05) if known.size else np.nan,
        "returns": sum(len(one.returns) for one in each),
        "rates": [one.rate for one in each],
        "plane_share": plane.share.sum(),
    }
    return {name: np.asarray(value) for name, value in found.items()}


def noise_scales(network: Network, key: PRNGKeyArray, size: int) -> dict[str, np.ndarray]:
    """Switches of the argmax and changes of the emitted symbol, for noise of five scales.

    Runs are paired: the noise of all scales is one draw times the scale, and the Gumbel noise of
    the readout is the same.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `key`: draws the noise of the input and of the readout.
    - `size`: steps of each of the 16 runs.

    **Returns:** `switch_rate` and `change_rate [5]` per step, with intervals over runs, `_low` and
    `_high`; `scale [5]`.

    **Raises:** `ValueError` as `noisy_runs`.
    """
    run_key, gumbel_key, draw_key = jax.random.split(key, 3)
    switches, changes = [], []
    for scale in SCALES:
        _, ys, _ = noisy_runs(network, run_key, TRIALS, size, scale)
        switches.append(switch_rates(np.asarray(ys).argmax(-1)))
        changes.append(change_rates(np.asarray(symbols(ys, gumbel_key))))
    return {
        "scale": np.array(SCALES),
        **_with_interval("switch_rate", np.stack(switches), draw_key),
        **_with_interval("change_rate", np.stack(changes), draw_key),
    }


def _with_interval(
    name: str, rates: Float[np.ndarray, "K B"], key: PRNGKeyArray
) -> dict[str, np.ndarray]:
    low, high = bootstrap_mean(rates, key)
    return {name: rates.mean(1), f"{name}_low": low, f"{name}_high": high}
