from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceswap_cli.faces import geometry
from faceswap_cli.faces.face import Face
from faceswap_cli.faces.tracking.face_tracks import FaceTracks
from faceswap_cli.faces.tracking.shot_detection import ShotDetector
from faceswap_cli.faces.tracking.tracks import allowed_gap, link_tracks
from faceswap_cli.media.frame import Image
from faceswap_cli.media.reader import VideoReader
from tests.faces.face_pictures import moved, shared_file

Seen = tuple[int, Face, int]
"""A frame, a face in it, and the frame's shot."""


def seen(frame: int, x: float, y: float = 100.0, size: float = 60.0, shot: int = 0) -> Seen:
    points = (geometry.MEAN_FACE * size + (x, y)).astype(np.float32)
    low, high = points.min(0), points.max(0)
    return frame, Face(np.concatenate([low, high]).astype(np.float32), points, 0.9), shot


def link(faces: Sequence[Seen], longest_gap: float = 0.5) -> list[int]:
    """The tracks of faces in a video of 25 frames a second."""
    shots = {frame: shot for frame, _, shot in faces}
    count = max(shots, default=-1) + 1
    found = [(frame, face) for frame, face, _ in faces]
    tracks = FaceTracks.of_faces(
        found, [n / 25 for n in range(count)], [shots.get(n, 0) for n in range(count)]
    )
    return link_tracks(tracks, longest_gap).tracks.tolist()  # type: ignore[no-any-return]


def test_one_face_is_one_track() -> None:
    assert link([seen(i, 100 + 3 * i) for i in range(50)]) == [0] * 50
    assert link([]) == []


def test_two_faces_that_pass_each_other_keep_their_tracks() -> None:
    faces = [
        face for i in range(41) for face in (seen(i, 100 + 10 * i, 100), seen(i, 500 - 10 * i, 130, size=64))
    ]
    assert link(faces) == [0, 1] * 41


def test_numbers_go_with_the_faces_not_with_their_order_in_a_frame() -> None:
    faces = [face for i in range(6) for face in (seen(i, 100), seen(i, 400))[:: 1 if i % 2 else -1]]
    numbers = link(faces)
    assert [numbers[k] for k in range(12)] == [1, 0, 0, 1] * 3


def test_short_gaps_are_bridged_and_long_ones_are_not() -> None:
    assert set(link([seen(i, 100 + i) for i in range(60) if not 20 <= i < 31])) == {0}
    assert set(link([seen(i, 100 + i) for i in range(60) if not 20 <= i < 34])) == {0, 1}


def test_a_moving_face_is_expected_further_on_after_a_gap() -> None:
    faces = [seen(i, 100 + 12 * i) for i in range(30) if not 12 <= i < 20]
    assert set(link(faces)) == {0}


def test_a_cut_ends_tracks() -> None:
    assert link([seen(i, 100, shot=int(i >= 5)) for i in range(10)]) == [0] * 5 + [1] * 5


def test_a_face_elsewhere_is_another_track() -> None:
    assert link([seen(0, 100), seen(1, 400)]) == [0, 1]
    assert link([seen(0, 100, size=20), seen(1, 100, size=90)]) == [0, 1]


def test_sparse_footage_gets_longer_gaps() -> None:
    assert allowed_gap([]) == allowed_gap([1.0]) == allowed_gap([0.0, 0.04, 0.08]) == 0.5
    assert allowed_gap([0, 1, 2, 3]) == 2.5
    times = [i / 25 for i in range(0, 250, 25)]
    assert set(link([seen(i, 100) for i in range(0, 250, 25)], allowed_gap(times))) == {0}


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(12)))
def test_the_order_of_the_observations_does_not_matter(order: list[int]) -> None:
    faces = [seen(i // 2, 100 + 300 * (i % 2) + i) for i in range(12)]
    expected = link(faces)
    assert link([faces[k] for k in order]) == [expected[k] for k in order]


def shots(pictures: list[Image]) -> list[int]:
    cuts = ShotDetector()
    return [cuts.feed(picture) for picture in pictures]


def test_a_cut_is_found_and_movement_is_none(talking: list[Image], empty_picture: Image) -> None:
    calm = talking[:20]
    assert shots(calm) == [0] * 20
    other = [moved(empty_picture, i, 0) for i in range(10)]
    assert shots([*calm, *other, *calm]) == [0] * 20 + [1] * 10 + [2] * 20


def test_flashes_fades_and_pans_are_no_cuts(face_picture: Image) -> None:
    flash = [face_picture // 2] * 8 + [face_picture // 2 + 90] + [face_picture // 2] * 8
    fade = [(face_picture * (i / 30)).astype(np.uint8) for i in range(31)]
    pan = [np.roll(face_picture, 16 * i, axis=1) for i in range(30)]
    for pictures in (flash, fade, pan):
        assert set(shots(pictures)) == {0}


def test_a_camera_that_jerks_makes_no_cut(face_picture: Image) -> None:
    def shaken(right: int, down: int) -> Image:
        return np.roll(face_picture, (down, right), axis=(0, 1))

    calm = [shaken(0, 0)] * 8
    jerked = [shaken(30 * i, 12 * i) for i in range(1, 4)]
    assert set(shots([*calm, *jerked, *[jerked[-1]] * 8])) == {0}
    other = np.ascontiguousarray(255 - face_picture[::-1])
    assert shots([*calm, *[other] * 4]) == [0] * 8 + [1] * 4


def test_odd_sizes_are_no_trouble() -> None:
    for shape in ((1, 1, 3), (100, 20_000, 3), (2160, 3, 3)):
        assert shots([np.zeros(shape, np.uint8)] * 3) == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "cuts"),
    [
        ("whitehouse_short_hamilton_clip.mp4", [20, 82, 211]),
        ("intel_asl_p1.mp4", [77, 144, 202, 268]),
        ("grid_sbwe5n.mpg", []),
        ("intel_head-pose-face-detection-female.mp4", []),
    ],
)
def test_cuts_of_real_clips(name: str, cuts: list[int]) -> None:
    with VideoReader(shared_file("samples", "clips", name)) as reader:
        numbers = shots([frame.image for frame in reader])
    assert [i for i in range(1, len(numbers)) if numbers[i] != numbers[i - 1]] == cuts
