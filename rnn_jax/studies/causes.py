"""The causal stage: who matters, and when, by exact interventions.

    plan = Plan(network, xs, targets, score, kind="clamp")
    effects = plan.effects(units, windows, value)          # necessity
    effects = plan.corrupted(key).effects(units, windows, clean_states)   # sufficiency

Necessity clamps a unit in the clean run. Sufficiency restores a unit's clean states into a
run on another trial's inputs, scored against its own targets: the same sweep, roles exchanged.
"""

from dataclasses import dataclass, replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from ..causal import Kind, Score, derangement, mean, noise, resample, sweep, zero
from ..core import Network, State, outputs, run

VALUES = {
    "zero": lambda hs, key: zero(hs),
    "mean": lambda hs, key: mean(hs),
    "resample": resample,
    "noise": noise,
}


@dataclass(frozen=True)
class Plan:
    """What every sweep of a study shares."""

    network: Network
    xs: PyTree
    targets: Float[Array, "B T O"]
    score: Score
    kind: Kind = "clamp"
    noise: float = 0.0

    def effects(
        self,
        units: Float[Array, "G N"],
        windows: Float[Array, "W B T"],
        value: State,
        allow_noop: bool = False,
    ) -> Float[Array, "W G B"]:
        """Exact effects of taking out each group of units in each window.

        What is no larger than `noise`, which rounding alone can do, is 0: a score of one
        sign, as fidelity is, would else find every unit significant.
        """
        effects = sweep(
            self.network, self.xs, self.targets, self.score, units, windows, value,
            kind=self.kind, allow_noop=allow_noop,
        )  # fmt: skip
        return jnp.where(jnp.abs(effects) <= self.noise, 0.0, effects)

    def with_noise(self, null: Float[Array, "W G B"]) -> "Plan":
        """The plan that ignores ten times the largest effect of an edit that changes nothing."""
        return replace(self, noise=10 * float(jnp.abs(null).max()))

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


def over_present(
    effects: Float[Array, "W G B"], windows: Float[Array, "W B T"]
) -> Float[Array, "W G B"]:
    """Effects scaled so that their mean over all trials is that over trials with the window.

    A trial in which the window is empty has no effect to speak of: it must not dilute others.
    """
    share = (windows > 0).any(-1).astype(effects.dtype).mean(-1)
    return effects / share[:, None, None]
