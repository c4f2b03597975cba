"""Can the tests fail? Break one line at a time, and see whether the tests of its room notice.

    python tests/mutants.py                      # twenty lines of each room
    python tests/mutants.py causal --count 5 --seed 1 --workers 2

Not part of the suite. Lines are drawn at random from those that hold something to break: a
comparison, an arithmetic or logical operator, a sign, a number, the start of a slice. Lines of
messages, annotations and docstrings are left out. One run under `coverage` tells which tests come
by a line, and how long they take. Each broken package runs those, the quickest first, until one
fails; then all tests of its room, since a test may use what another one has compiled. What no test
notices is printed in the end. It needs `pytest-cov`.
"""

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
ROOMS = {
    "core": ["core", "units", "bad_calls", "products", "cells", "laws", "linear_edits"],
    "linear": ["linear", "bad_calls", "linear_edits", "linear_streamed", "interchange", "laws"],
    "causal": [
        "causal",
        "units",
        "sweep",
        "estimators",
        "screen",
        "paths",
        "store",
        "mesh",
        "interchange",
        "bad_calls",
        "laws",
    ],
    "circuits": [
        "circuits",
        "statistics",
        "sets_judged",
        "against_truth",
        "evaluation",
        "baselines",
        "rewired",
        "interchange",
        "bad_calls",
        "recovery",
    ],
}
"""The test files of each room."""

TYPES = "--jaxtyping-packages=rnn_jax,beartype.beartype"

COMPARED = {
    ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "==",
    ast.Is: "is not", ast.IsNot: "is", ast.In: "not in", ast.NotIn: "in",
}  # fmt: skip
COMBINED = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.MatMult: "+", ast.Pow: "*",
    ast.FloorDiv: "*", ast.Mod: "+", ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip


class Mutant(NamedTuple):
    """A change of one place: its file, line, and what the place becomes."""

    path: Path
    line: int
    start: int
    stop: int
    text: str

    def apply(self, source: str) -> str:
        """The source with the place changed."""
        lines = source.splitlines(keepends=True)
        row = lines[self.line - 1].encode()
        lines[self.line - 1] = (row[: self.start] + self.text.encode() + row[self.stop :]).decode()
        return "".join(lines)

    def describe(self) -> str:
        """File, line, and the line as it was and as it is."""
        source = (ROOT / self.path).read_text()
        before, after = (
            s.splitlines()[self.line - 1].strip() for s in (source, self.apply(source))
        )
        return f"{self.path}:{self.line}\n    - {before}\n    + {after}"


def places(path: Path) -> Iterator[Mutant]:
    """Every place of a file that can be broken."""
    tree = ast.parse((ROOT / path).read_text())
    left_out = _left_out(tree)
    for node in ast.walk(tree):
        if getattr(node, "lineno", None) in left_out:
            continue
        for change in _changes(node):
            if change[0] not in left_out:
                yield Mutant(path, *change)


def _left_out(tree: ast.AST) -> set[int]:
    """Lines of messages, annotations and of what only a type checker reads."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if _only_says(node):
            parts = [node]
        elif isinstance(node, ast.AnnAssign):
            parts = [node.annotation]
        elif isinstance(node, ast.FunctionDef):
            every = (*node.args.args, *node.args.kwonlyargs)
            parts = [node.returns, *(a.annotation for a in every), *node.decorator_list]
        for part in filter(None, parts):
            lines |= set(range(part.lineno, part.end_lineno + 1))
    return lines


def _only_says(node: ast.AST) -> bool:
    """Whether a statement is a message, or names things for others."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]) == "__all__"
    return isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom)


def _changes(node: ast.AST) -> Iterator[tuple[int, int, int, str]]:
    """Line, first and last byte, and the new text, for what one node can become."""
    between = lambda a, b, text: (a.end_lineno, a.end_col_offset, b.col_offset, f" {text} ")
    whole = lambda a, text: (a.lineno, a.col_offset, a.end_col_offset, text)
    if isinstance(node, ast.Compare) and node.left.end_lineno == node.comparators[0].lineno:
        yield between(node.left, node.comparators[0], COMPARED[type(node.ops[0])])
    elif isinstance(node, ast.BinOp) and node.left.end_lineno == node.right.lineno:
        # brackets around an operand lie between the two: such places would not parse
        if type(node.op) in COMBINED:
            yield between(node.left, node.right, COMBINED[type(node.op)])
    elif isinstance(node, ast.BoolOp) and node.values[0].end_lineno == node.values[1].lineno:
        other = "or" if isinstance(node.op, ast.And) else "and"
        yield between(node.values[0], node.values[1], other)
    elif isinstance(node, ast.UnaryOp) and node.lineno == node.end_lineno:
        yield whole(node, f"({ast.unparse(node.operand)})")
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        new = node.value + 1 if isinstance(node.value, int) else 2 * node.value + 1
        yield whole(node, repr(new))
    elif isinstance(node, ast.Slice) and node.lower is not None and node.upper is None:
        yield whole(node.lower, f"({ast.unparse(node.lower)}) + 1")


def draw(room: str, count: int, seed: int) -> list[Mutant]:
    """As many lines of a room, by chance, each broken in one of its places by chance."""
    by_line: dict[tuple[Path, int], list[Mutant]] = {}
    for file in sorted((ROOT / "rnn_jax" / room).rglob("*.py")):
        for mutant in places(file.relative_to(ROOT)):
            source = (ROOT / mutant.path).read_text()
            try:
                ast.parse(mutant.apply(source))
            except SyntaxError:
                continue
            by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    chance = random.Random(f"{room} {seed}")
    lines = chance.sample(sorted(by_line), min(count, len(by_line)))
    return [chance.choice(by_line[line]) for line in lines]


class Tests(NamedTuple):
    """Seconds that each test takes, and the tests that come by each line of each file."""

    seconds: dict[str, float]
    by_line: dict[str, dict[int, list[str]]]

    def of(self, mutant: Mutant, most: int = 25) -> list[str]:
        """The quickest tests that come by a mutant's line."""
        known = self.by_line.get(str(mutant.path), {}).get(mutant.line, [])
        return sorted(set(known) & set(self.seconds), key=lambda t: self.seconds[t])[:most]


def pytest(copy: Path, programs: Path, *arguments: str) -> int:
    """Run pytest on a copy of the package."""
    # several workers, even none, would keep coverage from telling the tests apart
    alone = ["-p", "no:xdist", "-o", f"addopts={TYPES}", "-p", "no:cacheprovider"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *alone, *arguments],
        cwd=copy, capture_output=True,
        env=os.environ | {"PYTHONPATH": str(copy), "TEST_PROGRAMS": str(programs)},
    ).returncode  # fmt: skip


def files(room: str, copy: Path) -> list[str]:
    """The test files of a room that there are."""
    names = [f"tests/test_{name}.py" for name in ROOMS[room]]
    return [name for name in names if (copy / name).exists()]


def copied(place: str) -> Path:
    """A copy of what the tests need."""
    copy = Path(place)
    for name in ("rnn_jax", "tests", "examples"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


def watch(name: str, programs: Path) -> Tests:
    """Run one test file under coverage.

    **Raises:** `SystemExit` where a test fails on the package as it is.
    """
    import coverage

    with tempfile.TemporaryDirectory() as place:
        copy = copied(place)
        watched = ["--cov=rnn_jax", "--cov-context=test", "--cov-report=", "--junitxml=times.xml"]
        if pytest(copy, programs, f"--basetemp={copy / 'base'}", *watched, name):
            raise SystemExit(f"{name} fails on the package as it is")
        seconds = {
            f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}":
                float(case.get("time", 0))
            for case in ElementTree.parse(copy / "times.xml").iter("testcase")
        }  # fmt: skip
        data = coverage.CoverageData(str(copy / ".coverage"))
        data.read()
        by_line = {
            str(Path(file).relative_to(copy.resolve())): {
                line: [context.split("|")[0] for context in contexts if context]
                for line, contexts in data.contexts_by_lineno(file).items()
            }
            for file in data.measured_files()
        }
    return Tests(seconds, by_line)


def join(found: list[Tests]) -> Tests:
    """What several files of tests say together."""
    seconds: dict[str, float] = {}
    by_line: dict[str, dict[int, list[str]]] = {}
    for tests in found:
        seconds |= tests.seconds
        for file, lines in tests.by_line.items():
            for line, names in lines.items():
                by_line.setdefault(file, {}).setdefault(line, []).extend(names)
    return Tests(seconds, by_line)


def caught_by(room: str, mutant: Mutant, tests: Tests, programs: Path) -> str | None:
    """Which tests fail on a broken package: `near`, or a file of the room; `None` where none."""
    with tempfile.TemporaryDirectory() as place:
        copy = copied(place)
        (copy / mutant.path).write_text(mutant.apply((ROOT / mutant.path).read_text()))
        once = ("-x", f"--basetemp={copy / 'base'}")
        near = tests.of(mutant)
        if near and pytest(copy, programs, *once, *near):
            return "near"
        for name in files(room, copy):
            if pytest(copy, programs, *once, name):
                return name
    return None


def main() -> None:
    """Break lines of the rooms asked for and say what was noticed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rooms", nargs="*", default=list(ROOMS))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    missed, total, start = [], 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as programs, ThreadPoolExecutor(asked.workers) as pool:
        names = sorted({name for room in asked.rooms for name in files(room, ROOT)})
        tests = join(list(pool.map(lambda name: watch(name, Path(programs)), names)))
        print(
            f"{len(tests.seconds)} tests watched, {time.perf_counter() - start:.0f} s", flush=True
        )
        for room in asked.rooms:
            mutants = draw(room, asked.count, asked.seed)
            run = lambda mutant, room=room: caught_by(room, mutant, tests, Path(programs))
            for mutant, by in zip(mutants, pool.map(run, mutants), strict=True):
                total += 1
                print(f"{by or 'NOT NOTICED':<28} {mutant.path}:{mutant.line}", flush=True)
                missed += [] if by else [mutant]
            print(f"{room}: {time.perf_counter() - start:.0f} s so far", flush=True)
    print(f"\n{total - len(missed)} of {total} noticed")
    for mutant in missed:
        print(mutant.describe())


if __name__ == "__main__":
    main()
