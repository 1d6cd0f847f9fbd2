"""Which of the faces that were found are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from faceswap_cli.errors import UserError
from faceswap_cli.faces.face import Detection
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.journal import Journal
from faceswap_cli.media.frame import Frame
from faceswap_cli.media.probe import probe
from faceswap_cli.pipeline.detection_pass import (
    detect_faces,
    drop_doubtful_tracks,
    read_detections,
    read_frame_index,
)
from faceswap_cli.pipeline.executors.base import InlineExecutor
from tests.dense_faces import dense_of, with_dense
from tests.pipeline import moving_face as mf


def print_on_a_shirt(frames: Sequence[int], sure: float = 0.85, alone: bool = False) -> FaceAnalyser:
    """A stage that takes something for a face in some frames, lower right of the true one."""
    stage = mf.fake_stage()

    def detect(batch: Sequence[Frame]) -> list[list[Detection]]:
        found = []
        for frame, faces in zip(batch, stage.detector(batch), strict=True):
            shift = np.array([70, 25], np.float32)
            wrong = [Detection(d.box + np.tile(shift, 2), d.points + shift, sure) for d in faces]
            found.append([*([] if alone else faces), *(wrong if frame.index in frames else [])])
        return found

    return FaceAnalyser(detect, stage.landmarker, "with a print", ("print", f"{sure} {list(frames)} {alone}"))


def changed(before: Path, after: Path) -> np.ndarray:
    """(2,) how much the left and the right half of the eleventh frame differ."""
    apart = np.abs(mf.frames_of(after)[10].image.astype(int) - mf.frames_of(before)[10].image).mean((0, 2))
    return np.array([apart[: mf.WIDTH // 2].mean(), apart[mf.WIDTH // 2 :].mean()])


def test_what_is_probably_no_face_is_left_alone_and_told(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    steps = mf.convert(video, output, stage=print_on_a_shirt([9, 10, 11]))
    [note] = [step.note for step in steps if step.note and "probably no faces" in step.note]
    assert "3 frames" in note
    left, right = changed(video, output)
    assert left > 10 and right < 2


def test_what_is_surely_seen_is_drawn_though_shortly(video: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    steps = mf.convert(video, output, stage=print_on_a_shirt([9, 10, 11], sure=0.97))
    assert not [step.note for step in steps if step.note and "probably no faces" in step.note]
    assert changed(video, output)[1] > 5


def test_a_video_with_nothing_else_is_an_error_that_says_why(video: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="seen in 2 frames only") as error:
        mf.convert(video, tmp_path / "out.mp4", stage=print_on_a_shirt([9, 10], alone=True))
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_only_doubtful_tracks_are_taken_out() -> None:
    frames = np.array([0, 1, 1, 2, 3], np.int64)
    found = FaceTracks(
        frames=frames,
        tracks=np.array([0, 0, 1, 0, 0], np.int64),
        landmarks=np.arange(5 * 68 * 2, dtype=np.float32).reshape(5, 68, 2),
        scores=np.array([0.99, 0.5, 0.8, 0.9, 0.9], np.float32),
        times=np.arange(4) / 25,
        removed=np.zeros((0, 2), np.int64),
    )
    kept, reasons = drop_doubtful_tracks(found)
    assert list(reasons) == [1]
    assert kept.tracks.tolist() == [0, 0, 0, 0] and kept.frames.tolist() == [0, 1, 2, 3]
    assert kept.landmarks[:, 0, 0].tolist() == found.landmarks[[0, 1, 3, 4], 0, 0].tolist()
    assert len(kept.times) == 4


def test_the_journal_keeps_dense_points(video: Path, tmp_path: Path) -> None:
    info = probe(video)
    frames, faces = (Journal(tmp_path / name, "mark") for name in ("frames", "faces"))
    for _ in detect_faces(info, with_dense(mf.fake_stage()), frames, faces, InlineExecutor()):
        pass
    found, whole = read_detections(info, read_frame_index(frames), faces)
    assert whole and found.dense is not None and found.expression is not None
    assert np.array_equal(found.dense[:, :68, :2], found.landmarks)
    for landmarks, dense, expression in zip(found.landmarks, found.dense, found.expression, strict=True):
        assert np.abs(dense - dense_of(landmarks)).max() < 0.02
        assert expression.max() == pytest.approx(landmarks[0, 0] / 1000, abs=0.005)


def test_a_journal_of_68_points_is_still_read(video: Path, tmp_path: Path) -> None:
    info = probe(video)
    frames, faces = (Journal(tmp_path / name, "mark") for name in ("frames", "faces"))
    for _ in detect_faces(info, mf.fake_stage(), frames, faces, InlineExecutor()):
        pass
    entries = [entry for line in faces.read() for of_frame in line.get("faces", []) for entry in of_frame]
    assert {len(entry) for entry in entries} == {3}
    found, whole = read_detections(info, read_frame_index(frames), faces)
    assert whole and len(found) == len(entries) and found.dense is None and found.expression is None
