"""Trials for `my_model.py`: a cue of either sign at step 5, and a delay to hold it over."""

import numpy as np

rng = np.random.default_rng(0)
B, T = 24, 30
sign = rng.choice([-1.0, 1.0], B)
inputs = np.zeros((B, T, 1), np.float32)
inputs[:, 5:8, 0] = sign[:, None]
targets = np.zeros((B, T, 1), np.float32)
targets[:, 8:, 0] = sign[:, None]
np.savez(
    "trials.npz",
    inputs=inputs,
    targets=targets,
    epoch_cue=np.array([5, 8]),  # the first step and the one past the last, in every trial
    epoch_delay=np.arange(T) >= 8,  # or a window, one weight a step
)
