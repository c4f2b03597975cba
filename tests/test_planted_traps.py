"""Traps hold their truth against exact sweeps and fool whom they say; disguises hold functions."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rnn_jax import (
    Network,
    Replace,
    auroc,
    clamp,
    first_order,
    margin,
    outputs,
    run,
    span,
    squared_error,
    sweep,
    sweep_edges,
)
from rnn_jax.causal import mean, resample, self_repair, zero
from rnn_jax.cells import Affine, Vanilla
from rnn_jax.planted import (
    PLANTED,
    Planted,
    Truth,
    add_readers,
    copies,
    correlated_unread,
    flip_signs,
    local_corruption,
    permute,
    ring_attractor,
    rotate,
    split,
)
from rnn_jax.tasks import check_trials

TRAPS = [
    "copies", "and-pair", "or-pair", "cancelled-pair", "correlated-unread",
    "high-variance-unread", "dormant-path", "self-repair", "local-corruption",
]  # fmt: skip
KEY = jax.random.key(5)
COPIES = {"copy 0", "copy 1", "copy 2"}
SILENT = {
    ("copies", "zero"): COPIES,
    ("copies", "resample"): COPIES,
    ("or-pair", "zero"): {"left", "right"},
    ("cancelled-pair", "zero"): {"source"},
    ("cancelled-pair", "resample"): {"source"},
}
"""Members that no single ablation shows: what these cases are built for."""

LOUD = {("dormant-path", "zero"): {"lock"}}
"""Units outside that an ablation shows."""

VALUES = {"zero": zero, "mean": mean, "resample": lambda hs: resample(hs, jax.random.key(7))}
ROUNDING = 1e-12
close = functools.partial(np.testing.assert_allclose, rtol=0, atol=ROUNDING)
NONE = 1e-24
"""A squared error of rounded outputs."""


@eqx.filter_jit
def responses(network, xs, interventions):
    """Outputs `[B, T, O]` of trials `[B, T, I]`, each under its own intervention."""
    one = lambda x, intervention: outputs(network, run(network, x, intervention))
    return jax.vmap(one)(xs, interventions)


@eqx.filter_jit
def states(network, xs):
    hs = jax.vmap(lambda x: run(network, x).hs)(xs)
    return hs, jax.vmap(jax.vmap(network.readout))(hs)


class Data:
    """A planted network's trials, states and outputs, and effects on its own outputs."""

    def __init__(self, planted, trials=16):
        self.planted, self.network = planted, planted.network
        self.trials = planted.sample(KEY, trials)
        self.xs = self.trials.xs
        self.hs, self.ys = states(self.network, self.xs)
        self.epochs = list(planted.truth.nodes)
        self.windows = jnp.stack([self.trials.epochs[name][0] for name in self.epochs])
        self.N, self.steps = self.hs.shape[2], self.hs.shape[1]

    def group(self, *names):
        return jnp.asarray([float(name in names) for name in self.planted.units])

    def where(self, *names):
        return [self.planted.units.index(name) for name in names]

    def truth(self, epoch):
        return np.asarray(self.planted.truth.nodes[epoch]) > 0

    def effects(self, value, groups=None, windows=None, **options):
        """Mean size of the effect on the network's own outputs, `[W, G]`."""
        groups = jnp.eye(self.N) if groups is None else jnp.stack(groups)
        windows = self.windows if windows is None else windows
        found = sweep(
            self.network, self.xs, self.ys, squared_error, groups, windows,
            VALUES[value](self.hs), **options,
        )  # fmt: skip
        return np.abs(np.asarray(found)).mean(-1)

    def edge_effects(self, value):
        """The same of every connection, `[W, to, from]`."""
        pairs = np.stack(np.meshgrid(*2 * [np.arange(self.N)], indexing="ij"), -1).reshape(-1, 2)
        found = sweep_edges(
            self.network, self.xs, self.ys, squared_error, jnp.asarray(pairs), self.windows,
            VALUES[value](self.hs),
        )  # fmt: skip
        return np.abs(np.asarray(found)).mean(-1).reshape(-1, self.N, self.N)

    def held(self, units, window, value):
        """Outputs with units held, each trial's at its own row of `value [B, T, N]`."""
        mask = jnp.outer(window, units)
        masks = jnp.broadcast_to(mask[None], value.shape)
        return np.asarray(responses(self.network, self.xs, jax.vmap(Replace)(masks, value)))

    def kept(self, units, window):
        """Outputs with all but some units at another trial's states."""
        return self.held(1.0 - units.astype(float), window, VALUES["resample"](self.hs))

    def correlation(self, at=-1):
        """Of each unit with the output over trials, at one time; 0 for a unit that is still."""
        h, y = np.asarray(self.hs[:, at]), np.asarray(self.ys[:, at, 0])
        h, y = h - h.mean(0), y - y.mean()
        scale = np.sqrt((h**2).sum(0) * (y**2).sum())
        return np.abs(h.T @ y) / np.where(scale < ROUNDING, np.inf, scale)


@functools.cache
def data(name):
    return Data(PLANTED[name].make())


@pytest.mark.parametrize("name", TRAPS)
def test_trials_and_targets_are_what_the_network_does(name):
    case = data(name)
    check_trials(case.trials)
    assert case.steps <= 60
    assert case.N <= 40
    assert set(case.trials.epochs) == set(case.epochs)
    after = np.asarray(case.trials.epochs["cue"][0]) == 0
    close(case.ys[:, after], case.trials.targets[:, after])
    assert np.asarray(case.ys[:, after]).std(0).min() > 0.05
    latents = case.planted.latents(case.xs[0])
    assert any(np.array_equal(row, case.trials.targets[0, :, 0]) for row in latents.values())
    other = case.planted.sample(jax.random.key(6), 16)
    assert not np.array_equal(other.xs, case.xs)


@pytest.mark.parametrize("value", ["zero", "resample"])
@pytest.mark.parametrize("name", TRAPS)
def test_members_have_an_effect_and_others_exactly_none(name, value):
    case = data(name)
    found = case.effects(value)
    for epoch, row in zip(case.epochs, found):
        for unit, member, effect in zip(case.planted.units, case.truth(epoch), row):
            silent = unit in SILENT.get((name, value), ())
            seen = (member and not silent) or unit in LOUD.get((name, value), ())
            assert effect > 1e-3 if seen else effect < NONE, (epoch, unit, effect)


@pytest.mark.parametrize("name", TRAPS)
def test_connections_of_the_circuit_have_an_effect_and_others_exactly_none(name):
    case = data(name)
    for epoch, found in zip(case.epochs, case.edge_effects("resample")):
        wired = np.asarray(case.planted.truth.edges[epoch]) > 0
        silent, loud = np.zeros_like(wired), np.zeros_like(wired)
        if name == "copies":
            silent[:, case.where(*COPIES)] = silent[case.where(*COPIES)] = True
        if name == "cancelled-pair":
            silent[case.where("source")] = True
        if name == "self-repair":
            # one donor's memory beside the trial's own primary: the watch sees a failure
            loud[np.ix_(case.where("watch"), case.where("memory", "primary"))] = True
        assert found[silent | ~(wired | loud)].max(initial=0) < NONE
        assert found[(wired & ~silent) | loud].min(initial=1) > 1e-4


@pytest.mark.parametrize("name", TRAPS)
def test_the_truth_suffices_and_its_complement_does_not(name):
    case = data(name)
    for epoch, window in zip(case.epochs, case.windows):
        members = case.truth(epoch)
        close(case.kept(members, window), case.ys)
        assert np.abs(case.kept(~members, window) - case.ys).mean() > 1e-3


@pytest.mark.parametrize("name", TRAPS)
def test_bystanders_go_with_the_circuit(name):
    case = data(name)
    bystanders = np.array(case.planted.groups) == "bystander"
    assert bystanders.sum() == 8
    assert case.correlation()[bystanders].mean() > 0.5
    bare = PLANTED[name].make(extra=0)
    assert bare.units == tuple(np.array(case.planted.units)[~bystanders])
    close(states(bare.network, case.xs)[1], case.ys)


@pytest.mark.parametrize("name", TRAPS)
def test_float32_does_the_same(name):
    with jax.enable_x64(False):
        planted = PLANTED[name].make()
        trials = planted.sample(KEY, 8)
        ys = states(planted.network, trials.xs)[1]
        arrays = jax.tree.leaves((planted.network, planted.truth, trials, ys))
        assert {leaf.dtype for leaf in arrays if hasattr(leaf, "dtype")} == {np.dtype("float32")}
    after = np.asarray(trials.epochs["cue"][0]) == 0
    close(ys[:, after], trials.targets[:, after], atol=1e-6)


@pytest.mark.parametrize("redundancy", [3, 5])
def test_copies_are_silent_until_a_majority_is_gone(redundancy):
    case = Data(copies(redundancy, extra=2))
    enough = (redundancy + 1) // 2
    groups = [case.group(*(f"copy {k}" for k in range(n))) for n in range(1, redundancy + 1)]
    effect = case.effects("zero", groups, case.windows[1:])[0]
    assert effect[: enough - 1].max() == 0
    bits = float(np.asarray(case.xs).sum((1, 2)).mean())
    late = (case.steps - 7) / case.steps
    close(effect[enough - 1 :], bits * late)


@pytest.mark.parametrize("redundancy", [1, 2, 4])
def test_copies_without_a_majority_are_refused(redundancy):
    with pytest.raises(ValueError, match="odd"):
        copies(redundancy)


@pytest.mark.parametrize("name", ["copies", "and-pair", "or-pair"])
def test_first_order_is_blind_to_what_saturates(name):
    case = data(name)
    pair = ("copy 0", "copy 1") if name == "copies" else ("left", "right")
    metric = lambda ys: lambda run: margin(jax.vmap(case.network.readout)(run.hs), ys)
    scores = jax.vmap(
        lambda x, y: first_order(case.network.step, case.network.h0, x, metric(y), jnp.zeros(()))
    )(case.xs, case.trials.targets)
    assert np.abs(scores[..., case.where(*pair)]).max() == 0
    assert case.effects("zero", [case.group(*pair)], case.windows[1:])[0, 0] > 0.2


def pair_patches(name):
    """Change of the last outputs: by noising a run with a cue, by denoising one without."""
    case = data(name)
    held = np.asarray(case.ys[:, -1, 0]) == 1
    told, silent = np.argmax(held), np.argmin(held)
    sets = {"left": ("left",), "right": ("right",), "both": ("left", "right")}

    def last(trial, names, donor):
        value = jnp.broadcast_to(case.hs[donor][None], case.hs.shape)
        return float(case.held(case.group(*names), case.windows[1], value)[trial, -1, 0])

    noised = {k: last(told, names, silent) for k, names in sets.items()}
    return noised, {k: last(silent, names, told) for k, names in sets.items()}


def test_noising_and_denoising_disagree_on_pairs():
    broken = {"left": 0.0, "right": 0.0, "both": 0.0}
    assert pair_patches("and-pair") == (broken, {"left": 0.0, "right": 0.0, "both": 1.0})
    restored = {"left": 1.0, "right": 1.0, "both": 1.0}
    assert pair_patches("or-pair") == ({"left": 1.0, "right": 1.0, "both": 0.0}, restored)


def test_a_cancelled_source_shows_by_its_connections_and_with_others_only():
    case = data("cancelled-pair")
    source, plus, minus = case.where("source", "plus", "minus")
    edges = case.edge_effects("resample")
    assert edges[:, [plus, minus], source].min() > 1e-3
    alone, path, both = case.effects(
        "resample",
        [case.group("source"), case.group("plus"), case.group("source", "plus")],
        case.windows[1:],
    )[0]
    assert alone == 0
    assert path > 0.01
    # with the source, the other path moves as well, and cancels all but the first step
    assert both < path / 5


def test_correlation_ranks_unread_echoes_first():
    case = data("correlated-unread")
    echoes, members = np.array(case.planted.groups) == "echo", case.where("left", "right")
    assert case.correlation()[echoes].min() > 0.98 > 0.9 > case.correlation()[members].max()
    effect = case.effects("resample")[1]
    assert effect[echoes].max() == effect[np.argsort(-case.correlation())[:4]].max() == 0
    assert set(np.argsort(-effect)[:2]) == set(members)
    assert float(auroc(jnp.asarray(effect), jnp.asarray(case.truth("delay")))) == 1


def test_variance_ranks_an_unread_block_first():
    case = data("high-variance-unread")
    late = np.asarray(case.hs[:, 10:]).reshape(-1, case.N)
    loud = np.array(case.planted.groups) == "loud"
    variance = late.var(0)
    assert variance[loud].min() > 10 * variance[~loud].max()
    leading = np.linalg.svd(late - late.mean(0))[2][0] ** 2
    assert leading[loud].sum() > 0.9
    effect = case.effects("resample")[1]
    assert effect[loud].max() == 0
    assert np.argmax(effect) == case.where("memory")[0]


def test_only_ablation_to_zero_opens_the_dormant_path():
    case = data("dormant-path")
    lock, dormant, memory = case.where("lock", "dormant", "memory")
    assert np.argmax(case.effects("zero")[1]) == lock
    for value in ("mean", "resample"):
        assert case.effects(value)[:, [lock, dormant]].max() == 0
    assert np.argmax(np.abs(case.network.readout.c[0])) == dormant
    xs = case.xs.at[:, 10:, 1].set(1.0)
    opened = states(case.network, xs)[1]
    close(opened[:, -1], 4 * case.ys[:, -1])


def test_a_backup_repairs_in_two_steps_what_a_zero_breaks():
    case = data("self-repair")
    told = int(np.argmax(np.asarray(case.ys[:, -1, 0])))
    metric = lambda run: squared_error(jax.vmap(case.network.readout)(run.hs), case.ys[told])
    found = self_repair(
        case.network.step, case.network.h0, case.xs[told], metric,
        case.group("primary"), case.windows[1], 0.0,
    )  # fmt: skip
    assert float(found.direct) == pytest.approx(-24 / 30)
    assert float(found.total) == pytest.approx(-2 / 30)
    window, nothing = span(case.steps, 10, 20), jnp.zeros_like(case.hs)
    broken = lambda *names: np.flatnonzero(
        case.ys[told, :, 0] - case.held(case.group(*names), window, nothing)[told, :, 0]
    )
    assert broken("primary").tolist() == [10, 11]
    assert broken("primary", "backup").size >= 10
    after = run(case.network, case.xs[told], clamp(case.group("primary"), window, 0.0)).hs[-1]
    assert np.asarray(after)[case.where("primary", "backup")].tolist() == [0.0, 1.0]


def test_one_circuit_for_the_whole_trial_is_wrong_in_the_corrupted_window():
    case = data("local-corruption")
    usual, detour = case.where("usual", "detour")
    whole = case.effects("resample", windows=jnp.ones((1, case.steps)))[0]
    inside = case.effects("resample")[case.epochs.index("corrupted")]
    assert whole[usual] > whole[detour]
    assert inside[usual] == 0
    assert inside[detour] > 1e-3
    window = case.windows[case.epochs.index("corrupted")]
    kept = case.kept(case.truth("before"), window)
    assert np.abs(kept - case.ys)[:, 14:22].mean() > 0.05


# disguises


def tanh_planted():
    """A random network of an odd activation that starts anywhere; its truth is made up."""
    keys = jax.random.split(jax.random.key(3), 3)
    N, member = 6, jnp.asarray([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    network = Network(
        Vanilla(2, N, key=keys[0]), Affine(N, 2, key=keys[1]), jax.random.normal(keys[2], (N,))
    )
    truth = Truth({"cue": member}, {"cue": jnp.outer(member, member)})
    names = tuple("abcdef")
    return Planted(network, local_corruption().sample, truth, names, names)


def tanh_xs(count=3):
    return jax.random.normal(jax.random.key(4), (count, 20, 2))


DISGUISES = {
    "split": lambda p: split(p, p.units[1], 3),
    "split-unevenly": lambda p: split(p, p.units[0], 4, jax.random.key(1)),
    "flip": lambda p: flip_signs(p, [(-1) ** k for k in range(len(p.units))]),
    "permute": lambda p: permute(p, np.random.default_rng(0).permutation(len(p.units))),
    "readers": lambda p: add_readers(p, 5, jax.random.key(2)),
    "rotate": lambda p: rotate(p, jax.random.key(3)),
    "many": lambda p: rotate(add_readers(split(p, p.units[2], 2), 3, KEY), jax.random.key(3)),
}


def runs(planted, xs):
    return tuple(np.asarray(found) for found in states(planted.network, xs))


@functools.cache
def ring():
    planted = ring_attractor()
    return planted, planted.sample(KEY, 3).xs[:, :100]


@pytest.mark.parametrize("kind", ["tanh", "ring"])
@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_keeps_outputs_and_gives_the_states_back(name, kind):
    planted, xs = ring() if kind == "ring" else (tanh_planted(), tanh_xs())
    disguised = DISGUISES[name](planted)
    E, R = disguised.network.step.expand, disguised.network.step.reduce
    close(R @ E, np.eye(len(planted.units)))
    (hs, ys), (new_hs, new_ys) = runs(planted, xs), runs(disguised, xs)
    assert np.abs(ys).max() > 0.1
    close(new_ys, ys)
    close(new_hs @ np.asarray(R).T, hs)
    M = len(disguised.units)
    assert new_hs.shape[2] == len(disguised.groups) == len(set(disguised.units)) == M
    for epoch, nodes in disguised.truth.nodes.items():
        assert nodes.shape == (M,)
        assert disguised.truth.edges[epoch].shape == (M, M)
        assert nodes.dtype == planted.truth.nodes[epoch].dtype


@pytest.mark.parametrize(
    ("there", "back"),
    [
        (DISGUISES["flip"], DISGUISES["flip"]),
        (lambda p: permute(p, [3, 0, 5, 1, 2, 4]), lambda p: permute(p, [1, 3, 4, 0, 5, 2])),
    ],
)
def test_a_disguise_and_its_inverse_are_the_original(there, back):
    planted = tanh_planted()
    again = back(there(planted))
    (hs, ys), (new_hs, new_ys) = runs(planted, tanh_xs()), runs(again, tanh_xs())
    np.testing.assert_array_equal(new_hs, hs)
    np.testing.assert_array_equal(new_ys, ys)
    assert (again.units, again.groups) == (planted.units, planted.groups)
    for mine, other in zip(jax.tree.leaves(again.truth), jax.tree.leaves(planted.truth)):
        np.testing.assert_array_equal(mine, other)
    np.testing.assert_array_equal(again.network.h0, planted.network.h0)


def test_flipped_signs_are_flipped_weights_of_an_odd_network():
    planted, signs = tanh_planted(), jnp.asarray([1.0, -1.0, -1.0, 1.0, -1.0, 1.0])
    cell, x = planted.network.step, tanh_xs()[0, 0]
    h = jax.random.normal(KEY, (6,))
    flipped = jnp.tanh((signs[:, None] * cell.w * signs[None]) @ h + signs * (cell.u @ x))
    disguised = flip_signs(planted, signs.astype(int).tolist())
    close(disguised.network.step(h, x), flipped)


@pytest.mark.parametrize("name", ["split-unevenly", "permute", "readers", "rotate", "many"])
def test_the_truth_carried_along_holds_against_exact_sweeps(name):
    case = Data(DISGUISES[name](local_corruption(extra=1)), trials=8)
    for epoch, row in zip(case.epochs, case.effects("resample")):
        assert row[case.truth(epoch)].min() > ROUNDING
        assert row[~case.truth(epoch)].max(initial=0) < NONE
    for epoch, found in zip(case.epochs, case.edge_effects("resample")):
        wired = np.asarray(case.planted.truth.edges[epoch]) > 0
        assert found[wired].min() > ROUNDING
        assert found[~wired].max(initial=0) < NONE


def test_copies_of_a_unit_share_its_effect():
    planted = correlated_unread(extra=2)
    case, whole = Data(split(planted, "left", 4, KEY)), Data(planted)
    shares = np.asarray(case.network.step.reduce)[whole.where("left")[0], 2:6]
    assert case.planted.units[2:6] == ("left/0", "left/1", "left/2", "left/3")
    assert shares.sum() == pytest.approx(1)
    assert len(set(shares)) == 4
    one = whole.effects("zero", [whole.group("left")], whole.windows[1:])[0, 0]
    parts = case.effects("zero", windows=case.windows[1:])[0]
    together = case.effects("zero", [case.group(*case.planted.units[2:6])], case.windows[1:])
    assert together[0, 0] == pytest.approx(one)
    assert parts[2:6].max() < one
    # a copy held at 0 is refilled by nobody, while the others carry what is left
    np.testing.assert_array_equal(np.argsort(parts[2:6]), np.argsort(shares))


def kept_error(case, epoch, size):
    """Error of the `size` units of largest effect alone, of that with every unit replaced."""
    effect, window = case.effects("resample")[epoch], case.windows[epoch]
    largest = np.isin(np.arange(case.N), np.argsort(-effect)[:size])
    error = lambda units: np.square(case.kept(units, window) - case.ys).mean()
    return error(largest) / error(np.zeros(case.N, bool))


def test_a_rotation_leaves_no_unit_to_be_found():
    plain = Data(correlated_unread(extra=12))
    turned = Data(rotate(plain.planted, KEY))
    size = plain.truth("delay").sum()
    assert kept_error(plain, 1, size) < NONE
    assert turned.effects("resample").min() > 1e-6
    assert all(turned.truth(epoch).all() for epoch in turned.epochs)
    assert kept_error(turned, 1, size) > 0.3
    assert kept_error(turned, 1, turned.N // 2) > 0.1
    assert np.isnan(auroc(jnp.linspace(0.0, 1.0, turned.N), jnp.asarray(turned.truth("delay"))))


def test_rotations_are_drawn_evenly():
    planted = tanh_planted()
    draws = [rotate(planted, key).network.step.expand for key in jax.random.split(KEY, 200)]
    q = np.asarray(draws)
    close(q @ q.transpose(0, 2, 1), np.eye(6)[None] + 0 * q)
    assert np.abs(q.mean(0)).max() < 0.15
    close((q**2).mean(0), 1 / 6, atol=0.08)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: split(p, "g", 2), "no unit 'g'"),
        (lambda p: split(p, "a", 0), "at least 1"),
        (lambda p: flip_signs(p, [1, -1]), "6 of 1 or -1"),
        (lambda p: flip_signs(p, [1, -1, 0, 1, 1, 1]), "6 of 1 or -1"),
        (lambda p: permute(p, [0, 1, 2, 3, 4, 4]), "once"),
        (lambda p: add_readers(p, 0, KEY), "at least 1"),
        (
            lambda p: rotate(
                Planted(
                    Network(p.network.step, p.network.readout, (p.network.h0, p.network.h0)),
                    p.sample, p.truth, p.units, p.groups,
                ),
                KEY,
            ),
            "one vector",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_disguised_says_so(make, message):
    with pytest.raises(ValueError, match=message):
        make(tanh_planted())
