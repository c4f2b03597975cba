"""A study: claims declared before their numbers, a run, and a verdict on each claim.

    study = STUDIES["recovery"]
    found = study.run(StudySettings(quick=True), track, in_memory)     # an xarray Dataset
    print(write_up("recovery", study, found))               # tables and verdicts, Markdown

A claim names its null and what would refute it. A verdict says which way the numbers fell.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ..core.progress import Track
from .keeping import Keep

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class StudySettings:
    """How much of a study is run: what all have in common. A study may add settings of its own.

    **Example:**

        >>> list(rj.studies.StudySettings(seeds=3, seed=5).range)
        [5, 6, 7]
        >>> len(rj.studies.StudySettings().range), len(rj.studies.StudySettings(quick=True).range)
        (10, 2)
    """

    seeds: int | None = None
    """Seeds; by default ten, or two of the quick version."""

    seed: int = 0
    """The first seed."""

    quick: bool = False
    """A small version with the same tables, in about a minute; its verdicts are no result."""

    def __post_init__(self) -> None:
        if self.seeds is not None and not 1 <= self.seeds <= 10**4:
            raise ValueError(f"seeds must lie in [1, 10000], got {self.seeds}")
        if not 0 <= self.seed < 2**31 - 10**4:
            raise ValueError(f"seed must lie in [0, 2**31 - 10000), got {self.seed}")

    @property
    def range(self) -> range:
        """The seeds to run."""
        count = (2 if self.quick else 10) if self.seeds is None else self.seeds
        return range(self.seed, self.seed + count)


class Claim(NamedTuple):
    """What is claimed, what chance alone would give, and what would refute it.

    **Example:**

        >>> claim = rj.studies.Claim("effects add up", "they do not", "a sum off by 10 %")
        >>> rj.studies.Verdict(claim, "off by 2 %", "holds").fell
        'holds'
    """

    says: str
    null: str
    refuted_by: str


class Verdict(NamedTuple):
    """A claim, what was found, and which way it fell; undecided where the numbers do not tell.

    **Example:**

        >>> claim = rj.studies.Claim("effects add up", "they do not", "a sum off by 10 %")
        >>> verdict = rj.studies.Verdict(claim, "off by 20 %", "refuted")
        >>> verdict.claim.refuted_by, verdict.fell
        ('a sum off by 10 %', 'refuted')
    """

    claim: Claim
    found: str
    fell: Literal["holds", "refuted", "undecided"]


class Study(NamedTuple):
    """A declared analysis.

    - `about`: one line.
    - `claims`: by a short name; written down before any number.
    - `run`: settings, a progress bar and what keeps finished parts, to a Dataset with a
        dimension `seed`.
    - `judge`: the Dataset to a verdict on each claim.
    - `tables`: the Dataset to Markdown.
    - `settings`: the class of its settings, which are also its options on the command line.

    **Example:**

        >>> study = rj.studies.STUDIES["recovery"]
        >>> study.about
        'every method on every planted network: who finds a circuit that is known'
        >>> study.claims["timing"].refuted_by
        'an interval over kinds at or below 0'
    """

    about: str
    claims: dict[str, Claim]
    run: "Callable[[Any, Track, Keep], xr.Dataset]"
    judge: "Callable[[xr.Dataset], Sequence[Verdict]]"
    tables: "Callable[[xr.Dataset], str]"
    settings: type[StudySettings] = StudySettings


def verdict_on(claim: Claim, found: str, holds: bool | None) -> Verdict:
    """The verdict of a comparison: `None` where it decides nothing."""
    return Verdict(claim, found, "undecided" if holds is None else "holds" if holds else "refuted")


def verdict_over(claim: Claim, each: Sequence[bool | None], found: str) -> Verdict:
    """The verdict over networks of which each is judged by its own numbers.

    It holds where it holds for every network that can be judged, is refuted where it holds for
    none, and is undecided between the two.

    **Arguments:**

    - `each`: whether it holds for a network; `None` where its numbers do not tell.
    - `found`: what was found of them, told after how many they are; may be empty.
    """
    told = [bool(holds) for holds in each if holds is not None]
    fell = None if not told else True if all(told) else None if any(told) else False
    count = f"{sum(told)} of {len(told)}" if told else "no network can be judged"
    return verdict_on(claim, f"{count}: {found}" if found else count, fell)


def write_up(name: str, study: Study, found: "xr.Dataset") -> str:
    """The study in Markdown: what it is, the verdict on every claim, the tables.

    **Arguments:**

    - `name`, `study`: of `STUDIES`.
    - `found`: what the study's `run` gave.

    **Returns:** the text.

    **Example:**

        >>> claim = rj.studies.Claim("effects add up", "they do not", "a sum off by 10 %")
        >>> judge = lambda found: [rj.studies.Verdict(claim, "off by 2 %", "holds")]
        >>> parts = dict(run=lambda *settings: None, judge=judge, tables=lambda found: "none")
        >>> study = rj.studies.Study("whether effects add up", {"sum": claim}, **parts)
        >>> said = rj.studies.write_up("sums", study, found.dataset)
        >>> said.splitlines()[8]
        '| effects add up | they do not | a sum off by 10 % | off by 2 % | holds |'
    """
    lines = [f"# {name}", "", f"{study.about[0].upper()}{study.about[1:]}.", ""]
    if command := found.attrs.get("command"):
        versions = json.loads(found.attrs["versions"])
        packages = ", ".join(f"{package} {version}" for package, version in versions.items())
        seeds = ", ".join(str(seed) for seed in found["seed"].values)
        where = f"{found.attrs['seconds']:.0f} s on {found.attrs['device']}"
        lines += [f"`{command}`, {where}; seeds {seeds}; {packages}.", ""]
    lines += ["## Verdicts", ""]
    rows = [
        (v.claim.says, v.claim.null, v.claim.refuted_by, v.found, v.fell)
        for v in study.judge(found)
    ]
    lines.append(markdown_table(("claim", "null", "refuted by", "found", "verdict"), rows))
    return "\n".join([*lines, "", "## Tables", "", study.tables(found)]) + "\n"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    line = lambda cells: "| " + " | ".join(str(cell) for cell in cells) + " |"
    return "\n".join([line(head), line(["---"] * len(head)), *map(line, rows)])
