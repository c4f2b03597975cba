"""Whole analyses, a package each: declared claims, a run, verdicts."""

from .context_flip_flop import CONTEXT_FLIP_FLOP
from .hmm_emulation import HMM_EMULATION
from .hmm_inference import HMM_INFERENCE
from .hmm_resonance import HMM_RESONANCE
from .keeping import in_memory, keeper
from .recovery import RECOVERY, recovery
from .representation import REPRESENTATION
from .study import Claim, Study, StudySettings, Verdict, write_up
from .trained_circuits import TRAINED_CIRCUITS
from .visual_behavior import VISUAL_BEHAVIOR

STUDIES: dict[str, Study] = {
    "recovery": RECOVERY,
    "hmm-inference": HMM_INFERENCE,
    "context-flip-flop": CONTEXT_FLIP_FLOP,
    "representation-vs-role": REPRESENTATION,
    "trained-circuits": TRAINED_CIRCUITS,
    "hmm-emulation": HMM_EMULATION,
    "hmm-resonance": HMM_RESONANCE,
    "visual-behavior": VISUAL_BEHAVIOR,
}

__all__ = [
    "STUDIES", "Claim", "Study", "StudySettings", "Verdict", "in_memory", "keeper", "recovery",
    "write_up",
]  # fmt: skip
