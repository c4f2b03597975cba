import itertools

import jax
import matplotlib
import pytest

matplotlib.use("Agg")
jax.config.update("jax_enable_x64", True)
# a test compiles far more than it runs
jax.config.update("jax_disable_most_optimizations", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

TESTS = itertools.count(1)


@pytest.fixture(autouse=True)
def forget_programs():
    """Every compiled program holds memory maps, of which Linux grants a process 65530."""
    yield
    if next(TESTS) % 30 == 0:
        jax.clear_caches()
