"""What every sweep of a discovery shares: network, trials, score, and what counts as rounding.

plan = Plan(network, xs, targets, score, kind="clamp")
effects = plan.effects(units, windows, value)          # necessity
effects = plan.corrupted(key).effects(units, windows, clean_states)   # sufficiency
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..causal import Kind, Score, derangement, resumable, sweep
from ..core import Network, State
from ..core.types import Numbers


class Keys(NamedTuple):
    """The random keys of a discovery, one for each stage that draws."""

    value: PRNGKeyArray
    second: PRNGKeyArray
    corrupted: PRNGKeyArray
    flips: PRNGKeyArray
    sets: PRNGKeyArray
    contrasts: PRNGKeyArray


@dataclass(frozen=True)
class Plan:
    """What every sweep of a discovery shares.

    - `noise`: effects no larger than this are rounding.
    - `store`: a folder that keeps finished windows; `None` for none.
    - `mesh`: devices that share the work.
    """

    network: Network
    xs: PyTree
    targets: Float[Array, "B T O"]
    score: Score
    kind: Kind = "clamp"
    noise: float = 0.0
    store: Path | None = None
    mesh: Mesh | None = None

    def effects(
        self,
        units: Float[Numbers, "G N"],
        windows: Float[Numbers, "W B T"],
        value: State,
        track: Callable[[range], Iterable[int]] = iter,
        allow_noop: bool = False,
    ) -> Float[np.ndarray, "W G B"]:
        """Exact effects of taking out each group of units in each window.

        What is no larger than `noise`, which rounding alone can do, is 0: a score of one
        sign, as fidelity is, would else find every unit significant.
        """
        effects = resumable(sweep, self.store, track)(
            self.network, self.xs, self.targets, self.score, units, windows, value,
            kind=self.kind, mesh=self.mesh, allow_noop=allow_noop,
        )  # fmt: skip
        known = np.asarray(effects)
        return np.where(np.abs(known) <= self.noise, 0, known)

    def with_noise(self, null: Float[np.ndarray, "W G B"]) -> "Plan":
        """The plan that ignores ten times the largest effect of an edit that changes nothing."""
        return replace(self, noise=10 * float(np.where(np.isfinite(null), abs(null), 0).max()))

    def corrupted(self, key: PRNGKeyArray) -> "Plan":
        """The same trials on the inputs of others, still scored against their own targets."""
        count = self.targets.shape[0]
        order = np.asarray(derangement(key, count))
        return replace(self, xs=jax.tree.map(lambda leaf: np.asarray(leaf)[order], self.xs))
