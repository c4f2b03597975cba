"""Does the circuit alone decode a hidden state as well as the whole network?"""

from .study import HMM_INFERENCE

__all__ = ["HMM_INFERENCE"]
