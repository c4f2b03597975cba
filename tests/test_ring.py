"""The planted ring attractor is found from the network alone, in each of its epochs."""

import jax
import numpy as np
import pytest
from helpers import optimised

from rnn_jax.discovery import Settings, discover, find_subject

COMPILED = []


@pytest.fixture(scope="module")
def data():
    settings = Settings(random_sets=39, resamples=199, width=50, contrasts=False)
    jax.clear_caches()
    count = lambda event, seconds, **_: COMPILED.append(event)
    jax.monitoring.register_event_duration_secs_listener(count)
    with optimised():
        found = discover(find_subject("ring-attractor", count=24), settings).dataset
    jax.monitoring.unregister_event_duration_listener(count)
    return found


@pytest.mark.slow
def test_what_is_not_swept_compiles_nothing(data):
    """Statistics, labels and planted arrays are NumPy: a small array is no program's business."""
    programs = sum(event.endswith("backend_compile_duration") for event in COMPILED)
    assert 5 < programs <= 80, f"{programs} programs; 59 on jax 0.10.2"


@pytest.mark.parametrize("epoch", ["static", "travel_right", "jump", "travel_left"])
def test_units_are_recovered(data, epoch):
    row = data.sel(epoch=epoch)
    assert float(row["precision"]) >= 0.95
    assert float(row["recall"]) >= 0.95
    assert float(row["auroc"]) >= 0.99


@pytest.mark.parametrize(
    ("epoch", "rings"),
    [
        ("static", {"centre"}),
        ("travel_right", {"centre", "right"}),
        ("jump", {"centre"}),
        ("travel_left", {"centre", "left"}),
    ],
)
def test_the_right_shifter_is_named_and_no_other(data, epoch, rings):
    members = data["member"].sel(epoch=epoch).values
    assert set(data["group"].values[members]) == rings


def test_shifters_drive_the_centre_only_while_they_move_it(data):
    carried = np.abs(data["epoch_connectivity"].values)
    group = data["group"].values
    into = carried[:, group == "centre"]
    right = into[:, :, group == "right"].sum((1, 2))
    left = into[:, :, group == "left"].sum((1, 2))
    epochs = list(data["epoch"].values)
    assert right[epochs.index("travel_right")] > 0.05
    assert left[epochs.index("travel_left")] > 0.05
    assert right[epochs.index("static")] == left[epochs.index("static")] == 0
    assert left[epochs.index("travel_right")] == right[epochs.index("travel_left")] == 0
