"""Subjects by name: a built-in network, a task to train on, or a user's own network.

    subject = find_subject("ring-attractor")
    subject = find_subject("my_model.py:network", trials_file="trials.npz")
    subject = find_subject("weights.npz", trials_file="trials.npz", cell="gru")

What is built in or trained brings its own trials.
"""

import difflib
from dataclasses import replace
from pathlib import Path

import jax

from ..core import Network
from ..data import READERS, reader
from ..planted import PLANTED
from ..tasks import TASKS, Trials
from ..training import load_header, load_model
from .saved import made_from, of_run, rebuilt
from .subject import Subject
from .train_settings import TrainSettings
from .trained import Train, train_network

OF_TASK, OF_BUILT = 96, 48
"""Trials that are drawn where nobody says how many."""


def names() -> dict[str, str]:
    """Every built-in subject with one line about it.

    **Example:**

        >>> known = rj.discovery.names()
        >>> known["latch"]
        'built: a bit that is set, reset and held'
    """
    return {name: entry.about for name, entry in {**PLANTED, **TASKS}.items()}


def find_subject(
    name: str,
    trials_file: str | None = None,
    cell: str | None = None,
    training: TrainSettings = TrainSettings(),
    count: int | None = None,
    seed: int = 0,
    train: Train = train_network,
) -> Subject:
    """The subject of a name or a file.

    **Arguments:**

    - `name`: a built-in network, a task, `FILE.py:NAME`, a weights file (of a
        suffix in `rnn_jax.data.READERS`), a model that `rnn-jax train` saved (`.eqx`), or the
        folder of a discovery.
    - `trials_file`: a file of trials, for a user's own network.
    - `cell`: the kind of cell: what to train, or what a weights file holds.
    - `training`: how a task is trained on.
    - `count`, `seed`: how many trials are drawn, by default 96 of a task, since half of them have
        an event, and 48 of a built-in network; and from which seed.
    - `train`: runs the training; the command line's shows progress.

    **Returns:** a `Subject`: name, network, trials and names of units.

    **Raises:** `ValueError` where the name is unknown, with the nearest known name.

    **Example:**

        >>> subject = rj.discovery.find_subject("latch", count=4)
        >>> subject.trials.xs.shape, subject.units[:3]
        ((4, 27, 2), ('set', 'reset', 'memory'))
        >>> rj.discovery.find_subject("lach")
        Traceback (most recent call last):
            ...
        ValueError: 'lach' is no built-in network or task, ... perhaps you meant latch ...
    """
    key = jax.random.fold_in(jax.random.key(seed), 1)
    if count is None:
        count = OF_BUILT if name in PLANTED else OF_TASK
    if not 1 <= count < 2**31:
        raise ValueError(f"count must lie in [1, 2**31), got {count}")
    brings_trials = name in PLANTED or name in TASKS
    if brings_trials and trials_file is not None:
        raise ValueError(f"{name} brings its own trials; --trials is for a network of your own")
    if cell is not None and (name in PLANTED or ".py" in name or name.endswith(".eqx")):
        raise ValueError(f"{name} has its cell already; --cell is for tasks and weights files")
    if name in PLANTED:
        return _built(name, key, count)
    if name in TASKS:
        training = replace(training, cell=cell or training.cell)
        network = train(name, training)
        return Subject(name, network, drawn(name, key, count), origin=training.origin(name))
    if Path(name).is_dir():
        return of_run(Path(name), trials_file)
    if name.endswith(".eqx"):
        return _saved(Path(name), key, count, trials_file)
    if Path(name).suffix in READERS["weights"]:
        origin = {"weights": str(Path(name).resolve()), "cell": cell}
    elif ".py:" in name:
        # a run opens again from anywhere
        origin = {"file": str(Path(name).resolve())}
    else:
        raise ValueError(_unknown(name))
    return _own(Path(name).name, made_from(origin), origin, trials_file)


def load(
    path: str | Path,
    trials: str | Path | None = None,
    cell: str | None = None,
    like: Network | None = None,
) -> Subject:
    """Network and trials of a run's folder, a model, a file of weights, or a user's module.

    **Arguments:**

    - `path`: the folder of a discovery, whose own trials come back; a model (`.eqx`); weights
        (of a suffix in `rnn_jax.data.READERS`); `FILE.py:NAME`; the name of a built-in network;
        or the name of a task, on which a network is trained first.
    - `trials`: a file of trials, for weights and modules, and in the place of those that a run
        or a model brings.
    - `cell`: the kind of cell that a weights file holds, where it cannot be told.
    - `like`: a network of the same structure, for the folder or the model of a network that was
        made in Python. Weights that its step holds in a closure are its own, not those of the
        file.

    **Returns:** a `Subject`: `subject.network`, `subject.trials`.

    **Raises:** `ValueError` where the path is of another kind, cannot be read, or the network
    gives other outputs than the run has kept.

    **Example:**

        >>> rj.load("latch").size
        7
    """
    file = None if trials is None else str(trials)
    if like is None:
        return find_subject(str(path), file, cell)
    if cell is not None:
        raise ValueError("cell is for files of weights; like gives the structure already")
    if Path(path).is_dir():
        return of_run(Path(path), file, like)
    if Path(path).suffix != ".eqx":
        raise ValueError(f"like is for a run's folder or a model (.eqx), got {path}")
    return _own(Path(path).name, load_model(path, like), load_header(path), file)


def _own(name: str, network: Network, origin: dict, trials_file: str | None) -> Subject:
    """A network with a file of trials, which its origin names too, to be opened again."""
    if trials_file is None:
        known = " or ".join(f"FILE{suffix}" for suffix in READERS["trials"])
        raise ValueError(f"{name} needs trials: --trials {known} with inputs and epochs")
    origin = {**origin, "trials": str(Path(trials_file).resolve())}
    return Subject(name, network, reader("trials", trials_file)(Path(trials_file)), origin=origin)


def _built(name: str, key: jax.Array, count: int) -> Subject:
    planted = PLANTED[name].make()
    trials, truth = planted.sample(key, count), planted.truth.nodes
    if planted.contrasts is not None:
        trials = replace(trials, contrasts=planted.contrasts(jax.random.fold_in(key, 1), trials))
    origin = {"built-in": name}
    return Subject(name, planted.network, trials, planted.units, planted.groups, truth, origin)


def _saved(path: Path, key: jax.Array, count: int, trials_file: str | None) -> Subject:
    """The network of an earlier run: on fresh trials of its task, or on those of a file."""
    origin = load_header(path)
    network = rebuilt(path, origin)
    if "built-in" in origin:
        if trials_file is not None:
            raise ValueError(f"{path} is {origin['built-in']}, which brings its own trials")
        return _built(origin["built-in"], key, count)
    if "file" in origin or "weights" in origin:
        return _own(path.name, network, origin, trials_file or origin.get("trials"))
    name = f"{origin['task']}-{path.stem}"
    if trials_file is not None:
        return _own(name, network, origin, trials_file)
    return Subject(name, network, drawn(origin["task"], key, count), origin=origin)


def drawn(name: str, key: jax.Array, count: int) -> Trials:
    """Trials of a task, with its contrasts."""
    task = TASKS[name].make()
    trials = task.sample(key, count)
    return replace(trials, contrasts=task.contrasts(jax.random.fold_in(key, 1), trials))


def _unknown(name: str) -> str:
    if Path(name).is_file() and not name.endswith(".py"):
        return (
            f"{name} is of no known kind: weights are read from .safetensors (torch: "
            "safetensors.torch.save_file) and .npz, a model from .eqx, a network from FILE.py:NAME"
        )
    near = difflib.get_close_matches(name, names(), 1)
    hint = f"; perhaps you meant {near[0]}" if near else ""
    if name.endswith(".py"):
        hint = f"; perhaps you meant {name}:NAME"
    return (
        f"{name!r} is no built-in network or task, no FILE.py:NAME, and no file or folder{hint} "
        "(rnn-jax list shows what is built in)"
    )
