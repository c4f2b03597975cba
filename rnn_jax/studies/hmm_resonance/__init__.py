"""The study of resonance: is there a scale of the noise at which emitted symbols are regular?"""

from .study import HMM_RESONANCE

__all__ = ["HMM_RESONANCE"]
