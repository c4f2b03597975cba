"""The study of networks that emulate hidden Markov models, and of the mechanism in them."""

from .study import HMM_EMULATION

__all__ = ["HMM_EMULATION"]
