"""One trial of each contrast, run and foil side by side: what a reader wants to see first.

    variables, coords = example_variables(subject, asked, hs, ys)

It is the trial whose outputs differ most where they are read, of those that could be asked. States
are kept of the members of the contrast's questions, at most 64: a picture and no data set.
"""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from ..causal.scores import output_scale
from ..contrasts import Answer
from ..contrasts.aligned import epochs_of
from ..core import State, clean_run
from ..tasks import Contrast, event_of
from .asked import Answers
from .subject import Subject

MOST = 64
"""Units whose states an example keeps."""
VERSIONS = ("run", "foil")


class Example(NamedTuple):
    """One trial of a contrast; axis 0 of inputs, outputs and states is `(run, foil)`.

    - `trial`, `event`: its number, and the step of its event; -1 where no trial has one.
    - `start`: the step from which `since` counts: the event, or 0 where foils are of other trials.
    - `units`: `[K]`, whose states these are, -1 for none.
    - `windows`, `reads`: by question, `[T]` and `[T, O]`, in steps of the trial.
    """

    trial: int
    event: int
    start: int
    inputs: Float[np.ndarray, "2 T I"]
    outputs: Float[np.ndarray, "2 T O"]
    states: Float[np.ndarray, "2 T K"]
    units: np.ndarray
    windows: dict[str, np.ndarray]
    reads: dict[str, np.ndarray]


def example_variables(
    subject: Subject, asked: Answers, hs: State, ys: Float[Array, "B T O"]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """An example of each contrast that was asked, with names.

    **Arguments:**

    - `subject`: network and trials.
    - `asked`: the contrasts and their answers.
    - `hs`, `ys`: states and outputs of the clean run.

    **Returns:** variables with their dims, and coordinates; nothing where none was asked.
    """
    if not asked.answers:
        return {}, {}
    states, outputs = np.asarray(jax.tree.leaves(hs)[0]), np.asarray(ys)
    examples = {}
    for name, contrast in asked.contrasts.items():
        answers = [answer for answer in asked.answers if answer.contrast == name]
        examples[name] = _example(subject, contrast, answers, states, outputs)
    stack = lambda part: np.stack([getattr(one, part) for one in examples.values()])
    of_question = lambda part: np.stack(
        [getattr(examples[a.contrast], part)[a.epoch] for a in asked.answers]
    )
    each = ("contrast", "version", "time")
    variables = {f"example_{n}": (("contrast",), stack(n)) for n in ("trial", "event", "start")}
    variables |= {
        "example_inputs": ((*each, "input"), stack("inputs")),
        "example_outputs": ((*each, "output"), stack("outputs")),
        "example_states": ((*each, "shown"), stack("states")),
        "example_unit": (("contrast", "shown"), stack("units")),
        "example_window": (("question", "time"), of_question("windows")),
        "example_read": (("question", "time", "output"), of_question("reads")),
    }
    return variables, {"contrast": list(examples), "version": list(VERSIONS)}


def _example(
    subject: Subject,
    contrast: Contrast,
    answers: list[Answer],
    states: np.ndarray,
    ys: np.ndarray,
) -> Example:
    """The trial of the largest difference, and what both of its runs do."""
    xs = subject.trials.xs
    event = event_of(xs, contrast)
    of_foil, foil = clean_run(subject.network, contrast.foil)
    of_foil, foil = np.asarray(jax.tree.leaves(of_foil)[0]), np.asarray(foil)
    both = np.concatenate([foil, of_foil], -1)
    finite = np.asarray(np.isfinite(both).all((1, 2)))
    epochs = epochs_of(contrast, event, finite, *ys.shape[1:])
    gap = (np.nan_to_num(foil - ys, posinf=0, neginf=0) / output_scale(ys)) ** 2
    size = sum((epoch.read * gap).sum((1, 2)) * epoch.valid for epoch in epochs.values())
    if not np.any(size):
        # refused: what differs at all is still worth a look
        size = gap.sum((1, 2)) * (event >= 0) * finite
    trial = int(np.argmax(size))
    units = _units(answers)
    known = np.where(units >= 0, units, 0)
    pair = lambda run, other: np.stack([run[trial], other[trial]])
    inputs = [np.asarray(jax.tree.leaves(tree)[0]) for tree in (xs, contrast.foil)]
    inputs = [leaf.reshape(*leaf.shape[:2], -1).astype(np.float32) for leaf in inputs]
    return Example(
        trial,
        int(event[trial]),
        int(event[trial]) if contrast.circuit == "event" else 0,
        pair(*inputs),
        pair(ys, foil),
        np.where(units >= 0, pair(states, of_foil)[..., known], np.nan),
        units,
        {name: epoch.window[trial] for name, epoch in epochs.items()},
        {name: epoch.read[trial] for name, epoch in epochs.items()},
    )


def _units(answers: list[Answer]) -> np.ndarray:
    """Members of any question, those of mediators first, then by their effect alone."""
    size = np.max([np.nan_to_num(np.abs(a.single)).max(0) for a in answers], 0)
    ways = np.any([answer.ways for answer in answers], 0)
    order = np.lexsort((-size, -ways[0].astype(int)))
    found = [int(i) for i in order if ways[:, i].any()][:MOST]
    return np.array(found + [-1] * (min(MOST, len(size)) - len(found)))
