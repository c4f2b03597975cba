"""What has derivatives in forward mode alone, and says so where it is asked for the other.

    effects = forward_only(effects, "sweep is not differentiable in reverse: ...")

A loop whose length is data, as a sweep's is, has no reverse mode: JAX would say so of the loop,
which no caller has written.
"""

from typing import Any

from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array

_forward_only = Primitive("forward_only")


def forward_only(values: Array, message: str) -> Array:
    """The values themselves, to the bit.

    **Raises:** `ValueError` with the message where they are differentiated in reverse.
    """
    return _forward_only.bind(values, message=message)


def _itself(values: Any, *, message: str) -> Any:
    return values


def _push(primals: tuple, tangents: tuple, *, message: str) -> tuple:
    (tangent,) = tangents
    if not isinstance(tangent, ad.Zero):
        tangent = _forward_only.bind(tangent, message=message)
    return primals[0], tangent


def _pull(*_: Any, message: str) -> Any:
    raise ValueError(message)


def _batch(values: tuple, axes: tuple, *, message: str) -> tuple:
    return _forward_only.bind(values[0], message=message), axes[0]


_forward_only.def_impl(_itself)
_forward_only.def_abstract_eval(_itself)
ad.primitive_jvps[_forward_only] = _push
ad.primitive_transposes[_forward_only] = _pull
batching.primitive_batchers[_forward_only] = _batch
mlir.register_lowering(_forward_only, mlir.lower_fun(_itself, multiple_results=False))
