"""Train a GRU in PyTorch to compare two levels with a delay between them, and save its weights.

    pip install torch safetensors
    python train_in_pytorch.py                 # makes comparison.safetensors, in a few minutes

The tutorial `notebooks/03_pytorch.py` reads that file. Inputs are (stimulus, go). The first level
lasts 4 steps, then comes a delay of 8 to 16 steps, then the second level for 4. Then `go` is on
for 6 steps, in which the output is to be 1 where the second level is the larger, and -1 elsewhere.
"""

import numpy as np
import torch
from safetensors.torch import save_file

UNITS, STEPS, LENGTH = 64, 1500, 32


def trials(rng, count):
    """Inputs `[count, 32, 2]` and targets `[count, 32, 1]`, 0 where nothing is asked."""
    levels = rng.integers(0, 9, (count, 2))
    close = abs(levels[:, 0] - levels[:, 1]) < 2
    while close.any():
        levels[close] = rng.integers(0, 9, (close.sum(), 2))
        close = abs(levels[:, 0] - levels[:, 1]) < 2
    time = np.arange(LENGTH)[None]
    second = (2 + 4 + rng.integers(8, 17, count))[:, None]
    shown = [(time >= 2) & (time < 6), (time >= second) & (time < second + 4)]
    go = (time >= second + 4) & (time < second + 10)
    stimulus = sum(on * (0.1 + 0.1 * levels[:, [i]]) for i, on in enumerate(shown))
    answer = np.sign(levels[:, 1] - levels[:, 0])[:, None] * go
    as_tensor = lambda array: torch.tensor(array, dtype=torch.float32)
    return as_tensor(np.stack([stimulus, go], -1)), as_tensor(answer[..., None])


class Comparator(torch.nn.Module):
    """A GRU and a linear readout."""

    def __init__(self):
        super().__init__()
        self.rnn = torch.nn.GRU(2, UNITS, batch_first=True)
        self.out = torch.nn.Linear(UNITS, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


if __name__ == "__main__":
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = Comparator()
    adam = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    for step in range(STEPS):
        xs, targets = trials(rng, 64)
        loss = ((model(xs) - targets) ** 2).mean()
        adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        if step % 100 == 0:
            print(step, loss.item(), flush=True)
    xs, targets = trials(rng, 2000)
    asked = targets != 0
    right = (torch.sign(model(xs)) == targets)[asked].float().mean()
    print(f"right in the report: {right:.3f}")
    save_file(model.state_dict(), "comparison.safetensors")
