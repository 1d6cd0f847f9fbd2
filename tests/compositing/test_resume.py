"""An interrupted conversion goes on, and gives what an uninterrupted one does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import moving_face as mf
import pytest

from faceswap_cli.compositing.ahead import ahead
from faceswap_cli.compositing.pipeline import convert_video
from faceswap_cli.compositing.work import Journal, WorkFolder
from faceswap_cli.errors import UserError
from faceswap_cli.files import locked

RICH = {"colour": "rct", "smoothing": 1.0}


@pytest.fixture(scope="module")
def whole(video: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The uninterrupted result."""
    output = tmp_path_factory.mktemp("whole") / "out.mp4"
    mf.convert(video, output, options=mf.options(**RICH))
    return output


def stop_after(video: Path, output: Path, phase: str, done: int, **changes: object) -> None:
    steps = convert_video(video, output, mf.negative(), mf.options(**RICH | changes), mf.fake_stage())
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
    stop_after(video, output, "render", 20, sharpen=0.5)
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


SLOW = """
import sys, time
from pathlib import Path
sys.path.insert(0, {tests!r})
import moving_face as mf

def slow(crops):
    time.sleep(0.1)
    return 1 - crops

mf.convert(Path({video!r}), Path({output!r}), mf.Paint(slow), options=mf.options(colour="rct", smoothing=1.0))
"""


@pytest.mark.parametrize("how", ["SIGKILL", "SIGINT"])
def test_killed_in_the_middle(video: Path, whole: Path, tmp_path: Path, how: str) -> None:
    """The process itself ends, by the power or by Ctrl-C: finished segments stay and are used."""
    output = tmp_path / "out.mp4"
    code = SLOW.format(tests=str(Path(__file__).parent), video=str(video), output=str(output))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
    work = tmp_path / ".out.mp4.faceswap"
    deadline = time.monotonic() + 60
    while not (work / "000001.nut").exists() and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(process.pid, getattr(signal, how))
    assert process.wait(30) != 0
    assert not output.exists()
    steps = mf.convert(video, output, options=mf.options(**RICH))
    first = mf.steps_of(steps, "render")[0]
    assert first in (11, 21, 31, 41)  # the second segment's journal line may not have been written yet
    assert mf.same(output, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_two_runs_at_once_are_refused(tmp_path: Path) -> None:
    with WorkFolder(tmp_path / "out.mp4"), pytest.raises(UserError, match="another faceswap is working in"):
        WorkFolder(tmp_path / "out.mp4").__enter__()
    with WorkFolder(tmp_path / "out.mp4"):
        pass


def test_a_lock_ends_with_its_block_and_with_its_folder(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    with pytest.raises(ValueError, match="inside"), locked(tmp_path):
        raise ValueError("inside")
    with locked(tmp_path), pytest.raises(UserError, match=f"working in {tmp_path}"), locked(tmp_path):
        pass
    with WorkFolder(tmp_path / "out.mp4") as work:
        work.remove()
        with WorkFolder(tmp_path / "out.mp4"):  # a new folder, a new lock
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
        for number in ahead(ahead(count(20), 2), 3):
            got.append(number)  # noqa: PERF402
    assert got == list(range(20))
    early = ahead(ahead(count(10**9), 2), 3)
    assert next(early) == 0
    early.close()
    assert closed == [20, 10**9]
