"""Has the screen missed a better unit? The rounds of a growth again, with all candidates run.

audited(network, question, candidates, joined, reach, rows=65)       # 1.0: never
"""

import numpy as np
from jaxtyping import Float, Int

from ..core import Network
from .exchange import Question, exchanged, shares

RUNS = 1024
"""Most candidates that are run: as many rounds as that allows, one at least."""
SAME = 1e-3
"""Residuals no further apart count as the same."""


def audited(
    network: Network,
    question: Question,
    candidates: Float[np.ndarray, "G N"],
    joined: Int[np.ndarray, " K"],
    reach: Float[np.ndarray, " 2"],
    rows: int,
) -> float:
    """The share of rounds in which no candidate is better than the one that joined.

    **Arguments:**

    - `network`, `question`, `candidates`, `reach`: as for `grow`.
    - `joined`: candidates in the order in which they joined.
    - `rows`: how many rows a program is compiled for already.

    **Returns:** a share; NaN where nothing joined.
    """
    G = len(candidates)
    rounds = min(len(joined), max(1, RUNS // G))
    norms = np.asarray(question.norms, float)
    best = []
    for k in range(rounds):
        before = candidates[joined[:k]].max(0, initial=0)
        masks = np.zeros((max(rows, G), candidates.shape[1]), question.ys.dtype)
        masks[:G] = np.maximum(before, candidates)
        found = shares(np.asarray(exchanged(network, question, masks), float)[:, :G], norms)
        effect, off = found.effect / reach[:, None], found.off / reach[:, None] ** 2
        residual = ((1 - effect) ** 2 + off).sum(0)
        best.append(residual[joined[k]] <= np.nanmin(residual) + SAME)
    return float(np.mean(best)) if best else np.nan
