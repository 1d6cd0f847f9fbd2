"""The figures of a swap, on pictures whose figures are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from faceswap_cli.evaluation import metrics
from faceswap_cli.evaluation.swap import choose_face, evaluate_swap
from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.geometry import mean_face
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.media.frame import Frame, Image
from tests.clips import write_clip

POINTS = (mean_face(96) + np.array([30, 20])).astype(np.float32)
COUNT = 12


def texture(seed: int = 0) -> Image:
    noise = np.random.default_rng(seed).integers(0, 256, (144, 160, 3)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 1.5).clip(0, 255).astype(np.uint8)


def inside(image: Image, change: Callable[[np.ndarray], np.ndarray], grow: float = 0.0) -> Image:
    mask = metrics.hull_mask(POINTS, image.shape, grow)[..., None]
    return np.where(mask, change(image.astype(np.float32)), image).clip(0, 255).astype(np.uint8)


def blurred(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 4)


def video(path: Path, pictures: Sequence[Image]) -> Path:
    return write_clip(path, pictures, "ffv1", "bgr0")


def stage() -> FaceAnalyser:
    box = np.concatenate([POINTS.min(0), POINTS.max(0)])
    found = Detection(box, five_from_68(POINTS).astype(np.float32), 0.9)

    def detect(frames: Sequence[Frame]) -> list[list[Detection]]:
        return [[found] for _ in frames]

    def describe(images: Sequence[Image], detections: Sequence[Sequence[Detection]]) -> list[list[Points]]:
        return [[Points.certain(POINTS) for _ in found] for found in detections]

    return FaceAnalyser(detect, describe, "one face that never moves")


def test_the_same_video_is_as_sharp_as_steady_and_unchanged(tmp_path: Path) -> None:
    same = video(tmp_path / "a.mkv", [texture(i % 3) for i in range(COUNT)])
    report = evaluate_swap(same, same, None, None, stage())
    assert (report.frames, report.faces, report.found) == (COUNT, COUNT, 1.0)
    assert report.sharpness == pytest.approx(1)
    assert report.flicker == pytest.approx(1)
    assert (report.landmarks, report.inside, report.ring) == (0, 0, 0)
    assert math.isnan(report.to_a) and math.isnan(report.nearer)
    assert "identity" not in report.table()


def test_a_blurred_flickering_face_shows_in_the_figures(tmp_path: Path) -> None:
    original = video(tmp_path / "a.mkv", [texture()] * COUNT)
    looks = (blurred, lambda image: blurred(image) + 12)
    swapped = [inside(texture(), looks[i % 2]) for i in range(COUNT)]
    report = evaluate_swap(original, video(tmp_path / "b.mkv", swapped), None, None, stage())
    assert report.sharpness < 0.2
    assert report.flicker > 100  # beside an original that stands still
    assert report.inside > 5
    assert report.ring < 0.5  # nothing outside the face was touched


def test_spill_around_the_face_shows_in_the_ring(tmp_path: Path) -> None:
    original = video(tmp_path / "a.mkv", [texture()] * 3)
    spilt = video(tmp_path / "b.mkv", [inside(texture(), lambda image: image + 20, 0.2)] * 3)
    assert evaluate_swap(original, spilt, None, None, stage()).ring > 15


def test_landmark_distance_is_in_percent_of_the_eyes_distance() -> None:
    eyes = np.linalg.norm(POINTS[45] - POINTS[36])
    assert metrics.landmark_distance(POINTS, POINTS + np.array([0.1 * eyes, 0])) == pytest.approx(
        10, rel=1e-4
    )


def test_identity_is_measured_against_both_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for the recogniser: bright faces are e0, dark ones e1."""

    def embed(self: object, image: Image, landmarks: Sequence[np.ndarray]) -> np.ndarray:
        middle = image[60:100, 60:100].mean()
        return np.eye(128, dtype=np.float32)[[int(middle < 100)] * len(landmarks)]

    monkeypatch.setattr("faceswap_cli.faces.identity.identity_encoder.IdentityEncoder.embed", embed)
    original = video(tmp_path / "a.mkv", [texture()] * 3)
    dark = video(tmp_path / "b.mkv", [inside(texture(), lambda image: image * 0.3)] * 3)
    people = np.eye(128, dtype=np.float32)
    report = evaluate_swap(original, dark, people[:1], people[1:2], stage())
    assert (report.before_a, report.to_b, report.nearer) == (0, 0, 1)
    assert report.to_a == pytest.approx(report.before_b) == pytest.approx(math.sqrt(2))
    assert "nearer to B" in report.table()


def test_likeness_is_the_way_from_the_original_to_real_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    references = rng.normal(0, 0.01, (5, 128)).astype(np.float32)
    near = choose_face(references)
    assert 0 < near < 0.3
    assert math.isnan(choose_face(references[:1])) and math.isnan(choose_face(None))
    same = video(tmp_path / "a.mkv", [texture()] * 3)
    report = evaluate_swap(same, same, None, references, stage())
    assert report.real_b == pytest.approx(near)
    assert report.likeness == pytest.approx(0)
    half = replace(report, to_b=(report.before_b + near) / 2)
    assert half.likeness == pytest.approx(0.5)
    assert "likeness to B" in half.table() and "50%" in half.table()
