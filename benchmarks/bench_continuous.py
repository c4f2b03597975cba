"""What a step of a rate network costs, solver by solver, against explicit Euler.

    python benchmarks/bench_continuous.py --units 64 256 --json benchmarks/results/continuous.json

Each contender is a run of 100 steps of 16 trials in float32, or its gradient with respect to the
first state. `loop` is diffrax's own loop over the stages of Tsit5, which `from_field` writes out.
"""

import functools

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from timing import arguments, paired, save, show

from rnn_jax.cells import RateField
from rnn_jax.core import from_field, rollout

T, B, I, DT = 100, 16, 3, 0.2  # noqa: E741
PID = diffrax.PIDController(rtol=1e-4, atol=1e-5)
SOLVERS = {
    "euler": (None,),
    "heun": (diffrax.Heun(),),
    "tsit5": (diffrax.Tsit5(),),
    "dopri8": (diffrax.Dopri8(),),
    "tsit5, adaptive": (diffrax.Tsit5(), 16, PID),
    "kvaerno5, adaptive": (diffrax.Kvaerno5(), 16, PID),
}


class Loop(eqx.Module):
    """A step of Tsit5 by diffrax's own loop over its stages."""

    field: eqx.Module

    def __call__(self, h, x):
        dt = jnp.asarray(DT, h.dtype)
        return diffrax.diffeqsolve(
            diffrax.ODETerm(self.field), diffrax.Tsit5(), jnp.zeros_like(dt), dt, dt, h, x,
            adjoint=diffrax.DirectAdjoint(), max_steps=1, throw=False,
        ).ys[0]  # fmt: skip


@eqx.filter_jit
def last(step, h0s, xs):
    return jax.vmap(lambda h0, x: rollout(step, h0, x).hs[-1])(h0s, xs)


@eqx.filter_jit
def slope(step, h0s, xs):
    return jax.grad(lambda h0s: last(step, h0s, xs).sum())(h0s)


def of_size(N, repeats, quick):
    field = RateField(I, N, tau=1.0, key=jax.random.key(0))
    # an implicit solver factors a matrix at each stage: 16 s a run at N = 64
    known = {name: more for name, more in SOLVERS.items() if N <= 64 or "kvaerno" not in name}
    steps = {name: from_field(field, DT, *more) for name, more in known.items()}
    steps["tsit5, loop"] = Loop(field)
    h0s = jax.random.normal(jax.random.key(1), (B, N))
    xs = jax.random.normal(jax.random.key(2), (B, 5 if quick else T, I))
    exact = last(from_field(field, DT, diffrax.Dopri8(), 4), h0s, xs)
    errors = {n: float(np.abs(last(s, h0s, xs) - exact).max()) for n, s in steps.items()}
    np.testing.assert_allclose(errors["tsit5"], errors["tsit5, loop"], atol=1e-5)
    results = []
    for what, run in {"run": last, "gradient": slope}.items():
        # the gradient through an implicit solver compiles for minutes
        taken = {n: s for n, s in steps.items() if what == "run" or "kvaerno" not in n}
        rows = paired({n: functools.partial(run, s, h0s, xs) for n, s in taken.items()}, repeats)
        show(f"{what}, N = {N}", rows)
        results.append({"units": N, "what": what, "rows": rows, "errors": errors})
    print("  largest error at the end:", {n: f"{e:.1e}" for n, e in errors.items()})
    return results


def at_rest():
    """How far off the Jacobian of an adaptive step is at a fixed point of a linear field."""
    with jax.enable_x64(True):
        a = jnp.asarray(np.random.default_rng(0).normal(size=(4, 4)) - 2 * np.eye(4))
        field = lambda t, h, x: a @ h
        fine, found = diffrax.PIDController(rtol=1e-8, atol=1e-8), {}

        def alone(h, dt):
            return diffrax.diffeqsolve(
                diffrax.ODETerm(field), diffrax.Tsit5(), 0.0, dt, dt, h, max_steps=256,
                adjoint=diffrax.ForwardMode(), stepsize_controller=fine,
            ).ys[0]  # fmt: skip

        for dt in (0.5, 1.0, 2.0):
            step = from_field(field, dt, diffrax.Tsit5(), 256, fine)
            off = lambda move, dt=dt: float(
                jnp.abs(jax.jacfwd(move)(jnp.zeros(4)) - jax.scipy.linalg.expm(a * dt)).max()
            )
            found[dt] = off(lambda h, dt=dt: alone(h, dt)), off(lambda h, s=step: s(h, None))
            print(f"  dt {dt}: state alone {found[dt][0]:.1e}, with a tangent {found[dt][1]:.1e}")
    return {"what": "error of the Jacobian at rest: state alone, with a tangent", "of dt": found}


def main():
    options = arguments(__doc__.splitlines()[0])
    sizes = options.units[:1] if options.quick else options.units
    assert jnp.zeros(1).dtype == jnp.float32
    found = [row for N in sizes for row in of_size(N, options.repeats, options.quick)]
    save(options.json, [*found, at_rest()])


if __name__ == "__main__":
    main()
