"""Direct against total effects: what the readout sees at once, and what the network makes of it.

    found = self_repair(step, h0, xs, metric, units, window, value)
    found.index      # 1 - total / direct: near 1 where the rest makes up for the loss

Neither changes the network's weights.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from ..core import Input, Metric, State, Step, clamp, read, rollout
from ..core.checks import function, scalar


class SelfRepair(NamedTuple):
    """A unit's loss as the readout sees it directly, and after the network has reacted.

    - `direct`: effect on the metric with every state held, the readout alone being shown the
        replacement.
    - `total`: effect of the clamp.
    - `index`: `1 - total / direct`, NaN where the direct effect is 0.

    **Example:**

        >>> step = lambda h, x: jnp.array([1.0, 0.5 - 0.5 * h[0]])  # unit 1 makes up for half
        >>> last, h0, xs = (lambda run: run.hs[-1].sum()), jnp.array([1.0, 0.0]), jnp.zeros((4, 1))
        >>> rj.causal.self_repair(step, h0, xs, last, 0, jnp.ones(4), 0.0).index.item()
        0.5
    """

    direct: Float[Array, ""]
    total: Float[Array, ""]
    index: Float[Array, ""]


def self_repair(
    step: Step,
    h0: State,
    xs: Input,
    metric: Metric,
    units: PyTree,
    window: Float[Array, " T"],
    value: Any,
) -> SelfRepair:
    """Direct and total effect of taking units out of a window.

    **Arguments:**

    - `step`, `h0`, `xs`: as for `rollout`.
    - `metric`: `trajectory -> scalar`.
    - `units`, `window`, `value`: as for `clamp`.

    **Returns:** a `SelfRepair`.

    **Raises:** as `clamp` and `rollout`, and `ValueError` where the metric is no scalar.

    McGrath et al., arXiv:2307.15771 (2023), section 2, on recurrent state.

    **Example:**

        >>> step = lambda h, x: jnp.array([1.0, 1.0 - h[0]])  # unit 1 steps in for unit 0
        >>> last, h0, xs = (lambda run: run.hs[-1].sum()), jnp.array([1.0, 0.0]), jnp.zeros((4, 1))
        >>> found = rj.causal.self_repair(step, h0, xs, last, 0, jnp.ones(4), 0.0)
        >>> found.direct.item(), found.total.item(), found.index.item()
        (-1.0, 0.0, 1.0)
    """
    function("metric", metric)
    clean = scalar("metric", metric(rollout(step, h0, xs)))
    shown = read(units, window, value, readers="readout")
    direct = metric(rollout(step, h0, xs, shown)) - clean
    total = metric(rollout(step, h0, xs, clamp(units, window, value))) - clean
    safe = jnp.where(direct == 0, 1.0, direct)
    return SelfRepair(direct, total, jnp.where(direct == 0, jnp.nan, 1 - total / safe))
