"""A planted network: one whose circuit is known, because it was built.

    planted = ring_attractor()
    trials = planted.sample(key, 16)
    planted.truth.nodes["static"]        # [N], 1 for members

Methods get the network and the trials; the truth only scores what they found.
"""

from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from ..core import Network
from ..tasks import Contrast, Trials, check_trials


class Truth(eqx.Module):
    """Which units and connections belong to the circuit in each epoch.

    Epochs are those of the trials, and those that only a contrast has.

    - `nodes`: per epoch `[N]`, 1 for members.
    - `edges`: per epoch `[N, N]`, `[to, from]`; none where no wire between units is known.
    - `subspaces`: per epoch `[N, K]`, orthonormal columns, where the circuit is a subspace and no
        set of units is it; `nodes` is then 1 for every unit that has a part of it.

    **Example:**

        >>> truth = rj.planted.latch(extra=0).truth
        >>> {epoch: int(members.sum()) for epoch, members in truth.nodes.items()}
        {'pulse': 3, 'hold': 1}
    """

    nodes: dict[str, Float[Array, " N"]]
    edges: dict[str, Float[Array, "N N"]]
    subspaces: dict[str, Float[Array, "N K"]] = eqx.field(default_factory=dict)


class Planted(eqx.Module):
    """A network, what draws its trials, and its truth.

    - `network`: step, readout, first state.
    - `sample`: `(key, count) -> Trials`.
    - `truth`: members per epoch; no method may see it.
    - `units`, `groups`: a name and a label for each unit.
    - `latents`: inputs `[T, ...]` of a trial to the variables `[T]` that the circuit carries, by
        name and by their definition, not by the network; `None` where there are no such variables.
    - `contrasts`: `(key, trials) -> {name: Contrast}`; `None` for foils from other trials.

    **Example:**

        >>> made = rj.planted.latch(extra=0)
        >>> drawn = made.sample(key, 2)
        >>> ys = rj.outputs(made.network, rj.run(made.network, drawn.xs[0]))
        >>> bool(jnp.allclose(ys, drawn.targets[0], atol=1e-5))  # wired, and exact
        True
    """

    network: Network
    sample: Callable[[PRNGKeyArray, int], Trials]
    truth: Truth
    units: tuple[str, ...] = eqx.field(static=True)
    groups: tuple[str, ...] = eqx.field(static=True)
    latents: Callable[[Array], dict[str, Array]] | None = None
    contrasts: Callable[[PRNGKeyArray, Trials], dict[str, Contrast]] | None = None


def check_planted(planted: Planted, name: str) -> None:
    """Look at a planted network that somebody else has made.

    **Raises:** `ValueError` where names, groups, truth and trials do not fit one another.

    **Example:**

        >>> made = rj.planted.latch()
        >>> short = eqx.tree_at(lambda made: made.truth.nodes["hold"], made, jnp.ones(2))
        >>> rj.planted.check_planted(short, "mine")
        Traceback (most recent call last):
            ...
        ValueError: mine: the truth of 'hold' must be [7], got (2,)
    """
    N = jax.tree.leaves(planted.network.h0)[0].shape[-1]
    for what, labels in (("units", planted.units), ("groups", planted.groups)):
        if len(labels) != N:
            raise ValueError(f"{name} has {N} units, but {len(labels)} {what}")
    for epoch, row in planted.truth.nodes.items():
        if row.shape != (N,):
            raise ValueError(f"{name}: the truth of {epoch!r} must be [{N}], got {row.shape}")
    trials = planted.sample(jax.random.key(0), 2)
    check_trials(trials)
    asked, known = set(trials.epochs), set(planted.truth.nodes)
    if planted.contrasts is not None:
        contrasts = planted.contrasts(jax.random.key(0), trials)
        check_trials(replace(trials, contrasts=contrasts))
        for contrast, one in contrasts.items():
            if not one.epochs:
                raise ValueError(
                    f"{name}: contrast {contrast!r} needs epochs, which the truth has"
                )
        of_contrasts = {epoch for one in contrasts.values() for epoch in one.epochs or ()}
    else:
        of_contrasts = set()
    if not asked <= known <= asked | of_contrasts:
        raise ValueError(
            f"{name}: trials have the epochs {sorted(asked)}, the truth has {sorted(known)}"
        )


def over_time(truth: Truth, epochs: dict[str, Float[Array, " T"]]) -> Float[Array, "T N"]:
    """The members at each time of one trial: those of whatever epochs hold there.

    **Example:**

        >>> truth = rj.planted.latch(extra=0).truth
        >>> epochs = {"pulse": rj.span(5, 0, 2), "hold": rj.span(5, 2, 5)}
        >>> rj.planted.over_time(truth, epochs).sum(1).tolist()  # members at each step
        [3.0, 3.0, 1.0, 1.0, 1.0]
    """
    rows = [window[:, None] * truth.nodes[name][None] for name, window in epochs.items()]
    return jnp.max(jnp.stack(rows), 0)
