"""How a long loop tells where it is: a wrapper of the loop, which a caller may give.

for window in track(windows, "units x windows"): ...
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

Track = Callable[[Sequence[Any], str], Iterable[Any]]
"""Goes through a sequence; that of the command line shows a progress bar with its label."""


def in_silence(items: Sequence[Any], label: str) -> Iterable[Any]:
    """Shows nothing."""
    return items
