"""Wrong calls of training, tasks and studies: a name, a call, and words of its message."""

import jax.numpy as jnp
import numpy as np
from bad_calls import CELL, EYE, KEY, NAN, NET, RUN, XS, YS, B, I, T, with_defaults

import rnn_jax as rj
from rnn_jax import tasks, training
from rnn_jax.cells import Anatomy, Leaky, visual_cortex

TRIALS = rj.Trials(XS, YS, {"a": jnp.ones((B, T))})
TASK = tasks.FlipFlop(bits=I, steps=T)
fit = with_defaults(
    rj.fit, network=NET, sample=TASK.sample, loss=training.mean_squared_error, key=KEY, steps=2
)
anatomy = with_defaults(
    Anatomy, names=("E", "I"), sizes=(2, 1), excitatory=(True, False), density=jnp.ones((2, 2))
)
PAIR = anatomy()
prune = with_defaults(training.pruned, w=EYE, anatomy=PAIR, key=KEY)
FIXED = rj.Network(lambda h, x: h + x.sum(), lambda h: h, jnp.zeros(2))
fit_anatomical = with_defaults(
    training.fit_anatomical, network=training.anatomical(PAIR, KEY), anatomy=PAIR,
    sample=TASK.sample, loss=training.mean_squared_error, key=KEY, steps=2,
    optimiser=training.signed_adam(PAIR, 2),
)  # fmt: skip

TRAINING = [
    ("no chunk", lambda: fit(chunk=0), "chunk must be at least 1"),
    ("no trials", lambda: fit(batch_size=0), "batch_size must be at least 1"),
    ("fewer than no steps", lambda: fit(steps=-1), "steps must be at least 0"),
    ("half a step", lambda: fit(steps=1.5), "steps must be a whole number"),
    ("no patience", lambda: fit(patience=0), "patience must be at least 1"),
    ("a goal", lambda: fit(goal="good"), "goal must be an array of numbers"),
    ("no network", lambda: fit(network=None), "Network(step, readout, h0)"),
    ("no sampler", lambda: fit(sample=None), "sample must be a function"),
    ("a named loss", lambda: fit(loss="mse"), "loss must be a function"),
    ("a seed", lambda: fit(key=0), "jax.random.key(seed)"),
    ("a named optimiser", lambda: fit(optimiser="adam"), "an Optax transformation"),
    ("a state of 3", lambda: fit(state=3), "state must be a FitState"),
    ("a sample of inputs", lambda: fit(sample=lambda key, count: XS), "must return Trials"),
    ("nothing to train", lambda: fit(network=FIXED), "there is nothing to train"),
    (
        "a span that ends first",
        lambda: tasks.epochs_after(np.array([1]), 9, cue=(5, 2)),
        "start first",
    ),
    ("an event that is one", lambda: tasks.epochs_after(3, 9, cue=(0, 2)), "event must be steps"),
    (
        "a span of one step",
        lambda: tasks.epochs_after(np.array([1, 2]), 9, cue=2),
        "cue must be (start, stop)",
    ),
    (
        "an epoch by its ends",
        lambda: tasks.check_trials(rj.Trials(XS, None, {"a": (3, 9)})),
        "epoch 'a' ",
    ),
    ("a rate below 0", lambda: training.adam(-1.0, 5), "learning_rate must be a number above 0"),
    ("a clip of 0", lambda: training.adam(1.0, 5, clip=0), "clip must be a number above 0"),
    ("no step", lambda: training.adam(1.0, 0), "steps must be at least 1"),
    ("no loss", lambda: training.with_rate_penalty(None, 1.0), "loss must be a function"),
    ("a named mask", lambda: training.keep_mask(lambda n: n, "all"), "mask must be an array"),
    ("nowhere", lambda: training.keep_mask(None, EYE), "where must be a function"),
    ("nothing to hold", lambda: training.hold("readout"), "where must be a function"),
    ("a half cortex", lambda: visual_cortex(0.5), "scale must be a whole number"),
    ("half a unit", lambda: anatomy(sizes=(2.5, 1)), "the size of E must be a whole number"),
    ("signs as numbers", lambda: anatomy(excitatory=(1, -1)), "excitatory must be bool"),
    ("weights in words", lambda: prune(w="all"), "w must be an array of numbers"),
    ("a seed to prune by", lambda: prune(key=0), "jax.random.key(seed)"),
    (
        "a slow rate of 0",
        lambda: training.signed_adam(PAIR, 5, 0),
        "learning_rate must be a number",
    ),
    ("no slow step", lambda: training.signed_adam(PAIR, 0), "steps must be at least 1"),
    ("a seed to prune with", lambda: fit_anatomical(key=0), "jax.random.key(seed)"),
    ("half a step", lambda: fit_anatomical(steps=0.5), "steps must be a whole number"),
    (
        "another anatomy",
        lambda: fit_anatomical(network=NET),
        "an anatomy asks for `step.w` of (3, 3)",
    ),
    ("no population", lambda: fit_anatomical(network=None), "Network(step, readout, h0)"),
    ("no folder", lambda: training.save_model("no/such/x", NET, {}), "no such folder"),
    ("an array to say", lambda: training.save_model("x", NET, {"a": EYE}), "plain JSON"),
    ("no path", lambda: training.load_header(None), "a path must be a string"),
    (
        "targets that broadcast",
        lambda: training.mean_squared_error(NET, RUN, YS[0], YS[0, :, :1]),
        "shapes must agree",
    ),
]

CHANGES, ONES, SHOWN = tasks.ChangeDetection, jnp.ones((2, 2), int), jnp.zeros((2, 15), bool)
TASKS = [
    ("no bit", lambda: tasks.FlipFlop(bits=0), "bits must be at least 1"),
    ("a rate of 2", lambda: tasks.FlipFlop(rate=2.0), "rate must lie in [0, 1]"),
    ("no trial", lambda: TASK.sample(KEY, 0), "count must be at least 1"),
    ("half a trial", lambda: TASK.sample(KEY, 1.5), "count must be a whole number"),
    ("a seed", lambda: TASK.sample(0, 1), "jax.random.key(seed)"),
    ("a hazard of 0", lambda: tasks.HiddenState(hazard=0), "hazard must lie in (0, 1)"),
    ("a strength of NaN", lambda: tasks.HiddenState(strength=NAN), "strength must be a number"),
    ("observations", lambda: tasks.HiddenState().posterior(XS[0]), "one trial's [T, 1]"),
    ("a long pulse", lambda: tasks.ContextBit(pulse=20), "must fit in a slot"),
    ("no level", lambda: tasks.ContextIntegration(coherences=()), "coherences must hold"),
    ("a level of 0", lambda: tasks.ContextIntegration(coherences=(0.0,)), "coherences must be"),
    ("two levels", lambda: tasks.DelayedComparison(levels=2), "levels must be at least 4"),
    ("no delay", lambda: tasks.DelayedComparison(delays=(0, 5)), "delays must be at least 4"),
    ("delays", lambda: tasks.DelayedComparison(delays=(9, 5)), "(shortest, longest)"),
    ("no cue", lambda: tasks.EasyAndXor(cue=0), "cue must be at least 1"),
    ("half an image", lambda: CHANGES(images=2.5), "images must be a whole number"),
    ("an uneven step", lambda: CHANGES(dt=0.1), "dt must divide 0.25 s"),
    ("a step of text", lambda: CHANGES(dt="a"), "dt must be a number above 0"),
    ("one time", lambda: CHANGES(changes=4), "changes must be (fewest, most)"),
    ("three times", lambda: CHANGES(changes=(4, 5, 6)), "changes must be (fewest, most)"),
    ("a time of None", lambda: CHANGES(changes=(4, None)), "changes must be a whole number"),
    ("a hazard of text", lambda: CHANGES(hazard="a"), "hazard must lie in (0, 1)"),
    ("a share of None", lambda: CHANGES(catch=None), "catch must lie in [0, 1]"),
    ("one image a trial", lambda: CHANGES().trials(ONES[:, :1], ONES[:, 0], SHOWN), "[B, 2]"),
    ("flat images", lambda: CHANGES().trials(ONES[:, 0], ONES[:, 0], SHOWN), "[B, P]"),
    ("a change too few", lambda: CHANGES().trials(ONES, ONES[:1, 0], SHOWN), "change must be"),
    (
        "omissions of 0 and 1",
        lambda: CHANGES().trials(ONES, ONES[:, 0], ONES[:, :1].repeat(15, 1)),
        "omitted must be bool",
    ),
    (
        "other trials",
        lambda: CHANGES().contrasts(KEY, rj.Trials(XS, YS, {})),
        "trials must be of this task",
    ),
    ("noise below 0", lambda: tasks.EasyAndXor(noise=-1.0), "noise must be at least 0"),
    ("no trials", lambda: tasks.check_trials(None), "expected Trials"),
    ("epochs in a list", lambda: tasks.check_trials(rj.Trials(XS, None, [])), "dict of epochs"),
    (
        "an epoch of None",
        lambda: tasks.check_trials(rj.Trials(XS, None, {"a": None})),
        "epoch 'a' must be an array",
    ),
    ("flat targets", lambda: tasks.check_trials(rj.Trials(XS, YS[..., 0], {})), "[B, T, O]"),
]

words = ("value", "second_value", "kind", "score")
numbers = ("width", "alpha", "floor", "edge_share", "random_sets", "resamples", "flips", "seed")
STUDIES = [
    *[(name, lambda name=name: rj.Settings(**{name: "bogus"}), f"{name} must be one of")
      for name in words],
    *[(name, lambda name=name: rj.Settings(**{name: "bogus"}), f"{name} must")
      for name in numbers],
    ("a noise of text", lambda: Leaky(1, 2, tau=2.0, dt=1.0, noise="a", key=KEY), "noise"),
    ("a noise below 0", lambda: Leaky(1, 2, tau=2.0, dt=1.0, noise=-1.0, key=KEY), "got -1"),
    ("a tau of text", lambda: Leaky(1, 2, tau="a", dt=1.0, key=KEY), "tau"),
    ("a score of one's own", lambda: rj.Settings(score=lambda y, t: 0.0), "discover(..., score="),
    ("no flips", lambda: rj.Settings(flips=None), "flips must be a whole number"),
    (
        "a tuple as network",
        lambda: rj.discover(rj.Subject("mine", (CELL, None, EYE[0]), TRIALS)),
        "Network(step, readout, h0), got a tuple",
    ),
    ("inputs as trials", lambda: rj.discover(rj.Subject("mine", NET, XS)), "expected Trials"),
    ("a network as subject", lambda: rj.discover(NET), "expected a Subject"),
    (
        "settings by name",
        lambda: rj.discover(rj.Subject("mine", NET, TRIALS), {"value": "mean"}),
        "a rnn_jax.Settings",
    ),
    (
        "a truth of other epochs",
        lambda: rj.discover(rj.Subject("mine", NET, TRIALS, truth={"b": EYE[0]})),
        "the truth lacks the trials' epochs a",
    ),
]  # fmt: skip
