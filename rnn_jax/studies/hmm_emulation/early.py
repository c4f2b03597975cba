"""Kick neurons of the steps that a network was trained on.

    found = early(network, later, length=40, key=key, size=FULL)
    found["silent_leaving"]      # [way, group], as of `own_noise`

A network may emulate its model in these steps and not later. Its mechanism is asked at later ones,
where runs are long. Here the same two questions are asked of switches from step 10 to the last
step of training: which units are kick neurons, and does their noise make the switch?
"""

import jax
import numpy as np
from jaxtyping import Bool, PRNGKeyArray

from ...core import Network
from ...core.checks import at_least
from .behaviour import Size
from .kick import Asked, kick_neurons, mediators, unit_features
from .own_noise import own_noise
from .reuse import alike
from .switches import Span

BEGIN = 10
"""The first step at which a switch counts."""


def early(
    network: Network,
    later: Bool[np.ndarray, "way N"],
    length: int,
    key: PRNGKeyArray,
    size: Asked,
) -> dict[str, np.ndarray]:
    """What `kick_neurons` and `own_noise` say of steps 10 to `length`.

    **Arguments:**

    - `network`: as for `noisy_runs`.
    - `later`: the kick neurons of each of `switches.directions` at later steps.
    - `length`: steps of training.
    - `key`: draws all.
    - `size`: how much is asked at later steps. Here it is as many steps in all, of shorter runs.

    **Returns:** what `kick_neurons` returns; what `own_noise` does, under `silent_NAME`; and
    `alike [way]`, the Jaccard index with `later`, 0 for random sets.

    **Raises:** `ValueError` where `length` leaves no step.
    """
    at_least(BEGIN + 1, length=length)
    asked = size._replace(
        behaviour=_shorter(size.behaviour, length),
        looked=_shorter(size.looked, length),
        span=Span(BEGIN, length),
    )
    of_kick, of_features, of_noise = jax.random.split(key, 3)
    found = kick_neurons(network, of_kick, asked)
    sets = mediators(found)
    features = unit_features(network, of_features, asked.looked)
    silent = own_noise(network, sets, features, of_noise, asked.matched, asked.behaviour)
    found |= {f"silent_{name}": value for name, value in silent.items()}
    return found | {"alike": np.array([alike(*pair) for pair in zip(sets, later)])}


def _shorter(size: Size, length: int) -> Size:
    """As many steps in all, of runs that end where training's do."""
    steps = length - BEGIN
    return Size(-(-size.trials * size.steps // steps), steps, BEGIN)
