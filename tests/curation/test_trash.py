from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceswap_cli.curation.filter import FilterResult, filter_faces, restore_faces
from faceswap_cli.curation.filter_options import FilterRules
from faceswap_cli.curation.sort import sort_faces
from faceswap_cli.curation.trash import RestoreResult, move_to_trash, read_trash
from faceswap_cli.errors import UserError
from faceswap_cli.faces.sets.faceset import FaceSet, FaceSetWriter
from tests.face_sets import HEADER, contents, files, killed, make_set, pictures

BLURRED = FilterRules(min_sharpness=0.5)


def run(*arguments: object, **options: object) -> FilterResult:
    steps = filter_faces(*arguments, **options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


@pytest.fixture
def ten(tmp_path: Path) -> Path:
    """Ten faces, four of them blurred."""
    return make_set(tmp_path / "faces", 10, change=lambda k: {"sharpness": 0.1 if k % 3 == 0 else 0.9})


@pytest.fixture
def other_device(tmp_path: Path) -> Iterator[Path]:
    for root in (Path("/dev/shm"), Path.home()):
        if root.is_dir() and os.access(root, os.W_OK) and root.stat().st_dev != tmp_path.stat().st_dev:
            folder = Path(tempfile.mkdtemp(dir=root))
            yield folder
            shutil.rmtree(folder)
            return
    pytest.skip("there is only one file system to write to")


def test_what_fails_goes_to_the_bin_and_comes_back(ten: Path) -> None:
    before, index = contents(ten), (ten / "faces.jsonl").read_bytes()
    done = run(ten, BLURRED)
    assert (done.faces, done.moved, done.failing.counts) == (10, 4, {"sharpness below 0.5": 4})
    assert files(ten / "bin") == [f"clip_{k:06d}_0.jpg" for k in (0, 3, 6, 9)]
    assert len(FaceSet.open(ten)) == 6 and (ten / "faces.jsonl").read_bytes() == index
    assert [entry.why for entry in read_trash(ten)] == [("sharpness below 0.5",)] * 4
    assert run(ten, BLURRED).moved == 0
    assert restore_faces(ten) == RestoreResult(4, 0, 0)
    assert contents(ten) == before and not (ten / "bin").exists() and read_trash(ten) == []


def test_a_dry_run_moves_nothing(ten: Path) -> None:
    done = run(ten, BLURRED, dry_run=True)
    assert (done.moved, len(done.failing.reasons)) == (0, 4)
    assert len(FaceSet.open(ten)) == 10 and not (ten / "bin").exists() and not (ten / "bin.jsonl").exists()


def test_sorting_between_filter_and_restore_does_no_harm(ten: Path) -> None:
    before = contents(ten)
    list(sort_faces(ten, "blur"))
    run(ten, BLURRED)
    list(sort_faces(ten, "time"))
    assert files(ten / "bin")[0] == "000000@clip_000000_0.jpg"
    restore_faces(ten)
    assert contents(ten) == before
    list(sort_faces(ten, "time"))
    assert files(ten / "crops") == [f"clip_{k:06d}_0.jpg" for k in range(10)]


def test_a_set_may_be_moved_with_its_bin(ten: Path, tmp_path: Path) -> None:
    run(ten, BLURRED)
    ten.rename(tmp_path / "elsewhere")
    assert restore_faces(tmp_path / "elsewhere").back == 4


def test_a_bin_of_several_sets_gives_each_its_own(ten: Path, tmp_path: Path) -> None:
    twin = make_set(tmp_path / "twin", 10, change=lambda k: {"sharpness": 0.1}, level=lambda k: 99)
    copy = Path(shutil.copytree(ten, tmp_path / "copy"))  # the very same crops
    before = {folder: contents(folder) for folder in (ten, twin, copy)}
    bin_folder = tmp_path / "bin"
    for folder in before:
        run(folder, BLURRED, bin_folder)
    assert len(files(bin_folder)) == 4 + 10 + 4
    for folder, crops in before.items():
        restore_faces(folder)
        assert contents(folder) == crops
    assert files(bin_folder) == []


def test_what_lies_in_the_bin_is_not_written_over(ten: Path, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name in ("clip_000000_0.jpg", "clip_000000_0~2.jpg"):
        (bin_folder / name).write_text("precious")
    run(ten, BLURRED, bin_folder)
    assert files(bin_folder)[:3] == ["clip_000000_0.jpg", "clip_000000_0~2.jpg", "clip_000000_0~3.jpg"]
    restore_faces(ten)
    assert [(bin_folder / name).read_text() for name in files(bin_folder)] == ["precious"] * 2
    assert len(FaceSet.open(ten)) == 10


def test_what_came_back_by_hand_is_not_written_over(ten: Path) -> None:
    run(ten, BLURRED)
    name = "clip_000003_0.jpg"
    shutil.copy(ten / "bin" / name, ten / "crops" / name)  # the same: only the copy in the bin goes
    (ten / "crops" / "clip_000006_0.jpg").write_bytes(b"another")
    (ten / "bin" / "clip_000009_0.jpg").unlink()
    assert restore_faces(ten) == RestoreResult(back=1, there=1, gone=1)
    assert files(ten / "bin") == ["clip_000006_0.jpg"]
    assert (ten / "crops" / "clip_000006_0.jpg").read_bytes() == b"another"
    assert [entry.crop for entry in read_trash(ten)] == ["clip_000006_0.jpg"]


def test_across_devices(ten: Path, other_device: Path) -> None:
    before = contents(ten)
    assert run(ten, BLURRED, other_device / "bin").moved == 4
    assert len(files(other_device / "bin")) == 4 and len(FaceSet.open(ten)) == 6
    assert restore_faces(ten).back == 4
    assert contents(ten) == before and files(other_device / "bin") == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("calls", [0, 1, 2, 3])
def test_killed_while_moving_nothing_is_lost(ten: Path, calls: int) -> None:
    before = contents(ten)
    everything = pictures(ten / "crops")
    assert killed(lambda: run(ten, BLURRED), "replace", calls)
    assert pictures(ten / "crops", ten / "bin") == everything
    run(ten, BLURRED)
    assert len(FaceSet.open(ten)) == 6 and len(files(ten / "bin")) == 4
    assert killed(lambda: restore_faces(ten), "replace", calls)
    assert pictures(ten / "crops", ten / "bin") == everything
    restore_faces(ten)
    assert contents(ten) == before and not (ten / "bin").exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.parametrize("calls", [0, 1, 4, 6])
def test_killed_across_devices_nothing_is_lost_or_doubled(ten: Path, other_device: Path, calls: int) -> None:
    before = contents(ten)
    everything = set(pictures(ten / "crops"))
    folder = other_device / "bin"
    assert killed(lambda: run(ten, BLURRED, folder), "unlink", calls)
    assert set(pictures(ten / "crops", folder)) >= everything
    run(ten, BLURRED, folder)
    assert len(FaceSet.open(ten)) == 6 and len(pictures(folder)) == 4
    killed(lambda: restore_faces(ten), "unlink", calls)
    assert set(pictures(ten / "crops", folder)) >= everything
    restore_faces(ten)
    assert contents(ten) == before and pictures(folder) == []


def test_places_that_can_t_be_a_bin(ten: Path, tmp_path: Path) -> None:
    for folder in (ten / "crops", ten / "crops" / "bad"):
        with pytest.raises(UserError, match="lies in the set's own crops"):
            run(ten, BLURRED, folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="a file is in the way"):
        run(ten, BLURRED, tmp_path / "file")
    assert len(FaceSet.open(ten)) == 10 and not (ten / "bin.jsonl").exists()


def test_a_crop_deleted_meanwhile_is_passed_over(ten: Path) -> None:
    (ten / "crops" / "clip_000001_0.jpg").unlink()
    assert move_to_trash(ten, {"clip_000001_0.jpg": ["x"], "clip_000002_0.jpg": ["x"]}) == 1


def test_a_damaged_list_is_said_so(ten: Path) -> None:
    (ten / "bin.jsonl").write_text("{}\n")
    with pytest.raises(UserError, match=r"bin\.jsonl can't be read"):
        restore_faces(ten)


@pytest.mark.skipif(os.name == "nt", reason="no file locks of this kind")
def test_a_running_extract_is_not_disturbed(ten: Path) -> None:
    with FaceSetWriter(ten, HEADER):
        for work in (lambda: run(ten, BLURRED), lambda: restore_faces(ten)):
            with pytest.raises(UserError, match="another faceswap is working"):
                work()


def test_a_filter_without_rules_is_refused(ten: Path) -> None:
    with pytest.raises(UserError, match="no rule was given"):
        run(ten, FilterRules())
