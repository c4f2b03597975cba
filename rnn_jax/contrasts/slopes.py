"""Exchanges of one set that have a derivative with respect to who is in it.

slope = jax.grad(lambda mask: sums_of_mask(network, question, mask)[0].sum())(mask)
"""

import jax
from jax import lax
from jaxtyping import Array, Float

from ..causal.sweep.budget import default_memory, fit_budget
from ..core import Network, Replace, ordered, outputs
from ..core.rollout import unroll
from .exchange import Question, flat, sums_of_run


def sums_of_mask(
    network: Network, question: Question, mask: Float[Array, " N"]
) -> Float[Array, "2 n 3"]:
    """The three sums of each trial, see `sums_of`, of one set.

    Runs are taken in blocks that keep to the budget of memory, each run again on the way back.
    It is one part of a program: call it inside `jit`.
    """
    step = ordered(network.step, "vector first")

    def one(q: Question) -> Array:
        edit = Replace(q.window[:, None] * mask[None], q.value)
        run = unroll(step, q.h0, q.xs, edit)
        own = Network(step, network.readout, q.h0)
        return sums_of_run(outputs(own, run), (q.ys, q.gap, q.read, q.times)).sum(0)

    q = flat(question)
    rows, L = q.ys.shape[:2]
    at_once = fit_budget(network, L, 1, rows, default_memory(), "window").trials
    if at_once < rows:
        sums = lax.map(jax.checkpoint(one), q, batch_size=at_once)
    else:
        sums = jax.vmap(one)(q)
    return sums.reshape(2, -1, 3)
