"""Wrong calls of core, causal, linear and circuits: a name, a call, and words of its message."""

import jax
import jax.numpy as jnp

import rnn_jax as rj
from rnn_jax import causal, circuits, core, linear
from rnn_jax.cells import GRU, Affine

N, I, O, T, B = 3, 2, 2, 4, 3  # noqa: E741
KEY = jax.random.key(0)
NAN = float("nan")
CELL = GRU(I, N, key=KEY)
NET = rj.Network(CELL, Affine(N, O, key=KEY), jnp.zeros(N))
XS, YS = jnp.ones((B, T, I)), jnp.ones((B, T, O))
WINDOWS, EYE = rj.tiling(T, 2), jnp.eye(N)
X, W, HS = XS[0], WINDOWS[0], jnp.ones((B, T, N))
RUN = rj.Trajectory(jnp.zeros(N), X, HS[0])
J = jnp.ones((T, N, N))
EFFECTS = jnp.ones((2, N, 8))
TRUTH = EYE[0] > 0


def metric(trajectory):
    return trajectory.hs.sum()


def evaluate(masks):
    return jnp.ones((len(masks), B))


def with_defaults(function, **defaults):
    return lambda **change: function(**(defaults | change))


asked = {"network": NET, "xs": XS, "targets": YS, "score": rj.margin, "value": 0.0}
sweep = with_defaults(rj.sweep, **asked, units=EYE, windows=WINDOWS)
edges = with_defaults(rj.sweep_edges, **asked, edges=jnp.array([[0, 1]]), windows=WINDOWS)
screen = with_defaults(rj.screen, **asked, units=EYE, windows=WINDOWS, keep=1, key=KEY)
optimal = with_defaults(
    rj.causal.optimal, **{k: asked[k] for k in asked if k != "value"}, windows=WINDOWS
)
one = {"step": CELL, "h0": jnp.zeros(N), "xs": X, "metric": metric}
MANY = rj.Replace(jnp.ones((2, T, N)), jnp.zeros((2, 1, N)))
finite = with_defaults(rj.finite, **one, interventions=MANY)
integrated = with_defaults(rj.integrated, **one, interventions=MANY)
first_order = with_defaults(rj.first_order, **one, value=0.0)
estimate = with_defaults(rj.first_order_clamp, **one, value=0.0, windows=WINDOWS)
factors = with_defaults(causal.path_factors, **one, value=0.0, start=0, hops=1)
paths = with_defaults(causal.path_effects, **one, value=0.0, start=0, units=jnp.array([[0, 1]]))
run = lambda intervention: rj.run(NET, X, intervention)

CORE = [
    ("an index too large", lambda: run(rj.clamp(3, W, 0.0)), "unit 3 is outside"),
    ("an index below 0", lambda: rj.clamp(-1, W, 0.0), "numbered from 0, got -1"),
    ("an index twice", lambda: rj.pulse([1, 1], W, 0.0), "unit 1 is given 2 times"),
    ("an integer mask", lambda: rj.read(jnp.array([0, 1, 0]), W, 0.0), "give floats or bools"),
    ("integer masks", lambda: rj.clamp(jnp.eye(N, dtype=int), W, 0.0), "mask [N] of floats"),
    ("no unit", lambda: rj.drop([], W, 0.0), "at least one"),
    ("a mask of 3", lambda: rj.clamp(3.0 * EYE[0], W, 0.0), "in [0, 1], got 0 to 3"),
    ("a mask below 0", lambda: rj.keep(-EYE[0], W, 0.0), "in [0, 1], got -1 to"),
    ("a mask of NaN", lambda: rj.core.Lesion(NAN * EYE[0]), "in [0, 1], got nan"),
    ("Replace by 3", lambda: rj.Replace(3, 0.0), "in [0, 1], got 3 to 3"),
    ("Cut by 3", lambda: rj.core.Cut(3 * EYE[None], 0.0), "in [0, 1], got 0 to 3"),
    ("Inside 2", lambda: rj.Inside(rj.Identity(), 2 * W), "in [0, 1], got 0 to 2"),
    ("Inside 2-D", lambda: rj.Inside(rj.Identity(), WINDOWS), "a window [T]"),
    ("Inside of 3", lambda: rj.Inside(3, W), "must be a function, got 3"),
    ("a scalar mask", lambda: rj.clamp(1.0, W, 0.0), "mask [N]"),
    ("units by name", lambda: rj.clamp("3", W, 0.0), "array of numbers, got '3'"),
    ("units of None", lambda: rj.clamp(None, W, 0.0), "edits nothing"),
    ("mixed units", lambda: rj.clamp([True, 2], W, 0.0), "both bools and numbers"),
    ("parts of one", lambda: run(rj.clamp((0, 1), W, 0.0)), "does not fit a state"),
    ("a short mask", lambda: run(rj.clamp(jnp.ones(2), W, 0.0)), "shape (2,) does not fit"),
    ("a window of steps", lambda: rj.clamp(1, (10, 20), 0.0), "in [0, 1], got 10 to 20"),
    ("windows", lambda: rj.clamp(1, WINDOWS, 0.0), "must have one axis"),
    ("no window", lambda: rj.clamp(1, None, 0.0), "got None"),
    ("a short window", lambda: run(rj.clamp(EYE[1], W[:3], 0.0)), "T = 4"),
    ("a named value", lambda: rj.clamp(1, W, "zero"), "got 'zero'"),
    ("no value", lambda: rj.clamp(1, W, None), "replaces nothing"),
    ("a value of time", lambda: run(rj.clamp(EYE[1], W, jnp.ones(T))), "time axis alone"),
    ("readers", lambda: rj.read(1, W, 0.0, readers="all of them"), "readers must be one of"),
    ("a wide shift", lambda: run(rj.Shift(jnp.ones((T, 5)))), "shift row of shape (5,)"),
    ("a basis 2-D", lambda: rj.core.Project(EYE, 0.0), "basis must be [T, N, K]"),
    ("a basis of 2", lambda: rj.core.Project(2 * EYE[None], 0.0), "orthonormal"),
    (
        "a wide basis",
        lambda: run(rj.core.Project(jnp.eye(4)[None], 0.0)),
        "do not fit a state of 3",
    ),
    ("composed of 3", lambda: rj.Compose(3), "must be a function, got 3"),
    ("an intervention of 3", lambda: run(3), "must be a function, got 3"),
    ("a batch", lambda: rj.run(NET, XS), "jax.vmap"),
    ("a tuple", lambda: rj.run((CELL, None, 0), X), "Network(step, readout, h0), got a tuple"),
    ("no inputs", lambda: rj.run(NET, None), "leading time axis"),
    ("text for inputs", lambda: rj.run(NET, "abc"), "leading time axis"),
    ("no step", lambda: rj.run(NET, X[:0]), "at least one step"),
    ("wide inputs", lambda: rj.run(NET, jnp.ones((T, 5))), "rejects an input of shape (5,)"),
    ("h0 by name", lambda: rj.rollout(CELL, "a", X), "h0 must be an array of numbers"),
    ("no function", lambda: rj.rollout(None, EYE[0], X), "step must be a function"),
    ("outputs of states", lambda: rj.outputs(NET, HS[0]), "takes what run returns"),
    ("outputs of many", lambda: rj.outputs(NET, rj.Trajectory(HS[0], XS, HS)), "jax.vmap"),
    ("half a step", lambda: rj.span(4, 0.5, 2), "start must be a whole number, got 0.5"),
    ("a step of None", lambda: rj.span(4, 0, None), "stop must be a whole number, got None"),
    ("half a width", lambda: rj.tiling(4, 1.5), "width must be a whole number"),
    ("an event", lambda: rj.around(4, 2, 0, 1), "list of at least one event"),
    ("half an event", lambda: rj.around(4, [1.5], 0, 1), "whole number, got 1.5"),
    ("dt by name", lambda: rj.from_field(CELL, "a"), "dt must be a number above 0"),
    ("half a substep", lambda: rj.from_field(CELL, 1.0, substeps=1.5), "substeps must be a whole"),
    ("no state", lambda: rj.core.flatten(CELL, ()), "at least one array"),
    ("an order", lambda: core.ordered(CELL, "any"), "order must be one of"),
]

CAUSAL = [
    ("a tuple", lambda: sweep(network=(CELL, None, 0)), "Network(step, readout, h0)"),
    ("a NaN input", lambda: sweep(xs=XS.at[1, 2, 0].set(NAN)), "not finite at [1, 2, 0]"),
    ("no inputs", lambda: sweep(xs=None), "inputs of shape ()"),
    ("no targets", lambda: sweep(targets=None), "targets must be an array"),
    ("no trials", lambda: sweep(xs=XS[:0], targets=YS[:0]), "targets must be [trials"),
    ("one trial", lambda: sweep(xs=X, targets=YS[0]), "windows must be [W, 2]"),
    ("a named score", lambda: sweep(score="margin"), "score must be a function"),
    ("no array", lambda: sweep(score=lambda y, t: "high"), "score must return a scalar"),
    (
        "an estimate of many scores",
        lambda: sweep(score=lambda y, t: y[0], estimator="window"),
        "score must return a scalar",
    ),
    ("wide targets", lambda: sweep(targets=jnp.ones((B, T, 5))), "the score rejects outputs"),
    ("a unit too many", lambda: sweep(units=[0, 3]), "unit 3 is outside"),
    ("a unit twice", lambda: sweep(units=[0, 0]), "unit 0 is given 2 times"),
    ("integer masks", lambda: sweep(units=jnp.eye(N, dtype=int)), "list of lists"),
    ("an empty group", lambda: sweep(units=[[0], []]), "units are empty"),
    ("groups and units", lambda: sweep(units=[[0], 1]), "array of numbers, got a list"),
    ("a mask", lambda: sweep(units=EYE[0]), "units must be masks [groups, 3]"),
    ("masks of 2", lambda: sweep(units=2 * EYE), "in [0, 1], got 0 to 2"),
    ("no window", lambda: sweep(windows=None), "windows must be an array"),
    ("one window", lambda: sweep(windows=W), "a single one is window[None]"),
    ("windows of 2", lambda: sweep(windows=2 * WINDOWS), "in [0, 1], got 0 to 2"),
    ("a named value", lambda: sweep(value="mean"), "value must be an array"),
    ("a kind", lambda: sweep(kind="hold"), "kind must be one of clamp, pulse, read, got 'hold'"),
    ("no kind", lambda: sweep(kind=None), "kind must be one of"),
    ("an estimator", lambda: sweep(estimator="guess"), "estimator must be one of exact"),
    ("last by name", lambda: sweep(last="3"), "last must be a whole number"),
    ("last below 0", lambda: sweep(last=-1), "last must be at least 0"),
    ("a list of memory", lambda: sweep(memory=[1]), "memory must be bytes"),
    ("a mesh of 3", lambda: sweep(mesh=3), "mesh must be a jax.sharding.Mesh"),
    ("a state of matrices", lambda: sweep(network=rj.Network(CELL, CELL, EYE)), "all [N]"),
    ("no edge", lambda: edges(edges=jnp.zeros((0, 2), int)), "at least one row"),
    ("an empty list of edges", lambda: edges(edges=[]), "at least one row"),
    ("edges of floats", lambda: edges(edges=jnp.ones((1, 2))), "int [K, 2]"),
    ("an edge too far", lambda: edges(edges=[[0, 3]]), "units 0 to 2"),
    (
        "edges in one step",
        lambda: edges(xs=XS[:, :1], targets=YS[:, :1], windows=jnp.ones((1, 1))),
        "T must be at least 2",
    ),
    ("none to keep", lambda: screen(keep=0), "keep must lie in [1, 3]"),
    ("half to keep", lambda: screen(keep=1.5), "keep must be a whole number"),
    ("too many to keep", lambda: screen(keep=4), "keep must lie in [1, 3]"),
    ("an audit of all and more", lambda: screen(audit=2), "audit must lie in (0, 1]"),
    ("a seed", lambda: screen(key=0), "jax.random.key(seed)"),
    ("a grid by name", lambda: optimal(grid="a"), "grid must be a whole number"),
    ("no round", lambda: optimal(rounds=0), "rounds must be at least 1"),
    ("another function", lambda: rj.resumable(rj.screen, None), "resumable takes sweep"),
    ("a folder of 3", lambda: rj.resumable(rj.sweep, 3), "folder must be a path"),
    ("no metric", lambda: finite(metric=None), "metric must be a function"),
    ("a metric of many", lambda: finite(metric=lambda r: r.hs[0]), "metric must be a scalar"),
    ("a batch of none", lambda: finite(batch_size=0), "batch_size must be at least 1"),
    ("no node", lambda: integrated(nodes=0), "nodes must be at least 1"),
    ("no mask to scale", lambda: integrated(interventions=rj.Shift(HS)), "a Replace's mask"),
    ("a value of units", lambda: first_order(value=jnp.ones(N)), "value must be a scalar, [1, N]"),
    ("an estimate's window", lambda: estimate(windows=W), "windows must be [W, 4]"),
    ("an estimate's mask", lambda: estimate(windows=2 * WINDOWS), "in [0, 1], got 0 to 2"),
    ("hops by name", lambda: factors(hops="a"), "hops must be a whole number"),
    ("half a start", lambda: factors(start=1.5), "start must be a whole number"),
    ("a path of floats", lambda: paths(units=jnp.ones((1, 2))), "units must be int [K, L + 1]"),
    ("no path", lambda: paths(units=jnp.zeros((0, 2), int)), "units must be int [K, L + 1]"),
    ("no factors", lambda: causal.top_paths(None, 1), "must be PathFactors"),
    ("the mean of nothing", lambda: causal.mean(None), "states must be an array"),
    ("a drawn seed", lambda: causal.resample(HS, 0), "jax.random.key(seed)"),
    ("targets that broadcast", lambda: rj.margin(YS[0], YS[0, :, :1]), "shapes must agree"),
    ("targets of one half", lambda: rj.log_odds(YS[0], YS[0] / 2), "one-hot"),
    ("rankings", lambda: causal.rank_agreement(EYE, jnp.ones((3, 4))), "N = 3"),
    (
        "a record's kind",
        lambda: rj.causal.Record("hold", "zero", "necessity", "a", (), "m", 1, 0),
        "kind",
    ),
    ("paired with None", lambda: causal.paired(None), "Network(step, readout, h0)"),
]

LINEAR = [
    ("no trajectory", lambda: rj.jacobians(CELL, HS[0]), "trajectory must be what run returns"),
    ("many", lambda: rj.jacobians(CELL, rj.Trajectory(HS[:, 0], XS, HS)), "jax.vmap"),
    ("no step", lambda: rj.jacobians(None, RUN), "the step must be a function"),
    ("no metric", lambda: rj.adjoints(CELL, RUN, None), "metric must be a function"),
    ("half a start", lambda: rj.propagators(J, start=1.5), "start must be a whole number"),
    ("a Jacobian", lambda: rj.propagators(J[0]), "jacobians must be [T, N, N]"),
    ("a gap", lambda: linear.window_propagator(J, jnp.array([1.0, 0, 1, 0])), "without a gap"),
    ("no window", lambda: rj.effective_connectivity(CELL, RUN, None), "windows must be an array"),
    (
        "a window of 3",
        lambda: rj.effective_connectivity(CELL, RUN, 3 * WINDOWS),
        "in [0, 1], got 0 to 3",
    ),
    (
        "another reduction",
        lambda: rj.effective_connectivity(CELL, RUN, WINDOWS, reduce="max"),
        "reduce must be one of mean, product",
    ),
    ("groups of 5", lambda: rj.group_connectivity(J, jnp.ones((2, 5))), "N = 3"),
    ("a word of labels", lambda: linear.membership("abc"), "labels must be a list"),
    ("a group", lambda: linear.group_jacobians(CELL, RUN, EYE[0], EYE), "into must be [G, N]"),
    (
        "none at once",
        lambda: linear.window_jacobians(CELL, RUN, WINDOWS, batch_size=0),
        "batch_size must be at least 1",
    ),
    ("no space", lambda: linear.spectral_radii(CELL, RUN, krylov=0), "krylov must be at least"),
    ("no lag", lambda: rj.linear.multistep_connectivity(J, HS[0], 0), "lag must lie in [1, 4]"),
    (
        "a wide readout",
        lambda: rj.linear.projected_connectivity(J, HS[0], jnp.ones(5), 1),
        "readout must be [N], N = 3",
    ),
    ("NaN states", lambda: rj.linear.pca(NAN * HS[0], 1), "states: not finite"),
    ("trials of states", lambda: rj.linear.pca(HS, 1), "states must be [M, N]"),
    ("half a direction", lambda: rj.linear.pca(HS[0], 1.5), "count must be a whole number"),
    ("no axis", lambda: linear.haar(KEY, 0), "count must be at least 1"),
]

CIRCUITS = [
    ("an integer truth", lambda: rj.auroc(EYE[0], jnp.array([0, 1, 2])), "truth must be bool"),
    ("a float truth", lambda: circuits.average_precision(EYE[0], EYE[0]), "truth must be bool"),
    ("a long truth", lambda: rj.auroc(EYE[0], jnp.ones(4, bool)), "truth must be [N], N = 3"),
    ("no unit", lambda: rj.auroc(jnp.zeros(0), jnp.zeros(0, bool)), "scores are empty"),
    ("NaN scores", lambda: rj.auroc(NAN * EYE[0], TRUTH), "scores: an entry is NaN, at [0]"),
    ("no scores", lambda: rj.auroc(None, TRUTH), "scores must be an array"),
    (
        "indices",
        lambda: circuits.precision_recall(jnp.array([0, 2, 1]), TRUTH),
        "members must be bool",
    ),
    ("sets", lambda: circuits.jaccard({1, 2}, {2}), "a must be an array of numbers, got a set"),
    ("widened by 1.5", lambda: circuits.widen(TRUTH[None], 1.5), "tolerance must be a whole"),
    ("a share", lambda: circuits.consensus(TRUTH[None], "most"), "share must lie in (0, 1]"),
    ("members of 2", lambda: circuits.consensus(2 * EYE), "members must be bool"),
    (
        "alpha by name",
        lambda: circuits.select_units(EFFECTS, KEY, alpha="a"),
        "alpha must lie in (0, 1)",
    ),
    (
        "half a flip",
        lambda: circuits.select_units(EFFECTS, KEY, flips=99.5),
        "flips must be a whole",
    ),
    (
        "effects of one unit",
        lambda: circuits.select_units(jnp.ones(8), KEY),
        "must be [E, N, B]",
    ),
    ("no effects", lambda: circuits.select_units(None, KEY), "effects must be an array"),
    ("a seed", lambda: circuits.select_units(EFFECTS, 0), "jax.random.key(seed)"),
    (
        "a share of 2",
        lambda: circuits.select_edges(J[:3], EYE > 0, share=2),
        "share must lie in [0, 1]",
    ),
    (
        "edges of others",
        lambda: circuits.select_edges(J, EYE > 0),
        "members must be [E, N], E = 4",
    ),
    (
        "drawn from indices",
        lambda: circuits.random_sets(KEY, jnp.array([3, 7]), 2),
        "bool or 0 / 1",
    ),
    ("no sets", lambda: circuits.random_sets(KEY, TRUTH, 0), "count must be at least 1"),
    (
        "kept indices",
        lambda: rj.faithfulness(evaluate, jnp.array([0, 2]), KEY),
        "members must be bool or 0 / 1",
    ),
    ("no evaluation", lambda: rj.faithfulness(None, TRUTH, KEY), "evaluate must be a function"),
    (
        "half a size",
        lambda: circuits.completeness(evaluate, TRUTH, 1.5),
        "size must be a whole number",
    ),
    (
        "draws",
        lambda: circuits.minimality(evaluate, TRUTH, KEY, draws=-1),
        "draws must be at least 0",
    ),
    (
        "sizes",
        lambda: circuits.faithfulness_curve(evaluate, EYE[0], KEY, sizes="all"),
        "sizes must be two or more",
    ),
    ("p of 2", lambda: circuits.benjamini_hochberg(2 * EYE[0]), "p must lie in [0, 1]"),
    ("no p", lambda: circuits.benjamini_hochberg(jnp.zeros(0)), "p is empty"),
    ("less than no trial", lambda: circuits.smallest_p(-3, 9), "trials must be at least 0"),
    ("pairs", lambda: circuits.ratio_of_means(EYE[0], jnp.ones(4), KEY), "below must be [B], B"),
    ("a level", lambda: circuits.bootstrap_mean(EFFECTS, KEY, level=95), "level must lie in (0"),
    ("NaN states", lambda: circuits.variance(NAN * HS, WINDOWS), "not finite"),
    (
        "other trials",
        lambda: circuits.correlation(HS, YS[:2], WINDOWS),
        "signals must be [B, T, O]",
    ),
    ("a seed", lambda: circuits.rewired(0, EYE), "key must be as jax.random.key(seed) makes it"),
    ("an anatomy of two sorts", lambda: circuits.rewired(KEY, J[0, :2]), "must be [N, N]"),
    ("an anatomy of words", lambda: circuits.rewired(KEY, [["a"]]), "an array of numbers"),
    ("an unknown weight", lambda: circuits.rewired(KEY, NAN * EYE), "not finite at [0, 0]"),
    ("too few groups", lambda: circuits.rewired(KEY, EYE, "ab"), "groups must be 3 labels"),
    ("groups of two axes", lambda: circuits.rewired(KEY, EYE, EYE), "groups must be 3 labels"),
    (
        "exchanges below 0",
        lambda: circuits.rewired(KEY, EYE, proposals=-1),
        "proposals must be at least 0, got -1",
    ),
    ("no network", lambda: circuits.shuffle_weights(None, KEY), "Network(step, readout, h0)"),
    ("an empty record", lambda: circuits.from_dict({}, WINDOWS), "a record has units and windows"),
    ("a circuit of None", lambda: circuits.to_dict(None), "takes a Circuit"),
    (
        "nodes of floats",
        lambda: rj.Circuit(EYE, J > 0, EYE, J, EYE, ("a", "b", "c"), ("0", "1", "2")),
        "must be",
    ),
]
