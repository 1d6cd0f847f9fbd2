"""The same work in several processes gives the same result, byte for byte."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.pipeline.executors.base import InlineExecutor, consecutive_ranges, split_task
from faceswap_cli.pipeline.executors.processes import ProcessExecutor, WorkerError
from tests.pipeline import moving_face as mf
from tests.pipeline.executor_tasks import PIECES, TEXT, Letters, text_of

RICH = {"colour": "rct", "smoothing": 1.0}


@pytest.fixture(scope="module")
def two() -> Iterator[ProcessExecutor]:
    with ProcessExecutor(2) as processes:
        yield processes
    assert multiprocessing.active_children() == []


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text"
    path.write_text(TEXT)
    return path


def test_numbers_become_pieces() -> None:
    assert consecutive_ranges([0, 1, 2, 5, 6, 9]) == [(0, 2), (5, 6), (9, 9)]
    assert consecutive_ranges([0, 1, 2, 5, 6, 9], 2) == [(0, 1), (2, 2), (5, 6), (9, 9)]
    assert consecutive_ranges([]) == []
    assert split_task(InlineExecutor(), range(100), 4) == [(0, 99)]
    assert split_task(ProcessExecutor(3), range(100), 4)[:2] == [(0, 3), (4, 7)]
    assert split_task(ProcessExecutor(3), range(5), 4) == [(n, n) for n in range(5)]


def test_all_pieces_are_done(text: Path, two: ProcessExecutor) -> None:
    assert text_of(list(InlineExecutor().run(Letters(text), PIECES))) == TEXT
    assert text_of(list(two.run(Letters(text), PIECES))) == TEXT


def test_two_processes_give_the_same_bytes(couple: Path, tmp_path: Path, two: ProcessExecutor) -> None:
    options = mf.options(**RICH)
    one, other, third = (tmp_path / f"{name}.mp4" for name in ("one", "other", "third"))
    mf.convert(couple, one, options=options, stage=mf.fake_stage(2))
    steps = mf.convert(couple, other, options=options, stage=mf.fake_stage(2), executor=two)
    assert one.read_bytes() == other.read_bytes()
    assert sorted(mf.steps_of(steps, "render")) == list(range(1, mf.FRAMES + 1))
    # Stopped in the middle, and gone on with in one process.
    begun = mf.convert_video(couple, third, mf.negative(), options, mf.fake_stage(2), executor=two)
    next(step for step in begun if step.phase == "render" and step.done > 15)
    begun.close()
    assert multiprocessing.active_children() == []
    mf.convert(couple, third, options=options, stage=mf.fake_stage(2))
    assert one.read_bytes() == third.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.mp4", "other.mp4", "third.mp4"]


SLOW = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells' background jobs begin with it ignored
sys.path.insert(0, {root!r})
from tests.pipeline import moving_face as mf
from faceswap_cli.pipeline.executors.processes import Processes

if __name__ == "__main__":
    with Processes(2) as two:
        mf.convert(Path({video!r}), Path({output!r}), mf.Paint(mf.slowly), executor=two)
"""


def test_interrupted_by_ctrl_c(video: Path, tmp_path: Path) -> None:
    """The terminal sends it to all: finished segments stay, nobody is left, nobody has a traceback but us."""
    output = tmp_path / "out.mp4"
    code = SLOW.format(root=str(Path(__file__).parents[3]), video=str(video), output=str(output))
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    journal = tmp_path / ".out.mp4.faceswap" / "segments.jsonl"
    deadline = time.monotonic() + 200
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 1) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert said.count("Traceback") == 1 and said.rstrip().endswith("KeyboardInterrupt")
    with pytest.raises(ProcessLookupError):  # soon nobody of the group is left
        while time.monotonic() < deadline + 60:
            os.killpg(process.pid, 0)
            time.sleep(0.05)
    steps = mf.convert(video, output)
    assert any(step.note and "going on after" in step.note for step in steps)


@pytest.mark.parametrize("wrong", ["error", "bug", "killed"])
def test_what_goes_wrong_in_a_worker_ends_the_run(
    text: Path, tmp_path: Path, wrong: str, two: ProcessExecutor
) -> None:
    work = Letters(text, wrong, tmp_path / "mark")
    if wrong == "error":
        with pytest.raises(UserError) as caught:
            list(two.run(work, PIECES))
        assert str(caught.value) == "letter 3 is bad. Take another"
    elif wrong == "bug":
        with pytest.raises(
            WorkerError, match=r"(?s)Traceback.*_go_wrong.*ValueError: nobody thought of that"
        ):
            list(two.run(work, PIECES))
    else:
        with pytest.raises(UserError, match=r"without a word \(signal 9\).*fewer --workers"):
            list(two.run(work, PIECES))
    assert multiprocessing.active_children() == []
