"""Figures of `trained-circuits`: sizes beside those of random axes, and what methods find.

figure = sizes_figure(found)
"""

import xarray as xr
from matplotlib.figure import Figure

from .question_figures import methods_of, sizes_of


def sizes_figure(found: xr.Dataset) -> Figure:
    """Of each question and seed: units needed, and the median of what random axes need."""
    return sizes_of(_kinds(found))


def methods_figure(found: xr.Dataset) -> Figure:
    """What each method's units do on fresh trials, beside those of exchanges, by network."""
    return methods_of(_kinds(found))


def _kinds(found: xr.Dataset) -> dict[str, xr.Dataset]:
    """The questions of each kind of network."""
    names = (found["cell"] + " " + found["task"]).values
    return {str(name): found.isel(question=names == name) for name in dict.fromkeys(names)}
