"""What the mouse was shown: all tables of presentations, joined, and the images of the task.

    shown = presentations(file)             # every row of every table, sorted by time
    images = task_images(shown)             # those of the change-detection task
    images.onset[images.change]             # seconds

One table a kind of stimulus, named `..._presentations`; older releases write a single one. Every
column but `start_time` and `image_name` may be missing: what is missing and can be computed from
the images is computed, omissions skipped.

Layout: AllenSDK 2.16.2, its NWB writer.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from .hdf5 import member, names
from .tables import Table, floats, length, table, words

if TYPE_CHECKING:
    import h5py

WHERE = "intervals"
SUFFIX = "_presentations"
OMITTED = "omitted"
ELSEWHERE = ("spontaneous", "natural_movie", "gray", "grey")
"""How tables begin that hold no images of the task, where no column says so."""
NUMBERS = (
    "start_time", "stop_time", "is_change", "omitted", "is_image_novel", "flashes_since_change",
    "active", "stimulus_block", "movie_frame_index",
)  # fmt: skip
WORDS = ("image_name", "stimulus_name", "stimulus_block_name", "image_set")


class Images(NamedTuple):
    """The `P` images of the task in order of time, those left out (omissions) among them.

    - `onset`: seconds, also of an omission: when the image was due.
    - `until`: seconds, when the next image of the block is due.
    - `name`: `omitted` for omissions.
    - `omitted`, `change`: truth.
    - `since_change`: images shown since the last change, 0 at the change itself; an omission
        has the count of the image before it.
    - `novel`: 1, 0, or NaN where the file does not say.
    - `first`: whether no image of the same block comes before it.
    """

    onset: Float[np.ndarray, " P"]
    until: Float[np.ndarray, " P"]
    name: Shaped[np.ndarray, " P"]
    omitted: Bool[np.ndarray, " P"]
    change: Bool[np.ndarray, " P"]
    since_change: Int[np.ndarray, " P"]
    novel: Float[np.ndarray, " P"]
    first: Bool[np.ndarray, " P"]


def presentations(file: "h5py.File") -> Table:
    """All tables of presentations, joined and sorted by `start_time`.

    **Returns:** columns `start_time`, `stop_time` (seconds), `is_change`, `omitted`,
    `is_image_novel`, `flashes_since_change`, `active`, `stimulus_block`, `movie_frame_index`
    (float64, NaN where missing), `image_name`, `stimulus_name`, `stimulus_block_name`,
    `image_set`, and `table`, the name of the table (text, '' where missing).

    **Raises:** `ValueError` where there is no table, or a start is missing or not finite.
    """
    group = member(file, WHERE)
    tables = sorted(name for name in names(group) if name.endswith(SUFFIX))
    if not tables:
        raise ValueError(f"/{WHERE}: holds no table that ends in {SUFFIX}")
    parts = [_part(member(group, name), name) for name in tables]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(joined["start_time"], kind="stable")
    return {name: values[order] for name, values in joined.items()}


def _part(group: "h5py.Group", name: str) -> Table:
    columns, where = table(group), str(group.name)
    if "start_time" not in columns:
        raise ValueError(f"{where}/start_time: not there")
    found = {column: floats(columns, column, where) for column in NUMBERS}
    if not np.isfinite(found["start_time"]).all():
        raise ValueError(f"{where}/start_time: not finite")
    found |= {column: words(columns, column) for column in WORDS}
    return found | {"table": np.full(length(columns), name, object)}


def task_images(shown: Table, passive: bool = False) -> Images:
    """The images of the change-detection task.

    They are the rows whose `stimulus_block_name` says so; where no such column is, rows with an
    image's name that belong to no movie and no grey screen. Rows with `active` 0 are left out
    unless `passive`.

    **Raises:** `ValueError` where such rows are missing.
    """
    block, named = shown["stimulus_block_name"], shown["image_name"] != ""
    told = np.array(["change_detection" in name for name in block], bool)
    elsewhere = np.array([name.startswith(ELSEWHERE) for name in shown["table"]], bool)
    elsewhere |= np.array([name.startswith(ELSEWHERE) for name in shown["stimulus_name"]], bool)
    guessed = ~elsewhere & np.isnan(shown["movie_frame_index"])
    chosen = named & np.where(block != "", told, guessed)
    if not passive:
        chosen &= shown["active"] != 0
    if not chosen.any():
        raise ValueError(f"/{WHERE}: holds no image of the change-detection task")
    rows = {name: values[chosen] for name, values in shown.items()}
    onset, omitted = rows["start_time"], (rows["omitted"] == 1) | (rows["image_name"] == OMITTED)
    first = _first_of_block(rows)
    change = np.where(
        np.isfinite(rows["is_change"]),
        rows["is_change"] == 1,
        changes(rows["image_name"], omitted, first),
    )
    change = change.astype(bool) & ~omitted
    since = np.where(
        np.isfinite(rows["flashes_since_change"]),
        rows["flashes_since_change"],
        since_change(change, omitted, first),
    )
    name = np.where(omitted, OMITTED, rows["image_name"])
    return Images(
        onset, _until(onset, first), name, omitted, change, since.astype(int),
        rows["is_image_novel"], first,
    )  # fmt: skip


def _first_of_block(rows: Table) -> Bool[np.ndarray, " P"]:
    """Where a block begins: by its number, else by its name, else only at the first image."""
    block = rows["stimulus_block"]
    moved = np.isfinite(block[1:]) & np.isfinite(block[:-1]) & (block[1:] != block[:-1])
    name = rows["stimulus_block_name"]
    return np.concatenate([[True], moved | (name[1:] != name[:-1])])


def _until(onset: Float[np.ndarray, " P"], first: Bool[np.ndarray, " P"]) -> np.ndarray:
    """When the next image is due; after the last of a block, the median interval later."""
    steps = np.diff(onset)
    within = steps[~first[1:]]
    usual = float(np.median(within)) if within.size else 0.0
    return onset + np.append(np.where(first[1:], usual, steps), usual)


def changes(
    name: Shaped[np.ndarray, " P"],
    omitted: Bool[np.ndarray, " P"],
    first: Bool[np.ndarray, " P"],
) -> Bool[np.ndarray, " P"]:
    """Where an image differs from the last image that was shown; never at a block's first."""
    found, last = np.zeros(len(name), bool), None
    for k in range(len(name)):
        last = None if first[k] else last
        if not omitted[k]:
            found[k] = last is not None and name[k] != last
            last = name[k]
    return found


def since_change(
    change: Bool[np.ndarray, " P"],
    omitted: Bool[np.ndarray, " P"],
    first: Bool[np.ndarray, " P"],
) -> Int[np.ndarray, " P"]:
    """Images shown since the last change, or since the block's first before any change."""
    found, count = np.zeros(len(change), int), -1
    for k in range(len(change)):
        if change[k] or first[k]:
            count = -1
        count += not omitted[k]
        found[k] = max(count, 0)
    return found


def novelty(images: Images) -> str:
    """`Novel` where any image is said to be novel, `Familiar` where all are not, else `unknown`.

    Never by the letter of the image set, which says nothing about the mouse's past.
    """
    known = images.novel[np.isfinite(images.novel) & ~images.omitted]
    if not known.size:
        return "unknown"
    return "Novel" if (known == 1).any() else "Familiar"
