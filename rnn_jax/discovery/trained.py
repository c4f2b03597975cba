"""Networks trained on a task, from the settings of a command line or a saved model's header.

    network = train_network("flip-flop", TrainSettings(cell="gru", units=64))

The same settings and seed give the same network.
"""

from collections.abc import Callable
from pathlib import Path

import jax

from ..cells import CELLS, Affine, zero_state
from ..core import Network
from ..core.progress import Track, in_silence
from ..tasks import TASKS
from ..training import adam, fit, mean_squared_error
from .train_settings import TrainSettings

Train = Callable[[str, TrainSettings], Network]


def untrained(task: str, settings: TrainSettings) -> Network:
    """A fresh network of the settings' cell and size, as wide as the task's trials need.

    **Example:**

        >>> settings = rj.discovery.TrainSettings(cell="lstm", units=4)
        >>> fresh = rj.discovery.untrained("flip-flop", settings)
        >>> type(fresh.step).__name__, fresh.step.u.shape  # [gate, to, from]: three channels
        ('LSTM', (4, 4, 3))
    """
    cell_key, readout_key = jax.random.split(jax.random.key(settings.seed))
    sizes = TASKS[task].make()
    cell = CELLS[settings.cell](sizes.inputs, settings.units, key=cell_key)
    readout = Affine(settings.units, sizes.outputs, key=readout_key)
    return Network(cell, readout, zero_state(cell))


def train_network(
    task: str,
    settings: TrainSettings = TrainSettings(),
    track: Track = in_silence,
    say: Callable[[str], None] = lambda line: None,
    kept: Path | None = None,
) -> Network:
    """Train a network on a task by its squared error: AdamW, clipped, on a cosine schedule.

    **Arguments:**

    - `task`: a name of `TASKS`.
    - `settings`: cell, size, steps, seed.
    - `track`: a wrapper of the loop that shows progress.
    - `say`: takes the line that says how it ended.
    - `kept`: a folder that keeps how far it is, from which it goes on when called again.

    **Returns:** the trained network.

    **Raises:** `ValueError` where the task is unknown, or where training diverged.

    **Example:**

        >>> few = rj.discovery.TrainSettings(cell="vanilla", units=4, steps=2, batch_size=8)
        >>> made = rj.discovery.train_network("flip-flop", few, say=print)
        trained for 2 steps: ...
        >>> made.step.w.shape
        (4, 4)
    """
    if task not in TASKS:
        raise ValueError(f"no task is called {task!r}; known are {', '.join(TASKS)}")
    network = untrained(task, settings)
    found = fit(
        network,
        TASKS[task].make().sample,
        mean_squared_error,
        jax.random.fold_in(jax.random.key(settings.seed), 1),
        steps=settings.steps,
        batch_size=settings.batch_size,
        optimiser=adam(settings.learning_rate, settings.steps),
        patience=6,
        goal=settings.goal,
        kept=kept,
        track=track,
    )
    say(
        f"trained for {len(found.losses)} steps: {found.reason}; "
        f"loss {found.losses[-20:].mean():.4f}"
    )
    return found.network
