"""Disinhibition: Vip units ramp while an image is omitted, Sst units fall, pyramidal units rise.

    planted = vip_ramp()
    planted.truth.nodes["early"]      # Vip and Sst of V1 L2/3 and L5: pyramidal units are at rest
    vip_ramp_windows()                # [N, T]: when an exchange with the foil is read, by argument

One unit for each of the 18 populations of `cells.visual_cortex`, whose signs and absent
connections hold; channel p drives population p alone. In a layer, of rates of the step before,

    vip = tanh(1.03 + signal - 1.6 sst),   sst = tanh(0.8 - 1.6 vip),   pyramidal = tanh(0.8 - sst)

At rest a Vip unit is just below 0 and sends nothing. Once an image is missed, a signal of two
steps lifts it; Vip and Sst, each inhibiting the other, make of it a ramp that no input drives,
until the next image ends it. That an image was missed is said by the input; what is built in is
what follows. Synthetic: images come as in the Visual Behavior task, at steps of 1/11 s.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from ..cells import Affine, Rectified, visual_cortex
from ..core import Network
from .causes import Cause, number, with_causes, within
from .graded import two_sided
from .motif import late
from .planted import Planted
from .wiring import Unit, truth_over

ANATOMY = visual_cortex(scale=1)
NAMES = ANATOMY.names
N = len(NAMES)

SLOT, IMAGE = 9, 3
"""Steps from an image to the next, and of an image: at 11 Hz 820 and 270 ms."""
STEPS = 4 * SLOT
CHANGED, OMITTED, NEXT = SLOT, 2 * SLOT, 3 * SLOT
"""First steps of the image that a contrast changes, of the omission, and of the last image."""
MISSED = range(OMITTED + IMAGE, OMITTED + IMAGE + 2)
"""Steps of the signal: when an image should have come and gone. Two, since a change needs two
steps from a Vip unit to itself."""
RAMP = range(MISSED[0], NEXT)
READ = range(MISSED[0] + 2, NEXT + 2)
"""Two synapses later, when the foil's image has left the outputs."""
EPOCHS = {
    "regular": range(CHANGED + 1, CHANGED + 3), "early": MISSED, "late": range(READ[0], NEXT)
}  # fmt: skip
"""Two steps at least: where others are held inside an epoch alone, an edge has both ends in it."""

TONIC = {"Pyr": 0.8, "Sst": 0.8, "Vip": 1.03}
ONTO_SST, ONTO_VIP, ONTO_PYR, FEED = -1.6, -1.6, -1.0, 0.6
SIGNAL, SHUT = (0.15, 0.28), -1.5
"""Into Vip units: once an image is missed, and while one is shown."""
WEAK = 0.013
"""The largest of all other weights that the anatomy allows; the least is half of it."""
NOISE = 0.005
"""Of tonic drives of pyramidal and Sst units, a standard deviation."""
IMAGES = "V1 L4 Pyr"
"""The channel of images, which has no tonic drive."""
OUTPUTS = ("V1 L2/3 Pyr", "V1 L5 Pyr")


def vip_ramp(seed: int = 0) -> Planted:
    """V1 and LM while images come and one is omitted; the pyramidal units of V1 are read.

    True, when an image is omitted: in V1 L2/3 and V1 L5 the Vip unit, the Sst unit and the
    pyramidal one; `early`, before the last are moved, the first two alone. For a `regular` image:
    the pyramidal units of V1, L4 to L2/3 to L5. Rivals: LM does the same with the same drive, and
    no true wire leads back; V1 L4's Vip and Sst units do too, and its pyramidal unit hardly hears
    them. All other connections that the anatomy allows are there, and weak. The border: a member
    or a true wire does at least 0.075 of its contrast, others at most 0.02. The least is what the
    image makes of L5, which a search that keeps 0.9 may leave out. Fooled: what correlates, since
    all six Vip units ramp at once; lesions, by which an Sst unit matters before the omission too.

    **Arguments:** `seed`: draws the weak weights.

    **Returns:** a `Planted` of 18 units, inputs `[B, 36, 18]` (tonic drives with noise, images of
    an amplitude drawn for each, the drive of an omission) and targets `[B, 36, 2]`. Contrasts:
    `omission`, whose foil shows the image, read while pyramidal units are up; `image`, whose foil
    has another amplitude of the image before.

    **Example:**

        >>> made = rj.planted.vip_ramp()
        >>> np.compress(made.truth.nodes["early"] > 0, made.units).tolist()
        ['V1 L2/3 Sst', 'V1 L2/3 Vip', 'V1 L5 Sst', 'V1 L5 Vip']
    """
    wires = {(NAMES[i], NAMES[j]): w for (i, j), w in _strong().items()}
    units = {
        name: Unit({j: w for (i, j), w in wires.items() if i == name}, group=name)
        for name in NAMES
    }
    omission, image = vip_ramp_windows(), _windows("foil", "image")
    times = {name: np.flatnonzero(omission[k] | image[k]) for k, name in enumerate(NAMES)}
    times = {name: when.tolist() for name, when in times.items()}
    of_omission = {name: EPOCHS[name] for name in ("early", "late")}

    def follow(xs: Array) -> dict[str, Array]:
        shown, vip = (xs[:, NAMES.index(name)] for name in (IMAGES, "V1 L2/3 Vip"))
        signal = jnp.maximum(vip - TONIC["Vip"], 0)
        ramp = jnp.cumsum(jnp.cumsum(signal)) * number(within(STEPS, RAMP))
        return {
            name: late(0.5 * shown, 1 + k) + late(0.25 * ramp, 2) for k, name in enumerate(OUTPUTS)
        }

    causes = {
        "omission": Cause(_not_omitted, of_omission, READ),
        "image": Cause(_other_image, {"regular": EPOCHS["regular"]}),
    }
    truth = truth_over(units, times, EPOCHS)
    return with_causes(_network(seed), units, truth, _draw, follow, EPOCHS, causes, OUTPUTS)


def vip_ramp_windows(value: str = "foil") -> Bool[np.ndarray, "N T"]:
    """The steps at which replacing a unit's state moves what is read of an omission.

    By argument, not by running the network: a synapse takes a step. Vip units send while they
    ramp, and may be moved while no image is shown; V1 L4's pyramidal unit sends while one is;
    all others send always. What differs between run and foil spreads from the inputs along
    strong wires, and matters where it spreads to what is read.

    **Arguments:** `value`: the `"foil"`'s states, which matter where they differ, or `"zero"`,
    which matters where a unit sends.

    **Returns:** `[N, T]`, units in the order of the state.

    **Raises:** `ValueError` where the value is neither.

    **Example:**

        >>> matters, names = rj.planted.vip_ramp_windows(), rj.planted.vip_ramp().units
        >>> [name for name, steps in zip(names, matters) if steps.any()]
        ['V1 L2/3 Pyr', 'V1 L2/3 Sst', 'V1 L2/3 Vip', 'V1 L5 Pyr', 'V1 L5 Sst', 'V1 L5 Vip']
    """
    if value not in ("foil", "zero"):
        raise ValueError(f"value must be foil or zero, got {value!r}")
    return _windows(value, "omission")


def _windows(value: str, cause: str) -> Bool[np.ndarray, "N T"]:
    """`vip_ramp_windows` for what either contrast changes and reads."""
    sends, moved, differs = (np.full((N, STEPS), one) for one in (True, True, False))
    vip, l4 = _of("Vip"), NAMES.index(IMAGES)
    steps, shown = np.arange(STEPS), _shown_at() > 0
    sends[vip], moved[vip] = within(STEPS, RAMP) > 0, ~shown
    sends[l4] = moved[l4] = steps % SLOT < IMAGE
    if cause == "omission":
        differs[vip] = within(STEPS, MISSED) > 0
        differs[l4] = sends[l4] & ~shown
        read = within(STEPS, READ) > 0
    else:
        differs[l4] = sends[l4] & (steps // SLOT == CHANGED // SLOT)
        read = steps >= CHANGED
    wired = np.zeros((N, N), bool)
    wired[tuple(np.array(list(_strong())).T)] = True
    told = np.isin(NAMES, OUTPUTS)[:, None] & read
    for t in range(1, STEPS):
        differs[:, t] |= sends[:, t] & (wired @ differs[:, t - 1])
    for t in reversed(range(STEPS - 1)):
        told[:, t] |= moved[:, t] & (wired.T @ told[:, t + 1])
    return told & (differs if value == "foil" else sends)


def _of(type_: str) -> np.ndarray:
    """Units of a type, by index."""
    return np.array([k for k, name in enumerate(NAMES) if name.endswith(type_)])


def _shown_at() -> Float[np.ndarray, " T"]:
    """1 while an image is shown."""
    steps = np.arange(STEPS)
    return ((steps % SLOT < IMAGE) & (steps // SLOT != OMITTED // SLOT)).astype(float)


def _strong() -> dict[tuple[int, int], float]:
    """The weights of the mechanism and of the rivals, by `(to, from)`."""
    at, found = NAMES.index, {}
    for layer in ("V1 L4", "V1 L2/3", "V1 L5", "LM L4", "LM L2/3", "LM L5"):
        pyramidal, sst, vip = (at(f"{layer} {type_}") for type_ in ("Pyr", "Sst", "Vip"))
        found |= {(sst, vip): ONTO_SST, (vip, sst): ONTO_VIP}
        if layer != "V1 L4":  # its ramp is a rival's, and would reach L2/3
            found[pyramidal, sst] = ONTO_PYR
    route = [f"{area} {layer} Pyr" for area in ("V1", "LM") for layer in ("L4", "L2/3", "L5")]
    for source, to in ((0, 1), (1, 2), (1, 3), (3, 4), (4, 5)):
        found[at(route[to]), at(route[source])] = FEED
    return found


def _network(seed: int) -> Network:
    """A `Rectified` cell of these weights, at rest."""
    allowed = ANATOMY.density > 0
    signs = np.where(ANATOMY.excitatory, 1.0, -1.0)[None]
    drawn = np.random.default_rng(seed).uniform(WEAK / 2, WEAK, (N, N))
    w = np.where(allowed, drawn * signs, 0.0)
    for ends, weight in _strong().items():
        w[ends] = weight
    blank, key = eqx.filter_eval_shape, jax.random.key(0)
    cell = blank(Rectified, N, N, key=key)
    arrays = (number(w), number(np.eye(N)), jnp.asarray(allowed), jnp.eye(N, dtype=bool))
    cell = eqx.tree_at(lambda c: (c.w, c.u, c.mask, c.input_mask), cell, arrays)
    readout = blank(Affine, N, len(OUTPUTS), key=key)
    c = np.array([[float(name == read) for name in NAMES] for read in OUTPUTS])
    readout = eqx.tree_at(lambda r: (r.c, r.b), readout, (number(c), number(np.zeros(2))))
    tonic = _tonic()
    # Sst units first: were Vip units up, they would stay so until an image comes
    h = np.where([name.endswith("Sst") for name in NAMES], 1.0, 0.0)
    for _ in range(200):
        h = np.tanh(w @ np.maximum(h, 0) + tonic)
    return Network(cell, readout, number(h))


def _tonic() -> Float[np.ndarray, " N"]:
    """The steady drive of each channel; that of images has none."""
    return np.array([TONIC[name.split()[-1]] * (name != IMAGES) for name in NAMES])


def _draw(key: PRNGKeyArray, count: int) -> Float[Array, "B T N"]:
    """Images in all slots but one, in which the signal is; each of a drawn amplitude."""
    of_images, of_signal, of_noise = jax.random.split(key, 3)
    tonic, vip, l4 = number(_tonic()), _of("Vip"), NAMES.index(IMAGES)
    noise = NOISE * jax.random.normal(of_noise, (count, STEPS, N), tonic.dtype)
    shown, missed = number(_shown_at()[None]), number(within(STEPS, MISSED)[None])
    images = jnp.repeat(two_sided(of_images, count, STEPS // SLOT), SLOT, 1) * shown
    sizes = jax.random.uniform(of_signal, (count, 1), tonic.dtype, *SIGNAL)
    into_vip = (tonic[vip[0]] + SHUT * shown + sizes * missed)[..., None]
    xs = (tonic[None, None] + noise).at[..., l4].set(images)
    return xs.at[..., vip].set(jnp.broadcast_to(into_vip, (count, STEPS, len(vip))))


def _not_omitted(xs: np.ndarray) -> np.ndarray:
    """The slot before once more, in the channels of images and of Vip units."""
    channels = [NAMES.index(IMAGES), *_of("Vip")]
    foil = np.array(xs)
    foil[:, OMITTED:NEXT, channels] = xs[:, CHANGED:OMITTED, channels]
    return foil


def _other_image(xs: np.ndarray) -> np.ndarray:
    """Another amplitude of the image before: 1 less what it was."""
    at = (slice(None), slice(CHANGED, CHANGED + IMAGE), NAMES.index(IMAGES))
    foil = np.array(xs)
    foil[at] = 1 - foil[at]
    return foil
