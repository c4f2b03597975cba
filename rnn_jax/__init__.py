"""Which units, when, and through which connections a recurrent network computes.

A network is a step `(h, x) -> h`; an intervention is a pytree of arrays that maps a step to a
step; a metric turns a trajectory into a number. Every method is an operator on

    F = lambda intervention: metric(rollout(step, h0, xs, intervention))

finite differences of it (`finite`, `sweep`), its gradient (`first_order`), its line integral
(`integrated`), and the Jacobians along its trajectory (`jacobians`, `effective_connectivity`).
Sub-packages hold what is not exported here: `cells`, `planted`, `tasks`, `training`, `report`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._api import *  # noqa: F403

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # JAX takes a second to load, and may refuse to: the command line must have its say first
    if name.startswith("__") and name != "__all__":
        raise AttributeError(f"module 'rnn_jax' has no attribute {name!r}")
    api = importlib.import_module("._api", __name__)
    if name in api.__all__ or name == "__all__":
        return getattr(api, name)
    try:
        return importlib.import_module(f".{name}", __name__)
    except ModuleNotFoundError as error:
        if error.name != f"{__name__}.{name}":
            raise
        raise AttributeError(f"module 'rnn_jax' has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted([*globals(), *importlib.import_module("._api", __name__).__all__])
