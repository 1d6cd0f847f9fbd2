from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from faceswap_cli.faces.sets.records import FaceRecord
from faceswap_cli.faces.tracking.false_positive_tracks import (
    doubt_track,
    find_doubtful,
    frame_pace,
    why_doubtful,
)

VIDEO = (1, 1 / 25)


def record(frame: int, score: float, track: int = 0, source: int = 0) -> FaceRecord:
    return FaceRecord(
        crop=f"{source}_{track}_{frame}.jpg",
        source=source,
        frame=frame,
        time=frame / 25,
        pts=None,
        box=np.array([10, 10, 60, 70], np.float32),
        landmarks=np.zeros((68, 2), np.float32),
        matrix=np.zeros((2, 3), np.float32),
        score=score,
        track=track,
        shot=0,
        sharpness=1.0,
        pose=(0.0, 0.0, 0.0),
    )


@pytest.mark.parametrize(
    ("frames", "scores"),
    [
        (range(3), [0.97, 0.4, 0.4]),  # surely a face, cut off by a cut
        (range(0, 60, 3), [0.95] + 19 * [0.5]),  # hands before it most of the time, but once seen well
        (range(29), 29 * [0.84]),  # a profile at the frame's edge: never sure, always there
    ],
)
def test_true_faces_are_not_doubted(frames: range, scores: list[float]) -> None:
    assert doubt_track(list(frames), scores, VIDEO) is None


def test_reasons_are_told_in_words() -> None:
    assert doubt_track([7], [0.85], VIDEO) == "seen in 1 frame only, and never surely (at most 0.85)"
    reason = doubt_track(list(range(0, 90, 3)), 30 * [0.86], VIDEO)
    assert reason == "found in only 30 of 88 frames, and never surely (at most 0.86)"


def test_what_counts_is_time_and_the_frames_that_were_looked_at() -> None:
    seen, scores = list(range(20)), 20 * [0.8]
    assert doubt_track(seen, scores, (1, 1 / 25)) is None
    assert doubt_track(seen, scores, (1, 1 / 100))
    every_tenth = list(range(0, 200, 10))
    assert doubt_track(every_tenth, scores, (10, 10 / 25)) is None
    assert doubt_track(every_tenth, scores, (1, 1 / 25))


def test_pace() -> None:
    assert frame_pace([4, 4], [0.16, 0.16]) == (1, 0.0)
    assert frame_pace([30, 0, 10, 10, 50], [3.0, 0.0, 1.0, 1.0, 5.0]) == (10, pytest.approx(1.0))


def test_a_set_is_judged_source_by_source() -> None:
    film = [record(i, 0.99, track=0) for i in range(50)] + [record(i, 0.85, track=1) for i in (20, 21, 22)]
    photo = [record(0, 0.75, track=0, source=1), record(0, 0.99, track=1, source=1)]
    found = find_doubtful([*film, *photo])
    assert set(found) == {(0, 1), (1, 0)}
    assert "3 frames" in found[0, 1] and "0.75" in found[1, 0]
    assert why_doubtful(film[50:], frame_pace([r.frame for r in film], [r.time for r in film])) == found[0, 1]
    assert find_doubtful([replace(r, score=0.95) for r in film]) == {}
    assert find_doubtful([]) == {}
