"""Each kind of thing has one registry, and whatever is in it is complete."""

from pathlib import Path

import helpers
import jax
import pytest

from rnn_jax.cells import CELLS, zero_state
from rnn_jax.data.readers import READERS, reader
from rnn_jax.discovery import names
from rnn_jax.planted import PLANTED
from rnn_jax.report import STUDY_FIGURES
from rnn_jax.studies import STUDIES, StudySettings
from rnn_jax.tasks import TASKS, check_trials

DOCS = Path(__file__).parents[1] / "docs" / "studies"


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_held_to_the_laws(name):
    assert name in helpers.CELLS
    cell = CELLS[name](3, 8, key=jax.random.key(0))
    h = zero_state(cell)
    assert jax.tree.map(jax.numpy.shape, cell(h, jax.numpy.ones(3))) == jax.tree.map(
        jax.numpy.shape, h
    )


@pytest.mark.parametrize("name", TASKS)
def test_every_task_draws_trials(name):
    task = TASKS[name].make()
    trials = task.sample(jax.random.key(0), 3)
    check_trials(trials)
    assert trials.xs.shape[-1] == task.inputs
    assert trials.targets.shape[-1] == task.outputs
    assert TASKS[name].about.startswith("task: ")


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_claims_figures_settings_and_a_page(name):
    study = STUDIES[name]
    assert study.about
    assert all(all(claim) for claim in study.claims.values())
    assert STUDY_FIGURES[name]
    assert issubclass(study.settings, StudySettings)
    assert study.settings(quick=True).quick
    page = (DOCS / f"{name}.md").read_text()
    missing = [claim.says for claim in study.claims.values() if claim.says not in page]
    assert not missing
    assert all((DOCS / f"{name}-{figure}.png").exists() for figure in STUDY_FIGURES[name])


def test_no_name_is_taken_twice():
    assert set(STUDY_FIGURES) == set(STUDIES)
    assert not set(PLANTED) & set(TASKS)
    assert set(names()) == set(PLANTED) | set(TASKS)


@pytest.mark.parametrize("what", READERS)
def test_every_reader_names_a_file_that_is_not_there(what, tmp_path):
    for suffix, read in READERS[what].items():
        path = tmp_path / f"absent{suffix}"
        assert reader(what, path) is read
        with pytest.raises(ValueError, match="no such file"):
            read(path)
    with pytest.raises(ValueError, match=r"come as .*got '.mat'"):
        reader(what, tmp_path / "absent.mat")


def test_what_nothing_reads_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match=r"what must be one of trials, weights.*got 'pictures'"):
        reader("pictures", "absent.png")
