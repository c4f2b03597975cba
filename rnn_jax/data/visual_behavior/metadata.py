"""What a file says of itself: which mouse, session and plane, how deep, and which task.

    about = metadata(file)
    about.area, about.layer, about.type         # "V1", "L2/3", "Vip"
    task_parameters(file)["omitted_flash_fraction"]

Both are HDF5 *attributes* of their groups, and numbers may be stored as text. Layers are bins of
the imaging depth, as in Balwani et al., Science Advances 2025 (sadv.adw4970).
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from ...cells.visual_cortex import POPULATIONS as POPULATIONS
from .hdf5 import as_number, attributes, holds, inside, member, names, one_text

if TYPE_CHECKING:
    import h5py

AREAS = {"VISp": "V1", "VISl": "LM"}
TYPES = {"Slc17a7": "Pyr", "Sst": "Sst", "Vip": "Vip"}
"""The cell type of a driver line, by how its name begins."""
LAYERS = {"L2/3": (0.0, 250.0), "L4": (250.0, 370.0), "L5": (370.0, 500.0)}
"""Imaging depths in micrometres; the lower end belongs to a layer, the upper to the next."""
LAYERS_OF_INTERNEURONS = LAYERS | {"L4": (250.0, 295.0), "L5": (295.0, 500.0)}
"""The same for Sst and Vip, whose deep planes are shallower."""
OLD_NAMES = {"ophys_container_id": "experiment_container_id", "equipment_name": "rig_name"}


class Metadata(NamedTuple):
    """One imaging plane of one session of one mouse.

    - `experiment`, `session`, `container`: identifiers, '' where the file has none.
    - `mouse`: its identifier.
    - `session_type`: the stage, as `OPHYS_1_images_A`.
    - `structure`: the area's name in the file; `area`: `V1`, `LM`, or '' for any other.
    - `line`: the driver line, or the genotype; `type`: `Pyr`, `Sst`, `Vip`, or ''.
    - `depth`: micrometres, NaN where unknown; `layer`: `L2/3`, `L4`, `L5`, or ''.
    - `rate`: imaging rate as stored, in Hz; NaN where it is not.
    - `attributes`: everything else that the file says.
    """

    experiment: str
    session: str
    container: str
    mouse: str
    session_type: str
    structure: str
    area: str
    line: str
    type: str
    depth: float
    layer: str
    rate: float
    attributes: dict[str, Any]

    @property
    def passive(self) -> bool:
        """Whether the mouse could not act: the session's type ends in `_passive`."""
        return self.session_type.endswith("_passive")

    @property
    def population(self) -> str:
        """Area, layer and type, as `V1 L2/3 Vip`; '' where one is unknown."""
        parts = (self.area, self.layer, self.type)
        return " ".join(parts) if all(parts) else ""

    @property
    def unknown(self) -> str:
        """Why there is no population, in words; '' where there is one."""
        known = {
            f"area {self.structure or 'unknown'}": self.area,
            f"line {self.line or 'unknown'}": self.type,
            f"depth {self.depth:g} um": self.layer,
        }
        return ", ".join(says for says, found in known.items() if not found)


def metadata(file: "h5py.File") -> Metadata:
    """A file's metadata.

    **Raises:** `ValueError` where the group, the mouse or the session is missing, or a depth is
    no number.
    """
    about = attributes(group := member(file, "general/metadata"))
    for name, old in OLD_NAMES.items():
        if name not in about and old in about:
            about[name] = about[old]
    session = identifier(about, "ophys_session_id") or identifier(about, "behavior_session_id")
    if not session:
        raise ValueError(f"{inside(group, 'ophys_session_id')}: the attribute is not there")
    subject = member(file, "general/subject")
    if not (mouse := one_text(subject, "subject_id")):
        raise ValueError(f"{inside(subject, 'subject_id')}: not there")
    structure, rate = _plane(file)
    line = _line(subject)
    type_ = next((name for begin, name in TYPES.items() if line.startswith(begin)), "")
    depth = _depth(about, str(group.name))
    return Metadata(
        identifier(about, "ophys_experiment_id"), session,
        identifier(about, "ophys_container_id"), mouse, _session_type(file, about),
        structure, AREAS.get(structure, ""), line, type_, depth, layer(depth, type_), rate, about,
    )  # fmt: skip


def identifier(about: dict[str, Any], name: str) -> str:
    """A whole number as text, whichever way it is stored; '' where it is missing."""
    value = about.get(name, "")
    return str(int(value)) if isinstance(value, float) and math.isfinite(value) else str(value)


def layer(depth: float, type_: str = "Pyr") -> str:
    """The layer of a depth in micrometres, by the bins of the cell type; '' outside all of them.

    500 um belongs to L5.
    """
    bins = LAYERS_OF_INTERNEURONS if type_ in ("Sst", "Vip") else LAYERS
    inner = (name for name, (low, high) in bins.items() if low <= depth < high)
    return next(inner, "L5" if depth == bins["L5"][1] else "")


def task_parameters(file: "h5py.File") -> dict[str, Any]:
    """The attributes of the task: floats, text, and tuples of them; empty where missing."""
    path = "general/task_parameters"
    return attributes(member(file, path)) if holds(file, path) else {}


def _session_type(file: "h5py.File", about: dict[str, Any]) -> str:
    return str(about.get("session_type") or task_parameters(file).get("session_type", ""))


def _depth(about: dict[str, Any], where: str) -> float:
    for name in ("imaging_depth", "targeted_imaging_depth"):
        if name in about:
            return as_number(about[name], f"{where}/{name}")
    return math.nan


def _line(subject: "h5py.Group") -> str:
    """The driver line that names a known type, else any, else the genotype."""
    said = attributes(subject).get("driver_line", ())
    lines = [str(line) for line in (said if isinstance(said, tuple) else (said,)) if line]
    lines.append(one_text(subject, "genotype"))
    known = (line for line in lines if line.startswith(tuple(TYPES)))
    return next(known, next(iter(lines)))


def _plane(file: "h5py.File") -> tuple[str, float]:
    """The area's name and the imaging rate of the only plane; '' and NaN where unknown."""
    path = "general/optophysiology"
    planes = names(member(file, path)) if holds(file, path) else []
    inner = [member(file, f"{path}/{name}") for name in planes]
    known = ("location", "imaging_rate")
    found = [one for one in inner if hasattr(one, "keys") and any(holds(one, k) for k in known)]
    if len(found) > 1:
        said = ", ".join(str(plane.name).rpartition("/")[2] for plane in found)
        raise ValueError(f"/{path}: expected one imaging plane, got {said}")
    if not found:
        return "", math.nan
    rate = one_text(found[0], "imaging_rate")
    return one_text(found[0], "location"), as_number(rate, f"{found[0].name}/imaging_rate")
