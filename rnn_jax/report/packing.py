"""Numbers as short text: what the explorer's page carries of a dataset.

    halves(effect)          # {"scale": 0.001, "data": "..."}: half precision of a common scale
    numbers(to, "<u2")      # base64 of whole numbers

Half precision keeps three digits, as many as the page shows, in half the room of float32.
"""

import base64
from typing import Any

import numpy as np

TOP = 1024.0
"""The largest number of a block: smaller ones keep three digits down to a ten-millionth of it."""


def numbers(values: Any, dtype: str) -> str:
    """Base64 of an array, little-endian."""
    return base64.b64encode(np.ascontiguousarray(values, dtype).tobytes()).decode()


def halves(values: Any) -> dict[str, Any]:
    """Half precision and its scale: the number is `scale * half`. NaN stays NaN."""
    values = np.asarray(values, float)
    sizes = np.abs(values[np.isfinite(values)])
    scale = (float(sizes.max()) if sizes.size else 0.0) / TOP or 1.0
    return {"scale": scale, "data": numbers(values / scale, "<f2")}


def bytes_of(rows: np.ndarray) -> dict[str, Any]:
    """Rows `[..., n]` in 255 levels between the ends of each row's own range; 255 where NaN.

    For curves that are looked at, and whose ends are written beside them.
    """
    known = np.isfinite(rows)
    low = np.where(known, rows, np.inf).min(-1)
    high = np.where(known, rows, -np.inf).max(-1)
    low, high = (np.where(np.isfinite(end), end, 0.0) for end in (low, high))
    span = np.where(high > low, high - low, 1.0)
    level = np.round(254 * (np.where(known, rows, 0.0) - low[..., None]) / span[..., None])
    level = np.where(known, np.clip(level, 0, 254), 255)
    return {"low": halves(low), "high": halves(high), "data": numbers(level, "u1")}


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    """What `halves` packed, for tests."""
    raw = np.frombuffer(base64.b64decode(packed["data"]), "<f2")
    return raw.astype(float) * packed["scale"]


def plain(value: Any) -> float | None:
    """A number for JSON; `None` where it is not finite."""
    return float(value) if value is not None and np.isfinite(value) else None
