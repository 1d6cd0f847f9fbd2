"""Who is replaced by whom: several people in one video, each drawn by another renderer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap_cli.errors import UserError
from faceswap_cli.faces.identity.people import Person, rank_people
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.media.reader import VideoReader
from faceswap_cli.pipeline import assignment
from faceswap_cli.pipeline.assignment import SwapPlan, SwapTarget, TrackMatch, assign_tracks
from tests.pipeline import moving_face as mf

SEEN = np.eye(128, dtype=np.float32)
LEFT, RIGHT, NOBODY = (Person(name, SEEN[[i]]) for i, name in enumerate(("left", "right", "nobody")))


class Recogniser:
    """Whoever is in the left half looks like LEFT, others like RIGHT."""

    def __init__(self, device: str = "cpu") -> None:
        pass

    def embed(self, image: np.ndarray, landmarks: list[np.ndarray]) -> np.ndarray:
        return SEEN[[int(points[:, 0].mean() > 80) for points in landmarks]]


@pytest.fixture(autouse=True)
def recogniser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment, "IdentityEncoder", Recogniser)


def red(crops: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0.9, 0.1, 0.1]).view(1, 3, 1, 1).expand_as(crops)


def blue(crops: torch.Tensor) -> torch.Tensor:
    return torch.tensor([0.1, 0.1, 0.9]).view(1, 3, 1, 1).expand_as(crops)


RED, BLUE = mf.Paint(red), mf.Paint(blue, 48)


def colours(image: np.ndarray, index: int) -> list[str]:
    """What the middles of the two faces show."""
    found = []
    for person in (0, 1):
        x, y = mf.face_points(index, person).mean(0).astype(int)
        middle = image[y - 3 : y + 3, x - 3 : x + 3].reshape(-1, 3).mean(0)
        found.append("red" if middle[0] > middle[2] + 90 else "blue" if middle[2] > middle[0] + 90 else "own")
    return found


@pytest.mark.parametrize(
    ("plan", "shown"),
    [
        (SwapPlan([SwapTarget(RED, LEFT), SwapTarget(BLUE, RIGHT)]), ["red", "blue"]),
        (SwapPlan([SwapTarget(RED, RIGHT), SwapTarget(BLUE, LEFT)]), ["blue", "red"]),
        (SwapPlan([SwapTarget(RED, RIGHT)]), ["own", "red"]),
        (SwapPlan([SwapTarget(RED)], unwanted=[RIGHT]), ["red", "own"]),
        (SwapPlan([SwapTarget(RED, LEFT), SwapTarget(BLUE)]), ["red", "blue"]),
        (SwapPlan([SwapTarget(RED, LEFT), SwapTarget(BLUE, RIGHT)], unwanted=[LEFT]), ["own", "blue"]),
        (SwapPlan([SwapTarget(RED, NOBODY)], threshold=1.5), ["red", "red"]),
    ],
)
def test_each_is_drawn_by_his_own(couple: Path, tmp_path: Path, plan: SwapPlan, shown: list[str]) -> None:
    output = tmp_path / "out.mp4"
    steps = mf.convert(couple, output, plan, stage=mf.fake_stage(2), options=mf.options(batch=3))
    for frame in mf.frames_of(output)[::9]:
        assert colours(frame.image, frame.index) == shown
    notes = " ".join(step.note for step in steps if step.note)
    assert ("1 of 2 face tracks (44 faces) left alone" in notes) == ("own" in shown)
    assert ("in one frame, and both are taken for nobody" in notes) == (plan.threshold > 1)


def test_in_a_photo(couple: Path, tmp_path: Path) -> None:
    with VideoReader(couple) as reader:
        first = next(iter(reader)).image
    import cv2

    source, output = tmp_path / "in.png", tmp_path / "out.png"
    cv2.imwrite(str(source), first[..., ::-1])
    report = mf.convert_photo(
        source,
        output,
        SwapPlan([SwapTarget(RED, RIGHT), SwapTarget(BLUE, LEFT)]),
        mf.options(),
        mf.fake_stage(2),
    )
    assert (report.changed, report.left_alone, report.note) == (2, 0, None)
    assert colours(cv2.imread(str(output))[..., ::-1], 0) == ["blue", "red"]
    report = mf.convert_photo(
        source,
        output,
        SwapPlan([SwapTarget(RED, RIGHT), SwapTarget(BLUE, NOBODY)]),
        mf.options(),
        mf.fake_stage(2),
    )
    assert (report.changed, report.left_alone, report.note) == (1, 1, "nobody was not found")


def test_a_model_of_an_impossible_framing(video: Path, tmp_path: Path) -> None:
    wrong = mf.identity()
    for side in (0.0, -2.0, float("nan"), 50.0):
        wrong.side = side
        with pytest.raises(UserError, match="the model's framing can't be"):
            mf.convert(video, tmp_path / "out.mp4", wrong)
    wrong.side = 2.75  # another framing than usual is none that is wrong
    mf.convert(video, tmp_path / "out.mp4", wrong)
    for old, new in zip(mf.frames_of(video), mf.frames_of(tmp_path / "out.mp4"), strict=True):
        assert np.abs(old.image.astype(int) - new.image).mean() < 3


def test_another_cast_looks_again(couple: Path, tmp_path: Path) -> None:
    """Nobody is drawn by what was known of others."""
    output = tmp_path / "out.mp4"
    with pytest.raises(UserError, match=r"2 face tracks of others were.*--all-faces"):
        mf.convert(couple, output, SwapPlan([SwapTarget(RED, NOBODY)]), stage=mf.fake_stage(2))
    mf.convert(couple, output, SwapPlan([SwapTarget(RED, LEFT)]), stage=mf.fake_stage(2))
    assert colours(mf.frames_of(output)[5].image, 5) == ["red", "own"]


def verdict(track: int, *wanted: float, unwanted: tuple[float, ...] = ()) -> TrackMatch:
    return TrackMatch(track, 10, 0.5, list(wanted), list(unwanted))


TWO = SwapPlan([SwapTarget(RED, LEFT), SwapTarget(BLUE, RIGHT)])


def seen(frames: list[int], tracks: list[int]) -> FaceTracks:
    """Faces of which only that matters."""
    count, times = len(frames), np.arange(max(frames) + 1) / 25
    points, scores = np.zeros((count, 68, 2), np.float32), np.ones(count, np.float32)
    removed = np.zeros((0, 2), np.int64)
    return FaceTracks(np.array(frames), np.array(tracks), points, scores, times, removed)


def test_two_in_one_frame_are_two_people() -> None:
    faces = seen([0, 0, 1, 1, 2], [0, 1, 0, 1, 2])
    # Both are nearest to the first person: the surer one gets it.
    chosen = assign_tracks(TWO, [verdict(0, 0.3, 0.4), verdict(1, 0.2, 0.45), verdict(2, 0.3, 0.4)], faces)
    assert (chosen.targets, chosen.notes) == ({0: 1, 1: 0, 2: 0}, ())
    # The other is too far from the second person to be that.
    chosen = assign_tracks(TWO, [verdict(0, 0.3, 0.8), verdict(1, 0.2, 0.45)], faces)
    assert chosen.targets == {0: 0, 1: 0}
    assert "tracks 1 and 0 are in one frame, and both are taken for left" in chosen.notes[-1]
    # They never meet.
    chosen = assign_tracks(TWO, [verdict(0, 0.3, 0.4), verdict(1, 0.2, 0.45)], seen([0, 1], [0, 1]))
    assert (chosen.targets, chosen.notes) == ({0: 0, 1: 0}, ("right was not found",))


def test_who_a_face_may_be() -> None:
    assert rank_people([0.4, 0.3, 0.6], [], 0.5) == [1, 0]
    assert rank_people([0.4, 0.3], [0.35], 0.5) == [1]
    assert rank_people([0.4, 0.3], [0.51], 0.5) == [1, 0]
    assert rank_people([], [0.1], 0.5) == []
