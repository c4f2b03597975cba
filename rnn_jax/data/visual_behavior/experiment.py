"""One file: an imaging plane of one session of one mouse.

    experiment = read_experiment("behavior_ophys_experiment_775614751.nwb")
    experiment.about.population               # "V1 L2/3 Vip"
    experiment.images.onset[experiment.images.change]

Tables are read, traces are not: `windows` takes from the file only the frames that it needs.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from .behaviour import Rewards, Series, read_licks, read_rewards, read_running, read_trials
from .cells import Traces, find_traces
from .hdf5 import opened
from .metadata import Metadata, metadata, task_parameters
from .stimuli import Images, novelty, presentations, task_images
from .tables import Table


class Experiment(NamedTuple):
    """What a file holds, but for the traces.

    - `experience`: `Familiar`, `Novel`, a finer word of the experiment table (`Novel 1`), or
        `unknown`.
    - `shown`: all presentations; `images`: those of the task.
    - `trials`, `running`, `licks`, `rewards`: `None` where the file has none.
    """

    path: Path
    about: Metadata
    task: dict[str, Any]
    experience: str
    traces: Traces
    shown: Table
    images: Images
    trials: Table | None
    running: Series | None
    licks: Float[np.ndarray, " n"] | None
    rewards: Rewards | None


def read_experiment(
    path: str | Path, signal: str = "dff", experience: str | None = None
) -> Experiment:
    """Read one file of the Visual Behavior two-photon data set (NWB 2).

    **Arguments:**

    - `path`: the file. A passive session is read like any other: it is asked for by name.
    - `signal`: `dff` or `events`.
    - `experience`: what the experiment table says; without it, what the file says of its images.

    **Raises:** `ValueError`, one line that names the file and the path inside it.

    Layout: AllenSDK 2.16.2, its NWB writer.
    """
    path = Path(path)
    with opened(path) as file:
        about = metadata(file)
        shown = presentations(file)
        images = task_images(shown, about.passive)
        return Experiment(
            path, about, task_parameters(file), experience or novelty(images),
            find_traces(file, signal), shown, images, read_trials(file), read_running(file),
            read_licks(file), read_rewards(file),
        )  # fmt: skip
