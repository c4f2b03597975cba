"""What each sweep of a discovery did, so that two results can be known to be comparable.

    for record in records(subject, settings, findings):
        print(record.digest, record.direction, record.window, record.changed)

Every unit is taken out by itself; `changed` counts what is edited for one of them.
"""

from dataclasses import asdict
from importlib import metadata
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..causal import Record
from ..core import first
from .findings import Findings
from .settings import Settings
from .subject import Subject


def records(subject: Subject, settings: Settings, found: Findings) -> list[Record]:
    """One record an epoch and sweep: both replacement values, and restored clean states."""
    sweeps = (
        (settings.value, "necessity"),
        (settings.second, "necessity"),
        ("patch", "sufficiency"),
    )
    windows = found.epoch_windows
    if settings.kind == "pulse":
        windows = np.asarray(jax.vmap(jax.vmap(first))(jnp.asarray(windows)))
    return [
        Record(
            kind=settings.kind,
            value=value,
            direction=direction,
            window=name,
            units=subject.unit_names,
            metric=found.metric,
            changed=int(np.count_nonzero(window)),
            seed=settings.seed,
        )
        for value, direction in sweeps
        for name, window in zip(found.epochs, windows, strict=True)
    ]


def as_rows(found: list[Record]) -> list[dict[str, Any]]:
    """Records as plain dictionaries with their digests, the units' names left out."""
    return [{**asdict(r), "units": len(r.units), "digest": r.digest} for r in found]


def versions() -> dict[str, str]:
    """The packages that numbers depend on."""
    packages = ("jax", "jaxlib", "equinox", "numpy", "xarray")
    return {name: metadata.version(name) for name in packages}
