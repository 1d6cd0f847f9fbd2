"""Snapshots, the way back to them, and what a full disk or a kill may do to them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.files import locked
from faceswap_cli.training.engine import loop
from faceswap_cli.training.engine.loop import Budget, fit
from faceswap_cli.training.engine.snapshots import Snapshots
from faceswap_cli.training.objectives.swap import swap_batches
from faceswap_cli.training.runs.folder import create_run, open_run
from faceswap_cli.training.runs.rollback import roll_back
from tests.face_sets import files, killed
from tests.small_disks import fill, small_disk
from tests.training.conftest import made_up_faces
from tests.training.engine.test_loop import SETTINGS, new_trainer, poison


@pytest.fixture(autouse=True)
def report_every_step(monkeypatch):
    monkeypatch.setattr(loop, "REPORT_SECONDS", 0.0)


def trained(path, people, steps, every=None, trainer=None, stop_at=None):
    """A run at `steps`, or stopped before: begun or gone on with."""
    if (path / "run.json").exists():
        run = open_run(path)
    else:
        run = create_run(path, SETTINGS, {"a": "man", "b": "woman"}, np.zeros((0, 128), np.float32))
    if trainer is None:
        trainer = new_trainer()
        checkpoint, _ = run.store.newest()
        if checkpoint is not None:
            trainer.restore(checkpoint)
    batches, snapshots = swap_batches(people, SETTINGS), Snapshots(run.snapshots.folder, every or 10**9)
    stop = lambda: trainer.step == stop_at  # noqa: E731
    list(fit(trainer, batches, Budget(steps), run.store, stop, 3600.0, run.log, snapshots))
    return run


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """A run of 12 steps with a snapshot at every third."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "REPORT_SECONDS", 0.0)
        people = {"a": made_up_faces((200, 150, 120)), "b": made_up_faces((120, 90, 70))}
        return trained(tmp_path_factory.mktemp("once") / "run", people, 12, every=3)


@pytest.fixture
def run(once, tmp_path):
    return open_run(Path(shutil.copytree(once.path, tmp_path / "run")))


def steps(paths):
    return [int(path.name[5:13]) for path in paths]


def weights(run):
    return run.store.newest()[0].tensors


def logged(run):
    return [json.loads(line)["step"] for line in run.log.read_text().splitlines()]


def test_every_nth_step_is_kept_for_good_and_nothing_is_disturbed(run, people, tmp_path):
    assert steps(run.snapshots.paths()) == [3, 6, 9, 12]
    assert len(run.store.paths()) == 3
    plain = trained(tmp_path / "plain", people, 12)
    assert all(torch.equal(tensor, weights(run)[name]) for name, tensor in weights(plain).items())


def test_a_snapshot_between_two_reports_is_of_its_very_step(people, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "REPORT_SECONDS", 3600.0)
    assert steps(trained(tmp_path / "run", people, 12, every=5).snapshots.paths()) == [5, 10]


def test_nan_is_never_a_snapshot(people, tmp_path):
    trainer = new_trainer()
    poison(trainer, step=5)  # the sixth step, whose checkpoint would be kept
    run = trained(tmp_path / "run", people, 12, every=3, trainer=trainer)
    assert steps(run.snapshots.paths()) == [3, 6, 9, 12]
    for path in run.snapshots.paths():
        assert all(t.isfinite().all() for t in torch_tensors(path).values())


def torch_tensors(path):
    import safetensors.torch

    return safetensors.torch.load_file(path)


@pytest.mark.parametrize(("asked", "stands"), [(3, 3), (5, 3), (11, 9), (99, 12)])
def test_back_to_the_newest_at_or_before_the_step(run, asked, stands):
    assert roll_back(run, asked).step == stands
    assert run.store.newest()[0].facts["step"] == stands
    assert logged(run) == list(range(1, stands + 1))


def test_nothing_is_lost_by_going_back(run):
    before = sorted(p.name for p in (*run.store.paths(), *run.snapshots.paths()))
    lines = run.log.read_text()
    done = roll_back(run, 6)
    kept = [*run.store.paths(), *run.snapshots.paths()]
    aside = sorted(p for p in done.aside.rglob("*.safetensors"))
    assert set(before) == {p.name for p in (*kept, *aside)}
    assert all(step <= 6 for step in steps(kept)) and all(step > 6 for step in steps(aside))
    assert run.log.read_text() + (done.aside / "log.jsonl").read_text() == lines
    assert done.aside.name == "step-12-back-to-6"
    assert open_run(run.path).history[-1] == {"step": 6, "rolled back from": 12}


def test_going_on_from_there_equals_a_run_that_was_never_further(run, people):
    there = weights(run)
    roll_back(run, 3)
    again = trained(run.path, people, 12, every=3)
    assert all(torch.equal(tensor, weights(again)[name]) for name, tensor in there.items())
    assert logged(run) == list(range(1, 13))


def test_twice_back_has_two_folders(run, people):
    first = roll_back(run, 6)
    trained(run.path, people, 12, every=3)
    second = roll_back(run, 6)
    assert {first.aside.name, second.aside.name} == {"step-12-back-to-6", "step-12-back-to-6-2"}


def test_nothing_later_nothing_done(run):
    with locked(run.path):
        before = files(run.path), run.log.read_text()
    done = roll_back(run, 500)
    assert (done.step, done.aside) == (12, None)
    assert (files(run.path), run.log.read_text()) == before
    assert open_run(run.path).history == ()


def test_none_that_old_tells_what_there_is(run):
    before = files(run.store.folder)
    with pytest.raises(UserError, match="at or before step 2") as error:
        roll_back(run, 2)
    assert error.value.hint == "It has those of step 3, 6, 9, 12"
    assert files(run.store.folder) == before and not (run.path / "set-aside").exists()


def test_a_damaged_snapshot_is_passed_over_with_a_word(run):
    for path in [*run.store.paths(), *run.snapshots.paths()]:
        if "00000009" in path.name:
            data = path.read_bytes()
            path.unlink()
            path.write_bytes(data[:-1])
    done = roll_back(run, 10)
    assert done.step == 6 and "passed over" in done.notes[0]
    assert run.store.newest()[0].facts["step"] == 6


def test_a_run_in_use_is_left_alone(run):
    with locked(run.path), pytest.raises(UserError, match="another faceswap"):
        roll_back(run, 3)
    assert run.store.newest()[0].facts["step"] == 12


@pytest.mark.parametrize(
    ("method", "calls"), [("rename", 0), ("rename", 2), ("replace", 0), ("replace", 1), ("replace", 2)]
)
def test_killed_on_the_way_back_the_same_command_ends_it(run, method, calls):
    names = {p.name for p in (*run.store.paths(), *run.snapshots.paths())}
    assert killed(lambda: roll_back(run, 6), method, calls)
    assert run.store.newest()[0].facts["step"] in (6, 9, 12)
    roll_back(open_run(run.path), 6)
    assert run.store.newest()[0].facts["step"] == 6
    assert logged(run) == [1, 2, 3, 4, 5, 6]
    assert names == {p.name for p in run.path.rglob("*.safetensors")}


def test_a_full_disk_while_saving(people, tmp_path):
    with small_disk(tmp_path / "disk", "8m") as disk:
        run = trained(disk / "run", people, 8, stop_at=4)
        good = files(run.store.folder)
        ballast = fill(disk, run.store.paths()[-1].stat().st_size // 2)
        with pytest.raises(UserError, match="the disk is full") as error:
            trained(run.path, people, 8)
        assert error.value.hint == "Free some space, then run this again"
        assert files(run.store.folder) == good  # nothing half-written, nothing gone
        assert run.store.newest()[0].facts["step"] == 4
        ballast.unlink()
        trained(run.path, people, 8)
        whole = trained(tmp_path / "whole", people, 8)
        assert all(torch.equal(tensor, weights(run)[name]) for name, tensor in weights(whole).items())
