"""Findings with names: one xarray Dataset, whose dims say what every axis is.

    dataset = to_dataset(subject, settings, findings)
    dataset["epoch_effect"].sel(epoch="switch").to_series().abs().nlargest(5)

Connectivity is `[to, from]`; effects are `F(intervened) - F(clean)`. This is the one place
where findings meet the subject's truth, to be scored and never to be steered.
"""

import json
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..causal.ranking import rank_agreement
from ..cells import Units
from ..circuits import (
    auroc,
    average_precision,
    benjamini_hochberg,
    bootstrap_mean,
    precision_recall,
)
from ..data.label import window_ends
from ..linear import pca
from .asked import of_answers
from .examples import example_variables
from .findings import Findings
from .kept_contrasts import contrast_variables
from .performance import performance
from .records import as_rows, records, versions
from .schema import described
from .settings import Settings
from .subject import Subject

if TYPE_CHECKING:
    import xarray as xr


OVER_STEPS = ("fidelity", "squared-error", "margin")
"""Metrics that are means over the steps of a trial."""
Variables = dict[str, tuple[tuple[str, ...], Any]]


def to_dataset(subject: Subject, settings: Settings, found: Findings) -> "xr.Dataset":
    """All numbers of a discovery with their dims, in float32; `schema` says what each is.

    **Arguments:**

    - `subject`: for the names of units, and the truth if it has one.
    - `settings`: recorded as attributes.
    - `found`: what was measured.

    **Returns:** a Dataset with the dims epoch, window, unit, to, from, time, trial, output,
    input and pc.
    """
    import xarray as xr

    variables = _runs(subject, found) | _effects(settings, found) | _connections(found)
    variables |= _sets(found)
    of_sets, question, said = of_answers(subject, found.asked)
    kept, of_kept = contrast_variables(subject.trials, found.ys.shape[-1])
    examples, of_examples = example_variables(subject, found.asked, found.hs, found.ys)
    variables |= of_sets | kept | examples
    if subject.truth is not None:
        variables |= _recovery(subject.truth, found)
    units = list(subject.unit_names)
    coords = {
        "epoch": list(found.epochs),
        "unit": units,
        "to": units,
        "from": units,
        "group": ("unit", list(subject.unit_groups)),
    } | window_ends(np.asarray(found.windows) > 0)
    coords |= question | of_kept | of_examples
    data = {name: (dims, _plain(values)) for name, (dims, values) in variables.items()}
    attributes = _attributes(subject, settings, found) | said
    attributes["failures"] = json.dumps(found.causes.failures)
    attributes["records"] = json.dumps(as_rows(records(subject, settings, found)))
    return described(xr.Dataset(data, coords, attributes))


def _plain(values: Any) -> np.ndarray:
    values = np.asarray(values)
    return values.astype(np.float32) if values.dtype.kind == "f" else values


def _attributes(subject: Subject, settings: Settings, found: Findings) -> dict[str, Any]:
    targets = subject.trials.targets
    does = {} if targets is None else performance(found.ys, targets)
    return does | {
        "subject": subject.name,
        "metric": found.metric,
        "value": settings.value,
        "kind": settings.kind,
        "direction": "necessity; sufficiency restores clean states into corrupted runs",
        "effect": "F(intervened) - F(clean)",
        "estimator": "exact",
        "codes": "0 finite, 1 overflow, 2 not a number",
        "seed": settings.seed,
        "inputs": "whole" if getattr(subject.trials.xs, "ndim", 0) == 3 else "a part",
        "readout": "units" if isinstance(subject.network.readout, Units) else "its own",
        "device": str(jax.devices()[0]),
        "versions": json.dumps(versions()),
    }


def _runs(subject: Subject, found: Findings) -> Variables:
    """What the network did: inputs, states, outputs, and the states' principal components."""
    states = np.asarray(jax.tree.leaves(found.hs)[0])
    flat = states.reshape(-1, states.shape[-1])
    # one program instead of one for each of its operations
    components = eqx.filter_jit(pca)(jnp.asarray(flat), min(3, *flat.shape))
    scores = (states - np.asarray(components.mean)) @ np.asarray(components.basis)
    xs = np.asarray(jax.tree.leaves(subject.trials.xs)[0])
    xs = xs.reshape(*xs.shape[:2], -1)
    targets = subject.trials.targets
    asked = {} if targets is None else {"targets": (("trial", "time", "output"), targets)}
    return asked | {
        "states": (("trial", "time", "unit"), states),
        "inputs": (("trial", "time", "input"), xs),
        "outputs": (("trial", "time", "output"), found.ys),
        "pca": (("trial", "time", "pc"), scores),
        "pca_variance": (("pc",), components.share),
        "window_mask": (("window", "time"), found.windows),
        "remaining": (("window",), _remaining(found)),
        "epoch_mask": (("epoch", "trial", "time"), found.epoch_windows),
    }


def _remaining(found: Findings) -> np.ndarray:
    """The share of the trial that follows each window's start; 1 for scores of another kind."""
    windows = np.asarray(found.windows) > 0
    if found.metric not in OVER_STEPS:
        return np.ones(len(windows))
    return 1 - windows.argmax(1) / windows.shape[1]


def _effects(settings: Settings, found: Findings) -> Variables:
    """Effects with their 95 % bootstrap intervals over trials."""
    key = jax.random.key(settings.seed)
    variables: Variables = {}
    for name, dim, effects in (
        ("effect", "window", found.causes.windows),
        ("epoch_effect", "epoch", found.causes.epochs),
    ):
        interval = bootstrap_mean(effects, key, settings.resamples)
        dims = (dim, "unit")
        variables[name] = (dims, effects.mean(-1))
        variables[f"{name}_low"] = (dims, interval.low)
        variables[f"{name}_high"] = (dims, interval.high)
    second = found.causes.second.mean(-1)
    first = found.causes.epochs.mean(-1)
    return variables | {
        "second_effect": (("epoch", "unit"), second),
        "rank_agreement": (("epoch",), rank_agreement(first, second)),
        "restoring_effect": (("epoch", "unit"), found.causes.sufficiency.mean(-1)),
        "p_value": (("epoch", "unit"), found.selection.p_value),
        "q_value": (("epoch", "unit"), found.selection.q_value),
        "member": (("epoch", "unit"), found.selection.members),
        "code": (("window", "unit", "trial"), found.causes.codes[0]),
        "epoch_code": (("epoch", "unit", "trial"), found.causes.codes[1]),
    }


def _connections(found: Findings) -> Variables:
    """Effective connectivity per window and epoch; its factors where the cell has them."""
    square = ("to", "from")
    variables: Variables = {
        "connectivity": (("window", *square), found.connectivity.total),
        "epoch_connectivity": (("epoch", *square), found.epoch_connectivity.total),
        "connectivity_size": (("window", *square), found.connectivity.size),
        "epoch_connectivity_size": (("epoch", *square), found.epoch_connectivity.size),
        "edge_member": (("epoch", *square), found.edges),
    }
    if found.connectivity.wire is not None:
        variables |= {
            "wire": (square, found.connectivity.wire),
            "gate": (("window", "unit"), found.connectivity.gate),
            "signal": (("window", "unit"), found.connectivity.signal),
        }
    return variables


def _sets(found: Findings) -> Variables:
    p = np.array([test.p_value for test in found.sets])
    q, told = np.full_like(p, np.nan), np.isfinite(p)
    if told.any():
        q[told] = benjamini_hochberg(p[told])
    variables: Variables = {"circuit_p": (("epoch",), p), "circuit_q": (("epoch",), q)}
    for name in ("faithfulness", "necessity"):
        ratios = [getattr(test, name) for test in found.sets]
        for suffix, part in (("", "estimate"), ("_low", "low"), ("_high", "high")):
            values = np.array([float(getattr(ratio, part)) for ratio in ratios])
            variables[name + suffix] = (("epoch",), values)
    random = np.stack([test.random for test in found.sets])
    return variables | {"random_faithfulness": (("epoch", "random_set"), random)}


def _recovery(truth: dict[str, Any], found: Findings) -> Variables:
    """The selection against the truth, in each epoch that has one."""
    nodes = np.stack([np.asarray(truth[name]) > 0 for name in found.epochs])
    size = np.abs(found.causes.epochs.mean(-1))
    hits = [precision_recall(*pair) for pair in zip(found.selection.members, nodes, strict=True)]
    ranked = lambda mark: [mark(*pair) for pair in zip(size, nodes, strict=True)]
    return {
        "truth": (("epoch", "unit"), nodes),
        "precision": (("epoch",), [hit.precision for hit in hits]),
        "recall": (("epoch",), [hit.recall for hit in hits]),
        "auroc": (("epoch",), ranked(auroc)),
        "average_precision": (("epoch",), ranked(average_precision)),
    }
