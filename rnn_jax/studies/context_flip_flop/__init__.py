"""Who holds, switches and gates a bit in networks under Dale's law?"""

from .study import CONTEXT_FLIP_FLOP

__all__ = ["CONTEXT_FLIP_FLOP"]
