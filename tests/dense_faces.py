"""Dense points made up around 68 landmarks: lids, lips and irises do as they are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from faceswap_cli.faces.face import Detection, Points
from faceswap_cli.faces.face_analyser import FaceAnalyser
from faceswap_cli.faces.landmarks.dense import EXPRESSION_NAMES, EXPRESSIONS, GROUPS, IBUG, POINTS
from faceswap_cli.media.frame import Image

OPEN_LIDS = 0.3


def dense_of(
    landmarks: np.ndarray,
    lids: Sequence[float] = (OPEN_LIDS, OPEN_LIDS),
    mouth: float = 0.1,
    gaze: float = 0.0,
) -> np.ndarray:
    """(222, 3) float32 around landmarks (68, 2).

    Args:
        landmarks: of an upright face; kept as they are.
        lids: height over width of the right and the left eye.
        mouth: the same of the lips' inner edge.
        gaze: -1..1, of the irises, towards the picture's right.
    """
    points = np.zeros((POINTS, 3))
    points[:IBUG, :2] = landmarks
    around = landmarks[np.arange(POINTS - IBUG) % IBUG]
    points[IBUG:, :2] = around + np.linspace(-2, 2, POINTS - IBUG)[:, None]
    for side, corners, opening in (("right", (36, 39), lids[0]), ("left", (45, 42), lids[1])):
        outer, inner = landmarks[list(corners)]
        points[GROUPS[f"{side}_lids"], :2] = ellipse(outer, inner, opening, 16)
        iris = (outer + inner) / 2 + np.array([0.25 * gaze, 0]) * np.linalg.norm(inner - outer)
        points[GROUPS[f"{side}_iris"], :2] = iris + 0.1 * np.array([[0, 0], [1, 0], [0, -1], [-1, 0], [0, 1]])
    right, left = landmarks[[60, 64]]
    points[GROUPS["lips_inner"], :2] = ellipse(right, left, mouth, 20)
    points[GROUPS["lips_outer"], :2] = ellipse(landmarks[48], landmarks[54], mouth + 0.3, 20)
    middle = landmarks[[36, 45]].mean(0)
    points[:, 2] = 0.3 * np.abs(points[:, 0] - middle[0])
    return points.astype(np.float32)


def ellipse(first: np.ndarray, opposite: np.ndarray, opening: float, count: int) -> np.ndarray:
    """(count, 2) from one corner over the upper edge, whichever side the corner is on."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    middle, half = (first + opposite) / 2, (first - opposite) / 2
    up = np.array([0, -np.linalg.norm(half) * opening])
    return middle + np.cos(angle)[:, None] * half + np.sin(angle)[:, None] * up


def expression_of(**coefficients: float) -> np.ndarray:
    """(26,) float32, 0 but for those given."""
    values = np.zeros(len(EXPRESSIONS), np.float32)
    for name, value in coefficients.items():
        values[EXPRESSION_NAMES.index(name)] = value
    return values


def with_dense(stage: FaceAnalyser) -> FaceAnalyser:
    """An analyser with a landmarker of the second kind: faces smile the more, the farther right they are."""

    def describe(images: Sequence[Image], detections: Sequence[Sequence[Detection]]) -> list[list[Points]]:
        return [[_with_dense(p) for p in found] for found in stage.landmarker(images, detections)]

    return replace(stage, landmarker=describe)


def _with_dense(points: Points) -> Points:
    smile = float(points.landmarks[0, 0]) / 1000
    return replace(points, dense=dense_of(points.landmarks), expression=expression_of(smile_left=smile))
