"""A run's folder: nothing foreign is removed, nothing of one's own is lost, whatever ends it."""

import itertools
import json
import os
import subprocess
import sys
import time

import pytest

from rnn_jax.causal.kept import used
from rnn_jax.data import filled, reserved, workplace
from rnn_jax.data.folder import MARK, _exchange, _write_mark

FILES = {"config.json": "{}", "figures/effects.png": "a picture"}


def fill(folder, files=FILES):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def write(out, files=FILES, overwrite=False):
    with reserved(out, overwrite) as work, filled(work) as folder:
        fill(folder, files)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def written(out):
    return {name: text for name, text in contents(out).items() if name != MARK}


def test_a_run_is_marked_and_nothing_else_is_left(tmp_path):
    write(tmp_path / "runs" / "ring")
    assert written(tmp_path / "runs" / "ring") == FILES
    mark = json.loads((tmp_path / "runs" / "ring" / MARK).read_text())
    assert set(mark["files"]) == set(FILES)
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["ring"]


def test_a_finished_run_is_replaced_only_when_asked(tmp_path):
    out = tmp_path / "ring"
    write(out)
    with pytest.raises(ValueError, match="--overwrite replaces it"):
        write(out, {"new": "1"})
    assert written(out) == FILES
    write(out, {"new": "1"}, overwrite=True)
    assert written(out) == {"new": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


FOREIGN = {
    "another program's configuration": {
        "config.json": '{"model_type": "bert"}',
        "weights.bin": "w",
    },
    "a foreign mark": {MARK: '{"files": 3}', "weights.bin": "w"},
    "no mark at all": {"notes.txt": "mine"},
}


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_folder_is_left_as_it_is(name, overwrite, tmp_path):
    out = tmp_path / "m"
    out.mkdir()
    fill(out, FOREIGN[name])
    with pytest.raises(ValueError, match="no run of this program"):
        write(out, overwrite=overwrite)
    assert contents(out) == FOREIGN[name]
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("foreign", ["notes.txt", "figures/mine.png", ".hidden", "empty/"])
def test_what_was_added_to_a_run_is_named_and_kept(foreign, tmp_path):
    out = tmp_path / "ring"
    write(out)
    if foreign.endswith("/"):
        (out / foreign).mkdir()
    else:
        fill(out, {foreign: "mine"})
    before = contents(out)
    with pytest.raises(ValueError, match=foreign.rstrip("/")):
        write(out, {"new": "1"}, overwrite=True)
    assert contents(out) == before
    assert (out / foreign).exists()


def test_what_is_added_during_the_work_is_kept_and_so_is_the_work(tmp_path):
    out = tmp_path / "ring"
    write(out)
    with (
        pytest.raises(ValueError, match=r"notes\.txt") as error,
        reserved(out, True) as work,
        filled(work) as folder,
    ):
        fill(folder, {"new": "1"})
        fill(out, {"notes.txt": "mine"})
    assert written(out) == FILES | {"notes.txt": "mine"}
    left = tmp_path / "ring.unfinished"
    assert error.value.__notes__ == [f"what was written is in {left}"]
    assert written(left) == {"new": "1"}


def test_what_fails_in_the_end_is_kept_under_another_name_each_time(tmp_path):
    for left in ("ring.unfinished", "ring.unfinished-1"):
        with (
            pytest.raises(RuntimeError, match="a figure") as error,
            reserved(tmp_path / "ring") as work,
            filled(work) as folder,
        ):
            fill(folder)
            raise RuntimeError("a figure fails")
        assert error.value.__notes__ == [f"what was written is in {tmp_path / left}"]
        assert contents(tmp_path / left) == FILES
    assert not (tmp_path / "ring").exists()


def test_nothing_is_left_of_what_failed_before_anything_was_written(tmp_path):
    with pytest.raises(RuntimeError), reserved(tmp_path / "ring") as work, filled(work):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_the_second_command_is_told_at_once_and_takes_nothing(tmp_path):
    out = tmp_path / "ring"
    with reserved(out) as work:
        work.kept.mkdir()
        (work.kept / f"{'0' * 16}-00000.npy").write_bytes(b"kept")
        for _ in range(2):
            with pytest.raises(ValueError, match="another command is writing"):
                write(out)
        assert (work.kept / f"{'0' * 16}-00000.npy").read_bytes() == b"kept"
        with filled(work) as folder:
            fill(folder)
    assert written(out) == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_kept_files_outlast_a_failure_and_go_with_the_run(tmp_path):
    name = f"{'a' * 16}-00000.npy"
    with pytest.raises(RuntimeError), reserved(tmp_path / "ring") as work:
        work.kept.mkdir()
        (work.kept / name).write_bytes(b"kept")
        raise RuntimeError
    with reserved(tmp_path / "ring") as work:
        assert (work.kept / name).read_bytes() == b"kept"
        used(work.kept / name)
        with filled(work) as folder:
            fill(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_a_foreign_file_among_the_kept_is_named_and_stays(tmp_path):
    with reserved(tmp_path / "ring") as work:
        work.kept.mkdir()
        (work.kept / "thesis.npy").write_bytes(b"mine")
        with filled(work) as folder:
            fill(folder)
    assert written(tmp_path / "ring") == FILES
    assert (work.kept / "thesis.npy").read_bytes() == b"mine"


def test_a_foreign_folder_of_the_hidden_name_is_left(tmp_path):
    home = workplace(tmp_path / "ring").home
    home.mkdir()
    (home / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"thesis\.tex"):
        write(tmp_path / "ring")
    assert contents(home) == {"thesis.tex": "mine"}


def test_what_another_command_kept_stays_for_it(tmp_path):
    theirs, ours = (f"{digit * 16}-fit.eqx" for digit in "ab")
    with pytest.raises(RuntimeError), reserved(tmp_path / "ring") as work:
        work.kept.mkdir()
        (work.kept / theirs).write_bytes(b"kept")
        raise RuntimeError
    time.sleep(0.02)
    with reserved(tmp_path / "ring") as work:
        (work.kept / ours).write_bytes(b"kept")
        with filled(work) as folder:
            fill(folder)
    assert [path.name for path in work.kept.iterdir()] == [theirs]
    time.sleep(0.02)
    with reserved(tmp_path / "ring", True) as work:
        used(work.kept / theirs)
        with filled(work) as folder:
            fill(folder)
    assert not work.home.exists()


@pytest.mark.parametrize("name", ["../../victim", "/victim", "figures/../../victim", 3, None])
def test_a_list_that_leads_out_of_the_run_is_no_list(name, tmp_path):
    out, victim = tmp_path / "a" / "ring", tmp_path / "victim"
    write(out)
    victim.write_text("mine")
    name = str(victim) if name == "/victim" else name
    (out / MARK).write_text(json.dumps({"files": [*FILES, name]}))
    with pytest.raises(ValueError, match="no run of this program"):
        write(out, {"new": "1"}, overwrite=True)
    assert victim.read_text() == "mine"


def test_a_folder_in_the_place_of_a_file_blocks_nothing(tmp_path):
    out = tmp_path / "ring"
    write(out)
    (out / "config.json").unlink()
    (out / "config.json").mkdir()
    write(out, {"new": "1"}, overwrite=True)
    write(out, {"new": "2"}, overwrite=True)
    assert written(out) == {"new": "2"}


def test_a_folder_of_the_longest_name_is_in_nobodys_way(tmp_path):
    (tmp_path / "ring.unfinished-99").mkdir()
    write(tmp_path / "ring")
    assert written(tmp_path / "ring") == FILES


def killed(tmp_path, monkeypatch, renames):
    """A run replaced by another, killed after so many of its changes of name."""
    out = tmp_path / "ring"
    write(out)
    with reserved(out, True) as work:
        work.new.mkdir()
        fill(work.new, {"new": "1"})
        _write_mark(work.new)
        steps = itertools.count()
        rename = type(out).rename

        def dying(path, target):
            if next(steps) == renames:
                raise KeyboardInterrupt
            return rename(path, target)

        monkeypatch.setattr(type(out), "rename", dying)
        if renames == 2:
            monkeypatch.setattr(
                type(out), "unlink", lambda *a, **o: (_ for _ in ()).throw(KeyboardInterrupt)
            )
        with pytest.raises(KeyboardInterrupt):
            _exchange(work)
        monkeypatch.undo()
    return out


@pytest.mark.parametrize("renames", [0, 1, 2])
def test_an_exchange_that_was_killed_is_ended_by_the_next_command(renames, tmp_path, monkeypatch):
    out = killed(tmp_path, monkeypatch, renames)
    with pytest.raises(ValueError, match="holds a finished run already"):
        write(out, {"third": "2"})
    assert written(out) == {"new": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_an_old_run_whose_successor_is_gone_comes_back(tmp_path, monkeypatch):
    out = killed(tmp_path, monkeypatch, 1)
    work = workplace(out)
    for path in work.new.iterdir():
        path.unlink()
    with reserved(out, True):
        assert written(out) == FILES


def test_half_a_run_of_a_killed_command_is_removed(tmp_path):
    work = workplace(tmp_path / "ring")
    work.new.mkdir(parents=True)
    fill(work.new)
    write(tmp_path / "ring", {"new": "1"})
    assert written(tmp_path / "ring") == {"new": "1"}
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "far").mkdir()
    link = tmp_path / "ring"
    link.symlink_to(tmp_path / "far" / "ring")
    write(link)
    write(link, {"new": "1"}, overwrite=True)
    assert link.is_symlink()
    assert written(tmp_path / "far" / "ring") == {"new": "1"}


@pytest.mark.parametrize(
    ("out", "message"),
    [
        (".", "a folder of its own"),
        ("..", "a folder of its own"),
        ("/", "a folder of its own"),
        ("../here", "a folder of its own"),
        ("x" * 250, "File name too long"),
        ("x" * 245, "File name too long"),
        ("file", "is a file"),
        ("file/ring", "cannot be made"),
        ("loop/ring", "leads nowhere|cannot be made"),
        ("/proc/ring", "cannot be made"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(out, message, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "file").write_text("mine")
    (here / "loop").symlink_to("loop")
    with pytest.raises(ValueError, match=message), reserved(type(here)(out)):
        raise AssertionError("it was reserved")
    assert sorted(path.name for path in here.iterdir()) == ["file", "loop"]


def test_a_mount_point_is_refused(tmp_path, monkeypatch):
    out = tmp_path / "disk"
    out.mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == out)
    with pytest.raises(ValueError, match="mount point"), reserved(out):
        raise AssertionError("it was reserved")


WRITER = """
import sys, time
from pathlib import Path
from rnn_jax.data import filled, reserved
with reserved(Path(sys.argv[1]), True) as work:
    print("working", flush=True)
    time.sleep(float(sys.argv[2]))
    with filled(work) as folder:
        for k in range(200):
            (folder / f"{k}.txt").write_text("new")
"""


@pytest.mark.slow
def test_killed_at_any_moment_there_is_a_whole_run(tmp_path):
    out = tmp_path / "ring"
    write(out)
    for k in range(6):
        line = [sys.executable, "-c", WRITER, str(out), "0"]
        running = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        assert running.stdout.readline() == "working\n"
        time.sleep(0.004 * k)
        running.kill()
        running.communicate()
        with reserved(out, True):
            found = written(out)
        assert found == FILES or found == {f"{k}.txt": "new" for k in range(200)}
    assert [path.name for path in tmp_path.iterdir()] == ["ring"]
