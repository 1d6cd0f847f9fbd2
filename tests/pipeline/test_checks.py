"""A conversion that is refused says why and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceswap_cli.errors import Refusal
from faceswap_cli.faces.safety.guard import SafetyGuard
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget
from tests.pipeline import moving_face as mf


def convert(video: Path, output: Path, guard: SafetyGuard) -> None:
    plan = SwapPlan((SwapTarget(mf.negative()),), guard=guard)
    for _ in mf.convert_video(video, output, plan, mf.options(), mf.fake_stage()):
        pass


def test_a_child_in_the_video_is_refused(video: Path, tmp_path: Path) -> None:
    guard = mf.SeesChildren()
    (tmp_path / "out.mp4").write_bytes(b"older")
    with pytest.raises(Refusal, match=r"the face that comes at 0\.0 s looks.*about 6 years"):
        convert(video, tmp_path / "out.mp4", guard)
    assert (tmp_path / "out.mp4").read_bytes() == b"older"
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert 1 <= guard.looks <= 3


def test_adults_that_were_confirmed_are_not_looked_at(video: Path, tmp_path: Path) -> None:
    guard = mf.SeesChildren(adults_confirmed=True)
    convert(video, tmp_path / "out.mp4", guard)
    assert guard.looks == 0 and [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
