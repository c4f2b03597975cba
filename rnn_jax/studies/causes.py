"""The causal stage: who matters, and when, by exact interventions.

    plan = Plan(network, xs, targets, score, kind="clamp")
    effects = plan.effects(units, windows, value)          # necessity
    effects = plan.corrupted(key).effects(units, windows, clean_states)   # sufficiency
    causes = find_causes(plan, hs, windows, epoch_windows, settings, keys, track)

Necessity clamps a unit in the clean run. Sufficiency restores a unit's clean states into a
run on another trial's inputs, scored against its own targets: the same sweep, roles exchanged.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jaxtyping import Array, Float, Key, PRNGKeyArray, PyTree

from ..causal import (
    Kind,
    Score,
    derangement,
    mean,
    noise,
    resample,
    result_codes,
    resumable,
    sweep,
    zero,
)
from ..core import Network, State, outputs, run
from .settings import Settings

Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""Goes through a sequence; the command line's shows a progress bar with its label."""

VALUES = {
    "zero": lambda hs, key: zero(hs),
    "mean": lambda hs, key: mean(hs),
    "resample": resample,
    "noise": noise,
}


@dataclass(frozen=True)
class Plan:
    """What every sweep of a study shares.

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
        units: Float[Array, "G N"],
        windows: Float[Array, "W B T"],
        value: State,
        track: Callable[[range], Iterable[int]] = iter,
        allow_noop: bool = False,
    ) -> Float[Array, "W G B"]:
        """Exact effects of taking out each group of units in each window.

        What is no larger than `noise`, which rounding alone can do, is 0: a score of one
        sign, as fidelity is, would else find every unit significant.
        """
        effects = resumable(sweep, self.store, track)(
            self.network, self.xs, self.targets, self.score, units, windows, value,
            kind=self.kind, mesh=self.mesh, allow_noop=allow_noop,
        )  # fmt: skip
        return jnp.where(jnp.abs(effects) <= self.noise, 0.0, effects)

    def with_noise(self, null: Float[Array, "W G B"]) -> "Plan":
        """The plan that ignores ten times the largest effect of an edit that changes nothing."""
        return replace(self, noise=10 * float(jnp.where(jnp.isfinite(null), abs(null), 0).max()))

    def corrupted(self, key: PRNGKeyArray) -> "Plan":
        """The same trials on the inputs of others, still scored against their own targets."""
        count = self.targets.shape[0]
        order = derangement(key, count)
        return replace(self, xs=jax.tree.map(lambda leaf: leaf[order], self.xs))


@eqx.filter_jit
def clean_run(network: Network, xs: PyTree) -> tuple[State, Float[Array, "B T O"]]:
    """States and outputs of every trial."""

    def one(x: PyTree) -> tuple[State, Float[Array, "T O"]]:
        trajectory = run(network, x)
        return trajectory.hs, outputs(network, trajectory)

    return jax.vmap(one)(xs)


def replacement(kind: str, hs: State, key: PRNGKeyArray) -> State:
    """The values `[B, T, N]` that units are replaced with."""
    return VALUES[kind](hs, key)


class Causes(NamedTuple):
    """What taking out, and restoring, each unit does; means over trials are over those counted.

    - `windows`: `[W, N, B]` effects in each window.
    - `epochs`, `second`: `[E, N, B]` in each epoch, and by the second replacement value.
    - `sufficiency`: `[E, N, B]`, of restoring a unit's clean states.
    - `codes`: `[W, N, B]` and `[E, N, B]` result codes of the first two.
    - `failures`: for each sweep, how many of its runs failed how; see `ResultCodes.counts`.
    """

    windows: Array
    epochs: Array
    second: Array
    sufficiency: Array
    codes: tuple[np.ndarray, np.ndarray]
    failures: dict[str, dict[str, int]]


def find_causes(
    plan: Plan,
    hs: State,
    windows: Float[Array, "W B T"],
    epochs: Float[Array, "E B T"],
    settings: Settings,
    keys: Key[Array, " 3"],
    track: Track,
) -> Causes:
    """Every unit in every window and epoch, by two replacement values, and restored.

    **Arguments:**

    - `plan`: the network, trials and metric.
    - `hs`: the clean states `[B, T, N]`.
    - `windows`, `epochs`: where the interventions hold.
    - `settings`: the replacement values.
    - `keys`: three, of the two values and of the corrupted trials.
    - `track`: shows progress.

    **Returns:** a `Causes`.
    """
    units = jnp.eye(jax.tree.leaves(hs)[0].shape[-1], dtype=epochs.dtype)
    value = replacement(settings.value, hs, keys[0])
    second = replacement(settings.second, hs, keys[1])
    asked = {
        "units x windows": (plan, windows, value),
        "units x epochs": (plan, epochs, value),
        f"again with {settings.second}": (plan, epochs, second),
        "restoring units": (plan.corrupted(keys[2]), epochs, hs),
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


def over_counted(
    effects: Float[Array, "W G B"], windows: Float[Array, "W B T"]
) -> Float[Array, "W G B"]:
    """Effects scaled so that their mean over all trials is that over the trials that count.

    A trial in which the window is empty has no effect to speak of, and one whose run failed
    none that is known: neither must dilute the others. At 0 it tells a test of signs nothing.
    """
    counts = (windows > 0).any(-1)[:, None, :] & jnp.isfinite(effects)
    share = counts.astype(effects.dtype).mean(-1, keepdims=True)
    return jnp.where(counts, effects, 0.0) / jnp.where(share > 0, share, 1.0)
