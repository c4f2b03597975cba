"""The command `rnn-jax`: discover a circuit, train a network, list what is built in.

    rnn-jax discover ring-attractor
    rnn-jax discover runs/gru/model.eqx --processes 2
    rnn-jax train flip-flop --cell gru --units 64 --seed 0 --out runs/gru

A wrong file or value ends in one line and exit code 2.
"""

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from .launch import agree, first_alone, join, place, start
from .studies.settings import Settings
from .studies.study import StudyName, StudySettings
from .studies.train_settings import TrainSettings

if TYPE_CHECKING:
    from .studies import Subject


@dataclass(frozen=True)
class Discover:
    """Find which units matter, when, and through which connections; leave a report."""

    subject: tyro.conf.Positional[str]
    """A built-in network or task (see `rnn-jax list`), FILE.py:NAME of your own network, a
    weights file (.npz, .safetensors), or a model saved by `rnn-jax train` (.eqx)."""

    out: Path | None = None
    """Folder for the results; by default runs/SUBJECT."""

    overwrite: bool = False
    """Replace a finished run in that folder."""

    trials: Path | None = None
    """An .npz of trials (inputs, targets, epoch_NAME), for a network of your own."""

    cell: str | None = None
    """The cell to train on a task (gru, lstm, vanilla, leaky, low-rank, dale), or the one a
    weights file holds (rnn, gru, lstm)."""

    units: int = 64
    """Units to train with, where the subject is a task."""

    count: int = 24
    """Trials to draw, where the subject is built in."""

    processes: int = 1
    """Processes to run in on this machine, which share the work. A cluster's launcher starts
    them itself."""

    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)


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
class Study:
    """Run a declared study, and write its table with the verdict on every claim."""

    name: tyro.conf.Positional[StudyName]
    """Which; `rnn-jax list` has a line about each."""

    out: Path | None = None
    """Folder for the results; by default runs/study-NAME."""

    overwrite: bool = False
    """Replace a finished study in that folder."""

    settings: Annotated[StudySettings, tyro.conf.arg(name="")] = field(
        default_factory=StudySettings
    )


@dataclass(frozen=True)
class List:
    """Show the built-in networks and tasks, one line each."""


class Log:
    """Says lines to the terminal with the time since the start, and keeps them for `log.txt`."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.lines: list[str] = []
        self.speaks = place().is_first

    def __call__(self, line: str) -> None:
        self.lines.append(f"[{time.perf_counter() - self.start:6.1f} s] {line}")
        if self.speaks:
            print(line, flush=True)

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.start

    def track(self, items: Sequence[Any], label: str) -> Iterable[Any]:
        """Shows a bar while a loop runs, and says how long it took and how much was compiling."""
        from tqdm import tqdm

        start, compiled = time.perf_counter(), _compile_seconds[0]
        yield from tqdm(
            items, desc=f"{label:>18}", leave=False, disable=None if self.speaks else True
        )
        took = time.perf_counter() - start
        compiling = _compile_seconds[0] - compiled
        note = f", {compiling:.1f} s of it compiling" if compiling > 0.05 else ""
        self(f"{label:>18}: {took:5.1f} s{note}")


_compile_seconds = [0.0]


def _listen_to_compiler() -> None:
    import jax

    def on_event(event: str, duration_secs: float, **_: Any) -> None:
        if event.startswith("/jax/core/compile"):
            _compile_seconds[0] += duration_secs

    jax.monitoring.register_event_duration_secs_listener(on_event)


def _start(log: Log) -> None:
    """Say the device, listen for compilations, and keep compiled programs between runs."""
    import jax

    join()
    _listen_to_compiler()
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rnn-jax"
    jax.config.update("jax_compilation_cache_dir", str(cache))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    devices = jax.devices()
    kind = f"{len(devices)} x {devices[0].device_kind}" if len(devices) > 1 else str(devices[0])
    kind += f" in {jax.process_count()} processes" if jax.process_count() > 1 else ""
    hint = "" if devices[0].platform != "cpu" else " (no accelerator found)"
    log(f"running on {kind}{hint}")


def run_discover(args: Discover, arguments: Sequence[str]) -> None:
    """Discover a subject's circuits and write the folder of results."""
    from .data import check_free

    if args.processes < 1:
        raise ValueError(f"processes must be at least 1, got {args.processes}")
    out = args.out or Path("runs") / _slug(args.subject)
    if place().count == 1:
        check_free(out, args.overwrite)
        if args.processes > 1:
            raise SystemExit(start(args.processes, arguments))
    log = Log()
    _start(log)
    first_alone(lambda: check_free(out, args.overwrite))
    from .report import epoch_table, write_run
    from .studies import discover

    subject = _subject(args, log)
    store = out.parent / f".{out.name}.sweeps"
    if done := len(list(store.glob("*.npy"))):
        log(f"{done} finished windows are kept in {store}; what serves is not run again")
    found = discover(subject, args.settings, log.track, store)
    dataset = found.dataset.assign_attrs(
        command=_command(arguments), seconds=round(log.seconds, 1)
    )
    log("")
    log(epoch_table(dataset))
    if not log.speaks:
        return
    found = found._replace(dataset=dataset)
    write_run(out, subject, args.settings, found, log.lines, args.overwrite)
    shutil.rmtree(store, ignore_errors=True)
    print(f"\nwritten to {out} in {log.seconds:.0f} s; open {out / 'report.html'}")


def _subject(args: Discover, log: Log) -> "Subject":
    """What is asked about, the same in all processes."""
    from .studies import find_subject, train_network

    training = TrainSettings(units=args.units, seed=args.settings.seed)
    subject = find_subject(
        args.subject,
        None if args.trials is None else str(args.trials),
        args.cell,
        training,
        args.count,
        args.settings.seed,
        train=lambda task, settings: train_network(task, settings, log.track, log),
    )
    return replace(subject, network=agree(subject.network))


def run_train(args: Train, arguments: Sequence[str]) -> None:
    """Train a network on a task and save it."""
    from .data import check_free, new_folder

    out = args.out or Path("runs") / f"{_slug(args.task)}-{args.training.cell}"
    check_free(out, args.overwrite)
    log = Log()
    _start(log)
    from .report import write_json
    from .studies import train_network
    from .training import save_model

    network = train_network(args.task, args.training, log.track, log)
    origin = args.training.origin(args.task)
    with new_folder(out, args.overwrite) as folder:
        save_model(folder / "model.eqx", network, origin)
        write_json(folder / "config.json", {"origin": origin, "command": _command(arguments)})
        (folder / "log.txt").write_text("\n".join(log.lines) + "\n")
    print(f"written to {out}; next: rnn-jax discover {out / 'model.eqx'}")


def run_study(args: Study, arguments: Sequence[str]) -> None:
    """Run a study and write its folder."""
    from .data import check_free

    out = args.out or Path("runs") / f"study-{args.name}"
    check_free(out, args.overwrite)
    log = Log()
    _start(log)
    import jax

    from .report import write_study
    from .studies import STUDIES
    from .studies.records import versions

    if args.settings.kinds and args.name != "recovery":
        raise ValueError(f"--kinds is for recovery; {args.name} has its own networks")
    found = STUDIES[args.name].run(args.settings, log.track)
    record = {"command": _command(arguments), "seconds": round(log.seconds, 1)}
    record |= {"device": str(jax.devices()[0]), "settings": json.dumps(asdict(args.settings))}
    found = found.assign_attrs(**record, versions=json.dumps(versions()))
    print(write_study(out, args.name, found, log.lines, args.overwrite))
    print(f"written to {out} in {log.seconds:.0f} s")


def run_list(args: List, arguments: Sequence[str]) -> None:
    """Print what is built in."""
    from .studies import STUDIES, names

    studies = [(name, f"study: {study.about}") for name, study in STUDIES.items()]
    for name, line in [*names().items(), *studies]:
        print(f"{name:<23} {line}")


def _slug(subject: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(subject).name)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["rnn-jax", *arguments])


RUN = {Discover: run_discover, Train: run_train, Study: run_study, List: run_list}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run it; a wrong input is one line and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.OmitArgPrefixes)
    speaks, args = True, None
    try:
        speaks = place().is_first
        args = tyro.cli(
            Discover | Train | Study | List, args=arguments, prog="rnn-jax", config=config
        )
        RUN[type(args)](args, arguments)
    except (ValueError, OSError, RuntimeError) as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if speaks:
            print(f"rnn-jax: {lines[0]}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        left = "; the same command goes on from here" if isinstance(args, Discover) else ""
        print(f"rnn-jax: interrupted{left or '; nothing was written'}", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
