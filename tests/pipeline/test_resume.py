"""An interrupted conversion goes on, and gives what an uninterrupted one does."""

from __future__ import annotations

import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.files import locked
from faceswap_cli.journal import Journal
from faceswap_cli.pipeline import assignment, detection_pass, render_pass
from faceswap_cli.pipeline.prefetch import prefetch
from faceswap_cli.pipeline.workdir import ResumeDir
from tests.pipeline import moving_face as mf
from tests.python import Python
from tests.small_disks import fill, small_disk

RICH = {"colour": "rct", "smoothing": 1.0}


@pytest.fixture(scope="module")
def whole(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted result."""
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    mf.convert(video, output, options=mf.options(**RICH))
    return output


def stop_after(
    video: Path, output: Path, phase: str, done: int, stage: FaceAnalyser | None = None, **changes: object
) -> None:
    options = mf.options(**RICH | changes)
    steps = mf.convert_video(video, output, mf.negative(), options, stage or mf.fake_stage())
    for step in steps:
        if step.phase == phase and step.done >= done and not step.note:
            break
    steps.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize(("phase", "done"), [("faces", 16), ("render", 1), ("render", 11), ("render", 23)])
def test_goes_on_and_gives_the_same(video: Path, whole: Path, tmp_path: Path, phase: str, done: int) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"older")
    stop_after(video, output, phase, done)
    assert output.read_bytes() == b"older"
    assert (tmp_path / ".out.mp4.faceswap").is_dir()
    looks: list[int] = []
    steps = mf.convert(video, output, options=mf.options(**RICH), stage=mf.fake_stage(looks=looks))
    assert mf.same(output, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    if phase == "faces":
        assert min(looks) == 16  # the first batch was not looked at again
    else:
        assert looks == []
        first = mf.steps_of(steps, "render")[0]
        assert first == done // 10 * 10 + 1


def test_interrupted_again_and_again(video: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    for _ in range(6):
        stop_after(video, output, "render", 0)
        done = len(list((tmp_path / ".out.mp4.faceswap").glob("0*.nut")))
        stop_after(video, output, "render", 10 * done + 10)
        if done == 4:
            break
    mf.convert(video, output, options=mf.options(**RICH))
    assert mf.same(output, whole)


def test_other_settings_start_anew_but_keep_the_faces(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stop_after(video, output, "render", 20, sharpen=0.25)
    looks: list[int] = []
    steps = mf.convert(video, output, options=mf.options(**RICH), stage=mf.fake_stage(looks=looks))
    assert any(step.note and "other settings" in step.note for step in steps)
    assert mf.steps_of(steps, "render")[0] == 1
    assert looks == []


def test_another_source_or_model_starts_anew(video: Path, couple: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stop_after(video, output, "render", 20)
    steps = mf.convert(video, output, options=mf.options(**RICH), model="another")
    assert mf.steps_of(steps, "render")[0] == 1
    stop_after(video, output, "render", 20)
    looks: list[int] = []
    mf.convert(couple, output, options=mf.options(**RICH), stage=mf.fake_stage(looks=looks))
    assert len(looks) == mf.FRAMES


def test_a_lost_or_cut_segment_is_made_again(video: Path, whole: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stop_after(video, output, "render", 32)
    second = tmp_path / ".out.mp4.faceswap" / "000001.nut"
    second.write_bytes(second.read_bytes()[:-100])
    mf.convert(video, output, options=mf.options(**RICH))
    assert mf.same(output, whole)


def mar(path: Path, number: int, how: str) -> None:
    """Damage a line of a journal (the header is line 0)."""
    lines = path.read_bytes().splitlines(keepends=True)
    middle = len(lines[number]) // 2
    lines[number] = {
        "zeros": bytes(len(lines[number])),
        "cut": lines[number][:middle],
        "other": b'{"other": 1}\n',
        "list": b"[1]\n",
        "digit": lines[number][:-3] + bytes([lines[number][-3] ^ 1]) + lines[number][-2:],
        "gone": b"",
    }[how]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("how", ["zeros", "cut", "other", "list", "digit", "gone"])
@pytest.mark.parametrize(("journal", "number"), [("segments", 2), ("faces", 2), ("faces", 4)])
def test_a_damaged_line_and_what_follows_are_done_again(
    video: Path, whole: Path, tmp_path: Path, journal: str, number: int, how: str
) -> None:
    output = tmp_path / "out.mp4"
    stop_after(video, output, "render", 32)
    mar(tmp_path / ".out.mp4.faceswap" / f"{journal}.jsonl", number, how)
    looks: list[int] = []
    steps = mf.convert(video, output, options=mf.options(**RICH), stage=mf.fake_stage(looks=looks))
    assert mf.same(output, whole)
    if journal == "segments":
        assert (mf.steps_of(steps, "render")[0], looks) == (11, [])
    elif number == 2:  # the second of three batches
        assert looks[0] == 16
    else:  # that the end was reached
        assert looks == []


def test_a_finished_journal_with_a_damaged_line(video: Path, whole: Path, tmp_path: Path) -> None:
    """All is drawn, but the join did not come about; then a line in the middle is lost."""
    for number, how in ((1, "gone"), (3, "zeros"), (5, "gone")):
        output = tmp_path / f"{number}.mp4"
        stop_after(video, output, "join", 0)
        mar(tmp_path / f".{number}.mp4.faceswap" / "segments.jsonl", number, how)
        mf.convert(video, output, options=mf.options(**RICH))
        assert mf.same(output, whole)


def test_what_is_not_whole_is_not_joined(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out.mp4"
    with monkeypatch.context() as patch:
        patch.setattr(render_pass, "split_task", lambda *_: [])
        with pytest.raises(UserError, match="0 of 44 frames are drawn") as caught:
            mf.convert(video, output, options=mf.options(**RICH))
    assert "\n" not in str(caught.value)
    with monkeypatch.context() as patch:
        patch.setattr(detection_pass, "detect_faces", lambda *_: iter(()))
        with pytest.raises(UserError, match="in 0 frames only"):
            mf.convert(video, tmp_path / "other.mp4", options=mf.options(**RICH))
    assert not output.exists()
    mf.convert(video, output, options=mf.options(**RICH))


class Recogniser:
    def embed(self, image: np.ndarray, landmarks: list[np.ndarray]) -> np.ndarray:
        return np.eye(128, dtype=np.float32)[[int(points[:, 0].mean() > 90) for points in landmarks]]


def test_half_the_verdicts_are_none(couple: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the power went while they were written, they are made again: nobody else is drawn."""
    monkeypatch.setattr(assignment, "IdentityEncoder", Recogniser)
    output, person = tmp_path / "out.mp4", np.eye(128, dtype=np.float32)[[1]]
    steps = mf.convert_video(
        couple, output, mf.only_by(mf.negative(), person), mf.options(), mf.fake_stage(2)
    )
    next(step for step in steps if step.phase == "render" and step.done)
    steps.close()  # type: ignore[attr-defined]
    journal = tmp_path / ".out.mp4.faceswap" / "who.jsonl"
    assert len(journal.read_bytes().splitlines()) == 2
    journal.write_bytes(journal.read_bytes()[:-20])
    mf.convert(
        couple, output, options=mf.options(), stage=mf.fake_stage(2), plan=mf.only_by(mf.negative(), person)
    )
    assert mf.changed_inside(couple, output, 0).max() < 5
    assert mf.changed_inside(couple, output, 1).min() > 30


def test_another_detector_looks_again_another_sentence_does_not(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    stop_after(video, output, "render", 20)
    looks: list[int] = []
    stage = mf.fake_stage(looks=looks)
    stop_after(video, output, "render", 20, stage=replace(stage, explanation="said otherwise"))
    assert looks == []
    for changes in ({"min_size": 48}, {"threshold": 0.5}, {"names": ("a", "b")}, {"thorough": True}):
        looks.clear()
        stop_after(video, output, "render", 1, stage=replace(stage, **changes))
        assert len(looks) == mf.FRAMES


def test_a_join_that_was_killed_leaves_nothing_beside_the_output(
    video: Path, whole: Path, tmp_path: Path
) -> None:
    output, work = tmp_path / "out.mp4", tmp_path / ".out.mp4.faceswap"
    killed = Python("-c", KILLED_JOIN.format(video=str(video), output=str(output)))
    assert killed.wait() == 9, killed.stderr
    assert list(tmp_path.iterdir()) == [work]
    assert (work / ".joined.part.mp4").stat().st_size > 1000
    assert mf.steps_of(mf.convert(video, output, options=mf.options(**RICH)), "render") == []
    assert mf.same(output, whole)
    assert list(tmp_path.iterdir()) == [output]


KILLED_JOIN = """
import os
from pathlib import Path
from tests.pipeline import moving_face as mf
from faceswap_cli import files

whole = files.sync_file
files.sync_file = lambda path: os._exit(9) if path.name.startswith(".joined") else whole(path)
mf.convert(Path({video!r}), Path({output!r}), options=mf.options(colour="rct", smoothing=1.0))
"""

SLOW = """
import time
from pathlib import Path
from tests.pipeline import moving_face as mf

def slow(crops):
    time.sleep(0.1)
    return 1 - crops

mf.convert(Path({video!r}), Path({output!r}), mf.Paint(slow), options=mf.options(colour="rct", smoothing=1.0))
"""


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_killed_in_the_middle(video: Path, whole: Path, tmp_path: Path, how: str) -> None:
    """The process itself ends, by the power or by Ctrl-C: finished segments stay and are used."""
    output = tmp_path / "out.mp4"
    process = Python("-c", SLOW.format(video=str(video), output=str(output)))
    work = tmp_path / ".out.mp4.faceswap"
    deadline = time.monotonic() + 60
    while not (work / "000001.nut").exists() and process.returncode is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(getattr(signal, how))
    assert process.wait(30) != 0
    assert not output.exists()
    steps = mf.convert(video, output, options=mf.options(**RICH))
    first = mf.steps_of(steps, "render")[0]
    assert first in (11, 21, 31, 41)  # the second segment's journal line may not have been written yet
    assert mf.same(output, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_full_disk_in_the_middle(video: Path, whole: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "2m") as disk:
        output = disk / "out.mp4"
        steps = mf.convert_video(video, output, mf.negative(), mf.options(**RICH), mf.fake_stage())
        next(step for step in steps if step.phase == "render" and step.done > 22)
        ballast = fill(disk, 0)
        with pytest.raises(UserError, match="the disk is full") as caught:
            list(steps)
        assert "\n" not in str(caught.value) and not output.exists()
        ballast.unlink()
        again = mf.convert(video, output, options=mf.options(**RICH))
        assert mf.steps_of(again, "render")[0] == 21
        assert mf.same(output, whole)


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with ResumeDir(tmp_path / "out.mp4"), pytest.raises(UserError, match="another faceswap is working in"):
        ResumeDir(tmp_path / "out.mp4").__enter__()
    with ResumeDir(tmp_path / "out.mp4"):
        pass


def test_a_lock_ends_with_its_block_and_with_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with pytest.raises(ValueError, match="inside"), locked(tmp_path):
        raise ValueError("inside")
    with locked(tmp_path), pytest.raises(UserError, match=f"working in {tmp_path}"), locked(tmp_path):
        pass
    with ResumeDir(tmp_path / "out.mp4") as work:
        work.remove()
        with ResumeDir(tmp_path / "out.mp4"):  # a new folder, a new lock
            pass
    with pytest.raises(UserError, match="missing"), locked(tmp_path / "missing"):
        pass


def test_a_torn_line_counts_as_not_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl", "mark")
    journal.append([{"a": 1}, {"a": 2}])
    with journal.path.open("ab") as file:
        file.write(b'{"a": 3, "b"')
    again = Journal(journal.path, "mark")
    assert not again.discarded
    again.append([{"a": 4}])
    assert list(again.read()) == [{"a": 1}, {"a": 2}, {"a": 4}]
    again.cut(1)
    assert list(again.read()) == [{"a": 1}]
    other = Journal(journal.path, "other")
    assert other.discarded
    assert list(other.read()) == []


def test_ahead_keeps_order_raises_and_closes() -> None:
    closed = []

    def count(stop: int):  # type: ignore[no-untyped-def]
        try:
            yield from range(stop)
            raise ValueError("the end")
        finally:
            closed.append(stop)

    got = []
    with pytest.raises(ValueError, match="the end"):
        for number in prefetch(prefetch(count(20), 2), 3):
            got.append(number)  # noqa: PERF402
    assert got == list(range(20))
    early = prefetch(prefetch(count(10**9), 2), 3)
    assert next(early) == 0
    early.close()
    assert closed == [20, 10**9]
