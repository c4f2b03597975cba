"""A user's own network: an object of a Python file, `my_model.py:network`.

    network = load_network("my_model.py:network")
    network = as_network((step, readout, h0))

It may be a `Network`; a triple `(step, readout, h0)`; or a module with the methods or fields
`step`, `readout` and `h0`. A step is `(h, x) -> h`; Equinox's own cells, which take
`(input, hidden)`, are turned round.
"""

import importlib.util
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ..core import Network, Step, from_equinox

LIBRARIES = (
    str(Path(__file__).parents[1]),
    *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")),
)
"""Where code lies that is not the user's."""


def load_object(spec: str) -> Any:
    """The object `NAME` of the file in `FILE.py:NAME`.

    **Raises:** `ValueError` where the file or the name is missing or the file fails.

    **Example:**

        >>> path = folder / "object_of_mine.py"
        >>> _ = path.write_text("units = 7")
        >>> rj.data.load_object(f"{path}:units")
        7
    """
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not path.exists():
        raise ValueError(f"{file}: no such file")
    module_spec = importlib.util.spec_from_file_location(f"rnn_jax_user_{path.stem}", path)
    if module_spec is None or module_spec.loader is None:
        raise ValueError(f"{file} is no Python file")
    module = importlib.util.module_from_spec(module_spec)
    home = str(path.parent.resolve())
    sys.path.insert(0, home)
    # where dataclasses look up the module of a class; by a name that hides no library's
    sys.modules[module.__name__] = module
    try:
        module_spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{file} fails on import: {said_in_file(error)}") from error
    finally:
        sys.path.remove(home)
    if not hasattr(module, name):
        public = sorted(n for n in vars(module) if not n.startswith("_"))
        raise ValueError(
            f"{file} defines no {name!r}; it defines {', '.join(public) or 'nothing'}"
        )
    return getattr(module, name)


def load_network(spec: str) -> Network:
    """The network that `FILE.py:NAME` defines.

    **Raises:** `ValueError` where the object is not a network; it names what was got and expected.

    **Example:**

        >>> lines = ["import jax.numpy as jnp", "it = (lambda h, x: h + x, jnp.abs, jnp.ones(2))"]
        >>> _ = (folder / "network_of_mine.py").write_text(chr(10).join(lines))
        >>> read = rj.data.load_network(f"{folder / 'network_of_mine.py'}:it")
        >>> rj.run(read, x).hs.shape
        (20, 2)
    """
    return as_network(load_object(spec), spec)


def as_network(thing: Any, name: str = "network") -> Network:
    """A `Network` from one, from `(step, readout, h0)`, or from an object with these fields.

    **Raises:** `ValueError` where a part is missing or of the wrong kind.

    **Example:**

        >>> made = rj.data.as_network((lambda h, x: h + x, lambda h: h, jnp.zeros(2)))
        >>> rj.run(made, x).hs.shape
        (20, 2)
    """
    if isinstance(thing, tuple | list) and len(thing) == 3:
        step, readout, h0 = thing
    else:
        missing = [part for part in ("step", "readout", "h0") if not hasattr(thing, part)]
        if missing:
            raise ValueError(
                f"{name} is a {type(thing).__name__} without {', '.join(missing)}; expected a "
                "Network, a triple (step, readout, h0), or an object with these fields"
            )
        step, readout, h0 = thing.step, thing.readout, thing.h0  # pyright: ignore
    for part, what in ((step, "step"), (readout, "readout")):
        if not callable(part):
            raise ValueError(f"{name}: {what} must be callable, got {type(part).__name__}")
    try:
        h0 = jax.tree.map(jnp.asarray, h0)
    except TypeError as error:
        raise ValueError(f"{name}: h0 must be arrays: {said_in_file(error)}") from None
    _check_state(h0, name)
    return Network(_turned(step), readout, h0)


def _turned(step: Any) -> Step:
    cells = (eqx.nn.GRUCell, eqx.nn.LSTMCell)
    return from_equinox(step) if isinstance(step, cells) else step


def _check_state(h0: Any, name: str) -> None:
    leaves = jax.tree.leaves(h0)
    shapes = {leaf.shape for leaf in leaves}
    floating = all(jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves)
    if len(shapes) != 1 or len(next(iter(shapes))) != 1 or not floating:
        found = ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in leaves) or "no array"
        raise ValueError(
            f"{name}: h0 must be a float vector [units], or a tree of vectors of one length; got "
            f"{found}"
        )


def check_network(network: Network, xs: Any, outputs: int | None = None) -> None:
    """Try a network on one step of input, without computing.

    **Arguments:**

    - `network`: the network.
    - `xs`: `[T, ...]` inputs of one trial.
    - `outputs`: the number of outputs its targets have, if any.

    **Raises:** `ValueError` where the step or the readout rejects its argument, where a
    state changes its shape, or where outputs do not fit targets; and where a weight is NaN.

    **Example:**

        >>> rj.data.check_network(network, x, outputs=3)
        Traceback (most recent call last):
            ...
        ValueError: the readout returns 1 outputs, the targets have 3
    """
    x = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), xs)
    shape = jax.tree.map(lambda leaf: leaf.shape, x)
    try:
        h = eqx.filter_eval_shape(network.step, network.h0, x)
    except Exception as error:
        raise ValueError(
            f"the step rejects an input of shape {shape}: {said_in_file(error)}; it is called as "
            "step(h, x), and from_equinox turns a cell of Equinox round"
        ) from error
    if _described(h) != _described(network.h0):
        raise ValueError(
            f"the step returns {_described(h)} where its state is {_described(network.h0)}"
        )
    try:
        y = eqx.filter_eval_shape(network.readout, network.h0)
    except Exception as error:
        raise ValueError(f"the readout rejects a state: {said_in_file(error)}") from error
    if not hasattr(y, "shape") or len(y.shape) != 1:
        raise ValueError(f"the readout must return a vector [outputs], got {_described(y)}")
    if outputs is not None and y.shape[0] != outputs:
        like_units = any(y.shape == np.shape(leaf) for leaf in jax.tree.leaves(network.h0))
        hint = " (as many as units: are they the outputs?)" if like_units else ""
        raise ValueError(
            f"the readout returns {y.shape[0]} outputs{hint}, the targets have {outputs}"
        )
    check_weights(network)


def check_weights(network: Network) -> None:
    """Name the weight that is not finite.

    **Raises:** `ValueError` with the path of the weight and the index of its first entry.

    **Example:**

        >>> b = network.step.b.at[1, 2].set(jnp.nan)
        >>> rj.data.check_weights(eqx.tree_at(lambda network: network.step.b, network, b))
        Traceback (most recent call last):
            ...
        ValueError: weight step.b is not finite at [1, 2]
    """
    for path, leaf in jax.tree_util.tree_leaves_with_path(network):
        if eqx.is_inexact_array(leaf) and not (good := np.isfinite(np.asarray(leaf))).all():
            index = [int(i) for i in np.argwhere(~good)[0]]
            where = jax.tree_util.keystr(path).lstrip(".")
            raise ValueError(f"weight {where} is not finite at {index}")


def said_in_file(error: BaseException) -> str:
    """An error of a user's code in one line, with the line of their file that it came from.

    **Example:**

        >>> rj.data.said_in_file(ValueError("no such unit"))  # raised in no file
        'ValueError: no such unit'
    """
    line = (str(error).strip().splitlines() or [""])[0]
    said = f"{type(error).__name__}: {line}" if line else type(error).__name__
    if isinstance(error, SyntaxError):
        return said  # which names file and line itself
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith((*LIBRARIES, "<"))
    ]
    return f"{said} ({frames[-1].filename}, line {frames[-1].lineno})" if frames else said


def _described(tree: Any) -> Any:
    """Dtypes and shapes; of what is no array, its type."""
    is_array = lambda leaf: hasattr(leaf, "dtype") and hasattr(leaf, "shape")
    return jax.tree.map(
        lambda leaf: (
            f"{leaf.dtype}{list(leaf.shape)}" if is_array(leaf) else f"a {type(leaf).__name__}"
        ),
        tree,
    )
