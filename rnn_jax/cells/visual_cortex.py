"""Two areas of the visual cortex of the mouse, V1 and LM, in 18 populations.

    anatomy = visual_cortex()             # 1,440 units
    anatomy = visual_cortex(scale=2)      # 180

Sizes, densities and pathways are those of Balwani, Wang, Najafi & Choi, Science Advances (2025),
sadv.adw4970, as its notebook prints them (HChoiLab/biologicalRNNs). Which measurements the
densities come from is not said there.
"""

from itertools import product

import numpy as np

from ..core.checks import at_least
from .anatomy import Anatomy

AREAS, LAYERS, TYPES = ("V1", "LM"), ("L4", "L2/3", "L5"), ("Pyr", "Sst", "Vip")
POPULATIONS = tuple(
    f"{area} {layer} {type_}" for area, layer, type_ in product(AREAS, LAYERS, TYPES)
)
"""All 18, in the order of their units."""
RATIO = (12, 2, 1)
"""Pyramidal, Sst and Vip units of a layer, at scale 1."""

WITHIN_AREA = (
    (0.10, 0.22, 0.00, 0.05, 0.04, 0.00, 0.00, 0.19, 0.00),
    (0.04, 0.01, 0.14, 0.17, 0.00, 0.14, 0.08, 0.04, 0.20),
    (0.00, 0.22, 0.03, 0.00, 0.13, 0.05, 0.02, 0.14, 0.00),
    (0.07, 0.33, 0.00, 0.06, 0.23, 0.05, 0.00, 0.15, 0.00),
    (0.04, 0.05, 0.25, 0.30, 0.05, 0.14, 0.00, 0.05, 0.00),
    (0.02, 0.21, 0.00, 0.16, 0.30, 0.01, 0.00, 0.13, 0.00),
    (0.00, 0.08, 0.00, 0.08, 0.00, 0.00, 0.04, 0.15, 0.00),
    (0.03, 0.04, 0.11, 0.04, 0.00, 0.00, 0.10, 0.03, 0.05),
    (0.11, 0.07, 0.04, 0.00, 0.00, 0.04, 0.02, 0.10, 0.03),
)
"""Densities `[to, from]` in each area: L4 Pyr, Sst, Vip, then L2/3, then L5."""

BETWEEN_AREAS = (("LM L4", "V1 L2/3 Pyr"), ("V1 L2/3", "LM L5 Pyr"), ("V1 L5", "LM L5 Pyr"))
"""Layers that the other area reaches, and from where: `(to, from)`."""

BETWEEN = 0.3
"""The density of those pathways."""


def visual_cortex(scale: int = 16) -> Anatomy:
    """Areas V1 and LM, layers L4, L2/3 and L5, pyramidal, Sst and Vip units 12 to 2 to 1.

    **Arguments:**

    - `scale`: Vip units of a layer; there are `90 * scale` units.

    **Returns:** an `Anatomy` of 18 populations named as `V1 L2/3 Vip`.

    **Raises:** `ValueError` where `scale < 1`.

    **Example:**

        >>> anatomy = rj.cells.visual_cortex(scale=2)
        >>> anatomy.units, len(anatomy.names), anatomy.names[:3]
        (180, 18, ('V1 L4 Pyr', 'V1 L4 Sst', 'V1 L4 Vip'))
    """
    at_least(1, scale=scale)
    density = np.kron(np.eye(len(AREAS)), np.array(WITHIN_AREA))
    for to, source in BETWEEN_AREAS:
        rows = [name.startswith(f"{to} ") for name in POPULATIONS]
        density[rows, POPULATIONS.index(source)] = BETWEEN
    sizes = [scale * share for share in RATIO] * len(AREAS) * len(LAYERS)
    return Anatomy(POPULATIONS, sizes, [type_ == "Pyr" for type_ in TYPES] * 6, density)
