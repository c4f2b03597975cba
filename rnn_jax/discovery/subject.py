"""What a discovery is about: a network, its trials, the names of its units, and a truth if known.

    subject = Subject("mine", network, trials)
    subject = find_subject("ring-attractor", count=24, seed=0)

Only a network and its trials are needed; names and truth come on top.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from ..core import Network, State
from ..core.checks import described
from ..core.network import num_units, output_shape
from ..data import check_network
from ..tasks import Trials, check_trials


@dataclass(frozen=True)
class Subject:
    """A network with its trials.

    - `name`: what reports call it.
    - `network`: the network.
    - `trials`: `[B, T, ...]` trials with epochs.
    - `units`: one name per unit; empty for their numbers.
    - `groups`: one label per unit; may be empty.
    - `truth`: per epoch `[N]`, 1 where a unit belongs to the circuit; `None` where unknown.
        Only the scoring of a finished result reads it.
    - `origin`: how to make it again, for `config.json`.

    **Example:**

        >>> rj.Subject("mine", network, trials).size
        6
    """

    name: str
    network: Network
    trials: Trials
    units: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    truth: dict[str, Float[Array, " N"]] | None = None
    origin: dict[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of units N."""
        return jax.tree.leaves(self.network.h0)[0].shape[0]

    @property
    def unit_names(self) -> tuple[str, ...]:
        """One name per unit."""
        return self.units or tuple(str(i) for i in range(self.size))

    @property
    def unit_groups(self) -> tuple[str, ...]:
        """One label per unit."""
        return self.groups or ("units",) * self.size


def check_subject(subject: Subject) -> None:
    """Look for whatever would fail later, before anything compiles.

    **Raises:** `ValueError`, one line: what was got and what was expected.

    **Example:**

        >>> short = rj.Subject("mine", network, eqx.tree_at(lambda t: t.xs, trials, xs[:, :, :1]))
        >>> rj.discovery.check_subject(short)
        Traceback (most recent call last):
            ...
        ValueError: the step rejects an input of shape (1,): ... expected (2,); ...
    """
    if not isinstance(subject, Subject):
        raise ValueError(f"expected a Subject(name, network, trials), got {described(subject)}")
    num_units(subject.network)
    check_trials(subject.trials)
    if not subject.trials.epochs:
        raise ValueError(
            "the trials declare no epoch: name at least one window of time (epoch_NAME in a file)"
        )
    targets = subject.trials.targets
    xs = jax.tree.map(lambda leaf: np.asarray(leaf)[0], subject.trials.xs)
    check_network(subject.network, xs, None if targets is None else targets.shape[-1])
    for what, names in (("unit names", subject.units), ("group labels", subject.groups)):
        if names and len(names) != subject.size:
            raise ValueError(f"{len(names)} {what} for {subject.size} units")
        for name in names:
            if not isinstance(name, str) or not name.isprintable() or not name.strip():
                raise ValueError(f"{what} must be text that can be printed, got {name!r}")
    if twice := [name for name, count in Counter(subject.units).items() if count > 1]:
        raise ValueError(f"unit names must differ from one another, got {twice[0]!r} twice")
    for name, contrast in subject.trials.contrasts.items():
        read = () if contrast.read is None else np.shape(contrast.read)
        outputs = output_shape(subject.network).size
        if len(read) == 3 and read[-1] not in (1, outputs):
            raise ValueError(
                f"contrast {name!r}: read weighs {read[-1]} outputs, the network has {outputs}"
            )
    _check_truth(subject)


def check_run(hs: State, ys: Array) -> None:
    """**Raises:** `ValueError`, where a state or an output of the clean run is not finite."""
    for name, leaf in [("state", leaf) for leaf in jax.tree.leaves(hs)] + [("output", ys)]:
        if not (good := np.isfinite(np.asarray(leaf))).all():
            b, t, i = (int(k) for k in np.argwhere(~good)[0])
            raise ValueError(
                f"the clean run is not finite at trial {b}, time {t}: {name} {i} is not a number"
            )


def _check_truth(subject: Subject) -> None:
    """**Raises:** `ValueError` where the truth does not speak of each epoch and unit."""
    truth = subject.truth
    if truth is None:
        return
    if missing := [name for name in subject.trials.epochs if name not in truth]:
        raise ValueError(f"the truth lacks the trials' epochs {', '.join(missing)}")
    for name, nodes in truth.items():
        if (shape := np.shape(nodes)) != (subject.size,):
            raise ValueError(f"the truth of epoch {name!r} must be [{subject.size}], got {shape}")
