"""Ways to edit copies of a Visual Behavior file, for tests."""

import numpy as np

TASK = "intervals/Natural_Images_Lum_Matched_set_training_2017_presentations"
DFF = "processing/ophys/dff/traces"
TABLE = "processing/ophys/image_segmentation/cell_specimen_table"


def put(file, path, values):
    """Another dataset at a path."""
    del file[path]
    file[path] = values


def drop(*paths):
    def change(file):
        for path in paths:
            del file[path]

    return change


def texted(file):
    """All numbers of the metadata and of the task as text."""
    for path in ("general/metadata", "general/task_parameters"):
        for name, value in list(file[path].attrs.items()):
            if np.asarray(value).dtype.kind in "fiu":
                file[path].attrs[name] = str(value)
