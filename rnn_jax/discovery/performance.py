"""How well a network does its task on the trials that it is asked on.

performance(ys, targets)      # {"r2": 0.97, "accuracy": 0.99}
"""

import numpy as np
from jaxtyping import Float

from ..core.types import Numbers


def performance(ys: Float[Numbers, "B T O"], targets: Float[Numbers, "B T O"]) -> dict[str, float]:
    """The share of the targets' variance that outputs explain, and how often they are right.

    `r2 = 1 - mean (y - target)^2 / var target`. `accuracy` is there where targets name classes: of
    one-hot targets, the share of steps whose largest output is the right one; of targets that are
    -1, 0 or 1, the share of outputs of the right sign, where a target of 0 asks for nothing; of
    targets that are 0 or 1 otherwise, the mean over both of the share of outputs on the right side
    of 1/2, so that an output which is rarely asked for is worth 1/2 where it never comes. `r2`
    counts every target like any other.

    **Arguments:**

    - `ys`, `targets`: `[B, T, O]`.

    **Returns:** by name; no `r2` where targets do not vary.

    **Example:**

        >>> ys = np.array([0.5, -0.5, -0.5, 9.0])[:, None, None]
        >>> targets = np.array([1.0, -1.0, 1.0, 0.0])[:, None, None]  # 0: nothing is asked
        >>> round(rj.discovery.performance(ys, targets)["accuracy"], 3)
        0.667
    """
    said, wanted = np.asarray(ys, float), np.asarray(targets, float)
    found = {}
    if (spread := wanted.var()) > 0:
        found["r2"] = float(1 - np.mean((said - wanted) ** 2) / spread)
    asked = wanted != 0
    if asked.any() and np.isin(wanted, (-1, 0, 1)).all():
        one_hot = wanted.shape[-1] > 1 and (wanted >= 0).all() and (asked.sum(-1) <= 1).all()
        if one_hot:
            steps = asked.any(-1)
            right = said[steps].argmax(-1) == wanted[steps].argmax(-1)
        elif (wanted < 0).any():
            right = np.sign(said[asked]) == wanted[asked]
        elif asked.all():
            return found
        else:
            right = np.array([(said[asked] > 0.5).mean(), (said[~asked] < 0.5).mean()])
        found["accuracy"] = float(right.mean())
    return found
