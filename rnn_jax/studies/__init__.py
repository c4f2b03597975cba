"""Whole analyses, each a short script of the pieces below it."""

from .context_flip_flop import CONTEXT_FLIP_FLOP
from .discover import Discovery, discover
from .hmm_inference import HMM_INFERENCE
from .keeping import in_memory, keeper
from .recovery import RECOVERY, recovery
from .representation import REPRESENTATION
from .settings import Settings
from .study import Claim, Study, StudySettings, Verdict, write_up
from .subject import Subject, check_subject
from .subjects import find_subject, names
from .train_settings import TrainSettings
from .trained import train_network, untrained

STUDIES = {
    "recovery": RECOVERY,
    "hmm-inference": HMM_INFERENCE,
    "context-flip-flop": CONTEXT_FLIP_FLOP,
    "representation-vs-role": REPRESENTATION,
}

__all__ = [
    "STUDIES", "Claim", "Discovery", "Settings", "Study", "StudySettings", "Subject",
    "TrainSettings", "Verdict", "check_subject", "discover", "find_subject", "in_memory", "keeper",
    "names", "recovery", "train_network", "untrained", "write_up",
]  # fmt: skip
