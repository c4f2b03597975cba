"""What tests call most, each compiled whole.

Called as it is, every line of a function is a program to compile, one for each shape; so a test
of numbers imports it from here. A test of what is refused calls the function itself.
"""

import equinox as eqx

from rnn_jax import causal, core, linear

rollout, run = eqx.filter_jit(core.rollout), eqx.filter_jit(core.run)


@eqx.filter_jit
def outputs_of(network, xs, *interventions):
    """Outputs `[T, O]` of a run."""
    return core.outputs(network, core.run(network, xs, *interventions))


adjoints = eqx.filter_jit(linear.adjoints)
direct = eqx.filter_jit(linear.direct)
effective_connectivity = eqx.filter_jit(linear.effective_connectivity)
frobenius_norms = eqx.filter_jit(linear.frobenius_norms)
group_jacobians = eqx.filter_jit(linear.group_jacobians)
input_jacobians = eqx.filter_jit(linear.input_jacobians)
jacobians = eqx.filter_jit(linear.jacobians)
propagators = eqx.filter_jit(linear.propagators)
spectral_radii = eqx.filter_jit(linear.spectral_radii)
window_jacobians = eqx.filter_jit(linear.window_jacobians)
window_products = eqx.filter_jit(linear.window_products)
window_propagator = eqx.filter_jit(linear.window_propagator)

additive_edges = eqx.filter_jit(causal.additive_edges)
finite = eqx.filter_jit(causal.finite)
first_order = eqx.filter_jit(causal.first_order)
first_order_clamp = eqx.filter_jit(causal.first_order_clamp)
first_order_edges = eqx.filter_jit(causal.first_order_edges)
integrated = eqx.filter_jit(causal.integrated)
path_effects = eqx.filter_jit(causal.path_effects)
path_factors = eqx.filter_jit(causal.path_factors)
top_paths = eqx.filter_jit(causal.top_paths)
