"""A long sweep, window by window, that can be interrupted and go on.

    effects = resumable(sweep, "runs/sweep", track=tqdm)(network, xs, targets, ...)

A finished window is one file, named by all that went into it. Asked again, the same sweep
reads what is there and runs only what is missing; another sweep reads nothing of it.
"""

import functools
import hashlib
import io
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from ..core import Network
from ..core.checks import array, described, function
from ..core.network import num_units, output_shape
from ..core.units import group_masks
from .scores import Score
from .sweep import check_edges, check_masks

Sweep = Callable[..., Array]
SWEEPS = {"sweep": group_masks, "sweep_edges": check_edges}  # what reads who is edited
UNSEEN = ("mesh", "allow_noop")  # options that do not change what is computed


def resumable(
    sweep: Sweep,
    folder: str | os.PathLike | None,
    track: Callable[[range], Iterable[int]] = iter,
) -> Sweep:
    """`sweep` or `sweep_edges`, one window at a time, each kept.

    A window that is killed on the way is run again; no other is. On one device the result has
    the same bytes as an uninterrupted one. With several processes the first one's folder counts.

    **Arguments:**

    - `sweep`: the sweep.
    - `folder`: where windows are kept, made if need be; `None` keeps nothing.
    - `track`: wraps the loop over windows, as `tqdm.tqdm` does.

    **Returns:** a function that is called as `sweep` is, all but the options by position.

    **Raises:** `ValueError` where it is given another function; and when called, as `sweep`.
    """
    name = _check_call(sweep, folder, track)

    def run(
        network: Network,
        xs: PyTree,
        targets: Float[Array, "B T O"],
        score: Score,
        who: Array | list,
        windows: Float[Array, "W ..."],
        value: PyTree,
        **options: Any,
    ) -> Float[Array, "W G B"]:
        rows = SWEEPS[name](who, num_units(network))
        windows = array("windows", windows)
        if rows.ndim == 3 and len(rows) not in (1, len(windows)):
            raise ValueError(f"units of {len(rows)} windows do not fit {len(windows)} windows")
        check_masks("window", windows, options.get("allow_noop", False))

        def one(w: int) -> Array:
            own = rows[w : w + 1] if rows.ndim == 3 and len(rows) > 1 else rows
            return sweep(network, xs, targets, score, own, windows[w : w + 1], value, **options)

        steps = track(range(len(windows)))
        if folder is None:
            return jnp.concatenate([one(w) for w in steps])
        said = {key: option for key, option in options.items() if key not in UNSEEN}
        key = fingerprint(
            name, programs(network, xs, targets, score), network.h0,
            xs, targets, rows, windows, value, said,
        )  # fmt: skip
        home = Path(folder)
        keep = lambda w: _recall(home / f"{key[:16]}-{w:05d}.npy", lambda: one(w))
        return jnp.concatenate([keep(w) for w in steps])

    return run


def _check_call(sweep: Sweep, folder: Any, track: Any) -> str:
    """The name of the sweep, once it is one of ours."""
    name = getattr(sweep, "__name__", "")
    if name not in SWEEPS:
        raise ValueError(f"resumable takes {' or '.join(SWEEPS)}, got {name or sweep!r}")
    if not isinstance(folder, str | os.PathLike | None):
        raise ValueError(f"folder must be a path or None, got {described(folder)}")
    function("track", track)
    return name


def programs(network: Network, xs: PyTree, targets: Array, score: Score) -> tuple[str, ...]:
    """What a network and a score compute, as the compiler is told: weights and all."""
    x, target = jax.tree.map(lambda leaf: leaf[0, 0], xs), targets[0]
    y = output_shape(network)
    ys = jax.ShapeDtypeStruct((len(target), *y.shape), y.dtype)
    asked = (
        (network.step, (network.h0, x)),
        (network.readout, (network.h0,)),
        (score, (ys, target)),
    )
    # a new function each time: `jit` would answer for an equal callable with what it has seen
    return tuple(
        jax.jit(lambda *a, f=f: f(*a)).lower(*arguments).as_text() for f, arguments in asked
    )


def fingerprint(*parts: PyTree) -> str:
    """SHA-256 of arrays and plain values, and of the programs and platform that compute."""
    digest = hashlib.sha256(f"{_own_code()} {jax.__version__} {jax.default_backend()}".encode())
    leaves, treedef = jax.tree.flatten(parts)
    digest.update(str(treedef).encode())
    for leaf in map(_plain, leaves):
        is_array = isinstance(leaf, jax.Array | np.ndarray)
        digest.update(f"{leaf.shape} {leaf.dtype}".encode() if is_array else repr(leaf).encode())
        digest.update(np.ascontiguousarray(leaf).tobytes() if is_array else b"")
    return digest.hexdigest()


def _plain(leaf: Any) -> Any:
    """A random key, which noisy cells may be given, as its numbers."""
    is_key = isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return jax.random.key_data(leaf) if is_key else leaf


@functools.cache
def _own_code() -> str:
    """What a sweep is made of here: once mended, it reads nothing that it wrote before."""
    rooms = (Path(__file__).parents[1] / room for room in ("core", "linear", "causal"))
    files = sorted(path for room in rooms for path in room.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def _recall(path: Path, compute: Callable[[], Array]) -> np.ndarray:
    """What a file holds, or else what is computed, once it stands in the file."""
    first = jax.process_index() == 0
    kept = path.read_bytes() if first and path.exists() else b""
    if jax.process_count() > 1:
        kept = _as_the_first(kept)
    if kept:
        return np.load(io.BytesIO(kept))
    found = np.asarray(compute())
    if first:
        _write(path, found)
    return found


def _as_the_first(kept: bytes) -> bytes:
    """What the first process has, on all of them: they must go the same way."""
    from jax.experimental.multihost_utils import broadcast_one_to_all

    size = int(broadcast_one_to_all(np.array(len(kept))))
    return broadcast_one_to_all(np.frombuffer(kept or bytes(size), np.uint8)).tobytes()


def _write(path: Path, found: np.ndarray) -> None:
    """Write a file that is there whole or not at all, whenever the process is killed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.save(file, found)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
