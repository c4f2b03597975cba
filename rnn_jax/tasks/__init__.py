"""Tasks: trials with epochs, and what draws them."""

from collections.abc import Callable
from typing import Any, NamedTuple

from .change_detection import ChangeDetection
from .context_bit import ContextBit
from .context_integration import ContextIntegration
from .contrast import Contrast, epochs_after, event_of, first_difference
from .delayed_comparison import DelayedComparison
from .easy_and_xor import EasyAndXor, stimuli
from .flip_flop import FlipFlop
from .hidden_markov import EMITTERS, HiddenMarkov, cyclic, fully_connected, linear_chain
from .hmm import HiddenState
from .symbol_statistics import (
    change_rate,
    mutual_information,
    ngrams,
    stationary,
    symbol_transition,
)
from .trials import Trials, check_trials


class Entry(NamedTuple):
    """A built-in: one line about it, and what makes it.

    **Example:**

        >>> entry = rj.tasks.TASKS["flip-flop"]
        >>> entry.about, entry.make().inputs
        ('task: hold the last pulse of each of three channels', 3)
    """

    about: str
    make: Callable[[], Any]


TASKS = {
    "flip-flop": Entry("task: hold the last pulse of each of three channels", FlipFlop),
    "hidden-state": Entry("task: tell a hidden state from noisy observations", HiddenState),
    "context-bit": Entry("task: hold the last pulse of the channel that a cue named", ContextBit),
    "context-integration": Entry(
        "task: tell the sign of the noisy stream that a cue names", ContextIntegration
    ),
    "delayed-comparison": Entry(
        "task: hold a level through a delay and compare it with a second", DelayedComparison
    ),
    "change-detection": Entry(
        "task: say when the image that is shown again and again changes", ChangeDetection
    ),
}

__all__ = [
    "EMITTERS", "TASKS", "ChangeDetection", "ContextBit", "ContextIntegration", "Contrast",
    "DelayedComparison", "EasyAndXor", "Entry", "FlipFlop", "HiddenMarkov", "HiddenState",
    "Trials", "change_rate", "check_trials", "cyclic", "epochs_after", "event_of",
    "first_difference", "fully_connected", "linear_chain", "mutual_information", "ngrams",
    "stationary", "stimuli", "symbol_transition",
]  # fmt: skip
