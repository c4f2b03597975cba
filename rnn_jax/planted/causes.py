"""Causes: what a planted network's own contrasts change, and when each is asked about.

    causes = {"both": Cause(lambda xs: 1 - xs, {"hold": range(6, 18)})}
    truth = truth_for(units, times, epochs, {"": ("a", "b"), "a": ("a",)})
    planted = with_causes(network, units, truth, draw, follow, epochs, causes, ["out"])

A cause's foil is the trial itself with this cause changed. States are exchanged inside an epoch,
units outside a circuit are held there alone, and all outputs are read from the event to the end of
the trial, or as `read` says. So the truth of an epoch is one thing, whether all trials or a
contrast ask about it: which units, exchanged inside the epoch, change what is read.

A cause that moves a part of the circuit has epochs with names of its own (`hold a`), of which the
truth speaks as well.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..core import Network
from ..core.types import Numbers
from ..tasks import Contrast, Trials
from ..tasks.contrast import first_difference
from .planted import Planted, Truth
from .wiring import Unit, truth_over

Steps = Collection[int]
Said = TypeVar("Said")
Wires = Sequence[tuple[str, str]]
"""Connections by name, `(to, from)`."""


class Cause(NamedTuple):
    """What a contrast changes, and where it is asked about.

    - `foil`: inputs `[B, T, I]` of trials to those of their foils; a trial that it leaves as it is
        has no event.
    - `epochs`: the steps of each epoch, by name.
    - `read`: steps that are read; `None` for all from the event on.
    """

    foil: Callable[[np.ndarray], np.ndarray]
    epochs: Mapping[str, Steps]
    read: Steps | None = None


def number(a: object) -> Array:
    """An array of the default float."""
    return jnp.asarray(a, jnp.zeros(()).dtype)


def within(T: int, steps: Steps) -> Float[np.ndarray, " T"]:
    """The window that holds these steps."""
    return np.isin(np.arange(T), list(steps)).astype(float)


def named_for(epochs: Mapping[str, Said], cause: str) -> dict[str, Said]:
    """The epochs of a cause that moves a part of the circuit; those of the trials for `""`."""
    return {f"{epoch} {cause}".strip(): said for epoch, said in epochs.items()}


def truth_for(
    units: Mapping[str, Unit],
    times: Mapping[str, Steps],
    epochs: Mapping[str, Steps],
    parts: Mapping[str, Sequence[str]],
    false: Wires = (),
) -> Truth:
    """What `truth_over` says of each part of a circuit, less the false wires.

    **Arguments:**

    - `units`, `times`, `epochs`: as for `truth_over`, of the whole circuit.
    - `parts`: the members that each cause moves, by its name; those of all trials by `""`.
    - `false`: wires `(to, from)` among members that carry nothing that matters.

    **Raises:** `ValueError` where a member or an end of a wire is no unit.
    """
    names, nodes, edges = list(units), {}, {}
    real = np.ones((len(names), len(names)))
    for to, source in false:
        real[names.index(to), names.index(source)] = 0.0
    for cause, members in parts.items():
        own = {name: times[name] for name in members}
        truth = truth_over(units, own, named_for(epochs, cause))
        nodes |= truth.nodes
        edges |= {epoch: wires * number(real) for epoch, wires in truth.edges.items()}
    return Truth(nodes, edges)


def with_causes(
    network: Network,
    units: Mapping[str, Unit],
    truth: Truth,
    draw: Callable[[PRNGKeyArray, int], Array],
    follow: Callable[[Array], dict[str, Array]],
    epochs: Mapping[str, Steps],
    causes: Mapping[str, Cause],
    told: Sequence[str],
) -> Planted:
    """A planted network with contrasts of its own.

    **Arguments:**

    - `network`: whose state is the units'.
    - `units`: their names, in the state's order, and groups.
    - `truth`: of each epoch, of trials and of causes.
    - `draw`: a key and a count to inputs `[B, T, I]`.
    - `follow`: one trial's inputs to its latents `[T]` by name.
    - `epochs`: the steps of each epoch, the same in all trials.
    - `causes`: the contrasts, by name.
    - `told`: the latent that each output is asked for.
    """

    def sample(key: PRNGKeyArray, count: int) -> Trials:
        xs = draw(key, count)
        latents = jax.vmap(follow)(xs)
        rows = {name: number(within(xs.shape[1], when)) for name, when in epochs.items()}
        windows = {name: jnp.broadcast_to(row, xs.shape[:2]) for name, row in rows.items()}
        return Trials(xs, jnp.stack([latents[name] for name in told], -1), windows)

    def contrasts(key: PRNGKeyArray, trials: Trials) -> dict[str, Contrast]:
        return {name: _contrast(cause, np.asarray(trials.xs)) for name, cause in causes.items()}

    groups = tuple(unit.group for unit in units.values())
    return Planted(network, sample, truth, tuple(units), groups, follow, contrasts)


def _contrast(cause: Cause, xs: Float[np.ndarray, "B T I"]) -> Contrast:
    """A cause's contrast on these trials."""
    T = xs.shape[1]
    foil = np.asarray(cause.foil(xs), xs.dtype)
    event = first_difference(xs, foil)
    epochs = {
        name: within(T, when)[None] * (event >= 0)[:, None] for name, when in cause.epochs.items()
    }
    read = within(T, range(T) if cause.read is None else cause.read)
    return inside_epochs(foil, event, epochs, read)


def inside_epochs(
    foil: Float[np.ndarray, "B T I"],
    event: Int[np.ndarray, " B"],
    epochs: Mapping[str, Numbers],
    read: Float[np.ndarray, "*B T"] | None = None,
) -> Contrast:
    """A contrast of which a planted truth speaks: exchanged inside epochs, all read later.

    **Arguments:**

    - `foil`, `event`: as for `Contrast`.
    - `epochs`: windows `[B, T]`.
    - `read`: what is read of a trial, from its event on; `None` for all steps.
    """
    B, T = foil.shape[:2]
    since = (np.arange(T)[None] >= event[:, None]) & (event >= 0)[:, None]
    read = since if read is None else np.broadcast_to(read, (B, T)) * since
    cast = lambda rows: np.asarray(rows).astype(foil.dtype)
    windows = {name: cast(rows) for name, rows in epochs.items()}
    return Contrast(foil, event, windows, cast(read), "epoch")
