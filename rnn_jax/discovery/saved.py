"""What a run has saved: its network, built again from the model's header, and its trials.

network = rebuilt(Path("runs/lstm/model.eqx"), load_header("runs/lstm/model.eqx"))
subject = of_run(Path("runs/ring-attractor"))
"""

from pathlib import Path
from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from ..core import Network, clean_run
from ..core.checks import floats
from ..data import load_network, network_from_torch, reader
from ..planted import PLANTED
from ..tasks import TASKS, Trials
from ..training import load_header, load_model
from .kept_contrasts import contrasts_of
from .subject import Subject
from .train_settings import TrainSettings
from .trained import untrained

if TYPE_CHECKING:
    import xarray as xr


def rebuilt(path: Path, origin: dict) -> Network:
    """The network of a model file: its header says how to build it; its weights are the file's."""
    if origin.get("built-in") in list(PLANTED):
        return load_model(path, PLANTED[origin["built-in"]].make().network)
    for part in ("file", "weights", "trials"):
        if not isinstance(origin.get(part, ""), str):
            raise ValueError(f"{path}: {part} in its header must be a path, got {origin[part]!r}")
    if "file" in origin or "weights" in origin:
        again = f"{path} was made from {origin.get('file') or origin.get('weights')}"
        try:
            like = made_from(origin)
        except ValueError as error:
            raise ValueError(f"{again}, which cannot be read: {error}") from error
        return load_model(path, like)
    if origin.get("task") in list(TASKS):
        return load_model(path, untrained(origin["task"], TrainSettings.from_origin(origin)))
    if not origin:
        raise ValueError(
            f"{path} is of a network that was made in Python: in Python, rnn_jax.load(path, "
            "like=...) opens it with a network of the same structure"
        )
    raise ValueError(
        f"{path} was not trained on a known task, so that its trials are not known; its header "
        f"says {origin}: discover that again"
    )


def made_from(origin: dict) -> Network:
    """The network of a user's file, or of a file of weights."""
    if "file" in origin:
        return load_network(origin["file"])
    return network_from_torch(origin["weights"], origin.get("cell"))


def of_run(folder: Path, trials_file: str | None = None, like: Network | None = None) -> Subject:
    """Network, trials, names and truth of a discovery's folder.

    **Arguments:**

    - `folder`: of the run.
    - `trials_file`: other trials in the place of the run's.
    - `like`: a network of the same structure, where the header says nothing of it.

    **Raises:** `ValueError` where the folder is not one of `discover`, its network or trials
    cannot be built again, or the network gives other outputs than the run has kept.
    """
    path, results = folder / "model.eqx", folder / "results.nc"
    for file in (path, results):
        if not file.exists():
            raise ValueError(f"{folder} is no run of discover: it has no {file.name}")
    import xarray as xr

    origin = load_header(path)
    network = rebuilt(path, origin) if like is None else load_model(path, like)
    data = xr.load_dataset(results, engine="h5netcdf")
    units, groups = (tuple(map(str, data[name].values)) for name in ("unit", "group"))
    name = str(data.attrs["subject"])
    if trials_file is not None:
        trials = reader("trials", trials_file)(Path(trials_file))
        return Subject(name, network, trials, units, groups, origin=origin)
    trials = trials_of(data, results)
    kept = data["outputs"].transpose("trial", "time", "output").values
    check_outputs(
        network, trials, kept,
        f"the network built from {path} gives other outputs than the run has kept: weights that a "
        "step or a readout holds in a closure are in no file, so that like must have the same",
    )  # fmt: skip
    return Subject(name, network, trials, units, groups, _truth(data), origin)


def read_results(folder: Path) -> "xr.Dataset":
    """The numbers of a discovery's folder.

    **Raises:** `ValueError` where the folder is not one of `discover`, or its file is cut off.

    **Example:**

        >>> (folder / "mine").mkdir()
        >>> found.dataset.to_netcdf(folder / "mine" / "results.nc")  # as `rj.save` does
        >>> dict(rj.discovery.read_results(folder / "mine").sizes)["unit"]
        6
    """
    results = folder / "results.nc"
    if not results.exists():
        raise ValueError(f"{folder} is no run of discover: it has no results.nc")
    import xarray as xr

    try:
        data = xr.load_dataset(results, engine="h5netcdf")
    except Exception as error:
        raise ValueError(f"{results} cannot be read: it is no whole NetCDF file") from error
    if "circuits" not in data.attrs:
        raise ValueError(f"{folder} is no run of discover: it holds no circuits")
    return data


def trials_of(data: "xr.Dataset", results: Path) -> Trials:
    """The trials of a run's numbers.

    **Raises:** `ValueError` where the run has kept a part of the inputs alone.
    """
    if data.attrs.get("inputs", "whole") != "whole":
        raise ValueError(f"{results} holds a part of the inputs: give a file of trials")
    rows = lambda name, *dims: data[name].transpose(*dims).values
    masks = rows("epoch_mask", "epoch", "trial", "time")
    epochs = dict(zip(map(str, data["epoch"].values), map(floats, masks), strict=True))
    targets = floats(rows("targets", "trial", "time", "output")) if "targets" in data else None
    xs = rows("inputs", "trial", "time", "input")
    # inputs that index something stay integers
    return Trials(
        floats(xs) if xs.dtype.kind == "f" else jnp.asarray(xs),
        targets,
        epochs,
        contrasts_of(data),
    )


def _truth(data: "xr.Dataset") -> dict[str, Array] | None:
    """The truth of the trials' epochs, and of those that only contrasts have."""
    if "truth" not in data:
        return None
    rows = data["truth"].transpose("epoch", "unit").values
    truth = dict(zip(map(str, data["epoch"].values), map(floats, rows), strict=True))
    if "question_truth" in data:
        of_questions = data["question_truth"].transpose("question", "unit").values
        for name, row in zip(data["question_epoch"].values, of_questions, strict=True):
            if np.isfinite(row).all():
                truth.setdefault(str(name), floats(row))
    return truth


def check_outputs(network: Network, trials: Trials, kept: np.ndarray, refusal: str) -> None:
    """**Raises:** `ValueError`, as worded, where the network gives other outputs than are kept."""
    ys: Array = clean_run(network, trials.xs)[1]
    if ys.shape != kept.shape or not np.allclose(
        ys, kept, rtol=1e-2, atol=1e-3 * np.abs(kept).max()
    ):
        raise ValueError(refusal)
