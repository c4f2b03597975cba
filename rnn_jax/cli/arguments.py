"""The arguments of each command, as frozen records that say what they mean.

args = parse(["discover", "ring-attractor", "--width", "5"])
"""

import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Union

import tyro

from ..core.checks import one_of
from ..data import READERS
from ..discovery.portrait.settings import DynamicsSettings
from ..discovery.settings import Settings
from ..discovery.train_settings import TrainSettings
from ..studies import STUDIES, StudySettings

SUFFIXES = {what: ", ".join(known) for what, known in READERS.items()}
SUBJECT = (
    "A built-in network or task (see `rnn-jax list`), FILE.py:NAME of your own network, a weights "
    f"file ({SUFFIXES['weights']}), the model of an earlier run (.eqx), or a run's folder."
)
TRIALS = (
    f"A file ({SUFFIXES['trials']}) of trials (inputs, targets, epoch_NAME; foil_NAME and more "
    "for contrasts), for a network of your own, or to replace the task's trials for a model."
)


@dataclass(frozen=True)
class OfSubject:
    """What `discover` and `dynamics` both ask for: a subject, its trials, and a folder."""

    subject: Annotated[tyro.conf.Positional[str], tyro.conf.arg(help=SUBJECT)]

    out: Path | None = None
    """Folder for the results; by default runs/SUBJECT."""

    overwrite: bool = False
    """Replace a finished run in that folder."""

    trials: Annotated[Path | None, tyro.conf.arg(help=TRIALS)] = None

    cell: str | None = None
    """The cell to train on a task (`rnn-jax list` has all), or the one that a weights file holds
    (rnn, rnn-relu, gru, lstm)."""

    units: int = 64
    """Units to train with, where the subject is a task."""

    count: int | None = None
    """Trials to draw, where the subject is built in; by default 96 of a task, 48 of a network."""


@dataclass(frozen=True)
class Discover(OfSubject):
    """Find which units matter, when, and through which connections; leave a report."""

    processes: int = 1
    """Processes to run in on this machine, which share the work. A cluster's launcher starts
    them itself."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)


@dataclass(frozen=True)
class Dynamics(OfSubject):
    """Find fixed points, how the network moves near them, and what sets of units do to them."""

    out: Path | None = None
    """Folder for the results; by default runs/dynamics-SUBJECT."""

    circuits: Path | None = None
    """The folder of `rnn-jax discover` of the same network: each of its circuits is taken out, and
    the points are found again."""

    without: tuple[str, ...] = ()
    """Units, by their names: they are taken out together, and the points are found again."""

    settings: Annotated[DynamicsSettings, tyro.conf.arg(name="")] = field(
        default_factory=DynamicsSettings
    )


@dataclass(frozen=True)
class Train:
    """Train a network on a task and save it as model.eqx."""

    task: tyro.conf.Positional[str]
    """A task of `rnn-jax list`."""

    out: Path | None = None
    """Folder for the model; by default runs/TASK-CELL."""

    overwrite: bool = False
    """Replace a finished run in that folder."""

    training: Annotated[TrainSettings, tyro.conf.arg(name="")] = field(
        default_factory=TrainSettings
    )


@dataclass(frozen=True)
class StudyRun:
    """What all studies are asked; each has its settings beside it, as `settings`."""

    study: ClassVar[str]
    settings: ClassVar[StudySettings]

    out: Path | None = None
    """Folder for the results; by default runs/study-NAME."""

    overwrite: bool = False
    """Replace a finished study in that folder."""

    source: Annotated[Path | None, tyro.conf.arg(name="from")] = None
    """The NAME.nc of an earlier run: judge and draw its numbers again, and run nothing."""


def _of_study(name: str) -> Any:
    """The arguments of one study, which has its own settings."""
    own = STUDIES[name].settings
    fields = [("settings", Annotated[own, tyro.conf.arg(name="")], field(default_factory=own))]
    about = STUDIES[name].about
    made = make_dataclass(
        f"Study_{name.replace('-', '_')}", fields, bases=(StudyRun,), frozen=True,
        namespace={"__doc__": f"{about[0].upper()}{about[1:]}.", "study": name},
    )  # fmt: skip
    return Annotated[made, tyro.conf.subcommand(name)]


Study = make_dataclass(
    "Study",
    [("run", Union[tuple(map(_of_study, STUDIES))])],  # noqa: UP007
    frozen=True,
    namespace={
        "__doc__": "Run a declared study, and write its table with the verdict on every claim."
    },
)


@dataclass(frozen=True)
class Compare:
    """Put the reports of two runs of `discover` side by side in one page."""

    first: tyro.conf.Positional[Path]
    """The folder of a run."""

    second: tyro.conf.Positional[Path]
    """The folder of another run: with another seed or cell, or after more training."""

    out: Path | None = None
    """The page; by default FIRST-and-SECOND.html beside the first folder."""

    overwrite: bool = False
    """Replace a page of that name, if this command has written it."""


@dataclass(frozen=True)
class List:
    """Show the built-in networks, tasks, studies and cells, one line each."""


Command: Any = Union[Discover, Dynamics, Train, Study, Compare, List]  # noqa: UP007


def parse(arguments: Sequence[str]) -> Any:
    """What the arguments ask for.

    **Raises:** `ValueError`, one line, where they cannot be read; `SystemExit` after help.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise ValueError(f"an argument is not UTF-8: {argument!r}") from None
    if arguments[:1] == ["study"] and not "".join(arguments[1:2]).startswith("-"):
        for name in arguments[1:2]:
            one_of("a study's name", name, STUDIES)
    config = (
        tyro.conf.FlagCreatePairsOff,
        tyro.conf.OmitArgPrefixes,
        tyro.conf.OmitSubcommandPrefixes,
    )
    said = io.StringIO()
    try:
        with _wide(), contextlib.redirect_stderr(said):
            return tyro.cli(Command, args=arguments, prog="rnn-jax", config=config)
    except SystemExit as ending:
        if not ending.code:
            raise
        raise ValueError(_one_line(said.getvalue())) from None


@contextlib.contextmanager
def _wide():
    """The parser breaks lines at the terminal's width, and fails in a very narrow one."""
    before = os.environ.get("COLUMNS")
    with contextlib.suppress(OSError):
        if before is not None and not (before.isdigit() and int(before) >= 40):
            os.environ["COLUMNS"] = "80"
    try:
        yield
    finally:
        if before is not None:
            os.environ["COLUMNS"] = before


def _one_line(box: str) -> str:
    """What the parser's box says, up to its first rule, and its first suggestion."""
    rows = [row.strip("│ \t") for row in box.splitlines() if not row.startswith(("╭", "╰"))]
    rule = next((i for i, row in enumerate(rows) if row.startswith("──")), len(rows))
    near = next((i for i, row in enumerate(rows) if row.startswith("Perhaps you meant")), None)
    hint = f"; perhaps you meant {rows[near + 1].split()[0]}" if near is not None else ""
    return " ".join(row for row in rows[:rule] if row) + hint
