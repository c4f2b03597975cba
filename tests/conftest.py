import ctypes
import functools
import gc
import importlib
import itertools
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import filelock
import jax
import jaxlib
import jaxtyping
import matplotlib
import pytest
from jax._src.interpreters import mlir

matplotlib.use("Agg")
jax.config.update("jax_enable_x64", True)
# a test compiles far more than it runs
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Small programs are not worth splitting for many threads. XLA's older code generator compiles in
# half the time; from jaxlib 0.12 on there is the new alone.
FLAGS = ["--xla_cpu_parallel_codegen_split_count=1"]
if jaxlib.version.__version_info__ < (0, 12):
    FLAGS.append("--xla_cpu_use_fusion_emitters=false")
flags = os.environ.get("XLA_FLAGS", "").split()  # an xdist worker has its parent's
os.environ["XLA_FLAGS"] = " ".join([*flags, *(flag for flag in FLAGS if flag not in flags)])
jax.devices()
# Half of what it takes to compile a small program is a context of its own: one serves all. Where
# a later JAX has no such private name, each program makes its own.
own_context = getattr(mlir, "make_ir_context", None)
shared_context = functools.cache(own_context or (lambda: None))
if own_context:
    mlir.make_ir_context = shared_context
# What is imported stays: collecting garbage need not look at it again. Programs stay until they
# are cleared, so that to look through them for garbage often is for nothing.
gc.freeze()
gc.set_threshold(50_000, 20, 20)
# The commands that a test starts compile as its own process does, in a third of the time; CI runs
# commands as a user has them apart.
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"


def pytest_addoption(parser):
    parser.addoption(
        "--exhaustive", action="store_true", help="run the whole cross products of the laws too"
    )


def pytest_collection_modifyitems(config, items):
    """Leave out, and count as deselected, what `exhaustive` marks, unless it is asked for."""
    if not config.getoption("exhaustive"):
        rest = [item for item in items if item.get_closest_marker("exhaustive")]
        config.hook.pytest_deselected(items=rest)
        items[:] = [item for item in items if not item.get_closest_marker("exhaustive")]


TESTS = itertools.count(1)
MAPS = Path("/proc/self/maps")
LIBC = ctypes.CDLL(None)


@pytest.fixture(scope="session")
def of_this_run(tmp_path_factory):
    """The folder that all workers of this run share, and no other run."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session", autouse=True)
def programs(of_this_run):
    """A folder for this run alone: what one worker or command has compiled, none compiles again.

    Many runs one after the other, as of `mutants.py`, may share another. The commands that a test
    starts find it in their environment.
    """
    folder = os.environ.get("TEST_PROGRAMS", str(of_this_run / "programs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", folder)
        patch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
        yield folder


@pytest.fixture(scope="session", autouse=True)
def semi_synthetic(of_this_run):
    """Its default network trains for half a minute: one worker does that, the others read it."""
    from helpers import optimised

    module = importlib.import_module("rnn_jax.planted.semi_synthetic")
    path, train = of_this_run / "semi.eqx", module.fit

    def fit(network, *rest, steps, **options):
        if steps < 4000:
            return train(network, *rest, steps=steps, **options)
        with filelock.FileLock(f"{path}.lock"):
            if not path.exists():
                with optimised():
                    found = train(network, *rest, steps=steps, **options)
                eqx.tree_serialise_leaves(path, found.network)
        return SimpleNamespace(network=eqx.tree_deserialise_leaves(path, network))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "fit", fit)
        yield


@pytest.fixture(scope="session")
def discovered(of_this_run):
    """The folder of a finished `rnn-jax discover`, for all workers to read, and what it said.

    It ran in a terminal that lacks a letter of an epoch's name.
    """
    import commands

    place = of_this_run / "commands"
    said = place / "said.txt"
    with filelock.FileLock(f"{place}.lock"):
        if not said.exists():
            place.mkdir(exist_ok=True)
            commands.furnish(place)
            done = commands.command(*commands.MINE, "--out", "out", cwd=place, **commands.BARE)
            assert done.returncode == 0, done.stderr
            said.write_text(done.stdout)
    return SimpleNamespace(out=place / "out", said=said.read_text())


@pytest.fixture(autouse=True)
def keep_programs(programs):
    """Set for each test, since the command line sets its own.

    Every compiled program holds memory maps, of which Linux grants a process 65530; what compiling
    freed in fragments, glibc keeps unless told, some GB by the end.
    """
    jax.config.update("jax_compilation_cache_dir", programs)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    yield
    if next(TESTS) % 5 == 0 and MAPS.exists() and MAPS.read_bytes().count(b"\n") > 25_000:
        jax.clear_caches()
        shared_context.cache_clear()
        if hasattr(LIBC, "malloc_trim"):
            LIBC.malloc_trim(0)


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """One browser for all pages of a run."""
    from page import start

    driver = start(tmp_path_factory.mktemp("profile"))
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """One whole Visual Behavior file, with its times and traces; copied before it is edited."""
    import visual_behavior_files as files

    path = tmp_path_factory.mktemp("plain") / "plain.nwb"
    return path, *files.write(path)


@pytest.fixture
def copy(plain, tmp_path):
    """A function that edits a copy of the whole file."""
    from visual_behavior_files import edited

    def make(change=lambda file: None, name="copy.nwb"):
        return edited(shutil.copy(plain[0], tmp_path / name), change)

    return make


@pytest.fixture
def as_users_have_it():
    """Without the checks of types that only tests have."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
