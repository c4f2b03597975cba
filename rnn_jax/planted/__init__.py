"""Planted networks: circuits that are known because they were built."""

from ..tasks import Entry
from .balanced import balanced_memory
from .context import context_flip_flop
from .decisions import comparator, counter, xor_latch
from .disguises import add_readers, disguised, flip_signs, permute, rotate, split
from .gated_route import gated_route
from .graded import graded_distractors
from .hidden_state import hmm_filter, hmm_states
from .latches import tanh_latches
from .motifs import delay_line, gate, integrator, latch, sequence
from .oscillator import oscillators
from .planted import Planted, Truth, check_planted, over_time
from .reservoir import in_reservoir
from .ring_attractor import ring_attractor
from .scales import unequal_outputs
from .semi_synthetic import interchange_error, semi_synthetic
from .subspace import rotated_code
from .switching import noise_switch
from .traps import (
    and_pair,
    cancelled_pair,
    copies,
    correlated_unread,
    dormant_path,
    high_variance_unread,
    local_corruption,
    or_pair,
    self_repairing,
)
from .vip_ramp import vip_ramp, vip_ramp_windows
from .wiring import Unit, truth_of, truth_over, wire, with_unread

PLANTED = {
    "ring-attractor": Entry(
        "built: a bump that rests, travels and jumps, moved by two shifter rings", ring_attractor
    ),
    "copies": Entry("trap: a bit held thrice, so that single units are silent", copies),
    "and-pair": Entry(
        "trap: both of a pair are needed, so that restoring one is silent", and_pair
    ),
    "or-pair": Entry("trap: either of a pair will do, so that losing one is silent", or_pair),
    "cancelled-pair": Entry("trap: a unit whose two paths cancel", cancelled_pair),
    "correlated-unread": Entry("trap: unread units that hold the target best", correlated_unread),
    "high-variance-unread": Entry("trap: an unread block of large variance", high_variance_unread),
    "dormant-path": Entry("trap: a path that only ablation to zero opens", dormant_path),
    "self-repair": Entry("trap: a backup that takes over within two steps", self_repairing),
    "local-corruption": Entry("trap: one window is wired otherwise", local_corruption),
    "context-flip-flop": Entry(
        "built: a memory that two channels may write, each in its own context", context_flip_flop
    ),
    "hmm-filter": Entry("built: log-odds of two hidden states, by softplus units", hmm_filter),
    "hmm-states": Entry("built: log posterior of four hidden states", hmm_states),
    "delay-line": Entry("built: a packet that travels down a chain", delay_line),
    "sequence": Entry("built: units active in turn after a go cue", sequence),
    "integrator": Entry("built: evidence summed, held, and told when asked", integrator),
    "latch": Entry("built: a bit that is set, reset and held", latch),
    "gate": Entry("built: two routes, one of which a control input opens", gate),
    "xor-latch": Entry("built: the exclusive or of two pulses, held", xor_latch),
    "comparator": Entry("built: whether the second of two stimuli is the larger", comparator),
    "semi-synthetic": Entry(
        "trained: the exclusive or of two pulses, three of sixteen units its variables",
        semi_synthetic,
    ),
    "disguised": Entry(
        "disguise: an integrator split, turned over, shuffled, and read by others", disguised
    ),
    "counter": Entry("built: pulses counted modulo four", counter),
    "graded-distractors": Entry(
        "hard: units as active as the circuit and read with small weights", graded_distractors
    ),
    "tanh-latches": Entry(
        "hard: three bits in saturated latches, with false wires among them", tanh_latches
    ),
    "gated-route": Entry(
        "hard: a gated unit in which one unit multiplies what another passes on", gated_route
    ),
    "unequal-outputs": Entry(
        "hard: two outputs, one of a twentieth of the other's scale", unequal_outputs
    ),
    "rotated-code": Entry(
        "hard: two numbers along directions that no unit lies in: distributed", rotated_code
    ),
    "in-reservoir": Entry("hard: a latch within a chaotic reservoir that hears it", in_reservoir),
    "oscillators": Entry("hard: two phases, each carried by a rotating pair", oscillators),
    "noise-switch": Entry("hard: a bit that a burst of noise turns", noise_switch),
    "balanced-memory": Entry(
        "hard: a number between balanced excitation and inhibition", balanced_memory
    ),
    "vip-ramp": Entry(
        "hard: an omitted image, Vip units that ramp, and what they disinhibit", vip_ramp
    ),
}

__all__ = [
    "PLANTED", "Planted", "Truth", "Unit", "add_readers", "and_pair", "balanced_memory",
    "cancelled_pair", "check_planted", "comparator", "context_flip_flop", "copies",
    "correlated_unread", "counter", "delay_line", "disguised", "dormant_path", "flip_signs",
    "gate", "gated_route", "graded_distractors", "high_variance_unread", "hmm_filter",
    "hmm_states", "in_reservoir", "integrator", "interchange_error", "latch",
    "local_corruption", "noise_switch", "or_pair", "oscillators", "over_time", "permute",
    "ring_attractor", "rotate", "rotated_code", "self_repairing",
    "semi_synthetic", "sequence", "split", "tanh_latches", "truth_of", "truth_over",
    "unequal_outputs", "vip_ramp", "vip_ramp_windows", "wire", "with_unread", "xor_latch",
]  # fmt: skip
