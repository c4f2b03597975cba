"""Ask a contrast: which units carry the difference, and which produce it alone.

    answers = ask(network, trials, "bit 0", trials.contrasts["bit 0"], Search(), key)
    answers[0].sets[0].members           # the mediator of the first epoch

Half of the trials choose the sets, sizes included; the other half judges them. The same search
runs in random bases, in which a network without a circuit of units needs as few axes as units.
"""

from collections.abc import Sequence
from dataclasses import astuple
from functools import partial
from pathlib import Path

import jax
import numpy as np
from jaxtyping import Bool, Float, PRNGKeyArray

from ..core import Network
from ..core.network import num_units
from ..core.progress import Track, in_silence
from ..tasks import Contrast, Trials
from . import search as rule
from .aligned import Pair, aligned
from .answers import WAYS, Answer, UnitSet
from .exchange import Question, choose, exchanged, shares
from .halves import repeated, split, stand
from .kept_answers import keeper
from .search import Search
from .sets import Asking, carriers, circuit, mediator, of_reach, repeats, rows_of_single
from .times import over_time
from .unroll import unroll


def ask(
    network: Network,
    trials: Trials,
    name: str,
    contrast: Contrast,
    search: Search,
    key: PRNGKeyArray,
    groups: Sequence[str] = (),
    track: Track = in_silence,
    store: Path | None = None,
) -> list[Answer]:
    """Mediators, carriers and circuits of each epoch of a contrast.

    It compiles itself: one program for each search, whatever the epoch and the basis.

    **Arguments:**

    - `network`, `trials`: what is asked about.
    - `name`, `contrast`: the question.
    - `search`: tolerances, and how many bases, half-splits and random sets.
    - `key`: draws them, and the halves.
    - `groups`: a label for each unit; where single units do next to nothing, groups are searched.
    - `track`: shows the progress of each epoch, over half-splits and random bases.
    - `store`: a folder that keeps each answer once it is found; `None` keeps nothing.

    **Returns:** an `Answer` for each epoch.

    **Raises:** `ValueError` where the read does not fit the outputs.

    **Example:**

        >>> few = rj.contrasts.Search(bases=0, splits=0, random_sets=19)
        >>> answers = rj.contrasts.ask(network, trials, "pulse", contrast, few, key)
        >>> [answer.epoch for answer in answers], answers[0].trials  # of either half
        (['event', 'later'], (4, 4))
        >>> print(answers[0].note)
        refused: of 8 trials 8 have the event; each half needs 10 (draw about 30 trials)
    """
    pair = aligned(network, trials, contrast)
    said = (name, tuple(groups), tuple(pair.epochs), astuple(search), jax.random.key_data(key))
    keep = keeper(store, network, pair, said)
    answers = []
    for e, epoch in enumerate(pair.epochs):
        own = jax.random.fold_in(key, e)
        one = partial(_answer, network, pair, name, epoch, search, own, tuple(groups), track)
        answers.append(keep(e, one))
    return answers


def _answer(
    network: Network,
    pair: Pair,
    contrast: str,
    name: str,
    search: Search,
    key: PRNGKeyArray,
    groups: tuple[str, ...],
    track: Track,
) -> Answer:
    """One epoch: whether it can be asked, what single units do, and its sets."""
    of_halves, of_sets = jax.random.split(key)
    epoch, N = pair.epochs[name], num_units(network)
    halves = split(of_halves, epoch.valid, rule.FEW_TRIALS if N > rule.MANY else None)
    choosing, judging = (choose(pair, epoch, *half) for half in halves[:2])
    standing = stand(pair, epoch, choosing, judging, halves.most)
    part = choosing.norms_by_output[..., 0].sum((0, 1))
    outputs = tuple(np.flatnonzero(part >= rule.CONCERNED * part.sum()).tolist())
    blank = Answer(
        contrast, name, *standing, epoch.direct, outputs, np.full(2, np.nan), np.zeros((2, N)),
        (), np.zeros((len(WAYS), N), bool),
    )  # fmt: skip
    if standing.note:
        return blank
    reach, single = _single(network, choosing, rows_of_single(network, search))
    blank = blank._replace(reach=reach, single=single, repeated=repeated(pair, halves))
    if not reach.min() >= rule.REACH:
        note = (
            f"not decided in this window: exchanging all units there does {reach.min():.2f} of "
            "the difference; the rest enters after it"
        )
        return blank._replace(note=note)
    alone = np.nan_to_num(np.abs(single) / of_reach(reach)[:, None]).max(0)
    names, candidates = _candidates(N, groups, bool(alone.max() >= rule.SMALL))
    asking = Asking(network, pair, epoch, halves, search, of_sets, candidates, names)
    sets = _sets(asking, blank.name, track)
    blank = blank._replace(sets=sets, ways=_ways(sets, alone))
    together = sets[0].members if sets[0].members.any() else blank.members
    times = over_time(network, pair, epoch, halves.judging, together, blank.members)
    count = int(sets[-1].members.sum())
    asked = search.unrolled and count > 0 and (names or count <= rule.UNROLLED)
    return blank._replace(times=times, unrolled=unroll(asking, sets[-1]) if asked else None)


def _sets(asking: Asking, label: str, track: Track) -> tuple[UnitSet, ...]:
    """All sets of an epoch; what is nearly all the work, other halves and bases, is tracked."""
    progress = iter(track(range(2 * sum(repeats(asking)) + 1), label))
    next(progress, None)  # its clock starts here
    asking = asking._replace(progress=progress)
    sets = (mediator(asking), *carriers(asking), circuit(asking))
    next(progress, None)
    return sets


def _ways(sets: tuple[UnitSet, ...], alone: Float[np.ndarray, " N"]) -> Bool[np.ndarray, "4 N"]:
    """Who came in by each kind of set, and by a large effect alone."""
    of_kind = lambda kind: [found.members for found in sets if found.kind == kind]
    by_sets = [np.any([np.zeros(len(alone), bool), *of_kind(kind)], 0) for kind in WAYS[:3]]
    return np.array([*by_sets, alone >= rule.LARGE])


def _single(
    network: Network, question: Question, count: int
) -> tuple[Float[np.ndarray, " 2"], Float[np.ndarray, "2 N"]]:
    """The reach, and the effect of each unit alone.

    There are as many rows as random sets fill later, where units are fewer: one program for both.
    """
    N = num_units(network)
    rows = np.zeros((count, N), question.ys.dtype)
    rows[:N], rows[-1] = np.eye(N), 1
    sums = np.asarray(exchanged(network, question, rows), float)
    effect = np.asarray(shares(sums, np.asarray(question.norms, float)).effect)
    return effect[:, -1], effect[:, :N]


def _candidates(
    N: int, groups: tuple[str, ...], units_do: bool
) -> tuple[tuple[str, ...], Float[np.ndarray, "G N"]]:
    """Units; or groups, where there are some and no unit alone does a quarter."""
    names = tuple(dict.fromkeys(groups))
    if len(names) < 2 or units_do:
        return (), np.eye(N)
    return names, np.array([[label == name for label in groups] for name in names], float)
