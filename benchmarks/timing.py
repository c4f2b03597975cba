"""Paired timing: contenders take turns, so that a machine's drift falls on all alike.

    rows = paired({"ours": run_ours, "theirs": run_theirs}, repeats=7)

A contender is a function without arguments that returns once its work is done.

The size of a memory page decides what first writing a large array costs, so it is chosen, the
same for all contenders, and recorded: `--pages huge` asks glibc and numpy for huge ones, and
`--pages small` refuses them.
"""

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

REST = 0.3  # seconds, in which the waiting threads of the contender before cease to spin

Contenders = dict[str, Callable[[], object]]

PAGES = {
    "huge": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1", "NUMPY_MADVISE_HUGEPAGE": "1"},
    "small": {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=0", "NUMPY_MADVISE_HUGEPAGE": "0"},
}
HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def first_call(run: Callable[[], object]) -> float:
    """Seconds of the first call, compiling included."""
    start = time.perf_counter()
    jax.block_until_ready(run())
    return time.perf_counter() - start


def paired(contenders: Contenders, repeats: int = 7) -> dict[str, dict]:
    """Median seconds of each, and each one's ratio to the first, pair by pair."""
    setup = {name: first_call(run) for name, run in contenders.items()}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repeats):
        for name, run in contenders.items():
            time.sleep(REST)
            start = time.perf_counter()
            jax.block_until_ready(run())
            times[name].append(time.perf_counter() - start)
    base = times[next(iter(contenders))]
    rows = {}
    for name, taken in times.items():
        ratios = [a / b for a, b in zip(taken, base)]
        rows[name] = {
            "first_call_s": setup[name],
            "median_s": statistics.median(taken),
            "min_s": min(taken),
            "ratio": statistics.median(ratios),
            "ratio_min": min(ratios),
            "ratio_max": max(ratios),
        }
    return rows


def memset(size: int) -> Callable[[], object]:
    """Write `size` fresh bytes, page faults included: the floor of any output of that size."""
    return lambda: np.empty(size, np.uint8).fill(1)


def show(title: str, rows: dict[str, dict]) -> None:
    """Print one comparison as a table."""
    print(f"\n{title}")
    print(f"  {'':<34}{'first call':>12}{'median':>12}{'ratio':>9}{'min..max':>16}")
    for name, row in rows.items():
        spread = f"{row['ratio_min']:.2f}..{row['ratio_max']:.2f}"
        print(
            f"  {name:<34}{row['first_call_s']:>10.3f} s{row['median_s'] * 1e3:>9.2f} ms"
            f"{row['ratio']:>9.2f}{spread:>16}"
        )


def restart_with(pages: str) -> None:
    """Start this program anew with pages of that size: glibc looks only once, as it starts."""
    wanted = PAGES[pages]
    if sys.platform == "linux" and any(os.environ.get(name) != wanted[name] for name in wanted):
        os.execve(sys.executable, sys.orig_argv, os.environ | wanted)


def pages() -> dict:
    """Which pages were asked for, and the kernel's word: `madvise` grants, `always` gives all."""
    asked = [name for name, wanted in PAGES.items() if wanted.items() <= os.environ.items()]
    kernel = HUGE_PAGES.read_text() if HUGE_PAGES.exists() else "[]"
    return {
        "pages": asked[0] if asked else None,
        "transparent_hugepage": kernel[kernel.index("[") + 1 : kernel.index("]")],
    }


def machine() -> dict:
    """What the numbers were measured on."""
    names = ("jax", "jaxlib", "equinox", "numpy", "torch")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return {
        "device": str(jax.devices()[0].device_kind),
        "platform": jax.devices()[0].platform,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        **pages(),
        **versions,
    }


def arguments(about: str) -> argparse.Namespace:
    """The options every benchmark takes; the program starts anew where its pages are others."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--repeats", type=int, default=7, help="paired repeats")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it runs")
    parser.add_argument("--units", type=int, nargs="+", default=[64, 256], help="sizes N")
    parser.add_argument("--pages", choices=PAGES, default="huge", help="memory pages")
    parser.add_argument("--json", type=Path, help="where to write the results")
    options = parser.parse_args()
    restart_with(options.pages)
    return options


def save(path: Path | None, results: list[dict]) -> None:
    """Write results beside the machine they were measured on."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), "results": results}, indent=1) + "\n")
        print(f"\nwritten to {path}")


def torch_or_none():
    """PyTorch, where it is installed (the `bench` extra), at as many threads as XLA uses."""
    try:
        import torch
    except ImportError:
        print("PyTorch is not installed; its rows are left out (pip install torch)")
        return None
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    return torch
