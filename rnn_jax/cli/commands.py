"""What each command does: reserve a folder, work, fill it.

run(["discover", "ring-attractor"])
"""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..discovery.train_settings import TrainSettings
from ..launch import agree, first_alone, join, place, start
from .arguments import Compare, Discover, Dynamics, List, Study, StudyRun, Train, parse
from .errors import is_refusal, keep_traceback
from .log import Log, listen

if TYPE_CHECKING:
    import xarray as xr

    from ..data import Workplace
    from ..discovery import Subject
    from ..discovery.portrait.sets_of import Sets


def run(arguments: Sequence[str]) -> None:
    """Run the command that the arguments ask for."""
    place()  # a launcher at odds with itself is refused first
    args = parse(arguments)
    COMMANDS[type(args)](args, arguments)


def discover(args: Discover, arguments: Sequence[str]) -> None:
    """Discover a subject's circuits and write the folder of results."""
    from ..data import reserved

    if args.processes < 1:
        raise ValueError(f"processes must be at least 1, got {args.processes}")
    out = args.out or Path("runs") / _slug(args.subject)
    if place().count == 1 and args.processes > 1:
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        if args.processes > (cpus or 1):
            many = f"{cpus} CPUs" if cpus != 1 else "1 CPU"
            print(f"{args.processes} processes share {many}", file=sys.stderr)
        with reserved(out, args.overwrite):  # refused here, and then taken by the first of them
            pass
        raise SystemExit(start(args.processes, arguments))
    log = Log()
    with _at_work(out, args.overwrite, log) as work:
        from .. import discovery
        from ..report import epoch_table, write_run

        subject = _subject(args, log, work)
        found = discovery.discover(subject, args.settings, log.track, work.kept)
        dataset = found.dataset.assign_attrs(
            command=_command(arguments), seconds=round(log.seconds, 1)
        )
        log("")
        log(epoch_table(dataset))
        if not log.speaks:
            return
        write_run(work, found._replace(dataset=dataset), log.text)
    print(f"\nwritten to {out} in {log.seconds:.0f} s; open {out / 'report.html'}")


def dynamics(args: Dynamics, arguments: Sequence[str]) -> None:
    """Find a subject's fixed points, with and without sets of units, and write the folder."""
    _check_alone("dynamics")
    out = args.out or Path("runs") / f"dynamics-{_slug(args.subject)}"
    log = Log()
    with _at_work(out, args.overwrite, log) as work:
        from .. import discovery
        from ..discovery.portrait import read_sets
        from ..report import dynamics_table, write_portrait

        # read before the subject is found: a wrong folder is refused before a training
        read = None if args.circuits is None else read_sets(args.circuits, args.settings.sets)
        subject = _subject(args, log, work)
        sets = _sets(read, args.without, subject)
        found = discovery.portrait(subject, args.settings, sets, log.track)
        dataset = found.dataset.assign_attrs(
            command=_command(arguments), seconds=round(log.seconds, 1)
        )
        log("")
        log(dynamics_table(dataset))
        write_portrait(work, found._replace(dataset=dataset), log.text)
    print(f"\nwritten to {out} in {log.seconds:.0f} s; open {out / 'report.html'}")


def _sets(
    read: "Sets | None", without: tuple[str, ...], subject: "Subject"
) -> dict[str, list[int]]:
    """The sets of units that are taken out: a folder's, and those of the line."""
    from ..discovery.portrait import sets_of, units_named

    found = {} if read is None else dict(sets_of(read, subject))
    if without:
        name = f"unit{'s' if len(without) > 1 else ''} {', '.join(without)}"
        found[name] = units_named(subject, without)
    return found


def _subject(args: Discover | Dynamics, log: Log, work: "Workplace") -> "Subject":
    """What is asked about, the same in all processes."""
    import jax

    from ..discovery import find_subject, train_network

    training = TrainSettings(units=args.units, seed=args.settings.seed)
    subject = find_subject(
        args.subject,
        None if args.trials is None else str(args.trials),
        args.cell,
        training,
        args.count,
        args.settings.seed,
        train=lambda task, settings: train_network(task, settings, log.track, log, work.kept),
    )
    trials, steps = jax.tree.leaves(subject.trials.xs)[0].shape[:2]
    log(f"{subject.size} units, {trials} trials of {steps} steps")
    return replace(subject, network=agree(subject.network))


def train(args: Train, arguments: Sequence[str]) -> None:
    """Train a network on a task and save it."""
    _check_alone("train")
    out = args.out or Path("runs") / f"{_slug(args.task)}-{args.training.cell}"
    log = Log()
    with _at_work(out, args.overwrite, log) as work:
        from ..data import filled
        from ..discovery import train_network
        from ..report import write_json
        from ..training import save_model

        network = train_network(args.task, args.training, log.track, log, work.kept)
        origin = args.training.origin(args.task)
        with filled(work) as folder:
            save_model(folder / "model.eqx", network, origin)
            write_json(folder / "config.json", {"origin": origin, "command": _command(arguments)})
            (folder / "log.txt").write_text(log.text, "utf-8")
    print(f"written to {out}; next: rnn-jax discover {out / 'model.eqx'}")


def study(asked: Study, arguments: Sequence[str]) -> None:
    """Run a study, or judge its saved numbers again, and write its folder."""
    _check_alone("study")
    args: StudyRun = asked.run
    if args.source is not None and args.settings != type(args.settings)():
        raise ValueError("--from runs nothing: settings of a run have no meaning beside it")
    out = args.out or Path("runs") / f"study-{args.study}"
    log = Log()
    with _at_work(out, args.overwrite, log) as work:
        from ..report import read_study, write_study

        if args.source is not None:
            found = read_study(args.source, args.study)
        else:
            found = _run_study(args, arguments, log, work)
        said = write_study(work, args.study, found, log.text)
    print(said)
    print(f"written to {out} in {log.seconds:.0f} s")


def _run_study(
    args: StudyRun, arguments: Sequence[str], log: Log, work: "Workplace"
) -> "xr.Dataset":
    """A study's numbers, with a record of how they came about."""
    import jax

    from ..discovery.records import versions
    from ..studies import STUDIES, keeper

    keep = keeper(work.kept, args.study, args.settings)
    found = STUDIES[args.study].run(args.settings, log.track, keep)
    record = {
        "study": args.study,
        "command": _command(arguments),
        "seconds": round(log.seconds, 1),
    }
    # a folder among the settings is written as text
    settings = json.dumps(asdict(args.settings), default=str)
    record |= {"device": str(jax.devices()[0]), "settings": settings}
    return found.assign_attrs(**record, versions=json.dumps(versions()))


def compare(args: Compare, arguments: Sequence[str]) -> None:
    """Write the page of two runs."""
    _check_alone("compare")
    from ..discovery import read_results
    from ..report.compare import is_comparison, name_runs, write_comparison

    folders = (args.first, args.second)
    names = name_runs(folders)
    default = f"{_slug(names[0])}-and-{_slug(names[1])}.html"
    out = args.out or args.first.absolute().parent / default
    if out.suffix != ".html":
        raise ValueError(f"a browser opens a page by its name: it must end in .html, got {out}")
    if out.exists() and not (args.overwrite and is_comparison(out)):
        hint = "--overwrite replaces it" if is_comparison(out) else "it is no page of two runs"
        raise ValueError(f"{out} is there already; {hint}")
    runs = [read_results(folder) for folder in folders]
    write_comparison(dict(zip(names, runs)), out)
    print(f"written to {out}")


def show(args: List, arguments: Sequence[str]) -> None:
    """Print what is built in."""
    from ..cells import CELLS
    from ..discovery import names
    from ..studies import STUDIES

    studies = [(name, f"study: {study.about}") for name, study in STUDIES.items()]
    for name, line in [*names().items(), *studies, ("cells", ", ".join(CELLS))]:
        print(f"{name:<23} {line}")


COMMANDS = {
    Discover: discover, Dynamics: dynamics, Train: train, Study: study, Compare: compare,
    List: show,
}  # fmt: skip


@contextlib.contextmanager
def _at_work(out: Path, overwrite: bool, log: Log) -> Iterator["Workplace"]:
    """Reserve a run's folder before anything slow, then get the device ready.

    An error that is no refusal leaves its traceback and the log beside the run.
    """
    from ..causal.kept import strangers
    from ..data import reserved, workplace

    work, held = workplace(out), []
    with contextlib.ExitStack() as stack:
        reserve = lambda: held.append(stack.enter_context(reserved(out, overwrite)))
        if place().count == 1:
            reserve()
        try:
            _get_ready(log)
            if place().count > 1:
                first_alone(reserve)
            foreign = strangers(work.kept)
            if foreign:
                log(f"{work.kept} holds {', '.join(foreign)}, which no run wrote: not changed")
            parts = [
                path for kind in ("npy", "npz", "eqx") for path in work.kept.glob(f"*.{kind}")
            ]
            if parts:
                log(f"finished parts in {work.kept}: {len(parts)}; usable parts are not run again")
            yield held[0] if held else work
        except Exception as error:
            if log.speaks and not is_refusal(error):
                keep_traceback(error, work.log, log.lines)
            raise


def _check_alone(command: str) -> None:
    """**Raises:** `ValueError` where a launcher has started several processes."""
    if place().count > 1:
        raise ValueError(f"{command} runs in one process, got {place().count}")


def _get_ready(log: Log) -> None:
    """Say the device, and keep compiled programs between runs."""
    import jax

    join()
    listen(log)
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        # an empty variable is an unset one
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(home) / "rnn-jax"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    try:
        devices = jax.devices()
    except Exception as error:  # an unknown platform is a RuntimeError, a missing one anything
        asked = os.environ.get("JAX_PLATFORMS", "")
        lines = str(error).strip().splitlines() or ["JAX has no such platform here"]
        raise ValueError(f"no device to run on (JAX_PLATFORMS={asked!r}): {lines[0]}") from error
    kind = f"{len(devices)} x {devices[0].device_kind}" if len(devices) > 1 else str(devices[0])
    kind += f" in {jax.process_count()} processes" if jax.process_count() > 1 else ""
    hint = "" if devices[0].platform != "cpu" else " (no accelerator found)"
    log(f"running on {kind}{hint}")


def _slug(subject: str) -> str:
    """A folder's name for a subject; a model's says whose it is, since most are model.eqx."""
    path = Path(subject)
    name = f"{path.absolute().parent.name}-{path.stem}" if path.suffix == ".eqx" else path.name
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def _command(arguments: Sequence[str]) -> str:
    return shlex.join(["rnn-jax", *arguments])
