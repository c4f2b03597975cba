"""Which method finds a planted circuit, of which kind, under how much noise."""

from .study import RECOVERY, recovery

__all__ = ["RECOVERY", "recovery"]
